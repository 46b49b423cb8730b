//! A column's head that sorts by it, as a link.

use leptos::prelude::*;

use super::{Draw, Icon};

/// How a list is sorted by a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sorted {
    /// Small ones first.
    Ascending,
    /// Large ones first.
    Descending,
}

/// A table head whose link sorts by its column, and turns the order when it is sorted by it already.
#[component]
pub fn SortHead(
    /// The column's name.
    #[prop(into)]
    label: Signal<String>,
    /// How the list is sorted by this column now, if it is.
    #[prop(into)]
    sorted: Signal<Option<Sorted>>,
    /// The address that sorts by it.
    #[prop(into)]
    href: Signal<String>,
    /// Classes of the cell, such as `r`.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let state = move || {
        sorted.get().map(|sorted| match sorted {
            Sorted::Ascending => "ascending",
            Sorted::Descending => "descending",
        })
    };
    view! {
        <th scope="col" class=class aria-sort=state>
            <a href=move || href.get()>
                {move || label.get()}
                {move || sorted.get().map(|sorted| match sorted {
                    Sorted::Ascending => view! { <Draw icon=Icon::ArrowUp/> },
                    Sorted::Descending => view! { <Draw icon=Icon::ArrowDown/> },
                })}
            </a>
        </th>
    }
}

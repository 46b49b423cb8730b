//! The pages of a long list, as links: each has an address and works without a script.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{Draw, Icon, number::grouped};
use crate::i18n::use_i18n;

/// Which page numbers to show: the first, the last, and those around `page`; `None` is a gap.
fn shown(page: u32, pages: u32) -> Vec<Option<u32>> {
    let mut all: Vec<u32> = [1, page.saturating_sub(1), page, page + 1, pages]
        .into_iter()
        .filter(|number| (1..=pages).contains(number))
        .collect();
    all.sort_unstable();
    all.dedup();
    let mut shown = Vec::new();
    for number in all {
        match shown.last() {
            Some(Some(last)) if number == last + 2 => shown.push(Some(last + 1)),
            Some(Some(last)) if number > last + 2 => shown.push(None),
            _ => {}
        }
        shown.push(Some(number));
    }
    shown
}

/// Says which rows are shown of how many, and leads to the other pages.
#[component]
pub fn Pagination(
    /// How many rows the whole list has.
    total: u64,
    /// Which page is shown, from 1.
    page: u32,
    /// How many rows a page holds.
    page_size: u32,
    /// The address of a page.
    #[prop(into)]
    href: Callback<u32, String>,
) -> impl IntoView {
    let i18n = use_i18n();
    let size = u64::from(page_size.max(1));
    let pages = u32::try_from(total.div_ceil(size))
        .unwrap_or(u32::MAX)
        .max(1);
    let first = (u64::from(page.max(1)) - 1) * size;
    let from = grouped((first + 1).min(total));
    let to = grouped((first + size).min(total));
    let total = grouped(total);
    let step = move |to: u32, icon: Icon, label: String| {
        let there = (1..=pages).contains(&to);
        view! {
            <a
                class="btn ghost sq sm"
                href=there.then(|| href.run(to))
                // Without an address it is no link by itself, and could be neither named nor disabled.
                role=(!there).then_some("link")
                aria-disabled=(!there).then_some("true")
                aria-label=label
            >
                <Draw icon/>
            </a>
        }
    };
    view! {
        <nav class="pager" aria-label=tu_string!(i18n, frame.pagination)>
            <span class="num">
                {tu_string!(
                    i18n,
                    frame.page_range,
                    from = from.clone(),
                    to = to.clone(),
                    total = total.clone()
                )}
            </span>
            {(pages > 1)
                .then(|| {
                    view! {
                        {step(page - 1, Icon::ChevronLeft, tu_string!(i18n, frame.page_prev).to_string())}
                        {shown(page, pages)
                            .into_iter()
                            .map(|number| match number {
                                Some(number) => view! {
                                    <a
                                        class="btn ghost sq sm num"
                                        href=href.run(number)
                                        aria-current=(number == page).then_some("page")
                                    >
                                        {number}
                                    </a>
                                }
                                .into_any(),
                                None => view! { <span class="gap">"…"</span> }.into_any(),
                            })
                            .collect_view()}
                        {step(page + 1, Icon::ChevronRight, tu_string!(i18n, frame.page_next).to_string())}
                    }
                })}
        </nav>
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn the_ends_and_the_neighbours_are_shown() {
        assert_eq!(shown(1, 1), [Some(1)]);
        assert_eq!(shown(1, 9), [Some(1), Some(2), None, Some(9)]);
        assert_eq!(
            shown(3, 9),
            [Some(1), Some(2), Some(3), Some(4), None, Some(9)]
        );
        assert_eq!(
            shown(5, 9),
            [Some(1), None, Some(4), Some(5), Some(6), None, Some(9)]
        );
        assert_eq!(shown(4, 4), [Some(1), Some(2), Some(3), Some(4)]);
    }
}

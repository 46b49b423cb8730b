//! The geometry of what is coming, still; only after a filter changed, never on the first paint.

use leptos::prelude::*;

/// Rows in the shape of a list.
#[component]
pub fn Skeleton(
    /// How many rows.
    #[prop(default = 5)]
    rows: u8,
) -> impl IntoView {
    (0..rows)
        .map(|row| {
            let width = format!(
                "width: {}%; height: 12px; margin: 14px 16px",
                48 + row % 3 * 14
            );
            view! { <span class="skel" style=width aria-hidden="true"></span> }
        })
        .collect_view()
}

//! The title of the document, which follows the language in the browser.

use leptos::prelude::*;
use leptos_meta::Title;

/// Sets the document's title.
///
/// The server reads the title when it sends the head, outside the page's reactive owner: there the text
/// is fixed beforehand.
#[component]
pub fn PageTitle(
    /// The page's own name.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    let first = text.get_untracked();
    #[cfg(feature = "ssr")]
    let shown = first;
    // The title is asked for once more when its page has gone and the next one's is set.
    #[cfg(not(feature = "ssr"))]
    let shown = move || text.try_get().unwrap_or_else(|| first.clone());
    view! { <Title text=shown/> }
}

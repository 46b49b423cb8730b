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
    #[cfg(feature = "ssr")]
    let shown = text.get_untracked();
    #[cfg(not(feature = "ssr"))]
    let shown = move || text.get();
    view! { <Title text=shown/> }
}

//! The title of the document.

use leptos::prelude::*;
use leptos_meta::Title;

/// The title of the page that is shown, for the frame around it; empty before the page is alive.
#[derive(Clone, Copy)]
pub(crate) struct Here(pub(crate) RwSignal<String>);

/// Puts the slot in context, empty.
pub(crate) fn provide_here() {
    provide_context(Here(RwSignal::new(String::new())));
}

/// Sets the document's title, and says it to the frame.
///
/// The server reads the title when it sends the head, outside the page's reactive owner: there the text
/// is fixed beforehand. It is put there as it is, and made harmless here: a name may have been chosen by anybody.
#[component]
pub fn PageTitle(
    /// The page's own name.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    let first = text.get_untracked();
    #[cfg(feature = "ssr")]
    let shown = html_escape::encode_text(&first).into_owned();
    #[cfg(feature = "hydrate")]
    {
        let here = expect_context::<Here>().0;
        Effect::new(move || {
            let Some(text) = text.try_get() else {
                return;
            };
            leptos::task::spawn_local(async move {
                crate::hydrate::hydrated().await;
                here.set(text);
            });
        });
    }
    // The title is asked for once more when its page has gone and the next one's is set.
    #[cfg(not(feature = "ssr"))]
    let shown = move || text.try_get().unwrap_or_else(|| first.clone());
    view! { <Title text=shown/> }
}

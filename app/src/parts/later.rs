//! What is no part of the first visit: its code is loaded when the page stands, or when it is first needed.

#[cfg(feature = "hydrate")]
mod kept;

use std::future::Future;

use leptos::{prelude::*, reactive::computed::ScopedFuture};

/// Shows what `load` gives.
///
/// On the server that is part of the page. A browser leaves what the server drew as it is, runs `load`
/// once everything else has come to life, and puts its view in the same place at once; before that its
/// links work already. Whatever else the page reads stands before it: both sides count what they read.
#[cfg(not(feature = "hydrate"))]
pub fn later<F>(load: impl FnOnce() -> F + Send + 'static) -> AnyView
where
    F: Future<Output = AnyView> + Send + 'static,
{
    view! {
        <div class="later">
            <Suspense>{Suspend::new(ScopedFuture::new_untracked(load()))}</Suspense>
        </div>
        {None::<AnyView>}
    }
    .into_any()
}

/// Shows what `load` gives.
#[cfg(feature = "hydrate")]
pub fn later<F>(load: impl FnOnce() -> F + 'static) -> AnyView
where
    F: Future<Output = AnyView> + 'static,
{
    let place = NodeRef::<leptos::html::Div>::new();
    let (loaded, here) = (Loaded::new(), Here::new());
    leptos::task::spawn_local(ScopedFuture::new_untracked(async move {
        let load = async {
            crate::hydrate::hydrated().await;
            let view = load().await;
            let drawn = place.try_get_untracked().flatten()?;
            released(&drawn).await;
            Some((view, drawn))
        };
        let Some((view, drawn)) = here.stays(load).await.flatten() else {
            return;
        };
        let kept = kept::Kept::of(&drawn);
        drawn.set_inner_html("");
        loaded.show(view);
        // The view stands once what the signal moved has run.
        leptos::task::tick().await;
        kept.give_to(&drawn);
    }));
    view! {
        // What the server drew is not this side's to look into.
        <div class="later" node_ref=place inner_html=""></div>
        {move || loaded.take().map(|view| view! { <div class="later">{view}</div> })}
    }
    .into_any()
}

/// Waits until nothing in it is pressed: what is pressed on one element and released on another was not clicked.
#[cfg(feature = "hydrate")]
async fn released(drawn: &web_sys::Element) {
    while drawn.matches(":active") == Ok(true) {
        let (passed, frame) = futures::channel::oneshot::channel();
        request_animation_frame(move || {
            let _ = passed.send(());
        });
        let _ = frame.await;
    }
}

/// Shows what `load` gives from when `wanted` is first true. Nothing of it is drawn before, nor by the
/// server.
#[cfg(not(feature = "hydrate"))]
pub fn when<F>(_wanted: impl Fn() -> bool + 'static, _load: impl FnOnce() -> F + 'static) -> AnyView
where
    F: Future<Output = AnyView> + 'static,
{
    None::<AnyView>.into_any()
}

/// Shows what `load` gives from when `wanted` is first true.
#[cfg(feature = "hydrate")]
pub fn when<F>(wanted: impl Fn() -> bool + 'static, load: impl FnOnce() -> F + 'static) -> AnyView
where
    F: Future<Output = AnyView> + 'static,
{
    let loaded = Loaded::new();
    // The view lives as long as its place, not until the effect runs again.
    let owner = Owner::current().unwrap_or_default();
    let mut load = Some(load);
    Effect::new(move || {
        if let Some(load) = load.take_if(|_| wanted()) {
            let shown = async move { loaded.show(load().await) };
            leptos::task::spawn_local(owner.with(|| ScopedFuture::new_untracked(shown)));
        }
    });
    (move || loaded.take()).into_any()
}

/// Whether the page that something is loaded for is still there.
#[cfg(feature = "hydrate")]
struct Here(futures::channel::oneshot::Receiver<()>);

#[cfg(feature = "hydrate")]
impl Here {
    fn new() -> Self {
        let (there, here) = futures::channel::oneshot::channel();
        on_cleanup(move || drop(there));
        Self(here)
    }

    /// Goes on with it as long as the page is there: what it reads has gone with the page.
    async fn stays<T>(self, load: impl Future<Output = T>) -> Option<T> {
        use futures::future::{Either, select};
        let load = std::pin::pin!(load);
        match select(self.0, load).await {
            Either::Left(_) => None,
            Either::Right((loaded, _)) => Some(loaded),
        }
    }
}

/// A view that was loaded, on its way to its place.
#[cfg(feature = "hydrate")]
#[derive(Clone, Copy)]
struct Loaded {
    view: StoredValue<Option<AnyView>, LocalStorage>,
    stands: RwSignal<bool>,
}

#[cfg(feature = "hydrate")]
impl Loaded {
    fn new() -> Self {
        Self {
            view: StoredValue::new_local(None),
            stands: RwSignal::new(false),
        }
    }

    /// Shows it; where the page has gone meanwhile, nothing happens.
    fn show(self, view: AnyView) {
        if self.view.try_set_value(Some(view)).is_none() {
            self.stands.set(true);
        }
    }

    /// The view, once.
    fn take(self) -> Option<AnyView> {
        let stands = self.stands.get();
        stands
            .then(|| self.view.try_update_value(Option::take).flatten())
            .flatten()
    }
}

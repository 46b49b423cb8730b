//! Brings the page that the server rendered to life.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use leptos::{
    mount::hydrate_from_async,
    prelude::{document, set_timeout, window},
};

use crate::App;

/// By this name the browser keeps the moment when the page came to life.
const MARK: &str = "madang-hydrated";
/// Between two looks whether the page stands.
const LOOK: Duration = Duration::from_millis(30);

static HYDRATED: AtomicBool = AtomicBool::new(false);

/// Hydrates the page, its part that is loaded for it included.
pub fn hydrate() {
    let Some(body) = document().body() else {
        return;
    };
    wasm_bindgen_futures::spawn_local(async move {
        let mounted = hydrate_from_async(body, App).await;
        HYDRATED.store(true, Ordering::Relaxed);
        if let Some(performance) = window().performance() {
            // Only those who measure miss it.
            let _ = performance.mark(MARK);
        }
        mounted.forget();
    });
}

/// Until every part of the page has found its elements. What changes before would change them under it.
pub(crate) async fn hydrated() {
    while !HYDRATED.load(Ordering::Relaxed) {
        pause(LOOK).await;
    }
}

/// Lets the browser do something else for so long.
pub(crate) async fn pause(time: Duration) {
    let (done, waited) = futures::channel::oneshot::channel::<()>();
    set_timeout(
        move || {
            let _ = done.send(());
        },
        time,
    );
    let _ = waited.await;
}

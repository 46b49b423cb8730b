//! Brings the page that the server rendered to life.

use std::sync::atomic::{AtomicBool, Ordering};

use leptos::{mount::hydrate_from_async, prelude::document};

use crate::App;

static HYDRATED: AtomicBool = AtomicBool::new(false);

/// Hydrates the page, its part that is loaded for it included.
pub fn hydrate() {
    let Some(body) = document().body() else {
        return;
    };
    wasm_bindgen_futures::spawn_local(async move {
        let mounted = hydrate_from_async(body, App).await;
        HYDRATED.store(true, Ordering::Relaxed);
        mounted.forget();
    });
}

/// Whether every part of the page has found its elements.
pub(crate) fn is_hydrated() -> bool {
    HYDRATED.load(Ordering::Relaxed)
}

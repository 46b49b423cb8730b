//! Hydrates the page that the server rendered; nothing else.

#![recursion_limit = "512"]

/// Called by the script that the shell emits.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    app::hydrate::hydrate();
}

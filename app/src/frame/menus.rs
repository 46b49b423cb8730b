//! Every `details.menu` folds as one expects of a menu: by Escape, and by a press anywhere else.

use leptos::{
    ev,
    prelude::{document, on_cleanup, window_event_listener},
};
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, Node};

/// Listens for both, on every page.
pub(crate) fn listen() {
    let pressed = window_event_listener(ev::pointerdown, |event| {
        let on = event.target().and_then(|on| on.dyn_into::<Node>().ok());
        for menu in open() {
            if !menu.contains(on.as_ref()) {
                let _ = menu.remove_attribute("open");
            }
        }
    });
    let escaped = window_event_listener(ev::keydown, |event| {
        if event.key() != "Escape" || event.is_composing() {
            return;
        }
        for menu in open() {
            let _ = menu.remove_attribute("open");
            let summary = menu.query_selector("summary").ok().flatten();
            if let Some(summary) = summary.and_then(|summary| summary.dyn_into().ok()) {
                let summary: HtmlElement = summary;
                let _ = summary.focus();
            }
        }
    });
    on_cleanup(move || {
        pressed.remove();
        escaped.remove();
    });
}

/// The menus that are open.
fn open() -> Vec<Element> {
    let Ok(menus) = document().query_selector_all("details.menu[open]") else {
        return Vec::new();
    };
    let menus = (0..menus.length()).filter_map(|index| menus.item(index));
    menus.filter_map(|menu| menu.dyn_into().ok()).collect()
}

//! What a person did to a view before its like took its place: where the focus is, what is unfolded and typed.

use js_sys::Reflect;
use leptos::prelude::document;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement, NodeList};

const TOUCHED: &str =
    "a, button, details, input:not([type=hidden]), select, summary, textarea, [tabindex]";
/// What they hold: an element has some of these and ignores the others.
const HELD: [&str; 3] = ["open", "checked", "value"];

/// What the elements of a view hold, in their order.
pub(super) struct Kept {
    held: Vec<[JsValue; HELD.len()]>,
    focus: Option<usize>,
}

impl Kept {
    /// What is in `view` now.
    pub(super) fn of(view: &Element) -> Self {
        let all: Vec<_> = elements(view).collect();
        let active = document().active_element();
        Self {
            focus: (all.iter()).position(|element| active.as_ref() == Some(element)),
            held: (all.iter())
                .map(|element| HELD.map(|name| get(element, name)))
                .collect(),
        }
    }

    /// Gives it to the view after `place`, where that has the same elements.
    pub(super) fn give_to(self, place: &Element) {
        let Some(view) = place.next_element_sibling() else {
            return;
        };
        let all: Vec<_> = elements(&view).collect();
        if all.len() != self.held.len() {
            return;
        }
        for (element, held) in all.iter().zip(self.held) {
            for (name, was) in HELD.into_iter().zip(held) {
                if !was.is_undefined() && was != get(element, name) {
                    // What cannot be set, as the name of a file, is left as it is.
                    let _ = Reflect::set(element, &name.into(), &was);
                }
            }
        }
        let focused = self.focus.and_then(|at| all.into_iter().nth(at));
        if let Some(element) = focused.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
            // An element that refuses it has gone; the page has the focus then, as a browser does it.
            let _ = element.focus();
        }
    }
}

fn get(element: &Element, name: &str) -> JsValue {
    Reflect::get(element, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn elements(view: &Element) -> impl Iterator<Item = Element> {
    let all = view.query_selector_all(TOUCHED).ok();
    let at = |all: NodeList| {
        (0..all.length()).filter_map(move |at| all.get(at)?.dyn_into::<Element>().ok())
    };
    all.into_iter().flat_map(at)
}

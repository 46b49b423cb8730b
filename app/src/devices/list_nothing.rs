//! A list without devices: why, and what to do. A browser loads it with the first of them.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use crate::{
    i18n::use_i18n,
    parts::{Empty, Icon},
};

/// What stands instead of the rows, as a part of its own; `of` says whether the list is narrowed down, and whether
/// an administrator looks at it.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn nothing(of: Box<(bool, bool)>) -> AnyView {
    drawn(*of)
}

/// What stands instead of the rows. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn nothing(of: Box<(bool, bool)>) -> AnyView {
    drawn(*of)
}

fn drawn((filtered, admin): (bool, bool)) -> AnyView {
    let i18n = use_i18n();
    let (title, text) = match filtered {
        true => (
            tu_string!(i18n, devices.none_found),
            tu_string!(i18n, devices.none_found_hint),
        ),
        false => (
            tu_string!(i18n, devices.none),
            tu_string!(i18n, devices.none_hint),
        ),
    };
    view! {
        <section class="card">
            <Empty icon=Icon::Cpu title text/>
            <p class="row pad">
                {if filtered {
                    view! { <a class="btn" href="/devices">{tu_string!(i18n, devices.clear)}</a> }.into_any()
                } else if admin {
                    view! { <a class="btn pri" href="/devices/new">{tu_string!(i18n, devices.preregister)}</a> }
                        .into_any()
                } else {
                    view! { <a class="btn pri" href="/claim">{tu_string!(i18n, devices.claim)}</a> }.into_any()
                }}
            </p>
        </section>
    }
    .into_any()
}

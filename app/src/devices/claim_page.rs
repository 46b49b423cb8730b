//! Claiming a device.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};
use leptos_meta::Title;

use crate::i18n::use_i18n;

/// Claiming a device.
#[component]
pub fn ClaimPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <Title text=move || t_string!(i18n, devices.title)/>
        <h1>{t!(i18n, devices.title)}</h1>
    }
}

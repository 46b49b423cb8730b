//! The list of devices.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};
use leptos_meta::Title;

use crate::i18n::use_i18n;

/// The list of devices.
#[component]
pub fn DeviceListPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <Title text=move || t_string!(i18n, frame.devices)/>
        <h1>{t!(i18n, frame.devices)}</h1>
    }
}

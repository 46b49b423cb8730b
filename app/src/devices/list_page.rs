//! The list of devices.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};

use crate::{i18n::use_i18n, parts::PageTitle};

/// The list of devices.
#[component]
pub fn DeviceListPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <PageTitle text=Signal::derive(move || t_string!(i18n, frame.devices).to_owned())/>
        <h1>{t!(i18n, frame.devices)}</h1>
    }
}

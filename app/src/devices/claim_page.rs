//! Claiming a device.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};

use crate::{i18n::use_i18n, parts::PageTitle};

/// Claiming a device.
#[component]
pub fn ClaimPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <PageTitle text=Signal::derive(move || t_string!(i18n, devices.title).to_owned())/>
        <h1>{t!(i18n, devices.title)}</h1>
    }
}

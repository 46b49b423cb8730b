//! The site at a glance.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};

use crate::{i18n::use_i18n, parts::PageTitle};

/// The site at a glance.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <PageTitle text=Signal::derive(move || t_string!(i18n, frame.overview).to_owned())/>
        <h1>{t!(i18n, frame.overview)}</h1>
    }
}

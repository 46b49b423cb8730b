//! The first run.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};
use leptos_meta::Title;

use crate::i18n::use_i18n;

/// The first run.
#[component]
pub fn SetupPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <Title text=move || t_string!(i18n, accounts.setup_title)/>
        <h1>{t!(i18n, accounts.setup_title)}</h1>
    }
}

//! Registration by invitation.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};
use leptos_meta::Title;

use crate::i18n::use_i18n;

/// Registration by invitation.
#[component]
pub fn RegisterPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <Title text=move || t_string!(i18n, accounts.register_title)/>
        <h1>{t!(i18n, accounts.register_title)}</h1>
    }
}

//! Sign-in.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};
use leptos_meta::Title;

use crate::i18n::use_i18n;

/// Sign-in.
#[component]
pub fn SignInPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <Title text=move || t_string!(i18n, accounts.sign_in_title)/>
        <h1>{t!(i18n, accounts.sign_in_title)}</h1>
    }
}

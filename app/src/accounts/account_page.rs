//! The signed-in person's own account.

use leptos::prelude::*;
use leptos_i18n::{t, t_string};
use leptos_meta::Title;

use crate::i18n::use_i18n;

/// The signed-in person's own account.
#[component]
pub fn AccountPage() -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <Title text=move || t_string!(i18n, frame.my_account)/>
        <h1>{t!(i18n, frame.my_account)}</h1>
    }
}

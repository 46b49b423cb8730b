//! Changing one's address: says what it does to the devices, and wants the password.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::setting::Setting;
use crate::{
    form::{FormState, empty_fields},
    i18n::use_i18n,
    parts::Field,
};

/// The card of one's address.
#[component]
pub(super) fn Address(form: FormState) -> impl IntoView {
    let i18n = use_i18n();
    Effect::new(move || {
        if form.tries() > 0 && form.done() {
            empty_fields(&["new_email", "address_password"]);
        }
    });
    view! {
        <Setting
            title=tu_string!(i18n, accounts.change_address)
            what=tu_string!(i18n, accounts.change_address_what)
            form
            fields=&["new_email", "address_password"]
            act=tu_string!(i18n, accounts.change_address)
            done=tu_string!(i18n, accounts.address_changed)
        >
            <Field
                name="new_email"
                kind="email"
                autocomplete="email"
                maxlength=254
                form
                label=tu_string!(i18n, accounts.new_email)
            />
            <Field
                name="address_password"
                kind="password"
                autocomplete="current-password"
                form
                label=tu_string!(i18n, accounts.current_password)
            />
        </Setting>
    }
}

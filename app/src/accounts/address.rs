//! Changing one's address: says what it does to the devices, and wants the password.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use crate::{
    form::{FormState, PostForm, empty_fields},
    i18n::use_i18n,
    parts::{ErrorNotice, Field, SubmitButton},
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
        <section class="card">
            <header><h2>{tu_string!(i18n, accounts.change_address)}</h2></header>
            <div class="pad">
                <p class="sub">{tu_string!(i18n, accounts.change_address_what)}</p>
                <ErrorNotice error=form.other_error(&["new_email", "address_password"])/>
                <PostForm form>
                    <div class="form">
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
                        <div class="row">
                            <SubmitButton
                                busy=form.pending
                                label=tu_string!(i18n, accounts.change_address)
                                busy_label=tu_string!(i18n, accounts.saving)
                            />
                            <span role="status" class="is-well">
                                {move || form.done().then(|| tu_string!(i18n, accounts.address_changed))}
                            </span>
                        </div>
                    </div>
                </PostForm>
            </div>
        </section>
    }
    .into_any()
}

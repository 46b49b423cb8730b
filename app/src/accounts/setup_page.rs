//! The first run: the code that the server printed makes the first administrator.

use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::components::Redirect;

use super::{
    register_page::AccountFields,
    server_fns::{SetUp, read_doorway},
};
use crate::{
    form::FormState,
    i18n::use_i18n,
    parts::{ErrorNotice, Field, PageTitle, SubmitButton},
};

/// Makes the first administrator; a site that has one sends people to sign in.
#[component]
pub fn SetupPage() -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<SetUp>();
    let busy = RwSignal::new(false);
    let doorway = Resource::new_blocking(|| (), |()| read_doorway());
    view! {
        <PageTitle text=tu_string!(i18n, accounts.setup_title)/>
        <Suspense>
            {move || Suspend::new(async move {
                matches!(doorway.await, Ok(doorway) if !doorway.needs_setup)
                    .then(|| view! { <Redirect path="/sign-in"/> })
            })}
        </Suspense>
        <section class="card">
            <div class="body">
                <div class="beside">
                    <h1>{tu_string!(i18n, accounts.setup_title)}</h1>
                    <p class="intro">{tu_string!(i18n, accounts.setup_intro)}</p>
                </div>
                <ErrorNotice error=form.other_error(&["code", "name", "email", "password"])/>
                <form class="form" method="post" action="/do/set_up" on:submit=move |_| busy.set(true)>
                    <Field
                        name="code"
                        autocomplete="one-time-code"
                        autofocus=true
                        form
                        label=tu_string!(i18n, accounts.setup_code)
                        hint=tu_string!(i18n, accounts.setup_code_hint)
                    />
                    <AccountFields form/>
                    <SubmitButton
                        class="pri wide"
                        busy
                        label=tu_string!(i18n, accounts.setup_submit)
                        busy_label=tu_string!(i18n, accounts.setting_up)
                    />
                </form>
            </div>
        </section>
    }
    .into_any()
}

//! Registration: by the link of an invitation, or freely where the site is open.

use domain::account::Registration;
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::hooks::use_query_map;

use super::server_fns::{Register, read_doorway};
use crate::{
    form::FormState,
    i18n::use_i18n,
    parts::{ErrorNotice, Field, PageTitle, SubmitButton},
};

/// Name, address and password of a new account.
#[component]
pub fn AccountFields(
    /// The form that they belong to.
    form: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <Field
            name="name"
            autocomplete="name"
            maxlength=80
            form
            label=tu_string!(i18n, accounts.name)
            hint=tu_string!(i18n, accounts.name_hint)
        />
        <Field
            name="email"
            kind="email"
            autocomplete="username"
            form
            label=tu_string!(i18n, accounts.email)
        />
        <Field
            name="password"
            kind="password"
            autocomplete="new-password"
            minlength=10
            form
            label=tu_string!(i18n, accounts.password)
            hint=tu_string!(i18n, accounts.password_hint)
        />
    }
    .into_any()
}

/// Makes an account.
#[component]
pub fn RegisterPage() -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<Register>();
    let busy = RwSignal::new(false);
    let doorway = Resource::new_blocking(|| (), |()| read_doorway());
    let given = use_query_map()
        .read_untracked()
        .get("code")
        .unwrap_or_default();
    let invited = !given.is_empty();
    let code = form.typed("code").unwrap_or(given);
    view! {
        <PageTitle text=tu_string!(i18n, accounts.register_title)/>
        <section class="card">
            <div class="body">
                <div class="beside">
                    <h1>{tu_string!(i18n, accounts.register_title)}</h1>
                    <Suspense>
                        {move || Suspend::new(async move {
                            let open = matches!(
                                doorway.await,
                                Ok(doorway) if doorway.registration == Registration::Open
                            );
                            view! {
                                <p class="intro">
                                    {move || if invited {
                                        tu_string!(i18n, accounts.register_intro)
                                    } else if open {
                                        tu_string!(i18n, accounts.register_open)
                                    } else {
                                        tu_string!(i18n, accounts.no_account)
                                    }}
                                </p>
                            }
                        })}
                    </Suspense>
                </div>
                <ErrorNotice error=form.other_error(&["code", "name", "email", "password"])/>
                <form class="form" method="post" action="/do/register" on:submit=move |_| busy.set(true)>
                    <Field
                        name="code"
                        value=code
                        required=false
                        autocomplete="off"
                        form
                        label=tu_string!(i18n, accounts.invitation_code)
                    />
                    <AccountFields form/>
                    <SubmitButton
                        class="pri wide"
                        busy
                        label=tu_string!(i18n, accounts.register_submit)
                        busy_label=tu_string!(i18n, accounts.setting_up)
                    />
                </form>
            </div>
            <footer><a class="lnk" href="/sign-in">{tu_string!(i18n, accounts.have_account)}</a></footer>
        </section>
    }
    .into_any()
}

//! Sign-in.

use domain::account::Registration;
use leptos::{html, prelude::*};
use leptos_i18n::tu_string;
use leptos_router::{components::Redirect, hooks::use_query_map};

use super::server_fns::{SignIn, read_doorway};
use crate::{
    form::FormState,
    i18n::use_i18n,
    parts::{ErrorNotice, Field, PageTitle, SubmitButton},
    session::use_session,
};

/// Asks who it is; whoever is signed in already goes on.
#[component]
pub fn SignInPage() -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<SignIn>();
    let busy = RwSignal::new(false);
    let query = use_query_map();
    let next = move || query.read().get("next").unwrap_or_else(|| "/".to_owned());
    let doorway = Resource::new_blocking(|| (), |()| read_doorway());
    // A label's code stands behind the #, which no server sees: the browser takes it along to where signing in leads.
    let sending = NodeRef::<html::Form>::new();
    Effect::new(move |_| {
        if let Some(sending) = sending.get()
            && let Ok(fragment) = window().location().hash()
        {
            sending.set_action(&format!("/do/sign_in{fragment}"));
        }
    });
    let signed_in = use_session().with_value(|session| session.me.is_some());
    view! {
        <PageTitle text=tu_string!(i18n, accounts.sign_in_title)/>
        {signed_in.then(|| view! { <Redirect path="/"/> })}
        <section class="card">
            <div class="body">
                <div class="beside">
                    <h1>{tu_string!(i18n, accounts.sign_in_title)}</h1>
                    <p class="intro">{tu_string!(i18n, accounts.sign_in_why)}</p>
                </div>
                <ErrorNotice error=form.other_error(&["email", "password"])/>
                <form
                    class="form"
                    method="post"
                    action="/do/sign_in"
                    node_ref=sending
                    on:submit=move |_| busy.set(true)
                >
                    <input type="hidden" name="next" value=next/>
                    <Field
                        name="email"
                        kind="email"
                        autocomplete="username"
                        autofocus=true
                        form
                        label=tu_string!(i18n, accounts.email)
                    />
                    <Field
                        name="password"
                        kind="password"
                        autocomplete="current-password"
                        form
                        label=tu_string!(i18n, accounts.password)
                    />
                    <SubmitButton
                        class="pri wide"
                        busy
                        label=tu_string!(i18n, accounts.sign_in)
                        busy_label=tu_string!(i18n, accounts.signing_in)
                    />
                </form>
            </div>
            <Suspense>
                {move || Suspend::new(async move {
                    match doorway.await {
                        Ok(doorway) if doorway.needs_setup => {
                            view! { <Redirect path="/setup"/> }.into_any()
                        }
                        Ok(doorway) if doorway.registration == Registration::Open => view! {
                            <footer><a class="lnk" href="/register">{tu_string!(i18n, accounts.register_link)}</a></footer>
                        }
                        .into_any(),
                        _ => view! { <footer>{tu_string!(i18n, accounts.no_account)}</footer> }.into_any(),
                    }
                })}
            </Suspense>
        </section>
    }
    .into_any()
}

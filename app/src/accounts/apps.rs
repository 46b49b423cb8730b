//! The apps that connect to the broker for a person, and ending one.

use domain::account::AppInfo;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    access,
    account_server_fns::{RevokeApp, list_apps},
};
use crate::{
    form::FormState,
    i18n::use_i18n,
    parts::{ErrorNotice, Icon},
};

/// The list; an app puts itself there through the REST interface.
#[component]
pub fn Apps() -> impl IntoView {
    let i18n = use_i18n();
    let revoke = FormState::of::<RevokeApp>();
    let apps = Resource::new_blocking(move || revoke.times_done(), |_| list_apps());
    view! {
        <section class="card">
            <header><h2>{tu_string!(i18n, accounts.apps)}</h2></header>
            <div class="pad"><p class="sub">{tu_string!(i18n, accounts.apps_hint)}</p></div>
            <ErrorNotice error=revoke.error/>
            <Transition>
                {move || Suspend::new(async move {
                    match apps.await {
                        Ok(apps) => view! { <List apps revoke/> }.into_any(),
                        Err(failure) => {
                            view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                        }
                    }
                })}
            </Transition>
        </section>
    }
    .into_any()
}

#[component]
fn List(apps: Vec<AppInfo>, revoke: FormState) -> impl IntoView {
    let i18n = use_i18n();
    if apps.is_empty() {
        return view! {
            <div class="pad"><p class="mut">{tu_string!(i18n, accounts.no_apps)}</p></div>
        }
        .into_any();
    }
    let rows = apps.into_iter().map(|app| {
        let name = view! { <b>{app.name}</b> }.into_any();
        let times = [
            (tu_string!(i18n, accounts.app_since), Some(app.created_at)),
            (tu_string!(i18n, accounts.expires), Some(app.expires_at)),
        ];
        let end = (revoke, app.id, tu_string!(i18n, accounts.revoke_app));
        access::row(Icon::Smartphone, name, None, times, Some(end))
    });
    view! { <ul class="list sessions">{rows.collect_view()}</ul> }.into_any()
}

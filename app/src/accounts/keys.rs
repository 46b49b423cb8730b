//! The API keys of a person's own programs: making one, which is shown once, and ending one.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    access,
    account_server_fns::{CreateKey, KeyInfo, MadeKey, RevokeKey, list_keys},
};
use crate::{
    form::{FormState, PostForm, empty_fields},
    i18n::use_i18n,
    parts::{CopyButton, ErrorNotice, Field, Icon, SubmitButton},
};

/// The form that makes a key, the new key, and those that work.
#[component]
pub fn Keys() -> impl IntoView {
    let i18n = use_i18n();
    let create = FormState::of::<CreateKey>();
    let revoke = FormState::of::<RevokeKey>();
    let keys = Resource::new_blocking(
        move || (create.times_done(), revoke.times_done()),
        |_| list_keys(),
    );
    Effect::new(move || {
        if create.tries() > 0 && create.done() {
            empty_fields(&["key_name"]);
        }
    });
    // A new key that is revoked already is of no use to anybody.
    Effect::new(move || {
        let revoked = revoke.outcome::<String>();
        let made = create.outcome::<MadeKey>().map(|made| made.id);
        if made.is_some() && made == revoked {
            create.forget_outcome();
        }
    });
    view! {
        <section class="card" id="api-keys">
            <header><h2>{tu_string!(i18n, accounts.keys)}</h2></header>
            <div class="pad form">
                <p class="sub">{tu_string!(i18n, accounts.keys_hint)}</p>
                <ErrorNotice error=create.other_error(&["key_name"])/>
                <PostForm form=create class="form">
                    <Field
                        name="key_name"
                        maxlength=80
                        autocomplete="off"
                        form=create
                        label=tu_string!(i18n, accounts.key_name)
                        hint=tu_string!(i18n, accounts.key_name_hint)
                    />
                    <div class="row">
                        <SubmitButton
                            busy=create.pending
                            label=tu_string!(i18n, accounts.key_make)
                            busy_label=tu_string!(i18n, frame.working)
                        />
                    </div>
                </PostForm>
                <div role="status">
                    {move || create.outcome::<MadeKey>().map(|made| view! { <Shown key_text=made.key/> })}
                </div>
            </div>
            <ErrorNotice error=revoke.error/>
            <Transition>
                {move || Suspend::new(async move {
                    match keys.await {
                        Ok(keys) => view! { <List keys revoke/> }.into_any(),
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

/// The new key.
#[component]
fn Shown(key_text: String) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <div class="fld">
            <label for="api-key">{tu_string!(i18n, accounts.key_made)}</label>
            <div class="secret">
                <input class="in" id="api-key" readonly value=key_text.clone()/>
                <CopyButton text=key_text/>
            </div>
        </div>
    }
}

#[component]
fn List(keys: Vec<KeyInfo>, revoke: FormState) -> impl IntoView {
    let i18n = use_i18n();
    if keys.is_empty() {
        return view! {
            <div class="pad"><p class="mut">{tu_string!(i18n, accounts.no_keys)}</p></div>
        }
        .into_any();
    }
    let rows = keys.into_iter().map(|key| {
        let name = view! { <b>{key.name}</b> }.into_any();
        let times = [
            (tu_string!(i18n, accounts.key_since), Some(key.created_at)),
            (tu_string!(i18n, accounts.last_used), key.last_used_at),
        ];
        let end = (revoke, key.id, tu_string!(i18n, accounts.revoke_app));
        access::row(Icon::Terminal, name, None, times, Some(end))
    });
    view! { <ul class="list sessions">{rows.collect_view()}</ul> }.into_any()
}

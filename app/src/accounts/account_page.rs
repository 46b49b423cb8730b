//! The signed-in person's own account.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    account_server_fns::{ChangeAddress, ChangePassword, DeleteAccount, RenameMe},
    address::Address,
    apps::Apps,
    keys::Keys,
    roles::role_name,
    sessions::Sessions,
    setting::Setting,
};
use crate::{
    form::{FormState, PostForm, empty_fields},
    frame::switches::{LanguageSwitch, ThemeSwitch},
    i18n::use_i18n,
    parts::{Draw, ErrorNotice, Field, Icon, PageTitle, SubmitButton},
    session::use_me,
};

/// Name, appearance, password, sessions, signing out.
#[component]
pub fn AccountPage() -> impl IntoView {
    let i18n = use_i18n();
    let me = use_me();
    let role = me.role;
    let change = FormState::of::<ChangePassword>();
    let moved = FormState::of::<ChangeAddress>();
    let email = Signal::derive(move || moved.outcome().unwrap_or_else(|| me.email.to_string()));
    view! {
        <PageTitle text=tu_string!(i18n, frame.my_account)/>
        <div class="head">
            <h1>{tu_string!(i18n, frame.my_account)}</h1>
            <span class="meta">{move || email.get()}</span>
            <span class="tag">{role_name(i18n.get_locale_untracked(), role)}</span>
        </div>
        <div class="settings">
            <Profile name=me.name.clone()/>
            <section class="card">
                <header><h2>{tu_string!(i18n, accounts.appearance)}</h2></header>
                <div class="pad">
                    <p class="sub">{tu_string!(i18n, accounts.appearance_hint)}</p>
                    <div class="row"><LanguageSwitch/><ThemeSwitch/></div>
                </div>
            </section>
            <Address form=moved/>
            <Password form=change email/>
            <Sessions change/>
            <Apps/>
            <Keys/>
            <Leave/>
            <form method="post" action="/do/sign_out">
                <button class="btn" type="submit">
                    <Draw icon=Icon::LogOut/>
                    {tu_string!(i18n, frame.sign_out)}
                </button>
            </form>
        </div>
    }
    .into_any()
}

#[component]
fn Profile(name: String) -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<RenameMe>();
    view! {
        <Setting
            title=tu_string!(i18n, accounts.profile)
            form
            fields=&["name"]
            act=tu_string!(i18n, frame.save)
            done=tu_string!(i18n, frame.saved)
        >
            <Field
                name="name"
                value=name
                maxlength=80
                autocomplete="name"
                form
                label=tu_string!(i18n, accounts.name)
                hint=tu_string!(i18n, accounts.name_hint)
            />
        </Setting>
    }
}

#[component]
fn Password(form: FormState, email: Signal<String>) -> impl IntoView {
    let i18n = use_i18n();
    Effect::new(move || {
        if form.tries() > 0 && form.done() {
            empty_fields(&["current", "password"]);
        }
    });
    view! {
        <Setting
            title=tu_string!(i18n, accounts.change_password)
            what=tu_string!(i18n, accounts.change_password_what)
            form
            fields=&["current", "password"]
            act=tu_string!(i18n, accounts.change_password)
            done=tu_string!(i18n, accounts.password_changed)
        >
            // Password managers learn from it whose password it is.
            <input
                type="text"
                name="username"
                autocomplete="username"
                prop:value=email
                value=email
                hidden
                readonly
            />
            <Field
                name="current"
                kind="password"
                autocomplete="current-password"
                form
                label=tu_string!(i18n, accounts.current_password)
            />
            <Field
                name="password"
                kind="password"
                autocomplete="new-password"
                minlength=10
                form
                label=tu_string!(i18n, accounts.new_password)
                hint=tu_string!(i18n, accounts.password_hint)
            />
        </Setting>
    }
}

/// Deleting the account: says what goes with it, and wants the password.
#[component]
fn Leave() -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<DeleteAccount>();
    view! {
        <section class="card">
            <header><h2>{tu_string!(i18n, accounts.leave)}</h2></header>
            <div class="pad">
                <p class="sub">{tu_string!(i18n, accounts.leave_what)}</p>
                <ErrorNotice error=form.other_error(&["own_password"])/>
                <PostForm form class="form">
                    <Field
                        name="own_password"
                        kind="password"
                        autocomplete="current-password"
                        form
                        label=tu_string!(i18n, accounts.current_password)
                    />
                    <div class="row">
                        <SubmitButton
                            class="danger pri"
                            busy=form.pending
                            label=tu_string!(i18n, accounts.leave)
                            busy_label=tu_string!(i18n, frame.working)
                        />
                    </div>
                </PostForm>
            </div>
        </section>
    }
    .into_any()
}

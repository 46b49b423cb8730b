//! One person in the list, with what an administrator may do to their account.

use std::sync::Arc;

use domain::{account::UserSummary, role::SiteRole};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::roles::{grantable, role_name, role_options};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{Mark, StatusMark, Time, number::grouped, toast::Undo, use_toasts},
    session::use_me,
};

/// What to say, and how to undo it, once the act that was just sent has been done.
#[derive(Clone, Copy)]
pub(super) struct Promise(StoredValue<Option<(String, Undo)>>);

impl Promise {
    /// Nothing was sent yet; put in context above the rows, which do not outlive their act.
    pub(super) fn provide() -> Self {
        let promise = Self(StoredValue::new(None));
        provide_context(promise);
        promise
    }

    /// Says it when `act` is done; a refusal is shown in its place and says nothing here.
    pub(super) fn fulfil_by(self, act: FormState) {
        let toasts = use_toasts();
        Effect::new(move || {
            if act.tries() > 0 {
                let promised = self.0.try_update_value(Option::take).flatten();
                if let (true, Some((text, undo))) = (act.done(), promised) {
                    toasts.undoable(text, undo);
                }
            }
        });
    }

    fn keep(self, text: String, undo: impl Fn() + Send + Sync + 'static) {
        self.0.set_value(Some((text, Arc::new(undo))));
    }
}

/// A row: name and address, role, devices, last sign-in, state.
#[component]
pub fn UserRow(
    /// Who.
    user: UserSummary,
    /// Gives a role.
    set_role: FormState,
    /// Lets in, or not.
    set_active: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    let me = use_me();
    let own = user.id == me.id;
    let may = !own && grantable(me.role).contains(&user.role);
    let initial: String = user.name.chars().next().into_iter().collect();
    let (id, active, role, last) = (user.id, user.active, user.role, user.last_sign_in_at);
    view! {
        <tr role="row">
            <td role="cell">
                <span class="person">
                    <span class="avatar" aria-hidden="true">{initial}</span>
                    <span>
                        <b>
                            {user.name.clone()}
                            {own.then(|| view! { " " <span class="tag">{tu_string!(i18n, accounts.you)}</span> })}
                        </b>
                        <small>{user.email.to_string()}</small>
                    </span>
                </span>
            </td>
            <td role="cell">
                {if may {
                    view! { <RoleForm id role name=user.name.clone() set_role/> }.into_any()
                } else {
                    view! { <span>{role_name(i18n.get_locale_untracked(), role)}</span> }.into_any()
                }}
            </td>
            <td role="cell" class="r num wideonly">{grouped(user.devices)}</td>
            <td role="cell" class="wideonly mut"><Time at=Signal::stored(last)/></td>
            <td role="cell">
                <span class="row">
                    <StatusMark
                        mark=if active { Mark::Online } else { Mark::Offline }
                        word=Signal::derive(move || {
                            if active {
                                tu_string!(i18n, accounts.active)
                            } else {
                                tu_string!(i18n, accounts.inactive)
                            }
                            .to_owned()
                        })
                    />
                    {may.then(|| view! { <ActiveForm id active name=user.name.clone() set_active/> })}
                </span>
            </td>
        </tr>
    }
}

#[component]
fn RoleForm(
    id: domain::UserId,
    role: SiteRole,
    name: String,
    set_role: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    let own = use_me().role;
    let promise = expect_context::<Promise>();
    let (label, changed) = (name.clone(), name);
    view! {
        <PostForm
            form=set_role
            on_send=move |()| {
                let name = changed.clone();
                promise.keep(
                    tu_string!(i18n, accounts.role_changed, name = name).to_string(),
                    move || set_role.post(&[("user", &id.to_string()), ("role", role.as_str())]),
                );
            }
        >
            <input type="hidden" name="user" value=id.to_string()/>
            <select
                class="in sm"
                name="role"
                aria-label=tu_string!(i18n, accounts.role_of, name = label)
            >
                {move || {
                    role_options(i18n.get_locale_untracked(), own)
                        .into_iter()
                        .map(|(value, words)| {
                            let selected = value == role.as_str();
                            view! { <option value=value selected=selected>{words}</option> }
                        })
                        .collect_view()
                }}
            </select>
            <button class="btn sm" type="submit">{tu_string!(i18n, accounts.change_role)}</button>
        </PostForm>
    }
}

#[component]
fn ActiveForm(
    id: domain::UserId,
    active: bool,
    name: String,
    set_active: FormState,
) -> impl IntoView {
    let i18n = use_i18n();
    let promise = expect_context::<Promise>();
    view! {
        <PostForm
            form=set_active
            on_send=move |()| {
                let name = name.clone();
                let said = if active {
                    tu_string!(i18n, accounts.deactivated, name = name).to_string()
                } else {
                    tu_string!(i18n, accounts.activated, name = name).to_string()
                };
                promise.keep(said, move || {
                    let active = active.to_string();
                    set_active.post(&[("user", &id.to_string()), ("active", &active)]);
                });
            }
        >
            <input type="hidden" name="user" value=id.to_string()/>
            <input type="hidden" name="active" value=(!active).to_string()/>
            <button class="btn sm" class:danger=active type="submit">
                {move || if active {
                    tu_string!(i18n, accounts.deactivate)
                } else {
                    tu_string!(i18n, accounts.activate)
                }}
            </button>
        </PostForm>
    }
}

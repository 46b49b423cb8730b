//! Inviting people, and the invitations that wait. A browser loads it after the page.

use domain::account::Invitation;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    roles::{role_name, role_options},
    users_server_fns::{InviteUser, Invited, WithdrawInvitation, list_invitations},
};
use crate::{
    form::{FormState, PostForm},
    i18n::use_i18n,
    parts::{CopyButton, ErrorNotice, Field, Select, SubmitButton, clock::rfc3339},
    session::use_me,
};

/// The form that invites, its link, and the open invitations, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn invitations() -> AnyView {
    view! { <Invitations/> }.into_any()
}

/// The form that invites, its link, and the open invitations. Without the hint that would have them loaded
/// before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn invitations() -> AnyView {
    view! { <Invitations/> }.into_any()
}

#[component]
fn Invitations() -> impl IntoView {
    let i18n = use_i18n();
    let form = FormState::of::<InviteUser>();
    let withdraw = FormState::of::<WithdrawInvitation>();
    let waiting = Resource::new_blocking(
        move || (form.times_done(), withdraw.times_done()),
        |_| list_invitations(),
    );
    let own = use_me().role;
    view! {
        <section class="card" id="invite">
            <header><h2>{tu_string!(i18n, accounts.invite_title)}</h2></header>
            <div class="pad form">
                <p class="sub">{tu_string!(i18n, accounts.invite_intro)}</p>
                <ErrorNotice error=form.other_error(&["email"])/>
                <PostForm form>
                    <div class="invite">
                        <Field
                            name="email"
                            kind="email"
                            required=false
                            autocomplete="off"
                            form
                            label=tu_string!(i18n, accounts.invite_email)
                        />
                        <Select
                            name="role"
                            label=tu_string!(i18n, accounts.role)
                            options=role_options(i18n.get_locale_untracked(), own)
                            form
                            value="member"
                        />
                        <SubmitButton
                            busy=form.pending
                            label=tu_string!(i18n, accounts.invite_submit)
                            busy_label=tu_string!(i18n, accounts.inviting)
                        />
                    </div>
                </PostForm>
                <div role="status">
                    {move || form.outcome::<Invited>().map(|made| view! { <Link link=made.link/> })}
                </div>
            </div>
            <Transition>
                {move || Suspend::new(async move {
                    waiting.await.ok().map(|waiting| view! { <Waiting waiting withdraw/> })
                })}
            </Transition>
        </section>
    }
}

#[component]
fn Link(link: String) -> impl IntoView {
    let i18n = use_i18n();
    view! {
        <div class="fld">
            <label for="invitation-link">{tu_string!(i18n, accounts.invite_made)}</label>
            <div class="secret">
                <input class="in" id="invitation-link" readonly value=link.clone()/>
                <CopyButton text=link/>
            </div>
        </div>
    }
}

#[component]
fn Waiting(waiting: Vec<Invitation>, withdraw: FormState) -> impl IntoView {
    let i18n = use_i18n();
    if waiting.is_empty() {
        return ().into_any();
    }
    view! {
        <h3 class="pad">{tu_string!(i18n, accounts.invites_open)}</h3>
        <ul class="list invites">
            {waiting
                .into_iter()
                .map(|invitation| {
                    let email = invitation.email.as_ref().map(ToString::to_string);
                    let role = invitation.role;
                    let by = invitation.created_by;
                    let until = rfc3339(invitation.expires_at);
                    let day = until.get(..10).unwrap_or_default().to_owned();
                    view! {
                        <li>
                            <div>
                                <b>{move || email.clone().unwrap_or_else(|| tu_string!(i18n, accounts.anyone).to_owned())}</b>
                                " · "
                                {role_name(i18n.get_locale_untracked(), role)}
                                <p class="xs mut">
                                    {tu_string!(i18n, accounts.made_by, name = by)} " · "
                                    {tu_string!(i18n, accounts.expires)} " " <time datetime=until>{day}</time>
                                </p>
                            </div>
                            <PostForm form=withdraw>
                                <input type="hidden" name="id" value=invitation.id/>
                                <button class="btn sm danger" type="submit">{tu_string!(i18n, accounts.withdraw)}</button>
                            </PostForm>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
    .into_any()
}

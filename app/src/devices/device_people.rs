//! Who sees a device: shared, taken back, left.

use domain::{DeviceId, finding::Sharer, role::DeviceRole};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};

use super::device_beside::Forms;
use crate::{
    form::PostForm,
    i18n::{Locale, use_i18n},
    parts::{Draw, ErrorNotice, Field, Icon, Select, SubmitButton},
};

fn role_name(locale: Locale, role: DeviceRole) -> &'static str {
    match role {
        DeviceRole::Owner => td_string!(locale, finding.role_owner),
        DeviceRole::Viewer => td_string!(locale, finding.role_viewer),
    }
}

/// The people with a role on it, for who may share it; and leaving, for with whom it was shared.
pub(super) fn card(
    id: DeviceId,
    people: Option<Vec<Sharer>>,
    may_leave: bool,
    forms: Forms,
) -> AnyView {
    if people.is_none() && !may_leave {
        return ().into_any();
    }
    let i18n = use_i18n();
    view! {
        <section class="card people">
            <header>
                <h2>{tu_string!(i18n, finding.people)}</h2>
            </header>
            {people.map(|people| sharing(id, people, forms))}
            {may_leave.then(|| leaving(id, forms))}
        </section>
    }
    .into_any()
}

fn sharing(id: DeviceId, people: Vec<Sharer>, forms: Forms) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let claimed = people.iter().any(|person| person.claimed);
    let rows = people
        .into_iter()
        .map(|person| {
            let label = td_string!(locale, finding.unshare_of, name = person.name.clone()).to_string();
            view! {
                <li class="line">
                    <span class="who">
                        <b>{person.name}</b>
                        <small class="mut">{person.email.to_string()}</small>
                    </span>
                    <span class="tag">{role_name(locale, person.role)}</span>
                    {(!person.claimed)
                        .then(|| {
                            view! {
                                <PostForm
                                    form=forms.unshare
                                    on_send=Callback::new(move |()| forms.again.set(false))
                                >
                                    <input type="hidden" name="id" value=id.to_string()/>
                                    <input type="hidden" name="person" value=person.id.to_string()/>
                                    <button class="btn ghost sq sm" type="submit" aria-label=label.clone() title=label>
                                        <Draw icon=Icon::X/>
                                    </button>
                                </PostForm>
                            }
                        })}
                </li>
            }
        })
        .collect_view();
    let roles = [DeviceRole::Viewer, DeviceRole::Owner].map(|role| {
        (
            role.as_str().to_owned(),
            role_name(i18n.get_locale_untracked(), role).to_owned(),
        )
    });
    view! {
        <ErrorNotice error=forms.unshare.error/>
        {unshared(id, forms)}
        <ul class="list">{rows}</ul>
        {claimed
            .then(|| {
                view! {
                    <details class="share" open=move || forms.share.error.read().is_some()>
                        <summary>{tu_string!(i18n, finding.share)}</summary>
                        <p class="sub">{tu_string!(i18n, finding.share_what)}</p>
                        <ErrorNotice error=forms.share.other_error(&["email"])/>
                        <PostForm form=forms.share class="form">
                            <input type="hidden" name="id" value=id.to_string()/>
                            <Field
                                name="email"
                                kind="email"
                                label=tu_string!(i18n, finding.share_email)
                                form=forms.share
                            />
                            <Select
                                name="role"
                                label=tu_string!(i18n, finding.share_role)
                                options=roles.to_vec()
                                form=forms.share
                                value="viewer"
                            />
                            <div class="row">
                                <SubmitButton
                                    label=tu_string!(i18n, finding.share_button)
                                    busy_label=tu_string!(i18n, frame.working)
                                    busy=forms.share.pending
                                />
                            </div>
                        </PostForm>
                    </details>
                }
            })}
    }
    .into_any()
}

/// Whose access has just ended, with the way back.
fn unshared(id: DeviceId, forms: Forms) -> AnyView {
    let i18n = use_i18n();
    let gone = move || {
        let gone = forms.unshare.outcome::<Sharer>();
        gone.filter(|_| !forms.again.get())
    };
    view! {
        <div role="status">
            {move || {
                gone()
                    .map(|person| {
                        view! {
                            <div class="banner">
                                <span>
                                    {tu_string!(i18n, finding.unshared, name = person.name).to_string()}
                                </span>
                                <PostForm
                                    form=forms.share
                                    class="push"
                                    on_send=Callback::new(move |()| forms.again.set(true))
                                >
                                    <input type="hidden" name="id" value=id.to_string()/>
                                    <input type="hidden" name="email" value=person.email.to_string()/>
                                    <input type="hidden" name="role" value=person.role.as_str()/>
                                    <button class="btn sm" type="submit">
                                        <Draw icon=Icon::Undo2/>
                                        {tu_string!(i18n, frame.undo)}
                                    </button>
                                </PostForm>
                            </div>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}

fn leaving(id: DeviceId, forms: Forms) -> AnyView {
    let i18n = use_i18n();
    view! {
        <details class="share">
            <summary>{tu_string!(i18n, finding.leave)}</summary>
            <p class="sub">{tu_string!(i18n, finding.leave_what)}</p>
            <ErrorNotice error=forms.leave.error/>
            <PostForm form=forms.leave class="form">
                <input type="hidden" name="id" value=id.to_string()/>
                <label class="check">
                    <input type="checkbox" name="sure" value="yes" required/>
                    {tu_string!(i18n, devices.sure)}
                </label>
                <div class="row">
                    <button class="btn danger" type="submit">
                        {tu_string!(i18n, finding.leave)}
                    </button>
                </div>
            </PostForm>
        </details>
    }
    .into_any()
}

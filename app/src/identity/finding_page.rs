//! One finding: what was known beside what was said, what can be done, exactly what each act does, and undo.

use std::collections::BTreeSet;

use domain::{
    identity::{Act, Finding, FindingState, Traits},
    live::Subject,
};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::hooks::use_params_map;

use super::{
    server_fns::{EnrolAgain, ResolveFinding, UndoFinding, read_finding},
    words,
};
use crate::{
    devices::label::{Label, ShownLabel},
    form::{FormState, PostForm},
    i18n::use_i18n,
    live,
    parts::{
        ErrorNotice, ForbiddenPage, Mark, NotFoundPage, PageTitle, StatusMark, SubmitButton, Time,
        number::grouped,
    },
    session::use_me,
};

/// The forms of the page.
#[derive(Clone, Copy)]
struct Forms {
    resolve: FormState,
    undo: FormState,
    code: FormState,
}

/// One finding; administrators only.
#[component]
pub fn FindingPage() -> impl IntoView {
    if !use_me().role.is_admin() {
        return view! { <ForbiddenPage/> }.into_any();
    }
    let i18n = use_i18n();
    let params = use_params_map();
    let id = Memo::new(move |_| {
        let id = params.read().get("id").and_then(|id| id.parse().ok());
        id.unwrap_or(0_i64)
    });
    let forms = Forms {
        resolve: FormState::of::<ResolveFinding>(),
        undo: FormState::of::<UndoFinding>(),
        code: FormState::of::<EnrolAgain>(),
    };
    let changed = live::watch(|| Some(Subject::Overview));
    let finding = Resource::new_blocking(
        move || {
            (
                id.get(),
                forms.resolve.tries(),
                forms.undo.tries(),
                changed.get(),
            )
        },
        |(id, ..)| read_finding(id),
    );
    view! {
        <PageTitle text=tu_string!(i18n, frame.identity)/>
        <Transition>
            {move || Suspend::new(async move {
                match finding.await {
                    Ok(finding) => shown(finding, forms),
                    Err(crate::Failure(domain::AppError::NotFound)) => view! { <NotFoundPage/> }.into_any(),
                    Err(failure) => view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

fn shown(finding: Finding, forms: Forms) -> AnyView {
    let i18n = use_i18n();
    let (kind, evidence, reaction) = (finding.kind, finding.evidence, finding.reaction);
    let (held, count) = (finding.held, finding.count);
    let open = finding.state == FindingState::Open;
    let device = format!("/devices/{}", finding.device);
    let other = finding.other.clone();
    view! {
        <div class="head">
            <h1>{words::kind(i18n.get_locale_untracked(), kind)}</h1>
            <StatusMark
                mark=if open { Mark::Warning } else { Mark::Done }
                word=if open {
                    tu_string!(i18n, identity.open)
                } else {
                    tu_string!(i18n, identity.resolved)
                }
            />
            <a class="meta" href=device>{finding.device_name.clone()}</a>
        </div>
        <p>{words::meaning(i18n.get_locale_untracked(), kind)}</p>
        <ErrorNotice error=forms.resolve.error/>
        <ErrorNotice error=forms.undo.error/>
        <ErrorNotice error=forms.code.error/>
        <section class="card">
            <header>
                <h2>{tu_string!(i18n, identity.compared)}</h2>
                <span class="more">
                    {tu_string!(i18n, identity.seen, n = grouped(count.into())).to_string()}
                    " · "
                    <Time at=Signal::stored(Some(finding.last_at))/>
                </span>
            </header>
            <Compared known=finding.known.clone() said=finding.said.clone()/>
            <div class="pad">
                <p class="sub">{words::evidence(i18n.get_locale_untracked(), evidence)}</p>
                {other.map(|(id, name)| view! {
                    <p class="sub">
                        {tu_string!(i18n, identity.other_device)} " "
                        <a class="lnk" href=format!("/devices/{id}")>{name}</a>
                    </p>
                })}
                <p class="sub">
                    {tu_string!(i18n, identity.held_now, n = grouped(held)).to_string()}
                    " · "
                    {tu_string!(i18n, identity.policy_was)} " "
                    {words::reaction(i18n.get_locale_untracked(), reaction)}
                </p>
            </div>
        </section>
        {match finding.act {
            None => acts(&finding, forms),
            Some(act) => decided(&finding, act, forms),
        }}
    }
    .into_any()
}

#[component]
fn Compared(known: Traits, said: Traits) -> impl IntoView {
    let i18n = use_i18n();
    let joined = |macs: &BTreeSet<String>| macs.iter().cloned().collect::<Vec<_>>().join(", ");
    let rows = [
        ("UUID", known.uuid.to_string(), said.uuid.to_string()),
        ("cpu_serial", known.cpu_serial, said.cpu_serial),
        (
            "storage_id",
            known.storage_id.unwrap_or_default(),
            said.storage_id.unwrap_or_default(),
        ),
        ("MAC", joined(&known.macs), joined(&said.macs)),
    ];
    let name = move |key: &'static str| match key {
        "cpu_serial" => tu_string!(i18n, identity.cpu_serial),
        "storage_id" => tu_string!(i18n, identity.storage_id),
        "MAC" => tu_string!(i18n, identity.macs),
        other => other,
    };
    let or_none = |text: String| {
        if text.is_empty() {
            "–".to_owned()
        } else {
            text
        }
    };
    view! {
        <div class="tablebox">
            <table class="grid compared">
                <thead>
                    <tr>
                        <td></td>
                        <th scope="col">{tu_string!(i18n, identity.known)}</th>
                        <th scope="col">{tu_string!(i18n, identity.said)}</th>
                    </tr>
                </thead>
                <tbody>
                    {rows
                        .into_iter()
                        .map(|(key, known, said)| {
                            let differs = !known.is_empty() && !said.is_empty() && known != said;
                            view! {
                                <tr class:differs=differs>
                                    <th scope="row">{name(key)}</th>
                                    <td class="mono">{or_none(known)}</td>
                                    <td class="mono">
                                        {or_none(said)}
                                        {differs.then(|| view! {
                                            " " <span class="tag">{tu_string!(i18n, identity.differs)}</span>
                                        })}
                                    </td>
                                </tr>
                            }
                        })
                        .collect_view()}
                </tbody>
            </table>
        </div>
    }
}

/// What can be done, each with exactly what it does.
fn acts(finding: &Finding, forms: Forms) -> AnyView {
    let i18n = use_i18n();
    let id = finding.id;
    let held = finding.held;
    view! {
        <section class="card">
            <header><h2>{tu_string!(i18n, identity.decide)}</h2></header>
            <ul class="list acts">
                {finding
                    .acts()
                    .into_iter()
                    .enumerate()
                    .map(|(at, act)| {
                        let serial = finding.said.cpu_serial.clone();
                        let class = match (at, act) {
                            (0, _) => "pri",
                            (_, Act::Block | Act::Reprovision | Act::Disable) => "danger",
                            _ => "",
                        };
                        view! {
                            <li>
                                <p>{words::effect(i18n.get_locale_untracked(), act, &serial, held)}</p>
                                <PostForm form=forms.resolve>
                                    <input type="hidden" name="id" value=id/>
                                    <input type="hidden" name="act" value=act.as_str()/>
                                    <SubmitButton
                                        label=words::act(i18n.get_locale_untracked(), act)
                                        busy_label=tu_string!(i18n, frame.working)
                                        busy=forms.resolve.pending
                                        class=class
                                    />
                                </PostForm>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </section>
    }
    .into_any()
}

/// What was done, by whom, and how to take it back.
fn decided(finding: &Finding, act: Act, forms: Forms) -> AnyView {
    let i18n = use_i18n();
    let id = finding.id;
    let by = finding.by.clone();
    let may_undo = finding.may_undo;
    let again = act == Act::Reprovision;
    view! {
        <section class="card">
            <header>
                <h2>{words::act(i18n.get_locale_untracked(), act)}</h2>
                <span class="more">
                    {move || by.clone().unwrap_or_else(|| tu_string!(i18n, identity.by_policy).to_owned())}
                    " · "
                    <Time at=Signal::stored(finding.resolved_at)/>
                </span>
            </header>
            <ul class="list acts">
                {again.then(|| view! {
                    <li>
                        <p>{tu_string!(i18n, identity.code_about)}</p>
                        <PostForm form=forms.code>
                            <input type="hidden" name="id" value=id/>
                            <SubmitButton
                                label=tu_string!(i18n, identity.new_code)
                                busy_label=tu_string!(i18n, frame.working)
                                busy=forms.code.pending
                            />
                        </PostForm>
                    </li>
                })}
                <li>
                    <p>
                        {if may_undo {
                            match act {
                                Act::Disable => tu_string!(i18n, identity.undo_disable),
                                _ => tu_string!(i18n, identity.undo_about),
                            }
                        } else {
                            tu_string!(i18n, identity.undo_late)
                        }}
                    </p>
                    {may_undo.then(|| view! {
                        <PostForm form=forms.undo>
                            <input type="hidden" name="id" value=id/>
                            <SubmitButton
                                label=tu_string!(i18n, frame.undo)
                                busy_label=tu_string!(i18n, frame.working)
                                busy=forms.undo.pending
                                class=""
                            />
                        </PostForm>
                    })}
                </li>
            </ul>
        </section>
        {move || forms.code.outcome::<Label>().map(|label| view! { <ShownLabel label/> })}
    }
    .into_any()
}

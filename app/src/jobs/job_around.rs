//! What stands around the devices of a job: what can be done with it, how far it has come, and which of its devices are
//! shown. A browser loads it after them; its links and forms work before that.

use domain::{
    JobId,
    job::{Job, JobState, StepState},
};
use leptos::prelude::*;
use leptos_i18n::td_string;

use super::{
    job_page::{Shown, names},
    words,
};
use crate::{
    commands::history::arguments,
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    parts::{Draw, Icon, SearchForm, Time, later::later, number::grouped},
};

/// Of which job.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) id: JobId,
    /// What the address asks for.
    pub(super) asked: Memo<Shown>,
    /// The job, where it could be read.
    pub(super) job: RwSignal<Option<Job>>,
    pub(super) cancel: FormState,
    pub(super) retry: FormState,
}

/// Where it stands.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// Beside the title.
    Acts,
    /// Above the devices.
    Summary,
}

/// One of them, in its place; both come with one answer.
pub(super) fn part(part: Part, of: Around) -> AnyView {
    later(move || around(Box::new((part, of))))
}

/// What stands around the devices, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
async fn around(of: Box<(Part, Around)>) -> AnyView {
    drawn(of.0, of.1)
}

/// What stands around the devices. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
#[allow(
    clippy::unused_async,
    reason = "a part is waited for where it is loaded"
)]
async fn around(of: Box<(Part, Around)>) -> AnyView {
    drawn(of.0, of.1)
}

fn drawn(part: Part, of: Around) -> AnyView {
    let locale = use_i18n().get_locale_untracked();
    let Around { id, asked, job, .. } = of;
    match part {
        Part::Acts => (move || job.read().as_ref().map(|job| acts(locale, job, of))).into_any(),
        Part::Summary => {
            let known = Memo::new(move |_| job.read().is_some());
            view! {
                {move || job.read().as_ref().map(|job| summary(locale, job))}
                {move || job.read().as_ref().map(|job| tabs(locale, &asked.read(), job))}
                {move || known.get().then(|| search(locale, &asked.read(), id))}
            }
            .into_any()
        }
    }
}

fn acts(locale: Locale, job: &Job, of: Around) -> AnyView {
    let Around { cancel, retry, .. } = of;
    let shown = of.asked.read();
    let (id, job_id) = (job.id.to_string(), job.id.to_string());
    let again = |states: &[StepState]| -> u32 { states.iter().map(|s| job.counts.of(*s)).sum() };
    // Of what is shown, where that may be tried again; else of all that were told and did not do it.
    let (states, words) = match shown.states.as_slice() {
        [one] if one.may_be_retried() => {
            let n = grouped(again(&[*one]).into());
            let state = words::step(locale, *one);
            (
                vec![*one],
                td_string!(locale, jobs.again, state = state, n = n).to_string(),
            )
        }
        _ => {
            let n = grouped(again(&StepState::RETRIED).into());
            (
                StepState::RETRIED.to_vec(),
                td_string!(locale, jobs.again_all, n = n).to_string(),
            )
        }
    };
    let retried = (again(&states) > 0).then(|| {
        view! {
            <PostForm form=retry>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="states" value=names(&states)/>
                <button class="btn" type="submit" disabled=move || retry.pending.get()>
                    <Draw icon=Icon::RefreshCw/>
                    {words}
                </button>
            </PostForm>
        }
    });
    let count = job.counts.waiting;
    let waiting = grouped(count.into());
    let cancelled = (job.state == JobState::Running).then(|| {
        let what = td_string!(locale, jobs.cancel_what, n = waiting).to_string();
        let said = what.clone();
        view! {
            <PostForm form=cancel>
                <input type="hidden" name="id" value=job_id/>
                <button class="btn danger" type="submit" title=what disabled=move || cancel.pending.get()>
                    <Draw icon=Icon::X/>
                    {td_string!(locale, jobs.cancel)}
                </button>
            </PostForm>
            <p class="mut xs">{said}</p>
        }
    });
    view! { <div class="acts">{retried} {cancelled}</div> }.into_any()
}

/// How far it has come, and what it is.
fn summary(locale: Locale, job: &Job) -> AnyView {
    let component = job.component.as_ref().map(ToString::to_string);
    let arguments = arguments(&job.arguments);
    let pace = td_string!(locale, jobs.pace, n = grouped(job.pace.concurrency.into())).to_string();
    let stagger = (job.pace.stagger_ms > 0).then(|| {
        let seconds = job.pace.stagger_ms / 1_000;
        td_string!(locale, jobs.stagger, s = seconds).to_string()
    });
    view! {
        <section class="card jobsum">
            {words::bar(&job.counts)}
            <dl class="facts">
                <dt>{td_string!(locale, jobs.command)}</dt>
                <dd class="row">
                    <b class="mono">{job.name.clone()}</b>
                    {component.map(|component| view! { <span class="mono">{component}</span> })}
                    {arguments.map(|arguments| view! { <code class="ell">{arguments}</code> })}
                </dd>
                <dt>{td_string!(locale, jobs.created)}</dt>
                <dd class="row"><Time at=Signal::stored(Some(job.created_at))/> {job.created_by_name.clone()}</dd>
                <dt>{td_string!(locale, jobs.until)}</dt>
                <dd><Time at=Signal::stored(Some(job.expires_at))/></dd>
                <dt>{td_string!(locale, jobs.how)}</dt>
                <dd class="row">{pace} {stagger.map(|stagger| view! { <span>{stagger}</span> })}</dd>
                {job.parent.map(|parent| view! {
                    <dt>{td_string!(locale, jobs.parent)}</dt>
                    <dd><a href=format!("/jobs/{parent}")>{td_string!(locale, jobs.parent)}</a></dd>
                })}
            </dl>
        </section>
    }
    .into_any()
}

fn tabs(locale: Locale, shown: &Shown, job: &Job) -> AnyView {
    let tab = |states: Vec<StepState>, words: &'static str, count: u32| {
        let current = states == shown.states;
        let href = Shown {
            states,
            page: 1,
            ..shown.clone()
        }
        .href(job.id);
        view! {
            <a href=href aria-current=current.then_some("page")>
                {words} " " <span class="num mut">{grouped(count.into())}</span>
            </a>
        }
    };
    let tabs: Vec<_> = std::iter::once(tab(
        Vec::new(),
        td_string!(locale, jobs.all),
        job.counts.total(),
    ))
    .chain(
        StepState::ALL
            .iter()
            .copied()
            .filter(|state| job.counts.of(*state) > 0 || shown.states == [*state])
            .map(|state| {
                tab(
                    vec![state],
                    words::step(locale, state),
                    job.counts.of(state),
                )
            }),
    )
    .collect();
    view! { <nav class="tabs" aria-label=td_string!(locale, jobs.state)>{tabs}</nav> }.into_any()
}

fn search(locale: Locale, shown: &Shown, id: JobId) -> AnyView {
    let states = names(&shown.states);
    view! {
        <SearchForm action=format!("/jobs/{id}") find=td_string!(locale, jobs.search_device) value=shown.search.clone()>
            {(!states.is_empty()).then(|| view! { <input type="hidden" name="state" value=states/> })}
        </SearchForm>
    }
    .into_any()
}

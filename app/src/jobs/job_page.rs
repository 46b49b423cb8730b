//! One job: how far it has come, and each of its devices. Every count leads to exactly those devices.

use domain::{
    AppError, JobId, Page,
    job::{Job, JobState, Step, StepState},
    live::Subject,
};
use leptos::prelude::*;
use leptos_i18n::td_string;
use leptos_router::{
    hooks::{use_params_map, use_query_map},
    location::Url,
};

use super::{
    server_fns::{CancelJob, RetryJob, read_job},
    words,
};
use crate::{
    Failure,
    commands::words as command_words,
    devices::words as device_words,
    form::{FormState, PostForm},
    i18n::{Locale, use_i18n},
    live::watch,
    parts::{
        Draw, ErrorNotice, Icon, NotFoundPage, PageTitle, Pagination, SearchForm, Time,
        number::grouped, status_mark::Shape,
    },
};

/// What of its devices is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    states: Vec<StepState>,
    search: String,
    page: u32,
}

impl Shown {
    fn href(&self, id: JobId) -> String {
        let mut parts = Vec::new();
        if !self.states.is_empty() {
            parts.push(format!("state={}", names(&self.states)));
        }
        if !self.search.is_empty() {
            parts.push(format!("q={}", Url::escape(&self.search)));
        }
        if self.page > 1 {
            parts.push(format!("page={}", self.page));
        }
        match parts.is_empty() {
            true => format!("/jobs/{id}"),
            false => format!("/jobs/{id}?{}", parts.join("&")),
        }
    }
}

fn names(states: &[StepState]) -> String {
    let names: Vec<_> = states.iter().map(|state| state.as_str()).collect();
    names.join(",")
}

/// One job.
#[component]
pub fn JobPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        let text = params.read().get("id").unwrap_or_default();
        text.parse::<JobId>().ok()
    });
    move || match id.get() {
        Some(id) => view! { <OneJob id/> }.into_any(),
        None => view! { <NotFoundPage/> }.into_any(),
    }
}

#[component]
fn OneJob(id: JobId) -> impl IntoView {
    let map = use_query_map();
    let shown = Memo::new(move |_| {
        let map = map.read();
        let states = map.get("state").unwrap_or_default();
        Shown {
            states: states.split(',').filter_map(StepState::parse).collect(),
            search: map.get("q").unwrap_or_default(),
            page: map
                .get("page")
                .and_then(|page| page.parse().ok())
                .unwrap_or(1),
        }
    });
    let cancel = FormState::of::<CancelJob>();
    let retry = FormState::of::<RetryJob>();
    let changed = watch(move || Some(Subject::Job { job: id }));
    let job = Resource::new_blocking(
        move || (shown.get(), cancel.times_done(), changed.get()),
        move |(shown, ..)| read_job(id, shown.states, shown.search, shown.page),
    );
    view! {
        <ErrorNotice error=cancel.error/>
        <ErrorNotice error=retry.error/>
        <Transition>
            {move || Suspend::new(async move {
                match job.await {
                    Ok((job, steps)) => drawn(&shown.get(), job, steps, cancel, retry),
                    Err(Failure(AppError::NotFound)) => view! { <NotFoundPage/> }.into_any(),
                    Err(Failure(error)) => {
                        view! { <ErrorNotice error=Signal::stored(Some(error))/> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

fn drawn(
    shown: &Shown,
    job: Job,
    steps: Page<Step>,
    cancel: FormState,
    retry: FormState,
) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let (id, counts) = (job.id, job.counts);
    let of = td_string!(
        locale,
        jobs.of,
        ended = grouped(counts.ended().into()),
        total = grouped(counts.total().into())
    )
    .to_string();
    view! {
        <PageTitle text=job.title.clone()/>
        <div class="head">
            <h1>{job.title.clone()}</h1>
            <div class="row" role="status">
                <span class="status">
                    <Shape mark=Signal::stored(words::job_mark(job.state, &counts))/>
                    <b>{words::job(locale, job.state)}</b>
                </span>
                <span class="mut num">{of}</span>
            </div>
            <div class="acts">{acts(locale, shown, &job, cancel, retry)}</div>
        </div>
        <section class="card jobsum">
            {words::bar(&counts)}
            {facts(locale, &job)}
        </section>
        {tabs(locale, shown, &job)}
        {search(locale, shown, id)}
        {table(locale, shown, id, steps)}
    }
    .into_any()
}

fn acts(locale: Locale, shown: &Shown, job: &Job, cancel: FormState, retry: FormState) -> AnyView {
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
        let what = td_string!(locale, jobs.cancel_what, n = waiting, count = count).to_string();
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
    view! { {retried} {cancelled} }.into_any()
}

fn facts(locale: Locale, job: &Job) -> AnyView {
    let component = job.component.as_ref().map(ToString::to_string);
    let arguments = match job.arguments.as_object() {
        Some(object) if !object.is_empty() => Some(job.arguments.to_string()),
        _ => None,
    };
    let pace = td_string!(locale, jobs.pace, n = grouped(job.pace.concurrency.into())).to_string();
    let stagger = (job.pace.stagger_ms > 0).then(|| {
        let seconds = job.pace.stagger_ms / 1_000;
        td_string!(locale, jobs.stagger, s = seconds).to_string()
    });
    view! {
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

fn table(locale: Locale, shown: &Shown, id: JobId, steps: Page<Step>) -> AnyView {
    if steps.total == 0 {
        return view! {
            <section class="card"><p class="mut pad">{td_string!(locale, jobs.nobody)}</p></section>
        }
        .into_any();
    }
    let href = {
        let shown = shown.clone();
        Callback::new(move |page| {
            Shown {
                page,
                ..shown.clone()
            }
            .href(id)
        })
    };
    let (total, page, page_size) = (steps.total, steps.page, steps.page_size);
    let rows = steps
        .items
        .into_iter()
        .map(|step| row(locale, step))
        .collect_view();
    view! {
        <section class="card jobs">
            <div class="tablebox">
                <table class="grid entries">
                    <thead>
                        <tr>
                            <th scope="col">{td_string!(locale, jobs.device)}</th>
                            <th scope="col">{td_string!(locale, jobs.state)}</th>
                            <th scope="col">{td_string!(locale, jobs.reason)}</th>
                            <th scope="col">{td_string!(locale, jobs.when)}</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <Pagination total page page_size href/>
        </section>
    }
    .into_any()
}

fn row(locale: Locale, step: Step) -> AnyView {
    let progress = step
        .progress
        .filter(|_| step.state == StepState::Running)
        .map(|progress| format!("{progress} %"));
    let attempt =
        (step.attempt > 1).then(|| td_string!(locale, jobs.attempt, n = step.attempt).to_string());
    let reason = step
        .reason
        .map(|code| (command_words::reason(locale, &code), code));
    let output = step.output.map(|output| output.to_string());
    let presence = device_words::presence(locale, step.presence);
    let device = match step.visible {
        true => view! {
            <a class="strong" href=format!("/devices/{}", step.device)>{step.device_name}</a>
            <small class="mut">{presence}</small>
        }
        .into_any(),
        false => view! { <span class="mut">{td_string!(locale, jobs.unseen)}</span> }.into_any(),
    };
    view! {
        <tr>
            <td>{device}</td>
            <td>
                <span class="status">
                    <Shape mark=Signal::stored(words::step_mark(step.state))/>
                    <b>{words::step(locale, step.state)}</b>
                    {progress.map(|progress| view! { <span class="num">{progress}</span> })}
                    {attempt.map(|attempt| view! { <span class="why">{attempt}</span> })}
                </span>
            </td>
            <td class="said">
                {reason.map(|(words, code)| view! { <span title=code>{words}</span> })}
                {output.map(|output| view! { <code>{output}</code> })}
            </td>
            <td class="mut"><Time at=Signal::stored(step.finished_at)/></td>
        </tr>
    }
    .into_any()
}

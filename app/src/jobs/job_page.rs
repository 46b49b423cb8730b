//! One job: how far it has come, and each of its devices. Every count leads to exactly those devices.

use domain::{
    AppError, JobId, Page,
    job::{Job, Step, StepState},
    live::Subject,
};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::td_string;
use leptos_router::{
    hooks::{use_params_map, use_query_map},
    location::Url,
};
use serde::{Deserialize, Serialize};

use super::{
    job_around::{Around, Part, part},
    server_fns::{CancelJob, RetryJob, read_job},
    words,
};
use crate::{
    Failure,
    commands::words as command_words,
    devices::words as device_words,
    form::FormState,
    i18n::{Locale, use_i18n},
    live::watch,
    parts::{
        ErrorNotice, NotFoundPage, PageTitle, Pagination, Time, number::grouped, status_mark::Shape,
    },
};

/// What was asked for, and what came of it: the job and one page of its devices.
type Answer = (Shown, Result<(Job, Page<Step>), Failure>);
/// What was asked for, and one page of it.
type Rows = (Shown, Page<Step>);

/// What of its devices is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) states: Vec<StepState>,
    pub(super) search: String,
    pub(super) page: u32,
}

impl Shown {
    /// Its address.
    pub(super) fn href(&self, id: JobId) -> String {
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

/// The states, as the address and a form spell them.
pub(super) fn names(states: &[StepState]) -> String {
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
        move |(shown, ..)| async move {
            let Shown {
                states,
                search,
                page,
            } = shown.clone();
            (shown, read_job(id, states, search, page).await)
        },
    );
    view! {
        <ErrorNotice error=cancel.error/>
        <ErrorNotice error=retry.error/>
        <Transition>
            {move || Suspend::new(
                // What changes later changes on the page: what comes after it stays.
                ScopedFuture::new_untracked(async move {
                    match job.await {
                        (_, Err(Failure(AppError::NotFound))) => view! { <NotFoundPage/> }.into_any(),
                        first => page(id, shown, job, first, [cancel, retry]),
                    }
                }),
            )}
        </Transition>
    }
}

fn page(
    id: JobId,
    asked: Memo<Shown>,
    answer: Resource<Answer>,
    first: Answer,
    [cancel, retry]: [FormState; 2],
) -> AnyView {
    let locale = use_i18n().get_locale_untracked();
    let (job, rows) = (RwSignal::new(None::<Job>), RwSignal::new(None::<Rows>));
    let failed = RwSignal::new(None::<AppError>);
    let take = move |(of, answer): Answer| {
        match answer {
            Ok((now, steps)) => {
                failed.set(None);
                let (now, steps) = (Some(now), Some((of, steps)));
                if *job.read_untracked() != now {
                    job.set(now);
                }
                if *rows.read_untracked() != steps {
                    rows.set(steps);
                }
            }
            Err(Failure(error)) => {
                let gone = error == AppError::NotFound;
                // Devices that were not asked for are no answer; those that were are better than none.
                let other = rows
                    .read_untracked()
                    .as_ref()
                    .is_some_and(|(before, _)| *before != asked.get_untracked());
                failed.set(Some(error));
                if gone {
                    job.set(None);
                }
                if gone || other {
                    rows.set(None);
                }
            }
        }
    };
    take(first);
    Effect::new(move || {
        if let Some(answer) = answer.get() {
            take(answer);
        }
    });
    let title = Signal::derive(move || match &*job.read() {
        Some(job) => job.title.clone(),
        None => td_string!(locale, jobs.title).to_owned(),
    });
    let of = Around {
        id,
        asked,
        job,
        cancel,
        retry,
    };
    view! {
        <PageTitle text=title/>
        <ErrorNotice error=failed/>
        <div class="head">
            {move || job.read().as_ref().map(|job| head(locale, job))}
            {part(Part::Acts, of)}
        </div>
        {part(Part::Summary, of)}
        {move || rows.get().map(|(shown, steps)| table(locale, &shown, id, steps))}
    }
    .into_any()
}

fn head(locale: Locale, job: &Job) -> AnyView {
    let counts = job.counts;
    let of = td_string!(
        locale,
        jobs.of,
        ended = grouped(counts.ended().into()),
        total = grouped(counts.total().into())
    )
    .to_string();
    view! {
        <h1>{job.title.clone()}</h1>
        <div class="row" role="status">
            <span class="status">
                <Shape mark=Signal::stored(words::job_mark(job.state, &counts))/>
                <b>{words::job(locale, job.state)}</b>
            </span>
            <span class="mut num">{of}</span>
        </div>
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

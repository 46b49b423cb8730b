//! The list of jobs: found by name and state, newest first, each with how far it has come.

use domain::{
    Page,
    job::{Job, JobState, StepState},
    live::Subject,
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use leptos_router::{hooks::use_query_map, location::Url};

use super::{server_fns::list_jobs, words};
use crate::{
    i18n::{Locale, use_i18n},
    live::watch,
    parts::{
        Draw, Empty, ErrorNotice, Icon, PageTitle, Pagination, SearchForm, Time, number::grouped,
        status_mark::Shape,
    },
};

fn address(search: &str, state: Option<JobState>, page: u32) -> String {
    let mut parts = Vec::new();
    if !search.is_empty() {
        parts.push(format!("q={}", Url::escape(search)));
    }
    parts.extend(state.map(|state| format!("state={}", state.as_str())));
    if page > 1 {
        parts.push(format!("page={page}"));
    }
    match parts.is_empty() {
        true => "/jobs".to_owned(),
        false => format!("/jobs?{}", parts.join("&")),
    }
}

/// The list of jobs.
#[component]
pub fn JobListPage() -> impl IntoView {
    let i18n = use_i18n();
    let map = use_query_map();
    let asked = Memo::new(move |_| {
        let map = map.read();
        let state = map.get("state").and_then(|name| JobState::parse(&name));
        let page = map.get("page").and_then(|page| page.parse().ok());
        (
            map.get("q").unwrap_or_default(),
            state,
            page.unwrap_or(1_u32),
        )
    });
    let changed = watch(|| Some(Subject::Jobs));
    let jobs = Resource::new_blocking(
        move || (asked.get(), changed.get()),
        |((search, state, page), _)| list_jobs(search, state, page),
    );
    view! {
        <PageTitle text=tu_string!(i18n, jobs.title)/>
        <div class="head">
            <h1>{tu_string!(i18n, jobs.title)}</h1>
            <div class="acts">
                <a class="btn" href="/devices">
                    <Draw icon=Icon::Cpu/>
                    {tu_string!(i18n, jobs.to_devices)}
                </a>
            </div>
        </div>
        <Transition>
            {move || Suspend::new(async move {
                match jobs.await {
                    Ok(page) => list(asked.get(), page),
                    Err(failure) => {
                        view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

fn list((search, state, _): (String, Option<JobState>, u32), page: Page<Job>) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let chips = std::iter::once(None)
        .chain(JobState::ALL.iter().copied().map(Some))
        .map(|of| {
            let words = of.map_or(td_string!(locale, jobs.all), |of| words::job(locale, of));
            view! {
                <a href=address(&search, of, 1) aria-current=(of == state).then_some("page")>{words}</a>
            }
        })
        .collect_view();
    let href = {
        let search = search.clone();
        Callback::new(move |page| address(&search, state, page))
    };
    let rows = page
        .items
        .into_iter()
        .map(|job| row(locale, job))
        .collect_view();
    view! {
        <nav class="tabs" aria-label=td_string!(locale, jobs.state)>{chips}</nav>
        <SearchForm action="/jobs" find=td_string!(locale, jobs.find) value=search>
            {state.map(|state| view! { <input type="hidden" name="state" value=state.as_str()/> })}
        </SearchForm>
        {match page.total {
            0 => view! {
                <section class="card">
                    <Empty
                        icon=Icon::Terminal
                        title=tu_string!(i18n, jobs.none)
                        text=tu_string!(i18n, jobs.none_hint)
                    />
                    <p class="row pad">
                        <a class="btn pri" href="/devices">{td_string!(locale, jobs.to_devices)}</a>
                    </p>
                </section>
            }
            .into_any(),
            total => view! {
                <section class="card jobs">
                    <div class="tablebox">
                        <table class="grid entries">
                            <thead>
                                <tr>
                                    <th scope="col">{td_string!(locale, jobs.title)}</th>
                                    <th scope="col">{td_string!(locale, jobs.state)}</th>
                                    <th scope="col">{td_string!(locale, jobs.progress)}</th>
                                    <th scope="col">{td_string!(locale, jobs.created)}</th>
                                    <th scope="col" class="wideonly">{td_string!(locale, jobs.by)}</th>
                                </tr>
                            </thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                    <Pagination total page=page.page page_size=page.page_size href/>
                </section>
            }
            .into_any(),
        }}
    }
    .into_any()
}

fn row(locale: Locale, job: Job) -> AnyView {
    let counts = job.counts;
    let address = format!("/jobs/{}", job.id);
    let of = td_string!(
        locale,
        jobs.of,
        ended = grouped(counts.ended().into()),
        total = grouped(counts.total().into())
    )
    .to_string();
    let links = [StepState::Failed, StepState::TimedOut, StepState::Expired]
        .into_iter()
        .filter(|state| counts.of(*state) > 0)
        .map(|state| {
            let href = format!("{address}?state={}", state.as_str());
            let words = words::step(locale, state);
            let count = grouped(counts.of(state).into());
            view! { <a class="num" href=href>{words} " " {count}</a> }
        })
        .collect_view();
    view! {
        <tr>
            <td>
                <a class="strong" href=address.clone()>{job.title}</a>
            </td>
            <td>
                <span class="status">
                    <Shape mark=Signal::stored(words::job_mark(job.state, &counts))/>
                    <b>{words::job(locale, job.state)}</b>
                </span>
            </td>
            <td>
                <span class="jobcounts">{words::bar(&counts)} <span class="num">{of}</span> {links}</span>
            </td>
            <td class="mut"><Time at=Signal::stored(Some(job.created_at))/></td>
            <td class="mut wideonly">{job.created_by_name}</td>
        </tr>
    }
    .into_any()
}

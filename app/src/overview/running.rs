//! The jobs that are under way. A browser loads them after the page; a change of the site is read with the latest events.

use domain::{Page, job::Job};
use leptos::prelude::*;
use leptos_i18n::td_string;

use super::overview_page::PartOf;
use crate::{
    Failure,
    devices::server_fns::read_running_jobs,
    i18n::{Locale, use_i18n},
    jobs::words,
    parts::{ErrorNotice, clock::use_now, number::grouped},
    reading::{read_again, unanswered},
};

/// How often they are read again while there are some, in milliseconds.
const WHILE_JOBS_RUN_MS: i64 = 5_000;

/// The jobs that are under way, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn running(of: Box<PartOf>) -> AnyView {
    drawn(*of).await
}

/// The jobs that are under way. Without the hint that would have them loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn running(of: Box<PartOf>) -> AnyView {
    drawn(*of).await
}

async fn drawn(of: PartOf) -> AnyView {
    let locale = use_i18n().get_locale_untracked();
    let now = use_now().0;
    let shown = of.jobs;
    // How far a job has come is told to the pages of jobs alone.
    let some = Memo::new(move |_| shown.read().as_ref().is_some_and(|jobs| jobs.total > 0));
    let beat = move || now.get() / WHILE_JOBS_RUN_MS;
    let asked = Memo::new(move |_| some.get().then(beat));
    of.take_jobs(read_running_jobs().await);
    let known = asked.get_untracked();
    let before = StoredValue::new(known);
    read_again(
        asked,
        Some(known),
        move |beat: Option<i64>| {
            // The first of them came with a change, just now.
            let first = before.get_value().is_none();
            before.set_value(beat);
            async move {
                match beat.is_some() && !first {
                    true => Some(read_running_jobs().await),
                    false => None,
                }
            }
        },
        move |_, answer: Option<Result<Page<Job>, Failure>>| {
            if let Some(answer) = answer.filter(|answer| !unanswered(answer)) {
                of.take_jobs(answer);
            }
        },
    );
    let alone = of.alone(of.jobs_failed);
    let some = move || shown.get().filter(|jobs| jobs.total > 0);
    view! {
        <ErrorNotice error=alone/>
        {move || some().map(|jobs| card(locale, jobs))}
    }
    .into_any()
}

/// The latest of them, each with how far it has come.
fn card(locale: Locale, jobs: Page<Job>) -> AnyView {
    let lines = jobs
        .items
        .into_iter()
        .map(|job| {
            let counts = job.counts;
            let of = td_string!(
                locale,
                jobs.of,
                ended = grouped(counts.ended().into()),
                total = grouped(counts.total().into())
            )
            .to_string();
            view! {
                <li class="line">
                    <a class="strong ell" href=format!("/jobs/{}", job.id)>{job.title}</a>
                    <span class="jobcounts">
                        {words::bar(&counts)}
                        <span class="num">{of}</span>
                    </span>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="card" id="jobs">
            <header>
                <h2>{td_string!(locale, overview.jobs)}</h2>
                <span class="n">{grouped(jobs.total)}</span>
                <a class="lnk xs push" href="/jobs?state=running">{td_string!(locale, overview.jobs_all)}</a>
            </header>
            <ul class="list">{lines}</ul>
        </section>
    }
    .into_any()
}

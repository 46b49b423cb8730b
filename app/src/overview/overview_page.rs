//! The site at a glance: how many are well, which are not, what is under way, what happened last; and where
//! there is nothing yet, how to begin.

use domain::{
    Page,
    device::{DeviceSummary, PresenceCounts},
    finding::Trouble,
    job::Job,
    live::Subject,
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};

use crate::{
    devices::{
        device_events::EventLine,
        server_fns::{Overview, read_overview},
        trouble, words,
    },
    i18n::{Locale, use_i18n},
    jobs::words as job_words,
    live::watch,
    parts::{
        Empty, ErrorNotice, Icon, Mark, PageTitle, StatusMark, Time, clock::use_now,
        number::grouped, status_mark::Shape,
    },
    session::use_me,
};

/// How often the overview is read again while jobs are under way, in milliseconds.
const WHILE_JOBS_RUN_MS: i64 = 5_000;

/// The overview.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let i18n = use_i18n();
    let changed = watch(|| Some(Subject::Overview));
    let now = use_now().0;
    let jobs_run = RwSignal::new(false);
    // How far a job has come is told to the pages of jobs alone.
    let beat = Memo::new(move |_| jobs_run.get().then(|| now.get() / WHILE_JOBS_RUN_MS));
    let overview = Resource::new_blocking(move || (changed.get(), beat.get()), |_| read_overview());
    Effect::new(move || {
        if let Some(Ok(overview)) = &*overview.read() {
            jobs_run.set(overview.jobs.total > 0);
        }
    });
    view! {
        <PageTitle text=tu_string!(i18n, frame.overview)/>
        <h1>{tu_string!(i18n, frame.overview)}</h1>
        <Transition>
            {move || Suspend::new(async move {
                match overview.await {
                    Ok(overview) => view! { <Glance overview/> }.into_any(),
                    Err(failure) => {
                        view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

#[component]
fn Glance(overview: Overview) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let has_devices = overview.counts.all() > overview.counts.revoked;
    view! {
        <Counts counts=overview.counts/>
        <div class="columns">
            <div>
                {match has_devices {
                    true => attention(locale, overview.worst),
                    false => first_step(locale),
                }}
                {(overview.jobs.total > 0).then(|| under_way(locale, overview.jobs))}
            </div>
            <section class="card">
                <header><h2>{tu_string!(i18n, overview.latest)}</h2></header>
                {if overview.events.is_empty() {
                    view! { <p class="mut pad">{tu_string!(i18n, overview.nothing)}</p> }.into_any()
                } else {
                    view! {
                        <ol class="list events">
                            {overview
                                .events
                                .into_iter()
                                .map(|(id, name, event)| {
                                    let device = (format!("/devices/{id}"), name);
                                    view! { <EventLine event device/> }
                                })
                                .collect_view()}
                        </ol>
                    }
                        .into_any()
                }}
            </section>
        </div>
    }
}

/// What to do where there is no device: an administrator makes one known, and everybody may make one theirs.
fn first_step(locale: Locale) -> AnyView {
    let admin = use_me().role.is_admin();
    let text = match admin {
        true => td_string!(locale, overview.first_preregister),
        false => td_string!(locale, overview.first_claim),
    };
    let claim = if admin { "btn" } else { "btn pri" };
    view! {
        <section class="card">
            <Empty icon=Icon::Cpu title=td_string!(locale, devices.none) text/>
            <p class="row pad">
                {admin.then(|| view! {
                    <a class="btn pri" href="/devices/new">{td_string!(locale, devices.preregister)}</a>
                })}
                <a class=claim href="/claim">{td_string!(locale, devices.claim)}</a>
            </p>
        </section>
    }
    .into_any()
}

/// The devices that are not there or in trouble, and what is wrong with each.
fn attention(locale: Locale, worst: Vec<(DeviceSummary, Vec<Trouble>)>) -> AnyView {
    let lines = match worst.is_empty() {
        true => view! { <p class="mut pad">{td_string!(locale, overview.all_well)}</p> }.into_any(),
        false => {
            let lines = worst
                .into_iter()
                .map(|(device, troubles)| line(locale, device, &troubles))
                .collect_view();
            view! { <ul class="list">{lines}</ul> }.into_any()
        }
    };
    view! {
        <section class="card">
            <header><h2>{td_string!(locale, overview.attention)}</h2></header>
            {lines}
        </section>
    }
    .into_any()
}

fn line(locale: Locale, device: DeviceSummary, troubles: &[Trouble]) -> AnyView {
    let mark = words::mark(&device);
    let word = words::status(locale, &device).to_owned();
    let why = words::why(locale, &device).to_owned();
    let troubles = troubles
        .iter()
        .map(|one| view! { <small class="is-warn">{trouble::words(locale, one)}</small> })
        .collect_view();
    view! {
        <li class="line">
            <a class="strong ell" href=format!("/devices/{}", device.id)>
                {device.name}
            </a>
            <span class="row">
                <StatusMark
                    mark=Signal::stored(mark)
                    word=Signal::stored(word)
                    why=Signal::stored(why)
                />
                {troubles}
            </span>
            <span class="mut xs nw">
                <Time at=Signal::stored(Some(device.presence.since))/>
            </span>
        </li>
    }
    .into_any()
}

/// The latest of the jobs that are under way, each with how far it has come.
fn under_way(locale: Locale, jobs: Page<Job>) -> AnyView {
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
                        {job_words::bar(&counts)}
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

#[component]
fn Counts(counts: PresenceCounts) -> impl IntoView {
    let i18n = use_i18n();
    let links = [
        (
            "/devices?presence=ONLINE",
            Mark::Online,
            tu_string!(i18n, devices.online),
            counts.online,
        ),
        (
            "/devices?presence=TIMEOUT",
            Mark::Timeout,
            tu_string!(i18n, devices.timeout),
            counts.timeout,
        ),
        (
            "/devices?presence=OFFLINE",
            Mark::Offline,
            tu_string!(i18n, devices.offline),
            counts.offline,
        ),
        (
            "/devices?lifecycle=unclaimed",
            Mark::Unclaimed,
            tu_string!(i18n, devices.unclaimed),
            counts.unclaimed,
        ),
    ];
    view! {
        <nav class="counts" aria-label=tu_string!(i18n, devices.status)>
            {links
                .into_iter()
                .map(|(href, mark, words, count)| {
                    view! {
                        <a class="card count" href=href>
                            <span class="row">
                                <Shape mark=Signal::stored(mark)/>
                                {words}
                            </span>
                            <b class="num">{grouped(count)}</b>
                        </a>
                    }
                })
                .collect_view()}
        </nav>
    }
}

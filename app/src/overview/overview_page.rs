//! The site at a glance: how many are well, which are not, what is under way, what happened last; and where
//! there is nothing yet, how to begin.

use domain::{
    AppError, Page,
    device::{DeviceSummary, PresenceCounts},
    finding::Trouble,
    job::Job,
    live::Subject,
};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::{td_string, tu_string};

use super::{latest::latest, running::running};
use crate::{
    Failure,
    devices::{
        server_fns::{Overview, read_overview},
        trouble, words,
    },
    i18n::{Locale, use_i18n},
    live::watch,
    parts::{
        Empty, ErrorNotice, Icon, Mark, PageTitle, StatusMark, Time, later::later, number::grouped,
        status_mark::Shape,
    },
    reading::unanswered,
    session::use_me,
};

/// What the page shares with what comes after it, of which one part reads all of it again: a change of the site is
/// asked about once.
#[derive(Clone, Copy)]
pub(super) struct PartOf {
    /// Moves with every change of the site.
    pub(super) changed: Signal<u64>,
    /// What it was when the page was read.
    pub(super) known: u64,
    shown: RwSignal<Option<Overview>>,
    /// The jobs that are under way, from when they are read.
    pub(super) jobs: RwSignal<Option<Page<Job>>>,
    /// Why those could not be read.
    pub(super) jobs_failed: RwSignal<Option<AppError>>,
    /// Why the page could not be read; it says so itself.
    failed: RwSignal<Option<AppError>>,
}

impl PartOf {
    /// Shows what was read for the page.
    pub(super) fn take(self, answer: Result<Overview, Failure>) {
        let Self { shown, failed, .. } = self;
        // What is shown is better than nothing.
        if unanswered(&answer) && shown.read_untracked().is_some() {
            return;
        }
        match answer {
            Ok(overview) => {
                failed.set(None);
                let next = Some(overview);
                if *shown.read_untracked() != next {
                    shown.set(next);
                }
            }
            Err(Failure(error)) => failed.set(Some(error)),
        }
    }

    /// Shows the jobs that were read.
    pub(super) fn take_jobs(self, answer: Result<Page<Job>, Failure>) {
        match answer {
            Ok(jobs) => {
                self.jobs_failed.set(None);
                let jobs = Some(jobs);
                if *self.jobs.read_untracked() != jobs {
                    self.jobs.set(jobs);
                }
            }
            Err(Failure(error)) => self.jobs_failed.set(Some(error)),
        }
    }

    /// Why the part could not be read, where the page could.
    pub(super) fn alone(self, failed: RwSignal<Option<AppError>>) -> Signal<Option<AppError>> {
        Signal::derive(move || {
            let said = self.failed.read().is_some();
            failed.get().filter(|_| !said)
        })
    }
}

/// The overview.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let i18n = use_i18n();
    let changed = watch(|| Some(Subject::Overview));
    let known = changed.get_untracked();
    let overview = Resource::new_blocking(|| (), |()| read_overview());
    view! {
        <PageTitle text=tu_string!(i18n, frame.overview)/>
        <h1>{tu_string!(i18n, frame.overview)}</h1>
        <Transition>
            {move || Suspend::new(
                // What changes later changes on the page: what comes after it stays.
                ScopedFuture::new_untracked(async move {
                    glance(overview.await, changed, known)
                }),
            )}
        </Transition>
    }
}

fn glance(first: Result<Overview, Failure>, changed: Signal<u64>, known: u64) -> AnyView {
    let locale = use_i18n().get_locale_untracked();
    let (shown, failed) = (RwSignal::new(None), RwSignal::new(None));
    let of = PartOf {
        changed,
        known,
        shown,
        jobs: RwSignal::new(None),
        jobs_failed: RwSignal::new(None),
        failed,
    };
    of.take(first);
    let begins = move |Overview { counts, worst }| match counts.all() > counts.revoked {
        true => attention(locale, worst),
        false => first_step(locale),
    };
    view! {
        <ErrorNotice error=failed/>
        {move || shown.read().as_ref().map(|overview| count_links(locale, overview.counts))}
        <div class="columns">
            <div>
                {move || shown.get().map(begins)}
                {later(move || running(Box::new(of)))}
            </div>
            <div>{later(move || latest(Box::new(of)))}</div>
        </div>
    }
    .into_any()
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

/// How many devices there are of each status, as links to them.
fn count_links(locale: Locale, counts: PresenceCounts) -> AnyView {
    let links = [
        (
            "/devices?presence=ONLINE",
            Mark::Online,
            td_string!(locale, devices.online),
            counts.online,
        ),
        (
            "/devices?presence=TIMEOUT",
            Mark::Timeout,
            td_string!(locale, devices.timeout),
            counts.timeout,
        ),
        (
            "/devices?presence=OFFLINE",
            Mark::Offline,
            td_string!(locale, devices.offline),
            counts.offline,
        ),
        (
            "/devices?lifecycle=unclaimed",
            Mark::Unclaimed,
            td_string!(locale, devices.unclaimed),
            counts.unclaimed,
        ),
    ];
    view! {
        <nav class="counts" aria-label=td_string!(locale, devices.status)>
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
    .into_any()
}

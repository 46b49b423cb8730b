//! The site at a glance: how many are well, which are not, what happened last.

use domain::{device::PresenceCounts, live::Subject};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use crate::{
    devices::{
        device_events::EventLine,
        server_fns::{Overview, read_overview},
        words,
    },
    i18n::use_i18n,
    live::watch,
    parts::{ErrorNotice, Mark, PageTitle, StatusMark, Time, number::grouped, status_mark::Shape},
};

/// The overview.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let i18n = use_i18n();
    let changed = watch(|| Some(Subject::Overview));
    let overview = Resource::new_blocking(move || changed.get(), |_| read_overview());
    view! {
        <PageTitle text=tu_string!(i18n, frame.overview)/>
        <h1>{tu_string!(i18n, frame.overview)}</h1>
        <Transition>
            {move || Suspend::new(async move {
                match overview.await {
                    Ok(overview) => view! { <Page overview/> }.into_any(),
                    Err(failure) => {
                        view! { <ErrorNotice error=Signal::stored(Some(failure.0))/> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

#[component]
fn Page(overview: Overview) -> impl IntoView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    view! {
        <Counts counts=overview.counts/>
        <div class="columns">
            <section class="card">
                <header><h2>{tu_string!(i18n, overview.attention)}</h2></header>
                {if overview.worst.is_empty() {
                    view! { <p class="mut pad">{tu_string!(i18n, overview.all_well)}</p> }.into_any()
                } else {
                    view! {
                        <ul class="list">
                            {overview
                                .worst
                                .into_iter()
                                .map(|device| {
                                    let mark = words::mark(&device);
                                    let word = words::status(locale, &device).to_owned();
                                    let why = words::why(locale, &device).to_owned();
                                    view! {
                                        <li class="line">
                                            <a class="strong ell" href=format!("/devices/{}", device.id)>
                                                {device.name}
                                            </a>
                                            <span>
                                                <StatusMark
                                                    mark=Signal::stored(mark)
                                                    word=Signal::stored(word)
                                                    why=Signal::stored(why)
                                                />
                                            </span>
                                            <span class="mut xs nw">
                                                <Time at=Signal::stored(Some(device.presence.since))/>
                                            </span>
                                        </li>
                                    }
                                })
                                .collect_view()}
                        </ul>
                    }
                        .into_any()
                }}
            </section>
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

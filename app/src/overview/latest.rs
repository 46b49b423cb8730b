//! What happened last on the site, and reading again what changes on all of the overview. A browser loads it after the
//! page: it brings the words of every kind of event.

use domain::{AppError, DeviceId, event::DeviceEvent};
use leptos::{prelude::*, task::spawn_local};
use leptos_i18n::tu_string;

use super::overview_page::PartOf;
use crate::{
    Failure,
    devices::{
        device_events::EventLine,
        server_fns::{Site, read_latest_events, read_site},
    },
    i18n::use_i18n,
    parts::ErrorNotice,
};

/// The device, its name, what happened.
type Happened = (DeviceId, String, DeviceEvent);

/// The latest events, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn latest(of: Box<PartOf>) -> AnyView {
    drawn(*of).await
}

/// The latest events. Without the hint that would have them loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn latest(of: Box<PartOf>) -> AnyView {
    drawn(*of).await
}

async fn drawn(of: PartOf) -> AnyView {
    let shown = RwSignal::new(None::<Vec<Happened>>);
    let failed = RwSignal::new(None::<AppError>);
    let take = move |answer: Result<Vec<Happened>, Failure>| match answer {
        Ok(events) => {
            failed.set(None);
            let events = Some(events);
            if *shown.read_untracked() != events {
                shown.set(events);
            }
        }
        Err(Failure(error)) => failed.set(Some(error)),
    };
    take(read_latest_events().await);
    let show = move |answer| match answer {
        Ok(Site {
            overview,
            jobs,
            events,
        }) => {
            of.take(Ok(overview));
            of.take_jobs(Ok(jobs));
            take(Ok(events));
        }
        Err(failure) => of.take(Err(failure)),
    };
    // One at a time, and each is shown: where the site changes faster than it is read, it still moves on.
    let (told, busy) = (RwSignal::new(of.known), StoredValue::new(false));
    Effect::new(move || {
        let now = of.changed.get();
        if told.get() == now || busy.get_value() {
            return;
        }
        busy.set_value(true);
        spawn_local(async move {
            let answer = read_site().await;
            // The page may be gone by now.
            if busy.try_set_value(false).is_none() {
                show(answer);
                told.set(now);
            }
        });
    });
    let alone = of.alone(failed);
    view! {
        <ErrorNotice error=alone/>
        {move || shown.get().map(card)}
    }
    .into_any()
}

fn card(events: Vec<Happened>) -> AnyView {
    let i18n = use_i18n();
    let lines = if events.is_empty() {
        view! { <p class="mut pad">{tu_string!(i18n, overview.nothing)}</p> }.into_any()
    } else {
        let lines = events
            .into_iter()
            .map(|(id, name, event)| {
                let device = (format!("/devices/{id}"), name);
                view! { <EventLine event device/> }
            })
            .collect_view();
        view! { <ol class="list events">{lines}</ol> }.into_any()
    };
    view! {
        <section class="card">
            <header><h2>{tu_string!(i18n, overview.latest)}</h2></header>
            {lines}
        </section>
    }
    .into_any()
}

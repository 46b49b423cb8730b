//! What a device measured, was told and did: its chart, its commands, its events. A browser loads it after
//! the page.

use domain::{
    AppError, CommandId, DeviceId,
    device::{DeviceDetail, Presence},
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use leptos_router::{hooks::use_query_map, params::ParamsMap};

use super::{
    device_events::Events,
    server_fns::{Record, read_record},
};
use crate::{
    Failure,
    address::kept,
    commands::history::CommandHistory,
    components::section::components,
    form::FormState,
    i18n::use_i18n,
    parts::{Draw, ErrorNotice, Icon},
    reading::{read_again, unanswered},
    telemetry::history::history,
};

/// Of which device, and when it is read again.
#[derive(Clone, Copy)]
pub(super) struct RecordOf {
    pub(super) id: DeviceId,
    pub(super) detail: Memo<DeviceDetail>,
    /// Moves with every change of the device.
    pub(super) changed: Signal<u64>,
    /// The form that switches an actuator.
    pub(super) set: FormState,
    /// The form that takes a command back.
    pub(super) cancel: FormState,
    /// Why the page could not be read again; it says so itself.
    pub(super) failed: RwSignal<Option<AppError>>,
}

/// The record, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn record(of: Box<RecordOf>) -> AnyView {
    drawn(of).await
}

/// The record. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn record(of: Box<RecordOf>) -> AnyView {
    drawn(of).await
}

async fn drawn(of: Box<RecordOf>) -> AnyView {
    let RecordOf {
        id,
        detail,
        changed,
        set,
        cancel,
        failed: page_failed,
    } = *of;
    let map = use_query_map();
    let before = Memo::new(move |_| before_of(&map.read()));
    let asked = Memo::new(move |_| {
        let done = (set.times_done(), cancel.times_done(), changed.get());
        (before.get(), done)
    });
    let known = asked.get_untracked();
    let may_manage = Signal::derive(move || detail.read().may_manage);
    let is_online = move || detail.read().summary.presence.presence == Presence::Online;
    let parts = components(id, changed, may_manage, Signal::derive(is_online));
    let (commands_before, events_before) = known.0;
    let record = read_record(id, commands_before, events_before);
    let (first, chart, parts) =
        futures::future::join3(record, history(id, detail.into()), parts).await;
    let shown = RwSignal::new(Record::default());
    let failed = RwSignal::new(None::<AppError>);
    let take = move |answer| match answer {
        Ok(record) => {
            if *shown.read_untracked() != record {
                shown.set(record);
            }
            failed.set(None);
        }
        // What is shown is better than nothing.
        Err(Failure(error)) => failed.set(Some(error)),
    };
    take(first);
    read_again(
        asked,
        Some(known),
        move |((commands_before, events_before), _)| {
            read_record(id, commands_before, events_before)
        },
        move |_, answer| {
            if !unanswered(&answer) {
                take(answer);
            }
        },
    );
    let alone = Signal::derive(move || {
        let said = page_failed.read().is_some();
        failed.get().filter(|_| !said)
    });
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    view! {
        {chart}
        {parts}
        <ErrorNotice error=alone/>
        <p class="row">
            {move || detail.read().may_command.then(|| view! {
                <a class="btn sm" href=format!("/devices/{id}/debug")>
                    <Draw icon=Icon::Terminal/>
                    {tu_string!(i18n, traffic.open)}
                </a>
            })}
            {move || may_manage.get().then(|| view! {
                <a class="btn sm" href=format!("/devices/{id}/wifi")>
                    {tu_string!(i18n, wifi.title)}
                </a>
            })}
        </p>
        <div class="beside-each-other">
            {move || {
                let may_cancel = detail.read().may_command;
                let Record { commands, more_commands, .. } = shown.get();
                let last = commands.last().filter(|_| more_commands).map(|last| last.id);
                let (newest, older) = around(id, &map.read(), "commands", last);
                let foot = foot([
                    newest.map(|href| (href, td_string!(locale, commands.newest))),
                    older.map(|href| (href, td_string!(locale, commands.older))),
                ]);
                view! { <CommandHistory id commands may_cancel cancel foot/> }
            }}
            {move || {
                let Record { events, more_events, .. } = shown.get();
                let last = events.last().filter(|_| more_events).map(|last| last.id);
                let (newest, older) = around(id, &map.read(), "events", last);
                let foot = foot([
                    newest.map(|href| (href, td_string!(locale, devices.events_newest))),
                    older.map(|href| (href, td_string!(locale, devices.events_older))),
                ]);
                view! { <Events events foot/> }
            }}
        </div>
    }
    .into_any()
}

/// Before which command and which event the address asks to begin; what it does not say well, it does not say.
fn before_of(map: &ParamsMap) -> (Option<CommandId>, Option<i64>) {
    let said = |name| map.get_str(name);
    (
        said("commands_before").and_then(|id| id.parse().ok()),
        said("events_before").and_then(|id| id.parse().ok()),
    )
}

/// The addresses of the newest of a list, where the page shows older ones, and of what is older than its last one.
/// What else the page shows stays as it is.
fn around(
    id: DeviceId,
    map: &ParamsMap,
    list: &str,
    last: Option<impl std::fmt::Display>,
) -> (Option<String>, Option<String>) {
    let own = format!("{list}_before");
    let rest = kept(map, &[&own]);
    let newest = map.get_str(&own).map(|_| {
        let rest = rest.replacen('&', "?", 1);
        format!("/devices/{id}{rest}#{list}")
    });
    let older = last.map(|last| format!("/devices/{id}?{own}={last}{rest}#{list}"));
    (newest, older)
}

/// These links at the end of a list.
fn foot(links: [Option<(String, &'static str)>; 2]) -> AnyView {
    let links: Vec<_> = links.into_iter().flatten().collect();
    if links.is_empty() {
        return ().into_any();
    }
    let links = links
        .into_iter()
        .map(|(href, words)| view! { <a class="btn sm" href=href data-noscroll>{words}</a> })
        .collect_view();
    view! { <p class="row pad">{links}</p> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_what_is_older_keeps_the_rest_of_the_address() {
        let id = DeviceId::random();
        let map =
            |some: &[(&'static str, &'static str)]| -> ParamsMap { some.iter().copied().collect() };
        assert_eq!(
            around(id, &map(&[("days", "90")]), "events", Some(7)),
            (
                None,
                Some(format!("/devices/{id}?events_before=7&days=90#events"))
            )
        );
        let older = map(&[("days", "90"), ("events_before", "7")]);
        assert_eq!(
            around(id, &older, "events", None::<i64>),
            (Some(format!("/devices/{id}?days=90#events")), None)
        );
        assert_eq!(before_of(&older), (None, Some(7)));
        let alone = map(&[("events_before", "x")]);
        assert_eq!(
            around(id, &alone, "events", None::<i64>).0,
            Some(format!("/devices/{id}#events"))
        );
        assert_eq!(before_of(&alone), (None, None));
    }
}

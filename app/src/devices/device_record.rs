//! What a device measured, was told and did: its chart, its commands, its events. A browser loads it after
//! the page.

use domain::{AppError, DeviceId, device::DeviceDetail};
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    device_events::Events,
    server_fns::{Record, read_record},
};
use crate::{
    Failure,
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
    let asked = Memo::new(move |_| (set.times_done(), cancel.times_done(), changed.get()));
    let known = asked.get_untracked();
    let may_manage = Signal::derive(move || detail.read().may_manage);
    let parts = components(id, changed, may_manage);
    let (first, chart, parts) =
        futures::future::join3(read_record(id), history(id, detail.into()), parts).await;
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
        move |_| read_record(id),
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
                let commands = shown.get().commands;
                view! { <CommandHistory id commands may_cancel cancel/> }
            }}
            {move || view! { <Events events=shown.get().events/> }}
        </div>
    }
    .into_any()
}

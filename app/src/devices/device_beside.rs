//! Beside a device's history: its tags, its presence over days, who sees it, its certificates. A browser loads it
//! after the page.

use domain::{AppError, DeviceId};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    beside_server_fns::{Beside, LeaveDevice, SetTags, ShareDevice, UnshareDevice, read_beside},
    device_certificates, device_people, device_presence, device_tags,
};
use crate::{
    Failure,
    form::FormState,
    parts::ErrorNotice,
    reading::{read_again, unanswered},
};

/// The forms of the part.
#[derive(Clone, Copy)]
pub(super) struct Forms {
    pub(super) tags: FormState,
    pub(super) share: FormState,
    pub(super) unshare: FormState,
    /// Whether who was shut out was let in again.
    pub(super) again: RwSignal<bool>,
    pub(super) leave: FormState,
}

/// The part, as one of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn beside(of: Box<(DeviceId, Signal<u64>)>) -> AnyView {
    drawn(of).await
}

/// The part. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn beside(of: Box<(DeviceId, Signal<u64>)>) -> AnyView {
    drawn(of).await
}

async fn drawn(of: Box<(DeviceId, Signal<u64>)>) -> AnyView {
    let (id, changed) = *of;
    let map = use_query_map();
    let forms = Forms {
        tags: FormState::of::<SetTags>(),
        share: FormState::of::<ShareDevice>(),
        unshare: FormState::of::<UnshareDevice>(),
        again: RwSignal::new(false),
        leave: FormState::of::<LeaveDevice>(),
    };
    let days = Memo::new(move |_| match map.read().get_str("days") {
        Some("90") => 90,
        _ => 7,
    });
    let asked = Memo::new(move |_| {
        let done = (
            forms.tags.times_done(),
            forms.share.times_done(),
            forms.unshare.times_done(),
        );
        (days.get(), done, changed.get())
    });
    let known = asked.get_untracked();
    let first = read_beside(id, known.0).await;
    let (shown, failed) = (
        RwSignal::new(None::<Beside>),
        RwSignal::new(None::<AppError>),
    );
    let take = move |answer| match answer {
        Ok(beside) => {
            shown.set(Some(beside));
            failed.set(None);
        }
        Err(Failure(error)) => failed.set(Some(error)),
    };
    take(first);
    read_again(
        asked,
        Some(known),
        move |(days, ..)| read_beside(id, days),
        move |_, answer| {
            if !unanswered(&answer) {
                take(answer);
            }
        },
    );
    // Each card is drawn anew only when its own part of the answer is another.
    let presence = Memo::new(move |_| {
        let shown = shown.read();
        shown
            .as_ref()
            .map(|it| (it.presence.clone(), it.troubles.clone()))
    });
    let tags = Memo::new(move |_| {
        let shown = shown.read();
        shown
            .as_ref()
            .map(|it| (it.tags.clone(), it.known.clone(), it.people.is_some()))
    });
    let people = Memo::new(move |_| {
        let shown = shown.read();
        shown.as_ref().map(|it| (it.people.clone(), it.may_leave))
    });
    let certificates = Memo::new(move |_| {
        let shown = shown.read();
        shown.as_ref().map(|it| it.certificates.clone())
    });
    view! {
        <ErrorNotice error=failed/>
        {move || {
            presence
                .get()
                .map(|(history, troubles)| device_presence::card(id, &history, &troubles, days.get_untracked(), map))
        }}
        {move || {
            tags.get().map(|(tags, known, may)| device_tags::card(id, &tags, known, may, forms.tags))
        }}
        {move || {
            people.get().map(|(people, may_leave)| device_people::card(id, people, may_leave, forms))
        }}
        {move || certificates.get().map(device_certificates::card)}
    }
    .into_any()
}

//! What one sends a device, and what one makes of its state. A browser loads it after the page.

use domain::DeviceId;
use leptos::prelude::*;

use super::{
    command_form::command_form,
    force_form::force_form,
    server_fns::{SendAny, Sendable, read_sendable},
};
use crate::{
    Failure,
    commands::history::CommandHistory,
    devices::server_fns::{CancelCommand, read_record},
    form::FormState,
    parts::ErrorNotice,
    reading::read_again,
};

/// Of which device, and what moves with every change of its traffic.
type ActsOf = (DeviceId, Signal<u64>);

/// The forms, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn acts(of: Box<ActsOf>) -> AnyView {
    drawn(of).await
}

/// The forms. Without the hint that would have them loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn acts(of: Box<ActsOf>) -> AnyView {
    drawn(of).await
}

async fn drawn(of: Box<ActsOf>) -> AnyView {
    let (id, changed) = *of;
    let send = FormState::of::<SendAny>();
    let cancel = FormState::of::<CancelCommand>();
    let asked = Memo::new(move |_| (send.times_done(), cancel.times_done(), changed.get()));
    let known = asked.get_untracked();
    let first = match read_sendable(id).await {
        Ok(first) => first,
        Err(Failure(error)) => {
            return view! { <ErrorNotice error=Signal::stored(Some(error))/> }.into_any();
        }
    };
    let Sendable {
        components,
        values,
        commands,
    } = first;
    let shown = RwSignal::new(commands);
    read_again(
        asked,
        Some(known),
        move |_| read_record(id, None, None),
        // What is shown is better than nothing; the frame says that the connection is lost.
        move |_, answer| {
            if let Ok(record) = answer {
                shown.set(record.commands);
            }
        },
    );
    let commands = Memo::new(move |_| shown.get());
    view! {
        {command_form(id, &components, send)}
        {move || view! { <CommandHistory id commands=commands.get() may_cancel=true cancel/> }}
        {force_form(id, values, changed)}
    }
    .into_any()
}

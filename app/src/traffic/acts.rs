//! What one sends a device, and what one makes of its state. A browser loads it after the page.

use domain::{DeviceId, command::Command, component::Component};
use leptos::prelude::*;

use super::{command_form::command_form, force_form::force_form, server_fns::Forcible};
use crate::{commands::history::CommandHistory, form::FormState};

/// Of which device.
pub(super) struct ActsOf {
    pub(super) id: DeviceId,
    /// What is attached to it.
    pub(super) components: Vec<Component>,
    /// What can be forced.
    pub(super) values: Vec<Forcible>,
    /// Its latest commands.
    pub(super) commands: Memo<Vec<Command>>,
    /// Moves with every change of its traffic.
    pub(super) changed: Signal<u64>,
    /// The form that sends any command.
    pub(super) send: FormState,
    /// The form that takes a command back.
    pub(super) cancel: FormState,
}

/// The forms, as a part of their own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn acts(of: Box<ActsOf>) -> AnyView {
    drawn(*of)
}

/// The forms. Without the hint that would have them loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn acts(of: Box<ActsOf>) -> AnyView {
    drawn(*of)
}

fn drawn(of: ActsOf) -> AnyView {
    let ActsOf {
        id,
        components,
        values,
        commands,
        changed,
        send,
        cancel,
    } = of;
    view! {
        {command_form(id, &components, send)}
        {move || view! { <CommandHistory id commands=commands.get() may_cancel=true cancel/> }}
        {force_form(id, values, changed)}
    }
    .into_any()
}

//! What is said with a device, from the choice to the network: the person's side of the standard.

use domain::{
    WifiNetwork,
    improv::{
        CAPABILITIES, Capabilities, Command, FAULT, Fault, RESULT, RpcResult, STATE, SeenNetwork,
        State,
    },
};
use futures::{StreamExt as _, channel::mpsc::UnboundedReceiver};
use leptos::prelude::*;

use super::{
    PairingOf,
    bluetooth::{Device, Refused, Told},
    claim_of,
};
use crate::devices::claim_page::fill_serial;

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A device is to be chosen.
    Choosing,
    /// It is being connected to.
    Connecting,
    /// It waits for a touch.
    Touch,
    /// It takes a network.
    Ready,
    /// It tries the network.
    Trying,
    /// It is on the network; the address of its site, where it is another than this page's.
    Done(Option<String>),
}

/// What went wrong last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The device said so.
    Fault(Fault),
    /// There was no connection.
    Refused(Refused),
    /// The connection was lost.
    Gone,
}

/// What is seen of it.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) step: RwSignal<Step>,
    pub(super) wrong: RwSignal<Option<Wrong>>,
    pub(super) name: RwSignal<Option<String>>,
    pub(super) networks: RwSignal<Vec<SeenNetwork>>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            step: RwSignal::new(Step::Choosing),
            wrong: RwSignal::new(None),
            name: RwSignal::new(None),
            networks: RwSignal::new(Vec::new()),
        }
    }

    fn end(self, wrong: Wrong) {
        self.wrong.try_set(Some(wrong));
        self.step.try_set(Step::Choosing);
    }

    fn take_state(self, state: State) {
        self.step.try_set(match state {
            State::AuthorizationRequired => Step::Touch,
            State::Authorized => Step::Ready,
            State::Provisioning => Step::Trying,
            State::Provisioned => Step::Done(None),
        });
    }

    fn take_fault(self, fault: Fault) {
        let wrong = (fault != Fault::None).then_some(Wrong::Fault(fault));
        self.wrong.try_set(wrong);
    }

    fn is_done(self) -> bool {
        matches!(self.step.try_get_untracked(), None | Some(Step::Done(_)))
    }
}

enum Heard {
    Told(Told),
    Wish(WifiNetwork),
}

/// Connects to a device that the person chooses, and goes on until it has a network or is gone.
pub(super) async fn converse(of: PairingOf, seen: Seen, wishes: UnboundedReceiver<WifiNetwork>) {
    seen.wrong.try_set(None);
    seen.step.try_set(Step::Connecting);
    let said = match Device::choose().await {
        Ok(device) => talk(of, seen, device, wishes).await,
        Err(why) => Err(why),
    };
    if let Err(why) = said
        && !seen.is_done()
    {
        seen.end(Wrong::Refused(why));
    }
}

async fn talk(
    of: PairingOf,
    seen: Seen,
    mut device: Device,
    mut wishes: UnboundedReceiver<WifiNetwork>,
) -> Result<(), Refused> {
    seen.name.try_set(device.name.clone());
    let first = |bytes: Vec<u8>| bytes.first().copied().unwrap_or_default();
    let can = Capabilities::of(first(device.read(CAPABILITIES).await?));
    let state = State::of(first(device.read(STATE).await?)).ok_or(Refused::Failed)?;
    seen.take_state(state);
    if can.scan {
        device.send(&Command::Scan.packet()).await?;
    }
    while of.open.try_get_untracked() == Some(true) {
        let heard = futures::select! {
            told = device.told().next() => Heard::Told(told.unwrap_or(Told::Gone)),
            wish = wishes.next() => match wish {
                Some(network) => Heard::Wish(network),
                // The panel is closed.
                None => return Ok(()),
            },
        };
        match heard {
            Heard::Wish(network) => {
                seen.wrong.try_set(None);
                device.send(&Command::SendWifi(network).packet()).await?;
            }
            Heard::Told(Told::Gone) => {
                if !seen.is_done() {
                    seen.end(Wrong::Gone);
                }
                return Ok(());
            }
            Heard::Told(Told::Value(STATE, bytes)) => {
                if let Some(state) = State::of(first(bytes)) {
                    seen.take_state(state);
                }
            }
            Heard::Told(Told::Value(FAULT, bytes)) => seen.take_fault(Fault::of(first(bytes))),
            Heard::Told(Told::Value(_, bytes)) => {
                let result = match RpcResult::parse(&bytes) {
                    Ok(result) => result,
                    // Longer than what one notification carries.
                    Err(_) => match RpcResult::parse(&device.read(RESULT).await?) {
                        Ok(result) => result,
                        Err(_) => continue,
                    },
                };
                if Command::Scan.is_answered_by(&result) {
                    seen.networks.try_set(result.networks());
                } else if seen.is_done() {
                    seen.step.try_set(Step::Done(elsewhere(result.url())));
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Fills the form with what the device says of itself; the address of its site, where it is not this one.
fn elsewhere(url: Option<&str>) -> Option<String> {
    let (origin, serial) = claim_of(url?)?;
    if let Some(serial) = serial {
        fill_serial(serial);
    }
    let here = window().location().origin().unwrap_or_default();
    (origin != here).then(|| origin.to_owned())
}

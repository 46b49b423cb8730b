//! What a device does with what a central writes: the state machine of the standard.

use std::time::Duration;

use protocol::{
    WifiNetwork,
    improv::{Assembly, Capabilities, Command, Fault, RpcFault, RpcResult, SeenNetwork, State},
};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Ended, Offer, OnAir, Shown, Written};
use crate::wifi::{self, ChangeError, Radio, RadioError, Reach, Security};

/// How long a press of the button counts.
const ALLOWED: Duration = Duration::from_mins(1);
/// How often the button is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Half a packet that is older belongs to somebody who has gone.
const STALE: Duration = Duration::from_secs(5);
/// How the lamp blinks.
const BLINK: Duration = Duration::from_millis(300);
const BLINKS: u8 = 5;

pub(super) struct Session<R> {
    offer: Offer<R>,
    until: Instant,
    state: State,
    fault: Fault,
    allowed_until: Option<Instant>,
    assembly: Assembly,
    stale_at: Instant,
}

impl<R: Reach> Session<R> {
    pub(super) fn new(offer: Offer<R>, until: Instant) -> Self {
        let state = match offer.means.button {
            Some(_) => State::AuthorizationRequired,
            None => State::Authorized,
        };
        Self {
            offer,
            until,
            state,
            fault: Fault::None,
            allowed_until: None,
            assembly: Assembly::default(),
            stale_at: until,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn can(&self) -> Capabilities {
        Capabilities {
            identify: self.offer.means.lamp.is_some(),
            info: true,
            scan: true,
        }
    }

    /// Serves until the end; none where Bluetooth went away before it.
    pub(super) async fn run(&mut self, air: &mut dyn OnAir) -> Option<Ended> {
        let (over, shutdown) = (self.offer.over.clone(), self.offer.shutdown.clone());
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (until, stale_at) = (self.until, self.stale_at);
            let allowed_until = self.allowed_until.unwrap_or(until);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Some(Ended::Over),
                () = over.cancelled() => return Some(Ended::Over),
                () = tokio::time::sleep_until(until) => return Some(Ended::WindowOver),
                _ = look.tick(), if self.offer.means.button.is_some() => {
                    if self.offer.means.is_pressed() {
                        self.allowed_until = Some(Instant::now() + ALLOWED);
                        self.show_state(air, State::Authorized).await?;
                    }
                }
                () = tokio::time::sleep_until(allowed_until), if self.allowed_until.is_some() => {
                    self.allowed_until = None;
                    self.show_state(air, State::AuthorizationRequired).await?;
                }
                () = tokio::time::sleep_until(stale_at), if !self.assembly.is_empty() => {
                    self.assembly.clear();
                    self.show_fault(air, Fault::InvalidPacket).await?;
                }
                written = air.written() => {
                    let written = written?;
                    let acted = self.hear(air, &written);
                    tokio::select! {
                        () = shutdown.cancelled() => return Some(Ended::Over),
                        provisioned = acted => if provisioned? {
                            return Some(Ended::Provisioned);
                        }
                    }
                }
            }
        }
    }

    /// Takes a piece and does what it completes; whether the device is provisioned by it.
    async fn hear(&mut self, air: &mut dyn OnAir, written: &Written) -> Option<bool> {
        if self.assembly.is_empty() {
            self.stale_at = Instant::now() + STALE;
        }
        let command = match self.assembly.push(&written.bytes, written.offset) {
            None => return Some(false),
            Some(Ok(command)) => command,
            Some(Err(fault)) => {
                tracing::debug!("a packet over Bluetooth was refused: {fault}");
                let fault = match fault {
                    RpcFault::Unknown(_) => Fault::UnknownCommand,
                    _ => Fault::InvalidPacket,
                };
                self.show_fault(air, fault).await?;
                return Some(false);
            }
        };
        match command {
            Command::SendWifi(_) if self.state == State::AuthorizationRequired => {
                self.show_fault(air, Fault::NotAuthorized).await?;
            }
            Command::SendWifi(network) => return self.try_network(air, network).await,
            Command::Identify if self.can().identify => {
                self.show_fault(air, Fault::None).await?;
                self.blink().await;
            }
            Command::Identify => self.show_fault(air, Fault::UnknownCommand).await?,
            Command::Info => {
                self.show_fault(air, Fault::None).await?;
                let info = RpcResult::of_info(self.offer.info.clone());
                shown(air, Shown::Result(info)).await?;
            }
            Command::Scan => self.look_around(air).await?,
        }
        Some(false)
    }

    async fn try_network(&mut self, air: &mut dyn OnAir, network: WifiNetwork) -> Option<bool> {
        self.show_fault(air, Fault::None).await?;
        self.show_state(air, State::Provisioning).await?;
        let (patience, radio) = (self.offer.patience, self.offer.radio.clone());
        let network = known_better(radio.as_ref(), network).await;
        let changed = {
            let change = wifi::change(radio, network, &mut self.offer.site, patience);
            tokio::pin!(change);
            let mut is_heard = true;
            loop {
                tokio::select! {
                    changed = &mut change => break changed,
                    // One network at a time: what comes meanwhile is not kept for later. Where Bluetooth goes away the
                    // network is tried all the same.
                    written = air.written(), if is_heard => is_heard = written.is_some(),
                }
            }
        };
        let fault = match changed {
            Ok(()) => {
                let url = self.offer.url.take();
                if self.show_state(air, State::Provisioned).await.is_some() {
                    shown(air, Shown::Result(RpcResult::of_wifi(url))).await;
                }
                return Some(true);
            }
            Err(ChangeError::Radio(RadioError::NotJoined(_))) => Fault::UnableToConnect,
            Err(ChangeError::Radio(_) | ChangeError::NotReached) => Fault::Unknown,
        };
        // The minute of the button begins anew, for another try.
        if self.allowed_until.is_some() {
            self.allowed_until = Some(Instant::now() + ALLOWED);
        }
        let told = self.show_fault(air, fault).await;
        self.show_state(air, State::Authorized).await;
        told.map(|()| false)
    }

    async fn look_around(&mut self, air: &mut dyn OnAir) -> Option<()> {
        match self.offer.radio.networks().await {
            Ok(networks) => {
                self.show_fault(air, Fault::None).await?;
                let seen = networks.into_iter().map(|seen| SeenNetwork {
                    ssid: seen.ssid,
                    rssi: seen.rssi,
                    security: words(seen.security).to_owned(),
                });
                shown(air, Shown::Result(RpcResult::of_scan(seen.collect()))).await
            }
            Err(error) => {
                tracing::warn!("no networks are seen: {error}");
                self.show_fault(air, Fault::Unknown).await
            }
        }
    }

    async fn blink(&mut self) {
        for _ in 0..BLINKS {
            self.offer.means.light(true);
            tokio::time::sleep(BLINK).await;
            self.offer.means.light(false);
            tokio::time::sleep(BLINK).await;
        }
    }

    async fn show_state(&mut self, air: &mut dyn OnAir, state: State) -> Option<()> {
        if self.state == state {
            return Some(());
        }
        self.state = state;
        shown(air, Shown::State(state)).await
    }

    async fn show_fault(&mut self, air: &mut dyn OnAir, fault: Fault) -> Option<()> {
        // The same fault again is told again: who waits for it must hear of each try.
        if self.fault == fault && fault == Fault::None {
            return Some(());
        }
        self.fault = fault;
        shown(air, Shown::Fault(fault)).await
    }
}

/// The network with what only a look around tells: whether it hides its name, and takes nothing older than WPA3.
async fn known_better(radio: &dyn Radio, network: WifiNetwork) -> WifiNetwork {
    let Ok(networks) = radio.networks().await else {
        return network;
    };
    let seen = networks.iter().find(|seen| seen.ssid == network.ssid());
    let hidden = seen.is_none();
    let wpa3 = seen.is_some_and(|seen| seen.security == Security::Wpa3);
    let password = network.password().map(str::to_owned);
    let better = WifiNetwork::new(network.ssid().to_owned(), password, hidden, wpa3);
    better.unwrap_or(network)
}

async fn shown(air: &mut dyn OnAir, what: Shown) -> Option<()> {
    match air.show(what).await {
        Ok(()) => Some(()),
        Err(error) => {
            tracing::warn!("not shown over Bluetooth: {error}");
            None
        }
    }
}

fn words(security: Security) -> &'static str {
    match security {
        Security::Open => "NO",
        Security::Wep => "WEP",
        Security::Wpa => "WPA",
        Security::Wpa2 => "WPA2",
        Security::Enterprise => "WPA2 EAP",
        Security::Wpa3 => "WPA3",
    }
}

#[cfg(test)]
mod tests;

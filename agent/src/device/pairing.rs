//! After a reset: the device waits for a new owner, who may give it another network over Bluetooth.

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Device, RunError};
use crate::pairing::{self, Ended, Given, Offer};

/// An offer under way.
pub(super) struct Pairing {
    task: JoinHandle<Ended>,
    over: CancellationToken,
    shutdown: CancellationToken,
}

impl Drop for Pairing {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Waits for the end of the offer, for ever where there is none.
pub(super) async fn ended(pairing: &mut Option<Pairing>) -> Result<Ended, JoinError> {
    match pairing {
        Some(pairing) => (&mut pairing.task).await,
        None => std::future::pending().await,
    }
}

impl Device {
    /// Opens pairing where the device waits for a new owner and may be paired.
    pub(super) fn await_pairing(&mut self) {
        if self.pairing.is_some() || !self.site.awaits_pairing() {
            return;
        }
        let Some(given) = Given::of(self.hardware.as_mut(), self.settings.wifi_patience) else {
            return;
        };
        let (over, shutdown) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(pairing::offer(Offer {
            info: pairing::info(&self.site, given.hardware),
            url: pairing::url(&self.site),
            means: given.means,
            radio: given.radio,
            site: self.server(),
            patience: given.patience,
            over: over.clone(),
            shutdown: shutdown.clone(),
        }));
        self.pairing = Some(Pairing {
            task,
            over,
            shutdown,
        });
    }

    /// Somebody owns the device: nobody else gives it a network.
    pub(super) fn close_pairing(&mut self) {
        if let Some(pairing) = &self.pairing {
            pairing.over.cancel();
        }
    }

    /// The offer has ended. One that gave a network is not made again before the next reset.
    pub(super) fn paired(&mut self, ended: Result<Ended, JoinError>) -> Result<(), RunError> {
        self.pairing = None;
        match ended {
            Ok(Ended::Provisioned) => {
                self.site.vacant = false;
                self.folder.save_site(&self.site)?;
            }
            Ok(Ended::WindowOver) => {}
            // Over for an owner who may have gone meanwhile.
            Ok(Ended::Over) => self.await_pairing(),
            Err(error) => tracing::warn!("pairing over Bluetooth ended badly: {error}"),
        }
        Ok(())
    }

    /// The device stops: takes the service from the air.
    pub(super) async fn end_pairing(&mut self) {
        if let Some(mut pairing) = self.pairing.take() {
            pairing.shutdown.cancel();
            let _ = (&mut pairing.task).await;
        }
    }
}

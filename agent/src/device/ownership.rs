//! Whose the device is: taken from the claim, changed by signed messages, erased by a reset.

use protocol::{
    Email, SharedSecret, Topic,
    enroll::ClaimedCredentials,
    identity::{DisableMessage, Ownership},
};
use serde_json::Value;

use super::{Device, RunError};
use crate::{
    drivers::Hardware,
    enroll::{self, EnrollError},
    folder::Site,
};

/// What the claim gave.
pub(super) struct Owned {
    pub(super) secret: SharedSecret,
    pub(super) email: Email,
}

impl Device {
    pub(super) fn take_ownership(
        &mut self,
        ownership: &ClaimedCredentials,
    ) -> Result<(), RunError> {
        let secret = SharedSecret::from_base64url(&ownership.shared_secret)
            .ok_or_else(|| RunError::Credentials("the secret is unreadable".to_owned()))?;
        self.owned = Some(Owned {
            secret,
            email: ownership.user_email.clone(),
        });
        self.close_pairing();
        self.fitted.clear();
        self.fitted
            .fit(self.hardware.as_mut(), &ownership.components);
        self.status.send_modify(|status| status.claimed = true);
        self.fail_interrupted()?;
        Ok(())
    }

    /// Another address, another interval or other components of the same ownership. What was not sent yet carries no
    /// address, so it goes under the new one.
    pub(super) async fn owner_changed(&mut self, payload: &[u8]) -> Result<(), RunError> {
        let Some(owned) = &self.owned else {
            return Ok(());
        };
        let topic = Topic::Owner(self.id).to_string();
        let Some(envelope) = protocol::open(payload)
            .ok()
            .filter(|envelope| envelope.verify(&topic, &owned.secret))
        else {
            tracing::warn!(device = %self.id, "an owner message was not signed by the server");
            return Ok(());
        };
        if !self
            .store
            .advance("owner_sequence", envelope.sequence.0, 1)?
        {
            return Ok(());
        }
        let Ok(ownership) = serde_json::from_value::<Ownership>(Value::Object(envelope.body))
        else {
            return Ok(());
        };
        self.apply_owner(ownership).await
    }

    async fn apply_owner(&mut self, ownership: Ownership) -> Result<(), RunError> {
        if let Some(claimed) = self
            .site
            .credentials
            .as_mut()
            .and_then(|credentials| credentials.ownership.as_mut())
            && claimed.user_email != ownership.user_email
        {
            claimed.user_email = ownership.user_email.clone();
            self.folder.save_site(&self.site)?;
        }
        if let Some(owned) = &mut self.owned {
            owned.email = ownership.user_email;
        }
        if let Some(interval_ms) = ownership.report_interval_ms {
            self.take_interval(interval_ms)?;
        }
        self.take_components(ownership.components).await
    }

    /// Whether the server tells this very board to switch itself off; it is written down before it is obeyed.
    pub(super) fn is_disabled_by(&mut self, payload: &[u8]) -> Result<bool, RunError> {
        let Some(owned) = &self.owned else {
            return Ok(false);
        };
        let topic = Topic::Disable(self.id).to_string();
        let Some(envelope) = protocol::open(payload)
            .ok()
            .filter(|envelope| envelope.verify(&topic, &owned.secret))
        else {
            tracing::warn!(device = %self.id, "a message to switch off was not signed by the server");
            return Ok(false);
        };
        let own = said_serial(self.hardware.as_ref(), &self.site);
        let meant = serde_json::from_value::<DisableMessage>(Value::Object(envelope.body))
            .is_ok_and(|message| message.cpu_serial == own);
        if meant {
            self.site.disabled = Some(own);
            self.folder.save_site(&self.site)?;
        }
        Ok(meant)
    }

    /// The ownership is over: erases what belonged to it, if there was one.
    pub(super) fn reset(&mut self) -> Result<(), RunError> {
        if self.owned.take().is_none() {
            return Ok(());
        }
        tracing::warn!(device = %self.id, "reset by the server: the former ownership's data is erased");
        self.store.erase()?;
        self.fitted.clear();
        self.errand = None;
        self.running = None;
        self.waiting.clear();
        if let Some(credentials) = &mut self.site.credentials {
            credentials.ownership = None;
        }
        self.site.vacant = true;
        self.folder.save_site(&self.site)?;
        self.await_pairing();
        self.status.send_modify(|status| status.claimed = false);
        Ok(())
    }

    pub(super) async fn ask_for_owner(&mut self) -> Result<bool, RunError> {
        let shown = self.credentials()?.certificate.clone();
        match enroll::ask(&self.folder, &mut self.site).await {
            Ok(enroll::Answer::Complete(credentials)) => {
                if let Some(ownership) = &credentials.ownership {
                    self.take_ownership(ownership)?;
                    return Ok(true);
                }
                Ok(false)
            }
            // One that had ended was made anew.
            Ok(enroll::Answer::Waiting(credentials, _)) => Ok(credentials.certificate != shown),
            Err(EnrollError::Revoked) => Err(EnrollError::Revoked.into()),
            Err(error) => {
                self.status
                    .send_modify(|status| status.trouble = Some(error.to_string()));
                Ok(false)
            }
        }
    }
}

/// The serial number that a device on this hardware says.
pub(super) fn said_serial(hardware: &dyn Hardware, site: &Site) -> String {
    let here = hardware.describe().cpu_serial;
    let elsewhere = here.filter(|here| site.board.as_ref().is_some_and(|board| board != here));
    elsewhere.unwrap_or_else(|| site.serial.clone())
}

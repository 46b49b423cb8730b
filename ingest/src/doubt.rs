//! Where it is not certain who speaks: identities are judged, and until they are, reports are kept apart and answers to
//! commands refused.
//!
//! A report of a connection that has said who it is, and is who it is known to be, never comes here.

use std::collections::HashMap;

use domain::{AppError, DeviceId, device::StateMap, event::RefusalReason, identity::FindingKind};
use protocol::identity::Identity;
use service::{
    devices::directory::Known as Sender,
    identity::{self, Hold, Standing},
    telemetry::{Committed, Incoming},
};

use crate::{Pipeline, Received, Session, happenings::deliver, known::Known, received::Said};

/// Whether a message was kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It goes its way.
    Not,
    /// It is durable, apart.
    Apart,
    /// It does not say what its topic stands for, is not of a sort that is kept, there is no room, or its ownership has
    /// ended.
    Refused(RefusalReason),
}

impl Pipeline {
    /// A device says who it is. What it reported before that follows it into the history, or waits with it. What
    /// `is_old` may tell of a copy, but is refused in the end: it lets nobody in.
    pub(crate) async fn judge(
        &self,
        received: &Received,
        sender: &Sender,
        said: &Identity,
        is_old: bool,
    ) -> Result<Kept, AppError> {
        let session = received.session.as_ref();
        let number = session.map(|session| session.number);
        let standing = identity::heard(&self.services, received.device, said, number).await?;
        if let Standing::Held(finding) = standing {
            if let Some(session) = session {
                session.note(Said::Doubtful(finding));
            }
            return Ok(Kept::Apart);
        }
        if is_old {
            return Ok(Kept::Not);
        }
        if let Some(session) = session {
            self.let_in(sender, session.number).await?;
            self.trust(received.device, session);
        }
        Ok(Kept::Not)
    }

    /// The connection is the device's: what waits for the device is for it.
    fn trust(&self, device: DeviceId, session: &Session) {
        session.note(Said::Known);
        deliver(&self.services, device, false);
    }

    /// Whether an answer to a command is the device's own. One of a connection that is not known to be the device is
    /// refused: the command goes to the device when it is there.
    pub(crate) async fn may_answer(
        &self,
        received: &Received,
        sender: &Sender,
    ) -> Result<bool, AppError> {
        let Some(session) = &received.session else {
            return Ok(sender.held.is_none());
        };
        match session.said() {
            Said::Known => Ok(true),
            Said::Nothing => Ok(false),
            Said::Doubtful(finding) => {
                let through = identity::lets_through(&self.services, finding).await?;
                if through {
                    self.trust(received.device, session);
                }
                Ok(through)
            }
        }
    }

    /// What waited for the sender of this session goes into the history, in its order.
    async fn let_in(&self, sender: &Sender, session: u64) -> Result<(), AppError> {
        let keys: HashMap<i64, _> = sender
            .components
            .iter()
            .map(|(k, known)| (known.id, k))
            .collect();
        let key = |id: i64| keys.get(&id).map(|key| (*key).clone());
        let waiting = identity::waiting(&self.services, sender.device, session, key).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let device = sender.device.uuid;
        let rows: Vec<i64> = waiting
            .iter()
            .flat_map(|message| message.rows.iter().copied())
            .collect();
        for message in waiting {
            if message.reports.is_empty() {
                continue;
            }
            let message = Incoming {
                device: sender.device,
                ownership: sender.ownership,
                sequence: message.sequence,
                sent_at: None,
                received_at: message.received_at,
                report_interval_ms: sender.report_interval_ms,
                reports: message.reports,
                state: StateMap::new(),
            };
            let reports = u32::try_from(message.reports.len()).unwrap_or(u32::MAX);
            let (reason, times) = match self.committer.submit(message).await? {
                Committed::Stored | Committed::Duplicate => continue,
                Committed::InPart { refused } => {
                    (RefusalReason::PayloadTooLarge, u32::from(refused))
                }
                Committed::TooLarge => (RefusalReason::PayloadTooLarge, reports),
                Committed::SequenceReused => {
                    self.reused(device).await?;
                    (RefusalReason::SequenceReused, 1)
                }
                Committed::SequenceTooOld => (RefusalReason::SequenceTooOld, 1),
                // What was kept apart went with it.
                Committed::OwnershipEnded => return Ok(()),
            };
            self.refusals.count(device, "", reason, times).await;
        }
        identity::forget(&self.services, sender.device, &rows).await
    }

    /// Keeps a message apart where it is not certain who sent it.
    pub(crate) async fn keep_apart(
        &self,
        received: &Received,
        sender: &Sender,
        ready: &Known,
    ) -> Result<Kept, AppError> {
        let (number, finding) = match &received.session {
            None => match sender.held {
                None => return Ok(Kept::Not),
                held => (0, held),
            },
            Some(session) => match session.said() {
                Said::Known => return Ok(Kept::Not),
                Said::Nothing => (session.number, None),
                Said::Doubtful(finding) => (session.number, Some(finding)),
            },
        };
        if !received.has_reports() {
            return Ok(Kept::Refused(RefusalReason::Quarantined));
        }
        match identity::hold(&self.services, finding, number, &ready.incoming).await? {
            Hold::Kept => {
                self.refuse_parts(received, &ready.refused).await;
                Ok(Kept::Apart)
            }
            Hold::Full => Ok(Kept::Refused(RefusalReason::Quarantined)),
            // As what the committer finds to be of a former ownership.
            Hold::OwnershipEnded => Ok(Kept::Refused(RefusalReason::WrongSignature)),
            Hold::LetThrough => {
                if let Some(session) = &received.session {
                    self.trust(received.device, session);
                }
                Ok(Kept::Not)
            }
        }
    }

    /// A sequence came twice with two contents, both rightly signed: somebody else has the secret.
    pub(crate) async fn reused(&self, device: DeviceId) -> Result<(), AppError> {
        identity::suspected(&self.services, device, FindingKind::Clone, identity::REUSED).await
    }
}

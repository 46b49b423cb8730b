//! The last stage: what a message does by itself, which may happen twice, then its place in the order, which may not.

use domain::{AppError, CommandId, event::RefusalReason, traffic::Fate};
use protocol::{CommandResult, Topic, identity::Identity};
use serde::Deserialize;
use serde_json::Value;
use service::{
    commands,
    telemetry::{self, Committed, window::Seen},
};

use crate::{
    Pipeline, Received, Session, doubt::Kept, known::Known, received::Said, verified::Verified,
};

/// What became of a message that was not refused.
pub(crate) enum Taken {
    Whole(Fate),
    /// Some of a batch's reports were refused, the first of them for this.
    InPart(RefusalReason),
}

/// What became of a message; an error where it could not be stored now.
pub(crate) type Stored = Result<Result<Taken, RefusalReason>, AppError>;

impl Pipeline {
    /// Does what a message asks for, and stores it with its place in the order.
    pub(crate) async fn finish(&self, verified: &Verified<'_>, ready: Known) -> Stored {
        let (received, sender) = (verified.received, verified.sender);
        // Two contents under one sequence: the second one has no effect.
        let is_another = sender.secret.is_some()
            && !received.has_reports()
            && self.signatures.tell_of_another(sender, verified.envelope);
        let kept = match &received.topic {
            Topic::Identity(_) => self.identify(verified, is_another).await?,
            Topic::Result { command, .. } => {
                self.take_answer(verified, *command, is_another).await?
            }
            _ => Box::pin(self.keep_apart(received, sender, &ready)).await?,
        };
        match kept {
            Kept::Not => {}
            Kept::Apart => return Ok(Ok(Taken::Whole(Fate::KeptApart))),
            Kept::Refused(reason) => return Ok(Err(reason)),
        }
        if is_doubtful(received) {
            return Ok(Ok(Taken::Whole(Fate::KeptApart)));
        }
        if sender.secret.is_none() {
            // An unclaimed device has no order yet.
            return Ok(Ok(Taken::Whole(Fate::Taken)));
        }
        if is_another {
            Box::pin(self.reused(received.device)).await?;
            return Ok(Err(RefusalReason::SequenceReused));
        }
        self.put_in_order(verified, ready).await
    }

    /// A device says who it is. A doubtful speaker is kept apart: it must not use up the sequences of the device.
    async fn identify(&self, verified: &Verified<'_>, is_another: bool) -> Result<Kept, AppError> {
        let Ok(identity) = Identity::deserialize(body(verified)) else {
            return Ok(Kept::Refused(RefusalReason::Malformed));
        };
        if is_another {
            // Nobody is judged by what nobody can be sure was said.
            return Ok(Kept::Not);
        }
        // One that comes again may be of a new connection, which has to know who speaks.
        let is_old = self.seen(verified).await? == Seen::TooOld;
        let judged = self.judge(verified.received, verified.sender, &identity, is_old);
        Box::pin(judged).await
    }

    /// A device answers a command.
    async fn take_answer(
        &self,
        verified: &Verified<'_>,
        command: CommandId,
        is_another: bool,
    ) -> Result<Kept, AppError> {
        let (received, sender) = (verified.received, verified.sender);
        let Ok(result) = CommandResult::deserialize(body(verified)) else {
            return Ok(Kept::Refused(RefusalReason::Malformed));
        };
        if !Box::pin(self.may_answer(received, sender)).await? {
            return Ok(Kept::Refused(RefusalReason::Quarantined));
        }
        if is_another || self.seen(verified).await? != Seen::New {
            // The committer counts or refuses it.
            return Ok(Kept::Not);
        }
        let recorded = commands::record_result(&self.services, received.device, command, result);
        match Box::pin(recorded).await {
            // An answer to a command that nobody sent is noted and forgotten.
            Ok(()) | Err(AppError::NotFound) => Ok(Kept::Not),
            Err(error) => Err(error),
        }
    }

    /// Whether the message's sequence was stored before.
    async fn seen(&self, verified: &Verified<'_>) -> Result<Seen, AppError> {
        let sender = verified.sender;
        if sender.secret.is_none() {
            // An unclaimed device has no order yet.
            return Ok(Seen::New);
        }
        let sequence = verified.envelope.sequence;
        telemetry::seen(&self.services, sender.device, sender.ownership, sequence).await
    }

    /// Stores the message under its sequence, once.
    async fn put_in_order(&self, verified: &Verified<'_>, ready: Known) -> Stored {
        let (received, sender) = (verified.received, verified.sender);
        let mut refused = ready.refused;
        let committed = self.committer.submit(ready.incoming).await?;
        let is_stored = matches!(committed, Committed::Stored | Committed::Duplicate);
        if is_stored && !received.has_reports() {
            self.signatures.note(sender, verified.envelope);
        }
        match committed {
            Committed::Stored => {}
            Committed::InPart { refused: more } => {
                let large = RefusalReason::PayloadTooLarge;
                refused.extend(std::iter::repeat_n(large, usize::from(more)));
            }
            Committed::TooLarge => {
                self.refuse_parts(received, &refused).await;
                return Ok(Err(RefusalReason::PayloadTooLarge));
            }
            Committed::Duplicate => return Ok(Ok(Taken::Whole(Fate::Duplicate))),
            Committed::SequenceReused => {
                Box::pin(self.reused(received.device)).await?;
                return Ok(Err(RefusalReason::SequenceReused));
            }
            Committed::SequenceTooOld => return Ok(Err(RefusalReason::SequenceTooOld)),
            Committed::OwnershipEnded => return Ok(Err(RefusalReason::WrongSignature)),
        }
        if !sender.code_spent {
            self.directory.spend_code(&self.services, sender).await?;
        }
        self.refuse_parts(received, &refused).await;
        let in_part = refused.first().copied();
        Ok(Ok(in_part.map_or(Taken::Whole(Fate::Taken), Taken::InPart)))
    }
}

/// What a message says, as a value that its type is read from.
fn body(verified: &Verified<'_>) -> Value {
    Value::Object(verified.body.clone().into_owned())
}

fn is_doubtful(received: &Received) -> bool {
    let doubtful = |session: &Session| matches!(session.said(), Said::Doubtful(_));
    received.session.as_ref().is_some_and(doubtful)
}

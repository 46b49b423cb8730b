//! Commands: verified, executed once, answered at each step.
//!
//! Invariant: a command's id and answer are on disk before it is acknowledged or begun, so one that
//! comes twice is answered again and not done again; one that was under way when the device stopped
//! ends as failed.

use std::time::Duration;

use protocol::{
    CommandId, CommandMessage, CommandResult, CommandStatus, ComponentKey, SEQUENCE_WINDOW, Topic,
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Device, RunError,
    outbox::{object, sealed},
};
use crate::{
    drivers::{ActError, Job},
    now,
    store::{Executed, Measured, Message},
};

/// A command under way.
pub(super) struct Running {
    id: CommandId,
    component: ComponentKey,
    job: Job,
    step: usize,
    at: Instant,
}

impl Running {
    /// When its next step is done.
    pub(super) fn next_at(&self) -> Instant {
        self.at
    }
}

fn result(status: CommandStatus) -> CommandResult {
    CommandResult {
        status,
        progress: None,
        reason: None,
        output: None,
    }
}

fn refused(status: CommandStatus, reason: impl Into<String>) -> CommandResult {
    CommandResult {
        reason: Some(reason.into()),
        ..result(status)
    }
}

impl Device {
    pub(super) async fn take_command(
        &mut self,
        name: &str,
        payload: &[u8],
    ) -> Result<(), RunError> {
        let Some(owned) = &self.owned else {
            return Ok(());
        };
        let topic = Topic::Command {
            device: self.id,
            name: name.to_owned(),
        }
        .to_string();
        let envelope = match protocol::open(payload) {
            Ok(envelope) if envelope.verify(&topic, &owned.secret) => envelope,
            _ => {
                tracing::warn!(device = %self.id, name, "a command was not signed by the server");
                return Ok(());
            }
        };
        let sequence = envelope.sequence.0;
        if !self
            .store
            .advance("command_sequence", sequence, SEQUENCE_WINDOW)?
        {
            tracing::warn!(device = %self.id, name, sequence, "an old command came again and was ignored");
            return Ok(());
        }
        let message: CommandMessage = match serde_json::from_value(Value::Object(envelope.body)) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(device = %self.id, name, "a command is unreadable: {error}");
                return Ok(());
            }
        };
        let id = message.command_id;
        if let Some(known) = self.store.executed(id)? {
            return self.answer(id, known.result).await;
        }
        if message.expires_at < now() {
            return self
                .answer(id, refused(CommandStatus::Rejected, "expired"))
                .await;
        }
        self.answer(id, result(CommandStatus::Accepted)).await?;
        self.waiting.push_back((message, name.to_owned()));
        self.next_command().await
    }

    async fn next_command(&mut self) -> Result<(), RunError> {
        while self.running.is_none() {
            let Some((message, name)) = self.waiting.pop_front() else {
                return Ok(());
            };
            let id = message.command_id;
            if message.expires_at < now() {
                self.answer(id, refused(CommandStatus::Rejected, "expired"))
                    .await?;
                continue;
            }
            match self.begin(&message, &name) {
                Ok((component, job)) => {
                    let first = job.steps.first().map_or(Duration::ZERO, |step| step.0);
                    self.running = Some(Running {
                        id,
                        component,
                        job,
                        step: 0,
                        at: Instant::now() + first,
                    });
                    let began = CommandResult {
                        progress: Some(0),
                        ..result(CommandStatus::Executing)
                    };
                    self.answer(id, began).await?;
                }
                Err(error) => self.answer(id, failure(error)).await?,
            }
        }
        Ok(())
    }

    fn begin(
        &mut self,
        message: &CommandMessage,
        name: &str,
    ) -> Result<(ComponentKey, Job), ActError> {
        if name != "set" {
            return Err(ActError::Rejected("unknown_command".to_owned()));
        }
        let component = message
            .component_key
            .clone()
            .ok_or_else(|| ActError::Rejected("no component_key".to_owned()))?;
        let driver = self
            .drivers
            .get_mut(&component)
            .ok_or_else(|| ActError::Rejected("unknown_component".to_owned()))?;
        let job = driver.begin(&message.arguments)?;
        Ok((component, job))
    }

    /// The step under way is done.
    pub(super) async fn step(&mut self) -> Result<(), RunError> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        running.step += 1;
        if let Some((pause, _)) = running.job.steps.get(running.step) {
            let progress = running.job.steps[running.step - 1].1;
            running.at = Instant::now() + *pause;
            let id = running.id;
            self.running = Some(running);
            let further = CommandResult {
                progress: Some(progress),
                ..result(CommandStatus::Executing)
            };
            return self.answer(id, further).await;
        }
        let finished = match self.drivers.get_mut(&running.component) {
            Some(driver) => driver.finish(&running.job),
            None => Err(ActError::Failed("the component was detached".to_owned())),
        };
        match finished {
            Ok(output) => {
                self.report_one(&running.component).await?;
                let done = CommandResult {
                    progress: Some(100),
                    output: Some(output),
                    ..result(CommandStatus::Completed)
                };
                self.answer(running.id, done).await?;
            }
            Err(error) => self.answer(running.id, failure(error)).await?,
        }
        self.status.send_modify(|status| status.executed += 1);
        self.next_command().await
    }

    /// The new state is told at once, not at the next report.
    async fn report_one(&mut self, component: &ComponentKey) -> Result<(), RunError> {
        let Some(reading) = self
            .drivers
            .get_mut(component)
            .and_then(|driver| driver.read())
        else {
            return Ok(());
        };
        self.send_measured(vec![Measured {
            component: component.clone(),
            timestamp: now(),
            status: reading.status,
            values: reading.values,
        }])
        .await
    }

    /// Commands that the device did not live to end.
    pub(super) fn fail_interrupted(&mut self) -> Result<(), RunError> {
        for id in self.store.interrupted()? {
            let failed = refused(
                CommandStatus::Failed,
                "the device stopped while executing it",
            );
            self.keep_answer(id, &failed)?;
        }
        Ok(())
    }

    async fn answer(&mut self, id: CommandId, answer: CommandResult) -> Result<(), RunError> {
        if let Some((sequence, message)) = self.keep_answer(id, &answer)? {
            self.hand_over(sequence, message).await;
        }
        Ok(())
    }

    fn keep_answer(
        &mut self,
        id: CommandId,
        answer: &CommandResult,
    ) -> Result<Option<(u64, Message)>, RunError> {
        let Some(owned) = &self.owned else {
            return Ok(None);
        };
        let topic = Topic::Result {
            device: self.id,
            command: id,
        };
        let compose = |sequence: u64| {
            let mut body = object(answer);
            body.insert("timestamp".to_owned(), now().0.into());
            body.insert("sequence".to_owned(), sequence.into());
            sealed(&topic, body, &owned.secret)
        };
        let executed = Executed {
            at: now(),
            result: answer.clone(),
        };
        Ok(Some(self.store.answer(id, &executed, &compose)?))
    }
}

fn failure(error: ActError) -> CommandResult {
    match error {
        ActError::Rejected(reason) => refused(CommandStatus::Rejected, reason),
        ActError::Failed(reason) => refused(CommandStatus::Failed, reason),
    }
}

//! Commands: verified, executed once, answered at each step.
//!
//! Invariant: a command's id and answer are on disk before it is acknowledged or begun, so one that
//! comes twice is answered again and not done again; one that was under way when the device stopped
//! ends as failed.

use std::time::Duration;

use protocol::{
    CommandId, CommandMessage, CommandResult, CommandStatus, ComponentKey, DesiredState,
    SEQUENCE_WINDOW, STATE_DESIRED, Topic, WIFI_CHANGE,
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    Device, RunError,
    errand::COMPONENT_CHANGED,
    outbox::{object, sealed},
};
use crate::{
    drivers::{ActError, Job},
    now,
    store::{Executed, Message},
};

/// A command under way.
pub(super) struct Running {
    id: CommandId,
    plan: Plan,
    step: usize,
    at: Instant,
}

/// What a command asks for, one component after the other.
struct Plan {
    /// What is under way, and what follows it; the last is done first.
    jobs: Vec<(ComponentKey, Job)>,
    /// How many there were at the beginning.
    of: usize,
    /// What each component gave.
    done: Map<String, Value>,
    /// What did not succeed.
    failed: Vec<(ComponentKey, ActError)>,
    /// Whether it was for one component alone: its answer is the whole answer.
    alone: bool,
}

impl Plan {
    /// Percent done, where the job under way is at `progress`.
    fn progress(&self, progress: u8) -> u8 {
        let of = self.of.max(1);
        let before = of - self.jobs.len().min(of);
        let all = (before * 100 + usize::from(progress)) / of;
        u8::try_from(all.min(100)).unwrap_or(100)
    }

    /// The answer when nothing is left to do.
    fn answer(mut self) -> CommandResult {
        if self.failed.is_empty() {
            let output = match self.alone {
                true => self.done.into_iter().next().map(|(_, output)| output),
                false => Some(Value::Object(self.done)),
            };
            return CommandResult {
                progress: Some(100),
                output,
                ..result(CommandStatus::Completed)
            };
        }
        if self.alone {
            return failure(self.failed.remove(0).1);
        }
        let words: Vec<String> = self
            .failed
            .iter()
            .map(|(component, error)| format!("{component}: {error}"))
            .collect();
        CommandResult {
            output: Some(Value::Object(self.done)),
            ..refused(CommandStatus::Failed, words.join("; "))
        }
    }
}

impl Running {
    /// When its next step is done.
    pub(super) fn next_at(&self) -> Instant {
        self.at
    }
}

pub(super) fn result(status: CommandStatus) -> CommandResult {
    CommandResult {
        status,
        progress: None,
        reason: None,
        output: None,
    }
}

fn began() -> CommandResult {
    CommandResult {
        progress: Some(0),
        ..result(CommandStatus::Executing)
    }
}

pub(super) fn refused(status: CommandStatus, reason: impl Into<String>) -> CommandResult {
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

    pub(super) async fn next_command(&mut self) -> Result<(), RunError> {
        while self.running.is_none() && !self.is_away() {
            let Some((message, name)) = self.waiting.pop_front() else {
                return Ok(());
            };
            let id = message.command_id;
            if message.expires_at < now() {
                self.answer(id, refused(CommandStatus::Rejected, "expired"))
                    .await?;
                continue;
            }
            if name == COMPONENT_CHANGED {
                self.ask_components(Some(id))?;
                self.answer(id, began()).await?;
                continue;
            }
            if name == WIFI_CHANGE {
                let answer = match self.change_wifi(id, message.arguments) {
                    Ok(()) => began(),
                    Err(reason) => refused(CommandStatus::Rejected, reason),
                };
                self.answer(id, answer).await?;
                continue;
            }
            match self.begin(&message, &name) {
                Ok(plan) if plan.jobs.is_empty() => self.answer(id, plan.answer()).await?,
                Ok(plan) => {
                    let first = first_pause(&plan);
                    self.running = Some(Running {
                        id,
                        plan,
                        step: 0,
                        at: Instant::now() + first,
                    });
                    self.answer(id, began()).await?;
                }
                Err(error) => self.answer(id, failure(error)).await?,
            }
        }
        Ok(())
    }

    fn begin(&mut self, message: &CommandMessage, name: &str) -> Result<Plan, ActError> {
        match name {
            "set" => {
                let component = message.component_key.clone().ok_or_else(|| {
                    ActError::Rejected(
                        "no_component_key: the command names no component".to_owned(),
                    )
                })?;
                let job = self.begin_one(&component, &message.arguments)?;
                Ok(Plan {
                    jobs: vec![(component, job)],
                    of: 1,
                    done: Map::new(),
                    failed: Vec::new(),
                    alone: true,
                })
            }
            STATE_DESIRED => {
                let arguments = Value::Object(message.arguments.clone());
                let wanted: DesiredState = serde_json::from_value(arguments)
                    .map_err(|error| ActError::Rejected(format!("unreadable: {error}")))?;
                let (mut jobs, mut failed) = (Vec::new(), Vec::new());
                for (component, arguments) in wanted.components.into_iter().rev() {
                    match self.begin_one(&component, &arguments) {
                        Ok(job) => jobs.push((component, job)),
                        Err(error) => failed.push((component, error)),
                    }
                }
                Ok(Plan {
                    of: jobs.len(),
                    jobs,
                    done: Map::new(),
                    failed,
                    alone: false,
                })
            }
            _ => Err(ActError::Rejected("unknown_command".to_owned())),
        }
    }

    fn begin_one(
        &mut self,
        component: &ComponentKey,
        arguments: &Map<String, Value>,
    ) -> Result<Job, ActError> {
        match self.fitted.get_mut(component) {
            Some(driver) => driver.begin(arguments),
            None => Err(match self.fitted.missing().get(component) {
                Some(reason) => ActError::Failed(format!("no_driver: {reason}")),
                None => ActError::Rejected("unknown_component".to_owned()),
            }),
        }
    }

    /// The step under way is done.
    pub(super) async fn step(&mut self) -> Result<(), RunError> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        running.step += 1;
        let id = running.id;
        let Some((component, job)) = running.plan.jobs.last() else {
            return Ok(());
        };
        if let Some((pause, _)) = job.steps.get(running.step) {
            let progress = running.plan.progress(job.steps[running.step - 1].1);
            running.at = Instant::now() + *pause;
            self.running = Some(running);
            let further = CommandResult {
                progress: Some(progress),
                ..result(CommandStatus::Executing)
            };
            return self.answer(id, further).await;
        }
        let finished = match self.fitted.get_mut(component) {
            Some(driver) => driver.finish(job),
            None => Err(ActError::Failed(
                "detached: the component was detached".to_owned(),
            )),
        };
        let component = component.clone();
        running.plan.jobs.pop();
        match finished {
            Ok(output) => {
                self.report_one(&component).await?;
                running.plan.done.insert(component.to_string(), output);
            }
            Err(error) => running.plan.failed.push((component, error)),
        }
        if !running.plan.jobs.is_empty() {
            running.step = 0;
            running.at = Instant::now() + first_pause(&running.plan);
            let further = CommandResult {
                progress: Some(running.plan.progress(0)),
                ..result(CommandStatus::Executing)
            };
            self.running = Some(running);
            return self.answer(id, further).await;
        }
        self.answer(id, running.plan.answer()).await?;
        self.status.send_modify(|status| status.executed += 1);
        self.next_command().await
    }

    /// Commands that the device did not live to end.
    pub(super) fn fail_interrupted(&mut self) -> Result<(), RunError> {
        for id in self.store.interrupted()? {
            let failed = refused(
                CommandStatus::Failed,
                "interrupted: the device stopped while executing it",
            );
            self.keep_answer(id, &failed)?;
        }
        Ok(())
    }

    pub(super) async fn answer(
        &mut self,
        id: CommandId,
        answer: CommandResult,
    ) -> Result<(), RunError> {
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

fn first_pause(plan: &Plan) -> Duration {
    plan.jobs
        .last()
        .and_then(|(_, job)| job.steps.first())
        .map_or(Duration::ZERO, |step| step.0)
}

fn failure(error: ActError) -> CommandResult {
    match error {
        ActError::Rejected(reason) => refused(CommandStatus::Rejected, reason),
        ActError::Failed(reason) => refused(CommandStatus::Failed, reason),
    }
}

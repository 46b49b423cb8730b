//! What takes a device away from its place for a while: a question to the site, beside the reports.
//!
//! Invariant: one errand at a time. One that a command asked for ends with the command's answer, and no other command
//! begins meanwhile.

use futures::{FutureExt as _, future::BoxFuture};
use protocol::{CommandId, CommandResult, CommandStatus, identity::ComponentSpec};
use serde_json::{Map, Value, json};

use super::{
    Device, RunError,
    command::{refused, result},
};
use crate::{
    enroll::EnrollError,
    folder::Renewed,
    rest::{AskError, Caller},
    wifi::{self, ChangeError},
};

/// The command that says that the components are others now.
pub(super) const COMPONENT_CHANGED: &str = "component/changed";

/// What is under way.
pub(super) struct Errand {
    command: Option<CommandId>,
    work: BoxFuture<'static, Outcome>,
}

/// What came of it.
pub(super) enum Outcome {
    /// What is attached, as the site says.
    Components(Result<Vec<ComponentSpec>, AskError>),
    /// A further certificate.
    Certificate(Result<Renewed, AskError>),
    /// Whether the site still knows the device.
    Known(Result<(), AskError>),
    /// Another network, or the former one.
    Wifi(Result<(), ChangeError>),
}

impl Outcome {
    fn tells_revoked(&self) -> bool {
        let error = match self {
            Self::Components(asked) => asked.as_ref().err(),
            Self::Certificate(asked) => asked.as_ref().err(),
            Self::Known(asked) => asked.as_ref().err(),
            Self::Wifi(_) => None,
        };
        error.is_some_and(AskError::is_revoked)
    }
}

/// Waits for the errand under way, for ever where there is none.
pub(super) async fn outcome(errand: &mut Option<Errand>) -> Outcome {
    match errand {
        Some(errand) => (&mut errand.work).await,
        None => std::future::pending().await,
    }
}

impl Device {
    /// Whether a command waits for the errand under way.
    pub(super) fn is_away(&self) -> bool {
        self.errand.as_ref().is_some_and(|e| e.command.is_some())
    }

    /// Asks for the components, where they were not told since the start; the broker need not be there for that.
    pub(super) fn ask_at_start(&mut self) -> Result<(), RunError> {
        if self.settings.ask_components && self.errand.is_none() {
            self.ask_components(None)?;
        }
        Ok(())
    }

    /// Begins to ask the site what is attached. A question without a command that is under way is asked anew.
    pub(super) fn ask_components(&mut self, command: Option<CommandId>) -> Result<(), RunError> {
        let Some(owned) = &self.owned else {
            return Ok(());
        };
        let sequence = self.store.next_sequence()?;
        let caller = Caller::new(&self.site, self.id, &owned.secret, sequence);
        let work = async move {
            Outcome::Components(match caller {
                Ok(caller) => caller.components().await,
                Err(error) => Err(error),
            })
        };
        self.errand = Some(Errand {
            command,
            work: work.boxed(),
        });
        Ok(())
    }

    /// Begins to move to another network.
    pub(super) fn change_wifi(
        &mut self,
        command: CommandId,
        arguments: Map<String, Value>,
    ) -> Result<(), String> {
        // The words of a parser could repeat what it was given, and with it a password.
        let network = serde_json::from_value(Value::Object(arguments))
            .map_err(|_| "unreadable: not a Wi-Fi network".to_owned())?;
        let radio = self.hardware.radio();
        let radio = radio.ok_or("no_wifi: this machine has no radio to move")?;
        let mut server = self.server();
        let patience = self.settings.wifi_patience;
        let work = async move { wifi::change(radio, network, &mut server, patience).await };
        self.errand = Some(Errand {
            command: Some(command),
            work: work.map(Outcome::Wifi).boxed(),
        });
        Ok(())
    }

    /// The connection to the site, for whoever changes the network.
    pub(super) fn server(&self) -> wifi::Server {
        wifi::Server {
            anew: self.anew.clone(),
            status: self.status.subscribe(),
        }
    }

    /// Begins to ask the site for another certificate.
    pub(super) fn go_for_certificate(
        &mut self,
        work: impl Future<Output = Result<Renewed, AskError>> + Send + 'static,
    ) {
        self.errand = Some(Errand {
            command: None,
            work: work.map(Outcome::Certificate).boxed(),
        });
    }

    /// Begins to ask the site whether it still knows the device.
    pub(super) fn go_to_be_known(
        &mut self,
        work: impl Future<Output = Result<(), AskError>> + Send + 'static,
    ) {
        self.errand = Some(Errand {
            command: None,
            work: work.map(Outcome::Known).boxed(),
        });
    }

    /// The errand is over: takes over what came of it, and answers the command; `true` when the connection is to be
    /// made anew. Whatever was asked, a device that was revoked ends.
    pub(super) async fn come_back(&mut self, outcome: Outcome) -> Result<bool, RunError> {
        let Some(errand) = self.errand.take() else {
            return Ok(false);
        };
        if outcome.tells_revoked() {
            return Err(EnrollError::Revoked.into());
        }
        let answer = match outcome {
            Outcome::Certificate(given) => return self.take_certificate(given),
            Outcome::Known(known) => {
                self.note_known(known);
                return Ok(false);
            }
            Outcome::Components(Ok(components)) => {
                self.settings.ask_components = false;
                self.take_components(components).await?;
                self.fitted_answer()
            }
            Outcome::Components(Err(error)) => {
                tracing::info!(device = %self.id, "the components were not told: {error}");
                refused(CommandStatus::Failed, error.to_string())
            }
            Outcome::Wifi(Ok(())) => CommandResult {
                progress: Some(100),
                ..result(CommandStatus::Completed)
            },
            Outcome::Wifi(Err(error)) => refused(CommandStatus::Failed, error.to_string()),
        };
        if let Some(id) = errand.command {
            self.answer(id, answer).await?;
            self.status.send_modify(|status| status.executed += 1);
            self.next_command().await?;
        }
        Ok(false)
    }

    /// What has a driver now; a failure where something has none.
    fn fitted_answer(&self) -> CommandResult {
        let loaded: Vec<_> = self.fitted.loaded().collect();
        let missing = self.fitted.missing();
        let output = Some(json!({ "loaded": loaded, "not_loaded": missing }));
        if missing.is_empty() {
            return CommandResult {
                progress: Some(100),
                output,
                ..result(CommandStatus::Completed)
            };
        }
        let words: Vec<String> = missing
            .iter()
            .map(|(component, reason)| format!("{component}: {reason}"))
            .collect();
        CommandResult {
            output,
            ..refused(CommandStatus::Failed, words.join("; "))
        }
    }
}

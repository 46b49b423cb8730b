//! Started programs, each ended by its own id: asked first, and only then made to.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{ChildStdout, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A started program.
#[derive(Debug)]
pub(super) struct Child {
    name: &'static str,
    process: tokio::process::Child,
}

impl Child {
    /// Starts it in a group of its own, so that Ctrl-C reaches this program alone and the order is kept.
    pub(super) fn start(name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        let process = command
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} did not start"))?;
        Ok(Self { name, process })
    }

    /// Its output, once, where it is piped.
    pub(super) fn take_output(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Resolves when it ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match self.process.wait().await {
            Ok(status) => anyhow!("{} ended ({status})", self.name),
            Err(error) => anyhow!("{}: {error}", self.name),
        }
    }

    /// Asks it to end and waits; kills it when it takes too long.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok()) else {
            return Ok(());
        };
        kill(Pid::from_raw(id), Signal::SIGTERM)
            .with_context(|| format!("asking {} to end", self.name))?;
        if timeout(PATIENCE, self.process.wait()).await.is_err() {
            self.process.kill().await?;
        }
        Ok(())
    }
}

/// Ctrl-C, or the service manager's request.
#[derive(Debug)]
pub(super) struct Stop {
    interrupt: Signals,
    terminate: Signals,
}

/// Listens for requests to stop from now on.
pub(super) fn stop_signal() -> anyhow::Result<Stop> {
    Ok(Stop {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    })
}

impl Stop {
    /// Resolves at the next request.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

//! `madang-agent subscribe` and `send`: one device, heard and spoken for at a terminal.

use agent::{folder::Folder, hand::Hand};
use anyhow::bail;
use clap::Subcommand;

use crate::{say, until_signal};

/// What to send.
#[derive(Debug, Subcommand)]
pub(crate) enum Sent {
    /// A report of a component, signed: a test, or an alert by its values.
    Report {
        /// The component, such as `led`.
        component: String,
        /// An actuator's state, such as `ON`.
        #[arg(long)]
        status: Option<String>,
        /// A reading, such as `temp=25.5`; may be said again.
        #[arg(long = "value", value_name = "NAME=VALUE")]
        values: Vec<String>,
    },
    /// That it goes offline.
    Offline,
    /// Any bytes on any topic, as they are: to see how the server refuses them.
    Raw {
        /// The topic.
        topic: String,
        /// The text.
        payload: String,
    },
}

pub(crate) async fn subscribe(folder: &Folder, count: Option<u64>) -> anyhow::Result<()> {
    let mut device = Hand::connect(folder).await?;
    device.introduce().await?;
    device.subscribe().await?;
    let stop = until_signal();
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        match stop.run_until_cancelled(device.heard()).await {
            Some(line) => say(&line?)?,
            None => break,
        }
        left -= 1;
    }
    device.close().await;
    Ok(())
}

pub(crate) async fn send(folder: &Folder, sent: Sent) -> anyhow::Result<()> {
    let device = Hand::connect(folder).await?;
    let answer = match sent {
        Sent::Report {
            component,
            status,
            values,
        } => {
            device.introduce().await?;
            device.report(&component, status.as_deref(), &values).await
        }
        Sent::Offline => device.offline().await,
        Sent::Raw { topic, payload } => {
            device.introduce().await?;
            device.raw(&topic, payload.into_bytes(), false).await
        }
    };
    device.close().await;
    let answer = answer?;
    say(&answer)?;
    match answer.as_str() {
        "taken" => Ok(()),
        _ => bail!("the server did not take it"),
    }
}

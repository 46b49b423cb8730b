//! The limit of ingest: the product's broker with a hook that does nothing.

use std::{io::Write as _, net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context, Result};
use async_trait::async_trait;
use rmqtt::{
    hook::{Handler, HookResult, Parameter, ReturnType, Type},
    types::{AuthResult, PublishAclResult},
};
use server::{
    broker::{BrokerConfig, EmbeddedBroker},
    certificate::ServerCertificate,
};
use service::{SystemClock, pki::Pki};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::program::Program;

/// Starts such a broker as a process of its own; gives it and its address.
pub(crate) async fn start(data: &Path) -> Result<(Program, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare-broker").arg(data);
    let program = Program::start(command).await?;
    let address = program.ready["mqtt"].as_str().context("no address")?;
    let address = address.to_owned();
    Ok((program, address))
}

/// Serves until it is told to stop, with the certificates in this data folder.
pub(crate) async fn serve(data: &Path) -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Arc::new(SystemClock);
    let pki = Pki::open(&data.join("pki"), "", &[], clock.as_ref())?;
    let shown = ServerCertificate::new(Arc::new(pki), Vec::new(), clock)?;
    let broker = EmbeddedBroker::bind(&BrokerConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Arc::new(shown.for_devices()?),
        plain: None,
    })
    .await?;
    writeln!(
        std::io::stdout().lock(),
        "{}",
        serde_json::json!({ "mqtt": broker.address().to_string() })
    )?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        if let Ok(mut asked) =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        {
            asked.recv().await;
        }
        told.cancel();
    });
    let events = [Type::ClientAuthenticate, Type::MessagePublishCheckAcl];
    Ok(broker.run_with(&events, Nothing, stop).await?)
}

/// Everybody may connect and publish; every message is acknowledged and forgotten.
#[derive(Clone)]
struct Nothing;

#[async_trait]
impl Handler for Nothing {
    async fn hook(&self, event: &Parameter, before: Option<HookResult>) -> ReturnType {
        match event {
            Parameter::ClientAuthenticate(_) => {
                let allowed = AuthResult::Allow(false, None);
                (false, Some(HookResult::AuthResult(allowed)))
            }
            Parameter::MessagePublishCheckAcl(..) => {
                let allowed = PublishAclResult::allow();
                (false, Some(HookResult::PublishAclResult(allowed)))
            }
            _ => (true, before),
        }
    }
}

//! `madang-agent`: enrols this machine and reports for it.

mod by_hand;
mod config;

use std::{collections::BTreeSet, io::Write as _, path::PathBuf, process::ExitCode};

use agent::{
    device::{self, Status},
    enroll::{self, Progress},
    folder::Folder,
    machine::{self, Machine},
    pairing::{self, Given},
    simulate,
    store::Store,
};
use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use config::{default_state, settings};
use protocol::{
    causes,
    enroll::{CaHash, ClaimLink},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Parser)]
#[command(
    name = "madang-agent",
    version,
    about = "Reports for this machine to a Madang site"
)]
struct Arguments {
    /// Where the key, the credentials and unsent reports are kept.
    #[arg(long, env = "MADANG_AGENT_STATE", global = true)]
    state: Option<PathBuf>,
    /// A TOML file with `state`, `report_interval_s`, `wifi_patience_s`, `max_reports`, `simulate`, `[board]` and `[bluetooth]`.
    #[arg(long, env = "MADANG_AGENT_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Enrols this machine with a claim link, or with server, code and authority, and waits for the claim.
    Enroll {
        /// The claim link of the QR code.
        link: Option<String>,
        /// The server's address: `https://host:port`.
        #[arg(long, requires_all = ["code", "ca_hash"], conflicts_with = "link")]
        server: Option<String>,
        /// The serial number that was pre-registered; this machine's own where left out.
        #[arg(long)]
        serial: Option<String>,
        /// The enrolment code.
        #[arg(long, env = "MADANG_ENROLLMENT_CODE", hide_env_values = true)]
        code: Option<String>,
        /// SHA-256 of the site's CA certificate, as the pre-registration page shows it.
        #[arg(long)]
        ca_hash: Option<String>,
        /// Ends once the certificate is there, without waiting for an owner.
        #[arg(long, conflicts_with = "bluetooth")]
        no_wait: bool,
        /// Lets somebody near give this machine a network over Bluetooth, until it is enrolled.
        #[arg(long)]
        bluetooth: bool,
    },
    /// Reports until it is stopped.
    Run {
        /// Component types to simulate, such as `led,dht22`, and `wifi` for the radio; with `!` behind it a component
        /// fails every command.
        #[arg(long, value_delimiter = ',')]
        simulate: Vec<String>,
        /// Seconds between two reports, instead of the server's.
        #[arg(long)]
        report_interval: Option<f64>,
        /// Seconds that another Wi-Fi network may take to be joined, and then to lead to the site: 60, if left out.
        #[arg(long)]
        wifi_patience: Option<f64>,
        /// Lets somebody near give this machine a network over Bluetooth, until it is enrolled and after a reset.
        #[arg(long)]
        bluetooth: bool,
    },
    /// Shows what this folder is enrolled as and what it holds; not while it runs.
    Status,
    /// Lets a board run again that the server has told to switch itself off.
    Enable,
    /// Prints the serial number to pre-register this machine with.
    Serial,
    /// Prints what the server sends this device, until it is stopped. Nothing is carried out; not while it runs.
    Subscribe {
        /// Ends after so many messages.
        #[arg(long)]
        count: Option<u64>,
    },
    /// Sends one message as this device and prints what the server answers; not while it runs.
    #[command(subcommand)]
    Send(by_hand::Sent),
    /// Runs many simulated devices in one process, from a site's manifest.
    Simulate {
        /// The manifest that `madang seed --demo FILE` or `madang simulate --manifest FILE` writes.
        #[arg(long)]
        manifest: PathBuf,
        /// Seconds between two reports, instead of the server's.
        #[arg(long)]
        report_interval: Option<f64>,
        /// Seconds that another Wi-Fi network may take to be joined, and then to lead to the site: 60, if left out.
        #[arg(long)]
        wifi_patience: Option<f64>,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "info,rumqttc=warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    // Simulating a site takes a connection for each of its devices.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    let ran = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting")
        .and_then(|runtime| runtime.block_on(act(arguments)));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", causes::told(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn act(arguments: Arguments) -> anyhow::Result<()> {
    let config = config::read(arguments.config.as_deref())?;
    let state = match arguments.state.or_else(|| config.state.clone()) {
        Some(state) => state,
        None => default_state()?,
    };
    match arguments.action {
        Action::Enroll {
            link,
            server,
            serial,
            code,
            ca_hash,
            no_wait,
            bluetooth,
        } => {
            let link = match link {
                Some(link) => link.parse().context("the claim link")?,
                None => typed_link(server, serial, code, ca_hash)?,
            };
            let mut machine = Machine::new(config.board, BTreeSet::new())
                .paired(config.bluetooth.or_asked(bluetooth));
            let settings = settings(None, config.wifi_patience_s, None)?;
            let given = Given::of(&mut machine, settings.wifi_patience);
            enroll_here(&Folder::open(&state)?, given, &link, no_wait).await
        }
        Action::Run {
            simulate,
            report_interval,
            wifi_patience,
            bluetooth,
        } => {
            let simulate = simulate.into_iter().chain(config.simulate).collect();
            let settings = settings(
                report_interval.or(config.report_interval_s),
                wifi_patience.or(config.wifi_patience_s),
                config.max_reports,
            )?;
            let folder = Folder::open(&state)?;
            let status = watch::Sender::new(Status::default());
            let machine =
                Machine::new(config.board, simulate).paired(config.bluetooth.or_asked(bluetooth));
            let hardware = Box::new(machine);
            Ok(device::run(folder, hardware, settings, status, until_signal()).await?)
        }
        Action::Status => show_status(&Folder::open(&state)?),
        Action::Enable => {
            let folder = Folder::open(&state)?;
            let mut site = folder.site()?.context("not enrolled")?;
            site.disabled = None;
            Ok(folder.save_site(&site)?)
        }
        Action::Serial => say(&machine::serial().context("this machine tells no serial number")?),
        Action::Subscribe { count } => by_hand::subscribe(&Folder::open(&state)?, count).await,
        Action::Send(sent) => by_hand::send(&Folder::open(&state)?, sent).await,
        Action::Simulate {
            manifest,
            report_interval,
            wifi_patience,
        } => {
            let settings = settings(
                report_interval.or(config.report_interval_s),
                wifi_patience.or(config.wifi_patience_s),
                config.max_reports,
            )?;
            Ok(simulate::run(&manifest, settings, until_signal()).await?)
        }
    }
}

fn typed_link(
    server: Option<String>,
    serial: Option<String>,
    code: Option<String>,
    ca_hash: Option<String>,
) -> anyhow::Result<ClaimLink> {
    let (Some(server), Some(code), Some(ca_hash)) = (server, code, ca_hash) else {
        bail!("give the claim link, or --server, --code and --ca-hash");
    };
    if !server.starts_with("https://") {
        bail!("the server's address begins with https://");
    }
    let serial = serial
        .or_else(machine::serial)
        .context("this machine tells no serial number: say --serial")?;
    let ca_hash: CaHash = ca_hash
        .parse()
        .ok()
        .context("--ca-hash is 64 hexadecimal digits")?;
    Ok(ClaimLink {
        origin: server.trim_end_matches('/').to_owned(),
        serial,
        code: code.parse()?,
        ca_hash,
    })
}

async fn enroll_here(
    folder: &Folder,
    given: Option<Given>,
    link: &ClaimLink,
    no_wait: bool,
) -> anyhow::Result<()> {
    let mut site = enroll::begin(folder, link)?;
    if no_wait {
        let answer = enroll::ask(folder, &mut site).await?;
        let (enroll::Answer::Complete(credentials) | enroll::Answer::Waiting(credentials, _)) =
            answer;
        return say(&format!("enrolled as {}", credentials.device_uuid));
    }
    let stop = until_signal();
    let mut told = false;
    let credentials = pairing::until_claimed(folder, &mut site, given, &stop, |progress| {
        let words = match progress {
            Progress::Waiting(_) if told => return,
            Progress::Waiting(credentials) => {
                told = true;
                format!(
                    "enrolled as {}. To become its owner, sign in and open\n  {link}\nWaiting for that; \
                     Ctrl-C is safe, run it again to go on.",
                    credentials.device_uuid
                )
            }
            Progress::Retrying(reason, pause) => {
                format!("{reason}; again in {} s", pause.as_secs())
            }
        };
        let _ = say(&words);
    })
    .await?;
    say(&format!(
        "claimed as {}. Start reporting with: madang-agent run",
        credentials.device_uuid
    ))
}

fn show_status(folder: &Folder) -> anyhow::Result<()> {
    let Some(site) = folder.site()? else {
        return say("not enrolled");
    };
    say(&format!(
        "site      {}\nserial    {}",
        site.origin, site.serial
    ))?;
    let Some(credentials) = site.credentials else {
        return say("enrolment has begun; run `madang-agent enroll` again to go on");
    };
    say(&format!("device    {}", credentials.device_uuid))?;
    match &credentials.ownership {
        Some(claimed) => {
            let keys: Vec<_> = claimed
                .components
                .iter()
                .map(|c| c.component_key.as_str())
                .collect();
            say(&format!(
                "owner     {}\nreports   {}",
                claimed.user_email,
                keys.join(", ")
            ))?;
        }
        None => say("owner     none yet")?,
    }
    match Store::open(&folder.store_path(), u64::MAX).and_then(|store| store.held()) {
        Ok(held) => say(&format!(
            "unsent    {} reports, {} messages without an answer, {} given up for lack of room",
            held.reports, held.messages, held.dropped
        )),
        Err(_) => say("running   yes (its store is in use)"),
    }
}

/// Cancelled by Ctrl-C and by the service manager.
fn until_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            if let Ok(mut terminated) = signal(SignalKind::terminate()) {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminated.recv() => {}
                }
            } else {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        told.cancel();
    });
    stop
}

fn say(words: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{words}").context("standard output")
}

//! `madang`: the whole product in one program.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::{Parser, Subcommand};
use server::{Config, certificate::ServerCertificate, config, demo, huge_pages};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Reports and pages are many small values for a short time, and a hashed password is 19 MiB once: this
/// allocator is faster at the first than the system's and gives the second back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs a site: its devices, its rooms and its people.
#[derive(Debug, Parser)]
#[command(name = "madang", version)]
struct Cli {
    /// The configuration file; `madang.toml` in the working folder where it exists.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// The data folder; wins over the configuration.
    #[arg(long, global = true)]
    data_dir: Option<PathBuf>,
    /// The folder with the interface's files; wins over the configuration.
    #[arg(long, global = true)]
    site_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the site until it is told to stop.
    Serve {
        /// Makes the demo site where it is missing, and writes what its simulator needs into this file.
        #[arg(long)]
        demo: Option<PathBuf>,
        /// Prints one line of JSON with the addresses when ready, instead of words for a person.
        #[arg(long)]
        json: bool,
        /// Forgets every device's secret first: for a site whose `pki/vault.key` is lost. Claimed devices
        /// must then be given up and claimed again.
        #[arg(long)]
        forget_secrets: bool,
    },
    /// Prints the configuration file with every key and its default.
    ConfigExample,
    #[command(flatten)]
    Site(server::commands::Command),
}

fn main() -> ExitCode {
    let small = huge_pages::withhold();
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,rmqtt=warn,rmqtt_net=warn,sqlx=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    // A connection is a file: the usual soft limit of 1,024 is a small site.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    match execute(cli, small) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = protocol::causes::told(&*error);
            let _ = writeln!(std::io::stderr(), "madang: {why}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli, small: huge_pages::Withheld) -> anyhow::Result<()> {
    let file = cli.config.or_else(|| {
        let path = PathBuf::from("madang.toml");
        path.exists().then_some(path)
    });
    let read = move || config::load(file.as_deref(), std::env::vars());
    let mut config = read()?;
    if let Some(folder) = cli.data_dir {
        config.data_dir = folder;
    }
    if let Some(folder) = cli.site_dir {
        config.site_dir = folder;
    }
    match cli.command {
        Command::ConfigExample => {
            write!(std::io::stdout(), "{}", config::example()?)?;
            Ok(())
        }
        Command::Site(command) => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(server::commands::run(&config, command)),
        Command::Serve {
            demo,
            json,
            forget_secrets,
        } => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(async {
                if forget_secrets {
                    server::forget_secrets(&config).await?;
                }
                serve(config, demo, json, read, small).await
            }),
    }
}

async fn serve(
    config: Config,
    demo: Option<PathBuf>,
    json: bool,
    read: impl Fn() -> Result<Config, config::ConfigError> + Send + 'static,
    small: huge_pages::Withheld,
) -> anyhow::Result<()> {
    let data_dir = config.data_dir.clone();
    let running = server::run(config).await?;
    #[cfg(unix)]
    read_again_on_hangup(running.certificate.clone(), read);
    #[cfg(not(unix))]
    drop(read);
    let sign_in = match demo {
        Some(manifest) => Some(demo::seed(&running.services, &data_dir, &manifest).await?),
        None => None,
    };
    let setup_code = running.setup_code.clone().filter(|_| sign_in.is_none());
    let mut out = std::io::stdout().lock();
    if json {
        let ready = serde_json::json!({
            "http": format!("http://{}", running.http),
            "https": running.services.site.public_url,
            "mqtt": running.services.site.mqtt_url,
            "setup_code": setup_code,
            "sign_in": sign_in,
        });
        writeln!(out, "{ready}")?;
    } else {
        writeln!(out, "Madang is ready.")?;
        writeln!(out, "  on this machine   http://{}", running.http)?;
        writeln!(
            out,
            "  for others        {}",
            running.services.site.public_url
        )?;
        writeln!(
            out,
            "  for devices       {}",
            running.services.site.mqtt_url
        )?;
        if let Some(code) = &setup_code {
            writeln!(
                out,
                "  setup code        {code}   (makes the first administrator, once)"
            )?;
        }
        if let Some(sign_in) = &sign_in {
            writeln!(
                out,
                "  sign in           {} / {}",
                sign_in.email, sign_in.password
            )?;
        }
    }
    out.flush()?;
    drop(out);
    let busy = running.busy();
    tokio::spawn(async move {
        busy.await;
        drop(small);
    });
    stop_on_signal(running.stopper());
    running.stopped().await.map_err(anyhow::Error::msg)
}

/// A hangup reads the configuration again, for what can change while the server runs: the names in its
/// certificate. The rest waits for the next start.
#[cfg(unix)]
fn read_again_on_hangup(
    certificate: Arc<ServerCertificate>,
    read: impl Fn() -> Result<Config, config::ConfigError> + Send + 'static,
) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => {
            tracing::warn!(%error, "a hangup does not read the configuration again");
            return;
        }
    };
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            match read() {
                Ok(config) => certificate.want(config.site.host_names),
                Err(error) => tracing::error!(%error, "the configuration stays as it was"),
            }
        }
    });
}

fn stop_on_signal(stop: CancellationToken) {
    tokio::spawn(async move {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            if let Ok(mut terminate) = signal(SignalKind::terminate()) {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
                stop.cancel();
                return;
            }
        }
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    });
}

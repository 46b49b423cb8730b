//! `cargo xtask run`: a site with simulated devices, in one terminal.

mod children;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::{build, place};
use children::Child;

/// What the server says of itself when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    http: String,
    https: String,
    mqtt: String,
    setup_code: Option<String>,
    sign_in: Option<SignIn>,
}

#[derive(Debug, Deserialize)]
struct SignIn {
    email: String,
    password: String,
}

/// How to start.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Without the demo site: prints the one-time setup code.
    #[arg(long)]
    empty: bool,
    /// Optimised.
    #[arg(long)]
    release: bool,
    /// Where the data lives; a second start continues there.
    #[arg(long, default_value = "madang-data")]
    data_dir: PathBuf,
}

/// Builds, starts and waits until Ctrl-C or until a program ends by itself.
pub(crate) fn run(options: &Options) -> Result<()> {
    build::everything(options.release)?;
    let data_dir = place::root().join(&options.data_dir);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(options, &data_dir))
}

async fn serve(options: &Options, data_dir: &Path) -> Result<()> {
    let manifest = data_dir.join("demo/manifest.json");
    let mut command = tokio::process::Command::new(place::program("madang", options.release));
    command
        .args(["serve", "--json", "--data-dir"])
        .arg(data_dir)
        .arg("--site-dir")
        .arg(place::site(options.release))
        .current_dir(place::root())
        .stdout(std::process::Stdio::piped());
    if !options.empty {
        command.arg("--demo").arg(&manifest);
    }
    let mut server = Child::start("madang", command)?;
    let mut stop = children::stop_signal()?;
    let ready = tokio::select! {
        ready = ready(&mut server) => ready,
        () = stop.received() => return server.stop().await,
    };
    let ready = match ready {
        Ok(ready) => ready,
        Err(error) => {
            server.stop().await?;
            return Err(error);
        }
    };
    let mut simulator = None;
    if !options.empty {
        let mut command =
            tokio::process::Command::new(place::program("madang-agent", options.release));
        command.args(["simulate", "--manifest"]).arg(&manifest);
        // What 36 devices have to say would hide what the server says.
        command.env("RUST_LOG", "warn");
        simulator = Some(Child::start("madang-agent simulate", command)?);
    }
    tell(&ready, data_dir);
    let ended = wait(&mut server, simulator.as_mut(), &mut stop).await;
    println!("\nStopping …");
    // The devices first, so that what they sent last is stored.
    if let Some(simulator) = &mut simulator {
        simulator.stop().await?;
    }
    server.stop().await?;
    ended
}

async fn wait(
    server: &mut Child,
    simulator: Option<&mut Child>,
    stop: &mut children::Stop,
) -> Result<()> {
    let simulated = async {
        match simulator {
            Some(simulator) => simulator.ended().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        error = server.ended() => Err(error),
        error = simulated => Err(error),
        () = stop.received() => Ok(()),
    }
}

/// Waits for the line that the server prints when it listens.
async fn ready(server: &mut Child) -> Result<Ready> {
    let out = server.take_output().context("the server's output")?;
    let mut lines = BufReader::new(out).lines();
    let Some(line) = lines.next_line().await? else {
        bail!("madang ended before it was ready; what it said stands above");
    };
    let ready: Ready = serde_json::from_str(&line).with_context(|| line.clone())?;
    Ok(ready)
}

fn tell(ready: &Ready, data_dir: &Path) {
    println!("\nMadang is ready.\n");
    println!("  open              {}", ready.http);
    match (&ready.sign_in, &ready.setup_code) {
        (Some(sign_in), _) => {
            println!("  sign in as        {}", sign_in.email);
            println!("  with password     {}", sign_in.password);
        }
        (None, Some(code)) => {
            println!("  first administrator {}/setup", ready.http);
            println!("  with setup code     {code}");
        }
        (None, None) => println!("  sign in with your account"),
    }
    println!("  from elsewhere    {}", ready.https);
    println!("  devices           {}", ready.mqtt);
    println!("  data              {}", data_dir.display());
    println!("\nCtrl-C stops it; the next start goes on from there.\n");
}

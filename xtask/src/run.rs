//! `cargo xtask run`: from a fresh clone to a page with living devices.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{build, place};

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

/// Builds, starts the server and, unless `--empty`, the simulated site; ends with them.
pub(crate) fn run(options: &Options) -> Result<()> {
    build::everything(options.release)?;
    let data = place::root().join(&options.data_dir);
    let manifest = data.join("demo").join("manifest.json");
    let mut command = Command::new(place::program("madang", options.release));
    command
        .arg("serve")
        .arg("--data-dir")
        .arg(&data)
        .arg("--site-dir")
        .arg(place::site(options.release))
        .stdout(Stdio::piped());
    if !options.empty {
        std::fs::create_dir_all(data.join("demo"))?;
        command.arg("--demo").arg(&manifest);
    }
    println!("\n── starting");
    let mut server = Ended(command.spawn().context("madang could not be started")?);
    // The server says when it is ready, in several lines; the demo is started after the first.
    let out = server.0.stdout.take().context("madang's output")?;
    let mut lines = BufReader::new(out).lines();
    let Some(first) = lines.next().transpose()? else {
        bail!("madang did not start; its reason is above");
    };
    println!("\n{first}");
    let printing = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            println!("{line}");
        }
    });
    let mut simulator = None;
    if !options.empty {
        let mut command = Command::new(place::program("madang-agent", options.release));
        command
            .arg("simulate")
            .arg("--manifest")
            .arg(&manifest)
            .stderr(Stdio::null())
            .stdout(Stdio::null());
        let child = command
            .spawn()
            .context("the simulated devices could not be started")?;
        println!("  demo              24 computers and 12 boards are connecting");
        simulator = Some(Ended(child));
    }
    println!("\nCtrl+C ends it. The data stays in {}.", data.display());
    let status = wait(&mut server.0, simulator.as_mut().map(|s| &mut s.0))?;
    drop(simulator);
    let _ = printing.join();
    match status.success() {
        true => Ok(()),
        false => bail!("madang ended ({status})"),
    }
}

/// Waits for the server; says so when the simulator ends before it.
fn wait(server: &mut Child, mut simulator: Option<&mut Child>) -> Result<std::process::ExitStatus> {
    loop {
        if let Some(status) = server.try_wait()? {
            return Ok(status);
        }
        if let Some(child) = simulator.as_mut()
            && let Some(status) = child.try_wait()?
        {
            eprintln!("the simulated devices ended ({status})");
            simulator = None;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A child that ends with this program, however it ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

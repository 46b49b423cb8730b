//! The measured programs, each a process of its own, and what the system says of them.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long a program may take to say that it is ready, or to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// Linux counts a process's time in hundredths of a second for every program.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running program; it ends with this value.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Its process id.
    pid: u32,
    /// What it said when it was ready.
    pub ready: Value,
    /// From its start to that.
    pub started_in: Duration,
}

/// Where `madang` listens; ports stay the same when it is started again.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub http: String,
    pub https: String,
    pub mqtt: String,
}

impl Default for Addresses {
    fn default() -> Self {
        let any = || "127.0.0.1:0".to_owned();
        Self {
            http: any(),
            https: any(),
            mqtt: any(),
        }
    }
}

impl Program {
    /// Starts the product on this data; gives it and where it listens.
    pub(crate) async fn madang(
        data: &Path,
        site_dir: Option<&Path>,
        at: &Addresses,
    ) -> Result<(Self, Addresses)> {
        let mut command = Command::new(beside("madang")?);
        command
            .args(["serve", "--json", "--data-dir"])
            .arg(data)
            .current_dir(data)
            .env("MADANG__HTTP__ADDRESS", &at.http)
            .env("MADANG__HTTP__TLS_ADDRESS", &at.https)
            .env("MADANG__MQTT__ADDRESS", &at.mqtt)
            .env("RUST_LOG", "error");
        if let Some(folder) = site_dir {
            command.arg("--site-dir").arg(folder);
        }
        let program = Self::start(command).await?;
        let port = |name: &str| -> Result<String> {
            let url = program.ready[name].as_str().context("no address")?;
            let (_, port) = url.rsplit_once(':').context("no port")?;
            Ok(format!("127.0.0.1:{port}"))
        };
        let addresses = Addresses {
            http: port("http")?,
            https: port("https")?,
            mqtt: port("mqtt")?,
        };
        Ok((program, addresses))
    }

    /// Starts a program that says one line of JSON when it is ready.
    pub(crate) async fn start(mut command: Command) -> Result<Self> {
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let out = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(out).lines();
        let Some(line) = timeout(PATIENCE, lines.next_line())
            .await
            .context("not ready in time")??
        else {
            bail!("it ended before it was ready");
        };
        Ok(Self {
            pid: child.id().context("it has ended")?,
            ready: serde_json::from_str(&line).with_context(|| line.clone())?,
            child,
            started_in: began.elapsed(),
        })
    }

    /// Seconds of processor time it has used.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name in parentheses may hold anything; what follows are numbers.
        let (_, numbers) = text.rsplit_once(')').context("/proc/…/stat")?;
        let mut fields = numbers.split_whitespace().skip(11);
        let mut next = || -> Result<f64> { Ok(fields.next().context("/proc/…/stat")?.parse()?) };
        Ok((next()? + next()?) / TICKS_PER_SECOND)
    }

    /// Bytes of memory it holds.
    pub(crate) fn memory(&self) -> Result<u64> {
        resident(self.pid)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends it without a chance to clean up.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").arg(self.pid.to_string()).status();
        if !asked.await?.success() {
            bail!("process {} could not be asked to end", self.pid);
        }
        let status = timeout(PATIENCE, self.child.wait())
            .await
            .context("it did not end")??;
        match status.success() {
            true => Ok(()),
            false => bail!("it ended with {status}"),
        }
    }
}

/// Bytes of memory that a process holds.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.context("no VmRSS")?.parse::<u64>()? * 1024)
}

/// A program that was built together with this one.
fn beside(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    match path.exists() {
        true => Ok(path),
        false => bail!(
            "{} is not there; `cargo xtask bench` builds it",
            path.display()
        ),
    }
}

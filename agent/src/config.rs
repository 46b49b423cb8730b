//! What is configured: a TOML file, and where the state is kept.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use agent::{device::Settings, drivers::board::Board, pairing};
use anyhow::{Context as _, bail};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConfigFile {
    pub(crate) state: Option<PathBuf>,
    pub(crate) report_interval_s: Option<f64>,
    pub(crate) wifi_patience_s: Option<f64>,
    pub(crate) max_reports: Option<u64>,
    pub(crate) simulate: Vec<String>,
    pub(crate) board: Board,
    pub(crate) bluetooth: pairing::Config,
}

/// Reads it; an empty one where none is named.
pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<ConfigFile> {
    let Some(path) = path else {
        return Ok(ConfigFile::default());
    };
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

/// How a device runs, of what was said.
pub(crate) fn settings(
    report_interval_s: Option<f64>,
    wifi_patience_s: Option<f64>,
    max_reports: Option<u64>,
) -> anyhow::Result<Settings> {
    let mut settings = Settings::default();
    if let Some(seconds) = report_interval_s {
        let interval = Duration::try_from_secs_f64(seconds).context("the report interval")?;
        if interval < Duration::from_secs(1) {
            bail!("the report interval is at least one second");
        }
        settings.report_interval = Some(interval);
    }
    if let Some(seconds) = wifi_patience_s {
        let patience = Duration::try_from_secs_f64(seconds).context("the Wi-Fi patience")?;
        if !(Duration::from_secs(1)..=Duration::from_mins(4)).contains(&patience) {
            bail!("the Wi-Fi patience is between 1 and 240 seconds");
        }
        settings.wifi_patience = patience;
    }
    settings.max_reports = max_reports.unwrap_or(settings.max_reports).max(500);
    Ok(settings)
}

/// The system's place for an administrator, the person's own otherwise.
pub(crate) fn default_state() -> anyhow::Result<PathBuf> {
    let system = PathBuf::from("/var/lib/madang-agent");
    let home = std::env::var_os("HOME").map(PathBuf::from);
    if std::env::var_os("USER").is_some_and(|user| user == "root")
        || home.as_deref() == Some(Path::new("/root"))
        || system.join("site.json").exists()
    {
        return Ok(system);
    }
    if let Some(state) = std::env::var_os("XDG_STATE_HOME") {
        return Ok(PathBuf::from(state).join("madang-agent"));
    }
    let home = home.context("no home folder: say --state")?;
    Ok(home.join(".local/state/madang-agent"))
}

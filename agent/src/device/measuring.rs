//! When a device looks, measures and reports.

use std::time::Duration;

use protocol::{ComponentKey, identity::ComponentSpec};
use tokio::time::Instant;

use super::{Device, RunError};
use crate::{drivers::Reading, now, store::Measured};

/// How much before its moment a report may be taken, to go with the nearest second.
const TICK_SLACK: Duration = Duration::from_millis(100);
/// How long before a report slow sensors begin.
const AHEAD: Duration = Duration::from_secs(2);
/// How often what is missing, and a question without an answer, is tried again.
const RETRY_EVERY: Duration = Duration::from_mins(1);
/// How often it is looked whether the certificate is to be renewed, and whether the site is to be asked why it lets
/// nobody in.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// What is due when.
pub(super) struct Rhythm {
    report_at: Instant,
    prepared: bool,
    retry_at: Instant,
    renew_at: Instant,
}

impl Rhythm {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            report_at: now + Duration::from_secs(1),
            prepared: false,
            retry_at: now,
            renew_at: now + RENEW_EVERY,
        }
    }
}

impl Device {
    /// What is done every second.
    pub(super) async fn tick(&mut self, rhythm: &mut Rhythm) -> Result<(), RunError> {
        let news: Vec<ComponentKey> = self
            .fitted
            .iter_mut()
            .filter_map(|(key, driver)| driver.sample().then(|| key.clone()))
            .collect();
        for key in news {
            self.report_one(&key).await?;
        }
        let time = Instant::now();
        let interval = self.interval()?;
        // A shorter one, which the server may tell at any time, does not wait until the longer one is over.
        rhythm.report_at = rhythm.report_at.min(time + interval);
        if !rhythm.prepared && time + AHEAD + TICK_SLACK >= rhythm.report_at {
            rhythm.prepared = true;
            for (_, driver) in self.fitted.iter_mut() {
                driver.prepare();
            }
        }
        if time + TICK_SLACK >= rhythm.report_at {
            // From the moment it was due, so that a late tick does not shift the next.
            rhythm.report_at = (rhythm.report_at + interval).max(time);
            rhythm.prepared = false;
            self.report().await?;
        }
        if time >= rhythm.retry_at {
            rhythm.retry_at = time + RETRY_EVERY;
            self.fitted.retry(self.hardware.as_mut());
            self.ask_at_start()?;
        }
        if time >= rhythm.renew_at {
            rhythm.renew_at = time + RENEW_EVERY;
            self.renew_when_due()?;
            self.ask_whether_revoked()?;
        }
        Ok(())
    }

    fn interval(&self) -> Result<Duration, RunError> {
        let told = self.credentials()?.report_interval_ms;
        let told = Duration::from_millis(u64::try_from(told).unwrap_or(10_000).max(200));
        Ok(self.settings.report_interval.unwrap_or(told))
    }

    /// Measures every component and sends, or keeps, what they say.
    async fn report(&mut self) -> Result<(), RunError> {
        if self.owned.is_none() || self.hardware.is_silent() {
            return Ok(());
        }
        for _ in 0..self.hardware.rounds() {
            let measured = self
                .fitted
                .iter_mut()
                .filter_map(|(key, driver)| Some(measured(key.clone(), driver.read()?)))
                .collect();
            self.send_measured(measured).await?;
        }
        Ok(())
    }

    /// What is new is told at once, not at the next report.
    pub(super) async fn report_one(&mut self, component: &ComponentKey) -> Result<(), RunError> {
        let reading = self.fitted.get_mut(component).and_then(|d| d.read());
        let Some(reading) = reading else {
            return Ok(());
        };
        self.send_measured(vec![measured(component.clone(), reading)])
            .await
    }

    /// Takes over how often the server wants reports from now on, and keeps it.
    pub(super) fn take_interval(&mut self, interval_ms: i64) -> Result<(), RunError> {
        if let Some(credentials) = &mut self.site.credentials
            && credentials.report_interval_ms != interval_ms
        {
            tracing::info!(device = %self.id, interval_ms, "the server wants reports at another interval");
            credentials.report_interval_ms = interval_ms;
            self.folder.save_site(&self.site)?;
        }
        Ok(())
    }

    /// Takes over what is attached now, keeps it, and tells what is new.
    pub(super) async fn take_components(
        &mut self,
        components: Vec<ComponentSpec>,
    ) -> Result<(), RunError> {
        let new = self.fitted.fit(self.hardware.as_mut(), &components);
        let ownership = self.site.credentials.as_mut();
        if let Some(claimed) = ownership.and_then(|known| known.ownership.as_mut())
            && claimed.components != components
        {
            claimed.components = components;
            self.folder.save_site(&self.site)?;
        }
        for key in new {
            if let Some(driver) = self.fitted.get_mut(&key) {
                driver.prepare();
            }
            self.report_one(&key).await?;
        }
        Ok(())
    }
}

fn measured(component: ComponentKey, reading: Reading) -> Measured {
    Measured {
        component,
        timestamp: reading.at.unwrap_or_else(now),
        status: reading.status,
        values: reading.values,
    }
}

//! Sensors that take their time, each on a thread of its own: a slow bus delays nobody's report.
//!
//! Invariant: a measurement is told once, with the moment at which it was made; one that failed is not told at all.

use std::sync::{
    Arc, Mutex, PoisonError,
    mpsc::{SyncSender, sync_channel},
};

use protocol::ComponentKey;

use super::{Driver, NoDriver, Reading};
use crate::now;

/// So many failures in a row are more than noise on the line.
const TROUBLE_AFTER: u32 = 3;

/// A sensor that is read when it is told to.
pub(super) trait Sensor: Send + 'static {
    /// Measures once, for as long as it takes; the error is in words for a person.
    fn measure(&mut self) -> Result<Reading, String>;
}

/// A sensor on its thread, which ends with this.
pub(super) struct Background {
    wake: SyncSender<()>,
    measured: Arc<Mutex<Option<Reading>>>,
}

impl Background {
    /// Starts the thread.
    pub(super) fn start(
        component: &ComponentKey,
        mut sensor: impl Sensor,
    ) -> Result<Self, NoDriver> {
        let (wake, woken) = sync_channel(1);
        let measured = Arc::new(Mutex::new(None));
        let slot = measured.clone();
        let name = component.clone();
        let work = move || {
            let mut failures = Failures::default();
            while woken.recv().is_ok() {
                let result = sensor.measure();
                failures.note(&name, result.as_ref().err());
                if let Ok(reading) = result {
                    let at = Some(now());
                    *lock(&slot) = Some(Reading { at, ..reading });
                }
            }
        };
        std::thread::Builder::new()
            .name(component.to_string())
            .spawn(work)
            .map_err(|error| NoDriver(format!("no thread: {error}")))?;
        Ok(Self { wake, measured })
    }
}

impl Driver for Background {
    fn prepare(&mut self) {
        // One that is still at it is not hurried.
        let _ = self.wake.try_send(());
    }

    fn read(&mut self) -> Option<Reading> {
        lock(&self.measured).take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says once that a sensor does not answer, and once that it does again.
#[derive(Default)]
struct Failures(u32);

impl Failures {
    fn note(&mut self, component: &ComponentKey, error: Option<&String>) {
        match error {
            None => {
                if self.0 >= TROUBLE_AFTER {
                    tracing::info!(%component, "measured again");
                }
                self.0 = 0;
            }
            Some(error) => {
                self.0 = self.0.saturating_add(1);
                if self.0 == TROUBLE_AFTER {
                    tracing::warn!(%component, "not measured: {error}");
                } else {
                    tracing::debug!(%component, "not measured: {error}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Gives what it is handed, and says that it was asked.
    struct Handed(Receiver<Result<Reading, String>>, Sender<()>);

    impl Sensor for Handed {
        fn measure(&mut self) -> Result<Reading, String> {
            self.1.send(()).map_err(|error| error.to_string())?;
            self.0.recv().map_err(|error| error.to_string())?
        }
    }

    #[test]
    fn a_slow_sensor_keeps_nobody_waiting_and_each_measurement_is_told_once() {
        let (hand, handed) = channel();
        let (asking, asked) = channel();
        let key = "ds18b20".parse().unwrap();
        let mut driver = Background::start(&key, Handed(handed, asking)).unwrap();
        assert_eq!(driver.read(), None);
        driver.prepare();
        asked.recv().unwrap();
        assert_eq!(driver.read(), None, "it is still at it");
        // What was woken meanwhile measures once more.
        driver.prepare();
        driver.prepare();
        hand.send(Ok(Reading::numbers([("temp", 21.5)]))).unwrap();
        asked.recv().unwrap();
        let told = driver.read().unwrap();
        assert!(told.at.is_some() && told.values.len() == 1);
        assert_eq!(driver.read(), None, "told already");
        hand.send(Err("no answer".to_owned())).unwrap();
        driver.prepare();
        asked.recv().unwrap();
        assert_eq!(driver.read(), None, "a failure is no value");
    }
}

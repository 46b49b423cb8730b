//! The machine itself, by sysinfo: processor, memory, disks, network, temperature, uptime.

use std::time::Instant;

use sysinfo::{Components, Disks, Networks, System};

use super::{Driver, Reading};

/// The driver of an internal module of a real machine.
pub fn driver(kind: &str) -> Option<Box<dyn Driver>> {
    Some(match kind {
        "cpu" => Box::new(Cpu::new()?),
        "memory" => Box::new(Memory(System::new().ok()?)),
        "disk" => Box::new(Disk(Disks::new().ok()?)),
        "network" => Box::new(Network::new()?),
        "temperature" => Box::new(Temperature(Components::new().ok()?)),
        "uptime" => Box::new(Uptime),
        _ => return None,
    })
}

struct Cpu {
    system: System,
    sum: f64,
    peak: f64,
    samples: u32,
}

impl Cpu {
    fn new() -> Option<Self> {
        let mut system = System::new().ok()?;
        system.refresh_cpu_usage();
        Some(Self {
            system,
            sum: 0.0,
            peak: 0.0,
            samples: 0,
        })
    }
}

impl Driver for Cpu {
    fn sample(&mut self) -> bool {
        self.system.refresh_cpu_usage();
        let usage = f64::from(self.system.global_cpu_usage());
        if usage.is_finite() {
            self.sum += usage;
            self.peak = self.peak.max(usage);
            self.samples += 1;
        }
        false
    }

    fn read(&mut self) -> Option<Reading> {
        if self.samples == 0 {
            return None;
        }
        let average = self.sum / f64::from(self.samples);
        let reading = Reading::numbers([("average", tenth(average)), ("peak", tenth(self.peak))]);
        (self.sum, self.peak, self.samples) = (0.0, 0.0, 0);
        Some(reading)
    }
}

struct Memory(System);

impl Driver for Memory {
    fn read(&mut self) -> Option<Reading> {
        self.0.refresh_memory();
        let (used, total) = (self.0.used_memory(), self.0.total_memory());
        (total > 0).then(|| {
            Reading::numbers([
                ("percent", share(used, total)),
                ("used_bytes", float(used)),
                ("total_bytes", float(total)),
            ])
        })
    }
}

struct Disk(Disks);

impl Driver for Disk {
    fn read(&mut self) -> Option<Reading> {
        self.0.refresh(true);
        let mut seen = std::collections::BTreeSet::new();
        let (mut total, mut free) = (0_u64, 0_u64);
        // One device mounted in several places is one disk.
        for disk in &self.0 {
            if !disk.is_removable() && seen.insert(disk.name().to_owned()) {
                total += disk.total_space();
                free += disk.available_space();
            }
        }
        (total > 0).then(|| {
            Reading::numbers([
                ("percent", share(total.saturating_sub(free), total)),
                ("free_bytes", float(free)),
                ("total_bytes", float(total)),
            ])
        })
    }
}

struct Network {
    networks: Networks,
    since: Instant,
}

impl Network {
    fn new() -> Option<Self> {
        Some(Self {
            networks: Networks::new_with_refreshed_list().ok()?,
            since: Instant::now(),
        })
    }
}

impl Driver for Network {
    fn read(&mut self) -> Option<Reading> {
        let seconds = self.since.elapsed().as_secs_f64();
        if seconds < 0.5 {
            return None;
        }
        self.since = Instant::now();
        self.networks.refresh(true);
        let (mut received, mut sent) = (0, 0);
        for (name, network) in &self.networks {
            if name != "lo" {
                received += network.received();
                sent += network.transmitted();
            }
        }
        Some(Reading::numbers([
            ("received_rate", (float(received) / seconds).round()),
            ("sent_rate", (float(sent) / seconds).round()),
        ]))
    }
}

struct Temperature(Components);

impl Driver for Temperature {
    fn read(&mut self) -> Option<Reading> {
        self.0.refresh(true);
        let hottest = self
            .0
            .iter()
            .filter_map(sysinfo::Component::temperature)
            .filter(|celsius| celsius.is_finite())
            .reduce(f32::max)?;
        Some(Reading::numbers([("celsius", tenth(f64::from(hottest)))]))
    }
}

struct Uptime;

impl Driver for Uptime {
    fn read(&mut self) -> Option<Reading> {
        let seconds = System::uptime().ok()?;
        Some(Reading::numbers([("seconds", float(seconds))]))
    }
}

/// Exact below 2^53, which every counter here is.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}

fn share(part: u64, whole: u64) -> f64 {
    tenth(float(part) * 100.0 / float(whole))
}

/// Rounded to a tenth.
pub(super) fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

//! What was measured, for people and for programs.

use std::{io::Write as _, time::Duration};

use serde_json::json;

/// Where figures go as soon as they are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// One JSON object a line instead of words.
    pub json: bool,
}

impl Figures {
    /// Says one figure.
    pub(crate) fn tell(self, name: &str, value: f64, unit: &str) -> anyhow::Result<()> {
        self.write(name, value, unit, None)
    }

    /// Says one figure and what bounds it, measured in the same run.
    pub(crate) fn tell_beside(
        self,
        name: &str,
        value: f64,
        unit: &str,
        limit: f64,
    ) -> anyhow::Result<()> {
        self.write(name, value, unit, Some(limit))
    }

    /// Says median and 99th percentile of these waits, in milliseconds.
    pub(crate) fn tell_waits(self, name: &str, waits: &mut [u32]) -> anyhow::Result<()> {
        self.tell(&format!("{name}_p50"), percentile_ms(waits, 50), "ms")?;
        self.tell(&format!("{name}_p99"), percentile_ms(waits, 99), "ms")
    }

    /// Says median and 95th percentile of these waits, the latter beside its limit, in milliseconds.
    pub(crate) fn tell_waits_below(
        self,
        name: &str,
        waits: &mut [u32],
        limit_ms: f64,
    ) -> anyhow::Result<()> {
        self.tell(&format!("{name}_p50"), percentile_ms(waits, 50), "ms")?;
        let usual = percentile_ms(waits, 95);
        self.tell_beside(&format!("{name}_p95"), usual, "ms", limit_ms)
    }

    fn write(self, name: &str, value: f64, unit: &str, limit: Option<f64>) -> anyhow::Result<()> {
        let round = |number: f64| (number * 1_000.0).round() / 1_000.0;
        let ratio = limit
            .filter(|limit| *limit > 0.0)
            .map(|limit| value / limit);
        let mut out = std::io::stdout().lock();
        if self.json {
            let mut line = json!({ "name": name, "value": round(value), "unit": unit });
            if let (Some(limit), Some(ratio)) = (limit, ratio) {
                line["limit"] = json!(round(limit));
                line["ratio"] = json!(round(ratio));
            }
            writeln!(out, "{line}")?;
        } else {
            write!(out, "{name:<34} {:>12} {unit}", round(value))?;
            if let (Some(limit), Some(ratio)) = (limit, ratio) {
                write!(out, "   limit {}, ratio {:.2}", round(limit), ratio)?;
            }
            writeln!(out)?;
        }
        Ok(out.flush()?)
    }
}

/// What is going on, for who waits.
pub(crate) fn say(words: &str) {
    let _ = writeln!(std::io::stderr().lock(), "── {words}");
}

/// Microseconds that fit the collections of waits; more than an hour counts as an hour.
pub(crate) fn micros(wait: Duration) -> u32 {
    u32::try_from(wait.as_micros()).unwrap_or(u32::MAX)
}

/// The wait that `percent` of all waits, in microseconds, do not exceed, in milliseconds.
pub(crate) fn percentile_ms(waits: &mut [u32], percent: usize) -> f64 {
    if waits.is_empty() {
        return 0.0;
    }
    let at = (waits.len() * percent).div_ceil(100).max(1) - 1;
    let (_, wait, _) = waits.select_nth_unstable(at);
    f64::from(*wait) / 1_000.0
}

/// A count as a figure.
#[allow(clippy::cast_precision_loss)] // counts of a bench stay far below 2^52
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::percentile_ms;

    #[test]
    fn percentiles_are_waits_that_happened() {
        let mut waits: Vec<u32> = (1..=200).rev().map(|n| n * 1_000).collect();
        assert!((percentile_ms(&mut waits, 50) - 100.0).abs() < f64::EPSILON);
        assert!((percentile_ms(&mut waits, 99) - 198.0).abs() < f64::EPSILON);
        assert!((percentile_ms(&mut [7_000], 99) - 7.0).abs() < f64::EPSILON);
        assert!(percentile_ms(&mut [], 99).abs() < f64::EPSILON);
    }
}

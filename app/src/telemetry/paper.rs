//! Where a series lies on the paper: a square of [`SIDE`] units that the page stretches to its width.
//!
//! A hole in the series stays a hole in the line.

use std::fmt::Write as _;

use domain::telemetry::{Point, Series};

/// The width and the height of the paper, in its own units.
pub(super) const SIDE: f64 = 1000.0;
/// A hole is where this many buckets are missing.
const HOLE: i64 = 3;
/// Reports are this far apart at least, in milliseconds.
const CLOSEST_MS: i64 = 15_000;

/// A series over a span of time, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawing {
    /// The readings.
    pub(super) series: Series,
    /// The beginning of the span, in milliseconds since the epoch.
    pub(super) from: i64,
    /// Its end.
    pub(super) to: i64,
}

impl Drawing {
    /// The smallest and the largest reading.
    pub(super) fn extremes(&self) -> Option<(f64, f64)> {
        let points = &self.series.points;
        let low = points.iter().map(|point| point.min).reduce(f64::min)?;
        let high = points.iter().map(|point| point.max).reduce(f64::max)?;
        Some((low, high))
    }

    /// How far apart two points may be without a hole between them, in milliseconds.
    pub(super) fn hole_ms(&self) -> i64 {
        let typical = self
            .series
            .points
            .windows(2)
            .map(|pair| pair[1].at.0 - pair[0].at.0)
            .min()
            .unwrap_or(0)
            .max(self.series.bucket_ms)
            .max(CLOSEST_MS);
        typical * HOLE
    }

    /// The point nearest to a moment; none in a hole.
    pub(super) fn nearest(&self, at: i64) -> Option<usize> {
        let points = &self.series.points;
        let after = points.partition_point(|point| point.at.0 < at);
        let nearest = [after.checked_sub(1), Some(after)]
            .into_iter()
            .flatten()
            .filter(|index| *index < points.len())
            .min_by_key(|index| (points[*index].at.0 - at).abs())?;
        let away = (points[nearest].at.0 - at).abs();
        (away <= self.hole_ms() / 2).then_some(nearest)
    }

    /// Adds what was reported just now and lets go of what is older than the span; false where something
    /// is missing in between, so that the history must be read again.
    pub(super) fn append(&mut self, at: i64, value: f64) -> bool {
        let Some(last) = self.series.points.last().copied() else {
            return false;
        };
        if at <= last.at.0 {
            return true;
        }
        if at - last.at.0 > self.hole_ms() {
            return false;
        }
        let bucket = self.series.bucket_ms;
        match self.series.points.last_mut() {
            Some(last) if bucket > 0 && at < last.at.0 + bucket => {
                last.min = last.min.min(value);
                last.max = last.max.max(value);
                last.mean += (value - last.mean) / (f64::from(last.count) + 1.0);
                last.count = last.count.saturating_add(1);
            }
            _ => self.series.points.push(Point {
                at: domain::TimestampMs(match bucket {
                    0 => at,
                    _ => last.at.0 + (at - last.at.0) / bucket * bucket,
                }),
                min: value,
                max: value,
                mean: value,
                count: 1,
                late: false,
            }),
        }
        if at > self.to {
            self.from += at - self.to;
            self.to = at;
        }
        let old = self
            .series
            .points
            .partition_point(|point| point.at.0 < self.from);
        self.series.points.drain(..old);
        true
    }

    /// Runs of points without holes between them.
    fn runs(&self) -> impl Iterator<Item = &[Point]> {
        let hole = self.hole_ms();
        self.series
            .points
            .chunk_by(move |a, b| b.at.0 - a.at.0 <= hole)
    }
}

/// Where values and times are on the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    from: i64,
    to: i64,
    /// The value at the lower edge.
    pub(super) low: f64,
    /// The value at the upper edge.
    pub(super) high: f64,
}

impl Scale {
    /// Around the readings; from 0 to 1 where there are none.
    pub(super) fn of(drawing: &Drawing) -> Self {
        Self::around(drawing.from, drawing.to, drawing.extremes())
    }

    /// Around a smallest and a largest reading between two moments.
    pub(super) fn around(from: i64, to: i64, extremes: Option<(f64, f64)>) -> Self {
        let (low, high) = extremes.unwrap_or((0.0, 1.0));
        let room = match high > low {
            true => (high - low) * 0.08,
            false => (high.abs() * 0.05).max(0.5),
        };
        Self {
            from,
            to: to.max(from + 1),
            low: low - room,
            high: high + room,
        }
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn x(&self, at: i64) -> f64 {
        SIDE * (at - self.from) as f64 / (self.to - self.from) as f64
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        SIDE * (1.0 - (value - self.low) / (self.high - self.low))
    }

    /// The moment at a part of the width, 0 to 1.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    pub(super) fn moment(&self, part: f64) -> i64 {
        self.from + ((self.to - self.from) as f64 * part.clamp(0.0, 1.0)) as i64
    }
}

/// The line of means: of what came in time, and of what came late.
pub(super) fn lines(scale: &Scale, drawing: &Drawing) -> (String, String) {
    let (mut timely, mut late) = (String::new(), String::new());
    for run in drawing.runs() {
        if let [only] = run {
            let path = if only.late { &mut late } else { &mut timely };
            let (x, y) = (scale.x(only.at.0), scale.y(only.mean));
            // A single reading is a dot: a line of no length with round ends.
            let _ = write!(path, "M{x:.1} {y:.1}h0");
        }
        let mut drawn_late = None;
        for pair in run.windows(2) {
            let is_late = pair[0].late || pair[1].late;
            let path = if is_late { &mut late } else { &mut timely };
            if drawn_late != Some(is_late) {
                let (x, y) = (scale.x(pair[0].at.0), scale.y(pair[0].mean));
                let _ = write!(path, "M{x:.1} {y:.1}");
                drawn_late = Some(is_late);
            }
            let (x, y) = (scale.x(pair[1].at.0), scale.y(pair[1].mean));
            let _ = write!(path, "L{x:.1} {y:.1}");
        }
    }
    (timely, late)
}

/// The band between the smallest and the largest readings; empty where each point is one reading.
pub(super) fn band(scale: &Scale, drawing: &Drawing) -> String {
    let mut path = String::new();
    #[allow(clippy::float_cmp, reason = "a single reading is its own extremes")]
    if drawing.series.points.iter().all(|p| p.min == p.max) {
        return path;
    }
    for run in drawing.runs().filter(|run| run.len() > 1) {
        for (at, point) in run.iter().enumerate() {
            let letter = if at == 0 { 'M' } else { 'L' };
            let (x, y) = (scale.x(point.at.0), scale.y(point.max));
            let _ = write!(path, "{letter}{x:.1} {y:.1}");
        }
        for point in run.iter().rev() {
            let (x, y) = (scale.x(point.at.0), scale.y(point.min));
            let _ = write!(path, "L{x:.1} {y:.1}");
        }
        path.push('Z');
    }
    path
}

#[cfg(test)]
mod tests {
    use domain::TimestampMs;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn drawing(minutes: &[i64]) -> Drawing {
        let point = |minute: &i64| Point {
            at: TimestampMs(minute * MINUTE),
            min: 1.0,
            max: 3.0,
            mean: 2.0,
            count: 1,
            late: false,
        };
        Drawing {
            series: Series {
                component: "cpu".parse().expect("a key"),
                value: "average".to_owned(),
                bucket_ms: MINUTE,
                points: minutes.iter().map(point).collect(),
            },
            from: 0,
            to: 30 * MINUTE,
        }
    }

    #[test]
    fn a_hole_is_not_bridged() {
        let drawing = drawing(&[0, 1, 2, 20, 21]);
        let scale = Scale::of(&drawing);
        assert_eq!(lines(&scale, &drawing).0.matches('M').count(), 2);
        assert_eq!(band(&scale, &drawing).matches('Z').count(), 2);
        assert_eq!(drawing.nearest(11 * MINUTE), None);
        assert_eq!(drawing.nearest(19 * MINUTE), Some(3));
    }

    #[test]
    fn what_came_late_is_a_line_of_its_own() {
        let mut drawing = drawing(&[0, 1, 2, 3]);
        drawing.series.points[2].late = true;
        let scale = Scale::of(&drawing);
        let (timely, late) = lines(&scale, &drawing);
        assert_eq!(timely.matches(['M', 'L']).count(), 2);
        assert_eq!(late.matches(['M', 'L']).count(), 3);
    }

    #[test]
    fn everything_is_on_the_paper() {
        let drawing = drawing(&[0, 1]);
        let scale = Scale::of(&drawing);
        assert!((scale.x(30 * MINUTE) - SIDE).abs() < f64::EPSILON);
        assert!(scale.y(3.0) > 0.0 && scale.y(1.0) < SIDE);
        assert_eq!(scale.moment(0.5), 15 * MINUTE);
    }

    #[test]
    fn a_new_report_joins_its_bucket_or_opens_the_next() {
        let mut drawing = drawing(&[28, 29]);
        assert!(drawing.append(29 * MINUTE + 30_000, 5.0));
        let last = drawing.series.points[1];
        assert_eq!((last.max, last.mean, last.count), (5.0, 3.5, 2));
        assert!(drawing.append(31 * MINUTE + 5_000, 9.0));
        let last = drawing.series.points[2];
        assert_eq!((last.at.0, last.mean), (31 * MINUTE, 9.0));
        assert_eq!(drawing.from, MINUTE + 5_000);
        assert!(drawing.append(31 * MINUTE, 0.0), "it is known already");
        assert_eq!(drawing.series.points.len(), 3);
        assert!(!drawing.append(60 * MINUTE, 1.0), "something is missing");
    }

    #[test]
    fn a_span_without_readings_is_an_empty_paper() {
        let mut empty = drawing(&[]);
        let scale = Scale::of(&empty);
        assert_eq!(lines(&scale, &empty), (String::new(), String::new()));
        assert_eq!(scale.moment(1.0), 30 * MINUTE);
        assert_eq!(empty.nearest(MINUTE), None);
        assert!(!empty.append(MINUTE, 1.0), "the history is read");
    }

    #[test]
    fn a_span_that_moves_on_lets_go_of_its_beginning() {
        let mut drawing = drawing(&[0, 28, 29, 30]);
        assert!(drawing.append(31 * MINUTE, 2.0));
        assert_eq!(drawing.series.points[0].at.0, 28 * MINUTE);
    }
}

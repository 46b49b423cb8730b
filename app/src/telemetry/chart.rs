//! A chart drawn on the server: the band between smallest and largest readings, and the line of means.

use std::fmt::Write as _;

use domain::telemetry::{Point, Series};
use leptos::prelude::*;
use leptos_i18n::t_string;

use crate::i18n::use_i18n;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// A hole is where this many buckets are missing.
const HOLE: i64 = 3;

/// Where values and times are on the paper.
struct Scale {
    from: i64,
    to: i64,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(series: &Series, from: i64, to: i64) -> Option<Self> {
        let low = series.points.iter().map(|p| p.min).reduce(f64::min)?;
        let high = series.points.iter().map(|p| p.max).reduce(f64::max)?;
        let room = ((high - low) * 0.08).max(0.5);
        Some(Self {
            from,
            to: to.max(from + 1),
            low: low - room,
            high: high + room,
        })
    }

    #[allow(clippy::cast_precision_loss)]
    fn x(&self, at: i64) -> f64 {
        LEFT + (WIDTH - LEFT) * (at - self.from) as f64 / (self.to - self.from) as f64
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value - self.low) / (self.high - self.low))
    }
}

/// Runs of points without holes between them.
fn runs(series: &Series) -> Vec<&[Point]> {
    let typical = series
        .points
        .windows(2)
        .map(|pair| pair[1].at.0 - pair[0].at.0)
        .min()
        .unwrap_or(0)
        .max(series.bucket_ms)
        .max(15_000);
    series
        .points
        .chunk_by(|a, b| b.at.0 - a.at.0 <= typical * HOLE)
        .collect()
}

fn line(scale: &Scale, series: &Series) -> String {
    let mut path = String::new();
    for run in runs(series) {
        for (at, point) in run.iter().enumerate() {
            let letter = if at == 0 { 'M' } else { 'L' };
            let (x, y) = (scale.x(point.at.0), scale.y(point.mean));
            let _ = write!(path, "{letter}{x:.1} {y:.1}");
        }
        if let [only] = run {
            let _ = write!(
                path,
                "h1M{:.1} {:.1}",
                scale.x(only.at.0),
                scale.y(only.mean)
            );
        }
    }
    path
}

fn band(scale: &Scale, series: &Series) -> String {
    let mut path = String::new();
    for run in runs(series) {
        for (at, point) in run.iter().enumerate() {
            let letter = if at == 0 { 'M' } else { 'L' };
            let _ = write!(
                path,
                "{letter}{:.1} {:.1}",
                scale.x(point.at.0),
                scale.y(point.max)
            );
        }
        for point in run.iter().rev() {
            let _ = write!(
                path,
                "L{:.1} {:.1}",
                scale.x(point.at.0),
                scale.y(point.min)
            );
        }
        path.push('Z');
    }
    path
}

/// Three values between the ends of the scale, with as many digits as tell them apart.
fn ticks(scale: &Scale) -> Vec<(f64, String)> {
    let span = scale.high - scale.low;
    let digits = usize::from(span < 20.0) + usize::from(span < 2.0);
    [0.1, 0.5, 0.9]
        .into_iter()
        .map(|part| {
            let value = scale.low + span * part;
            (scale.y(value), format!("{value:.digits$}"))
        })
        .collect()
}

/// One series over a span of time.
#[component]
pub fn Chart(
    /// What to draw.
    series: Series,
    /// What it is called.
    name: String,
    /// The beginning of the span, in milliseconds since the epoch.
    from: i64,
    /// Its end.
    to: i64,
) -> impl IntoView {
    let i18n = use_i18n();
    let Some(scale) = Scale::of(&series, from, to) else {
        return ().into_any();
    };
    let number = |value: f64| format!("{value:.1}");
    let low = series
        .points
        .iter()
        .map(|p| p.min)
        .fold(f64::INFINITY, f64::min);
    let high = series
        .points
        .iter()
        .map(|p| p.max)
        .fold(f64::NEG_INFINITY, f64::max);
    let label = t_string!(
        i18n,
        telemetry.chart,
        name = name,
        low = number(low),
        high = number(high)
    )
    .to_string();
    view! {
        <svg class="chart" viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label>
            {ticks(&scale)
                .into_iter()
                .map(|(y, text)| {
                    view! {
                        <g>
                            <line class="rule" x1=LEFT x2=WIDTH y1=y y2=y></line>
                            <text class="tick" x=LEFT - 8.0 y=y + 4.0 text-anchor="end">
                                {text}
                            </text>
                        </g>
                    }
                })
                .collect_view()}
            <path class="band" d=band(&scale, &series)></path>
            <path class="mean" d=line(&scale, &series)></path>
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::TimestampMs;

    use super::*;

    fn series(times: &[i64]) -> Series {
        let point = |at: &i64| Point {
            at: TimestampMs(*at),
            min: 1.0,
            max: 3.0,
            mean: 2.0,
            count: 1,
            late: false,
        };
        Series {
            component: "cpu".parse().expect("a key"),
            value: "average".to_owned(),
            bucket_ms: 60_000,
            points: times.iter().map(point).collect(),
        }
    }

    #[test]
    fn a_hole_is_not_bridged() {
        let minute = 60_000;
        let series = series(&[0, minute, 2 * minute, 20 * minute, 21 * minute]);
        assert_eq!(runs(&series).len(), 2);
        let scale = Scale::of(&series, 0, 30 * minute).expect("a scale");
        assert_eq!(line(&scale, &series).matches('M').count(), 2);
    }

    #[test]
    fn everything_is_on_the_paper() {
        let series = series(&[0, 60_000]);
        let scale = Scale::of(&series, 0, 60_000).expect("a scale");
        assert!((scale.x(60_000) - WIDTH).abs() < f64::EPSILON);
        assert!(scale.y(3.0) > TOP && scale.y(1.0) < HEIGHT - BOTTOM);
    }
}

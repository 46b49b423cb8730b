//! A line the size of a word. Hidden from readers: the value beside it is the text.

use std::fmt::Write;

use leptos::prelude::*;

/// Line and area of the points in a box of `width` × `height`; values run from bottom to top.
fn paths(points: &[f64], width: f64, height: f64) -> Option<(String, String, [f64; 2])> {
    let finite = || points.iter().copied().filter(|value| value.is_finite());
    let low = finite().reduce(f64::min)?;
    let high = finite().reduce(f64::max)?;
    let span = if high > low { high - low } else { 1.0 };
    #[allow(clippy::cast_precision_loss)]
    let step = width / (points.len().max(2) - 1) as f64;
    let mut line = String::new();
    let (mut first, mut x, mut y) = (0.0, 0.0, height / 2.0);
    #[allow(clippy::cast_precision_loss)]
    for (at, value) in points
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_finite())
    {
        x = at as f64 * step;
        y = if high > low {
            2.0 + (height - 4.0) * (1.0 - (value - low) / span)
        } else {
            height / 2.0
        };
        let letter = match line.is_empty() {
            true => {
                first = x;
                'M'
            }
            false => 'L',
        };
        let _ = write!(line, "{letter}{x:.1} {y:.1}");
    }
    let area = format!("{line}L{x:.1} {height}L{first:.1} {height}Z");
    Some((line, area, [x, y]))
}

/// The same as markup, for the many rows of a list.
#[cfg(feature = "ssr")]
pub(crate) fn markup(html: &mut String, points: &[f64], tone: &str, width: u32, height: u32) {
    let (wide, tall) = (f64::from(width), f64::from(height));
    let drawn = (points.len() > 1).then(|| paths(points, wide, tall));
    if let Some((line, area, [x, y])) = drawn.flatten() {
        let _ = write!(
            html,
            r#"<svg class="spark {tone}" width="{width}" height="{height}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true"><path class="a" d="{area}"></path><path class="l" d="{line}"></path><circle class="cap" cx="{x:.1}" cy="{y:.1}" r="2"></circle></svg>"#
        );
    }
}

/// Draws the points, oldest first; draws nothing where there are fewer than two.
#[component]
pub fn Sparkline(
    /// The values, equally spaced in time.
    #[prop(into)]
    points: Signal<Vec<f64>>,
    /// `bad`, `warn` or `old`; none for an ordinary value.
    #[prop(optional, into)]
    tone: Signal<&'static str>,
    /// In pixels.
    #[prop(default = 96)]
    width: u32,
    /// In pixels.
    #[prop(default = 32)]
    height: u32,
) -> impl IntoView {
    let (wide, tall) = (f64::from(width), f64::from(height));
    move || {
        let points = points.read();
        (points.len() > 1)
            .then(|| paths(&points, wide, tall))
            .flatten()
            .map(|(line, area, last)| {
                view! {
                    <svg
                        class=format!("spark {}", tone.get())
                        width=width
                        height=height
                        viewBox=format!("0 0 {width} {height}")
                        preserveAspectRatio="none"
                        aria-hidden="true"
                    >
                        <path class="a" d=area></path>
                        <path class="l" d=line></path>
                        <circle class="cap" cx=format!("{:.1}", last[0]) cy=format!("{:.1}", last[1]) r="2"></circle>
                    </svg>
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::paths;

    #[test]
    fn the_line_spans_the_box_and_skips_holes() {
        let (line, _, last) = paths(&[0.0, f64::NAN, 10.0], 10.0, 24.0).expect("points");
        assert_eq!(line, "M0.0 22.0L10.0 2.0");
        assert!((last[1] - 2.0).abs() < f64::EPSILON);
        let (_, area, last) = paths(&[f64::NAN, 0.0, 10.0, f64::NAN], 30.0, 24.0).expect("points");
        assert_eq!(area, "M10.0 22.0L20.0 2.0L20.0 24L10.0 24Z");
        assert!((last[0] - 20.0).abs() < f64::EPSILON);
        assert!(paths(&[f64::NAN], 10.0, 24.0).is_none());
    }
}

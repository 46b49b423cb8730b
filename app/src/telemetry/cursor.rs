//! Reading a chart by pointer and keys, and choosing the part to see closer. Loaded after the page.

use std::sync::Arc;

use domain::telemetry::Point;
use leptos::{ev, html, prelude::*};
use leptos_i18n::td_string;

use super::{
    axis::{Measure, Zone, moment},
    paper::{Drawing, SIDE, Scale},
};
use crate::i18n::Locale;

/// A shorter stroke is a click.
const STROKE_PX: f64 = 8.0;
/// How many points a key moves with Shift.
const STRIDE: usize = 10;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// Another part of the history that a reader wants to see; moments in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// From and to.
    Between(i64, i64),
    /// Half as long or twice as long, around a moment.
    Zoom { into: bool, around: i64 },
    /// Half its length earlier or later.
    Move { later: bool },
    /// The whole range again.
    Reset,
}

/// What the cursor reads.
#[derive(Clone)]
pub(super) struct Cursor {
    pub(super) drawing: Signal<Arc<Drawing>>,
    pub(super) scale: Memo<Scale>,
    pub(super) measure: Memo<Measure>,
    pub(super) locale: Signal<Locale>,
    pub(super) zone: Zone,
    pub(super) name: Signal<String>,
    pub(super) wish: Callback<Wish>,
}

impl Cursor {
    /// As exact as the distance of the points.
    fn moment(&self, at: i64) -> String {
        let drawing = self.drawing.read();
        let step = match drawing.series.bucket_ms {
            bucket @ DAY_MS.. => bucket,
            bucket @ HOUR_MS.. => bucket,
            bucket => bucket.min(drawing.to - drawing.from),
        };
        moment(self.locale.get(), self.zone, at, step)
    }

    /// What a point says, in words for those who do not see the chart.
    fn words(&self, at: i64, point: Option<Point>) -> String {
        let (time, locale) = (self.moment(at), self.locale.get());
        let measure = self.measure.read();
        let Some(point) = point else {
            return format!("{time} · {}", td_string!(locale, telemetry.hole));
        };
        let mean = measure.exact(point.mean);
        match point.count {
            0 | 1 => format!("{time} · {mean}"),
            _ => td_string!(
                locale,
                telemetry.reading,
                time = time,
                mean = mean,
                low = measure.exact(point.min),
                high = measure.exact(point.max)
            )
            .to_string(),
        }
    }
}

/// The layer over the paper that follows the pointer and the keys.
#[lazy]
pub(super) fn cursor(it: Cursor) -> AnyView {
    let it = StoredValue::new(it);
    let Cursor {
        drawing,
        scale,
        locale,
        name,
        wish,
        ..
    } = it.get_value();
    let layer = NodeRef::<html::Div>::new();
    let at = RwSignal::new(None::<i64>);
    let anchor = RwSignal::new(None::<i64>);
    let found = Memo::new(move |_| {
        let drawing = drawing.read();
        let index = drawing.nearest(at.get()?)?;
        Some((index, drawing.series.points[index]))
    });
    // Where the crosshair stands: on a point, or where the pointer is in a hole.
    let here = Memo::new(move |_| found.get().map(|(_, point)| point.at.0).or(at.get()));
    let x = move |at: i64| scale.get().x(at).clamp(0.0, SIDE);
    let under = move |event: &ev::PointerEvent| {
        let wide = f64::from(layer.get_untracked()?.client_width().max(1));
        let part = f64::from(event.offset_x()) / wide;
        Some(scale.get_untracked().moment(part))
    };
    let step = move |by: isize| {
        let points = drawing.read_untracked().series.points.clone();
        let last = points.len().saturating_sub(1);
        let index = match (found.get_untracked(), at.get_untracked()) {
            (Some((index, _)), _) => index.saturating_add_signed(by).min(last),
            (None, Some(at)) => {
                let after = points.partition_point(|point| point.at.0 < at);
                if by < 0 {
                    after.saturating_sub(1)
                } else {
                    after.min(last)
                }
            }
            (None, None) => last,
        };
        at.set(points.get(index).map(|point| point.at.0));
    };
    let keys = move |event: ev::KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let stride = if event.shift_key() {
            STRIDE.cast_signed()
        } else {
            1
        };
        let middle = || {
            let drawing = drawing.read_untracked();
            drawing.from + (drawing.to - drawing.from) / 2
        };
        let around = here.get_untracked().unwrap_or_else(middle);
        match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => step(-stride),
            "ArrowRight" | "ArrowUp" => step(stride),
            "Home" => step(isize::MIN),
            "End" => step(isize::MAX),
            "+" | "=" => wish.run(Wish::Zoom { into: true, around }),
            "-" => wish.run(Wish::Zoom {
                into: false,
                around,
            }),
            "PageUp" => wish.run(Wish::Move { later: false }),
            "PageDown" => wish.run(Wish::Move { later: true }),
            "0" => wish.run(Wish::Reset),
            "Escape" if at.get_untracked().is_some() => {
                at.set(None);
                anchor.set(None);
            }
            "Escape" => wish.run(Wish::Reset),
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    let down = move |event: ev::PointerEvent| {
        at.set(under(&event));
        // A finger reads; it zooms by the buttons, so that the page can still be scrolled.
        if event.pointer_type() != "touch" && event.button() == 0 {
            anchor.set(at.get_untracked());
            if let Some(layer) = layer.get_untracked() {
                // Without the capture the stroke ends at the edge.
                let _ = layer.set_pointer_capture(event.pointer_id());
            }
        }
    };
    let up = move |event: ev::PointerEvent| {
        let stroke = anchor.get_untracked().zip(under(&event));
        anchor.set(None);
        let (Some((a, b)), Some(layer)) = (stroke, layer.get_untracked()) else {
            return;
        };
        let scale = scale.get_untracked();
        let wide = f64::from(layer.client_width()) * (scale.x(a) - scale.x(b)).abs() / SIDE;
        if wide >= STROKE_PX {
            at.set(None);
            wish.run(Wish::Between(a.min(b), a.max(b)));
        }
    };
    let stroke = move || {
        let (a, b) = anchor.get().map(x).zip(at.get().map(x))?;
        let style = format!(
            "left:{:.2}%;width:{:.2}%",
            a.min(b) * 100.0 / SIDE,
            (a - b).abs() * 100.0 / SIDE
        );
        Some(view! { <div class="stroke" style=style></div> })
    };
    let mark = move || {
        let (at, x) = here.get().map(|at| (at, x(at)))?;
        let left = format!("left:{:.2}%", x * 100.0 / SIDE);
        let point = found.get().map(|(_, point)| point);
        let dot = point.map(|point| {
            let y = scale.get().y(point.mean) * 100.0 / SIDE;
            let style = format!("{left};top:{y:.2}%");
            view! { <i class="dot" style=style></i> }
        });
        let side = if x > SIDE * 0.6 {
            "reading left"
        } else {
            "reading"
        };
        let reading = it.with_value(|it| reading(it, at, point));
        Some(view! {
            <div class="hair" style=left.clone()></div>
            {dot}
            <div class=side style=left>
                {reading}
            </div>
        })
    };
    let last = move || drawing.read().series.points.len().saturating_sub(1);
    let words = move || {
        let (at, point) = (here.get()?, found.get().map(|(_, point)| point));
        Some(it.with_value(|it| it.words(at, point)))
    };
    view! {
        <div
            class="cursor"
            node_ref=layer
            role="slider"
            tabindex="0"
            aria-label=move || td_string!(locale.get(), telemetry.cursor, name = name.get()).to_string()
            aria-description=move || td_string!(locale.get(), telemetry.keys)
            aria-valuemin="0"
            aria-valuemax=last
            aria-valuenow=move || found.get().map_or_else(last, |(index, _)| index)
            aria-valuetext=words
            on:pointermove=move |event| at.set(under(&event))
            on:pointerdown=down
            on:pointerup=up
            on:pointercancel=move |_| anchor.set(None)
            on:pointerleave=move |event: ev::PointerEvent| {
                if anchor.get_untracked().is_none() && event.pointer_type() != "touch" {
                    at.set(None);
                }
            }
            on:dblclick=move |_| wish.run(Wish::Reset)
            on:keydown=keys
            on:focus=move |_| {
                if at.get_untracked().is_none() {
                    step(0);
                }
            }
            on:blur=move |_| at.set(None)
        >
            {stroke}
            {mark}
        </div>
    }
    .into_any()
}

/// What is written beside the crosshair.
fn reading(it: &Cursor, at: i64, point: Option<Point>) -> AnyView {
    let locale = it.locale.get();
    let time = it.moment(at);
    let measure = it.measure.get();
    let body = match point {
        None => view! { <span class="mut">{td_string!(locale, telemetry.hole)}</span> }.into_any(),
        Some(point) if point.count <= 1 => {
            view! { <strong class="num">{measure.exact(point.mean)}</strong> }.into_any()
        }
        Some(point) => view! {
            <dl>
                <dt>{td_string!(locale, telemetry.highest)}</dt>
                <dd>{measure.exact(point.max)}</dd>
                <dt>{td_string!(locale, telemetry.mean)}</dt>
                <dd><strong>{measure.exact(point.mean)}</strong></dd>
                <dt>{td_string!(locale, telemetry.lowest)}</dt>
                <dd>{measure.exact(point.min)}</dd>
            </dl>
        }
        .into_any(),
    };
    let late = point
        .is_some_and(|point| point.late)
        .then(|| view! { <span class="is-warn">{td_string!(locale, telemetry.late)}</span> });
    view! {
        <span class="xs mut">{time}</span>
        {body}
        {late}
    }
    .into_any()
}

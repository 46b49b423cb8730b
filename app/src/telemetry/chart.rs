//! A chart: drawn whole by the server, redrawn in the reader's own zone and made to answer by the browser.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    axis::{self, Measure, Zone},
    cursor::{Cursor, Wish, cursor},
    paper::{Drawing, SIDE, Scale, band, lines},
};
use crate::i18n::use_i18n;

/// A part of the paper as a length of the page.
fn percent(units: f64) -> String {
    format!("{:.2}%", units * 100.0 / SIDE)
}

/// One series over a span of time, called `name` and measured in `unit`; `wish` is run where the reader
/// wants to see another part of it.
pub(super) fn chart(
    drawing: Signal<Arc<Drawing>>,
    name: Signal<String>,
    unit: Signal<String>,
    wish: Callback<Wish>,
) -> AnyView {
    let i18n = use_i18n();
    let locale = Signal::derive(move || i18n.get_locale_untracked());
    let zone = RwSignal::new(Zone::Utc);
    #[cfg(feature = "hydrate")]
    Effect::new(move || zone.set(Zone::Own));
    let scale = Memo::new(move |_| Scale::of(&drawing.read()));
    let measure = Memo::new(move |_| {
        let scale = scale.get();
        Measure::of(scale.low, scale.high, &unit.read())
    });
    let paths = Memo::new(move |_| {
        let (drawing, scale) = (drawing.read(), scale.get());
        let (timely, late) = lines(&scale, &drawing);
        (band(&scale, &drawing), timely, late)
    });
    let label = move || {
        let Some((low, high)) = drawing.read().extremes() else {
            return format!("{}: {}", name.get(), tu_string!(i18n, telemetry.none));
        };
        let measure = measure.read();
        tu_string!(
            i18n,
            telemetry.chart,
            name = name.get(),
            low = measure.exact(low),
            high = measure.exact(high)
        )
        .to_string()
    };
    let empty = Memo::new(move |_| drawing.read().series.points.is_empty());
    let values = Memo::new(move |_| {
        if empty.get() {
            return Vec::new();
        }
        let scale = scale.get();
        let values = measure.read().values(scale.low, scale.high);
        values
            .into_iter()
            .map(|(value, text)| (scale.y(value), text))
            .collect::<Vec<_>>()
    });
    let times = Memo::new(move |_| {
        let (drawing, scale) = (drawing.read(), scale.get());
        let marks = axis::times(locale.get(), zone.get(), drawing.from, drawing.to);
        marks
            .into_iter()
            .map(|(at, text)| (scale.x(at), text))
            .collect::<Vec<_>>()
    });
    let cursor_of = move || Cursor {
        drawing,
        scale,
        measure,
        locale,
        zone: zone.get(),
        name,
        wish,
    };
    view! {
        <figure class="chart">
            <div class="values" aria-hidden="true">
                <b>{move || measure.read().unit.clone()}</b>
                {move || {
                    let mark = |(y, text)| view! { <span style:top=percent(y)>{text}</span> };
                    values.get().into_iter().map(mark).collect_view()
                }}
            </div>
            <div class="paper" class:lattice=move || empty.get()>
                {move || empty.get().then(|| view! { <p class="none">{tu_string!(i18n, telemetry.none)}</p> })}
                <svg viewBox=format!("0 0 {SIDE} {SIDE}") preserveAspectRatio="none" role="img" aria-label=label>
                    <g class="rule">
                        {move || {
                            let line = |(y, _)| view! { <line x1="0" x2=SIDE y1=y y2=y></line> };
                            values.get().into_iter().map(line).collect_view()
                        }}
                        {move || {
                            let line = |(x, _)| view! { <line x1=x x2=x y1="0" y2=SIDE></line> };
                            times.get().into_iter().map(line).collect_view()
                        }}
                    </g>
                    <path class="band" d=move || paths.get().0></path>
                    <path class="mean" d=move || paths.get().1></path>
                    <path class="late" d=move || paths.get().2></path>
                </svg>
                {move || {
                    // What answers to pointer and keys is loaded when the page is there.
                    (zone.get() != Zone::Utc)
                        .then(|| {
                            let it = cursor_of();
                            view! {
                                <Suspense>
                                    {move || Suspend::new(cursor(it.clone()))}
                                </Suspense>
                            }
                        })
                }}
            </div>
            <div class="times" aria-hidden="true">
                {move || {
                    // The last one stays on its card.
                    let mark = |(x, text)| {
                        let left = format!("min({}, 100% - 14px)", percent(x));
                        view! { <span style:left=left>{text}</span> }
                    };
                    times.get().into_iter().map(mark).collect_view()
                }}
                <small>{move || (zone.get() == Zone::Utc).then_some("UTC")}</small>
            </div>
        </figure>
    }
    .into_any()
}

//! The history of a device: which value, how far back, and its chart. All of it is in the address.

use std::sync::Arc;

use domain::{
    AppError, DeviceId, Scalar, TimestampMs,
    component::Component,
    device::DeviceDetail,
    telemetry::{Series, SeriesQuery},
};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::t_string;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::{
    chart::chart,
    cursor::Wish,
    paper::Drawing,
    span::{RANGES, Span},
};
use crate::{
    Failure,
    devices::server_fns::read_series,
    i18n::{Locale, use_i18n},
    live::watch_history,
    parts::{Draw, ErrorNotice, Icon, clock::use_now},
};

/// As many points as a wide chart has pixels to tell them apart.
const POINTS: u32 = 480;
const MINUTE_MS: i64 = 60_000;

/// A value that can be drawn.
#[derive(Debug, Clone, PartialEq)]
struct Choice {
    component: domain::ComponentKey,
    value: String,
    label_ko: String,
    label_en: String,
    unit: String,
}

impl Choice {
    /// Its name in the address.
    fn key(&self) -> String {
        format!("{}.{}", self.component, self.value)
    }

    /// Its key in the device's state.
    fn state_key(&self) -> String {
        format!("{}_{}", self.component, self.value)
    }

    fn label(&self, locale: Locale) -> String {
        match locale {
            Locale::ko => self.label_ko.clone(),
            Locale::en => self.label_en.clone(),
        }
    }
}

fn choices(components: &[Component]) -> Vec<Choice> {
    components
        .iter()
        .flat_map(|component| {
            component
                .values
                .iter()
                .filter(|value| !value.name.is_empty())
                .map(|value| Choice {
                    component: component.key.clone(),
                    value: value.name.clone(),
                    label_ko: value.label_ko.clone(),
                    label_en: value.label_en.clone(),
                    unit: value.unit.clone(),
                })
        })
        .collect()
}

/// What was read, and of which span: from, to, in milliseconds since the epoch.
type Answer = (i64, i64, Result<Vec<Series>, Failure>);

/// Chooser and chart.
#[component]
pub fn History(
    /// The device.
    id: DeviceId,
    /// What is known of it; what it reports now goes on with the chart.
    detail: Signal<DeviceDetail>,
) -> impl IntoView {
    let known = Memo::new(move |_| choices(&detail.read().components));
    let any = Memo::new(move |_| !known.read().is_empty());
    move || {
        any.get()
            .then(|| view! { <Chosen id detail known/> })
            .into_any()
    }
}

#[component]
fn Chosen(id: DeviceId, detail: Signal<DeviceDetail>, known: Memo<Vec<Choice>>) -> impl IntoView {
    let i18n = use_i18n();
    let map = use_query_map();
    let chosen = Memo::new(move |before: Option<&Choice>| {
        let key = map.read().get("value").unwrap_or_default();
        let known = known.read();
        let wanted = known.iter().find(|choice| choice.key() == key);
        wanted
            .or(known.first())
            .cloned()
            .or_else(|| before.cloned())
            .unwrap_or_else(|| unreachable!("there is a value to choose"))
    });
    let span = Memo::new(move |_| {
        let map = map.read();
        Span::read(map.get_str("range"), map.get_str("from"), map.get_str("to"))
    });
    let now = use_now().0;
    let gap = RwSignal::new(0_u32);
    let changed = watch_history();
    let answer = Resource::new_blocking(
        move || (chosen.get(), span.get(), gap.get(), changed.get()),
        move |(chosen, span, ..)| {
            let (from, to) = span.at(now.get_untracked());
            let query = SeriesQuery {
                component: chosen.component,
                value: Some(chosen.value),
                from: TimestampMs(from),
                to: TimestampMs(to + 1_000),
                max_points: POINTS,
            };
            async move { (from, to, read_series(id, query).await) }
        },
    );
    let latest = Memo::new(move |_| {
        let (detail, key) = (detail.read(), chosen.read().state_key());
        match (detail.state.get(&key), detail.state_at.get(&key)) {
            (Some(Scalar::Number(value)), Some(at)) => Some((at.0, *value)),
            _ => None,
        }
    });
    let go = StoredValue::new(use_navigate());
    let show = move |span: Span, value: String| {
        let options = NavigateOptions {
            scroll: false,
            ..NavigateOptions::default()
        };
        go.with_value(|go| go(&span.href(id, &value), options));
    };
    let wish = Callback::new(move |wish| {
        let (span, now) = (span.get_untracked(), now.get_untracked());
        let next = match wish {
            Wish::Between(from, to) => span.between(from, to, now),
            Wish::Zoom { into, around } => span.zoomed(into, around, now),
            Wish::Move { later } => span.moved(later, now),
            Wish::Reset => Span::live(span.range),
        };
        if next != span {
            show(next, chosen.get_untracked().key());
        }
    });
    view! {
        <section class="card history" id="history">
            <header>
                <h2>{move || t_string!(i18n, telemetry.title)}</h2>
                <form class="row" method="get" action=format!("/devices/{id}#history")>
                    <select
                        class="in sm"
                        name="value"
                        aria-label=move || t_string!(i18n, telemetry.value)
                        on:change:target=move |event| {
                            show(span.get_untracked(), event.target().value());
                        }
                    >
                        {move || {
                            known
                                .get()
                                .into_iter()
                                .map(|choice| {
                                    let key = choice.key();
                                    let label = choice.label(i18n.get_locale());
                                    view! {
                                        <option value=key selected=move || *chosen.read() == choice>
                                            {label}
                                        </option>
                                    }
                                })
                                .collect_view()
                        }}
                    </select>
                    <input type="hidden" name="range" value=move || RANGES[span.get().range].0/>
                    <button class="btn sm unscripted" type="submit">
                        {move || t_string!(i18n, telemetry.show)}
                    </button>
                </form>
                <Steps id span chosen/>
            </header>
            <Transition>
                {move || Suspend::new(
                    ScopedFuture::new_untracked(async move {
                        let first = answer.await;
                        view! { <Shown first answer latest span gap chosen wish/> }
                    }),
                )}
            </Transition>
        </section>
    }
}

/// Ranges, closer, wider, earlier, later: links, so that they also work without a script.
#[component]
fn Steps(id: DeviceId, span: Memo<Span>, chosen: Memo<Choice>) -> impl IntoView {
    let i18n = use_i18n();
    let now = use_now().0;
    let minute = Memo::new(move |_| now.get() / MINUTE_MS);
    let link = move |to: fn(Span, i64) -> Span| {
        move || {
            // Tracked by the minute: a link that changes every second cannot be clicked.
            minute.track();
            to(span.get(), now.get_untracked()).href(id, &chosen.read().key())
        }
    };
    let words = |range: usize| {
        move || match RANGES[range].0 {
            "6h" => t_string!(i18n, telemetry.hours6),
            "24h" => t_string!(i18n, telemetry.day),
            "7d" => t_string!(i18n, telemetry.week),
            "30d" => t_string!(i18n, telemetry.month),
            "90d" => t_string!(i18n, telemetry.quarter),
            _ => t_string!(i18n, telemetry.hour),
        }
    };
    view! {
        <nav class="seg sm push" aria-label=move || t_string!(i18n, telemetry.range)>
            {(0..RANGES.len())
                .map(|range| {
                    let current = move || {
                        (span.get() == Span::live(range)).then_some("true")
                    };
                    view! {
                        <a
                            href=move || Span::live(range).href(id, &chosen.read().key())
                            data-noscroll
                            aria-current=current
                        >
                            {words(range)}
                        </a>
                    }
                })
                .collect_view()}
        </nav>
        <nav class="row steps-of-time" aria-label=move || t_string!(i18n, telemetry.part)>
            <a
                class="btn sm sq"
                data-noscroll
                href=link(|span, now| span.moved(false, now))
                aria-label=move || t_string!(i18n, telemetry.earlier)
                title=move || t_string!(i18n, telemetry.earlier)
            >
                <Draw icon=Icon::ChevronLeft/>
            </a>
            <a
                class="btn sm sq"
                data-noscroll
                href=link(|span, now| span.zoomed(false, span.middle(now), now))
                aria-label=move || t_string!(i18n, telemetry.wider)
                title=move || t_string!(i18n, telemetry.wider)
            >
                <Draw icon=Icon::ZoomOut/>
            </a>
            <a
                class="btn sm sq"
                data-noscroll
                href=link(|span, now| span.zoomed(true, span.middle(now), now))
                aria-label=move || t_string!(i18n, telemetry.closer)
                title=move || t_string!(i18n, telemetry.closer)
            >
                <Draw icon=Icon::ZoomIn/>
            </a>
            <a
                class="btn sm sq"
                data-noscroll
                href=link(|span, now| span.moved(true, now))
                aria-label=move || t_string!(i18n, telemetry.later)
                title=move || t_string!(i18n, telemetry.later)
            >
                <Draw icon=Icon::ChevronRight/>
            </a>
            {move || {
                span.get()
                    .fixed
                    .map(|_| {
                        view! {
                            <a
                                class="btn sm"
                                data-noscroll
                                href=link(|span, _| Span::live(span.range))
                            >
                                <Draw icon=Icon::Undo2/>
                                {move || t_string!(i18n, telemetry.reset)}
                            </a>
                        }
                    })
            }}
        </nav>
    }
}

/// The chart. It lives as long as the page, so that neither focus nor crosshair is lost when it changes.
#[component]
fn Shown(
    first: Answer,
    answer: Resource<Answer>,
    latest: Memo<Option<(i64, f64)>>,
    span: Memo<Span>,
    gap: RwSignal<u32>,
    chosen: Memo<Choice>,
    wish: Callback<Wish>,
) -> impl IntoView {
    let i18n = use_i18n();
    let blank = move |from, to| {
        let chosen = chosen.get_untracked();
        let series = Series {
            component: chosen.component,
            value: chosen.value,
            bucket_ms: 0,
            points: Vec::new(),
        };
        Arc::new(Drawing { series, from, to })
    };
    let (from, to) = (first.0, first.1);
    let (drawing, error) = match drawn(first, blank) {
        Ok(drawing) => (drawing, None),
        Err(error) => (blank(from, to), Some(error)),
    };
    let error = RwSignal::new(error);
    let drawing = RwSignal::new(drawing);
    Effect::new(
        move |_| match answer.get().map(|answer| drawn(answer, blank)) {
            Some(Ok(new)) => {
                if *drawing.read_untracked() != new {
                    drawing.set(new);
                }
                error.set(None);
            }
            // The chart that is there is better than none.
            Some(Err(refused)) => error.set(Some(refused)),
            None => {}
        },
    );
    Effect::new(move |before: Option<Option<(i64, f64)>>| {
        let latest = latest.get();
        if before.is_none_or(|before| before == latest) || span.get_untracked().fixed.is_some() {
            return latest;
        }
        if let Some((at, value)) = latest {
            let mut grown = Drawing::clone(&drawing.read_untracked());
            let chosen = chosen.get_untracked();
            if (&grown.series.component, &grown.series.value) != (&chosen.component, &chosen.value)
            {
                // Another value was chosen just now; its history is on the way.
                return latest;
            }
            match grown.append(at, value) {
                true => drawing.set(Arc::new(grown)),
                false => gap.update(|gap| *gap += 1),
            }
        }
        latest
    });
    let name = Signal::derive(move || chosen.read().label(i18n.get_locale()));
    let unit = Signal::derive(move || chosen.read().unit.clone());
    view! {
        <ErrorNotice error=error/>
        {chart(drawing.into(), name, unit, wish)}
    }
}

/// What to draw of an answer; a blank paper where nothing was recorded.
fn drawn(
    (from, to, result): Answer,
    blank: impl Fn(i64, i64) -> Arc<Drawing>,
) -> Result<Arc<Drawing>, AppError> {
    let series = result.map_err(|Failure(error)| error)?;
    let series = series.into_iter().find(|one| !one.points.is_empty());
    Ok(series.map_or_else(
        || blank(from, to),
        |series| Arc::new(Drawing { series, from, to }),
    ))
}

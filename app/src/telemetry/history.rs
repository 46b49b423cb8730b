//! The history of a device: which value, how far back, and its chart. All of it is in the address.

use std::sync::Arc;

use domain::{
    AppError, DeviceId, Scalar, TimestampMs,
    device::DeviceDetail,
    telemetry::{Period, Series, SeriesQuery},
};
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
    params::ParamsMap,
};

use super::{
    chart::chart,
    choice::{Choice, choices},
    cursor::Wish,
    paper::Drawing,
    span::{OWN, RANGES, Span},
    steps::steps,
};
use crate::{
    Failure,
    devices::server_fns::read_series,
    i18n::use_i18n,
    live::watch_history,
    parts::{ErrorNotice, clock::use_now},
    reading::{read_again, unanswered},
};

/// As many points as a wide chart has pixels to tell them apart.
const POINTS: u32 = 480;

/// What is asked for: which value, which span, and how often it went on with a gap or has changed.
type Wanted = (Choice, Span, (u32, u64));

/// What was read, and of which span: from, to, in milliseconds since the epoch.
type Answer = (i64, i64, Result<Vec<Series>, Failure>);

async fn read(id: DeviceId, (chosen, span, _): Wanted, now: i64) -> Answer {
    let (from, to) = span.at(now);
    let query = SeriesQuery {
        component: chosen.component,
        value: Some(chosen.value),
        period: Period::new(TimestampMs(from), TimestampMs(to + 1_000)),
        max_points: POINTS,
    };
    (from, to, read_series(id, query).await)
}

/// The value that the address names, or the first one.
fn chosen_of(map: &ParamsMap, known: &[Choice]) -> Option<Choice> {
    let key = map.get_str("value").unwrap_or_default();
    let named = known.iter().find(|choice| choice.key() == key);
    named.or(known.first()).cloned()
}

fn span_of(map: &ParamsMap) -> Span {
    Span::read(map.get_str("range"), map.get_str("from"), map.get_str("to"))
}

/// Chooser and chart, where the device has a value that can be drawn; what it reports now goes on with the
/// chart.
pub(crate) async fn history(id: DeviceId, detail: Signal<DeviceDetail>) -> AnyView {
    let map = use_query_map();
    let now = use_now().0;
    let changed = watch_history();
    let known = Memo::new(move |_| {
        let detail = detail.read();
        choices(&detail.components, &detail.state)
    });
    let chosen = chosen_of(&map.read_untracked(), &known.read_untracked());
    let first = match chosen {
        Some(chosen) => {
            let wanted = (
                chosen,
                span_of(&map.read_untracked()),
                (0, changed.get_untracked()),
            );
            let answer = read(id, wanted.clone(), now.get_untracked()).await;
            Some((wanted, answer))
        }
        None => None,
    };
    let first = StoredValue::new(first);
    let any = Memo::new(move |_| !known.read().is_empty());
    (move || {
        any.get().then(|| {
            let first = first.try_update_value(Option::take).flatten();
            section(id, detail, known, first)
        })
    })
    .into_any()
}

fn section(
    id: DeviceId,
    detail: Signal<DeviceDetail>,
    known: Memo<Vec<Choice>>,
    first: Option<(Wanted, Answer)>,
) -> AnyView {
    let i18n = use_i18n();
    let map = use_query_map();
    let now = use_now().0;
    let go = StoredValue::new(use_navigate());
    let chosen = Memo::new(move |before: Option<&Choice>| {
        chosen_of(&map.read(), &known.read())
            .or_else(|| before.cloned())
            .unwrap_or_else(|| unreachable!("there is a value to choose"))
    });
    let span = Memo::new(move |_| span_of(&map.read()));
    let gap = RwSignal::new(0_u32);
    let changed = watch_history();
    let wanted = Memo::new(move |_| (chosen.get(), span.get(), (gap.get(), changed.get())));
    let (asked, shown) = match first {
        Some((asked, answer)) => {
            let shown = Shown::of(answer, &asked.0);
            (Some(asked), shown)
        }
        None => {
            let (from, to) = span.get_untracked().at(now.get_untracked());
            (
                None,
                Shown::of((from, to, Ok(Vec::new())), &chosen.read_untracked()),
            )
        }
    };
    read_again(
        wanted,
        asked,
        move |wanted| read(id, wanted, now.get_untracked()),
        move |(chosen, ..): Wanted, answer: Answer| {
            if !unanswered(&answer.2) {
                shown.take(answer, &chosen);
            }
        },
    );
    let latest = Memo::new(move |_| {
        let (detail, key) = (detail.read(), chosen.read().state_key());
        match (detail.state.get(&key), detail.state_at.get(&key)) {
            (Some(Scalar::Number(value)), Some(at)) => Some((at.0, *value)),
            _ => None,
        }
    });
    Effect::new(move |before: Option<Option<(i64, f64)>>| {
        let latest = latest.get();
        let live = span.get_untracked().fixed.is_none();
        if let (Some((at, value)), true) = (latest, live && before.is_some_and(|b| b != latest)) {
            shown.go_on(at, value, &chosen.read_untracked(), gap);
        }
        latest
    });
    let show = move |span: Span, value: String| {
        let options = NavigateOptions {
            scroll: false,
            ..NavigateOptions::default()
        };
        go.with_value(|go| go(&span.href(id, &value, &map.read_untracked()), options));
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
    let name = Signal::derive(move || chosen.read().label(i18n.get_locale_untracked()));
    let unit = Signal::derive(move || chosen.read().unit.clone());
    view! {
        <section class="card history" id="history">
            <header>
                <h2>{tu_string!(i18n, telemetry.title)}</h2>
                <form class="row" method="get" action=format!("/devices/{id}#history")>
                    <select
                        class="in sm"
                        name="value"
                        aria-label=tu_string!(i18n, telemetry.value)
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
                                    let label = choice.label(i18n.get_locale_untracked());
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
                    {move || beside(&map.read())}
                    <button class="btn sm unscripted" type="submit">
                        {tu_string!(i18n, telemetry.show)}
                    </button>
                </form>
                <a class="lnk xs" href=move || {
                    format!("/charts?series={id}.{}&{}", chosen.read().key(), span.get().query())
                }>
                    {tu_string!(i18n, finding.charts_compare)}
                </a>
                {steps(id, span, chosen, map)}
            </header>
            <ErrorNotice error=shown.error/>
            {chart(shown.drawing.into(), name, unit, wish)}
        </section>
    }
    .into_any()
}

/// What the address says beside the chart, for the form to say it too.
fn beside(map: &ParamsMap) -> AnyView {
    map.latest_values()
        .filter(|(name, _)| !OWN.contains(&name.as_ref()))
        .map(|(name, value)| {
            let (name, value) = (name.to_string(), value.to_owned());
            view! { <input type="hidden" name=name value=value/> }
        })
        .collect_view()
        .into_any()
}

/// What the chart shows. It lives as long as the page, so that neither focus nor crosshair is lost when it
/// changes.
#[derive(Clone, Copy)]
struct Shown {
    drawing: RwSignal<Arc<Drawing>>,
    error: RwSignal<Option<AppError>>,
}

impl Shown {
    fn of(first: Answer, chosen: &Choice) -> Self {
        let (from, to) = (first.0, first.1);
        let (drawing, error) = match drawn(first, chosen) {
            Ok(drawing) => (drawing, None),
            Err(error) => (blank(from, to, chosen), Some(error)),
        };
        Self {
            drawing: RwSignal::new(drawing),
            error: RwSignal::new(error),
        }
    }

    fn take(self, answer: Answer, chosen: &Choice) {
        match drawn(answer, chosen) {
            Ok(new) => {
                if *self.drawing.read_untracked() != new {
                    self.drawing.set(new);
                }
                self.error.set(None);
            }
            // The chart that is there is better than none.
            Err(refused) => self.error.set(Some(refused)),
        }
    }

    /// Goes on with what was just reported; where points are missing before it, `gap` moves.
    fn go_on(self, at: i64, value: f64, chosen: &Choice, gap: RwSignal<u32>) {
        let mut grown = Drawing::clone(&self.drawing.read_untracked());
        if (&grown.series.component, &grown.series.value) != (&chosen.component, &chosen.value) {
            // Another value was chosen just now; its history is on the way.
            return;
        }
        match grown.append(at, value) {
            true => self.drawing.set(Arc::new(grown)),
            false => gap.update(|gap| *gap += 1),
        }
    }
}

/// A paper with nothing on it.
fn blank(from: i64, to: i64, chosen: &Choice) -> Arc<Drawing> {
    let series = Series {
        component: chosen.component.clone(),
        value: chosen.value.clone(),
        bucket_ms: 0,
        points: Vec::new(),
    };
    Arc::new(Drawing { series, from, to })
}

/// What to draw of an answer; a blank paper where nothing was recorded.
fn drawn((from, to, result): Answer, chosen: &Choice) -> Result<Arc<Drawing>, AppError> {
    let series = result.map_err(|Failure(error)| error)?;
    let series = series.into_iter().find(|one| !one.points.is_empty());
    Ok(series.map_or_else(
        || blank(from, to, chosen),
        |series| Arc::new(Drawing { series, from, to }),
    ))
}

//! Values of several devices on one paper, each unit on one of its own. All of it is in the address.

use domain::{
    AppError, TimestampMs,
    telemetry::{ComparisonQuery, Period, SeriesName, split_value},
};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::tu_string;
use leptos_router::{hooks::use_query_map, location::Url, params::ParamsMap};

use super::{
    compare_above::{Part, part},
    compare_chart::{Paper, chart, units},
    compare_server_fns::{Compared, compare_series},
    span::Span,
};
use crate::{
    Failure,
    i18n::use_i18n,
    parts::{ErrorNotice, PageTitle, clock::use_now},
};

/// As many points as a wide chart has pixels to tell them apart.
const POINTS: u32 = 480;
const MINUTE_MS: i64 = 60_000;

/// When it was asked, and what the server answered.
type Answer = (i64, Result<Compared, Failure>);
/// What was asked, when, and what came of it.
pub(super) type Drawn = (Asked, i64, Compared);

/// What the address asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) series: Vec<SeriesName>,
    pub(super) search: String,
    /// As it is written; drawn where it is `component.value`.
    pub(super) value: String,
    pub(super) span: Span,
}

impl Asked {
    fn read(map: &ParamsMap) -> Self {
        let series = map.get("series").unwrap_or_default();
        Self {
            series: series
                .split(',')
                .filter_map(|name| name.parse().ok())
                .collect(),
            search: map.get("q").unwrap_or_default(),
            value: map.get("value").unwrap_or_default().trim().to_owned(),
            span: Span::read(map.get_str("range"), map.get_str("from"), map.get_str("to")),
        }
    }

    /// Its lines, as the address spells them.
    pub(super) fn written_series(&self) -> String {
        let names: Vec<String> = self.series.iter().map(ToString::to_string).collect();
        names.join(",")
    }

    /// Its address.
    pub(super) fn href(&self) -> String {
        let mut parts = Vec::new();
        if !self.series.is_empty() {
            parts.push(format!("series={}", self.written_series()));
        }
        if !self.value.is_empty() {
            parts.push(format!("q={}", Url::escape(&self.search)));
            parts.push(format!("value={}", Url::escape(&self.value)));
        }
        parts.push(self.span.query());
        format!("/charts?{}", parts.join("&"))
    }

    /// The address with these lines alone.
    pub(super) fn only(&self, series: Vec<SeriesName>) -> String {
        let only = Self {
            series,
            search: String::new(),
            value: String::new(),
            span: self.span,
        };
        only.href()
    }

    /// The address of another time.
    pub(super) fn over(&self, span: Span) -> String {
        Self {
            span,
            ..self.clone()
        }
        .href()
    }

    fn query(&self, now: i64) -> ComparisonQuery {
        let (from, to) = self.span.at(now);
        ComparisonQuery {
            series: self.series.clone(),
            search: self.search.clone(),
            value: split_value(&self.value).ok(),
            period: Period::new(TimestampMs(from), TimestampMs(to + 1_000)),
            max_points: POINTS,
        }
    }
}

/// The page of charts.
#[component]
pub fn ChartsPage() -> impl IntoView {
    let i18n = use_i18n();
    let map = use_query_map();
    let now = use_now().0;
    let asked = Memo::new(move |_| Asked::read(&map.read()));
    // What goes on with the time is read again every minute.
    let minute = Memo::new(move |_| match asked.read().span.fixed {
        Some(_) => 0,
        None => now.get() / MINUTE_MS,
    });
    let answer = Resource::new_blocking(
        move || (asked.get(), minute.get()),
        move |(asked, _)| {
            let now = now.get_untracked();
            async move { (now, compare_series(asked.query(now)).await) }
        },
    );
    view! {
        <PageTitle text=tu_string!(i18n, finding.charts)/>
        <div class="head">
            <h1>{tu_string!(i18n, finding.charts)}</h1>
        </div>
        <Transition>
            {move || Suspend::new(
                // What is read again every minute changes on the page: nothing that is typed or focused is lost.
                ScopedFuture::new_untracked(async move {
                    let first = answer.await;
                    page(asked, answer, first)
                }),
            )}
        </Transition>
    }
}

fn page(asked: Memo<Asked>, answer: Resource<Answer>, first: Answer) -> AnyView {
    let (shown, failed) = (
        RwSignal::new(None::<Drawn>),
        RwSignal::new(None::<AppError>),
    );
    // Each has a paper, which stays while what is on it changes.
    let papers = RwSignal::new(Vec::<String>::new());
    let take = move |(now, answer): Answer| {
        let of = asked.get_untracked();
        match answer {
            Ok(compared) => {
                failed.set(None);
                let units = units(&compared.comparison.lines);
                let next = Some((of, now, compared));
                if *shown.read_untracked() != next {
                    shown.set(next);
                }
                if *papers.read_untracked() != units {
                    papers.set(units);
                }
            }
            Err(Failure(error)) => {
                failed.set(Some(error));
                // Lines that were not asked for are no answer; those that were are better than none.
                let other = shown
                    .read_untracked()
                    .as_ref()
                    .is_some_and(|(before, ..)| *before != of);
                if other {
                    shown.set(None);
                    papers.set(Vec::new());
                }
            }
        }
    };
    take(first);
    Effect::new(move || {
        if let Some(answer) = answer.get() {
            take(answer);
        }
    });
    let at = RwSignal::new(None::<i64>);
    view! {
        <ErrorNotice error=failed/>
        {part(Part::Above(asked, shown))}
        {move || {
            let units = papers.get().into_iter();
            units.map(|unit| chart(Paper { unit, shown, at })).collect_view()
        }}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::DeviceId;

    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let name: SeriesName = format!("{}.cpu.average", DeviceId::random())
            .parse()
            .expect("a name");
        let asked = Asked {
            series: vec![name.clone()],
            search: "tag:lab-1 & 온실".to_owned(),
            value: "dht22.temp".to_owned(),
            span: Span::live(3),
        };
        let href = asked.href();
        let query = href.split_once('?').expect("a query").1;
        let mut map = ParamsMap::new();
        for part in query.split('&') {
            let (name, text) = part.split_once('=').expect("a part");
            map.insert(name.to_owned(), Url::unescape(text));
        }
        assert_eq!(Asked::read(&map), asked);
        assert_eq!(
            asked.only(vec![name.clone()]),
            format!("/charts?series={name}&range=7d")
        );
    }
}

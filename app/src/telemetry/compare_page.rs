//! Values of several devices on one paper, each unit on one of its own. All of it is in the address.

use domain::{
    AppError, TimestampMs,
    telemetry::{ComparisonQuery, Period, SeriesName, split_value},
};
use leptos::{prelude::*, reactive::computed::ScopedFuture};
use leptos_i18n::tu_string;
use leptos_router::{hooks::use_query_map, location::Url, params::ParamsMap};

use super::{
    compare_above::{AboveOf, above},
    compare_chart::{Group, chart, groups},
    compare_server_fns::{Compared, compare_series},
    span::Span,
};
use crate::{
    Failure,
    devices::list_wrong,
    i18n::use_i18n,
    parts::{Empty, ErrorNotice, Icon, PageTitle, clock::use_now, later::later, number::grouped},
};

/// As many points as a wide chart has pixels to tell them apart.
const POINTS: u32 = 480;
const MINUTE_MS: i64 = 60_000;

/// When it was asked, and what the server answered.
type Answer = (i64, Result<Compared, Failure>);
/// What was asked, when, and what came of it.
type Drawn = (Asked, i64, Compared);

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
    let take = move |(now, answer): Answer| {
        let of = asked.get_untracked();
        match answer {
            Ok(compared) => {
                failed.set(None);
                let next = Some((of, now, compared));
                if *shown.read_untracked() != next {
                    shown.set(next);
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
    let values = Memo::new(move |_| match &*shown.read() {
        Some((.., compared)) => compared.values.clone(),
        None => Vec::new(),
    });
    let read_at = Memo::new(move |_| shown.read().as_ref().map_or(0, |(_, now, _)| *now));
    let moved = Memo::new(move |_| match &*shown.read() {
        Some((asked, _, compared)) if !compared.comparison.lines.is_empty() => Some(asked.clone()),
        _ => None,
    });
    let at = RwSignal::new(None::<i64>);
    let of = AboveOf {
        asked,
        values,
        moved,
        read_at,
    };
    view! {
        {later(move || above(Box::new(of)))}
        <ErrorNotice error=failed/>
        {move || shown.get().map(|drawn| lines(drawn, at))}
    }
    .into_any()
}

/// What was found, and what was not; `at` is the moment that is pointed at.
fn lines((asked, now, compared): Drawn, at: RwSignal<Option<i64>>) -> AnyView {
    let i18n = use_i18n();
    let (from, to) = asked.span.at(now);
    let Compared {
        comparison, wrong, ..
    } = compared;
    let nothing = comparison.lines.is_empty();
    let (missing, left_out) = (comparison.missing, comparison.left_out);
    let names: Vec<SeriesName> = comparison
        .lines
        .iter()
        .map(|line| line.name.clone())
        .collect();
    let charts = groups(comparison.lines, from, to)
        .into_iter()
        .map(|group: Group| chart(group, &asked, &names, at))
        .collect_view();
    view! {
        {wrong.map(|wrong| {
            let of = (asked.search.clone(), wrong);
            later(move || list_wrong::notice(Box::new(of)))
        })}
        <div role="status">
            {(missing > 0)
                .then(|| {
                    let n = grouped(u64::from(missing));
                    view! {
                        <p class="banner">
                            {tu_string!(i18n, finding.charts_missing, n = n).to_string()}
                        </p>
                    }
                })}
            {(left_out > 0)
                .then(|| {
                    let n = grouped(u64::from(left_out));
                    view! {
                        <p class="banner">
                            {tu_string!(i18n, finding.charts_left_out, n = n).to_string()}
                        </p>
                    }
                })}
        </div>
        {(nothing && wrong.is_none())
            .then(|| {
                view! {
                    <section class="card">
                        <Empty
                            icon=Icon::Activity
                            title=tu_string!(i18n, finding.charts_none)
                            text=tu_string!(i18n, finding.charts_none_hint)
                        />
                    </section>
                }
            })}
        {charts}
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

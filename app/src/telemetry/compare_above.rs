//! What stands around the lines: above the charts what to draw, over which time, and what was not found; below each its
//! legend. A browser loads it after the lines; its form and links work before that.

use domain::filter::FilterError;
use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    compare_chart::{Paper, legend},
    compare_page::{Asked, Drawn},
    span::{RANGES, Span},
};
use crate::{
    devices::list_wrong,
    i18n::use_i18n,
    parts::{Draw, Empty, Icon, later::later, number::grouped},
};

/// What a browser loads after the lines, all of it at once.
pub(super) enum Part {
    /// What stands above the charts: of what the address asks for, and what is drawn.
    Above(Memo<Asked>, RwSignal<Option<Drawn>>),
    /// The legend of one of them.
    Legend(Paper),
}

/// What of an answer is no line.
#[derive(Clone, PartialEq)]
struct Unseen {
    /// Where the search was not understood, with the search.
    wrong: Option<(String, FilterError)>,
    /// Whether there is no line at all.
    nothing: bool,
    missing: u32,
    left_out: u32,
}

/// One of them, in its place.
pub(super) fn part(of: Part) -> AnyView {
    later(move || around(Box::new(of)))
}

/// What stands around the lines, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
async fn around(of: Box<Part>) -> AnyView {
    drawn(*of)
}

/// What stands around the lines. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
#[allow(
    clippy::unused_async,
    reason = "a part is waited for where it is loaded"
)]
async fn around(of: Box<Part>) -> AnyView {
    drawn(*of)
}

fn drawn(of: Part) -> AnyView {
    match of {
        Part::Above(asked, shown) => above(asked, shown),
        Part::Legend(of) => legend(of),
    }
}

fn above(asked: Memo<Asked>, shown: RwSignal<Option<Drawn>>) -> AnyView {
    let values = Memo::new(move |_| match &*shown.read() {
        Some((.., compared)) => compared.values.clone(),
        None => Vec::new(),
    });
    let read_at = Memo::new(move |_| shown.read().as_ref().map_or(0, |(_, now, _)| *now));
    // What is drawn, where there is something that can be moved in time.
    let moved = Memo::new(move |_| match &*shown.read() {
        Some((asked, _, compared)) if !compared.comparison.lines.is_empty() => Some(asked.clone()),
        _ => None,
    });
    let unseen = Memo::new(move |_| {
        let shown = shown.read();
        shown.as_ref().map(|(asked, _, compared)| Unseen {
            wrong: compared.wrong.map(|wrong| (asked.search.clone(), wrong)),
            nothing: compared.comparison.lines.is_empty(),
            missing: compared.comparison.missing,
            left_out: compared.comparison.left_out,
        })
    });
    view! {
        {move || chooser(&asked.get(), values)}
        {move || moved.get().map(|asked| steps(&asked, read_at))}
        {move || unseen.get().map(not_seen)}
    }
    .into_any()
}

/// Why there is no line, or not every one.
fn not_seen(of: Unseen) -> AnyView {
    let i18n = use_i18n();
    let Unseen {
        wrong,
        nothing,
        missing,
        left_out,
    } = of;
    let empty = (nothing && wrong.is_none()).then(|| {
        view! {
            <section class="card">
                <Empty
                    icon=Icon::Activity
                    title=tu_string!(i18n, finding.charts_none)
                    text=tu_string!(i18n, finding.charts_none_hint)
                />
            </section>
        }
    });
    view! {
        {wrong.map(|wrong| later(move || list_wrong::notice(Box::new(wrong))))}
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
        {empty}
    }
    .into_any()
}

/// What to draw: one value of every device that a filter finds.
fn chooser(asked: &Asked, values: Memo<Vec<String>>) -> AnyView {
    let i18n = use_i18n();
    let series = asked.written_series();
    let options = move || {
        let option = |value: String| view! { <option value=value></option> };
        values.get().into_iter().map(option).collect_view()
    };
    view! {
        <form class="filters" method="get" action="/charts" role="search">
            {(!series.is_empty()).then(|| view! { <input type="hidden" name="series" value=series/> })}
            <input type="hidden" name="range" value=RANGES[asked.span.range].0/>
            <label class="hide" for="chart-value">{tu_string!(i18n, finding.charts_value)}</label>
            <input
                class="in"
                id="chart-value"
                name="value"
                list="chart-values"
                value=asked.value.clone()
                placeholder="cpu.average"
                pattern="[a-z][a-z0-9_\\-]*\\.[a-z0-9_]+"
                maxlength="80"
                autocapitalize="none"
                spellcheck="false"
            />
            <datalist id="chart-values">{options}</datalist>
            <span class="search inl wide">
                <Draw icon=Icon::Search/>
                <input
                    type="search"
                    name="q"
                    value=asked.search.clone()
                    maxlength="1000"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-label=tu_string!(i18n, finding.charts_of)
                    placeholder=tu_string!(i18n, finding.charts_of)
                />
            </span>
            <button class="btn pri" type="submit">
                {tu_string!(i18n, finding.charts_draw)}
            </button>
        </form>
    }
    .into_any()
}

/// From one time to another; `now` is when the lines were read.
fn steps(asked: &Asked, now: Memo<i64>) -> AnyView {
    let i18n = use_i18n();
    let words = move |range: usize| match RANGES[range].0 {
        "6h" => tu_string!(i18n, telemetry.hours6),
        "24h" => tu_string!(i18n, telemetry.day),
        "7d" => tu_string!(i18n, telemetry.week),
        "30d" => tu_string!(i18n, telemetry.month),
        "90d" => tu_string!(i18n, telemetry.quarter),
        _ => tu_string!(i18n, telemetry.hour),
    };
    let span = asked.span;
    let ranges = (0..RANGES.len())
        .map(|range| {
            let href = asked.over(Span::live(range));
            let current = (span == Span::live(range)).then_some("true");
            view! { <a href=href data-noscroll aria-current=current>{words(range)}</a> }
        })
        .collect_view();
    let moved = |later| {
        let asked = asked.clone();
        move || asked.over(span.moved(later, now.get()))
    };
    let (earlier, later) = (moved(false), moved(true));
    let whole = span.fixed.map(|_| asked.over(Span::live(span.range)));
    view! {
        <div class="row charts-steps">
            <nav class="seg sm" aria-label=tu_string!(i18n, telemetry.range)>{ranges}</nav>
            <nav class="row" aria-label=tu_string!(i18n, telemetry.part)>
                <a class="btn sm sq" data-noscroll href=earlier aria-label=tu_string!(i18n, telemetry.earlier)>
                    <Draw icon=Icon::ChevronLeft/>
                </a>
                <a class="btn sm sq" data-noscroll href=later aria-label=tu_string!(i18n, telemetry.later)>
                    <Draw icon=Icon::ChevronRight/>
                </a>
                {whole
                    .map(|whole| {
                        view! {
                            <a class="btn sm" data-noscroll href=whole>
                                <Draw icon=Icon::Undo2/>
                                {tu_string!(i18n, telemetry.reset)}
                            </a>
                        }
                    })}
            </nav>
        </div>
    }
    .into_any()
}

//! What stands above the charts: what to draw, and over which time. A browser loads it after the lines; its form
//! and links work before that.

use leptos::prelude::*;
use leptos_i18n::tu_string;

use super::{
    compare_page::Asked,
    span::{RANGES, Span},
};
use crate::{
    i18n::use_i18n,
    parts::{Draw, Icon},
};

/// Above which charts.
#[derive(Clone, Copy)]
pub(super) struct AboveOf {
    /// What the address asks for.
    pub(super) asked: Memo<Asked>,
    /// The values that there are to choose from.
    pub(super) values: Memo<Vec<String>>,
    /// What is drawn, where there is something that can be moved in time.
    pub(super) moved: Memo<Option<Asked>>,
    /// When the lines were read.
    pub(super) read_at: Memo<i64>,
}

/// What stands above, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
pub(super) async fn above(of: Box<AboveOf>) -> AnyView {
    drawn(*of)
}

/// What stands above. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn above(of: Box<AboveOf>) -> AnyView {
    drawn(*of)
}

fn drawn(of: AboveOf) -> AnyView {
    let AboveOf {
        asked,
        values,
        moved,
        read_at,
    } = of;
    view! {
        {move || chooser(&asked.get(), values)}
        {move || moved.get().map(|asked| steps(&asked, read_at))}
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

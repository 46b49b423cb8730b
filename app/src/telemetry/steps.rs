//! From one part of the history to another.

use domain::DeviceId;
use leptos::prelude::*;
use leptos_i18n::tu_string;
use leptos_router::params::ParamsMap;

use super::{
    choice::Choice,
    span::{RANGES, Span},
};
use crate::{
    i18n::use_i18n,
    parts::{Draw, Icon, clock::use_now},
};

const MINUTE_MS: i64 = 60_000;

/// Ranges, closer, wider, earlier, later: links, so that they also work without a script.
pub(super) fn steps(
    id: DeviceId,
    span: Memo<Span>,
    chosen: Memo<Choice>,
    map: Memo<ParamsMap>,
) -> AnyView {
    let i18n = use_i18n();
    let now = use_now().0;
    let minute = Memo::new(move |_| now.get() / MINUTE_MS);
    let link = move |to: fn(Span, i64) -> Span| {
        move || {
            // Tracked by the minute: a link that changes every second cannot be clicked.
            minute.track();
            to(span.get(), now.get_untracked()).href(id, &chosen.read().key(), &map.read())
        }
    };
    let words = |range: usize| {
        move || match RANGES[range].0 {
            "6h" => tu_string!(i18n, telemetry.hours6),
            "24h" => tu_string!(i18n, telemetry.day),
            "7d" => tu_string!(i18n, telemetry.week),
            "30d" => tu_string!(i18n, telemetry.month),
            "90d" => tu_string!(i18n, telemetry.quarter),
            _ => tu_string!(i18n, telemetry.hour),
        }
    };
    view! {
        <nav class="seg sm push" aria-label=tu_string!(i18n, telemetry.range)>
            {(0..RANGES.len())
                .map(|range| {
                    let current = move || {
                        (span.get() == Span::live(range)).then_some("true")
                    };
                    view! {
                        <a
                            href=move || Span::live(range).href(id, &chosen.read().key(), &map.read())
                            data-noscroll
                            aria-current=current
                        >
                            {words(range)}
                        </a>
                    }
                })
                .collect_view()}
        </nav>
        <nav class="row steps-of-time" aria-label=tu_string!(i18n, telemetry.part)>
            <a
                class="btn sm sq"
                data-noscroll
                href=link(|span, now| span.moved(false, now))
                aria-label=tu_string!(i18n, telemetry.earlier)
                title=tu_string!(i18n, telemetry.earlier)
            >
                <Draw icon=Icon::ChevronLeft/>
            </a>
            <a
                class="btn sm sq"
                data-noscroll
                href=link(|span, now| span.zoomed(false, span.middle(now), now))
                aria-label=tu_string!(i18n, telemetry.wider)
                title=tu_string!(i18n, telemetry.wider)
            >
                <Draw icon=Icon::ZoomOut/>
            </a>
            <a
                class="btn sm sq"
                data-noscroll
                href=link(|span, now| span.zoomed(true, span.middle(now), now))
                aria-label=tu_string!(i18n, telemetry.closer)
                title=tu_string!(i18n, telemetry.closer)
            >
                <Draw icon=Icon::ZoomIn/>
            </a>
            <a
                class="btn sm sq"
                data-noscroll
                href=link(|span, now| span.moved(true, now))
                aria-label=tu_string!(i18n, telemetry.later)
                title=tu_string!(i18n, telemetry.later)
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
                                {tu_string!(i18n, telemetry.reset)}
                            </a>
                        }
                    })
            }}
        </nav>
    }
    .into_any()
}

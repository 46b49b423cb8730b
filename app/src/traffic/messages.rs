//! The list of a device's messages: what is asked for is in the address, and only what is new is read again.

use domain::{
    AppError, DeviceId, TimestampMs,
    traffic::{Direction, TrafficFilter, TrafficMessage, TrafficQuery},
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use leptos_router::location::Url;

use super::{server_fns::read_traffic, words};
use crate::{
    Failure,
    i18n::{Locale, use_i18n},
    parts::{
        Draw, Empty, ErrorNotice, Icon, Tab, Tabs, clock::rfc3339, later::later, number::grouped,
        status_mark::Shape,
    },
    reading::read_again,
};

/// As many messages as the server keeps.
const MOST_SHOWN: usize = 200;
/// A text longer than this is folded, in bytes.
const FOLDED_FROM: usize = 480;

/// What the list begins with.
pub(super) struct Shown {
    pub(super) id: DeviceId,
    /// What the address asks for.
    pub(super) query: Memo<TrafficQuery>,
    /// What was asked for when these were read.
    pub(super) of: TrafficQuery,
    pub(super) messages: Vec<TrafficMessage>,
    /// Moves when something has passed.
    pub(super) changed: Signal<u64>,
}

fn href(id: DeviceId, query: &TrafficQuery) -> String {
    let mut parts = Vec::new();
    if query.only != TrafficFilter::All {
        parts.push(format!("only={}", query.only.as_str()));
    }
    if !query.search.is_empty() {
        parts.push(format!("q={}", Url::escape(&query.search)));
    }
    if query.after > 0 {
        parts.push(format!("after={}", query.after));
    }
    match parts.is_empty() {
        true => format!("/devices/{id}/debug"),
        false => format!("/devices/{id}/debug?{}", parts.join("&")),
    }
}

pub(super) fn messages(first: Shown) -> AnyView {
    let i18n = use_i18n();
    let Shown { id, query, .. } = first;
    let shown = RwSignal::new((first.of.clone(), first.messages));
    let failed = RwSignal::new(None::<AppError>);
    let paused = RwSignal::new(false);
    // While it is paused the list stays as it is; the server keeps what passes meanwhile.
    let seen = Memo::new(move |before: Option<&u64>| match before {
        Some(before) if paused.get() => *before,
        _ => first.changed.get(),
    });
    let asked = Memo::new(move |_| (query.get(), seen.get()));
    let known = (first.of, seen.get_untracked());
    read_again(
        asked,
        Some(known),
        move |(query, _)| {
            let newest = shown.with_untracked(|(of, messages)| match *of == query {
                true => messages
                    .first()
                    .map_or(query.after, |message| message.number),
                false => query.after,
            });
            read_traffic(
                id,
                TrafficQuery {
                    after: newest,
                    ..query
                },
            )
        },
        move |(query, _), answer| match answer {
            Ok(newer) => {
                failed.set(None);
                shown.update(|(of, messages)| {
                    let older = std::mem::replace(messages, newer);
                    match *of == query {
                        true => messages.extend(older),
                        false => *of = query,
                    }
                    messages.truncate(MOST_SHOWN);
                });
            }
            // What is shown stays; the frame says that the connection is lost.
            Err(Failure(AppError::Unavailable)) => {}
            Err(Failure(error)) => failed.set(Some(error)),
        },
    );
    // UTC as it is rendered, in the reader's own zone once the page is alive: one signal for all rows.
    let own_zone = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    leptos::task::spawn_local(async move {
        crate::hydrate::hydrated().await;
        // The page may be gone by now.
        let _ = own_zone.try_set(true);
    });
    let waits = move || paused.get() && first.changed.get() != seen.get();
    let count = move || grouped(u64::try_from(shown.read().1.len()).unwrap_or(0));
    view! {
        <section class="card traffic">
            <header>
                <h2>{tu_string!(i18n, traffic.messages)}</h2>
                <span class="n" role="status">
                    {count}
                    {move || waits().then(|| format!(" · {}", tu_string!(i18n, traffic.more_wait)))}
                </span>
                <div class="acts push">
                    <button
                        type="button"
                        class="btn sm scripted"
                        aria-pressed=move || paused.get().to_string()
                        on:click=move |_| paused.update(|paused| *paused = !*paused)
                    >
                        {move || match paused.get() {
                            true => tu_string!(i18n, traffic.resume),
                            false => tu_string!(i18n, traffic.pause),
                        }}
                    </button>
                    {move || clearing(i18n.get_locale_untracked(), id, &query.read(), shown)}
                </div>
            </header>
            <div class="pad tools">
                <p class="mut">{tu_string!(i18n, traffic.what)}</p>
                {tools(id, query)}
                <ErrorNotice error=failed/>
            </div>
            {move || {
                let empty = Memo::new(move |_| shown.read().1.is_empty());
                empty.get().then(|| {
                    let narrowed = is_narrowed(&query.get());
                    later(move || nothing(Box::new(narrowed)))
                })
            }}
            <ol class="list" aria-label=tu_string!(i18n, traffic.messages)>
                <For each=move || shown.get().1 key=|message| message.number let:message>
                    {row(i18n.get_locale_untracked(), message, own_zone)}
                </For>
            </ol>
        </section>
    }
    .into_any()
}

/// Hides what is there, or shows it again: both are addresses, so Back undoes it.
fn clearing(
    locale: Locale,
    id: DeviceId,
    query: &TrafficQuery,
    shown: RwSignal<(TrafficQuery, Vec<TrafficMessage>)>,
) -> AnyView {
    let at = |after| {
        let query = query.clone();
        href(id, &TrafficQuery { after, ..query })
    };
    let newest = shown.read().1.first().map(|message| message.number);
    let clear = newest.map(|newest| {
        view! { <a class="btn sm" href=at(newest)>{td_string!(locale, traffic.clear)}</a> }
    });
    let back = (query.after > 0).then(|| {
        view! { <a class="btn sm" href=at(0)>{td_string!(locale, traffic.show_all)}</a> }
    });
    view! { {clear} {back} }.into_any()
}

fn tools(id: DeviceId, query: Memo<TrafficQuery>) -> AnyView {
    let i18n = use_i18n();
    let tabs = Signal::derive(move || {
        let (locale, query) = (i18n.get_locale_untracked(), query.get());
        let tab = |only: TrafficFilter| Tab {
            href: href(
                id,
                &TrafficQuery {
                    only,
                    ..query.clone()
                },
            ),
            label: words::filter(locale, only).to_owned(),
            count: None,
            current: only == query.only,
        };
        TrafficFilter::ALL.iter().copied().map(tab).collect()
    });
    let hidden = move || {
        let query = query.read();
        let only = query.only.as_str();
        let after = (query.after > 0).then(|| {
            view! { <input type="hidden" name="after" value=query.after.to_string()/> }
        });
        view! { <input type="hidden" name="only" value=only/> {after} }
    };
    view! {
        <Tabs label=tu_string!(i18n, traffic.filter) tabs/>
        <form class="filters" method="get" action=format!("/devices/{id}/debug") role="search">
            {hidden}
            <span class="search inl">
                <Draw icon=Icon::Search/>
                <input
                    type="search"
                    name="q"
                    maxlength="200"
                    value=move || query.read().search.clone()
                    aria-label=tu_string!(i18n, traffic.find)
                    placeholder=tu_string!(i18n, traffic.find)
                />
            </span>
            <button class="btn" type="submit">{tu_string!(i18n, frame.search_button)}</button>
        </form>
    }
    .into_any()
}

fn is_narrowed(query: &TrafficQuery) -> bool {
    query.only != TrafficFilter::All || !query.search.is_empty()
}

/// What stands instead of messages, as a part of its own.
#[cfg(feature = "hydrate")]
#[lazy]
async fn nothing(narrowed: Box<bool>) -> AnyView {
    none(*narrowed)
}

/// What stands instead of messages. Without the hint that would have it loaded before the page.
#[cfg(not(feature = "hydrate"))]
#[allow(
    clippy::unused_async,
    reason = "a part is waited for where it is loaded"
)]
async fn nothing(narrowed: Box<bool>) -> AnyView {
    none(*narrowed)
}

fn none(narrowed: bool) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let (title, text) = match narrowed {
        true => (
            td_string!(locale, traffic.none_found),
            td_string!(locale, traffic.none_found_hint),
        ),
        false => (
            td_string!(locale, traffic.none),
            td_string!(locale, traffic.none_hint),
        ),
    };
    view! { <Empty icon=Icon::Terminal title=title text=text/> }.into_any()
}

fn row(locale: Locale, message: TrafficMessage, own_zone: RwSignal<bool>) -> AnyView {
    let (way, said) = match message.direction {
        Direction::Up => ("↑", td_string!(locale, traffic.up)),
        Direction::Down => ("↓", td_string!(locale, traffic.down)),
    };
    let fate = words::fate(locale, &message);
    let why = words::why(locale, &message);
    let packet = words::packet(locale, message.packet);
    let size = message.payload.is_some().then(|| {
        let bytes = grouped(message.size_bytes);
        view! { <span class="mut xs nw push">{format!("{bytes} B")}</span> }
    });
    let topic = (!message.topic.is_empty())
        .then(|| view! { <span class="mono topic">{message.topic}</span> });
    view! {
        <li>
            <div class="what">
                {clock(message.at, own_zone)}
                <b class="way" aria-hidden="true">{way}</b>
                <span class="hide">{said}</span>
                {(!packet.is_empty()).then(|| view! { <span class="tag">{packet}</span> })}
                <span class="status">
                    <Shape mark=Signal::stored(words::mark(message.fate))/>
                    <b>{fate}</b>
                </span>
                {why.map(|why| view! { <span class="sub">{why}</span> })}
                {size}
            </div>
            {topic}
            {message.payload.map(payload)}
        </li>
    }
    .into_any()
}

/// The text as it was spelled; a long one is folded under its beginning.
fn payload(text: String) -> AnyView {
    if text.len() <= FOLDED_FROM {
        return view! { <code>{text}</code> }.into_any();
    }
    let start = text[..text.floor_char_boundary(FOLDED_FROM / 3)].to_owned();
    view! {
        <details>
            <summary><code>{format!("{start}…")}</code></summary>
            <code>{text}</code>
        </details>
    }
    .into_any()
}

/// The time of day to the millisecond: in UTC, or in the reader's own zone.
fn clock(at: TimestampMs, own_zone: RwSignal<bool>) -> AnyView {
    let exact = rfc3339(at);
    let text = move || match own_zone.get() {
        true => in_own_zone(at),
        false => in_utc(at),
    };
    view! { <time class="mono" datetime=exact.clone() title=exact>{text}</time> }.into_any()
}

fn in_utc(at: TimestampMs) -> String {
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .map(|at| {
            let (h, m, s, ms) = at.to_hms_milli();
            format!("{h:02}:{m:02}:{s:02}.{ms:03}Z")
        })
        .unwrap_or_default()
}

#[cfg(feature = "hydrate")]
fn in_own_zone(at: TimestampMs) -> String {
    #[allow(clippy::cast_precision_loss)]
    let date = js_sys::Date::new(&(at.0 as f64).into());
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        date.get_hours(),
        date.get_minutes(),
        date.get_seconds(),
        date.get_milliseconds()
    )
}

/// The server does not know the reader's zone.
#[cfg(not(feature = "hydrate"))]
fn in_own_zone(at: TimestampMs) -> String {
    in_utc(at)
}

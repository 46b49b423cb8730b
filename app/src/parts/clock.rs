//! Moments, as people say them: relative and alive, with the exact time behind.
//!
//! The server's time travels in the page, so what the browser first draws is what the server drew.

use domain::TimestampMs;
use leptos::prelude::*;
use leptos_i18n::td_string;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::i18n::{Locale, use_i18n};

/// What time it is, in milliseconds since the Unix epoch; ticks once a second in the browser.
#[derive(Clone, Copy)]
pub struct Now(pub RwSignal<i64>);

/// Puts the clock in context; once, at the root.
pub(crate) fn provide_clock() {
    let first = SharedValue::new(server_now_ms).into_inner();
    let now = RwSignal::new(first);
    provide_context(Now(now));
    #[cfg(feature = "hydrate")]
    Effect::new(move || {
        use std::time::Duration;
        // The browser's clock may be wrong: only its progress since the page arrived is used.
        #[allow(clippy::cast_possible_truncation)]
        let browser_ms = || js_sys::Date::now() as i64;
        let start = browser_ms();
        let tick = set_interval_with_handle(
            move || now.set(first + browser_ms() - start),
            Duration::from_secs(1),
        );
        if let Ok(tick) = tick {
            on_cleanup(move || tick.clear());
        }
    });
}

/// The clock of this page.
pub fn use_now() -> Now {
    expect_context()
}

#[cfg(feature = "ssr")]
fn server_now_ms() -> i64 {
    use_context::<service::Services>().map_or_else(
        || i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(0),
        |services| services.now().0,
    )
}

#[cfg(not(feature = "ssr"))]
fn server_now_ms() -> i64 {
    unreachable!("the browser reads the first time from the page")
}

/// How long ago, in one short phrase: seconds, minutes, hours, days. What is still to come is said as well.
pub fn ago(locale: Locale, elapsed_ms: i64) -> String {
    let seconds = elapsed_ms / 1000;
    match seconds {
        ..=-172_800 => td_string!(locale, frame.in_days, n = -seconds / 86_400).to_string(),
        -172_799..=-5400 => td_string!(locale, frame.in_hours, n = -seconds / 3600).to_string(),
        -5399..=-90 => td_string!(locale, frame.in_minutes, n = -seconds / 60).to_string(),
        -89..=-5 => td_string!(locale, frame.in_seconds, n = -seconds).to_string(),
        -4..=4 => td_string!(locale, frame.just_now).to_string(),
        5..=89 => td_string!(locale, frame.seconds_ago, n = seconds).to_string(),
        90..=5399 => td_string!(locale, frame.minutes_ago, n = seconds / 60).to_string(),
        5400..=172_799 => td_string!(locale, frame.hours_ago, n = seconds / 3600).to_string(),
        _ => td_string!(locale, frame.days_ago, n = seconds / 86_400).to_string(),
    }
}

/// The exact time in RFC 3339, UTC; empty where it is out of range.
pub fn rfc3339(at: TimestampMs) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// A moment: how long ago in words that stay true, the exact time on hover, in the reader's own zone.
#[component]
pub fn Time(
    /// When; `None` reads "not yet".
    #[prop(into)]
    at: Signal<Option<TimestampMs>>,
) -> impl IntoView {
    let i18n = use_i18n();
    let now = use_now().0;
    let text = Memo::new(move |_| match at.get() {
        None => td_string!(i18n.get_locale_untracked(), frame.never).to_string(),
        Some(at) => ago(i18n.get_locale_untracked(), now.get() - at.0),
    });
    let exact = move || at.get().map(rfc3339);
    // The first moment that is told in a zone and a language takes a slow browser a tenth of a second.
    let wanted = RwSignal::new(false);
    let title = move || {
        #[cfg(feature = "hydrate")]
        if wanted.get() {
            return at.get().map(|at| local(at, i18n.get_locale_untracked()));
        }
        exact()
    };
    let want = move |_| {
        if !wanted.get_untracked() {
            wanted.set(true);
        }
    };
    view! {
        <time datetime=exact title=title on:pointerover=want>{move || text.get()}</time>
    }
}

/// The moment in the reader's own zone and language.
#[cfg(feature = "hydrate")]
pub fn local(at: TimestampMs, locale: Locale) -> String {
    #[allow(clippy::cast_precision_loss)]
    let date = js_sys::Date::new(&(at.0 as f64).into());
    date.to_locale_string(leptos_i18n::Locale::as_str(locale), &js_sys::Object::new())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_fits_its_distance() {
        let english = |ms| ago(Locale::en, ms);
        assert_eq!(english(-500), "just now");
        assert_eq!(english(-59_000), "in 59 s");
        assert_eq!(english(-3_600_000 + 400), "in 59 min");
        assert_eq!(english(-7_200_000), "in 2 h");
        assert_eq!(english(-30 * 86_400_000), "in 30 d");
        assert_eq!(ago(Locale::ko, -120_000), "2분 뒤");
        assert_eq!(english(60_000), "60 s ago");
        assert_eq!(english(120_000), "2 min ago");
        assert_eq!(english(2 * 3_600_000), "2 h ago");
        assert_eq!(english(3 * 86_400_000), "3 d ago");
        assert_eq!(ago(Locale::ko, 120_000), "2분 전");
    }

    #[test]
    fn the_exact_time_is_utc() {
        assert_eq!(rfc3339(TimestampMs(0)), "1970-01-01T00:00:00Z");
    }
}

//! How long a command waits for a device that is away: one of some fixed times, or until a moment of one's own.
//!
//! The server does not know the reader's zone. Without a script the moment is in UTC, as every time is that the server
//! draws; a script says how far the reader's own zone is ahead. Either way the page says which zone it is.

use leptos::{html, prelude::*};
use leptos_i18n::td_string;

use crate::{
    form::FormState,
    i18n::Locale,
    parts::{Mark, error_text, status_mark::Shape},
};

#[cfg(feature = "ssr")]
use {
    domain::{AppError, TimestampMs},
    service::commands::VALIDITY_MS,
    time::{OffsetDateTime, format_description::well_known::Rfc3339},
};

/// The field for a moment of one's own, `until`, and beside it the zone that it is in, `until_ahead_min`.
pub(crate) fn until_field(locale: Locale, form: FormState) -> AnyView {
    let wrong = form.field_error("until");
    let typed = form.typed("until").unwrap_or_default();
    let field = NodeRef::<html::Input>::new();
    // Not known without a script.
    let ahead_min = RwSignal::new(None::<i64>);
    #[cfg(feature = "hydrate")]
    Effect::new(move || {
        let typed = field.get().map_or_else(String::new, |field| field.value());
        ahead_min.set(Some(own_ahead_min(&typed)));
    });
    let note = move |event: leptos::ev::Event| {
        #[cfg(feature = "hydrate")]
        ahead_min.set(Some(own_ahead_min(&event_target_value(&event))));
        #[cfg(not(feature = "hydrate"))]
        let _ = event;
    };
    let ahead = move || match ahead_min.get() {
        Some(ahead_min) => ahead_min.to_string(),
        None => String::new(),
    };
    view! {
        <div class="fld">
            <label for="until">{td_string!(locale, commands.until)}</label>
            <input
                class="in"
                id="until"
                name="until"
                type="datetime-local"
                value=typed
                node_ref=field
                on:input=note
                aria-invalid=move || wrong.read().is_some().then_some("true")
                aria-describedby="until-about"
            />
            <input type="hidden" name="until_ahead_min" value=ahead/>
            <div id="until-about">
                {move || match wrong.get() {
                    Some(key) => view! {
                        <p class="wrong">
                            <Shape mark=Mark::Failed/>
                            {error_text::field_text(locale, &key)}
                        </p>
                    }
                    .into_any(),
                    None => ().into_any(),
                }}
                <p class="hint">
                    {move || {
                        let zone = zone(ahead_min.get().unwrap_or(0));
                        td_string!(locale, commands.until_hint, zone = zone).to_string()
                    }}
                </p>
            </div>
        </div>
    }
    .into_any()
}

/// How far the reader's own zone is ahead of UTC, in minutes, at the moment that is typed; now where none is.
#[cfg(feature = "hydrate")]
fn own_ahead_min(typed: &str) -> i64 {
    let date = match typed {
        "" => js_sys::Date::new_0(),
        typed => js_sys::Date::new(&typed.into()),
    };
    #[allow(clippy::cast_possible_truncation)]
    let behind_min = date.get_timezone_offset() as i64;
    -behind_min
}

/// A zone by how far it is ahead of UTC, in minutes.
fn zone(ahead_min: i64) -> String {
    let (hours, minutes) = (ahead_min.abs() / 60, ahead_min.abs() % 60);
    match ahead_min {
        0 => "UTC".to_owned(),
        1.. => format!("UTC+{hours:02}:{minutes:02}"),
        _ => format!("UTC-{hours:02}:{minutes:02}"),
    }
}

/// How long a command waits, in milliseconds: until the moment that was typed, and where none was as long as was chosen.
#[cfg(feature = "ssr")]
pub(crate) fn wait_ms(
    now: TimestampMs,
    chosen_s: i64,
    until: &str,
    ahead_min: &str,
) -> Result<i64, AppError> {
    if until.trim().is_empty() {
        return Ok(chosen_s.saturating_mul(1_000));
    }
    let wrong = |message| AppError::invalid("until", message);
    let at = moment(until.trim(), ahead_min.trim()).ok_or_else(|| wrong("moment"))?;
    let wait = at.saturating_sub(now.0);
    match VALIDITY_MS.contains(&wait) {
        true => Ok(wait),
        false if wait < *VALIDITY_MS.start() => Err(wrong("moment_past")),
        false => Err(wrong("moment_far")),
    }
}

/// A date and a time of day as browsers send them, in a zone that is so many minutes ahead of UTC; in UTC where the
/// zone is not known.
#[cfg(feature = "ssr")]
fn moment(text: &str, ahead_min: &str) -> Option<i64> {
    const DAY_MIN: i64 = 24 * 60;
    let ahead_min: i64 = match ahead_min {
        "" => 0,
        text => text.parse().ok()?,
    };
    if !(-DAY_MIN..=DAY_MIN).contains(&ahead_min) {
        return None;
    }
    let seconds = match text.matches(':').count() {
        1 => ":00",
        _ => "",
    };
    let date = text.replacen(' ', "T", 1);
    let date = OffsetDateTime::parse(&format!("{date}{seconds}Z"), &Rfc3339).ok()?;
    let at = i64::try_from(date.unix_timestamp_nanos() / 1_000_000).ok()?;
    Some(at - ahead_min * 60_000)
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    /// 2026-11-22 06:00 UTC.
    const NOW: TimestampMs = TimestampMs(1_795_327_200_000);
    const HOUR_MS: i64 = 3_600_000;

    fn wait(until: &str, ahead_min: &str) -> Result<i64, AppError> {
        wait_ms(NOW, 60, until, ahead_min)
    }

    #[test]
    fn a_moment_is_read_in_the_zone_of_who_typed_it_and_utc_without_one() {
        assert_eq!(wait("", "540"), Ok(60_000), "as chosen");
        assert_eq!(wait("2026-11-22T07:00", ""), Ok(HOUR_MS));
        assert_eq!(wait("2026-11-22T16:00", "540"), Ok(HOUR_MS));
        assert_eq!(wait("2026-11-22T02:30", "-270"), Ok(HOUR_MS));
        assert_eq!(wait("2026-11-22 07:00:01", "0"), Ok(HOUR_MS + 1_000));
        assert_eq!(wait("2026-11-22T07:00:01.250", ""), Ok(HOUR_MS + 1_250));
        assert_eq!(zone(0), "UTC");
        assert_eq!(zone(540), "UTC+09:00");
        assert_eq!(zone(-270), "UTC-04:30");
    }

    #[test]
    fn a_moment_that_is_over_too_far_or_none_is_refused_beside_its_field() {
        let refused = |until, ahead_min| wait(until, ahead_min).unwrap_err();
        let because = |message| AppError::invalid("until", message);
        assert_eq!(refused("2026-11-22T06:00", ""), because("moment_past"));
        assert_eq!(refused("2026-11-22T14:00", "540"), because("moment_past"));
        assert_eq!(wait("2026-12-22T06:00", ""), Ok(30 * 24 * HOUR_MS));
        assert_eq!(refused("2026-12-22T06:01", ""), because("moment_far"));
        for none in ["tomorrow", "2026-11-31T07:00", "2026-11-22", "07:00"] {
            assert_eq!(refused(none, ""), because("moment"), "{none}");
        }
        for zone in ["1441", "-1441", "nine"] {
            assert_eq!(refused("2026-11-22T07:00", zone), because("moment"));
        }
    }
}

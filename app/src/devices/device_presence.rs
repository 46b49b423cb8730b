//! Presence over days: a strip whose bars are as high as the device was online, and each absence with its cause.

use std::fmt::Write as _;

use domain::{
    DeviceId,
    device::Presence,
    finding::{PresenceHistory, PresenceSlot, Trouble},
};
use leptos::prelude::*;
use leptos_i18n::{td_string, tu_string};
use leptos_router::params::ParamsMap;

use super::{trouble, words};
use crate::{
    address::kept,
    i18n::{Locale, use_i18n},
    parts::{Mark, Time, status_mark::Shape},
};

/// The strip's height in its own units.
const HIGH: i64 = 100;
/// Absences that are shown before the rest is unfolded.
const FEW: usize = 4;

/// The strip of so many days, what is wrong now, and the absences.
pub(super) fn card(
    id: DeviceId,
    history: &PresenceHistory,
    troubles: &[Trouble],
    days: u32,
    map: Memo<ParamsMap>,
) -> AnyView {
    let i18n = use_i18n();
    let locale = i18n.get_locale_untracked();
    let to = |range: u32, words: &'static str| {
        // What the chart shows stays as it is.
        let href = move || format!("/devices/{id}?days={range}{}", kept(&map.read(), &["days"]));
        let current = (range == days).then_some("true");
        view! { <a href=href data-noscroll aria-current=current>{words}</a> }
    };
    let said = match history.known_ms {
        0 => td_string!(locale, finding.presence_unknown).to_owned(),
        known => {
            let percent = percent(history.online_ms, known);
            td_string!(locale, finding.presence_share, percent = percent).to_string()
        }
    };
    let strip = strip(history);
    let troubles = troubles
        .iter()
        .map(|one| {
            view! {
                <p class="banner">
                    <Shape mark=Mark::Warning/>
                    <b>{trouble::words(locale, one)}</b>
                </p>
            }
        })
        .collect_view();
    let label = said.clone();
    let (first, rest) = history.absences.split_at(history.absences.len().min(FEW));
    let lines = |some: &[domain::finding::Absence]| {
        some.iter()
            .map(|absence| line(locale, history, absence))
            .collect_view()
    };
    let (first, more) = (lines(first), rest.len());
    let rest = lines(rest);
    let none = history.absences.is_empty() && history.known_ms > 0;
    view! {
        <section class="card presence-days">
            <header>
                <h2>{tu_string!(i18n, finding.presence)}</h2>
                <nav class="seg sm push" aria-label=tu_string!(i18n, finding.presence)>
                    {to(7, td_string!(locale, telemetry.week))}
                    {to(90, td_string!(locale, telemetry.quarter))}
                </nav>
            </header>
            <div class="pad">
                {troubles}
                <p class="num">{said}</p>
                <svg
                    class="strip"
                    viewBox=format!("0 0 {} {HIGH}", history.slots.len())
                    preserveAspectRatio="none"
                    role="img"
                    aria-label=label
                >
                    <path class="known" d=strip.known></path>
                    <path class="on" d=strip.on></path>
                    <path class="silent" d=strip.silent></path>
                </svg>
                <p class="ends xs mut">
                    <Time at=Signal::stored(Some(history.from))/>
                    <span>{tu_string!(i18n, finding.now)}</span>
                </p>
            </div>
            {none
                .then(|| {
                    view! { <p class="mut pad">{tu_string!(i18n, finding.no_absence)}</p> }
                })}
            <ul class="list absences">{first}</ul>
            {(more > 0)
                .then(|| {
                    view! {
                        <details>
                            <summary>
                                {tu_string!(i18n, finding.more_absences, n = more).to_string()}
                            </summary>
                            <ul class="list absences">{rest}</ul>
                        </details>
                    }
                })}
        </section>
    }
    .into_any()
}

fn line(locale: Locale, history: &PresenceHistory, absence: &domain::finding::Absence) -> AnyView {
    let (mark, word) = match absence.presence {
        Presence::Timeout => (Mark::Timeout, td_string!(locale, devices.timeout)),
        Presence::Online => (Mark::Online, td_string!(locale, devices.online)),
        Presence::Offline => (Mark::Offline, td_string!(locale, devices.offline)),
    };
    let cause = words::cause(locale, absence.cause);
    let seconds = (absence.to.unwrap_or(history.to).0 - absence.from.0).max(0) / 1_000;
    let long = trouble::length(locale, seconds.unsigned_abs());
    let long = match absence.to {
        Some(_) => long,
        None => td_string!(locale, finding.lasts, length = long).to_string(),
    };
    view! {
        <li class="line">
            <span class="status">
                <Shape mark=Signal::stored(mark)/>
                <b>{word}</b>
                <span class="why">{cause}</span>
            </span>
            <span class="num">{long}</span>
            <span class="mut xs">
                <Time at=Signal::stored(Some(absence.from))/>
            </span>
        </li>
    }
    .into_any()
}

/// The bars of a strip, as paths.
#[derive(Debug, Default, PartialEq)]
struct Strip {
    /// Behind what is known.
    known: String,
    /// Online, from below.
    on: String,
    /// Connected but silent, above it.
    silent: String,
}

fn strip(history: &PresenceHistory) -> Strip {
    let mut strip = Strip::default();
    for (x, slot) in history.slots.iter().enumerate() {
        let PresenceSlot {
            online_ms,
            timeout_ms,
            offline_ms,
            ..
        } = *slot;
        let known = online_ms + timeout_ms + offline_ms;
        if known == 0 {
            continue;
        }
        let high = |ms: i64| ms * HIGH / known;
        let (on, silent) = (high(online_ms), high(timeout_ms));
        bar(&mut strip.known, x, 0, HIGH);
        bar(&mut strip.on, x, HIGH - on, on);
        bar(&mut strip.silent, x, HIGH - on - silent, silent);
    }
    strip
}

fn bar(path: &mut String, x: usize, top: i64, high: i64) {
    if high > 0 {
        let _ = write!(path, "M{x}.1 {top}h.8v{high}h-.8z");
    }
}

/// One place behind the point, and never 100 where something is missing.
fn percent(part: i64, whole: i64) -> String {
    let tenths = part * 1_000 / whole.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use domain::TimestampMs;

    use super::*;

    #[test]
    fn a_bar_is_as_high_as_it_was_online() {
        let slot = |online_ms, timeout_ms, offline_ms| PresenceSlot {
            at: TimestampMs(0),
            online_ms,
            timeout_ms,
            offline_ms,
        };
        let history = PresenceHistory {
            from: TimestampMs(0),
            to: TimestampMs(30),
            slot_ms: 10,
            slots: vec![slot(0, 0, 0), slot(5, 2, 3), slot(10, 0, 0)],
            online_ms: 15,
            known_ms: 20,
            absences: Vec::new(),
        };
        let drawn = strip(&history);
        assert_eq!(drawn.on, "M1.1 50h.8v50h-.8zM2.1 0h.8v100h-.8z");
        assert_eq!(drawn.silent, "M1.1 30h.8v20h-.8z");
        assert_eq!(percent(9_999, 10_000), "99.9");
        assert_eq!(percent(10, 10), "100.0");
    }
}

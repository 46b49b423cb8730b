//! Who connected as each device lately, from where, and who was pushed out by whom.
//!
//! It lives in memory: what it tells apart happens within minutes. After a start, a copy is found again as soon
//! as the two take turns again.

use std::collections::{HashMap, VecDeque};

use domain::{DeviceId, TimestampMs};
use parking_lot::Mutex;

/// What is longer ago tells nothing.
const WITHIN_MS: i64 = 10 * 60_000;
/// No card moves to another board, and starts there, in this time.
const MOVES_MS: i64 = 10_000;
/// Connections remembered of a device.
const MOST: usize = 16;
/// Devices remembered; past it those that are longest silent go.
const MOST_DEVICES: usize = 65_536;

/// The connections of all devices lately.
#[derive(Debug, Default)]
pub struct Sightings(Mutex<HashMap<DeviceId, VecDeque<Sighting>>>);

/// One connection of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sighting {
    session: u64,
    place: Option<String>,
    began: TimestampMs,
    ended: bool,
    taken_over: bool,
    /// Who it said it is.
    speaker: Option<String>,
}

/// What the connections of a device tell of who speaks now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// One speaker connects by turns from two places.
    pub takes_turns: bool,
    /// Two speakers take turns.
    two: bool,
    /// When another speaker was pushed out by this one: since when it had been connected, and until when.
    pushed_out: Option<(TimestampMs, TimestampMs)>,
}

impl Seen {
    /// Whether the speaker that was pushed out lived, where it was last heard at `heard`.
    pub(super) fn original_lives(&self, heard: Option<TimestampMs>) -> bool {
        self.two
            || self.pushed_out.is_some_and(|(began, until)| {
                let last = heard.map_or(began, |heard| heard.max(began));
                until.since(last) < MOVES_MS
            })
    }
}

impl Sightings {
    /// A session of a device began, from this place where it is known.
    pub fn began(&self, device: DeviceId, session: u64, place: Option<String>, now: TimestampMs) {
        let mut all = self.0.lock();
        if all.len() >= MOST_DEVICES {
            all.retain(|_, seen| {
                seen.back()
                    .is_some_and(|last| now.since(last.began) < WITHIN_MS)
            });
        }
        let seen = all.entry(device).or_default();
        seen.retain(|sighting| now.since(sighting.began) < WITHIN_MS || !sighting.ended);
        if let Some(before) = seen.back_mut()
            && !before.ended
        {
            // A client id has one session: this one has pushed the other out.
            before.taken_over = true;
            before.ended = true;
        }
        if seen.len() == MOST {
            seen.pop_front();
        }
        seen.push_back(Sighting {
            session,
            place,
            began: now,
            ended: false,
            taken_over: false,
            speaker: None,
        });
    }

    /// A session of a device ended, because another took it over or not.
    pub fn ended(&self, device: DeviceId, session: u64, taken_over: bool) {
        let mut all = self.0.lock();
        let seen = all.get_mut(&device).into_iter().flatten();
        for sighting in seen.filter(|sighting| sighting.session == session) {
            sighting.ended = true;
            sighting.taken_over |= taken_over;
        }
    }

    /// A device says who it is over the session that began last. Where nothing is told of sessions, another
    /// speaker than the last one is another session.
    pub(super) fn says(
        &self,
        device: DeviceId,
        session: Option<u64>,
        speaker: &str,
        now: TimestampMs,
    ) -> Seen {
        if session.is_none() {
            let known = self.0.lock().get(&device).and_then(|seen| {
                seen.back()
                    .map(|last| last.speaker.as_deref() == Some(speaker))
            });
            if known != Some(true) {
                let number = u64::try_from(now.0).unwrap_or_default();
                self.began(device, number, None, now);
            }
        }
        let mut all = self.0.lock();
        let Some(seen) = all.get_mut(&device) else {
            return Seen::default();
        };
        let at = match session {
            Some(session) => seen.iter().rposition(|s| s.session == session),
            None => seen.len().checked_sub(1),
        };
        let Some(at) = at else {
            return Seen::default();
        };
        seen[at].speaker = Some(speaker.to_owned());
        let pushed_out = at.checked_sub(1).map(|before| &seen[before]);
        let pushed_out = pushed_out
            .filter(|before| before.taken_over)
            .filter(|before| before.speaker.as_deref().is_some_and(|who| who != speaker))
            .map(|before| (before.began, seen[at].began));
        Seen {
            takes_turns: places_take_turns(seen.make_contiguous()),
            two: speakers_take_turns(seen.make_contiguous()),
            pushed_out,
        }
    }
}

/// Connections of which each pushed the one before it out, three after each other.
fn triples(seen: &[Sighting]) -> impl Iterator<Item = [&Sighting; 3]> {
    seen.chunk_by(|before, _| before.taken_over)
        .flat_map(|chain| chain.windows(3))
        .map(|of| [&of[0], &of[1], &of[2]])
}

/// Whether a speaker came back that had been pushed out by another one.
fn speakers_take_turns(seen: &[Sighting]) -> bool {
    triples(seen).any(|[a, b, c]| {
        let (a, b, c) = (&a.speaker, &b.speaker, &c.speaker);
        a.is_some() && b.is_some() && a == c && a != b
    })
}

/// Whether one speaker came back twice to a place where it had been pushed out from another. Once may be a device
/// on the road.
fn places_take_turns(seen: &[Sighting]) -> bool {
    let returns = triples(seen).filter(|[a, b, c]| {
        let one = a.speaker.is_some() && a.speaker == b.speaker && b.speaker == c.speaker;
        one && a.place.is_some() && b.place.is_some() && a.place == c.place && a.place != b.place
    });
    returns.count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> TimestampMs {
        TimestampMs(1_000_000 + ms)
    }

    #[test]
    fn who_pushes_a_living_one_out_is_told_from_who_comes_after_it() {
        let (seen, device) = (Sightings::default(), DeviceId::random());
        seen.began(device, 1, None, at(0));
        assert_eq!(seen.says(device, Some(1), "a", at(0)), Seen::default());
        seen.began(device, 2, None, at(60_000));
        let other = seen.says(device, Some(2), "b", at(60_010));
        assert!(!other.two);
        assert!(!other.original_lives(None), "silent for a minute");
        assert!(other.original_lives(Some(at(55_000))), "heard just before");
        seen.ended(device, 2, false);
        seen.began(device, 3, None, at(61_000));
        let again = seen.says(device, Some(3), "a", at(61_010));
        assert!(!again.original_lives(Some(at(60_999))), "b had left");
    }

    #[test]
    fn two_that_take_turns_are_found_by_who_they_say_they_are() {
        let (seen, device) = (Sightings::default(), DeviceId::random());
        for (session, speaker, turns) in [(1, "a", false), (2, "b", false), (3, "a", true)] {
            let now = at(i64::try_from(session).expect("small") * 90_000);
            seen.began(device, session, None, now);
            let found = seen.says(device, Some(session), speaker, now);
            assert_eq!(found.two, turns, "{session}");
        }
    }

    #[test]
    fn two_that_say_the_same_are_found_by_their_places_at_the_second_return() {
        let (seen, device) = (Sightings::default(), DeviceId::random());
        for (session, from, turns) in [
            (1, "x", false),
            (2, "y", false),
            (3, "x", false),
            (4, "y", true),
        ] {
            let now = at(i64::try_from(session).expect("small") * 5_000);
            seen.began(device, session, Some(from.to_owned()), now);
            let found = seen.says(device, Some(session), "a", now);
            assert_eq!(found.takes_turns, turns, "{session}");
        }
    }

    #[test]
    fn a_device_on_the_road_and_one_on_a_bad_line_are_not_two() {
        let (seen, device) = (Sightings::default(), DeviceId::random());
        for (session, from) in (1_u64..).zip(["x", "y", "z", "z", "z", "w", "w", "x"]) {
            let now = at(i64::try_from(session).expect("small") * 5_000);
            seen.began(device, session, Some(from.to_owned()), now);
            let found = seen.says(device, Some(session), "a", now);
            assert!(!found.original_lives(Some(now)), "{session}");
        }
    }

    #[test]
    fn without_sessions_speakers_alone_are_told_apart() {
        let (seen, device) = (Sightings::default(), DeviceId::random());
        for (now, speaker, turns) in [
            (1, "a", false),
            (2, "a", false),
            (3, "b", false),
            (4, "a", true),
        ] {
            let found = seen.says(device, None, speaker, at(now * 20_000));
            assert_eq!(found.two, turns, "{now}");
        }
    }
}

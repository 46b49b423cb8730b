//! What packets and their fates are called.

use domain::traffic::{Fate, Packet, TrafficFilter, TrafficMessage};
use leptos_i18n::td_string;

use crate::{devices::words as device_words, i18n::Locale, parts::Mark};

pub(super) fn mark(fate: Fate) -> Mark {
    match fate {
        Fate::Taken | Fate::Sent => Mark::Done,
        Fate::Duplicate | Fate::TakenInPart | Fate::KeptApart | Fate::KeptBack => Mark::Warning,
        Fate::Refused | Fate::NotSent => Mark::Failed,
    }
}

pub(super) fn fate(locale: Locale, message: &TrafficMessage) -> &'static str {
    match (message.fate, message.packet) {
        (Fate::Taken, Packet::Connect) => td_string!(locale, traffic.connected),
        (Fate::Taken, Packet::Disconnect) => td_string!(locale, traffic.disconnected),
        (Fate::Taken, Packet::Subscribe) => td_string!(locale, traffic.subscribed),
        (Fate::Taken, Packet::Publish) => td_string!(locale, traffic.taken),
        (Fate::TakenInPart, _) => td_string!(locale, traffic.taken_in_part),
        (Fate::Duplicate, _) => td_string!(locale, traffic.duplicate),
        (Fate::KeptApart, _) => td_string!(locale, traffic.kept_apart),
        (Fate::Refused, _) => td_string!(locale, traffic.refused),
        (Fate::KeptBack, _) => td_string!(locale, traffic.kept_back),
        (Fate::Sent, _) => td_string!(locale, traffic.sent),
        (Fate::NotSent, _) => td_string!(locale, traffic.not_sent),
    }
}

/// Why it was refused, or why the connection ended.
pub(super) fn why(locale: Locale, message: &TrafficMessage) -> Option<&'static str> {
    let refused = message
        .refused
        .map(|reason| device_words::refusal(locale, reason));
    refused.or_else(|| {
        message
            .cause
            .map(|cause| device_words::cause(locale, cause))
    })
}

pub(super) fn packet(locale: Locale, packet: Packet) -> &'static str {
    match packet {
        Packet::Publish => "",
        Packet::Subscribe => td_string!(locale, traffic.subscribe),
        Packet::Connect | Packet::Disconnect => td_string!(locale, traffic.connection),
    }
}

pub(super) fn filter(locale: Locale, filter: TrafficFilter) -> &'static str {
    match filter {
        TrafficFilter::All => td_string!(locale, traffic.all),
        TrafficFilter::Up => td_string!(locale, traffic.up),
        TrafficFilter::Down => td_string!(locale, traffic.down),
        TrafficFilter::Refused => td_string!(locale, traffic.only_refused),
    }
}

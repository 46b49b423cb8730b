//! Identity in words.

use domain::identity::{Act, Evidence, FindingKind, Reaction};
use leptos_i18n::td_string;

use crate::{i18n::Locale, parts::number::grouped};

/// What it means.
pub(super) fn kind(locale: Locale, kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Clone => td_string!(locale, identity.kind_clone),
        FindingKind::BoardSwap => td_string!(locale, identity.kind_board_swap),
        FindingKind::CardSwap => td_string!(locale, identity.kind_card_swap),
        FindingKind::Collision => td_string!(locale, identity.kind_collision),
    }
}

/// What it means, in a sentence.
pub(super) fn meaning(locale: Locale, kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Clone => td_string!(locale, identity.means_clone),
        FindingKind::BoardSwap => td_string!(locale, identity.means_board_swap),
        FindingKind::CardSwap => td_string!(locale, identity.means_card_swap),
        FindingKind::Collision => td_string!(locale, identity.means_collision),
    }
}

/// What gave it away.
pub(super) fn evidence(locale: Locale, evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Traits => td_string!(locale, identity.by_traits),
        Evidence::TakesTurns => td_string!(locale, identity.by_turns),
        Evidence::SequenceReused => td_string!(locale, identity.by_sequence),
        Evidence::AnotherKey => td_string!(locale, identity.by_key),
    }
}

/// What a policy does.
pub(super) fn reaction(locale: Locale, reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Alert => td_string!(locale, identity.reaction_alert),
        Reaction::Quarantine => td_string!(locale, identity.reaction_quarantine),
        Reaction::Block => td_string!(locale, identity.reaction_block),
        Reaction::Remap => td_string!(locale, identity.reaction_remap),
        Reaction::Reprovision => td_string!(locale, identity.reaction_reprovision),
        Reaction::Disable => td_string!(locale, identity.reaction_disable),
    }
}

/// An act, as the button says it.
pub(super) fn act(locale: Locale, act: Act) -> &'static str {
    match act {
        Act::Accept => td_string!(locale, identity.act_accept),
        Act::Release => td_string!(locale, identity.act_release),
        Act::Discard => td_string!(locale, identity.act_discard),
        Act::Block => td_string!(locale, identity.act_block),
        Act::Reprovision => td_string!(locale, identity.act_reprovision),
        Act::Disable => td_string!(locale, identity.act_disable),
    }
}

/// Exactly what an act will do.
pub(super) fn effect(locale: Locale, act: Act, serial: &str, held: u64) -> String {
    match act {
        Act::Accept => td_string!(
            locale,
            identity.effect_accept,
            serial = serial,
            n = grouped(held)
        )
        .to_string(),
        Act::Release => td_string!(locale, identity.effect_release, n = grouped(held)).to_string(),
        Act::Discard => td_string!(locale, identity.effect_discard, n = grouped(held)).to_string(),
        Act::Block => td_string!(locale, identity.effect_block).to_owned(),
        Act::Reprovision => td_string!(locale, identity.effect_reprovision).to_owned(),
        Act::Disable => td_string!(
            locale,
            identity.effect_disable,
            serial = serial,
            n = grouped(held)
        )
        .to_string(),
    }
}

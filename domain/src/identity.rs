//! Identity: what a device is known to be, what it says it is, and what their difference means.
//!
//! [`judge`] is the whole decision; it reads nothing and changes nothing. `docs/identity.md` has its table.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{DeviceId, TimestampMs};
use serde::{Deserialize, Serialize};

use crate::device::text_enum;

text_enum! {
    /// What a difference means.
    FindingKind {
        /// Two boards live under one identity: its storage was copied, or its certificate.
        Clone = "clone",
        /// The storage moved to another board, and the old board is gone.
        BoardSwap = "board_swap",
        /// The board stayed and its storage is another one, or a known board holds another's storage.
        CardSwap = "card_swap",
        /// Another board with another storage says it has this UUID.
        Collision = "collision",
    }
}

text_enum! {
    /// What is done by itself when something is found.
    Reaction {
        /// Tell people; the data flows.
        Alert = "alert",
        /// Keep its reports apart until somebody decides.
        Quarantine = "quarantine",
        /// Let nobody connect under this identity.
        Block = "block",
        /// Take what was said for what is known.
        Remap = "remap",
        /// Void the certificates; it must enrol again with a new code.
        Reprovision = "reprovision",
        /// Tell the copy to switch itself off, and keep its reports apart.
        Disable = "disable",
    }
}

text_enum! {
    /// What somebody, or a policy, has done about a finding.
    Act {
        /// What was said is right: it is known from now on, and what was kept apart enters the history.
        Accept = "accept",
        /// What is known stays; what was kept apart enters the history, and this speaker is let through.
        Release = "release",
        /// What is known stays; what was kept apart is deleted.
        Discard = "discard",
        /// Nobody connects under this identity until this is undone.
        Block = "block",
        /// The certificates are void: it must enrol again with a new code.
        Reprovision = "reprovision",
        /// The copy is told to switch itself off; what was kept apart is deleted.
        Disable = "disable",
    }
}

text_enum! {
    /// Whether somebody has decided.
    FindingState {
        /// Nobody has.
        Open = "open",
        /// Somebody, or a policy, has.
        Resolved = "resolved",
    }
}

impl FindingKind {
    /// What a policy may do about it.
    pub fn reactions(self) -> &'static [Reaction] {
        use Reaction::{Alert, Block, Disable, Quarantine, Remap, Reprovision};
        match self {
            Self::Clone => &[Alert, Quarantine, Block, Reprovision, Disable],
            Self::BoardSwap | Self::CardSwap => &[Alert, Quarantine, Block, Remap, Reprovision],
            Self::Collision => &[Alert, Quarantine, Block, Reprovision],
        }
    }

    /// What a site does about it unless told otherwise.
    pub fn usual(self) -> Reaction {
        match self {
            Self::Clone | Self::BoardSwap | Self::Collision => Reaction::Quarantine,
            Self::CardSwap => Reaction::Alert,
        }
    }

    /// What somebody may do about it.
    pub fn acts(self) -> &'static [Act] {
        use Act::{Accept, Block, Disable, Discard, Release, Reprovision};
        match self {
            Self::Clone => &[Discard, Disable, Release, Block, Reprovision],
            Self::BoardSwap | Self::CardSwap => &[Accept, Release, Discard, Block, Reprovision],
            Self::Collision => &[Discard, Release, Block, Reprovision],
        }
    }
}

/// What is done about each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Policies(BTreeMap<FindingKind, Reaction>);

impl Default for Policies {
    fn default() -> Self {
        Self(
            FindingKind::ALL
                .iter()
                .map(|kind| (*kind, kind.usual()))
                .collect(),
        )
    }
}

impl Policies {
    /// What is done about `kind`.
    pub fn of(&self, kind: FindingKind) -> Reaction {
        let chosen = self.0.get(&kind).copied();
        chosen.unwrap_or_else(|| kind.usual())
    }

    /// With this reaction to `kind`; `None` where it is none of that kind's.
    #[must_use]
    pub fn with(mut self, kind: FindingKind, reaction: Reaction) -> Option<Self> {
        let applies = kind.reactions().contains(&reaction);
        self.0.insert(kind, reaction);
        applies.then_some(self)
    }
}

/// Who a device is, as it is known or as it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Traits {
    /// The UUID on its storage.
    pub uuid: DeviceId,
    /// Its processor's serial number.
    pub cpu_serial: String,
    /// The id of the storage that it started from.
    pub storage_id: Option<String>,
    /// Its network interfaces' addresses. They are shown and decide nothing: adapters come and go.
    pub macs: BTreeSet<String>,
}

/// What else is known at the moment of judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// The board of record lives too: it was connected a moment ago, or the two take turns.
    pub original_lives: bool,
    /// One speaker, as it says, connects by turns from two places.
    pub takes_turns: bool,
    /// The serial number that was said is another registered device's.
    pub serial_of_another: bool,
}

/// What the difference between what is known and what was said means; `None` where it means nothing.
///
/// A trait that either side lacks contradicts nothing.
pub fn judge(known: &Traits, said: &Traits, circumstances: Circumstances) -> Option<FindingKind> {
    let same_board = same(&known.cpu_serial, &said.cpu_serial);
    let same_storage = match (&known.storage_id, &said.storage_id) {
        (Some(known), Some(said)) => same(known, said),
        _ => true,
    } && known.uuid == said.uuid;
    match (same_board, same_storage) {
        (true, true) if circumstances.takes_turns => Some(FindingKind::Clone),
        (true, true) => None,
        (true, false) => Some(FindingKind::CardSwap),
        (false, true) if circumstances.original_lives || circumstances.takes_turns => {
            Some(FindingKind::Clone)
        }
        (false, true) if circumstances.serial_of_another => Some(FindingKind::CardSwap),
        (false, true) => Some(FindingKind::BoardSwap),
        // The certificate says one UUID and the storage another: the certificate alone was copied.
        (false, false) if known.uuid != said.uuid => Some(FindingKind::Clone),
        (false, false) => Some(FindingKind::Collision),
    }
}

/// Serial numbers are the same however they are padded and cased.
fn same(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b.trim())
}

text_enum! {
    /// What gave it away.
    Evidence {
        /// What it said of itself.
        Traits = "traits",
        /// The same certificate from two places by turns.
        TakesTurns = "takes_turns",
        /// Two different messages under one sequence, both rightly signed.
        SequenceReused = "sequence_reused",
        /// Its enrolment code was used with another key.
        AnotherKey = "another_key",
    }
}

/// One finding, as lists and its page show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Counts up.
    pub id: i64,
    /// The device that it is about.
    pub device: DeviceId,
    /// The device's name on the site.
    pub device_name: String,
    /// The other device whose serial number was said, and its name.
    pub other: Option<(DeviceId, String)>,
    /// What it means.
    pub kind: FindingKind,
    /// What gave it away.
    pub evidence: Evidence,
    /// Whether somebody has decided.
    pub state: FindingState,
    /// What the site's policy did at first.
    pub reaction: Reaction,
    /// What was done about it, where something was.
    pub act: Option<Act>,
    /// Who did it; none where the policy did.
    pub by: Option<String>,
    /// When.
    pub resolved_at: Option<TimestampMs>,
    /// What was known.
    pub known: Traits,
    /// What was said.
    pub said: Traits,
    /// When it was first seen.
    pub opened_at: TimestampMs,
    /// When it was last seen.
    pub last_at: TimestampMs,
    /// How often it was seen.
    pub count: u32,
    /// Reports of it that are kept apart now.
    pub held: u64,
    /// Whether the device has an owner: only then it can be told anything.
    pub claimed: bool,
    /// Whether the decision can be taken back now: undoing it restores what was before.
    pub may_undo: bool,
}

impl Finding {
    /// What may be done about it now.
    pub fn acts(&self) -> Vec<Act> {
        if self.state == FindingState::Resolved {
            return Vec::new();
        }
        let fits = |act: &Act| match act {
            // A serial number belongs to one device alone.
            Act::Accept => self.other.is_none() && self.known.uuid == self.said.uuid,
            Act::Disable => self.claimed && !same(&self.known.cpu_serial, &self.said.cpu_serial),
            _ => true,
        };
        self.kind.acts().iter().copied().filter(fits).collect()
    }
}

text_enum! {
    /// What a notification tells of.
    NoticeKind {
        /// Something was found about a device's identity.
        Identity = "identity",
    }
}

/// Something that one person is told inside the application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notice {
    /// Counts up.
    pub id: i64,
    /// When.
    pub at: TimestampMs,
    /// What it tells of.
    pub kind: NoticeKind,
    /// The device and its name.
    pub device: Option<(DeviceId, String)>,
    /// The finding and what it means.
    pub finding: Option<(i64, FindingKind)>,
    /// When it was read.
    pub read_at: Option<TimestampMs>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(last: u8) -> DeviceId {
        let text = format!("00000000-0000-4000-8000-{last:012}");
        text.parse().expect("a UUID")
    }

    fn known() -> Traits {
        Traits {
            uuid: id(1),
            cpu_serial: "100000003d1f8a2c".to_owned(),
            storage_id: Some("card-1".to_owned()),
            macs: BTreeSet::new(),
        }
    }

    fn said(serial: &str, storage: Option<&str>) -> Traits {
        Traits {
            cpu_serial: serial.to_owned(),
            storage_id: storage.map(str::to_owned),
            ..known()
        }
    }

    #[test]
    fn each_case_of_the_table() {
        use FindingKind::{BoardSwap, CardSwap, Clone, Collision};
        const OWN: &str = "100000003d1f8a2c";
        const OTHER: &str = "100000009e5b7711";
        let quiet = Circumstances::default();
        let lives = Circumstances {
            original_lives: true,
            ..quiet
        };
        let turns = Circumstances {
            takes_turns: true,
            ..quiet
        };
        let registered = Circumstances {
            serial_of_another: true,
            ..quiet
        };
        for (serial, storage, circumstances, verdict) in [
            (OWN, Some("card-1"), quiet, None),
            ("100000003D1F8A2C ", Some("CARD-1"), quiet, None),
            (OWN, None, quiet, None),
            (OWN, Some("card-1"), turns, Some(Clone)),
            (OWN, Some("card-2"), quiet, Some(CardSwap)),
            (OTHER, Some("card-1"), lives, Some(Clone)),
            (OTHER, Some("card-1"), turns, Some(Clone)),
            (OTHER, None, lives, Some(Clone)),
            (OTHER, Some("card-1"), quiet, Some(BoardSwap)),
            (OTHER, None, quiet, Some(BoardSwap)),
            (OTHER, Some("card-1"), registered, Some(CardSwap)),
            (OTHER, Some("card-2"), quiet, Some(Collision)),
            (OTHER, Some("card-2"), lives, Some(Collision)),
        ] {
            let got = judge(&known(), &said(serial, storage), circumstances);
            assert_eq!(got, verdict, "{serial} {storage:?} {circumstances:?}");
        }
        let elsewhere = |serial| Traits {
            uuid: id(2),
            ..said(serial, Some("card-2"))
        };
        assert_eq!(judge(&known(), &elsewhere(OWN), quiet), Some(CardSwap));
        assert_eq!(judge(&known(), &elsewhere(OTHER), quiet), Some(Clone));
    }

    fn traits() -> impl Strategy<Value = Traits> {
        (
            0..3_u8,
            "[a-c]",
            proptest::option::of("[a-c]"),
            proptest::collection::btree_set("[a-c]", 0..3),
        )
            .prop_map(|(uuid, cpu_serial, storage_id, macs)| Traits {
                uuid: id(uuid),
                cpu_serial,
                storage_id,
                macs,
            })
    }

    fn circumstances() -> impl Strategy<Value = Circumstances> {
        any::<(bool, bool, bool)>().prop_map(|(original_lives, takes_turns, serial_of_another)| {
            Circumstances {
                original_lives,
                takes_turns,
                serial_of_another,
            }
        })
    }

    proptest! {
        #[test]
        fn who_says_what_is_known_is_found_only_where_two_take_turns(
            known in traits(), circumstances in circumstances(),
        ) {
            let found = judge(&known, &known, circumstances);
            prop_assert_eq!(found, circumstances.takes_turns.then_some(FindingKind::Clone));
        }

        #[test]
        fn addresses_decide_nothing(
            known in traits(), said in traits(), circumstances in circumstances(),
        ) {
            let bare = |of: &Traits| Traits { macs: BTreeSet::new(), ..of.clone() };
            prop_assert_eq!(
                judge(&known, &said, circumstances),
                judge(&bare(&known), &bare(&said), circumstances)
            );
        }

        #[test]
        fn another_board_is_always_found(
            known in traits(), said in traits(), circumstances in circumstances(),
        ) {
            prop_assume!(known.cpu_serial != said.cpu_serial);
            prop_assert!(judge(&known, &said, circumstances).is_some());
        }

        #[test]
        fn a_board_swap_is_found_only_while_nothing_speaks_for_two_boards(
            known in traits(), said in traits(), circumstances in circumstances(),
        ) {
            if judge(&known, &said, circumstances) == Some(FindingKind::BoardSwap) {
                prop_assert_eq!(circumstances, Circumstances::default());
                prop_assert_eq!(known.uuid, said.uuid);
            }
        }

        #[test]
        fn every_reaction_of_a_kind_can_be_chosen(at in 0..4_usize) {
            let kind = FindingKind::ALL[at];
            for reaction in Reaction::ALL {
                let chosen = Policies::default().with(kind, *reaction);
                prop_assert_eq!(chosen.is_some(), kind.reactions().contains(reaction));
                if let Some(policies) = chosen {
                    prop_assert_eq!(policies.of(kind), *reaction);
                }
            }
        }
    }
}

//! Which sequences of one ownership are stored: the highest, and the 1,024 at and below it as bits.

use protocol::SEQUENCE_WINDOW;

/// Bytes of the bits as they are kept.
pub const WINDOW_BYTES: usize = 128;
const WORDS: usize = WINDOW_BYTES / 8;

/// Whether a sequence is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Not seen before.
    New,
    /// Stored before.
    Before,
    /// So far below the highest one that nobody remembers.
    TooOld,
}

/// The window over the sequences of one ownership.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SequenceWindow {
    high: Option<u64>,
    /// Bit n, counted from the lowest of the first word: `high - n` is stored.
    words: [u64; WORDS],
}

impl SequenceWindow {
    /// The window as it was kept: the highest sequence (−1 before the first) and its bits.
    pub fn from_parts(high: i64, bits: &[u8]) -> Self {
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bits.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Self {
            high: u64::try_from(high).ok(),
            words,
        }
    }

    /// The highest sequence, −1 before the first.
    pub fn high(&self) -> i64 {
        self.high
            .map_or(-1, |high| i64::try_from(high).unwrap_or(i64::MAX))
    }

    /// The bits, for keeping.
    pub fn bits(&self) -> [u8; WINDOW_BYTES] {
        let mut bits = [0; WINDOW_BYTES];
        for (bytes, word) in bits.chunks_exact_mut(8).zip(self.words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bits
    }

    /// Whether `sequence` was seen, without noting it.
    pub fn look(&self, sequence: u64) -> Seen {
        match self.high {
            None => Seen::New,
            Some(high) if sequence > high => Seen::New,
            Some(high) if high - sequence >= SEQUENCE_WINDOW => Seen::TooOld,
            Some(high) if self.bit(high - sequence) => Seen::Before,
            Some(_) => Seen::New,
        }
    }

    /// Notes `sequence`; tells whether it was new.
    pub fn note(&mut self, sequence: u64) -> Seen {
        let seen = self.look(sequence);
        if seen == Seen::New {
            match self.high {
                Some(high) if sequence < high => self.set(high - sequence),
                Some(high) => {
                    self.shift(sequence - high);
                    self.high = Some(sequence);
                    self.set(0);
                }
                None => {
                    self.high = Some(sequence);
                    self.set(0);
                }
            }
        }
        seen
    }

    fn bit(&self, n: u64) -> bool {
        let (word, bit) = place(n);
        self.words[word] >> bit & 1 == 1
    }

    fn set(&mut self, n: u64) {
        let (word, bit) = place(n);
        self.words[word] |= 1 << bit;
    }

    fn shift(&mut self, by: u64) {
        let by = usize::try_from(by).unwrap_or(usize::MAX);
        let (words, bits) = (by / 64, by % 64);
        let old = self.words;
        for (at, word) in self.words.iter_mut().enumerate() {
            let low = at.checked_sub(words).map_or(0, |from| old[from] << bits);
            let carry = match (bits, at.checked_sub(words.saturating_add(1))) {
                (1.., Some(from)) => old[from] >> (64 - bits),
                _ => 0,
            };
            *word = low | carry;
        }
    }
}

fn place(n: u64) -> (usize, u32) {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    (n / 64, u32::try_from(n % 64).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    /// What the contract says, without cleverness.
    #[derive(Default)]
    struct Naive(BTreeSet<u64>);

    impl Naive {
        fn note(&mut self, sequence: u64) -> Seen {
            let high = self.0.last().copied();
            if high.is_some_and(|high| sequence + SEQUENCE_WINDOW <= high) {
                Seen::TooOld
            } else if self.0.insert(sequence) {
                Seen::New
            } else {
                Seen::Before
            }
        }
    }

    #[test]
    fn says_what_a_set_of_all_sequences_says() {
        for seed in 0..40 {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut window, mut naive) = (SequenceWindow::default(), Naive::default());
            let mut next = random.random_range(0..5_000_u64);
            for step in 0..4_000 {
                let sequence = match random.random_range(0..10) {
                    0 => next + random.random_range(0..2_500),
                    1..=3 => next.saturating_sub(random.random_range(0..1_500)),
                    _ => next + 1,
                };
                next = next.max(sequence);
                assert_eq!(window.look(sequence), {
                    let before = Naive(naive.0.clone()).note(sequence);
                    assert_eq!(naive.note(sequence), before);
                    before
                });
                window.note(sequence);
                if step % 100 == 0 {
                    window = SequenceWindow::from_parts(window.high(), &window.bits());
                }
            }
        }
    }

    #[test]
    fn the_edge_of_the_window_is_where_the_contract_has_it() {
        let mut window = SequenceWindow::default();
        assert_eq!(window.high(), -1);
        assert_eq!(window.note(0), Seen::New);
        assert_eq!(window.note(2_000), Seen::New);
        assert_eq!(window.look(2_000 - 1_024), Seen::TooOld);
        assert_eq!(window.note(2_000 - 1_023), Seen::New);
        assert_eq!(window.note(2_000 - 1_023), Seen::Before);
        assert_eq!(window.note(2_001), Seen::New);
        assert_eq!(window.look(2_000 - 1_023), Seen::TooOld);
    }
}

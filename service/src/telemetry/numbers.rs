//! Under which number a report is stored: with its component and its moment, what the history tells reports apart by.
//!
//! It is the sequence of its message. A batch may hold several reports of one component and one moment, of a device that
//! measures more often than its clock ticks; how many of them stand before a report in its batch is counted in the bits
//! above the sequence, so that each is kept. It is counted over all reports of a message, also over those that are
//! refused: a message that comes again has the same numbers.

use std::collections::HashMap;

use protocol::{MAX_SAFE_INTEGER, Sequence};

use super::commit::{Incoming, ReportPart};

/// Sequences are below it.
const STEP: i64 = MAX_SAFE_INTEGER.cast_signed();

/// Numbers the reports of one message, in their order.
#[derive(Debug)]
pub(crate) struct Numbers {
    sequence: i64,
    /// How many there were of each component and moment; nothing is counted where there is one report.
    before: Option<HashMap<(i64, i64), i64>>,
}

impl Numbers {
    /// Of the reports of this message.
    pub(crate) fn of(message: &Incoming) -> Self {
        Self {
            sequence: i64::try_from(message.sequence.0).unwrap_or(i64::MAX),
            before: (message.reports.len() > 1).then(HashMap::new),
        }
    }

    /// The number of the next report of the message, which is this one.
    pub(crate) fn number(&mut self, part: &ReportPart) -> i64 {
        let Some(before) = &mut self.before else {
            return self.sequence;
        };
        let count = before.entry((part.component_id, part.at.0)).or_default();
        let number = self.sequence.saturating_add(count.saturating_mul(STEP));
        *count += 1;
        number
    }
}

/// The sequence of the message that held the report with this number.
pub(crate) fn sequence_of(number: i64) -> Sequence {
    Sequence(u64::try_from(number % STEP).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_sequence_also_of_the_last_report_of_the_longest_batch() {
        let highest = MAX_SAFE_INTEGER - 1;
        let most = i64::try_from(protocol::MAX_BATCH_REPORTS).expect("few");
        let last = i64::try_from(highest).expect("small") + (most - 1) * STEP;
        assert_eq!(sequence_of(last), Sequence(highest));
        assert_eq!(sequence_of(7), Sequence(7));
    }
}

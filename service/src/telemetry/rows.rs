//! The tables that a batch writes: the statement of each, and its rows.

use domain::TimestampMs;
use sea_orm::DbErr;
use serde::{Serialize, Serializer};

use super::{
    commit::{Incoming, ReportPart},
    table::{Column, Table},
    touched::Touched,
};

/// The history.
pub(super) const REPORTS: Table = Table {
    sqlite: (
        "INSERT OR IGNORE INTO report \
        (component_id, at_ms, sequence, received_ms, late, status, readings) VALUES ",
        "(?, ?, ?, ?, ?, ?, ?)",
        "",
    ),
    postgres: "INSERT INTO report \
        (component_id, at_ms, sequence, received_ms, late, status, readings) \
        SELECT (v->>0)::bigint, (v->>1)::bigint, (v->>2)::bigint, (v->>3)::bigint, \
        (v->>4)::boolean, v->>5, v->6 FROM jsonb_array_elements($1::text::jsonb) v ON CONFLICT DO NOTHING",
};

/// The minutes to roll up. A note that is there is written again on PostgreSQL, in one order: so this transaction waits
/// for a roller that has just taken it, and one that comes now waits for these reports.
pub(super) const DUE: Table = Table {
    sqlite: (
        "INSERT OR IGNORE INTO rollup_due (component_id, bucket_ms) VALUES ",
        "(?, ?)",
        "",
    ),
    postgres: "INSERT INTO rollup_due (component_id, bucket_ms) \
        SELECT (v->>0)::bigint, (v->>1)::bigint FROM jsonb_array_elements($1::text::jsonb) v \
        ORDER BY 1, 2 \
        ON CONFLICT (component_id, bucket_ms) DO UPDATE SET bucket_ms = excluded.bucket_ms",
};

/// The devices' places in their order, and their states. `excluded.revision` tells whether anything was stored, or only
/// duplicates counted.
pub(super) const LIVE: Table = Table {
    sqlite: (
        "INSERT INTO device_live (device_id, ownership, sequence_high, sequence_bits, state, \
        revision, last_report_ms, last_received_ms, clock_skew_ms, duplicates, refused_recently) \
        VALUES ",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        " ON CONFLICT (device_id) DO UPDATE SET ownership = excluded.ownership, \
        sequence_high = excluded.sequence_high, sequence_bits = excluded.sequence_bits, \
        state = excluded.state, revision = device_live.revision + excluded.revision, \
        last_report_ms = excluded.last_report_ms, last_received_ms = excluded.last_received_ms, \
        clock_skew_ms = excluded.clock_skew_ms, \
        duplicates = device_live.duplicates + excluded.duplicates, \
        refused_recently = CASE excluded.revision WHEN 1 THEN 0 \
        ELSE device_live.refused_recently END \
        RETURNING device_id, revision",
    ),
    postgres: "INSERT INTO device_live (device_id, ownership, sequence_high, sequence_bits, state, \
        revision, last_report_ms, last_received_ms, clock_skew_ms, duplicates, refused_recently) \
        SELECT (v->>0)::bigint, (v->>1)::bigint, (v->>2)::bigint, decode(v->>3, 'hex'), v->4, \
        (v->>5)::bigint, (v->>6)::bigint, (v->>7)::bigint, (v->>8)::bigint, (v->>9)::bigint, 0 \
        FROM jsonb_array_elements($1::text::jsonb) v ORDER BY 1 \
        ON CONFLICT (device_id) DO UPDATE SET ownership = excluded.ownership, \
        sequence_high = excluded.sequence_high, sequence_bits = excluded.sequence_bits, \
        state = excluded.state, revision = device_live.revision + excluded.revision, \
        last_report_ms = excluded.last_report_ms, last_received_ms = excluded.last_received_ms, \
        clock_skew_ms = excluded.clock_skew_ms, \
        duplicates = device_live.duplicates + excluded.duplicates, \
        refused_recently = CASE excluded.revision WHEN 1 THEN 0 \
        ELSE device_live.refused_recently END \
        RETURNING device_id, revision",
};

/// As the columns of [`REPORTS`].
pub(super) fn report_row(
    part: &ReportPart,
    number: i64,
    message: &Incoming,
) -> Result<[Column; 7], DbErr> {
    Ok([
        Column::Integer(Some(part.component_id)),
        Column::Integer(Some(part.at.0)),
        Column::Integer(Some(number)),
        Column::Integer(Some(message.received_at.0)),
        Column::Bool(part.late),
        Column::Text(part.status.clone()),
        json(&Readings(part))?,
    ])
}

/// As the columns of [`DUE`].
pub(super) fn due_row(component: i64, minute: i64) -> [Column; 2] {
    [component, minute].map(|number| Column::Integer(Some(number)))
}

/// As the columns of [`LIVE`].
pub(super) fn live_row(device: &Touched) -> Result<[Column; 11], DbErr> {
    let live = &device.live;
    let time = |at: Option<TimestampMs>| Column::Integer(at.map(|at| at.0));
    Ok([
        Column::Integer(Some(device.id)),
        Column::Integer(Some(live.ownership)),
        Column::Integer(Some(live.window.high())),
        Column::Bytes(live.window.bits().to_vec()),
        json(&live.state)?,
        Column::Integer(Some(i64::from(device.stored))),
        time(live.last_report),
        time(live.last_received),
        Column::Integer(live.skew_ms),
        Column::Integer(Some(device.duplicates)),
        Column::Integer(Some(0)),
    ])
}

/// The readings of a report as one JSON object.
pub(super) struct Readings<'a>(pub(super) &'a ReportPart);

impl Serialize for Readings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.values.iter().map(|(name, value)| (name, value)))
    }
}

fn json(value: &impl Serialize) -> Result<Column, DbErr> {
    let text = serde_json::to_string(value).map_err(|error| DbErr::Json(error.to_string()))?;
    Ok(Column::Json(text))
}

//! A list as a file: exactly what a filter finds, a part at a time.
//!
//! Made for spreadsheets: UTF-8 with a mark at the beginning, and no text that they would run as a formula.

use std::{collections::HashMap, vec};

use domain::{
    AppError, Scalar, TimestampMs,
    device::{DeviceQuery, DeviceSummary},
    finding::{Column, RowExtra, RowValue, Trouble},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{extras, list, rows};
use crate::{Actor, Services, internal};

/// Devices read at once.
const AT_ONCE: usize = 500;
/// Spreadsheets take a file for UTF-8 by it.
const MARK: &str = "\u{feff}";
/// The columns of every file, before the chosen ones.
const FIRST: [&str; 4] = ["name", "serial", "uuid", "kind"];

/// A file on its way; gives its parts in order.
#[derive(Debug)]
pub struct Export {
    services: Services,
    actor: Actor,
    columns: Vec<Column>,
    left: vec::IntoIter<i64>,
    begun: bool,
}

impl Export {
    /// Finds what will be in the file: all pages of the list, in its order. More columns than there are named ones and
    /// [`super::MOST_KEYS`] values of the state are refused.
    pub async fn begin(
        services: &Services,
        actor: &Actor,
        query: &DeviceQuery,
        columns: Vec<Column>,
    ) -> Result<Self, AppError> {
        // Before the first part, after which nobody can be told.
        let keys = columns.iter().filter_map(Column::state_key).count();
        if keys > extras::MOST_KEYS || columns.len() - keys > Column::NAMED.len() {
            return Err(AppError::invalid("columns", "too_many_columns"));
        }
        let ids = list::all_ids(services, actor, query).await?;
        Ok(Self {
            services: services.clone(),
            actor: actor.clone(),
            columns,
            left: ids.into_iter(),
            begun: false,
        })
    }

    /// The next part; `None` at the end.
    pub async fn part(&mut self) -> Result<Option<Vec<u8>>, AppError> {
        let mut file = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        if !self.begun {
            let chosen = self.columns.iter().flat_map(heads);
            let first = FIRST.iter().map(|head| (*head).to_owned());
            file.write_record(first.chain(chosen)).map_err(internal)?;
        }
        let ids: Vec<i64> = self.left.by_ref().take(AT_ONCE).collect();
        if ids.is_empty() && self.begun {
            return Ok(None);
        }
        for (device, extra) in self.rows(&ids).await? {
            let mut cells = vec![
                text(&device.name),
                text(&device.cpu_serial),
                device.id.to_string(),
                device.kind.as_str().to_owned(),
            ];
            let mut values = extra.values.iter();
            for column in &self.columns {
                self::cells(&mut cells, column, &device, &extra, &mut values);
            }
            file.write_record(cells).map_err(internal)?;
        }
        let rows = file.into_inner().map_err(internal)?;
        let mark = if self.begun { "" } else { MARK };
        self.begun = true;
        Ok(Some([mark.as_bytes(), &rows].concat()))
    }

    async fn rows(&self, ids: &[i64]) -> Result<Vec<(DeviceSummary, RowExtra)>, AppError> {
        let summaries = rows::of_ids(&self.services, &self.actor, ids).await?;
        let keys: Vec<String> = self
            .columns
            .iter()
            .filter_map(|column| column.state_key().map(str::to_owned))
            .collect();
        let uuids: Vec<_> = summaries.iter().map(|(_, device)| device.id).collect();
        let extras = extras::extras(&self.services, &self.actor, &uuids, &keys).await?;
        let mut rows: HashMap<i64, (DeviceSummary, RowExtra)> = summaries
            .into_iter()
            .zip(extras)
            .map(|((id, device), extra)| (id, (device, extra)))
            .collect();
        // What was deleted since the file was begun is left out.
        Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
    }
}

fn heads(column: &Column) -> Vec<String> {
    let heads: &[&str] = match column {
        Column::Status => &["lifecycle", "presence", "cause", "since", "troubles"],
        Column::Value => &["value_key", "value", "unit", "value_forced"],
        Column::Report => &["last_report"],
        Column::Version => &["agent_version"],
        Column::Hardware => &["hardware_version", "hardware_variant"],
        Column::Owner => &["owner"],
        Column::Tags => &["tags"],
        Column::State(key) => {
            return vec![format!("state.{key}"), format!("state.{key}.forced")];
        }
    };
    heads.iter().map(|head| (*head).to_owned()).collect()
}

fn cells<'a>(
    cells: &mut Vec<String>,
    column: &Column,
    device: &DeviceSummary,
    extra: &'a RowExtra,
    values: &mut impl Iterator<Item = &'a Option<RowValue>>,
) {
    match column {
        Column::Status => {
            cells.push(device.lifecycle.as_str().to_owned());
            cells.push(device.presence.presence.as_str().to_owned());
            cells.push(device.presence.cause.as_str().to_owned());
            cells.push(time(device.presence.since));
            let troubles = extra.troubles.iter().map(|trouble| match trouble {
                Trouble::Flapping { connections, .. } => format!("flapping {connections}"),
                Trouble::Identity { .. } => "identity".to_owned(),
                Trouble::Clock { ahead_ms, .. } => format!("clock {ahead_ms} ms"),
            });
            cells.push(troubles.collect::<Vec<_>>().join("; "));
        }
        Column::Value => {
            let headline = device.headline.as_ref();
            cells.push(headline.map(|line| line.key.clone()).unwrap_or_default());
            cells.push(headline.map(|line| scalar(&line.value)).unwrap_or_default());
            cells.push(headline.map(|line| text(&line.unit)).unwrap_or_default());
            cells.push(forced(headline.is_some_and(|line| line.forced)));
        }
        Column::Report => cells.push(device.last_report_at.map(time).unwrap_or_default()),
        Column::Version => cells.push(text(device.agent_version.as_deref().unwrap_or_default())),
        Column::Hardware => {
            cells.push(text(&device.hardware_version));
            cells.push(text(&device.hardware_variant));
        }
        Column::Owner => {
            let owner = device.owner.as_ref().map(ToString::to_string);
            cells.push(text(&owner.unwrap_or_default()));
        }
        Column::Tags => {
            let tags: Vec<&str> = extra.tags.iter().map(domain::tag::Tag::as_str).collect();
            cells.push(text(&tags.join(" ")));
        }
        Column::State(_) => {
            let value = values.next().and_then(Option::as_ref);
            cells.push(value.map(|row| scalar(&row.value)).unwrap_or_default());
            cells.push(forced(value.is_some_and(|row| row.forced)));
        }
    }
}

/// Whether a value was set by hand; nothing where it was not.
fn forced(forced: bool) -> String {
    if forced { "forced" } else { "" }.to_owned()
}

fn scalar(value: &Scalar) -> String {
    match value {
        Scalar::Text(words) => text(words),
        Scalar::Number(number) => number.to_string(),
        Scalar::Bool(truth) => truth.to_string(),
    }
}

/// A text that a spreadsheet shows and does not run: what begins like a formula begins with `'` (OWASP, CSV
/// injection). Numbers never pass here, so that negative ones stay numbers.
fn text(words: &str) -> String {
    match words.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{words}"),
        false => words.to_owned(),
    }
}

fn time(at: TimestampMs) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_text_and_a_number_is_a_number() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"] {
            assert_eq!(text(formula), format!("'{formula}"));
        }
        assert_eq!(text("a=1"), "a=1");
        assert_eq!(scalar(&Scalar::Number(-3.5)), "-3.5");
        assert_eq!(scalar(&Scalar::Text("=1".to_owned())), "'=1");
    }
}

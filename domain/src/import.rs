//! Many devices pre-registered from a file, or given new codes for their labels, at once.

use protocol::{DeviceId, ImportId, TimestampMs};
use serde::{Deserialize, Serialize};

/// Lines that one import takes at most.
pub const MOST_LINES: usize = 10_000;
/// Bytes that a file has at most.
pub const MOST_BYTES: usize = 2 * 1024 * 1024;

/// What an import does with its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Pre-registers a device for each line of a file.
    File,
    /// Gives each chosen device a new code, for its label.
    Labels,
}

impl ImportKind {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Labels => "labels",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::File, Self::Labels]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Lines are waiting.
    Running,
    /// Every line was made or refused.
    Done,
    /// Somebody stopped it; what was made stays.
    Cancelled,
}

impl ImportState {
    /// As it is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An import as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// What it does.
    pub kind: ImportKind,
    /// The file's name; empty where it was pasted.
    pub name: String,
    /// Who started it.
    pub by: String,
    /// When.
    pub created_at: TimestampMs,
    /// When its last line was done.
    pub finished_at: Option<TimestampMs>,
    /// How far it is.
    pub state: ImportState,
    /// Lines in all.
    pub total: u32,
    /// Devices made, or given a new code.
    pub made: u32,
    /// Lines refused.
    pub refused: u32,
    /// Until when its codes can be read; none where they are gone.
    pub codes_until: Option<TimestampMs>,
}

impl Import {
    /// Lines that were looked at.
    pub fn done(&self) -> u32 {
        self.made.saturating_add(self.refused)
    }
}

/// A column of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImportColumn {
    /// The processor's serial number.
    CpuSerial,
    /// Its UUID.
    Uuid,
    /// `4B`, `5`, `pc`, …
    HardwareVersion,
    /// `Standard`, …
    HardwareVariant,
    /// Its name.
    Name,
    /// Component types.
    Components,
    /// `board` or `computer`.
    Kind,
}

impl ImportColumn {
    /// In the order of a file without a header; `kind` is only known by a header.
    pub const ORDER: [Self; 6] = [
        Self::CpuSerial,
        Self::Uuid,
        Self::HardwareVersion,
        Self::HardwareVariant,
        Self::Name,
        Self::Components,
    ];

    /// As the REST interface spells it, and as a header does.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CpuSerial => "cpu_serial",
            Self::Uuid => "uuid",
            Self::HardwareVersion => "hardware_version",
            Self::HardwareVariant => "hardware_variant",
            Self::Name => "name",
            Self::Components => "components",
            Self::Kind => "kind",
        }
    }

    /// The column of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ORDER
            .into_iter()
            .chain([Self::Kind])
            .find(|column| column.as_str() == name)
    }
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedLine {
    /// Its number in the file, from 1.
    pub line: u32,
    /// The serial number that it names.
    pub cpu_serial: String,
    /// What is wrong; none where it is the line as a whole.
    pub column: Option<ImportColumn>,
    /// What stands there.
    pub value: String,
    /// The key of the sentence that says why.
    pub reason: String,
}

/// What became of a line that was not refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeLine {
    /// Its number, from 1.
    pub line: u32,
    /// The device.
    pub device: DeviceId,
    /// Its serial number.
    pub cpu_serial: String,
    /// Its name.
    pub name: String,
}

/// A sheet of A4 labels, all in tenths of a millimetre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelSheet {
    /// How it is named in addresses: columns and rows.
    pub name: &'static str,
    /// Labels beside each other.
    pub columns: u32,
    /// Labels below each other.
    pub rows: u32,
    /// Width and height of one label.
    pub label: (u32, u32),
    /// From the sheet's left and upper edge to the first label.
    pub margin: (u32, u32),
    /// Between two labels beside each other.
    pub gap: u32,
}

impl LabelSheet {
    /// Common sheets, the largest labels first.
    pub const ALL: [Self; 5] = [
        Self::new("2x7", (2, 7), (991, 381), (46, 151), 26),
        Self::new("3x7", (3, 7), (635, 381), (72, 151), 25),
        Self::new("3x8", (3, 8), (700, 370), (0, 5), 0),
        Self::new("4x10", (4, 10), (525, 297), (0, 0), 0),
        Self::new("5x13", (5, 13), (381, 212), (47, 107), 25),
    ];

    const fn new(
        name: &'static str,
        (columns, rows): (u32, u32),
        label: (u32, u32),
        margin: (u32, u32),
        gap: u32,
    ) -> Self {
        Self {
            name,
            columns,
            rows,
            label,
            margin,
            gap,
        }
    }

    /// The sheet of this name; the usual one where there is none of it.
    pub fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|sheet| sheet.name == name);
        found.unwrap_or(Self::ALL[2])
    }

    /// Labels on it.
    pub fn labels(self) -> u32 {
        self.columns * self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sheet_fits_on_a4() {
        for sheet in LabelSheet::ALL {
            let wide = 2 * sheet.margin.0
                + sheet.columns * sheet.label.0
                + (sheet.columns - 1) * sheet.gap;
            let high = 2 * sheet.margin.1 + sheet.rows * sheet.label.1;
            assert!((2_090..=2_101).contains(&wide), "{}: {wide}", sheet.name);
            assert!((2_960..=2_971).contains(&high), "{}: {high}", sheet.name);
        }
    }

    #[test]
    fn a_column_is_found_by_its_name() {
        for column in ImportColumn::ORDER {
            assert_eq!(ImportColumn::parse(column.as_str()), Some(column));
        }
        assert_eq!(ImportColumn::parse("pin"), None);
    }
}

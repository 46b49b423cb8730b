//! What an import refuses and how far it is, in words.

use domain::import::{ImportColumn, ImportState};
use leptos_i18n::td_string;

use crate::{i18n::Locale, parts::error_text};

/// The sentence of a message key.
pub(super) fn why(locale: Locale, key: &str) -> String {
    match key {
        "csv_empty" => td_string!(locale, imports.csv_empty),
        "csv_too_large" => td_string!(locale, imports.csv_too_large),
        "csv_too_many" => td_string!(locale, imports.csv_too_many),
        "csv_unreadable" => td_string!(locale, imports.csv_unreadable),
        "csv_unknown_column" => td_string!(locale, imports.csv_unknown_column),
        "csv_columns" => td_string!(locale, imports.csv_columns),
        "csv_line_break" => td_string!(locale, imports.csv_line_break),
        "csv_cells" => td_string!(locale, imports.csv_cells),
        "imports_running" => td_string!(locale, imports.imports_running),
        "import_finished" => td_string!(locale, imports.import_finished),
        "import_running" => td_string!(locale, imports.import_running),
        "none_chosen" => td_string!(locale, imports.none_chosen),
        "serial_repeated" => td_string!(locale, imports.serial_repeated),
        "uuid" => td_string!(locale, imports.not_a_uuid),
        "uuid_known" => td_string!(locale, imports.uuid_known),
        "device_kind" => td_string!(locale, imports.device_kind),
        "revoked" => td_string!(locale, imports.revoked),
        "device_gone" => td_string!(locale, imports.device_gone),
        other => return error_text::field_text(locale, other),
    }
    .to_string()
}

pub(super) fn state(locale: Locale, state: ImportState) -> String {
    match state {
        ImportState::Running => td_string!(locale, imports.running),
        ImportState::Done => td_string!(locale, imports.done),
        ImportState::Cancelled => td_string!(locale, imports.cancelled),
    }
    .to_string()
}

pub(super) fn column(locale: Locale, column: Option<ImportColumn>) -> String {
    match column {
        None => td_string!(locale, imports.whole_line),
        Some(ImportColumn::CpuSerial) => td_string!(locale, devices.serial),
        Some(ImportColumn::Uuid) => return "UUID".to_owned(),
        Some(ImportColumn::HardwareVersion) => td_string!(locale, devices.hardware_version),
        Some(ImportColumn::HardwareVariant) => td_string!(locale, devices.variant),
        Some(ImportColumn::Name) => td_string!(locale, devices.name),
        Some(ImportColumn::Components) => td_string!(locale, devices.parts),
        Some(ImportColumn::Kind) => td_string!(locale, devices.kind),
    }
    .to_string()
}

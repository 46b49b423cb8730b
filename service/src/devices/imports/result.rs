//! What an import has come to: labels to print, and a table to download. Both can be had while the codes are kept.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId, ImportId, Page,
    import::{Import, ImportColumn},
};
use entity::{device, device_import_line};
use protocol::enroll::EnrollmentCode;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select};
use serde_json::json;

use super::{CODE_PURPOSE, ROWS, file::Wish, from_row, row_of};
use crate::{
    Admin, Services, audit,
    devices::{
        Preregistered, enrol,
        preregister::{claim_link, shown},
    },
    internal,
};

/// A label: what is printed beside the QR code, and the code.
#[derive(Debug)]
pub struct Labelled {
    /// The device's name.
    pub name: String,
    /// Its serial number, its code and the QR code.
    pub shown: Preregistered,
}

/// The labels of an import, in the order of its lines. A device whose code has changed since, or that was
/// revoked, has none. Gone where the codes are no longer kept.
pub async fn labels(
    services: &Services,
    admin: &Admin,
    id: ImportId,
    page: u32,
    page_size: u32,
) -> Result<Page<Labelled>, AppError> {
    let import = row_of(&services.db.read, id).await?;
    if import.codes_until_ms.is_none() {
        return Err(AppError::Gone);
    }
    let (page, page_size) = (page.max(1), page_size.clamp(1, 1_000));
    let found = coded(id).paginate(&services.db.read, u64::from(page_size));
    let total = found.num_items().await.map_err(internal)?;
    let rows = found
        .fetch_page(u64::from(page - 1))
        .await
        .map_err(internal)?;
    let mut items = Vec::with_capacity(rows.len());
    for (_, device, code) in opened(services, rows).await? {
        if let (Some(device), Some(code)) = (device, code) {
            items.push(Labelled {
                name: device.name,
                shown: shown(services, DeviceId(device.uuid), &device.cpu_serial, code)?,
            });
        }
    }
    read_codes(services, admin, id, "print_labels").await?;
    Ok(Page {
        items,
        total,
        page,
        page_size,
    })
}

/// The whole import as a table that spreadsheets open: UTF-8 with a mark, CRLF, and no cell that one of
/// them would run as a formula.
pub async fn csv(
    services: &Services,
    admin: &Admin,
    id: ImportId,
) -> Result<(Import, Vec<u8>), AppError> {
    let import = from_row(row_of(&services.db.read, id).await?)?;
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    writer
        .write_record([
            "line",
            "result",
            "cpu_serial",
            "name",
            "device_uuid",
            "code",
            "claim_url",
            "column",
            "value",
            "reason",
        ])
        .map_err(internal)?;
    let mut after = 0;
    loop {
        use device_import_line::{Column, Entity};
        use sea_orm::QuerySelect;
        let rows = Entity::find()
            .filter(Column::ImportId.eq(id.0))
            .filter(Column::Line.gt(after))
            .order_by_asc(Column::Line)
            .limit(u64::try_from(ROWS).map_err(internal)?)
            .all(&services.db.read)
            .await
            .map_err(internal)?;
        let Some(last) = rows.last() else { break };
        after = last.line;
        for (line, device, code) in opened(services, rows).await? {
            let record = record(services, &line, device.as_ref(), code);
            let cells = record.iter().map(|cell| harmless(cell));
            writer.write_record(cells).map_err(internal)?;
        }
    }
    let bytes = writer.into_inner().map_err(|e| internal(e.to_string()))?;
    if import.codes_until.is_some() {
        read_codes(services, admin, id, "download_codes").await?;
    }
    Ok((import, bytes))
}

fn record(
    services: &Services,
    line: &device_import_line::Model,
    device: Option<&device::Model>,
    code: Option<EnrollmentCode>,
) -> [String; 10] {
    let wish = Wish::from_json(&line.wish);
    let column = line.refused_column.as_deref().and_then(ImportColumn::parse);
    let result = match (line.waits, &line.refused) {
        (_, Some(_)) => "refused",
        (true, None) => "waiting",
        (false, None) => "done",
    };
    let (serial, name) = match device {
        Some(device) => (device.cpu_serial.as_str(), device.name.as_str()),
        None => (
            wish.cell(ImportColumn::CpuSerial),
            wish.cell(ImportColumn::Name),
        ),
    };
    let (uuid, code, link) = match (device, code) {
        (Some(device), Some(code)) => {
            let link = claim_link(services, serial, code);
            let code = link.code.to_string();
            (device.uuid.to_string(), code, link.to_string())
        }
        (Some(device), None) => (device.uuid.to_string(), String::new(), String::new()),
        (None, _) => Default::default(),
    };
    [
        line.line.to_string(),
        result.to_owned(),
        serial.to_owned(),
        name.to_owned(),
        uuid,
        code,
        link,
        line.refused_column.clone().unwrap_or_default(),
        column.map_or("", |column| wish.cell(column)).to_owned(),
        line.refused.clone().unwrap_or_default(),
    ]
}

/// A cell that begins like a formula is text all the same.
fn harmless(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

fn coded(id: ImportId) -> Select<device_import_line::Entity> {
    use device_import_line::{Column, Entity};
    Entity::find()
        .filter(Column::ImportId.eq(id.0))
        .filter(Column::Code.is_not_null())
        .order_by_asc(Column::Line)
}

type Opened = (
    device_import_line::Model,
    Option<device::Model>,
    Option<EnrollmentCode>,
);

/// Each line with its device, and with its code where that is still the device's.
async fn opened(
    services: &Services,
    rows: Vec<device_import_line::Model>,
) -> Result<Vec<Opened>, AppError> {
    let ids = rows
        .iter()
        .filter(|row| !row.waits)
        .filter_map(|row| row.device_id);
    let mut devices: HashMap<i64, device::Model> = device::Entity::find()
        .filter(device::Column::Id.is_in(ids))
        .all(&services.db.read)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|device| (device.id, device))
        .collect();
    rows.into_iter()
        .map(|line| {
            let device = line.device_id.and_then(|id| devices.remove(&id));
            let code = match &line.code {
                Some(sealed) => Some(code_of(&services.vault.open(CODE_PURPOSE, sealed)?)?),
                None => None,
            };
            let code = code.filter(|code| {
                device
                    .as_ref()
                    .is_some_and(|device| device.code_hash.as_ref() == Some(&enrol::hash(code)))
            });
            Ok((line, device, code))
        })
        .collect()
}

fn code_of(bytes: &[u8]) -> Result<EnrollmentCode, AppError> {
    let bytes = <[u8; 16]>::try_from(bytes).map_err(internal)?;
    Ok(EnrollmentCode::from_bytes(bytes))
}

async fn read_codes(
    services: &Services,
    admin: &Admin,
    id: ImportId,
    action: &str,
) -> Result<(), AppError> {
    let target = Some(id.to_string());
    let actor = admin.actor();
    audit::record(
        services,
        &services.db.write,
        actor,
        action,
        target,
        json!({}),
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("@sum"), "'@sum");
        assert_eq!(harmless("창가 1"), "창가 1");
    }
}

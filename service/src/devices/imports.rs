//! Imports: thousands of devices pre-registered from a file, or given new codes for their labels.
//!
//! An import is stored before anything is done, a task does its lines in small transactions, and a server
//! that was stopped goes on where it was. Codes are sealed in the vault for a day, so that they can be
//! printed and downloaded; after that, or when somebody says so, no copy of them is left.

mod file;
mod result;
mod work;

use domain::{
    AppError, DeviceId, ImportId, Page, TimestampMs,
    device::Lifecycle,
    import::{Import, ImportColumn, ImportKind, ImportState, MOST_BYTES, MOST_LINES, RefusedLine},
    live::LiveEvent,
};
use entity::{device_import, device_import_line};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction,
    EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
    sea_query::Expr,
};
use serde_json::json;
use tokio::sync::Notify;

use crate::{Admin, Services, apart::commit_then, audit, internal};
pub use result::{Labelled, csv, labels};
pub use work::run;

/// How long codes are kept.
const CODES_MS: i64 = 24 * 3_600_000;
const CODE_PURPOSE: &str = "import code";
/// Imports under way at once: a slip that sends the same file again and again does not fill the disk.
const MOST_RUNNING: u64 = 8;
const MAX_NAME_CHARS: usize = 120;
/// Rows of one statement.
const ROWS: usize = 500;

/// Wakes the task that works.
#[derive(Debug, Default)]
pub(crate) struct Waking(Notify);

/// Starts to pre-register a device for each line of a CSV file; `name` is the file's.
pub async fn start(
    services: &Services,
    admin: &Admin,
    name: &str,
    bytes: &[u8],
) -> Result<ImportId, AppError> {
    if bytes.len() > MOST_BYTES {
        return Err(AppError::invalid("file", "csv_too_large"));
    }
    let lines = file::read(bytes)?;
    let id = ImportId::random();
    let rows = lines
        .into_iter()
        .map(|line| device_import_line::ActiveModel {
            import_id: Set(id.0),
            line: Set(line.number),
            wish: Set(line.wish.to_json()),
            waits: Set(line.refused.is_none()),
            device_id: Set(None),
            code: Set(None),
            refused_column: Set(line
                .refused
                .and_then(|(column, _)| column)
                .map(|column| column.as_str().to_owned())),
            refused: Set(line.refused.map(|(_, reason)| reason.to_owned())),
        })
        .collect();
    let name: String = name
        .chars()
        .filter(|c| !domain::text::is_misleading(*c))
        .take(MAX_NAME_CHARS)
        .collect();
    store(services, admin, id, ImportKind::File, name, rows).await?;
    Ok(id)
}

/// Starts to give each of these devices a new code, for a sheet of labels: their old codes are void.
pub async fn start_labels(
    services: &Services,
    admin: &Admin,
    devices: &[DeviceId],
) -> Result<ImportId, AppError> {
    if devices.is_empty() {
        return Err(AppError::invalid("ids", "none_chosen"));
    }
    if devices.len() > MOST_LINES {
        return Err(AppError::invalid("ids", "csv_too_many"));
    }
    let mut rows = Vec::with_capacity(devices.len());
    for chosen in devices.chunks(ROWS) {
        let uuids = chosen.iter().map(|device| device.0);
        let found = entity::device::Entity::find()
            .filter(entity::device::Column::Uuid.is_in(uuids))
            .filter(entity::device::Column::Lifecycle.eq(Lifecycle::Unclaimed.as_str()))
            .all(&services.db.read)
            .await
            .map_err(internal)?;
        rows.extend(found);
    }
    rows.sort_by(|one, other| one.name_key.cmp(&other.name_key));
    if rows.is_empty() {
        return Err(AppError::conflict("already_claimed"));
    }
    let id = ImportId::random();
    let rows = rows
        .into_iter()
        .zip(1..)
        .map(|(device, line)| device_import_line::ActiveModel {
            import_id: Set(id.0),
            line: Set(line),
            wish: Set(json!({ "cpu_serial": device.cpu_serial })),
            waits: Set(true),
            device_id: Set(Some(device.id)),
            code: Set(None),
            refused_column: Set(None),
            refused: Set(None),
        })
        .collect();
    store(services, admin, id, ImportKind::Labels, String::new(), rows).await?;
    Ok(id)
}

async fn store(
    services: &Services,
    admin: &Admin,
    id: ImportId,
    kind: ImportKind,
    name: String,
    rows: Vec<device_import_line::ActiveModel>,
) -> Result<(), AppError> {
    let running = device_import::Entity::find()
        .filter(device_import::Column::FinishedMs.is_null())
        .count(&services.db.read)
        .await
        .map_err(internal)?;
    if running >= MOST_RUNNING {
        return Err(AppError::conflict("imports_running"));
    }
    let refused = rows.iter().filter(|row| row.waits == Set(false)).count();
    let count = |rows: usize| i32::try_from(rows).map_err(internal);
    let now = services.now().0;
    let total = rows.len();
    let import = device_import::ActiveModel {
        id: Set(id.0),
        kind: Set(kind.as_str().to_owned()),
        name: Set(name.clone()),
        by_id: Set(admin.actor().user.id.0),
        by_name: Set(admin.actor().user.name.clone()),
        created_ms: Set(now),
        finished_ms: Set(None),
        cancelled: Set(false),
        total: Set(count(total)?),
        made: Set(0),
        refused: Set(count(refused)?),
        codes_until_ms: Set(Some(now + CODES_MS)),
    };
    let transaction = services.db.write.begin().await.map_err(internal)?;
    import.insert(&transaction).await.map_err(internal)?;
    let mut rows = rows.into_iter();
    loop {
        let part: Vec<_> = rows.by_ref().take(ROWS).collect();
        if part.is_empty() {
            break;
        }
        device_import_line::Entity::insert_many(part)
            .exec_without_returning(&transaction)
            .await
            .map_err(internal)?;
    }
    let action = match kind {
        ImportKind::File => "import_devices",
        ImportKind::Labels => "renew_codes",
    };
    let detail = json!({ "lines": total, "name": name });
    let target = Some(id.to_string());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        action,
        target,
        detail,
    )
    .await?;
    transaction.commit().await.map_err(internal)?;
    services.imports().0.notify_one();
    Ok(())
}

/// Imports, the newest first.
pub async fn list(
    services: &Services,
    _admin: &Admin,
    page: u32,
    page_size: u32,
) -> Result<Page<Import>, AppError> {
    let (page, page_size) = (page.max(1), page_size.clamp(1, 200));
    let found = device_import::Entity::find()
        .order_by_desc(device_import::Column::CreatedMs)
        .order_by_asc(device_import::Column::Id)
        .paginate(&services.db.read, u64::from(page_size));
    let total = found.num_items().await.map_err(internal)?;
    let rows = found
        .fetch_page(u64::from(page - 1))
        .await
        .map_err(internal)?;
    Ok(Page {
        items: rows.into_iter().map(from_row).collect::<Result<_, _>>()?,
        total,
        page,
        page_size,
    })
}

/// One import as it stands.
pub async fn read(services: &Services, _admin: &Admin, id: ImportId) -> Result<Import, AppError> {
    from_row(row_of(&services.db.read, id).await?)
}

/// The lines that an import refused, in the order of the file.
pub async fn refused(
    services: &Services,
    _admin: &Admin,
    id: ImportId,
    page: u32,
    page_size: u32,
) -> Result<Page<RefusedLine>, AppError> {
    let (page, page_size) = (page.max(1), page_size.clamp(1, 500));
    let found = device_import_line::Entity::find()
        .filter(device_import_line::Column::ImportId.eq(id.0))
        .filter(device_import_line::Column::Refused.is_not_null())
        .order_by_asc(device_import_line::Column::Line)
        .paginate(&services.db.read, u64::from(page_size));
    let total = found.num_items().await.map_err(internal)?;
    let rows = found
        .fetch_page(u64::from(page - 1))
        .await
        .map_err(internal)?;
    Ok(Page {
        items: rows.into_iter().filter_map(refused_line).collect(),
        total,
        page,
        page_size,
    })
}

/// Stops an import: what was made stays, what waits is never made.
pub async fn cancel(services: &Services, admin: &Admin, id: ImportId) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = locked(&transaction, id).await?;
    if row.finished_ms.is_some() {
        return Err(AppError::conflict("import_finished"));
    }
    let mut row: device_import::ActiveModel = row.into();
    row.cancelled = Set(true);
    row.finished_ms = Set(Some(services.now().0));
    row.update(&transaction).await.map_err(internal)?;
    let target = Some(id.to_string());
    let actor = admin.actor();
    audit::record(
        services,
        &transaction,
        actor,
        "cancel_import",
        target,
        json!({}),
    )
    .await?;
    commit_and_tell(services, transaction, id).await
}

/// Deletes what the server keeps of an import's codes; the codes themselves stay good.
pub async fn forget_codes(
    services: &Services,
    admin: &Admin,
    id: ImportId,
) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = locked(&transaction, id).await?;
    if row.finished_ms.is_none() {
        return Err(AppError::conflict("import_running"));
    }
    erase(&transaction, row).await?;
    let target = Some(id.to_string());
    let actor = admin.actor();
    audit::record(
        services,
        &transaction,
        actor,
        "forget_codes",
        target,
        json!({}),
    )
    .await?;
    commit_and_tell(services, transaction, id).await
}

async fn commit_and_tell(
    services: &Services,
    transaction: DatabaseTransaction,
    id: ImportId,
) -> Result<(), AppError> {
    let services = services.clone();
    commit_then(transaction, async move {
        tell(&services, id).await;
        Ok(())
    })
    .await
}

async fn erase<C: ConnectionTrait>(
    connection: &C,
    row: device_import::Model,
) -> Result<(), AppError> {
    device_import_line::Entity::update_many()
        .col_expr(
            device_import_line::Column::Code,
            Expr::value(Option::<Vec<u8>>::None),
        )
        .filter(device_import_line::Column::ImportId.eq(row.id))
        .exec(connection)
        .await
        .map_err(internal)?;
    let mut row: device_import::ActiveModel = row.into();
    row.codes_until_ms = Set(None);
    row.update(connection).await.map_err(internal)?;
    Ok(())
}

async fn tell(services: &Services, import: ImportId) {
    services
        .bus
        .publish(vec![LiveEvent::Import { import }])
        .await;
}

async fn row_of<C: ConnectionTrait>(
    connection: &C,
    id: ImportId,
) -> Result<device_import::Model, AppError> {
    device_import::Entity::find_by_id(id.0)
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

async fn locked<C: ConnectionTrait>(
    connection: &C,
    id: ImportId,
) -> Result<device_import::Model, AppError> {
    device_import::Entity::find_by_id(id.0)
        .lock_exclusive()
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

fn from_row(row: device_import::Model) -> Result<Import, AppError> {
    let count = |count: i32| u32::try_from(count).map_err(internal);
    Ok(Import {
        id: ImportId(row.id),
        kind: ImportKind::parse(&row.kind)
            .ok_or_else(|| internal(format!("no import is `{}`", row.kind)))?,
        name: row.name,
        by: row.by_name,
        created_at: TimestampMs(row.created_ms),
        finished_at: row.finished_ms.map(TimestampMs),
        state: match (row.finished_ms, row.cancelled) {
            (_, true) => ImportState::Cancelled,
            (Some(_), false) => ImportState::Done,
            (None, false) => ImportState::Running,
        },
        total: count(row.total)?,
        made: count(row.made)?,
        refused: count(row.refused)?,
        codes_until: row.codes_until_ms.map(TimestampMs),
    })
}

fn refused_line(row: device_import_line::Model) -> Option<RefusedLine> {
    let wish = file::Wish::from_json(&row.wish);
    let column = row.refused_column.as_deref().and_then(ImportColumn::parse);
    Some(RefusedLine {
        line: u32::try_from(row.line).ok()?,
        value: column.map_or_else(String::new, |column| wish.cell(column).to_owned()),
        cpu_serial: wish.cell(ImportColumn::CpuSerial).to_owned(),
        column,
        reason: row.refused?,
    })
}

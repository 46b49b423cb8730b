//! The task that does the lines of imports, and deletes codes whose time is over.
//!
//! Invariant: a device, its code and what its line says are committed together, so a line is done once,
//! whatever happens to this process, and however many processes work.

use std::{collections::HashSet, time::Duration};

use domain::{
    AppError, DeviceId, ImportId,
    event::{EventKind, Severity},
    import::{ImportColumn, ImportKind},
    live::LiveEvent,
};
use entity::{device, device_event, device_import, device_import_line};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{CODE_PURPOSE, erase, file::Wish, locked, tell};
use crate::{
    Services,
    devices::{enrol, preregister},
    internal,
};

/// Lines of one transaction: reports that wait for the database meanwhile wait some milliseconds.
const LINES: u64 = 25;
/// Another process may have stored an import, and codes come to their end.
const LOOK: Duration = Duration::from_secs(30);

/// Does the lines of imports until `stop`, and deletes codes whose time is over.
pub async fn run(services: Services, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = work(&services, &stop) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = services.imports().0.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Does what there is to do; what fails is tried again at the next look, and keeps nothing else back.
async fn work(services: &Services, stop: &CancellationToken) {
    if let Err(error) = lines(services, stop).await {
        tracing::error!(%error, "which imports are unfinished is not known");
    }
    if let Err(error) = expire(services).await {
        tracing::error!(%error, "which codes come to their end is not known");
    }
}

/// Does the lines of all imports.
async fn lines(services: &Services, stop: &CancellationToken) -> Result<(), AppError> {
    let mut failed = HashSet::new();
    // A part of each in turn: a small one does not wait for a large one.
    while !stop.is_cancelled() {
        let mut left = unfinished(services).await?;
        left.retain(|id| !failed.contains(id));
        if left.is_empty() {
            return Ok(());
        }
        for id in left {
            if let Err(error) = part(services, id).await {
                tracing::error!(%error, import = %id, "an import does not go on; it is tried again");
                failed.insert(id);
            }
        }
    }
    Ok(())
}

async fn unfinished(services: &Services) -> Result<Vec<ImportId>, AppError> {
    let rows = device_import::Entity::find()
        .filter(device_import::Column::FinishedMs.is_null())
        .order_by_asc(device_import::Column::CreatedMs)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows.into_iter().map(|row| ImportId(row.id)).collect())
}

/// What a line has come to.
struct Done {
    device: device::Model,
    /// Whether a session under an older code is to be ended.
    ends_session: bool,
}

/// Does the next lines of an import.
async fn part(services: &Services, id: ImportId) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let import = locked(&transaction, id).await?;
    if import.finished_ms.is_some() {
        return Ok(());
    }
    let kind = ImportKind::parse(&import.kind)
        .ok_or_else(|| internal(format!("no import is `{}`", import.kind)))?;
    let lines = device_import_line::Entity::find()
        .filter(device_import_line::Column::ImportId.eq(id.0))
        .filter(device_import_line::Column::Waits.eq(true))
        .order_by_asc(device_import_line::Column::Line)
        .limit(LINES)
        .all(&transaction)
        .await
        .map_err(internal)?;
    let finished = lines.len() < usize::try_from(LINES).unwrap_or(usize::MAX);
    let (mut made, mut refused) = (Vec::new(), 0);
    for line in lines {
        // A line that fails takes nothing of the others with it.
        let attempt = transaction.begin().await.map_err(internal)?;
        let code = enrol::new_code();
        let done = match kind {
            ImportKind::File => register(services, &attempt, id, &line, &code).await,
            ImportKind::Labels => renew(services, &attempt, &line, &code).await,
        };
        let mut row: device_import_line::ActiveModel = line.into();
        row.waits = Set(false);
        match done {
            Ok(done) => {
                attempt.commit().await.map_err(internal)?;
                row.device_id = Set(Some(done.device.id));
                row.code = Set(Some(services.vault.seal(CODE_PURPOSE, code.as_bytes())?));
                made.push(done);
            }
            Err(error) => {
                attempt.rollback().await.map_err(internal)?;
                let (column, reason) = why(error)?;
                row.refused_column = Set(column);
                row.refused = Set(Some(reason));
                refused += 1;
            }
        }
        row.update(&transaction).await.map_err(internal)?;
    }
    let now = services.now().0;
    let mut change: device_import::ActiveModel = import.clone().into();
    let count = i32::try_from(made.len()).map_err(internal)?;
    change.made = Set(import.made + count);
    change.refused = Set(import.refused + refused);
    if finished {
        change.finished_ms = Set(Some(now));
        // The day begins when the last of them can be read.
        change.codes_until_ms = Set(Some(now + super::CODES_MS));
    }
    change.update(&transaction).await.map_err(internal)?;
    transaction.commit().await.map_err(internal)?;
    let changed = made.iter().map(|done| LiveEvent::Device {
        device: DeviceId(done.device.uuid),
    });
    services.bus.publish(changed.collect()).await;
    for done in made.iter().filter(|done| done.ends_session) {
        preregister::end_session(services, DeviceId(done.device.uuid)).await;
    }
    tell(services, id).await;
    Ok(())
}

async fn register(
    services: &Services,
    transaction: &DatabaseTransaction,
    import: ImportId,
    line: &device_import_line::Model,
    code: &protocol::enroll::EnrollmentCode,
) -> Result<Done, AppError> {
    let wish = Wish::from_json(&line.wish).device()?;
    let device = preregister::insert(services, transaction, wish, code).await?;
    let event = device_event::ActiveModel {
        device_id: Set(Some(device.id)),
        at_ms: Set(services.now().0),
        kind: Set(EventKind::Preregistered.as_str().to_owned()),
        severity: Set(Severity::Info.as_str().to_owned()),
        detail: Set(json!({ "cpu_serial": device.cpu_serial, "import": import })),
        count: Set(1),
        ..Default::default()
    };
    event.insert(transaction).await.map_err(internal)?;
    Ok(Done {
        device,
        ends_session: false,
    })
}

async fn renew(
    services: &Services,
    transaction: &DatabaseTransaction,
    line: &device_import_line::Model,
    code: &protocol::enroll::EnrollmentCode,
) -> Result<Done, AppError> {
    let device = line
        .device_id
        .ok_or_else(|| internal("a label without a device"))?;
    let device = device::Entity::find_by_id(device)
        .one(transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let uuid = DeviceId(device.uuid);
    let (device, revoked) = preregister::give_code(services, transaction, uuid, code).await?;
    Ok(Done {
        device,
        ends_session: revoked > 0,
    })
}

/// What is wrong with a line; anything else stops the import until it is tried again.
fn why(error: AppError) -> Result<(Option<String>, String), AppError> {
    Ok(match error {
        AppError::Invalid { field, message } => {
            (ImportColumn::parse(&field).map(|_| field), message)
        }
        AppError::Conflict { message } if message == "serial_known" => {
            (Some(ImportColumn::CpuSerial.as_str().to_owned()), message)
        }
        AppError::Conflict { message } if message == "uuid_known" => {
            (Some(ImportColumn::Uuid.as_str().to_owned()), message)
        }
        AppError::Conflict { message } => (None, message),
        AppError::Gone => (None, "revoked".to_owned()),
        AppError::NotFound => (None, "device_gone".to_owned()),
        other => return Err(other),
    })
}

/// Deletes codes whose time is over.
async fn expire(services: &Services) -> Result<(), AppError> {
    let over = device_import::Entity::find()
        .filter(device_import::Column::FinishedMs.is_not_null())
        .filter(device_import::Column::CodesUntilMs.lte(services.now().0))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    for import in over {
        let id = ImportId(import.id);
        if let Err(error) = expire_one(services, id).await {
            tracing::error!(%error, import = %id, "codes are kept over their time; it is tried again");
        }
    }
    Ok(())
}

async fn expire_one(services: &Services, id: ImportId) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = locked(&transaction, id).await?;
    erase(&transaction, row).await?;
    transaction.commit().await.map_err(internal)?;
    tell(services, id).await;
    Ok(())
}

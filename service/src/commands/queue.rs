//! Into the queue: a wish is checked whole before a row is written.

use domain::{
    AppError, CommandId,
    command::{Command, CommandOptions, CommandState, NewCommand},
    component::ComponentCategory,
    device::Lifecycle,
};
use entity::{command, component, component_type};
use protocol::Topic;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, TransactionTrait,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::{MayCommand, confirm, dispatch, row, wifi};
use crate::{Services, apart::commit_then, audit, downlink, internal, storable, twin};

/// Most bytes of a command's arguments: with the envelope they must fit one message.
const MAX_ARGUMENT_BYTES: usize = 32 * 1024;
/// Most commands of one device that wait at a time.
pub(crate) const MAX_WAITING: u64 = 200;
/// Shortest and longest time that a command may wait, in milliseconds.
pub const VALIDITY_MS: std::ops::RangeInclusive<i64> = 1_000..=30 * 24 * 3_600 * 1_000;
/// Most further tries after a failure.
pub(crate) const MAX_RETRIES: u8 = 10;
/// Longest time that a further try waits, in milliseconds.
pub(crate) const MAX_RETRY_WAIT_MS: i64 = 24 * 3_600 * 1_000;

/// Queues a command and wakes the dispatcher.
pub async fn send(
    services: &Services,
    sender: &impl MayCommand,
    command: NewCommand,
) -> Result<Command, AppError> {
    queue(services, sender, command, Uuid::now_v7(), false).await
}

/// Queues a command at most once: the same key of the same person for the same device gives the
/// command that is already there, and a conflict where its content is another.
pub async fn send_once(
    services: &Services,
    sender: &impl MayCommand,
    command: NewCommand,
    key: &str,
) -> Result<Command, AppError> {
    if key.is_empty() || key.len() > 200 {
        return Err(AppError::invalid("idempotency_key", "length_1_to_200"));
    }
    let id = keyed_id(sender, key);
    queue(services, sender, command, id, true).await
}

/// One key of one person for one device names one command.
fn keyed_id(sender: &impl MayCommand, key: &str) -> Uuid {
    let digest = Sha256::new()
        .chain_update(sender.actor().user.id.0.as_bytes())
        .chain_update(sender.device().uuid.0.as_bytes())
        .chain_update(key.as_bytes())
        .finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

async fn queue(
    services: &Services,
    sender: &impl MayCommand,
    new: NewCommand,
    id: Uuid,
    keyed: bool,
) -> Result<Command, AppError> {
    let device = sender.device();
    check_form(&new, device.uuid)?;
    check_options(&new.options)?;
    let wanted = match &new.arguments {
        Value::Object(arguments) => arguments.clone(),
        _ => Map::new(),
    };
    let arguments = wifi::sealed(&services.vault, &new.name, wanted)?;
    let arguments = Value::Object(arguments);
    let now = services.now();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    if keyed && let Some(known) = find_known(&transaction, id).await? {
        let same = known.name == new.name
            && known.component_key.as_deref()
                == new.component.as_ref().map(domain::ComponentKey::as_str)
            && wifi::opened(&services.vault, &known.name, &known.arguments)?
                == wifi::opened(&services.vault, &new.name, &arguments)?;
        return if same {
            row::one_to_domain(&transaction, device.uuid, known).await
        } else {
            Err(AppError::conflict("idempotency_key_reused"))
        };
    }
    let target = downlink::lock_device(&transaction, device.uuid).await?;
    if target.lifecycle != Lifecycle::Active.as_str() || target.secret.is_none() {
        return Err(AppError::conflict("device_not_claimed"));
    }
    confirm(sender, &transaction).await?;
    check_component(&transaction, device.id, &new).await?;
    if waiting(&transaction, device.id).await? >= MAX_WAITING {
        return Err(AppError::conflict("queue_full"));
    }
    let user = &sender.actor().user;
    let draft = Draft {
        id,
        device: device.id,
        ownership: target.ownership,
        name: new.name.clone(),
        component: new.component.as_ref().map(ToString::to_string),
        arguments,
        created_by: Some(user.id.0),
        queued_ms: now.0,
        expires_ms: now.plus_ms(new.valid_for_ms).0,
        options: new.options,
        job: None,
        attempt: Attempt::FIRST,
    };
    let inserted = draft.row().insert(&transaction).await.map_err(internal)?;
    let wished = twin::wish(&transaction, &inserted).await?;
    audit::record(
        services,
        &transaction,
        sender.actor(),
        "commands.send",
        Some(device.uuid.to_string()),
        json!({ "command_id": CommandId(id), "name": new.name, "component": new.component }),
    )
    .await?;
    let queued = row::one_to_domain(&transaction, device.uuid, inserted).await?;
    let services = services.clone();
    commit_then(transaction, async move {
        row::publish(&services, vec![queued.clone()]).await;
        if wished {
            twin::tell(&services, device.uuid).await;
        }
        dispatch::wake(&services, device.uuid);
        Ok(queued)
    })
    .await
}

/// A command that is to be queued, checked already.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) id: Uuid,
    pub(crate) device: i64,
    pub(crate) ownership: i64,
    pub(crate) name: String,
    pub(crate) component: Option<String>,
    pub(crate) arguments: Value,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) queued_ms: i64,
    pub(crate) expires_ms: i64,
    pub(crate) options: CommandOptions,
    pub(crate) job: Option<Uuid>,
    pub(crate) attempt: Attempt,
}

/// Which try it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) number: i32,
    /// The first try, where this is another.
    pub(crate) of: Option<Uuid>,
    /// When it may begin.
    pub(crate) not_before_ms: i64,
}

impl Attempt {
    /// The first one, at once.
    pub(crate) const FIRST: Self = Self {
        number: 1,
        of: None,
        not_before_ms: 0,
    };
}

impl Draft {
    /// Its row, in the queue.
    pub(crate) fn row(self) -> command::ActiveModel {
        command::ActiveModel {
            id: Set(self.id),
            device_id: Set(self.device),
            name: Set(self.name),
            component_key: Set(self.component),
            arguments: Set(self.arguments),
            state: Set(CommandState::Queued.as_str().to_owned()),
            progress: Set(None),
            reason: Set(None),
            output: Set(None),
            created_by: Set(self.created_by),
            ownership: Set(self.ownership),
            queued_ms: Set(self.queued_ms),
            delivered_ms: Set(None),
            deliveries: Set(0),
            accepted_ms: Set(None),
            executing_ms: Set(None),
            finished_ms: Set(None),
            expires_ms: Set(self.expires_ms),
            transient: Set(self.options.transient),
            retries_left: Set(self.options.retries.into()),
            attempt: Set(self.attempt.number),
            retry_wait_ms: Set(self.options.retry_wait_ms),
            retry_of: Set(self.attempt.of),
            not_before_ms: Set(self.attempt.not_before_ms),
            timeout_ms: Set(self.options.timeout_ms),
            answered_ms: Set(None),
            job_id: Set(self.job),
        }
    }
}

/// How many commands of a device have not ended.
pub(crate) async fn waiting<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<u64, AppError> {
    command::Entity::find()
        .filter(command::Column::DeviceId.eq(device))
        .filter(command::Column::FinishedMs.is_null())
        .count(connection)
        .await
        .map_err(internal)
}

async fn find_known<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
) -> Result<Option<command::Model>, AppError> {
    command::Entity::find_by_id(id)
        .one(connection)
        .await
        .map_err(internal)
}

/// Whether it can be sent to a device at all.
pub(crate) fn check_form(new: &NewCommand, device: domain::DeviceId) -> Result<(), AppError> {
    let topic = Topic::Command {
        device,
        name: new.name.clone(),
    };
    if new.name.len() > 64 || topic.to_string().parse::<Topic>().as_ref() != Ok(&topic) {
        return Err(AppError::invalid("name", "command_name"));
    }
    let empty = Map::new();
    let arguments = match &new.arguments {
        Value::Object(arguments) => arguments,
        Value::Null => &empty,
        _ => return Err(AppError::invalid("arguments", "json_object")),
    };
    let bytes = serde_json::to_vec(arguments).map_err(internal)?;
    if bytes.len() > MAX_ARGUMENT_BYTES {
        return Err(AppError::invalid("arguments", "too_large"));
    }
    if !storable::is_storable(arguments) {
        return Err(AppError::invalid("arguments", "invalid"));
    }
    // One level for the message around them.
    let wrapped = [b"{\"arguments\":".as_slice(), &bytes, b"}"].concat();
    if protocol::json::parse_object(&wrapped).is_err() {
        return Err(AppError::invalid("arguments", "json_object"));
    }
    if !VALIDITY_MS.contains(&new.valid_for_ms) {
        return Err(AppError::invalid("valid_for_ms", "one_second_to_30_days"));
    }
    if new.name == "set" && new.component.is_none() {
        return Err(AppError::invalid("component", "required"));
    }
    Ok(())
}

/// Whether a command may be carried out so.
pub(crate) fn check_options(options: &CommandOptions) -> Result<(), AppError> {
    if options.retries > MAX_RETRIES {
        return Err(AppError::invalid("retries", "at_most_10"));
    }
    if !(0..=MAX_RETRY_WAIT_MS).contains(&options.retry_wait_ms) {
        return Err(AppError::invalid("retry_wait_ms", "at_most_a_day"));
    }
    if options
        .timeout_ms
        .is_some_and(|ms| !VALIDITY_MS.contains(&ms))
    {
        return Err(AppError::invalid("timeout_ms", "one_second_to_30_days"));
    }
    Ok(())
}

async fn check_component<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    new: &NewCommand,
) -> Result<(), AppError> {
    let Some(key) = &new.component else {
        return Ok(());
    };
    let attached = component::Entity::find()
        .filter(component::Column::DeviceId.eq(device))
        .filter(component::Column::Key.eq(key.as_str()))
        .filter(component::Column::DetachedMs.is_null())
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or_else(|| AppError::invalid("component", "not_attached"))?;
    if new.name != "set" {
        return Ok(());
    }
    let kind = component_type::Entity::find_by_id(attached.component_type)
        .one(connection)
        .await
        .map_err(internal)?;
    match kind {
        Some(kind) if kind.category != ComponentCategory::Actuator.as_str() => {
            Err(AppError::invalid("component", "not_an_actuator"))
        }
        _ => Ok(()),
    }
}

//! What a site knows at its first start; once there, it is the administrators', who may have it back.

use std::collections::HashMap;

use domain::{
    AppError,
    catalog::{CatalogComponent, DefaultState, HardwareVersion, PinHeader, PinMode, Wiring},
    component::ComponentCategory,
};
use entity::{component_type, hardware_variant, hardware_version, pin_rule, setting};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, TransactionTrait,
    sea_query::{Expr, OnConflict},
};
use serde_json::json;

use super::{built_in, hardware, rules, types};
use crate::{Admin, Services, components, internal};

/// Which edition of the built-in catalog this site has.
const SETTING: &str = "catalog";
/// Counted up when the built-in catalog is another one.
const EDITION: i64 = 2;

/// Adds what is built in and missing, once for each edition: what administrators changed or deleted stays so.
pub async fn seed(services: &Services) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let seeded = setting::Entity::find_by_id(SETTING)
        .one(&transaction)
        .await
        .map_err(internal)?
        .and_then(|row| row.value.get("edition")?.as_i64())
        .unwrap_or(0);
    if seeded >= EDITION {
        return Ok(());
    }
    if seeded < 1 {
        add_types(&transaction).await?;
        add_hardware(&transaction).await?;
        add_wiring(&transaction).await?;
        components::wire_what_has_no_pin(&transaction).await?;
    }
    undescribe(&transaction).await?;
    let row = setting::ActiveModel {
        key: Set(SETTING.to_owned()),
        value: Set(json!({ "edition": EDITION })),
    };
    setting::Entity::insert(row)
        .on_conflict(
            OnConflict::column(setting::Column::Key)
                .update_column(setting::Column::Value)
                .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await
        .map_err(internal)?;
    transaction.commit().await.map_err(internal)
}

/// How much of the built-in catalog was missing and is there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Types of components.
    pub types: u64,
    /// Models of hardware.
    pub versions: u64,
    /// Variants of hardware.
    pub variants: u64,
    /// Pin rules, with those of one's own that went with a type that is back.
    pub rules: u64,
}

/// Brings back what is missing of the built-in catalog: what was deleted comes back as it was, what is not there at
/// all is added. What is there stays as administrators have made it, and a model to which they have given another
/// header gets no rule for a pin that it does not have.
pub async fn restore(services: &Services, admin: &Admin) -> Result<Restored, AppError> {
    let before = rules_there(services).await?;
    let types = restore_types(services, admin).await?;
    let versions = restore_versions(services, admin).await?;
    let variants = restore_variants(services, admin).await?;
    restore_rules(services, admin).await?;
    let after = rules_there(services).await?;
    Ok(Restored {
        types,
        versions,
        variants,
        rules: after.saturating_sub(before),
    })
}

async fn rules_there(services: &Services) -> Result<u64, AppError> {
    pin_rule::Entity::find()
        .filter(pin_rule::Column::DeletedMs.is_null())
        .count(&services.db.read)
        .await
        .map_err(internal)
}

/// One where it came back; none, and a line in the log, where it contradicts what administrators have made.
fn came_back(what: &str, done: Result<(), AppError>) -> Result<u64, AppError> {
    match done {
        Ok(()) => Ok(1),
        Err(AppError::Conflict { message }) => {
            tracing::warn!(
                what,
                message,
                "not brought back: it contradicts what is there"
            );
            Ok(0)
        }
        Err(error) => Err(error),
    }
}

async fn restore_types(services: &Services, admin: &Admin) -> Result<u64, AppError> {
    let rows = component_type::Entity::find()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut restored = 0;
    for built in built_in::TYPES {
        let new = component(built)?;
        let done = match rows.iter().find(|row| row.component_type == built.kind) {
            Some(row) if row.deleted_ms.is_none() => continue,
            Some(_) => types::restore(services, admin, &new.component_type)
                .await
                .map(|_| ()),
            None => types::create(services, admin, new).await.map(|_| ()),
        };
        restored += came_back(built.kind, done)?;
    }
    Ok(restored)
}

async fn restore_versions(services: &Services, admin: &Admin) -> Result<u64, AppError> {
    let rows = hardware_version::Entity::find()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut restored = 0;
    for (version, name, kind, header) in built_in::VERSIONS {
        let new = HardwareVersion {
            version: version.to_owned(),
            name: name.to_owned(),
            kind,
            header,
            description: None,
        };
        let done = match rows.iter().find(|row| row.version == version) {
            Some(row) if row.deleted_ms.is_none() => continue,
            Some(_) => hardware::restore_version(services, admin, version)
                .await
                .map(|_| ()),
            None => hardware::create_version(services, admin, new)
                .await
                .map(|_| ()),
        };
        restored += came_back(version, done)?;
    }
    Ok(restored)
}

async fn restore_variants(services: &Services, admin: &Admin) -> Result<u64, AppError> {
    let rows = hardware_variant::Entity::find()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut restored = 0;
    for name in built_in::VARIANTS {
        let done = match rows.iter().find(|row| row.name == name) {
            Some(row) if row.deleted_ms.is_none() => continue,
            Some(row) => hardware::restore_variant(services, admin, row.id)
                .await
                .map(|_| ()),
            None => hardware::create_variant(services, admin, name, None)
                .await
                .map(|_| ()),
        };
        restored += came_back(name, done)?;
    }
    Ok(restored)
}

async fn restore_rules(services: &Services, admin: &Admin) -> Result<(), AppError> {
    let rows = pin_rule::Entity::find()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let known: HashMap<_, _> = rows
        .into_iter()
        .map(|row| {
            let hardware = (row.hardware_version, row.hardware_variant);
            let pin = (row.pin_number, row.pin_mode);
            (
                (hardware, row.component_type, pin),
                (row.id, row.deleted_ms),
            )
        })
        .collect();
    for new in wiring()? {
        let hardware = (new.hardware_version.clone(), new.hardware_variant.clone());
        let mode = new.pin_mode.map(|mode| mode.as_str().to_owned());
        let rule = (
            hardware,
            new.component_type.to_string(),
            (new.pin_number, mode),
        );
        let done = match known.get(&rule) {
            Some((_, None)) => continue,
            Some((id, Some(_))) => rules::restore(services, admin, *id).await,
            None => rules::create(services, admin, new).await,
        };
        match done {
            Ok(_) => {}
            // The model has another header now, or what the rule is for did not come back.
            Err(AppError::Invalid { .. } | AppError::Conflict { .. } | AppError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A built-in type as the catalog has it.
fn component(built: &built_in::Built) -> Result<CatalogComponent, AppError> {
    Ok(CatalogComponent {
        component_type: built.kind.parse().map_err(internal)?,
        display_name_ko: built.ko.to_owned(),
        display_name_en: built.en.to_owned(),
        category: built.category,
        telemetry_category: Some(built.telemetry.to_owned()),
        description: None,
        metadata: built.metadata(),
    })
}

async fn add_types<C: ConnectionTrait>(connection: &C) -> Result<(), AppError> {
    let mut rows = Vec::new();
    for built in built_in::TYPES {
        rows.push(component_type::ActiveModel {
            component_type: Set(built.kind.to_owned()),
            display_name_ko: Set(built.ko.to_owned()),
            display_name_en: Set(built.en.to_owned()),
            category: Set(built.category.as_str().to_owned()),
            telemetry_category: Set(Some(built.telemetry.to_owned())),
            description: Set(None),
            metadata: Set(serde_json::to_value(built.metadata()).map_err(internal)?),
            deleted_ms: Set(None),
        });
    }
    add::<component_type::Entity, _>(connection, rows).await
}

async fn add_hardware<C: ConnectionTrait>(connection: &C) -> Result<(), AppError> {
    let versions =
        built_in::VERSIONS.map(
            |(version, name, kind, header)| hardware_version::ActiveModel {
                version: Set(version.to_owned()),
                name: Set(name.to_owned()),
                kind: Set(kind.as_str().to_owned()),
                header: Set(header.as_str().to_owned()),
                description: Set(None),
                deleted_ms: Set(None),
            },
        );
    add::<hardware_version::Entity, _>(connection, versions.to_vec()).await?;
    let variants = built_in::VARIANTS.map(|name| hardware_variant::ActiveModel {
        name: Set(name.to_owned()),
        description: Set(None),
        deleted_ms: Set(None),
        ..Default::default()
    });
    add::<hardware_variant::Entity, _>(connection, variants.to_vec()).await
}

/// Takes the descriptions of the first edition out, where nobody has written others: the interface says what the
/// built-in variants are, in one language.
async fn undescribe<C: ConnectionTrait>(connection: &C) -> Result<(), AppError> {
    hardware_variant::Entity::update_many()
        .col_expr(
            hardware_variant::Column::Description,
            Expr::value(Option::<String>::None),
        )
        .filter(hardware_variant::Column::Description.is_in(built_in::SAID_AT_FIRST))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(())
}

async fn add_wiring<C: ConnectionTrait>(connection: &C) -> Result<(), AppError> {
    let rows: Vec<_> = wiring()?.iter().map(rules::to_row).collect();
    for part in rows.chunks(500) {
        add::<pin_rule::Entity, _>(connection, part.to_vec()).await?;
    }
    Ok(())
}

/// The wiring of each type on each piece of hardware. A computer has no pins of its own: what it drives is on
/// its ports, or simulated.
fn wiring() -> Result<Vec<Wiring>, AppError> {
    let mut rows = Vec::new();
    let wired = built_in::TYPES
        .iter()
        .filter(|built| built.category != ComponentCategory::InternalModule);
    for built in wired {
        for (version, _, _, header) in built_in::VERSIONS {
            for variant in built_in::VARIANTS {
                let rule = |pin: Option<(PinMode, i32)>| -> Result<Wiring, AppError> {
                    let mode = pin.map(|(mode, _)| mode);
                    let off = mode.is_some_and(PinMode::is_output);
                    Ok(Wiring {
                        hardware_version: version.to_owned(),
                        hardware_variant: variant.to_owned(),
                        component_type: built.kind.parse().map_err(internal)?,
                        pin_number: pin.map(|(_, pin)| pin),
                        pin_mode: mode,
                        default_state: off.then_some(DefaultState::Off),
                        description: None,
                    })
                };
                match header {
                    PinHeader::J8 => {
                        let pins = built.wiring.iter().flat_map(|(mode, pins)| {
                            pins.iter().map(move |pin| Some((*mode, *pin)))
                        });
                        for pin in pins {
                            rows.push(rule(pin)?);
                        }
                    }
                    _ => rows.push(rule(None)?),
                }
            }
        }
    }
    Ok(rows)
}

/// Inserts the rows that are not there.
async fn add<E, A>(connection: &impl ConnectionTrait, rows: Vec<A>) -> Result<(), AppError>
where
    E: EntityTrait,
    A: sea_orm::ActiveModelTrait<Entity = E>,
{
    E::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(connection)
        .await
        .map_err(internal)?;
    Ok(())
}

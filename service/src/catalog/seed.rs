//! What a site knows at its first start; once there, it is the administrators'.

use domain::{
    AppError,
    catalog::{DefaultState, PinHeader, PinMode, Wiring},
    component::ComponentCategory,
};
use entity::{component_type, hardware_variant, hardware_version, pin_rule, setting};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, TransactionTrait,
    sea_query::{Expr, OnConflict},
};
use serde_json::json;

use super::{built_in, rules};
use crate::{Services, components, internal};

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
        types(&transaction).await?;
        hardware(&transaction).await?;
        wiring(&transaction).await?;
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

async fn types<C: ConnectionTrait>(connection: &C) -> Result<(), AppError> {
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

async fn hardware<C: ConnectionTrait>(connection: &C) -> Result<(), AppError> {
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

/// The wiring of each type on each piece of hardware. A computer has no pins of its own: what it drives is on
/// its ports, or simulated.
async fn wiring<C: ConnectionTrait>(connection: &C) -> Result<(), AppError> {
    let mut rows = Vec::new();
    let wired = built_in::TYPES
        .iter()
        .filter(|built| built.category != ComponentCategory::InternalModule);
    for built in wired {
        for (version, _, _, header) in built_in::VERSIONS {
            for variant in built_in::VARIANTS {
                let rule = |pin: Option<(PinMode, i32)>| -> Result<_, AppError> {
                    let mode = pin.map(|(mode, _)| mode);
                    let off = mode.is_some_and(PinMode::is_output);
                    Ok(rules::to_row(&Wiring {
                        hardware_version: version.to_owned(),
                        hardware_variant: variant.to_owned(),
                        component_type: built.kind.parse().map_err(internal)?,
                        pin_number: pin.map(|(_, pin)| pin),
                        pin_mode: mode,
                        default_state: off.then_some(DefaultState::Off),
                        description: None,
                    }))
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
    for part in rows.chunks(500) {
        add::<pin_rule::Entity, _>(connection, part.to_vec()).await?;
    }
    Ok(())
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

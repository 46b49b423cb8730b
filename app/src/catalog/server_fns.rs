//! What the catalog page asks of the server.

#![allow(clippy::too_many_arguments, reason = "the fields of a form")]
#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    Page,
    catalog::{CatalogComponent, HardwareVariant, HardwareVersion, PinRule},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::query::CatalogQuery;
use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    super::{query::Part, wired},
    crate::{
        form::{answer, answer_with},
        request,
    },
    domain::{
        AppError,
        catalog::{ComponentMetadata, PinHeader, Reporting, Wiring},
        component::{ComponentCategory, ValueInfo},
        device::DeviceKind,
    },
    service::catalog::{Search, hardware, rules, types},
};

/// One part of the catalog.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// One page of the types, where they are shown.
    pub types: Option<Page<CatalogComponent>>,
    /// One page of the rules, where they are shown.
    pub rules: Option<Page<PinRule>>,
    /// Every model.
    pub versions: Vec<HardwareVersion>,
    /// Every variant.
    pub variants: Vec<HardwareVariant>,
    /// The names of every type that a rule may be for.
    pub kinds: Vec<(String, String, String)>,
    /// The type whose form is open.
    pub editing: Option<CatalogComponent>,
    /// The rule whose form is open.
    pub editing_rule: Option<PinRule>,
}

/// One part of the catalog; for administrators.
#[server(prefix = "/do", endpoint = "read_catalog", input = Json, output = Json)]
pub async fn read_catalog(query: CatalogQuery) -> Result<Shown, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    actor.require_admin()?;
    let search = Search {
        words: query.search.chars().take(200).collect(),
        page: query.page,
    };
    let mut shown = Shown {
        versions: hardware::versions(&services, &actor).await?,
        variants: hardware::variants(&services, &actor).await?,
        ..Shown::default()
    };
    let all = types::list(&services, &actor).await?;
    match query.part {
        Part::Types => {
            shown.types = Some(types::find(&services, &actor, &search).await?);
            shown.editing = all
                .into_iter()
                .find(|t| t.component_type.as_str() == query.edit);
        }
        Part::Hardware => {}
        Part::Rules => {
            let version = (!query.version.is_empty()).then_some(query.version.as_str());
            shown.rules = Some(rules::find(&services, &actor, version, &search).await?);
            if let Ok(id) = query.edit.parse() {
                shown.editing_rule = rules::one(&services, &actor, id).await?;
            }
            shown.kinds = all
                .into_iter()
                .filter(|t| t.category != ComponentCategory::InternalModule)
                .map(|t| {
                    (
                        t.component_type.to_string(),
                        t.display_name_ko,
                        t.display_name_en,
                    )
                })
                .collect();
        }
    }
    Ok(shown)
}

/// What was deleted, and can be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// `type`, `version`, `variant` or `rule`.
    pub what: String,
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
}

/// Adds or changes a type; `known` is its name where it is there.
#[server(prefix = "/do", endpoint = "save_type")]
#[allow(clippy::too_many_arguments)]
pub async fn save_type(
    #[server(default)] known: String,
    component_type: String,
    display_name_ko: String,
    display_name_en: String,
    category: String,
    #[server(default)] telemetry_category: String,
    #[server(default)] description: String,
    #[server(default)] icon: String,
    #[server(default)] values: String,
    #[server(default)] i2c_addresses: String,
    #[server(default)] reporting: String,
    #[server(default)] default_state: String,
) -> Result<(), Failure> {
    let typed = [
        ("component_type", component_type.clone()),
        ("display_name_ko", display_name_ko.clone()),
        ("display_name_en", display_name_en.clone()),
        ("category", category.clone()),
        ("telemetry_category", telemetry_category.clone()),
        ("description", description.clone()),
        ("icon", icon.clone()),
        ("values", values.clone()),
        ("i2c_addresses", i2c_addresses.clone()),
        ("reporting", reporting.clone()),
        ("default_state", default_state.clone()),
    ];
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let admin = actor.require_admin()?;
        let kind: domain::ComponentType = component_type
            .trim()
            .parse()
            .map_err(|_| AppError::invalid("component_type", "type_name"))?;
        let before = types::list(&services, &actor)
            .await?
            .into_iter()
            .find(|t| t.component_type.as_str() == known);
        let metadata = ComponentMetadata {
            icon,
            values: values_of(&values)?,
            i2c_addresses: addresses_of(&i2c_addresses)?,
            reporting: Reporting::parse(&reporting),
            default_state: wired::default_state(&default_state)?,
            ..before
                .as_ref()
                .map(|t| t.metadata.clone())
                .unwrap_or_default()
        };
        let new = CatalogComponent {
            component_type: kind,
            display_name_ko,
            display_name_en,
            category: ComponentCategory::parse(&category)
                .ok_or_else(|| AppError::invalid("category", "required"))?,
            telemetry_category: Some(telemetry_category),
            description: Some(description),
            metadata,
        };
        match before {
            Some(_) => types::update(&services, &admin, new).await,
            None => types::create(&services, &admin, new).await,
        }
    }
    .await;
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer(
        result.map(|_| ()),
        "save_type",
        &typed,
        Some("/catalog?tab=components"),
    )
}

/// One value a line: name, Korean, English, unit, with `|` between.
#[cfg(feature = "ssr")]
fn values_of(text: &str) -> Result<Vec<ValueInfo>, AppError> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let values = lines.map(|line| {
        let mut parts = line.split('|').map(|part| part.trim().to_owned());
        let mut next = || parts.next().unwrap_or_default();
        let value = ValueInfo {
            name: next(),
            label_ko: next(),
            label_en: next(),
            unit: next(),
            icon: next(),
        };
        match parts.next() {
            None => Ok(value),
            Some(_) => Err(AppError::invalid("values", "value_name")),
        }
    });
    values.collect()
}

#[cfg(feature = "ssr")]
fn addresses_of(text: &str) -> Result<Vec<u8>, AppError> {
    let words = text
        .split([',', ' '])
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let addresses = words.map(|word| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        u8::from_str_radix(digits, 16)
            .map_err(|_| AppError::invalid("i2c_addresses", "i2c_address"))
    });
    addresses.collect()
}

/// Adds or changes a model; `known` is its name where it is there.
#[server(prefix = "/do", endpoint = "save_version")]
pub async fn save_version(
    #[server(default)] known: String,
    version: String,
    name: String,
    kind: String,
    header: String,
    #[server(default)] description: String,
) -> Result<(), Failure> {
    let typed = [
        ("version", version.clone()),
        ("name", name.clone()),
        ("kind", kind.clone()),
        ("header", header.clone()),
        ("description", description.clone()),
    ];
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let new = HardwareVersion {
            version,
            name,
            kind: DeviceKind::parse(&kind).ok_or_else(|| AppError::invalid("kind", "required"))?,
            header: PinHeader::parse(&header)
                .ok_or_else(|| AppError::invalid("header", "required"))?,
            description: Some(description),
        };
        let services = request::services()?;
        match known.is_empty() {
            true => hardware::create_version(&services, &admin, new).await,
            false => hardware::update_version(&services, &admin, new).await,
        }
    }
    .await;
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer(
        result.map(|_| ()),
        "save_version",
        &typed,
        Some("/catalog?tab=hardware"),
    )
}

/// Adds or changes a variant; `known` is its id where it is there.
#[server(prefix = "/do", endpoint = "save_variant")]
pub async fn save_variant(
    #[server(default)] known: Option<i64>,
    name: String,
    #[server(default)] description: String,
) -> Result<(), Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let services = request::services()?;
        let words = Some(description.as_str());
        match known {
            None => hardware::create_variant(&services, &admin, &name, words).await,
            Some(id) => hardware::update_variant(&services, &admin, id, &name, words).await,
        }
    }
    .await;
    let typed = [
        ("name", name.as_str()),
        ("description", description.as_str()),
    ];
    answer(
        result.map(|_| ()),
        "save_variant",
        &typed,
        Some("/catalog?tab=hardware"),
    )
}

/// Adds or changes a rule; `known` is its id where it is there.
#[server(prefix = "/do", endpoint = "save_rule")]
#[allow(clippy::too_many_arguments)]
pub async fn save_rule(
    #[server(default)] known: Option<i64>,
    hardware_version: String,
    hardware_variant: String,
    component_type: String,
    #[server(default)] pin_number: String,
    #[server(default)] pin_mode: String,
    #[server(default)] default_state: String,
    #[server(default)] description: String,
) -> Result<(), Failure> {
    let typed = [
        ("hardware_version", hardware_version.clone()),
        ("hardware_variant", hardware_variant.clone()),
        ("component_type", component_type.clone()),
        ("pin_number", pin_number.clone()),
        ("pin_mode", pin_mode.clone()),
        ("default_state", default_state.clone()),
        ("description", description.clone()),
    ];
    let next = format!("/catalog?tab=pins&version={hardware_version}");
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let services = request::services()?;
        let new = Wiring {
            hardware_version,
            hardware_variant,
            component_type: wired::component_type(&component_type)?,
            pin_number: wired::pin_number(&pin_number)?,
            pin_mode: wired::pin_mode(&pin_mode)?,
            default_state: wired::default_state(&default_state)?,
            description: Some(description),
        };
        match known {
            None => rules::create(&services, &admin, new).await,
            Some(id) => rules::update(&services, &admin, id, new).await,
        }
    }
    .await;
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer(result.map(|_| ()), "save_rule", &typed, Some(&next))
}

/// Deletes an entry of the catalog; gives what can be brought back.
#[server(prefix = "/do", endpoint = "delete_entry")]
pub async fn delete_entry(what: String, id: String) -> Result<Option<Gone>, Failure> {
    let result = async {
        let services = request::services()?;
        let admin = request::actor()?.require_admin()?;
        let name = match what.as_str() {
            "type" => {
                let kind = id.parse().map_err(|_| AppError::NotFound)?;
                types::delete(&services, &admin, &kind).await?;
                id.clone()
            }
            "version" => {
                hardware::delete_version(&services, &admin, &id)
                    .await?
                    .version
            }
            "variant" => {
                hardware::delete_variant(&services, &admin, number(&id)?)
                    .await?
                    .name
            }
            "rule" => {
                let wiring = rules::delete(&services, &admin, number(&id)?).await?.wiring;
                let pin = wiring
                    .pin_number
                    .map_or_else(String::new, |pin| format!(" GPIO {pin}"));
                format!(
                    "{} {} · {}{pin}",
                    wiring.hardware_version, wiring.hardware_variant, wiring.component_type
                )
            }
            _ => return Err(AppError::NotFound),
        };
        Ok(Gone { what, id, name })
    }
    .await;
    answer_with(result, "delete_entry", &[])
}

/// Brings an entry of the catalog back.
#[server(prefix = "/do", endpoint = "restore_entry")]
pub async fn restore_entry(what: String, id: String) -> Result<(), Failure> {
    let result = async {
        let services = request::services()?;
        let admin = request::actor()?.require_admin()?;
        match what.as_str() {
            "type" => {
                let kind = id.parse().map_err(|_| AppError::NotFound)?;
                types::restore(&services, &admin, &kind).await.map(|_| ())
            }
            "version" => hardware::restore_version(&services, &admin, &id)
                .await
                .map(|_| ()),
            "variant" => {
                let id = number(&id)?;
                hardware::restore_variant(&services, &admin, id)
                    .await
                    .map(|_| ())
            }
            "rule" => rules::restore(&services, &admin, number(&id)?)
                .await
                .map(|_| ()),
            _ => Err(AppError::NotFound),
        }
    }
    .await;
    answer(result, "restore_entry", &[], None)
}

#[cfg(feature = "ssr")]
fn number(id: &str) -> Result<i64, AppError> {
    id.parse().map_err(|_| AppError::NotFound)
}

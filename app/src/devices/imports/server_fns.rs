//! What the pages of imports ask of the server.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    DeviceId, ImportId, Page,
    import::{Import, RefusedLine},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, devices::label::Label, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{form::answer, request},
    domain::import::LabelSheet,
    service::devices::imports,
};

/// Rows of a page of refused lines.
#[cfg(feature = "ssr")]
const REFUSED_ROWS: u32 = 50;
/// Rows of a page of imports.
#[cfg(feature = "ssr")]
const IMPORT_ROWS: u32 = 20;
/// Sheets that one page prints.
#[cfg(feature = "ssr")]
const SHEETS: u32 = 8;

/// An import and a page of what it refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// How far it is.
    pub import: Import,
    /// The lines refused.
    pub refused: Page<RefusedLine>,
}

/// A label to print.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Printed {
    /// The device's name.
    pub name: String,
    /// Serial number, code, link and QR code.
    pub label: Label,
}

/// The imports, the newest first.
#[server(prefix = "/do", endpoint = "list_imports", input = Json, output = Json)]
pub async fn list_imports(page: u32) -> Result<Page<Import>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let admin = actor.require_admin()?;
    Ok(imports::list(&services, &admin, page, IMPORT_ROWS).await?)
}

/// How far an import is, and a page of what it refused.
#[server(prefix = "/do", endpoint = "read_import", input = Json, output = Json)]
pub async fn read_import(id: ImportId, page: u32) -> Result<Progress, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let admin = actor.require_admin()?;
    Ok(Progress {
        import: imports::read(&services, &admin, id).await?,
        refused: imports::refused(&services, &admin, id, page, REFUSED_ROWS).await?,
    })
}

/// A page of an import's labels, as many as some sheets of this name hold.
#[server(prefix = "/do", endpoint = "read_labels", input = Json, output = Json)]
pub async fn read_labels(id: ImportId, sheet: String, page: u32) -> Result<Page<Printed>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let admin = actor.require_admin()?;
    let size = LabelSheet::named(&sheet).labels() * SHEETS;
    let found = imports::labels(&services, &admin, id, page, size).await?;
    Ok(Page {
        items: found
            .items
            .into_iter()
            .map(|labelled| Printed {
                label: Label::of(&labelled.shown),
                name: labelled.name,
            })
            .collect(),
        total: found.total,
        page: found.page,
        page_size: found.page_size,
    })
}

/// Stops an import.
#[server(prefix = "/do", endpoint = "cancel_import")]
pub async fn cancel_import(id: ImportId) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        imports::cancel(&services, &actor.require_admin()?, id).await
    }
    .await;
    answer(result, "cancel_import", &[], None)
}

/// Deletes the server's copy of an import's codes.
#[server(prefix = "/do", endpoint = "forget_codes")]
pub async fn forget_codes(id: ImportId) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        imports::forget_codes(&services, &actor.require_admin()?, id).await
    }
    .await;
    answer(result, "forget_codes", &[], None)
}

/// Gives the chosen devices new codes for their labels, and goes on to the page that says how far it is.
#[server(prefix = "/do", endpoint = "label_devices")]
pub async fn label_devices(#[server(default)] ids: Vec<DeviceId>) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        imports::start_labels(&services, &actor.require_admin()?, &ids).await
    }
    .await;
    let next = result.as_ref().ok();
    let next = next.map(|id| format!("/devices/imports/{id}"));
    answer(result.map(|_| ()), "label_devices", &[], next.as_deref())
}

//! What the list of devices asks of the server: who is found, and tags for all that are.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    DeviceId, Page,
    device::{DeviceQuery, DeviceSummary, PresenceCounts},
    filter::FilterError,
    finding::{BulkTagged, SavedView},
    tag::TagCounts,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, i18n::Locale, json::Json};

#[cfg(feature = "ssr")]
use {
    super::{list_rows, query::MOST_COLUMNS},
    crate::{
        form::{answer, answer_with},
        request,
    },
    domain::{AppError, filter::Filter, finding::Column},
    service::devices::{
        self, matching, tags,
        views::{self, NewView},
    },
};

/// What the list shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The devices of one page, in its order; none where the search was not understood.
    pub devices: Vec<DeviceId>,
    /// Their rows as markup, with which an answer to a browser comes beside the rest. A page has them already where
    /// they stand, and does not carry them a second time for its script.
    #[serde(skip)]
    pub rows: Option<String>,
    /// How many there are on all pages.
    pub total: u64,
    /// Which page it is, from 1.
    pub page: u32,
    /// How many rows a page holds.
    pub page_size: u32,
    /// How many devices there are of each status.
    pub counts: PresenceCounts,
    /// How many there are of each tag.
    pub tags: TagCounts,
    /// One's own views, and those that everybody is shown.
    pub views: Vec<SavedView>,
    /// All that was asked for, as one filter.
    pub filter: String,
    /// The conditions of the search: each as it is written, and the search without it.
    pub parts: Vec<(String, String)>,
    /// Where the search was not understood.
    pub wrong: Option<FilterError>,
}

/// The devices that a query finds, one page of them.
#[server(prefix = "/do", endpoint = "find_devices", input = Json, output = Json)]
pub async fn find_devices(query: DeviceQuery) -> Result<Page<DeviceSummary>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    Ok(devices::list_within(&services, &actor, &query).await?)
}

/// One page of the list, what it is narrowed down by, and its rows with these columns, as an address spells them, in
/// this language. The rows are made where the devices are: a browser needs the code for neither.
#[server(prefix = "/do", endpoint = "list_devices", input = Json, output = Json)]
pub async fn list_devices(
    query: DeviceQuery,
    columns: Vec<String>,
    locale: Locale,
) -> Result<(Found, String), Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let columns = columns.iter().filter_map(|name| name.parse().ok());
    let columns: Vec<Column> = columns.take(MOST_COLUMNS).collect();
    let keys = columns.iter().filter_map(Column::state_key);
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    let asked = query.search.parse::<Filter>();
    let parts = match &asked {
        Ok(filter) => filter.parts(),
        Err(_) => vec![(query.search.clone(), String::new())],
    };
    let wrong = asked.err();
    let (page, filter) = match wrong {
        Some(_) => {
            let nothing = Page {
                items: Vec::new(),
                total: 0,
                page: 1,
                page_size: query.page_size,
            };
            (nothing, String::new())
        }
        None => (
            devices::list_within(&services, &actor, &query).await?,
            matching::filter_of(&query)?.to_string(),
        ),
    };
    let ids: Vec<_> = page.items.iter().map(|device| device.id).collect();
    let extras = devices::extras(&services, &actor, &ids, &keys).await?;
    let found = Found {
        devices: ids,
        rows: None,
        total: page.total,
        page: page.page,
        page_size: page.page_size,
        counts: devices::counts(&services, &actor).await?,
        tags: tags::counts(&services, &actor).await?,
        views: views::list(&services, &actor).await?,
        filter,
        parts,
        wrong,
    };
    let shown: Vec<_> = page.items.into_iter().zip(extras).collect();
    let rows = list_rows::rows(locale, services.now().0, &columns, &shown);
    Ok((found, rows))
}

/// Puts tags on and takes tags off devices that one may manage: `devices`, ids with commas, or without them every
/// one that `filter` finds.
#[server(prefix = "/do", endpoint = "tag_matching")]
pub async fn tag_matching(
    #[server(default)] devices: String,
    #[server(default)] filter: String,
    #[server(default)] add: String,
    #[server(default)] remove: String,
) -> Result<Option<BulkTagged>, Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let filter = matching::chosen(&devices, &filter)?;
        let in_field = |field: &'static str| {
            move |error: AppError| match error {
                AppError::Invalid { message, .. } => AppError::invalid(field, message),
                other => other,
            }
        };
        let on = tags::read(&add).map_err(in_field("add"))?;
        let off = tags::read(&remove).map_err(in_field("remove"))?;
        tags::tag_matching(&services, &actor, &filter, &on, &off)
            .await
            .map_err(|error| match error {
                AppError::Invalid { field, message } if field == "tags" => {
                    AppError::invalid("add", message)
                }
                other => other,
            })
    }
    .await;
    let typed = [("add", add.as_str()), ("remove", remove.as_str())];
    answer_with(result, "tag_matching", &typed)
}

/// Takes the tagging of many back.
#[server(prefix = "/do", endpoint = "undo_tagging")]
pub async fn undo_tagging(act: i64) -> Result<Option<u64>, Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        tags::undo(&services, &actor, act).await
    }
    .await;
    answer_with(result, "undo_tagging", &[])
}

/// Keeps a list as a view; one's own view of that name is replaced.
#[server(prefix = "/do", endpoint = "save_view")]
pub async fn save_view(
    #[server(default)] view_name: String,
    #[server(default)] address: String,
    #[server(default)] shared: String,
) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let wish = NewView {
            name: view_name.clone(),
            address,
            shared: shared == "true",
        };
        let saved = views::save(&services, &actor, wish).await;
        saved.map(|_| ()).map_err(|error| match error {
            AppError::Invalid { field, message } if field == "name" => {
                AppError::invalid("view_name", message)
            }
            other => other,
        })
    }
    .await;
    let typed = [
        ("view_name", view_name.as_str()),
        ("shared", shared.as_str()),
    ];
    answer(result, "save_view", &typed, None)
}

/// Forgets a view; gives it back, so that it can be kept again.
#[server(prefix = "/do", endpoint = "delete_view")]
pub async fn delete_view(view: String) -> Result<Option<SavedView>, Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let id = view.parse().map_err(|_| AppError::NotFound)?;
        views::delete(&services, &actor, id).await
    }
    .await;
    answer_with(result, "delete_view", &[])
}

//! What the list of devices asks of the server: who is found, and tags for all that are.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    Page,
    device::{DeviceQuery, DeviceSummary, PresenceCounts},
    filter::FilterError,
    finding::{BulkTagged, RowExtra, SavedView},
    tag::TagCounts,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{
        form::{answer, answer_with},
        request,
    },
    domain::{AppError, filter::Filter},
    service::devices::{
        self, matching, tags,
        views::{self, NewView},
    },
};

/// What the list shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// One page; empty where the search was not understood.
    pub page: Page<DeviceSummary>,
    /// What its rows show besides, in their order.
    pub extras: Vec<RowExtra>,
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

/// One page of the list, and what it is narrowed down by. `keys` are of the state.
#[server(prefix = "/do", endpoint = "find_devices", input = Json, output = Json)]
pub async fn find_devices(query: DeviceQuery, keys: Vec<String>) -> Result<Found, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
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
    Ok(Found {
        extras: devices::extras(&services, &actor, &ids, &keys).await?,
        counts: devices::counts(&services, &actor).await?,
        tags: tags::counts(&services, &actor).await?,
        views: views::list(&services, &actor).await?,
        page,
        filter,
        parts,
        wrong,
    })
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

//! What every handler may ask for.

use std::sync::Arc;

use axum::extract::FromRef;
use ingest::{Broker, Pipeline};
use leptos::config::LeptosOptions;
use service::{Services, telemetry::Committer};

use crate::{config::Http, live_hub::LiveHub, rest::auth::device::Door};

/// What every handler may ask for. Cheap to clone.
#[derive(Clone, FromRef)]
pub(crate) struct AppState {
    pub services: Services,
    pub leptos: LeptosOptions,
    pub committer: Committer,
    pub broker: Arc<dyn Broker>,
    pub pipeline: Pipeline,
    pub hub: LiveHub,
    pub http: Arc<Http>,
    pub door: Arc<Door>,
}

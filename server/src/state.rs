//! What every handler may ask for.

use std::{ops::Deref, sync::Arc};

use axum::extract::FromRef;
use ingest::{Broker, Pipeline};
use leptos::config::LeptosOptions;
use service::{Services, telemetry::Committer};

use crate::{config::Http, live_hub::LiveHub, rest::auth::device::Door};

/// What every handler may ask for. Cheap to clone: every layer of the router does so for every request.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Parts>);

/// What [`AppState`] gives.
pub(crate) struct Parts {
    pub services: Services,
    pub leptos: LeptosOptions,
    pub committer: Committer,
    pub broker: Arc<dyn Broker>,
    pub pipeline: Pipeline,
    pub hub: LiveHub,
    pub http: Arc<Http>,
    pub door: Arc<Door>,
}

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}

//! What the page of charts asks of the server.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    filter::FilterError,
    telemetry::{Comparison, ComparisonQuery},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {crate::request, domain::filter::Filter, service::telemetry};

/// What the page of charts shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The lines; none where the search was not understood.
    pub comparison: Comparison,
    /// Values that can be drawn, to choose from.
    pub values: Vec<String>,
    /// Where the search was not understood.
    pub wrong: Option<FilterError>,
}

/// Values of several devices over the same time.
#[server(prefix = "/do", endpoint = "compare_series", input = Json, output = Json)]
pub async fn compare_series(query: ComparisonQuery) -> Result<Compared, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let wrong = query.search.parse::<Filter>().err();
    let comparison = match wrong {
        Some(_) => Comparison::default(),
        None => telemetry::compare(&services, &actor, &query).await?,
    };
    Ok(Compared {
        comparison,
        values: telemetry::drawable(&services).await?,
        wrong,
    })
}

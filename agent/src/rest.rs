//! What a device asks its site over HTTPS, by a token of its own.
//!
//! Invariant: only the authority of the claim link is believed, and the token never reaches a log.

use std::time::Duration;

use protocol::{DeviceId, SharedSecret, identity::ComponentSpec};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    enroll,
    folder::{Renewed, Site},
    now,
};

/// What a token is asked for under.
const TOKEN_TOPIC: &str = "auth/device";
/// How long the server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The server was not reached, or is not the site's.
    #[error("the server cannot be reached or trusted: {0}")]
    Connection(String),
    /// The server said no.
    #[error("the server answered {0}")]
    Refused(StatusCode),
}

impl AskError {
    /// Whether the server has said that the device was revoked.
    pub(crate) fn is_revoked(&self) -> bool {
        matches!(self, Self::Refused(StatusCode::GONE))
    }
}

impl From<reqwest::Error> for AskError {
    fn from(error: reqwest::Error) -> Self {
        Self::Connection(enroll::words(&error))
    }
}

/// Who asks, with the proof that it is this device.
pub(crate) struct Caller {
    http: Client,
    origin: String,
    device: DeviceId,
    envelope: Vec<u8>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
struct Given {
    certificate: String,
}

impl Caller {
    /// The device of this secret; `sequence` is its next one.
    pub(crate) fn new(
        site: &Site,
        device: DeviceId,
        secret: &SharedSecret,
        sequence: u64,
    ) -> Result<Self, AskError> {
        let mut body = Map::new();
        body.insert("device_uuid".to_owned(), Value::String(device.to_string()));
        body.insert("timestamp".to_owned(), now().0.into());
        body.insert("sequence".to_owned(), sequence.into());
        let http = enroll::client(site, PATIENCE)
            .map_err(|error| AskError::Connection(error.to_string()))?;
        Ok(Self {
            http,
            origin: site.origin.clone(),
            device,
            envelope: protocol::seal(TOKEN_TOPIC, body, secret),
        })
    }

    /// A further certificate for the key of this signing request.
    pub(crate) async fn certificate(
        self,
        csr: String,
        key_file: String,
    ) -> Result<Renewed, AskError> {
        let path = format!("api/devices/{}/certificate", self.device);
        let token = self.token().await?;
        let request = self.http.post(format!("{}/{path}", self.origin));
        let given: Given = answer(
            request
                .bearer_auth(token)
                .json(&serde_json::json!({ "csr": csr })),
        )
        .await?;
        Ok(Renewed {
            certificate: given.certificate,
            key_file,
        })
    }

    /// Whether the site still knows the device: it gives it a token.
    pub(crate) async fn check_known(self) -> Result<(), AskError> {
        self.token().await.map(|_| ())
    }

    /// What is attached to the device now.
    pub(crate) async fn components(self) -> Result<Vec<ComponentSpec>, AskError> {
        let path = format!("api/components/devices/{}/components", self.device);
        let token = self.token().await?;
        let request = self.http.get(format!("{}/{path}", self.origin));
        answer(request.bearer_auth(token)).await
    }

    async fn token(&self) -> Result<String, AskError> {
        let request = self
            .http
            .post(format!("{}/{TOKEN_TOPIC}", self.origin))
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(self.envelope.clone());
        let token: Token = answer(request).await?;
        Ok(token.access_token)
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, AskError> {
    let answer = request.send().await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.json().await?),
        status => Err(AskError::Refused(status)),
    }
}

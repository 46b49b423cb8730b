//! Installations of people's apps.

use std::sync::Arc;

use ::agent::trust;
use rustls::ClientConfig;
use serde_json::{Value, json};

use crate::{
    app::{App, Person},
    connection::{Connection, Ended, Manner},
};

/// An app that was admitted through the REST interface, as one that nobody here wrote would be.
#[derive(Debug)]
pub struct Installation {
    /// Its id: the serial number of its first certificate.
    pub id: String,
    client_id: String,
    tls: Arc<ClientConfig>,
}

impl Installation {
    /// Admits an installation for this person.
    pub async fn admitted(app: &App, person: &Person, name: &str) -> Self {
        let path = "/api/users/me/apps";
        let (answer, key) = ask(app, person, path, json!({ "name": name })).await;
        assert_eq!(answer.status(), 201);
        Self::given(answer, &key).await
    }

    /// Asks as this person for another certificate, for a new key; gives the installation with it, or the status of the
    /// refusal.
    pub async fn renewed(&self, app: &App, person: &Person) -> Result<Self, u16> {
        let path = format!("/api/users/me/apps/{}/certificate", self.id);
        let (answer, key) = ask(app, person, &path, json!({})).await;
        match answer.status().as_u16() {
            200 => Ok(Self::given(answer, &key).await),
            refused => Err(refused),
        }
    }

    async fn given(answer: reqwest::Response, key: &rcgen::KeyPair) -> Self {
        let given: Value = answer.json().await.expect("JSON");
        let text = |name: &str| given[name].as_str().expect(name).to_owned();
        let tls = trust::mutual(&text("ca"), &text("certificate"), &key.serialize_pem());
        Self {
            id: text("id"),
            client_id: text("client_id"),
            tls: Arc::new(tls.expect("TLS")),
        }
    }

    /// Connects with its certificate under this client id.
    pub async fn connect_as(&self, app: &App, client_id: String) -> Result<Connection, Ended> {
        self.connect_in(app, client_id, false).await
    }

    /// As [`Installation::connect_as`], for a session that outlives the connection for ever.
    pub async fn connect_lasting(&self, app: &App, client_id: String) -> Result<Connection, Ended> {
        self.connect_in(app, client_id, true).await
    }

    async fn connect_in(
        &self,
        app: &App,
        client_id: String,
        lasting: bool,
    ) -> Result<Connection, Ended> {
        let manner = Manner {
            client_id,
            will: None,
            lasting,
        };
        Connection::open(&self.tls, app.mqtt(), manner).await
    }

    /// Connects to the broker; gives why not where it was refused.
    pub async fn connect(&self, app: &App) -> Result<Connection, Ended> {
        self.connect_as(app, self.client_id.clone()).await
    }
}

/// Sends this with a signing request for a new key.
async fn ask(
    app: &App,
    person: &Person,
    path: &str,
    mut wish: Value,
) -> (reqwest::Response, rcgen::KeyPair) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let csr = rcgen::CertificateParams::default()
        .serialize_request(&key)
        .and_then(|request| request.pem())
        .expect("a signing request");
    wish["csr"] = csr.into();
    let answer = app
        .browser(Some(person))
        .post(app.url(path))
        .json(&wish)
        .send()
        .await
        .expect("an answer");
    (answer, key)
}

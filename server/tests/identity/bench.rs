//! A site with one device, whose certificate and secret others may have too.

use super::*;

pub(super) struct Bench {
    pub(super) app: App,
    pub(super) admin: Person,
    pub(super) identity: Identity,
}

impl Bench {
    /// A site on each engine with one device, and what is done about a kind of finding.
    pub(super) async fn each(policy: Option<(FindingKind, Reaction)>) -> Vec<Self> {
        let mut benches = Vec::new();
        for app in App::on_each_engine().await {
            benches.push(Self::with(app, policy).await);
        }
        benches
    }

    pub(super) async fn with(app: App, policy: Option<(FindingKind, Reaction)>) -> Self {
        let admin = app.set_up().await;
        let (services, actor) = (app.services(), &admin.actor);
        if let Some((kind, reaction)) = policy {
            let proof = actor.require_admin().expect("an administrator");
            identity::set_policy(services, &proof, kind, reaction)
                .await
                .expect("a policy");
        }
        let identity = Identity::enrol(services, actor, Some(actor), computer("board-1"))
            .await
            .expect("an enrolled device");
        Self {
            app,
            admin,
            identity,
        }
    }

    /// A connection under the device's certificate that says it is this board with this storage.
    pub(super) async fn online(&self, sequence: u64, serial: &str, storage: &str) -> Device {
        let device = self.connect().await;
        let system = format!("system/{}/#", self.identity.id);
        assert!(device.subscribe(&system).await);
        self.says(&device, sequence, serial, storage).await;
        device
    }

    /// How many devices a search for those in doubt finds, and whether the list marks this one.
    pub(super) async fn in_doubt(&self) -> (u64, bool) {
        let (services, actor) = (self.app.services(), &self.admin.actor);
        let query = DeviceQuery {
            search: "is:identity".to_owned(),
            ..DeviceQuery::default()
        };
        let found = devices::list(services, actor, &query)
            .await
            .expect("a list");
        let extras = devices::extras(services, actor, &[self.identity.id], &[]).await;
        let marked = |trouble: &Trouble| matches!(trouble, Trouble::Identity { .. });
        let extras = extras.expect("a row");
        (found.total, extras[0].troubles.iter().any(marked))
    }

    pub(super) async fn connect(&self) -> Device {
        Device::connect(&self.identity, self.app.mqtt())
            .await
            .expect("let in")
    }

    pub(super) async fn says(&self, device: &Device, sequence: u64, serial: &str, storage: &str) {
        let topic = Topic::Identity(self.identity.id).to_string();
        let mut body = self.identity.shown(sequence);
        body.insert("cpu_serial".to_owned(), json!(serial));
        body.insert("storage_id".to_owned(), json!(storage));
        let payload = self.identity.sealed(&topic, body);
        // A policy may end the connection before the answer is out.
        device.publish(&topic, payload).await;
    }

    pub(super) async fn reports(&self, device: &Device, sequence: u64, value: f64) {
        let answer = device.report("cpu", sequence, &[("average", value)]).await;
        assert_eq!(answer, Answer::Accepted);
    }

    pub(super) async fn findings(&self) -> Vec<Finding> {
        let proof = self.admin.actor.require_admin().expect("an administrator");
        identity::list(self.app.services(), &proof, None, None, "", 1)
            .await
            .expect("findings")
            .items
    }

    pub(super) async fn finding(&self) -> Finding {
        let mut all = self.findings().await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    pub(super) async fn resolve(&self, act: Act) {
        let proof = self.admin.actor.require_admin().expect("an administrator");
        let id = self.finding().await.id;
        identity::resolve(self.app.services(), &proof, id, act)
            .await
            .expect("resolved");
        let finding = self.finding().await;
        assert_eq!(
            (finding.state, finding.act),
            (FindingState::Resolved, Some(act))
        );
        assert!(finding.may_undo && finding.acts().is_empty());
    }

    pub(super) async fn undo(&self) {
        let proof = self.admin.actor.require_admin().expect("an administrator");
        let id = self.finding().await.id;
        identity::undo(self.app.services(), &proof, id)
            .await
            .expect("undone");
        let finding = self.finding().await;
        assert_eq!((finding.state, finding.act), (FindingState::Open, None));
    }

    /// A token for an envelope under the device's secret as it was enrolled with; the status where there is none.
    pub(super) async fn token(&self, sequence: u64) -> Result<String, u16> {
        let (device, now) = (self.identity.id, testkit::device::now());
        let body = json!({ "device_uuid": device, "timestamp": now, "sequence": sequence });
        let Value::Object(body) = body else {
            unreachable!("an object")
        };
        let asked = self
            .app
            .browser(None)
            .post(self.app.url("/auth/device"))
            .header("content-type", "application/json")
            .body(self.identity.sealed("auth/device", body))
            .send()
            .await
            .expect("an answer");
        match asked.status().as_u16() {
            200 => {
                let given: Value = asked.json().await.expect("JSON");
                Ok(given["access_token"].as_str().expect("a token").to_owned())
            }
            status => Err(status),
        }
    }

    /// Asks for another certificate by this token; the status of the answer.
    pub(super) async fn certificate(&self, token: &str) -> u16 {
        let csr = rcgen::KeyPair::generate()
            .and_then(|key| rcgen::CertificateParams::default().serialize_request(&key))
            .and_then(|request| request.pem())
            .expect("a signing request");
        let path = format!("/api/devices/{}/certificate", self.identity.id);
        let request = self.app.browser(None).post(self.app.url(&path));
        let request = request.bearer_auth(token).json(&json!({ "csr": csr }));
        request.send().await.expect("an answer").status().as_u16()
    }

    /// The serial number on record, and the latest value of the state.
    pub(super) async fn page(&self) -> (String, Option<Scalar>) {
        let services = self.app.services();
        let viewer = self.admin.actor.require_viewer(services, self.identity.id);
        let viewer = viewer.await.expect("a viewer");
        let detail = devices::detail(services, &viewer).await.expect("its page");
        let value = detail.state.get("cpu_average").cloned();
        (detail.summary.cpu_serial, value)
    }

    /// The values in the history.
    pub(super) async fn history(&self) -> Vec<f64> {
        use sea_orm::{EntityTrait as _, QueryOrder as _};
        let rows = entity::report::Entity::find()
            .order_by_asc(entity::report::Column::AtMs)
            .all(&self.app.services().db.read)
            .await
            .expect("reports");
        rows.iter()
            .filter_map(|row| row.readings.get("average")?.as_f64())
            .collect()
    }

    /// Waits until the page shows the value: the state follows what was stored and acknowledged.
    pub(super) async fn shows(&self, value: f64) {
        testkit::until("the state follows", async || {
            (self.page().await.1 == Some(number(value))).then_some(())
        })
        .await;
    }

    pub(super) async fn unread(&self) -> u64 {
        notices::unread(self.app.services(), &self.admin.actor)
            .await
            .expect("a count")
    }
}

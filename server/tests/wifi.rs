//! Moving a device to another Wi-Fi network: the whole way, with the radio alone played.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use agent::{
    drivers::{Description, Hardware, Loaded, simulated},
    wifi::Radio,
};
use domain::{
    command::{Command, CommandState},
    role::SiteRole,
};
use protocol::identity::ComponentSpec;
use reqwest::Client;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use testkit::{
    agent::Agent,
    app::{App, Person},
    device::{Identity, computer},
    until,
    wifi::{Air, PASSWORD},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

struct Laptop(Option<Air>);

impl Hardware for Laptop {
    fn driver(&mut self, component: &ComponentSpec) -> Loaded {
        simulated::driver(component, 1, false).ok_or(agent::drivers::NoDriver::for_type(component))
    }

    fn describe(&self) -> Description {
        Description::default()
    }

    fn radio(&self) -> Option<Arc<dyn Radio>> {
        let radio = self.0.clone()?;
        Some(Arc::new(radio))
    }
}

struct Bench {
    app: App,
    admin: Person,
    client: Client,
    identity: Identity,
    radio: Air,
}

impl Bench {
    async fn new() -> Self {
        let app = App::start().await;
        let admin = app.set_up().await;
        let owner = Some(&admin.actor);
        let identity = Identity::enrol(app.services(), &admin.actor, owner, computer("W-1")).await;
        let radio = Air::to(app.mqtt(), &["old", "new"], "old").await;
        Self {
            client: app.browser(Some(&admin)),
            identity: identity.expect("a computer"),
            app,
            admin,
            radio,
        }
    }

    fn agent(&self, radio: Option<Air>) -> Agent {
        let port = self.radio.address().port();
        Agent::start_with(&self.app, &self.identity, Laptop(radio), |_, site| {
            let credentials = site.credentials.as_mut().expect("enrolled");
            credentials.mqtt_url = format!("mqtts://localhost:{port}");
        })
    }

    async fn ask(&self, client: &Client, body: Value) -> (u16, Value) {
        let path = format!("/api/devices/{}/change-wifi", self.identity.id);
        let request = client.post(self.app.url(&path)).json(&body);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Asks for this network and waits until the command has ended.
    async fn change(&self, ssid: &str, password: &str) -> Command {
        let wish = json!({ "ssid": ssid, "password": password });
        let (status, queued) = self.ask(&self.client, wish).await;
        assert_eq!(status, 202, "{queued}");
        assert_eq!(queued["arguments"]["ssid"], ssid);
        assert!(!queued.to_string().contains(password), "{queued}");
        let services = self.app.services();
        let viewer = self
            .admin
            .actor
            .require_viewer(services, self.identity.id)
            .await;
        let viewer = viewer.expect("one's own");
        let id = serde_json::from_value(queued["id"].clone()).expect("an id");
        until("the change has ended", async || {
            let command = service::commands::get(services, &viewer, id).await.ok()?;
            command.state.is_final().then_some(command)
        })
        .await
    }

    /// The commands as the table has them.
    async fn kept(&self) -> String {
        let rows = entity::command::Entity::find()
            .all(&self.app.services().db.read)
            .await
            .expect("the table");
        let texts: Vec<String> = rows.iter().map(|row| row.arguments.to_string()).collect();
        texts.join("\n")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_leads_to_the_site_is_kept() {
    let bench = Bench::new().await;
    let agent = bench.agent(Some(bench.radio.clone()));
    agent.online().await;
    let changed = bench.change("new", PASSWORD).await;
    assert_eq!(
        (changed.state, changed.reason),
        (CommandState::Completed, None)
    );
    assert_eq!(bench.radio.network(), "new");
    assert_eq!(bench.radio.kept(), ["new"]);
    agent.online().await;
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_network_that_leads_elsewhere_the_device_comes_back_and_says_so() {
    let bench = Bench::new().await;
    let agent = bench.agent(Some(bench.radio.clone()));
    agent.online().await;
    let changed = bench.change("nowhere", PASSWORD).await;
    assert_eq!(changed.state, CommandState::Failed);
    let reason = changed.reason.expect("a reason");
    assert!(reason.starts_with("server_not_reached"), "{reason}");
    assert_eq!(bench.radio.network(), "old");
    let changed = bench.change("new", "a wrong password").await;
    assert_eq!(
        changed.reason.as_deref(),
        Some("not_joined: the password is wrong")
    );
    assert_eq!(bench.radio.network(), "old");
    assert!(bench.radio.kept().is_empty());
    // It still does what it is told.
    assert_eq!(
        bench.change("new", PASSWORD).await.state,
        CommandState::Completed
    );
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_moves_a_device_and_only_to_what_can_be_a_network() {
    let bench = Bench::new().await;
    let agent = bench.agent(None);
    agent.online().await;
    let (stranger, developer) = (
        bench
            .app
            .person(&bench.admin, "kim@example.org", SiteRole::Member)
            .await,
        bench
            .app
            .person(&bench.admin, "dev@example.org", SiteRole::Developer)
            .await,
    );
    let lab = json!({ "ssid": "new", "password": PASSWORD });
    let as_person = |person: &Person| bench.app.browser(Some(person));
    assert_eq!(bench.ask(&as_person(&stranger), lab.clone()).await.0, 404);
    assert_eq!(bench.ask(&as_person(&developer), lab.clone()).await.0, 403);
    assert_eq!(bench.ask(&bench.app.browser(None), lab).await.0, 401);
    for wrong in [
        json!({ "ssid": "" }),
        json!({ "ssid": "lab", "password": "short" }),
        json!({ "ssid": "lab", "wpa3": true }),
    ] {
        assert_eq!(
            bench.ask(&bench.client, wrong.clone()).await.0,
            422,
            "{wrong}"
        );
    }
    // A job is shown with all that it says.
    let job = json!({ "devices": [bench.identity.id], "name": "wifi/change",
        "arguments": { "ssid": "new", "password": PASSWORD } });
    let refused = bench.client.post(bench.app.url("/api/jobs")).json(&job);
    assert_eq!(refused.send().await.expect("an answer").status(), 422);
    let refused = bench.change("new", PASSWORD).await;
    assert_eq!(refused.state, CommandState::Rejected);
    assert!(refused.reason.expect("a reason").starts_with("no_wifi"));
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

/// Everything that is written to the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_in_no_log_and_in_no_table() {
    let log = Log::default();
    let all = "trace,rumqttc=debug,rmqtt=debug,rmqtt_net=debug,h2=debug,hyper=debug,sqlx=trace";
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(all))
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only log of this program");
    let secret = "a password of its own";
    let bench = Bench::new().await;
    let wish = json!({ "ssid": "new", "password": secret });
    let (status, _) = bench.ask(&bench.client, wish).await;
    assert_eq!(status, 202);
    let waiting = bench.kept().await;
    assert!(
        waiting.contains("sealed") && !waiting.contains(secret),
        "{waiting}"
    );
    // One that is taken back before the device is there.
    let other = json!({ "ssid": "other", "password": secret });
    let (_, other) = bench.ask(&bench.client, other).await;
    let other = other["id"].as_str().expect("an id");
    let path = format!("/api/devices/{}/commands/{other}", bench.identity.id);
    let taken_back = bench.client.delete(bench.app.url(&path)).send().await;
    assert_eq!(taken_back.expect("an answer").status(), 200);
    assert_eq!(bench.kept().await.matches("sealed").count(), 1);
    let agent = bench.agent(Some(bench.radio.clone()));
    agent.online().await;
    until(
        "it has ended, and the sealed password is gone",
        async || (!bench.kept().await.contains("sealed")).then_some(()),
    )
    .await;
    let path = format!("/api/devices/{}/commands", bench.identity.id);
    let told = bench.client.get(bench.app.url(&path)).send().await;
    let told = told.expect("an answer").text().await.expect("its text");
    assert!(
        told.contains("not_joined") && !told.contains(secret),
        "{told}"
    );
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
    let log = String::from_utf8_lossy(&log.0.lock().expect("the log")).into_owned();
    assert!(
        log.contains("changing the Wi-Fi network"),
        "the log is read"
    );
    assert!(!log.contains(secret));
}

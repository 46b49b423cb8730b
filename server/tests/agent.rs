//! The agent against the server: its components, while it runs.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use agent::{
    device::RunError,
    drivers::{Description, Driver, Hardware, Loaded, NoDriver, Reading, simulated},
    enroll::EnrollError,
};
use domain::command::{Command, CommandState};
use protocol::{Scalar, TimestampMs, identity::ComponentSpec};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use service::{Clock as _, SystemClock, clock::ManualClock, devices::NewDevice};
use testkit::{
    agent::Agent,
    app::{App, Person},
    device::{Identity, computer},
    until,
};

/// A board whose wiring is written down: `+led@17` taken, `-led@17` given back.
#[derive(Clone, Default)]
struct Board {
    diary: Arc<Mutex<Vec<String>>>,
    /// Types whose chip does not answer.
    broken: Arc<Mutex<BTreeSet<&'static str>>>,
}

struct Wired(Box<dyn Driver>, String, Board);

impl Board {
    fn note(&self, what: String) {
        self.diary.lock().expect("the diary").push(what);
    }

    fn diary(&self) -> Vec<String> {
        self.diary.lock().expect("the diary").clone()
    }
}

impl Hardware for Board {
    fn driver(&mut self, component: &ComponentSpec) -> Loaded {
        let kind = component.component_type.as_str();
        if self.broken.lock().expect("what is broken").contains(kind) {
            return Err(NoDriver("nothing answers at 0x76".to_owned()));
        }
        let driver = simulated::driver(component, 1, false).ok_or(NoDriver::for_type(component))?;
        let pin = component.pin_number.unwrap_or_default();
        let name = format!("{}@{pin}", component.component_key);
        self.note(format!("+{name}"));
        Ok(Box::new(Wired(driver, name, self.clone())))
    }

    fn describe(&self) -> Description {
        Description::default()
    }
}

impl Driver for Wired {
    fn read(&mut self) -> Option<Reading> {
        self.0.read()
    }

    fn sample(&mut self) -> bool {
        self.0.sample()
    }
}

impl Drop for Wired {
    fn drop(&mut self) {
        self.2.note(format!("-{}", self.1));
    }
}

struct Bench {
    app: App,
    admin: Person,
    client: Client,
    identity: Identity,
}

impl Bench {
    async fn new(serial: &str) -> Self {
        Self::on(App::start().await, serial).await
    }

    async fn on(app: App, serial: &str) -> Self {
        let admin = app.set_up().await;
        let wish = NewDevice {
            kind: domain::device::DeviceKind::Board,
            hardware_version: "4B".to_owned(),
            components: vec!["cpu".parse().expect("a type")],
            ..computer(serial)
        };
        let owner = Some(&admin.actor);
        let identity = Identity::enrol(app.services(), &admin.actor, owner, wish).await;
        Self {
            client: app.browser(Some(&admin)),
            identity: identity.expect("a board"),
            app,
            admin,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let device = self.identity.id;
        let path = format!("/api/components/devices/{device}/components{path}");
        let mut request = self.client.request(method, self.app.url(&path));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    async fn state(&self, key: &str) -> Option<Scalar> {
        let services = self.app.services();
        let actor = &self.admin.actor;
        let viewer = actor.require_viewer(services, self.identity.id).await;
        let detail = service::devices::detail(services, &viewer.expect("one's own")).await;
        detail.expect("the device").state.get(key).cloned()
    }

    /// Has it report at this interval; the status of the answer.
    async fn report_every(&self, interval_ms: i64) -> u16 {
        let path = format!("/api/devices/{}", self.identity.id);
        let request = self.client.put(self.app.url(&path));
        let request = request.json(&json!({ "report_interval_ms": interval_ms }));
        let answer = request.send().await.expect("an answer");
        answer.status().as_u16()
    }

    async fn last_report(&self) -> Option<TimestampMs> {
        let services = self.app.services();
        let actor = &self.admin.actor;
        let viewer = actor.require_viewer(services, self.identity.id).await;
        let detail = service::devices::detail(services, &viewer.expect("one's own")).await;
        detail.expect("the device").summary.last_report_at
    }

    async fn commands(&self) -> Vec<Command> {
        let services = self.app.services();
        let actor = &self.admin.actor;
        let viewer = actor.require_viewer(services, self.identity.id).await;
        let viewer = viewer.expect("one's own");
        let commands = service::commands::list(services, &viewer, None, 50).await;
        commands.expect("the commands")
    }

    /// Waits until every command has ended; gives the newest.
    async fn settled(&self) -> Command {
        until("every command has ended", async || {
            let commands = self.commands().await;
            let over = commands.iter().all(|command| command.state.is_final());
            commands.into_iter().next().filter(|_| over)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn components_are_taken_over_while_the_agent_runs() {
    let bench = Bench::new("AG-1").await;
    let board = Board::default();
    let agent = Agent::start(&bench.app, &bench.identity, board.clone());
    agent.online().await;

    let led = json!({ "component_type": "led", "pin_number": 17 });
    let (status, led) = bench.ask(Method::POST, "", led).await;
    assert_eq!(status, 201, "{led}");
    until("the lamp is reported", async || bench.state("led").await).await;
    let told = bench.settled().await;
    assert_eq!(
        (told.name.as_str(), told.state),
        ("component/changed", CommandState::Completed)
    );
    assert_eq!(
        told.output.expect("what is loaded")["loaded"],
        json!(["cpu", "led"])
    );

    let path = format!("/{}", led["id"]);
    let moved = json!({ "component_type": "led", "pin_number": 27 });
    assert_eq!(bench.ask(Method::PUT, &path, moved).await.0, 200);
    until("the lamp is on the other pin", async || {
        board
            .diary()
            .ends_with(&["-led@17".to_owned(), "+led@27".to_owned()])
            .then_some(())
    })
    .await;
    assert_eq!(bench.settled().await.state, CommandState::Completed);
    assert_eq!(board.diary(), ["+cpu@0", "+led@17", "-led@17", "+led@27"]);

    assert_eq!(bench.ask(Method::DELETE, &path, Value::Null).await.0, 204);
    assert_eq!(bench.settled().await.state, CommandState::Completed);
    assert_eq!(board.diary().last().map(String::as_str), Some("-led@27"));
    let keys: Vec<String> = agent
        .site()
        .credentials
        .and_then(|known| known.ownership)
        .map_or_else(Vec::new, |owned| {
            owned
                .components
                .iter()
                .map(|c| c.component_key.to_string())
                .collect()
        });
    assert_eq!(keys, ["cpu"], "it is kept for the next start");
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_a_driver_is_said_and_reports_nothing() {
    let bench = Bench::new("AG-2").await;
    let board = Board::default();
    board
        .broken
        .lock()
        .expect("what is broken")
        .insert("bme280");
    let agent = Agent::start(&bench.app, &bench.identity, board.clone());
    agent.online().await;
    let air = json!({ "component_type": "bme280" });
    let (status, air) = bench.ask(Method::POST, "", air).await;
    assert_eq!(status, 201, "{air}");
    let told = bench.settled().await;
    assert_eq!(told.state, CommandState::Failed);
    assert_eq!(
        told.reason.as_deref(),
        Some("bme280: nothing answers at 0x76")
    );
    let output = told.output.expect("what is loaded");
    assert_eq!(output["loaded"], json!(["cpu"]));
    assert_eq!(bench.state("bme280_temp").await, None);

    // Wired rightly, it is found at the next start.
    board.broken.lock().expect("what is broken").clear();
    let agent = agent.restart(board).await;
    until("the air is reported", async || {
        bench.state("bme280_temp").await
    })
    .await;
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_it_was_away_is_asked_for_at_its_start() {
    let bench = Bench::new("AG-3").await;
    let led = json!({ "component_type": "led" });
    assert_eq!(bench.ask(Method::POST, "", led).await.0, 201);
    // The broker, which would tell it as well, is not there.
    let board = Board::default();
    let agent = Agent::start_with(&bench.app, &bench.identity, board.clone(), |_, site| {
        let credentials = site.credentials.as_mut().expect("enrolled");
        let owned = credentials.ownership.as_ref().expect("claimed");
        assert_eq!(owned.components.len(), 1, "as it was before");
        credentials.mqtt_url = "mqtts://localhost:1".to_owned();
    });
    until("the lamp is wired", async || {
        (board.diary() == ["+cpu@0", "+led@17"]).then_some(())
    })
    .await;
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_report_interval_is_taken_over_and_kept_while_the_agent_runs() {
    const DAY_MS: i64 = 86_400_000;
    let bench = Bench::new("AG-4").await;
    assert_eq!(bench.report_every(DAY_MS).await, 204);
    let agent = Agent::start_as_told(&bench.app, &bench.identity, Board::default(), |_, site| {
        let credentials = site.credentials.as_mut().expect("enrolled");
        credentials.report_interval_ms = DAY_MS;
    });
    agent.online().await;
    let first = until("it reports once", async || bench.last_report().await).await;
    for wrong in [0, 99, DAY_MS + 1] {
        assert_eq!(bench.report_every(wrong).await, 422, "{wrong}");
    }
    assert_eq!(bench.report_every(300).await, 204);
    let second = until("it does not wait for a day", async || {
        bench.last_report().await.filter(|at| *at > first)
    })
    .await;
    until("and goes on", async || {
        bench.last_report().await.filter(|at| *at > second)
    })
    .await;
    let kept = agent.site().credentials.expect("enrolled");
    assert_eq!(kept.report_interval_ms, 300, "for the next start");
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_revoked_while_it_runs_learns_it_and_ends() {
    let bench = Bench::new("AG-5").await;
    let (app, identity) = (&bench.app, &bench.identity);
    let patience = Duration::from_secs(2);
    let agent = Agent::start_set(app, identity, Board::default(), |settings| {
        settings.shut_out_patience = patience;
    });
    agent.online().await;
    let admin = bench.admin.actor.require_admin().expect("an administrator");
    service::devices::revoke(app.services(), &admin, identity.id)
        .await
        .expect("revoked");
    // And where it is started again.
    for agent in [agent, Agent::start(app, identity, Board::default())] {
        let ended = agent.ended().await;
        let revoked = matches!(ended, Err(RunError::Enroll(EnrollError::Revoked)));
        assert!(revoked, "{ended:?}");
    }
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_clock_ran_ahead_says_again_who_it_is() {
    const AHEAD_MS: i64 = 600_000;
    let clock = Arc::new(ManualClock::at(SystemClock.now().plus_ms(-AHEAD_MS)));
    let bench = Bench::on(App::start_at(clock.clone()).await, "AG-6").await;
    let (app, identity) = (&bench.app, &bench.identity);
    let agent = Agent::start_set(app, identity, Board::default(), |settings| {
        settings.greet_again = Duration::from_millis(200);
    });
    let refused = "ImplementationSpecificError";
    agent
        .says(|status| status.trouble.as_deref() == Some(refused))
        .await;
    assert_eq!(bench.last_report().await, None, "it waits for who it is");
    clock.advance_ms(AHEAD_MS);
    until("it was heard", async || bench.last_report().await).await;
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

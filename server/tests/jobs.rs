//! One instruction to many devices over a real broker: every device ends in a named state, whatever it does.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use domain::{
    Page,
    device::{DeviceKind, Presence},
    job::{Job, JobState, Preview, Step, StepState},
    live::LiveEvent,
    role::{DeviceRole, SiteRole},
};
use entity::job_device::{Column, Entity};
use futures::{StreamExt as _, stream};
use protocol::{CommandMessage, Topic};
use reqwest::{Client, StatusCode};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
use serde_json::{Value, json};
use service::{
    accounts,
    devices::{NewDevice, sharing},
};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer, now},
};
use tokio::task::JoinHandle;

/// Devices of the large job: enough for every way of ending, few enough for two cores.
const MANY: usize = 200;
/// Names another number of them, such as 1000.
const MANY_VARIABLE: &str = "MADANG_TEST_JOB_DEVICES";
/// Enrolments and connections at the same time.
const AT_ONCE: usize = 16;

/// What a device does with what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Obeys,
    /// Fails the first time.
    Fails,
    /// Is not there.
    Away,
    /// Takes it, begins, and is gone.
    Dies,
}

/// 5 % fail, 5 % are away, 2 % die in the middle.
fn manner(number: usize) -> Manner {
    match number % 100 {
        0..5 => Manner::Fails,
        5..10 => Manner::Away,
        10..12 => Manner::Dies,
        _ => Manner::Obeys,
    }
}

struct Simulated {
    manner: Manner,
    identity: Identity,
    told: Arc<AtomicU32>,
    /// Ends with the device.
    task: Option<JoinHandle<()>>,
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Simulated {
    async fn new(app: &App, admin: &Person, number: usize, manner: Manner) -> Self {
        Self::of(app, admin, computer(&format!("JOB-{number:04}")), manner).await
    }

    async fn of(app: &App, admin: &Person, wish: NewDevice, manner: Manner) -> Self {
        let identity = Identity::enrol(app.services(), &admin.actor, Some(&admin.actor), wish)
            .await
            .expect("enrolled");
        let mut simulated = Self {
            manner,
            identity,
            told: Arc::default(),
            task: None,
        };
        if manner != Manner::Away {
            simulated.connect(app.mqtt()).await;
        }
        simulated
    }

    async fn connect(&mut self, broker: SocketAddr) {
        let device = Device::online(&self.identity, broker, 1).await;
        let (told, manner) = (self.told.clone(), self.manner);
        self.task = Some(tokio::spawn(live(device, manner, told)));
    }
}

async fn live(mut device: Device, manner: Manner, told: Arc<AtomicU32>) {
    let mut sequence = 1;
    loop {
        let Some(publish) = device.heard().await else {
            return;
        };
        let topic = std::str::from_utf8(&publish.topic).expect("text");
        let Ok(Topic::Command { .. }) = topic.parse() else {
            continue;
        };
        let envelope = protocol::open(&publish.payload).expect("an envelope");
        assert!(envelope.verify(topic, &device.identity.secret()));
        let command: CommandMessage =
            serde_json::from_value(Value::Object(envelope.body)).expect("a command");
        let times = told.fetch_add(1, Ordering::SeqCst);
        let mut steps = vec![
            json!({ "status": "accepted" }),
            json!({ "status": "executing", "progress": 50 }),
        ];
        match manner {
            Manner::Dies => {}
            Manner::Fails if times == 0 => {
                steps.push(json!({ "status": "failed", "reason": "out of paper" }));
            }
            _ => steps.push(json!({ "status": "completed", "output": { "pages": 3 } })),
        }
        for step in steps {
            sequence += 1;
            answer(&device, sequence, &command, step).await;
        }
        if manner == Manner::Dies {
            return;
        }
    }
}

async fn answer(device: &Device, sequence: u64, command: &CommandMessage, body: Value) {
    let topic = Topic::Result {
        device: device.identity.id,
        command: command.command_id,
    }
    .to_string();
    let Value::Object(mut body) = body else {
        unreachable!("an object")
    };
    body.insert("timestamp".to_owned(), now().0.into());
    body.insert("sequence".to_owned(), sequence.into());
    let payload = device.identity.sealed(&topic, body);
    assert_eq!(device.publish(&topic, payload).await, Answer::Accepted);
}

struct Api<'a> {
    app: &'a App,
    browser: Client,
}

impl Api<'_> {
    async fn post<T: serde::de::DeserializeOwned>(&self, path: &str, body: &Value) -> T {
        let answer = self.browser.post(self.app.url(path)).json(body).send();
        let answer = answer.await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("text");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    async fn refused(&self, path: &str, body: &Value) -> StatusCode {
        let answer = self.browser.post(self.app.url(path)).json(body).send();
        answer.await.expect("an answer").status()
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.browser.get(self.app.url(path)).send();
        answer.await.expect("an answer").json().await.expect("JSON")
    }

    /// Every device of a job.
    async fn steps(&self, job: &Job, state: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        for page in 1.. {
            let path = format!(
                "/api/jobs/{}/devices?state={state}&page_size=200&page={page}",
                job.id
            );
            let found: Page<Step> = self.get(&path).await;
            let last = found.items.len() < 200;
            steps.extend(found.items);
            if last {
                break;
            }
        }
        steps
    }

    /// Waits until every device of it has ended.
    async fn over(&self, job: &Job) -> Job {
        let over = async {
            let mut tick = tokio::time::interval(Duration::from_millis(100));
            loop {
                tick.tick().await;
                let job: Job = self.get(&format!("/api/jobs/{}", job.id)).await;
                if matches!(job.state, JobState::Finished | JobState::Cancelled) {
                    return job;
                }
            }
        };
        tokio::time::timeout(Duration::from_mins(5), over)
            .await
            .expect("an end in time")
    }
}

async fn fleet(app: &App, admin: &Person, many: usize) -> Vec<Simulated> {
    stream::iter(0..many)
        .map(|number| Simulated::new(app, admin, number, manner(number)))
        .buffered(AT_ONCE)
        .collect()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_of_a_job_ends_in_a_named_state() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let many = std::env::var(MANY_VARIABLE).map_or(MANY, |n| n.parse().expect("a number"));
    let fleet = fleet(&app, &admin, many).await;
    let api = Api {
        app: &app,
        browser: app.browser(Some(&admin)),
    };
    let wish = json!({
        "filter": "kind:computer",
        "name": "print",
        "arguments": { "copies": 3 },
        "valid_for_ms": 25_000 * many.div_ceil(MANY),
        "timeout_ms": 4_000,
        "concurrency": 40,
    });
    let preview: Preview = api.post("/api/jobs/preview", &wish).await;
    let count = |manner| {
        let such = fleet
            .iter()
            .filter(|device| device.manner == manner)
            .count();
        u32::try_from(such).expect("few")
    };
    assert_eq!(preview.total, u32::try_from(many).expect("few"));
    assert_eq!(preview.offline, count(Manner::Away));
    assert_eq!(preview.online, preview.total - count(Manner::Away));

    let job: Job = api.post("/api/jobs", &wish).await;
    assert_eq!(job.title, "print");
    assert_eq!(job.counts.total(), preview.total);
    let job = api.over(&job).await;
    assert_eq!(job.state, JobState::Finished);
    assert_eq!(job.counts.ended(), preview.total);
    let ends: BTreeMap<StepState, u32> = StepState::ALL
        .iter()
        .map(|state| (*state, job.counts.of(*state)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let expected = BTreeMap::from([
        (StepState::Succeeded, count(Manner::Obeys)),
        (StepState::Failed, count(Manner::Fails)),
        (StepState::Expired, count(Manner::Away)),
        (StepState::TimedOut, count(Manner::Dies)),
    ]);
    assert_eq!(ends, expected);

    // Each by itself, and why.
    let steps = api.steps(&job, "").await;
    let by_id: HashMap<_, _> = steps.iter().map(|step| (step.device, step)).collect();
    assert_eq!(by_id.len(), many);
    for device in &fleet {
        let step = by_id[&device.identity.id];
        let (state, reason) = match device.manner {
            Manner::Obeys => (StepState::Succeeded, None),
            Manner::Fails => (StepState::Failed, Some("out of paper")),
            Manner::Away => (StepState::Expired, Some("offline")),
            Manner::Dies => (StepState::TimedOut, Some("no_answer")),
        };
        assert_eq!((step.state, step.reason.as_deref()), (state, reason));
        if state == StepState::Succeeded {
            assert_eq!(step.output, Some(json!({ "pages": 3 })));
        }
        assert!(step.finished_at.is_some());
    }
    let dead = api.steps(&job, "timed_out,expired").await.len();
    assert_eq!(
        dead,
        usize::try_from(count(Manner::Away) + count(Manner::Dies)).expect("few")
    );

    // The retry touches those that failed, and nobody else.
    let before: Vec<u32> = fleet
        .iter()
        .map(|d| d.told.load(Ordering::SeqCst))
        .collect();
    let path = format!("/api/jobs/{}/retry", job.id);
    let again: Job = api.post(&path, &json!({ "states": ["failed"] })).await;
    assert_eq!(again.parent, Some(job.id));
    assert_eq!(again.counts.total(), count(Manner::Fails));
    let again = api.over(&again).await;
    assert_eq!(again.counts.succeeded, count(Manner::Fails));
    for (device, before) in fleet.iter().zip(before) {
        let more = u32::from(device.manner == Manner::Fails);
        let told = device.told.load(Ordering::SeqCst);
        assert_eq!(told, before + more, "{:?}", device.manner);
    }
    let succeeded = json!({ "states": ["succeeded"] });
    assert_eq!(
        api.refused(&path, &succeeded).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    drop(fleet);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_after_a_restart_and_those_not_started_are_cancelled() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let mut there = Simulated::new(&app, &admin, 1, Manner::Obeys).await;
    let mut late = Simulated::new(&app, &admin, 2, Manner::Away).await;
    let never = Simulated::new(&app, &admin, 3, Manner::Away).await;
    let ids: Vec<String> = [&there, &late, &never]
        .map(|device| device.identity.id.to_string())
        .to_vec();
    let job: Job = {
        let api = Api {
            app: &app,
            browser: app.browser(Some(&admin)),
        };
        let job: Job = api
            .post("/api/jobs", &json!({ "devices": ids, "name": "print" }))
            .await;
        let path = format!("/api/jobs/{}", job.id);
        testkit::until("the first is done", async || {
            let job: Job = api.get(&path).await;
            (job.counts.succeeded == 1 && job.counts.waiting == 2).then_some(job)
        })
        .await
    };
    if let Some(task) = there.task.take() {
        task.abort();
    }
    let app = app.restart().await;
    let api = Api {
        app: &app,
        browser: app.browser(Some(&admin)),
    };
    let path = format!("/api/jobs/{}", job.id);
    late.connect(app.mqtt()).await;
    testkit::until("the second is done", async || {
        let job: Job = api.get(&path).await;
        (job.counts.succeeded == 2).then_some(())
    })
    .await;
    let cancelled: Job = api.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(cancelled.counts.cancelled, 1);
    let over = api.over(&job).await;
    assert_eq!(over.state, JobState::Cancelled);
    assert_eq!(over.counts.succeeded, 2);
    assert_eq!(there.told.load(Ordering::SeqCst), 1, "told once");

    // Others see nothing of it, and a job of nobody is refused.
    let member = app
        .person(&admin, "member@example.org", domain::role::SiteRole::Member)
        .await;
    let stranger = app.browser(Some(&member)).get(app.url(&path)).send();
    let status = stranger.await.expect("an answer").status();
    assert_eq!(status, StatusCode::NOT_FOUND);
    let none = json!({ "filter": "name:nothing-is-called-so", "name": "print" });
    assert_eq!(
        api.refused("/api/jobs", &none).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let set = json!({ "devices": ids, "name": "set", "component_key": "pump", "arguments": {} });
    assert_eq!(api.refused("/api/jobs", &set).await, StatusCode::CONFLICT);
    drop((there, late, never));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_only_where_who_made_it_may_still_command() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let kim = app.person(&admin, "kim@example.org", SiteRole::Member);
    let kim = kim.await;
    let lee = app.person(&admin, "lee@example.org", SiteRole::GeneralAdmin);
    let lee = lee.await;
    let mut shared = Simulated::new(&app, &admin, 1, Manner::Away).await;
    let mut other = Simulated::new(&app, &admin, 2, Manner::Away).await;
    let services = app.services();
    let owner = admin.actor.require_owner(services, shared.identity.id);
    let owner = owner.await.expect("the owner");
    sharing::share(services, &owner, "kim@example.org", DeviceRole::Owner)
        .await
        .expect("shared");
    let api = |person: &Person| Api {
        app: &app,
        browser: app.browser(Some(person)),
    };
    let (of_kim, of_lee, of_admin) = (api(&kim), api(&lee), api(&admin));
    let print = |device: &Simulated| {
        let id = device.identity.id.to_string();
        json!({ "devices": [id], "name": "print", "valid_for_ms": 600_000 })
    };
    let by_kim: Job = of_kim.post("/api/jobs", &print(&shared)).await;
    let by_lee: Job = of_lee.post("/api/jobs", &print(&other)).await;
    let before = of_kim.steps(&by_kim, "").await.remove(0);
    assert!(before.visible && !before.device_name.is_empty());

    // While the devices are away, one is taken back from who made the job and the other's maker is deactivated.
    sharing::unshare(services, &owner, kim.actor.user.id)
        .await
        .expect("taken back");
    let proof = admin.actor.require_admin().expect("an administrator");
    accounts::set_active(services, &proof, lee.actor.user.id, false)
        .await
        .expect("deactivated");
    shared.connect(app.mqtt()).await;
    other.connect(app.mqtt()).await;
    for (job, device) in [(&by_kim, &shared), (&by_lee, &other)] {
        let over = of_admin.over(job).await;
        assert_eq!(over.counts.skipped, 1);
        let step = of_admin.steps(job, "").await.remove(0);
        assert_eq!(step.reason.as_deref(), Some("not_allowed"));
        assert_eq!(device.told.load(Ordering::SeqCst), 0, "never told");
    }

    // The job is still theirs, and the device is not.
    let after = of_kim.steps(&by_kim, "").await.remove(0);
    assert_eq!((after.device, after.visible), (before.device, false));
    assert_eq!((after.device_name.as_str(), after.output), ("", None));
    assert_eq!(after.presence, Presence::Offline, "it is there");
    assert_eq!(after.state, StepState::Skipped);
    assert_eq!(after.reason.as_deref(), Some("not_allowed"));
    let (id, name) = (by_kim.id, &before.device_name);
    let path = format!("/api/jobs/{id}/devices?search={name}");
    let found: Page<Step> = of_admin.get(&path).await;
    assert_eq!(found.total, 1);
    let found: Page<Step> = of_kim.get(&path).await;
    assert_eq!(found.total, 0, "nobody learns its name by asking");
    drop((shared, other));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_ends_without_those_who_were_given_up_or_revoked_and_is_found_by_its_words() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let (client, mut ids) = (app.browser(Some(&admin)), Vec::new());
        for number in 1..=3 {
            let device = Simulated::new(&app, &admin, number, Manner::Away).await;
            ids.push(device.identity.id);
        }
        let api = Api {
            app: &app,
            browser: client.clone(),
        };
        let wish = |title: &str, devices: [usize; 2]| {
            let devices = devices.map(|number| ids[number]);
            json!({ "title": title, "name": "print", "devices": devices })
        };
        let job: Job = api.post("/api/jobs", &wish("Print All", [0, 1])).await;
        let other: Job = api.post("/api/jobs", &wish("100 % ink", [0, 2])).await;
        let mut watching = app.services().bus.subscribe();

        let given_up = client.delete(app.url(&format!("/api/devices/{}", ids[0])));
        let status = given_up.send().await.expect("an answer").status();
        assert_eq!(status, StatusCode::NO_CONTENT);
        // At once, in both.
        for job in [&job, &other] {
            let job: Job = api.get(&format!("/api/jobs/{}", job.id)).await;
            assert_eq!((job.counts.waiting, job.counts.skipped), (1, 1));
        }
        testkit::until("who watches is told", async || {
            let told = watching.try_recv().ok()?;
            let left_out = matches!(*told, LiveEvent::Job { counts, .. } if counts.skipped == 1);
            left_out.then_some(())
        })
        .await;
        let revoked = client.post(app.url(&format!("/api/devices/{}/revoke", ids[1])));
        let status = revoked.send().await.expect("an answer").status();
        assert_eq!(status, StatusCode::NO_CONTENT);
        // As one whose ownership ended while the job was made.
        Entity::update_many()
            .col_expr(Column::Ownership, Expr::value(0_i64))
            .filter(Column::JobId.eq(other.id.0))
            .exec(&app.services().db.write)
            .await
            .expect("another ownership");
        for (job, second) in [(&job, "device_revoked"), (&other, "ownership_changed")] {
            let over = api.over(job).await;
            assert_eq!((over.state, over.counts.skipped), (JobState::Finished, 2));
            let steps = api.steps(job, "skipped").await;
            let reasons = steps.iter().map(|step| step.reason.as_deref());
            assert!(reasons.eq([Some("ownership_changed"), Some(second)]));
        }

        // What stands for anything elsewhere stands for itself here.
        for (search, jobs) in [("%25", 1), ("_", 0), ("pRINT%20all", 1)] {
            let found: Page<Job> = api.get(&format!("/api/jobs?search={search}")).await;
            assert_eq!(found.total, jobs, "{search}");
            let path = format!("/api/jobs/{}/devices?search={search}", job.id);
            let found: Page<Step> = api.get(&path).await;
            assert_eq!(found.total, 0, "{search}");
        }
        app.stop().await;
    }
}

/// A device with a fan.
fn with_fan(serial: &str, kind: DeviceKind, hardware_version: &str) -> NewDevice {
    NewDevice {
        kind,
        hardware_version: hardware_version.to_owned(),
        components: ["cpu", "fan"]
            .map(|name| name.parse().expect("a type"))
            .to_vec(),
        ..computer(serial)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_brings_what_is_dimmed_to_a_level_and_leaves_out_what_is_only_switched() {
    let app = App::start().await;
    let admin = app.set_up().await;
    // The fan of a board is at a pin that is driven with pulses; that of a computer is at none.
    let board = with_fan("JOB-1001", DeviceKind::Board, "5");
    let dimmed = Simulated::of(&app, &admin, board, Manner::Fails).await;
    let computer = with_fan("JOB-1002", DeviceKind::Computer, "pc");
    let switched = Simulated::of(&app, &admin, computer, Manner::Obeys).await;
    let api = Api {
        app: &app,
        browser: app.browser(Some(&admin)),
    };
    let [first, second] = [&dimmed, &switched].map(|device| device.identity.id.to_string());
    let wish = json!({
        "devices": [first, second], "name": "set", "component_key": "fan", "level": 40,
        // What is desired of it would be tried besides.
        "transient": true,
    });
    let preview: Preview = api.post("/api/jobs/preview", &wish).await;
    assert_eq!((preview.online, preview.no_level), (1, 1));
    let fan = preview.actuators.first().expect("the fan");
    assert_eq!((fan.devices, fan.with_level), (2, 1));

    let job: Job = api.post("/api/jobs", &wish).await;
    assert_eq!(job.title, "fan → 40 %");
    assert_eq!(job.arguments, json!({ "level": 40 }));
    let job = api.over(&job).await;
    assert_eq!((job.counts.failed, job.counts.skipped), (1, 1));
    let left_out = api.steps(&job, "skipped").await.remove(0);
    assert_eq!(left_out.device, switched.identity.id);
    assert_eq!(left_out.reason.as_deref(), Some("no_level"));
    assert_eq!(switched.told.load(Ordering::SeqCst), 0, "never told");

    // Tried again it is the same level.
    let path = format!("/api/jobs/{}/retry", job.id);
    let again: Job = api.post(&path, &json!({ "states": ["failed"] })).await;
    assert_eq!(
        (&again.title, &again.arguments),
        (&job.title, &job.arguments)
    );
    assert_eq!(api.over(&again).await.counts.succeeded, 1);
    // Who was left out has no level now either.
    let nobody = api.refused(&path, &json!({ "states": ["skipped"] })).await;
    assert_eq!(nobody, StatusCode::UNPROCESSABLE_ENTITY);

    // Nobody has levels, no such level, and two things at once.
    let refused = async |change: Value| {
        let mut wish = wish.clone();
        let (members, change) = (wish.as_object_mut(), change.as_object().cloned());
        members.expect("members").extend(change.expect("members"));
        api.refused("/api/jobs", &wish).await
    };
    for change in [
        json!({ "devices": [second] }),
        json!({ "level": 101 }),
        json!({ "level": -1 }),
        json!({ "arguments": { "status": "ON" } }),
        json!({ "name": "print" }),
    ] {
        let status = refused(change.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{change}");
    }
    drop((dimmed, switched));
    app.stop().await;
}

//! Devices that are not ours: the documented Python device over MQTT 3.1.1 and 5, and `mosquitto_pub`
//! with a certificate, also as the documented script signs for it. What they need beside Python is installed into a
//! folder of the build.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use domain::{
    command::{CommandState, NewCommand},
    device::{DeviceDetail, DeviceKind, Presence},
    event::RefusalReason,
};
use service::{
    commands,
    devices::{self, NewDevice},
};
use testkit::{
    app::{App, Person},
    device::PATIENCE,
    until,
};
use tokio::process::{Child, Command};

const PAHO: &str = "paho-mqtt==2.1.0";

async fn done(command: &mut Command) {
    let output = command.output().await.expect("a program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// A Python with paho.
async fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("paho-2.1.0");
    let python = folder.join("bin/python");
    let complete = folder.join("complete");
    if !complete.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&folder)).await;
        done(Command::new(&python).args(["-m", "pip", "install", "--quiet", PAHO])).await;
        std::fs::write(complete, PAHO).expect("a mark");
    }
    python
}

struct Board<'a> {
    app: &'a App,
    admin: &'a Person,
    id: domain::DeviceId,
    link: String,
    folder: tempfile::TempDir,
    python: PathBuf,
}

impl Board<'_> {
    fn start(&self, words: &[&str]) -> Child {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/devices/paho_device.py");
        Command::new(&self.python)
            .arg(script)
            .arg("--state")
            .arg(self.folder.path())
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Python")
    }

    async fn ended_well(&self, mut child: Child) {
        let ended = tokio::time::timeout(2 * PATIENCE, child.wait()).await;
        assert!(ended.expect("an end in time").expect("a status").success());
    }

    async fn page(&self) -> Option<DeviceDetail> {
        let services = self.app.services();
        let viewer = self.admin.actor.require_viewer(services, self.id).await;
        devices::detail(services, &viewer.ok()?).await.ok()
    }

    async fn stored(&self) -> u64 {
        use sea_orm::{EntityTrait as _, PaginatorTrait as _};
        let rows = entity::report::Entity::find();
        let count = rows.count(&self.app.services().db.read).await;
        count.expect("a count")
    }

    /// Waits until the session before has gone: two of one name are a takeover.
    async fn offline(&self) {
        until("the session before has ended", async || {
            let page = self.page().await?;
            (page.summary.presence.presence == Presence::Offline).then_some(())
        })
        .await;
    }

    /// What is kept apart of it.
    async fn apart(&self) -> u64 {
        use sea_orm::{EntityTrait as _, PaginatorTrait as _};
        let rows = entity::identity_quarantine::Entity::find();
        let count = rows.count(&self.app.services().db.read).await;
        count.expect("a count")
    }

    /// The documented script, which says who the device is and reports.
    async fn by_hand(&self, component: &str, reading: &str) {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/devices/mosquitto_device.sh");
        let mut command = Command::new("sh");
        command.arg(script).arg(self.folder.path());
        command.args([component, reading]);
        done(&mut command).await;
    }

    /// One message as it stands, without a signature.
    async fn mosquitto_pub(&self, topic: &str, message: &str, version: &str) {
        let file = |name: &str| self.folder.path().join(name);
        let port = self.app.mqtt().port().to_string();
        let (id, words) = (self.id.to_string(), ["-h", "localhost", "-p", &port]);
        let mut command = Command::new("mosquitto_pub");
        command.args(words).arg("--cafile").arg(file("ca.pem"));
        command.arg("--cert").arg(file("device.pem"));
        command.arg("--key").arg(file("key.pem"));
        command.args([
            "-V", version, "-i", &id, "-q", "1", "-t", topic, "-m", message,
        ]);
        done(&mut command).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_in_python_and_one_by_hand() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let services = app.services();
    let wish = NewDevice {
        cpu_serial: "PAHO-1".to_owned(),
        uuid: None,
        kind: DeviceKind::Board,
        hardware_version: "5".to_owned(),
        hardware_variant: "Standard".to_owned(),
        name: None,
        components: ["dht22", "led"]
            .iter()
            .map(|c| c.parse().expect("a type"))
            .collect(),
    };
    let proof = admin.actor.require_admin().expect("an administrator");
    let made = devices::preregister(services, &proof, wish)
        .await
        .expect("a label");
    let code = made.code.to_string();
    devices::claim(services, &admin.actor, "PAHO-1", &code)
        .await
        .expect("claimed");
    let board = Board {
        app: &app,
        admin: &admin,
        id: made.id,
        link: made.link.to_string(),
        folder: tempfile::tempdir().expect("a folder"),
        python: python().await,
    };

    // Enrolment and five reports over MQTT 3.1.1.
    let words = [
        board.link.as_str(),
        "--mqtt",
        "3",
        "--reports",
        "5",
        "--interval",
        "0.05",
    ];
    board.ended_well(board.start(&words)).await;
    assert_eq!(board.stored().await, 5);
    let page = board.page().await.expect("its page");
    assert!(page.state.contains_key("dht22_temp"), "{:?}", page.state);

    // MQTT 5, and a lamp that is switched.
    let running = board.start(&["--mqtt", "5", "--interval", "0.1"]);
    until("online", async || {
        let page = board.page().await?;
        (page.summary.presence.presence == Presence::Online).then_some(())
    })
    .await;
    let owner = admin
        .actor
        .require_owner(services, board.id)
        .await
        .expect("the owner");
    let on = NewCommand {
        name: "set".to_owned(),
        component: Some("led".parse().expect("a key")),
        arguments: serde_json::json!({ "status": "ON" }),
        valid_for_ms: 60_000,
        options: domain::command::CommandOptions::default(),
    };
    let sent = commands::send(services, &owner, on).await.expect("queued");
    let viewer = admin
        .actor
        .require_viewer(services, board.id)
        .await
        .expect("a viewer");
    until("the lamp answers", async || {
        let command = commands::get(services, &viewer, sent.id).await.ok()?;
        (command.state == CommandState::Completed).then_some(())
    })
    .await;
    let page = board.page().await.expect("its page");
    let on = domain::Scalar::Text("ON".to_owned());
    assert_eq!(page.state.get("led"), Some(&on));
    drop(running);

    // By hand: refused and acknowledged in both versions, and seen on the device's page. What was under way when the
    // device was ended is stored before it is offline.
    board.offline().await;
    let before = board.stored().await;
    let refused = async |reason: RefusalReason| {
        let page = board.page().await.expect("its page");
        let mut counts = page.refusals.iter().flatten();
        counts
            .find(|count| count.reason == reason)
            .map_or(0, |count| count.count)
    };
    let topic = format!("telemetry/admin@example.org/{}/dht22/status", board.id);
    for (times, version) in [(1, "mqttv311"), (2, "mqttv5")] {
        board.offline().await;
        board
            .mosquitto_pub(&topic, "{\"not\": \"signed\"}", version)
            .await;
        until("the refusal is counted", async || {
            (refused(RefusalReason::Malformed).await == times).then_some(())
        })
        .await;
    }
    assert_eq!(board.stored().await, before);

    // Signed by hand: who it is is taken, and the report, over another connection, is kept apart.
    board.offline().await;
    let apart = board.apart().await;
    board.by_hand("dht22", r#"{"values": {"temp": 25}}"#).await;
    until("who it is", async || {
        let agent = board.page().await?.summary.agent_version;
        (agent.as_deref() == Some("mosquitto_pub")).then_some(())
    })
    .await;
    assert_eq!(board.apart().await, apart + 1);
    assert_eq!(board.stored().await, before);
    assert_eq!(refused(RefusalReason::WrongSignature).await, 0);
    app.stop().await;
}

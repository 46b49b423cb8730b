//! The subcommands for developers, as the real programs: what a site begins with, devices that are none, another
//! UUID, certificates, and a device by hand.

use agent::{
    device::Settings,
    folder::Folder,
    hand::Hand,
    simulate::{self, Manifest},
};
use domain::{
    Scalar,
    device::{DeviceDetail, DeviceQuery},
    event::{DeviceEvent, EventKind, RefusalReason},
};
use protocol::enroll::ClaimLink;
use serde_json::Value;
use service::{
    catalog::{hardware, types},
    devices,
};
use testkit::{
    app::App,
    device::{Device, Identity, computer},
    tools::Madang,
    until,
};
use tokio_util::sync::CancellationToken;

const MADANG: Madang = Madang(env!("CARGO_BIN_EXE_madang"));

fn request() -> (rcgen::KeyPair, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let request = rcgen::CertificateParams::default()
        .serialize_request(&key)
        .and_then(|request| request.pem());
    (key, request.expect("a signing request"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_seeded_and_its_variants_and_uuids_are_looked_after() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let wish = computer("TOOLS-1");
    let identity = Identity::enrol(app.services(), &admin.actor, Some(&admin.actor), wish)
        .await
        .expect("enrolled");
    let other = Identity::enrol(app.services(), &admin.actor, None, computer("TOOLS-2"))
        .await
        .expect("enrolled");
    let proof = admin.actor.require_admin().expect("an administrator");
    let light = "bh1750".parse().expect("a type");
    types::delete(app.services(), &proof, &light)
        .await
        .expect("deleted");
    hardware::delete_version(app.services(), &proof, "3B")
        .await
        .expect("deleted");
    let data = app.data().to_owned();
    let data = data.as_path();
    let stopped = app.pause().await;

    // One pin of each of four boards in two variants, and a computer's ports in both.
    let said = MADANG.printed(data, &["seed"], "");
    let back = "without 1 types, 1 models, 0 variants and 10 pin rules";
    assert!(said.contains(back), "{said}");
    let said = MADANG.printed(data, &["seed"], "");
    let nothing = "without 0 types, 0 models, 0 variants and 0 pin rules";
    assert!(said.contains(nothing), "{said}");
    MADANG.printed(
        data,
        &["variants", "add", "Outdoor", "--description", "물에 견딤"],
        "",
    );
    MADANG.refused(data, &["variants", "add", "Outdoor"], "hardware_known");
    let list = MADANG.printed(data, &["variants", "list", "--json"], "");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let names: Vec<_> = list["variants"]
        .as_array()
        .expect("variants")
        .iter()
        .filter_map(|variant| variant["name"].as_str())
        .collect();
    assert!(
        names.contains(&"Outdoor") && names.contains(&"Standard"),
        "{names:?}"
    );
    MADANG.printed(data, &["variants", "remove", "Outdoor"], "");
    MADANG.refused(data, &["variants", "remove", "Outdoor"], "no variant");

    // Another certificate for a key that stays here.
    let (key, csr) = request();
    let id = identity.id.to_string();
    let pem = MADANG.printed(data, &["certificates", "issue", &id, "--csr", "-"], &csr);
    let mut renewed = identity.clone();
    renewed.credentials.certificate = pem;
    let (ca, pem) = (&renewed.credentials.ca, &renewed.credentials.certificate);
    let tls = agent::trust::mutual(ca, pem, &key.serialize_pem());
    renewed.tls = std::sync::Arc::new(tls.expect("a certificate"));
    MADANG.refused(
        data,
        &["certificates", "issue", &id, "--csr", "nothing.pem"],
        "nothing.pem",
    );

    // Another UUID.
    let taken = other.id.to_string();
    MADANG.refused(
        data,
        &["device", "set-uuid", &id, &taken],
        "another device has this UUID",
    );
    let app = stopped.start().await;
    let known = types::list(app.services(), &admin.actor).await;
    let known = known.expect("types");
    assert!(known.iter().any(|known| known.component_type == light));
    let models = hardware::versions(app.services(), &admin.actor).await;
    let models = models.expect("models");
    assert!(models.iter().any(|model| model.version == "3B"));
    Device::connect(&renewed, app.mqtt())
        .await
        .expect("let in")
        .leave()
        .await;
    let stopped = app.pause().await;
    let made = MADANG.printed(data, &["device", "set-uuid", &id, "--json"], "");
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let now = made["device_uuid"].as_str().expect("a UUID").to_owned();
    assert_ne!(now, id);
    MADANG.refused(data, &["device", "set-uuid", &id], "no such thing");

    let app = stopped.start().await;
    assert!(
        Device::connect(&renewed, app.mqtt()).await.is_err(),
        "the old one"
    );
    let code = made["code"].as_str().expect("a code").to_owned();
    let again = Identity::with_code(app.services(), "TOOLS-1".to_owned(), code)
        .await
        .expect("enrolled again");
    assert_eq!(again.id.to_string(), now);
    assert!(again.credentials.ownership.is_some(), "its owner stays");
    Device::online(&again, app.mqtt(), 1).await.leave().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simulated_devices_are_made_and_their_faults_are_noticed() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let data = app.data().to_owned();
    let data = data.as_path();
    let stopped = app.pause().await;
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = folder.path().join("site.json");
    let path = manifest.to_str().expect("text");
    MADANG.refused(
        data,
        &["simulate", "1", "--fault", "clone=2", "--manifest", path],
        "more than 1",
    );
    MADANG.refused(
        data,
        &["simulate", "1", "--fault", "lazy", "--manifest", path],
        "flapping",
    );
    // Where the manifest cannot be written nothing is made: the first that are made below have the first numbers.
    let nowhere = folder.path().join("nowhere").join("site.json");
    let nowhere = nowhere.to_str().expect("text");
    let output = MADANG.run(data, &["simulate", "1", "--manifest", nowhere], "");
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{why}");
    assert!(why.contains(nowhere), "{why}");
    assert_eq!(why.matches("os error 2").count(), 1, "{why}");
    let whole = folder.path().to_str().expect("text");
    MADANG.refused(data, &["simulate", "1", "--manifest", whole], "directory");
    let faults = [
        "flapping=1",
        "burst",
        "garbage=1",
        "clock_skew=1",
        "clone=1",
    ];
    let mut words = vec!["simulate", "6", "--manifest", path];
    for fault in faults {
        words.extend(["--fault", fault]);
    }
    let said = MADANG.printed(data, &words, "");
    assert!(said.contains("6 devices"), "{said}");
    // Another time there are others.
    let more = folder.path().join("more.json");
    MADANG.printed(
        data,
        &["simulate", "2", "--manifest", more.to_str().expect("text")],
        "",
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&manifest)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "it holds codes");
    }
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let parsed: Manifest = serde_json::from_str(&text).expect("a manifest of the simulator");
    assert_eq!(parsed.devices.len(), 6);
    let link: ClaimLink = parsed.devices[0].link.parse().expect("a link");
    assert_eq!(link.serial, "SIM-00001");

    // The simulator, against the site where it is now.
    let app = stopped.start().await;
    let mut parsed = parsed;
    for device in &mut parsed.devices {
        let mut link: ClaimLink = device.link.parse().expect("a link");
        link.origin = app.https("");
        device.link = link.to_string();
    }
    let text = serde_json::to_string(&parsed).expect("JSON");
    std::fs::write(&manifest, text).expect("written");
    let stop = CancellationToken::new();
    let settings = Settings {
        report_interval: Some(std::time::Duration::from_secs(1)),
        ..Settings::default()
    };
    let simulator = tokio::spawn({
        let (manifest, stop) = (manifest.clone(), stop.clone());
        async move { simulate::run(&manifest, settings, stop).await }
    });
    let services = app.services();
    let page = async |serial: &str| {
        let query = DeviceQuery {
            search: serial.to_owned(),
            ..DeviceQuery::default()
        };
        let found = devices::list(services, &admin.actor, &query)
            .await
            .expect("a list");
        let id = found.items.first().expect("a device").id;
        let viewer = admin
            .actor
            .require_viewer(services, id)
            .await
            .expect("a viewer");
        let events = devices::events(services, &viewer, None, 100)
            .await
            .expect("events");
        (
            devices::detail(services, &viewer).await.expect("a page"),
            events,
        )
    };
    let refusals = |page: &DeviceDetail, reason| {
        let told = page.refusals.as_ref().expect("an administrator");
        told.iter().any(|count| count.reason == reason)
    };
    until("one that comes and goes", async || {
        let (_, events) = page("SIM-00001").await;
        let gone = |event: &&DeviceEvent| {
            event.kind == EventKind::Presence && event.detail["cause"] == "disconnected"
        };
        events.iter().find(gone).map(|_| ())
    })
    .await;
    until("one that floods", async || {
        let (page, _) = page("SIM-00002").await;
        (page.summary.revision > 40).then_some(())
    })
    .await;
    until("one that sends garbage", async || {
        let (page, _) = page("SIM-00003").await;
        let odd = refusals(&page, RefusalReason::Malformed);
        (odd && page.state.contains_key("led")).then_some(())
    })
    .await;
    until("one whose clock is wrong", async || {
        let (page, _) = page("SIM-00004").await;
        refusals(&page, RefusalReason::ClockAhead).then_some(())
    })
    .await;
    let (well, _) = page("SIM-00006").await;
    assert!(well.state.contains_key("dht22_temp"), "{:?}", well.state);
    assert!(well.refusals.as_ref().is_some_and(Vec::is_empty));
    stop.cancel();
    simulator.await.expect("ended").expect("well");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_spoken_for_and_listened_to_by_hand() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let wish = computer("HAND-1");
    let identity = Identity::enrol(app.services(), &admin.actor, Some(&admin.actor), wish)
        .await
        .expect("enrolled");
    let place = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(place.path()).expect("a folder");
    std::fs::write(place.path().join("key.pem"), &identity.key).expect("written");
    let mut credentials = identity.credentials.clone();
    credentials.mqtt_url = format!("mqtts://localhost:{}", app.mqtt().port());
    let site = agent::folder::Site {
        origin: app.url(""),
        serial: identity.serial.clone(),
        code: identity.code.clone(),
        ca_hash: String::new(),
        credentials: Some(credentials),
        key_file: "key.pem".to_owned(),
        renewed: None,
        board: None,
        disabled: None,
        vacant: false,
    };
    folder.save_site(&site).expect("saved");
    let page = async || -> DeviceDetail {
        let viewer = admin
            .actor
            .require_viewer(app.services(), identity.id)
            .await;
        devices::detail(app.services(), &viewer.expect("a viewer"))
            .await
            .expect("a page")
    };

    let mut hand = Hand::connect(&folder).await.expect("let in");
    assert_eq!(hand.introduce().await.expect("an answer"), "taken");
    let alert = ["average=99.5".to_owned()];
    assert_eq!(
        hand.report("cpu", None, &alert).await.expect("an answer"),
        "taken"
    );
    assert_eq!(
        hand.report("led", Some("ON"), &[])
            .await
            .expect("an answer"),
        "taken"
    );
    let state = page().await.state;
    assert_eq!(state["cpu_average"], Scalar::Number(99.5));
    assert_eq!(state["led"], Scalar::Text("ON".to_owned()));
    let unknown = hand
        .report("pump", Some("ON"), &[])
        .await
        .expect("an answer");
    assert!(unknown.contains("unknown_component"), "{unknown}");
    let garbage = hand
        .raw(&identity.topic("cpu").to_string(), b"{".to_vec(), false)
        .await;
    assert!(garbage.expect("an answer").contains("malformed"));
    assert!(
        hand.report("cpu", None, &["average".to_owned()])
            .await
            .is_err()
    );

    hand.subscribe().await.expect("subscribed");
    let client = app.browser(Some(&admin));
    let command = serde_json::json!({ "name": "reboot" });
    let sent = client
        .post(app.url(&format!("/api/devices/{}/command", identity.id)))
        .json(&command)
        .send()
        .await
        .expect("an answer");
    assert_eq!(sent.status().as_u16(), 202);
    let line = loop {
        let line = hand.heard().await.expect("a message");
        if line.contains("/reboot") {
            break line;
        }
    };
    assert!(line.starts_with("signed\tcommands/"), "{line}");
    assert_eq!(hand.offline().await.expect("an answer"), "taken");
    hand.close().await;
    until("offline", async || {
        let presence = page().await.summary.presence.presence;
        (presence == domain::device::Presence::Offline).then_some(())
    })
    .await;
    app.stop().await;
}

//! The agent's certificate is renewed before it ends, and never lost on the way.

use agent::folder::Renewed;
use domain::{DeviceId, TimestampMs, event::EventKind, identity::Act};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, QueryOrder};
use serde_json::{Value, json};
use service::{
    identity::{self, Standing},
    pki::issue::SigningRequest,
};
use testkit::{
    agent::Agent,
    app::{App, Person},
    device::{Identity, computer, now},
    until,
};

const DAY_MS: i64 = 86_400_000;

struct Bench {
    app: App,
    admin: Person,
    identity: Identity,
}

impl Bench {
    /// A device whose certificate was issued so many days ago; it is good for 397.
    async fn with_certificate_of(days: i64) -> Self {
        let app = App::start().await;
        let admin = app.set_up().await;
        let owner = Some(&admin.actor);
        let identity = Identity::enrol(app.services(), &admin.actor, owner, computer("R-1")).await;
        let mut bench = Self {
            app,
            admin,
            identity: identity.expect("a computer"),
        };
        let key = bench.identity.key.clone();
        let issued = bench.issue(&key, now().plus_ms(-days * DAY_MS)).await;
        bench.identity.credentials.certificate = issued;
        bench
    }

    /// A certificate for this key as the site would have issued it then, listed as its others are.
    async fn issue(&self, key: &str, at: TimestampMs) -> String {
        let services = self.app.services();
        let key = rcgen::KeyPair::from_pem(key).expect("a key");
        let csr = rcgen::CertificateParams::default()
            .serialize_request(&key)
            .and_then(|request| request.pem())
            .expect("a signing request");
        let request = SigningRequest::parse(&csr).expect("a signing request");
        let name = self.identity.id.to_string();
        let issued = services.pki.issue_client(request, &name, at);
        let issued = issued.expect("a certificate");
        let of = entity::certificate::Entity::find()
            .one(&services.db.read)
            .await
            .expect("the table")
            .expect("its first certificate");
        let row = entity::certificate::ActiveModel {
            serial: Set(issued.serial),
            device_id: Set(of.device_id),
            user_id: Set(None),
            label: Set(None),
            pem: Set(issued.pem.clone()),
            issued_ms: Set(at.0),
            expires_ms: Set(issued.expires_at.0),
            revoked_ms: Set(None),
            installation: Set(None),
            replaced_by: Set(None),
        };
        row.insert(&services.db.write).await.expect("it is listed");
        issued.pem
    }

    /// Every certificate ever issued, the oldest first, and whether it is still let in.
    async fn certificates(&self) -> Vec<(String, bool)> {
        entity::certificate::Entity::find()
            .order_by_asc(entity::certificate::Column::IssuedMs)
            .all(&self.app.services().db.read)
            .await
            .expect("the table")
            .into_iter()
            .map(|row| (row.pem, row.revoked_ms.is_none()))
            .collect()
    }

    /// What an administrator reads of the device's certificates over REST, newest first.
    async fn listed(&self) -> Vec<Value> {
        let path = format!("/api/devices/{}/certificates", self.identity.id);
        let browser = self.app.browser(Some(&self.admin));
        let answer = browser.get(self.app.url(&path)).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json().await.expect("JSON")
    }

    async fn reports(&self) -> Option<i64> {
        let services = self.app.services();
        let viewer = self
            .admin
            .actor
            .require_viewer(services, self.identity.id)
            .await;
        let detail = service::devices::detail(services, &viewer.expect("one's own")).await;
        let at = detail.expect("the device").summary.last_report_at;
        at.map(|at| at.0)
    }

    /// Waits until the agent has another certificate than the one it began with, and shows it.
    async fn renewed(&self, agent: &Agent) -> String {
        let first = &self.identity.credentials.certificate;
        let renewed = until("another certificate is in use", async || {
            let site = agent.site();
            let certificate = site.credentials.expect("enrolled").certificate;
            (site.renewed.is_none() && certificate != *first).then_some(certificate)
        })
        .await;
        agent.online().await;
        until("the former one is let in no more", async || {
            let known = self.certificates().await;
            let alone = known
                .iter()
                .all(|(pem, active)| *active == (*pem == renewed));
            alone.then_some(())
        })
        .await;
        renewed
    }
}

/// Measures the processor alone, as any machine can.
fn machine() -> agent::machine::Machine {
    let mut machine = agent::machine::Machine::default();
    machine.simulate.insert("cpu".to_owned());
    machine
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_before_it_ends_and_its_key_with_it() {
    let bench = Bench::with_certificate_of(390).await;
    let agent = Agent::start(&bench.app, &bench.identity, machine());
    agent.online().await;
    assert_eq!(
        bench.certificates().await.len(),
        2,
        "enrolled, and as if long ago"
    );
    let before = agent.site().key_file;
    let renewed = bench.renewed(&agent).await;
    let site = agent.site();
    assert_ne!(site.key_file, before);
    assert!(!agent.has_file(&before), "the former key is gone");
    let listed = bench.listed().await;
    let states: Vec<_> = listed.iter().map(|one| one["state"].as_str()).collect();
    let replaced = Some("replaced");
    assert_eq!(states, [Some("active"), replaced, replaced]);
    assert_eq!(listed[1]["replaced_by"], listed[0]["serial"]);
    assert!(listed[1]["ended_at"].is_i64() && listed[0]["ended_at"].is_null());
    let at = bench.reports().await;
    until("it goes on reporting", async || {
        (bench.reports().await > at).then_some(())
    })
    .await;
    let agent = agent.restart(machine()).await;
    agent.online().await;
    let kept = agent.site().credentials.expect("enrolled").certificate;
    assert_eq!(kept, renewed, "and is not renewed again");
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_certificate_has_ended_gets_another() {
    let bench = Bench::with_certificate_of(400).await;
    let agent = Agent::start(&bench.app, &bench.identity, machine());
    bench.renewed(&agent).await;
    until("it reports", async || bench.reports().await).await;
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_copy_is_known_of_keeps_its_certificate_until_people_have_decided() {
    let bench = Bench::with_certificate_of(390).await;
    let (services, id) = (bench.app.services(), bench.identity.id);
    let mut copy = bench.identity.shown(1);
    copy.insert("cpu_serial".to_owned(), json!("board-2"));
    copy.insert("device_uuid".to_owned(), json!(DeviceId::random()));
    let said = serde_json::from_value(Value::Object(copy)).expect("an identity");
    let heard = identity::heard(services, id, &said, None).await;
    let Ok(Standing::Held(finding)) = heard else {
        panic!("it is a copy: {heard:?}");
    };
    let agent = Agent::start(&bench.app, &bench.identity, machine());
    agent.online().await;
    until("it is refused another", async || {
        let viewer = bench.admin.actor.require_viewer(services, id).await;
        let events = service::devices::events(services, &viewer.ok()?, None, 50).await;
        let path = format!("api/devices/{id}/certificate");
        let is_of_it = |detail: &Value| detail["topic"] == path.as_str();
        let mut events = events.ok()?.into_iter();
        events
            .any(|event| event.kind == EventKind::Refused && is_of_it(&event.detail))
            .then_some(())
    })
    .await;
    let at = bench.reports().await;
    until("it goes on reporting", async || {
        (bench.reports().await > at).then_some(())
    })
    .await;
    let (site, first) = (agent.site(), &bench.identity.credentials.certificate);
    assert_eq!(site.renewed, None);
    assert_eq!(site.credentials.expect("enrolled").certificate, *first);

    let proof = bench.admin.actor.require_admin().expect("an administrator");
    identity::resolve(services, &proof, finding, Act::Discard)
        .await
        .expect("decided");
    // It asks again within about an hour, or at its next start.
    let agent = agent.restart(machine()).await;
    bench.renewed(&agent).await;
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_that_is_refused_leaves_the_former_one_in_use() {
    let bench = Bench::with_certificate_of(0).await;
    // One that the broker does not know: taken off the list before it was shown.
    let key = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let refused = bench.issue(&key, now().plus_ms(-DAY_MS)).await;
    let serial = entity::certificate::Entity::find()
        .all(&bench.app.services().db.read)
        .await
        .expect("the table")
        .into_iter()
        .find(|row| row.pem == refused)
        .expect("listed")
        .serial;
    let admin = bench.admin.actor.require_admin().expect("an administrator");
    service::certificates::revoke(bench.app.services(), &admin, &serial)
        .await
        .expect("revoked");
    let agent = Agent::start_with(&bench.app, &bench.identity, machine(), |folder, site| {
        std::fs::write(folder.path().join("key-2.pem"), &key).expect("a second key");
        site.renewed = Some(Renewed {
            certificate: refused.clone(),
            key_file: "key-2.pem".to_owned(),
        });
    });
    agent.online().await;
    let site = agent.site();
    assert_eq!(site.renewed, None);
    assert_eq!(
        (site.key_file.as_str(), agent.has_file("key-2.pem")),
        ("key.pem", false)
    );
    let certificate = site.credentials.expect("enrolled").certificate;
    assert_eq!(certificate, bench.identity.credentials.certificate);
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

//! A site that has everything once, and the parameters by which the run reaches it.

use std::fmt::Write as _;

use domain::{DeviceId, identity::Act};
use protocol::Topic;
use reqwest::{Method, header};
use serde_json::{Value, json};
use service::{accounts::api_key, identity};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
    installation::Installation,
    until,
};

/// What names something of the site, so that use cases are reached and not only their doors.
pub(super) struct Known(Vec<Parameters>);

/// The operations, by a regular expression, and the parameters of their paths.
type Parameters = (&'static str, Vec<(&'static str, String)>);

impl Known {
    /// For the configuration of schemathesis: of several entries that fit an operation the last holds.
    pub(super) fn entries(&self) -> String {
        let mut text = String::new();
        for (operations, parameters) in &self.0 {
            let values: Vec<String> = parameters
                .iter()
                .map(|(name, value)| format!("\"path.{name}\" = \"{value}\""))
                .collect();
            let _ = write!(
                text,
                "[[operations]]\ninclude-name-regex = '{operations}'\nparameters = {{ {} }}\n",
                values.join(", ")
            );
        }
        text
    }

    /// A site in which `owner` has one of each, and two where an operation ends it; `other` is shown a device.
    pub(super) async fn filled(app: &App, admin: &Person, owner: &Person, other: &Person) -> Self {
        let device = reporting(app, admin, owner).await;
        let spent = enrolled(app, admin, owner, "SPENT").await;
        let mut known = Self(Vec::new());
        known.of_devices(app, owner, other, &device, &spent).await;
        known.of_the_account(app, owner).await;
        known.of_jobs(app, owner, device.id).await;
        known.of_the_catalog(app, admin, owner).await;
        known.of_identities(app, admin, owner).await;
        known.of_imports(app, admin, owner).await;
        known
    }

    fn add<const N: usize>(
        &mut self,
        operations: &'static str,
        parameters: [(&'static str, String); N],
    ) {
        self.0.push((operations, parameters.into()));
    }

    /// A device that reported, was commanded and is shared; another one is given up and revoked.
    async fn of_devices(
        &mut self,
        app: &App,
        owner: &Person,
        other: &Person,
        device: &Identity,
        spent: &Identity,
    ) {
        let (device, spent) = (device.id.to_string(), spent.id.to_string());
        let place = format!("/api/devices/{device}");
        let wish =
            json!({ "name": "set", "component_key": "led", "arguments": { "status": "ON" } });
        let command = sent(app, owner, Method::POST, &format!("{place}/command"), wish).await;
        let wish = json!({ "email": other.actor.user.email, "role": "viewer" });
        let shared = sent(app, owner, Method::PUT, &format!("{place}/people"), wish).await;
        let wish = json!({ "add": ["contract"] });
        let tagged = sent(app, owner, Method::POST, "/api/devices/tags", wish).await;
        self.add(
            r"^[A-Z]+ /api/devices/\{id\}",
            [
                ("id", device.clone()),
                ("command", text(&command, "id")),
                ("component", "led".to_owned()),
                ("key", "cpu_average".to_owned()),
                ("user_id", text(&shared, "user_id")),
            ],
        );
        self.add(r"^DELETE /api/devices/\{id\}$", [("id", spent.clone())]);
        self.add(r"^POST /api/devices/\{id\}/revoke$", [("id", spent)]);
        self.add(
            r"^POST /api/devices/tags/",
            [("act", text(&tagged, "undo"))],
        );

        let place = format!("/api/components/devices/{device}/components");
        let get = app.browser(Some(owner)).get(app.url(&place));
        let attached: Value = get
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let id_of = |key: &str| {
            let mut all = attached.as_array().expect("components").iter();
            let found = all.find(|component| component["component_key"] == key);
            text(found.expect("attached"), "id")
        };
        self.add(
            r"^[A-Z]+ /api/components/devices/",
            [
                ("device_id", device.clone()),
                ("component_id", id_of("led")),
            ],
        );
        self.add(
            r"^(DELETE|POST) /api/components/devices/.*\{component_id\}",
            [("device_id", device), ("component_id", id_of("memory"))],
        );
    }

    async fn of_the_account(&mut self, app: &App, owner: &Person) {
        let services = app.services();
        api_key::create(services, &owner.actor, "contract")
            .await
            .expect("a key");
        let keys = api_key::list(services, &owner.actor).await.expect("keys");
        let key = keys[0].id.to_string();
        self.add(r"^DELETE /api/users/me/keys", [("id", key)]);
        let kept = Installation::admitted(app, owner, "kept").await;
        let spent = Installation::admitted(app, owner, "spent").await;
        self.add(r"^POST /api/users/me/apps/\{id\}", [("id", kept.id)]);
        self.add(r"^DELETE /api/users/me/apps", [("id", spent.id)]);
        let wish = json!({ "name": "contract" });
        let view = sent(app, owner, Method::POST, "/api/views", wish).await;
        self.add(r"^DELETE /api/views/", [("id", text(&view, "id"))]);
    }

    async fn of_jobs(&mut self, app: &App, owner: &Person, device: DeviceId) {
        let wish = json!({
            "devices": [device], "name": "set", "component_key": "led", "arguments": { "status": "ON" },
        });
        let job = sent(app, owner, Method::POST, "/api/jobs", wish.clone()).await;
        let spent = sent(app, owner, Method::POST, "/api/jobs", wish).await;
        self.add(r"^[A-Z]+ /api/jobs/\{id\}", [("id", text(&job, "id"))]);
        self.add(
            r"^POST /api/jobs/\{id\}/cancel$",
            [("id", text(&spent, "id"))],
        );
    }

    /// One of each that stays, and one that is deleted and brought back on the way.
    async fn of_the_catalog(&mut self, app: &App, admin: &Person, owner: &Person) {
        let mark = owner.actor.user.id.to_string().replace('-', "");
        let mut of: Vec<[String; 3]> = Vec::new();
        for (pin, what) in ["kept", "spent"].into_iter().enumerate() {
            let name = format!("{what}_{}", &mark[..20]);
            let make =
                async |path: &str, wish: Value| sent(app, admin, Method::POST, path, wish).await;
            let wish =
                json!({ "component_type": name, "display_name": what, "category": "sensor" });
            make("/api/components", wish).await;
            let wish =
                json!({ "version": name, "name": what, "kind": "board", "header": "numbered" });
            make("/api/hardware-versions", wish).await;
            let variant = make("/api/hardware-variants", json!({ "name": name })).await;
            // On what stays, so that it can be brought back.
            let model: &String = of.first().map_or(&name, |[first, ..]| first);
            let wish = json!({
                "hardware_version": model, "component_type": model, "pin_number": pin, "pin_mode": "IN",
            });
            let rule = make("/api/device-configs", wish).await;
            of.push([name, text(&variant, "id"), text(&rule, "id")]);
        }
        let Ok([kept, spent]) = <[_; 2]>::try_from(of) else {
            unreachable!("two were made");
        };
        let [name, variant, rule] = kept;
        self.add(
            r"^PUT /api/components/\{component_type\}$",
            [("component_type", name.clone())],
        );
        self.add(r"^PUT /api/hardware-versions/", [("version", name.clone())]);
        self.add(r"^PUT /api/hardware-variants/", [("id", variant)]);
        self.add(r"^GET /api/device-configs/", [("id", name)]);
        self.add(r"^PUT /api/device-configs/", [("id", rule)]);
        let [name, variant, rule] = spent;
        self.add(
            r"^(DELETE|POST) /api/components/\{component_type\}",
            [("component_type", name.clone())],
        );
        self.add(
            r"^(DELETE|POST) /api/hardware-versions/\{",
            [("version", name)],
        );
        self.add(
            r"^(DELETE|POST) /api/hardware-variants/\{",
            [("id", variant)],
        );
        self.add(r"^(DELETE|POST) /api/device-configs/\{", [("id", rule)]);
    }

    /// A finding that was decided about and can be undone, and one whose device must enrol again.
    async fn of_identities(&mut self, app: &App, admin: &Person, owner: &Person) {
        let decided = found(app, admin, owner, Act::Discard).await;
        let reprovisioned = found(app, admin, owner, Act::Reprovision).await;
        self.add(r"^[A-Z]+ /api/identity/\{id\}", [("id", decided)]);
        self.add(r"^POST /api/identity/\{id\}/code$", [("id", reprovisioned)]);
        self.add(
            r"^PUT /api/identity/policies/",
            [("kind", "clone".to_owned())],
        );
    }

    /// An import that is over, with lines that were made and one that was refused.
    async fn of_imports(&mut self, app: &App, admin: &Person, owner: &Person) {
        let serial = format!("IMPORTED-{}", owner.actor.user.id);
        let client = app.browser(Some(admin));
        let start = client
            .post(app.url("/api/devices/imports?name=contract.csv"))
            .header(header::CONTENT_TYPE, "text/csv")
            .body(format!("{serial}-1\n{serial}-2\n{serial}-1\n"));
        let started = start.send().await.expect("an answer");
        assert_eq!(started.status(), 202);
        let started: Value = started.json().await.expect("JSON");
        let import = text(&started, "import");
        let place = app.url(&format!("/api/devices/imports/{import}"));
        until("the import is over", async || {
            let answer = client.get(&place).send().await.expect("an answer");
            let import: Value = answer.json().await.expect("JSON");
            (import["state"] == "done").then_some(())
        })
        .await;
        self.add(
            r"^[A-Z]+ /api/devices/imports/\{import\}",
            [("import", import)],
        );
    }
}

/// The answer to a body that is taken.
async fn sent(app: &App, person: &Person, method: Method, path: &str, body: Value) -> Value {
    let request = app.browser(Some(person)).request(method, app.url(path));
    let answer = request.json(&body).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.expect("JSON")
}

/// A member that names something: a text or a number.
fn text(of: &Value, member: &str) -> String {
    match &of[member] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => panic!("{member}: {other} in {of}"),
    }
}

/// A device of this person; `serial` tells their devices apart.
async fn enrolled(app: &App, admin: &Person, owner: &Person, serial: &str) -> Identity {
    let wish = computer(&format!("CONTRACT-{serial}-{}", owner.actor.user.id));
    let identity = Identity::enrol(app.services(), &admin.actor, Some(&owner.actor), wish);
    identity.await.expect("a claimed device")
}

/// One that has reported.
async fn reporting(app: &App, admin: &Person, owner: &Person) -> Identity {
    let identity = enrolled(app, admin, owner, "USED").await;
    let device = Device::online(&identity, app.mqtt(), 1).await;
    for sequence in 2..10 {
        let answer = device.report("cpu", sequence, &[("average", 12.5)]).await;
        assert_eq!(answer, Answer::Accepted);
    }
    device.leave().await;
    identity
}

/// A finding about a device that said it is another board, decided about in this way.
async fn found(app: &App, admin: &Person, owner: &Person, act: Act) -> String {
    let services = app.services();
    let doubted = enrolled(app, admin, owner, act.as_str()).await;
    let device = Device::connect(&doubted, app.mqtt()).await.expect("let in");
    let topic = Topic::Identity(doubted.id).to_string();
    let mut body = doubted.shown(1);
    body.insert("cpu_serial".to_owned(), json!("another board"));
    let payload = doubted.sealed(&topic, body);
    device.publish(&topic, payload).await;
    let proof = admin.actor.require_admin().expect("an administrator");
    let finding = until("it is found", async || {
        let all = identity::list(services, &proof, None, None, "", 1);
        let mut all = all.await.expect("findings").items.into_iter();
        all.find(|finding| finding.device == doubted.id)
    })
    .await;
    identity::resolve(services, &proof, finding.id, act)
        .await
        .expect("resolved");
    finding.id.to_string()
}

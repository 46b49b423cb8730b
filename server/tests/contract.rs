//! The served OpenAPI document against the served interface, by schemathesis: no failure of the server, and
//! no answer that the document does not name.
//!
//! `cargo xtask contract` installs schemathesis, names it in `MADANG_SCHEMATHESIS` and runs this.

use std::{fmt::Write as _, path::Path, process::Stdio};

use domain::{
    account::Registration,
    command::{CommandOptions, NewCommand},
    role::SiteRole,
};
use service::{
    accounts::{Client, api_key, token},
    commands,
};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
    site::PASSWORD,
};
use tokio::process::Command;

/// What an answer is held to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method";

/// What names something of the site, so that use cases are reached and not only their doors.
struct Known {
    device: String,
    /// Given up and revoked on the way.
    spent: String,
    command: String,
    key: String,
}

impl Known {
    /// Parameters by operation, the more special ones later: the last that fits holds.
    fn configuration(&self, token: &str) -> String {
        let Self {
            device,
            spent,
            command,
            key,
        } = self;
        let mut text = format!(
            "color = false\nwarnings = false\n\
             [headers]\nAuthorization = \"Bearer {token}\"\n"
        );
        let of = [
            (r"^[A-Z]+ /api/devices/\\{id\\}", device),
            (r"^DELETE /api/devices/\\{id\\}$", spent),
            (r"^POST /api/devices/\\{id\\}/revoke$", spent),
            (r"^DELETE /api/users/me/keys", key),
        ];
        for (operations, id) in of {
            let _ = write!(
                text,
                "[[operations]]\ninclude-name-regex = \"{operations}\"\n\
                 parameters = {{ \"path.id\" = \"{id}\", \"path.command\" = \"{command}\", \
                 \"path.component\" = \"led\" }}\n"
            );
        }
        text
    }
}

/// A site that has everything once: a device of each person that reported and was commanded, a key.
async fn filled(app: &App, admin: &Person, owner: &Person) -> Known {
    let services = app.services();
    let mut devices = Vec::new();
    for number in 0..2 {
        let wish = computer(&format!("CONTRACT-{}-{number}", owner.actor.user.id));
        let identity = Identity::enrol(services, &admin.actor, Some(&owner.actor), wish);
        devices.push(identity.await.expect("a claimed device"));
    }
    let [used, spent] = devices.as_slice() else {
        unreachable!("two were made");
    };
    let device = Device::online(used, app.mqtt(), 1).await;
    for sequence in 2..10 {
        let answer = device.report("cpu", sequence, &[("average", 12.5)]).await;
        assert_eq!(answer, Answer::Accepted);
    }
    device.leave().await;
    let proof = owner.actor.require_owner(services, used.id).await;
    let wish = NewCommand {
        name: "set".to_owned(),
        component: Some("led".parse().expect("a key")),
        arguments: serde_json::json!({ "status": "ON" }),
        valid_for_ms: 3_600_000,
        options: CommandOptions::default(),
    };
    let proof = proof.expect("the owner");
    let command = commands::send(services, &proof, wish).await;
    let command = command.expect("queued").id.to_string();
    api_key::create(services, &owner.actor, "contract")
        .await
        .expect("a key");
    let keys = api_key::list(services, &owner.actor).await.expect("keys");
    Known {
        device: used.id.to_string(),
        spent: spent.id.to_string(),
        command,
        key: keys[0].id.to_string(),
    }
}

async fn hold(app: &App, program: &Path, admin: &Person, person: &Person) {
    let known = filled(app, admin, person).await;
    let email = person.actor.user.email.to_string();
    let client = Client::default();
    let tokens = token::log_in(app.services(), &email, PASSWORD, &client).await;
    let token = tokens.expect("tokens").access_token;
    let folder = tempfile::tempdir().expect("a folder");
    let configuration = folder.path().join("schemathesis.toml");
    std::fs::write(&configuration, known.configuration(&token)).expect("written");
    let mut command = Command::new(program);
    command.arg("--config-file").arg(&configuration).arg("run");
    command.arg(app.url("/api/openapi.json"));
    command.args(["--checks", CHECKS, "--max-examples", "25", "--seed", "1"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--workers", "2"]);
    command.args(["--continue-on-failure", "--request-timeout", "20"]);
    command.current_dir(folder.path()).stdin(Stdio::null());
    let output = command.output().await.expect("schemathesis");
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "as {email}:\n{said}\n{why}");
    // For who reads the run: how much was asked.
    tracing::info!("as {email}:\n{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis: cargo xtask contract"]
async fn the_interface_is_as_its_document_says() {
    let program = std::env::var_os("MADANG_SCHEMATHESIS").expect("`cargo xtask contract` sets it");
    let app = App::start_with(|config| config.accounts.registration = Registration::Open).await;
    let admin = app.set_up().await;
    let member = app
        .person(&admin, "member@example.org", SiteRole::Member)
        .await;
    for person in [&admin, &member] {
        hold(&app, program.as_ref(), &admin, person).await;
    }
    app.stop().await;
}

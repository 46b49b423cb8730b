//! The served OpenAPI document against the served interface, by schemathesis: no failure of the server, and
//! no answer that the document does not name.
//!
//! `cargo xtask contract` installs schemathesis, names it in `MADANG_SCHEMATHESIS` and runs this.

#[path = "contract/known.rs"]
mod known;

use std::{path::Path, process::Stdio};

use domain::{account::Registration, role::SiteRole};
use service::accounts::{Client, token};
use testkit::{
    app::{App, Person},
    site::PASSWORD,
};
use tokio::process::Command;

use known::Known;

/// What an answer is held to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method";

/// Of everything, what names something that is there.
const IN_FULL: [&str; 4] = [
    "--phases",
    "examples,coverage,fuzzing",
    "--max-examples",
    "25",
];
/// Of what is named in a path, what is made up.
const MADE_UP: [&str; 6] = [
    "--include-path-regex",
    r"\{",
    "--phases",
    "fuzzing",
    "--max-examples",
    "5",
];

async fn hold(app: &App, program: &Path, admin: &Person, person: &Person, other: &Person) {
    let known = Known::filled(app, admin, person, other).await;
    let email = person.actor.user.email.to_string();
    let client = Client::default();
    let tokens = token::log_in(app.services(), &email, PASSWORD, &client).await;
    let token = tokens.expect("tokens").access_token;
    let frame = format!(
        "color = false\nwarnings = false\n\
         [headers]\nAuthorization = \"Bearer {token}\"\n"
    );
    let in_full = format!("{frame}{}", known.entries());
    run(app, program, &email, &frame, &MADE_UP).await;
    run(app, program, &email, &in_full, &IN_FULL).await;
}

async fn run(app: &App, program: &Path, email: &str, configuration: &str, extent: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("schemathesis.toml");
    std::fs::write(&file, configuration).expect("written");
    let mut command = Command::new(program);
    command.arg("--config-file").arg(&file).arg("run");
    command.arg(app.url("/api/openapi.json"));
    command.args(["--checks", CHECKS, "--seed", "1"]);
    command.args(extent).args(["--workers", "2"]);
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
    for (person, other) in [(&admin, &member), (&member, &admin)] {
        hold(&app, program.as_ref(), &admin, person, other).await;
    }
    app.stop().await;
}

//! The subcommands, as the real program, on the data folder of a stopped site.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use testkit::{
    app::App,
    device::{Device, Ended, Identity},
};

/// Runs `madang` on this folder; what is in `input` is its standard input.
fn madang(data: &Path, words: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
    command.args(words).arg("--data-dir").arg(data);
    command.current_dir(data.parent().expect("a folder above"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.stderr(Stdio::piped()).spawn().expect("madang");
    let mut stdin = running.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    running.wait_with_output().expect("its end")
}

fn printed(data: &Path, words: &[&str], input: &str) -> String {
    let output = madang(data, words, input);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {why}");
    String::from_utf8(output.stdout).expect("text")
}

fn json(data: &Path, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&printed(data, &words, "")).expect("JSON")
}

fn refused(data: &Path, words: &[&str], because: &str) {
    let output = madang(data, words, "");
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{words:?} was done");
    assert!(why.contains(because), "{words:?}: {why}");
}

const PASSWORD: &str = "a long enough password";

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_site_is_looked_after_from_the_command_line() {
    let app = App::start().await;
    let data = app.data().to_owned();
    let data = data.as_path();
    refused(data, &["users", "list"], "in use by another madang");
    let stopped = app.pause().await;

    // The first account.
    refused(data, &["users", "list"], "no administrator yet");
    refused(data, &["users", "add", "kim@example.org"], "prime_admin");
    let first = [
        "users",
        "add",
        "Kim@Example.org",
        "--role",
        "prime_admin",
        "--password-stdin",
    ];
    let said = printed(data, &first, &format!("{PASSWORD}\n"));
    assert!(said.contains("kim@example.org (prime_admin)"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");

    // Others, and their roles.
    let made = json(data, &["users", "add", "lee@example.org", "--name", "이"]);
    let drawn = made["password"].as_str().expect("a password").to_owned();
    refused(
        data,
        &["users", "add", "lee@example.org"],
        "has an account already",
    );
    refused(
        data,
        &["users", "role", "lee@example.org", "king"],
        "prime_admin",
    );
    refused(
        data,
        &["users", "role", "nobody@example.org", "member"],
        "has no account",
    );
    refused(
        data,
        &["users", "role", "kim@example.org", "member"],
        "last prime administrator",
    );
    let said = printed(data, &["users", "role", "lee@example.org", "developer"], "");
    assert_eq!(said, "lee@example.org: member → developer\n");
    let people = json(data, &["users", "list"]);
    let roles: Vec<_> = people
        .as_array()
        .expect("people")
        .iter()
        .map(|p| &p["role"])
        .collect();
    assert_eq!(roles, ["prime_admin", "developer"]);
    refused(
        data,
        &["users", "list", "--as", "lee@example.org"],
        "no prime administrator",
    );

    // Devices.
    let made = json(
        data,
        &["preregister", "CLI-1", "CLI-2", "--kind", "computer"],
    );
    let code = made[0]["code"].as_str().expect("a code").to_owned();
    assert_eq!(made.as_array().map(Vec::len), Some(2));
    refused(data, &["preregister", "CLI-1"], "registered already");

    let app = stopped.start().await;
    let login = async |email: &str, password: &str| {
        let body = serde_json::json!({ "email": email, "password": password });
        let request = app.browser(None).post(app.url("/auth/login")).json(&body);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(login("kim@example.org", PASSWORD).await, 200);
    assert_eq!(login("lee@example.org", &drawn).await, 200);
    let identity = Identity::with_code(app.services(), "CLI-1".to_owned(), code)
        .await
        .expect("enrolled with the printed code");
    Device::connect(&identity, app.mqtt())
        .await
        .expect("let in")
        .leave()
        .await;
    let stopped = app.pause().await;

    // Certificates.
    let list = json(data, &["certificates", "list"]);
    assert_eq!(list[0]["holder"]["device"], identity.id.to_string());
    let serial = list[0]["serial"].as_str().expect("a serial").to_owned();
    printed(data, &["certificates", "revoke", &serial], "");
    refused(
        data,
        &["certificates", "revoke", &serial],
        "revoked already",
    );
    refused(data, &["certificates", "revoke", "00"], "no such thing");
    assert_eq!(
        json(data, &["certificates", "list"])
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    let all = json(data, &["certificates", "list", "--all"]);
    assert!(all[0]["revoked_at"].is_number(), "{all}");

    let app = stopped.start().await;
    let out = Device::connect(&identity, app.mqtt())
        .await
        .expect_err("revoked");
    assert!(matches!(out, Ended::Cut(_) | Ended::Told(_)));
    app.stop().await;
}

#[test]
fn a_folder_without_a_site_is_said_and_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("nothing");
    refused(&data, &["users", "list"], "there is no site in");
    assert!(!data.exists());
}

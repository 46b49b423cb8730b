//! The subcommands, as the real program, on the data folder of a stopped site.

use std::path::Path;

use serde_json::Value;
use testkit::{
    app::App,
    device::{Device, Ended, Identity},
    tools::Madang,
};

const MADANG: Madang = Madang(env!("CARGO_BIN_EXE_madang"));

fn json(data: &Path, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&MADANG.printed(data, &words, "")).expect("JSON")
}

const PASSWORD: &str = "a long enough password";

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_site_is_looked_after_from_the_command_line() {
    let app = App::start().await;
    let data = app.data().to_owned();
    let data = data.as_path();
    MADANG.refused(data, &["users", "list"], "in use by another madang");
    let stopped = app.pause().await;

    // The first account.
    MADANG.refused(data, &["users", "list"], "no administrator yet");
    MADANG.refused(data, &["users", "add", "kim@example.org"], "prime_admin");
    let first = [
        "users",
        "add",
        "Kim@Example.org",
        "--role",
        "prime_admin",
        "--password-stdin",
    ];
    let said = MADANG.printed(data, &first, &format!("{PASSWORD}\n"));
    assert!(said.contains("kim@example.org (prime_admin)"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");

    // Others, and their roles; also where nobody can register.
    let closed = data.with_file_name("madang.toml");
    std::fs::write(&closed, "[accounts]\nregistration = \"closed\"\n").expect("written");
    let made = json(data, &["users", "add", "lee@example.org", "--name", "이"]);
    let drawn = made["password"].as_str().expect("a password").to_owned();
    MADANG.refused(
        data,
        &["users", "add", "lee@example.org"],
        "has an account already",
    );
    MADANG.refused(
        data,
        &["users", "role", "lee@example.org", "king"],
        "prime_admin",
    );
    MADANG.refused(
        data,
        &["users", "role", "nobody@example.org", "member"],
        "has no account",
    );
    MADANG.refused(
        data,
        &["users", "role", "kim@example.org", "member"],
        "last prime administrator",
    );
    let said = MADANG.printed(data, &["users", "role", "lee@example.org", "developer"], "");
    assert_eq!(said, "lee@example.org: member → developer\n");
    let people = json(data, &["users", "list"]);
    let roles: Vec<_> = people
        .as_array()
        .expect("people")
        .iter()
        .map(|p| &p["role"])
        .collect();
    assert_eq!(roles, ["prime_admin", "developer"]);
    let signed_in = |people: &serde_json::Value| {
        let all = people.as_array().expect("people").iter();
        all.map(|person| !person["last_sign_in_at"].is_null())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        signed_in(&people),
        [false, false],
        "nobody has signed in yet"
    );
    MADANG.refused(
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
    MADANG.refused(data, &["preregister", "CLI-1"], "registered already");

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
    let people = json(data, &["users", "list"]);
    assert_eq!(signed_in(&people), [true, true]);

    // Certificates.
    let list = json(data, &["certificates", "list"]);
    assert_eq!(list[0]["holder"]["device"], identity.id.to_string());
    let serial = list[0]["serial"].as_str().expect("a serial").to_owned();
    MADANG.printed(data, &["certificates", "revoke", &serial], "");
    MADANG.refused(
        data,
        &["certificates", "revoke", &serial],
        "revoked already",
    );
    MADANG.refused(data, &["certificates", "revoke", "00"], "no such thing");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_site_begins_under_an_authority_of_one_s_own_and_keeps_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("own.pem"), folder.path().join("own.key"));
    let pair = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let own = params.self_signed(&pair).expect("an authority").pem();
    std::fs::write(&certificate, &own).expect("written");
    std::fs::write(&key, pair.serialize_pem()).expect("written");
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let take = ["authority", "use", certificate.as_str(), key.as_str()];
    let data = folder.path().join("data");
    let told = MADANG.printed(&data, &take, "");
    MADANG.refused(&data, &take, "a site keeps its authority");
    let hash = MADANG.printed(&data, &["authority", "show", "--hash"], "");
    assert!(told.contains(hash.trim()));

    let app = App::start_with(|config| config.data_dir.clone_from(&data)).await;
    let shown = MADANG.printed(&data, &["authority", "show"], "");
    assert_eq!(
        (shown.as_str(), app.ca_pem()),
        (own.as_str(), own.clone()),
        "also while it runs"
    );
    let admin = app.set_up().await;
    let owner = Some(&admin.actor);
    let wish = testkit::device::computer("OWN-1");
    let identity = Identity::enrol(app.services(), &admin.actor, owner, wish).await;
    let device = Device::online(&identity.expect("a computer"), app.mqtt(), 1).await;
    device.leave().await;
    app.stop().await;
}

#[test]
fn a_folder_without_a_site_is_said_and_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("nothing");
    MADANG.refused(&data, &["users", "list"], "there is no site in");
    assert!(!data.exists());
}

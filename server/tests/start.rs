//! Starting: what a server refuses to start with, and how it says so.

use server::StartError;
use testkit::{
    app::App,
    device::{Identity, computer},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_vault_key_is_not_replaced_while_secrets_need_it() {
    let app = App::start().await;
    let admin = app.set_up().await;
    Identity::enrol(
        app.services(),
        &admin.actor,
        Some(&admin.actor),
        computer("V-1"),
    )
    .await
    .expect("a claimed device");
    let key = app.data().join("pki/vault.key");
    let kept = std::fs::read(&key).expect("the key");
    let stopped = app.pause().await;

    std::fs::remove_file(&key).expect("removed");
    let refused = stopped.try_start().await.expect_err("no key");
    assert!(matches!(refused, StartError::VaultKey { .. }), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("vault.key is missing"), "{said}");
    assert!(said.contains("backup"), "{said}");
    assert!(!key.exists(), "refusing draws no key");

    std::fs::write(&key, "ab".repeat(32)).expect("another key");
    let refused = stopped.try_start().await.expect_err("another key");
    assert!(refused.to_string().contains("holds another key"));

    std::fs::write(&key, &kept).expect("from the backup");
    let app = stopped.start().await;
    let stopped = app.pause().await;

    // Without a backup.
    std::fs::remove_file(&key).expect("removed");
    server::forget_secrets(stopped.config())
        .await
        .expect("forgotten");
    let app = stopped.start().await;
    assert!(key.exists(), "a new key");
    let page = app.browser(Some(&admin)).get(app.url("/api/devices"));
    let list: serde_json::Value = page
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(list["total"], 1, "the device and its history stay");
    app.stop().await;
}

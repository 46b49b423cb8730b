//! The sessions of an app: few of them, and a socket for those alone that are here.

use domain::role::SiteRole;
use testkit::{app::App, installation::Installation, until};

/// Sockets of this process, which is why this test is alone in its program.
fn sockets() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").expect("its descriptors");
    open.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .filter(|to| to.to_string_lossy().starts_with("socket:"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_has_few_sessions_and_none_that_is_away_keeps_a_socket() {
    const MOST: usize = 16;
    let app = App::start().await;
    let admin = app.set_up().await;
    let kim = app
        .person(&admin, "kim@example.org", SiteRole::Member)
        .await;
    let phone = Installation::admitted(&app, &kim, "phone").await;
    let tablet = Installation::admitted(&app, &kim, "tablet").await;
    let id = |suffix: &str| format!("{}:{suffix}", kim.actor.user.id);
    for wrong in ["", "a/b", &"x".repeat(65)] {
        assert!(phone.connect_as(&app, id(wrong)).await.is_err(), "{wrong}");
    }

    let before = sockets();
    for n in 0..MOST {
        let session = phone.connect_lasting(&app, id(&format!("s{n}"))).await;
        session.expect("let in");
    }
    until("the sockets of who left are closed", async || {
        (sockets() <= before).then_some(())
    })
    .await;
    let one_more = phone.connect_lasting(&app, id("one-more")).await;
    assert!(one_more.is_err(), "they are all kept");
    let back = phone.connect_lasting(&app, id("s3")).await;
    back.expect("one of them");
    // Another installation has its own.
    let other = tablet.connect(&app).await.expect("let in");
    // One that asks for a new session and leaves makes room.
    phone.connect_as(&app, id("s4")).await.expect("let in");
    until("there is room", async || {
        phone.connect_as(&app, id("one-more")).await.ok()
    })
    .await;

    // An app is revoked while some of its sessions are away.
    let revoked = service::accounts::apps::revoke(app.services(), &kim.actor, &phone.id).await;
    revoked.expect("revoked");
    drop(other);
    app.stop().await;
}

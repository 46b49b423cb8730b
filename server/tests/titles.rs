//! The title of a page is the name of what it shows, whatever that name is.

use service::devices;
use testkit::{
    app::App,
    device::{Identity, computer},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_stays_a_name_in_the_head_of_a_page() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let identity = Identity::enrol(
        app.services(),
        &admin.actor,
        Some(&admin.actor),
        computer("S-1"),
    )
    .await
    .expect("a device");
    let viewer = admin
        .actor
        .require_viewer(app.services(), identity.id)
        .await
        .expect("its owner");
    let hostile = "x</title><meta http-equiv=refresh content=0;//evil.example> & Co";
    devices::set_nickname(app.services(), &viewer, hostile)
        .await
        .expect("a nickname");
    let browser = app.browser(Some(&admin));
    for page in ["", "/debug"] {
        let address = app.url(&format!("/devices/{}{page}", identity.id));
        let answer = browser.get(address).send().await.expect("an answer");
        let html = answer.text().await.expect("a page");
        let (_, title) = html.split_once("<title>").expect("a title");
        let (title, _) = title.split_once("</title>").expect("its end");
        assert!(title.contains("x&lt;/title&gt;"), "{title}");
        assert!(title.contains("evil.example&gt; &amp; Co"), "{title}");
        assert!(!html.contains("<meta http-equiv=refresh"), "{page}");
    }
    app.stop().await;
}

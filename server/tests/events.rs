//! What happened to devices, told to whom it concerns.

use domain::{event::EventKind, role::SiteRole};
use service::devices;
use testkit::{
    app::App,
    device::{Identity, computer},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_under_a_former_owner_takes_no_place_among_the_latest() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let services = app.services();
    let kim = app
        .person(&admin, "kim@example.org", SiteRole::Member)
        .await;
    let lee = app
        .person(&admin, "lee@example.org", SiteRole::Member)
        .await;
    let enrol = async |owner: &testkit::app::Person, serial: &str| {
        let wish = computer(serial);
        Identity::enrol(services, &admin.actor, Some(&owner.actor), wish)
            .await
            .expect("an enrolled device")
    };
    let of_lee = enrol(&lee, "E-1").await;
    let handed_on = enrol(&kim, "E-2").await;
    let owner = kim.actor.require_owner(services, handed_on.id).await;
    devices::unlink(services, &owner.expect("kim's"))
        .await
        .expect("given up");
    let proof = admin.actor.require_admin().expect("an administrator");
    let renewed = devices::renew_code(services, &proof, handed_on.id)
        .await
        .expect("a new code");
    devices::claim(services, &lee.actor, "E-2", &renewed.code.to_string())
        .await
        .expect("lee's now");

    let latest = devices::latest_events(services, &lee.actor, 2).await;
    let told: Vec<_> = latest
        .expect("events")
        .into_iter()
        .map(|(device, _, event)| (device, event.kind))
        .collect();
    let issued = EventKind::CredentialsIssued;
    assert_eq!(
        told,
        [
            (handed_on.id, EventKind::Claimed),
            (of_lee.id, issued) // what came between was under kim
        ]
    );
    app.stop().await;
}

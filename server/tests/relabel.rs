//! The ends of a device and its ways back, through the public interface: revoked and labelled anew, registered by
//! mistake and deleted, called otherwise.

use domain::{
    AppError,
    device::{DeviceDetail, Lifecycle},
    identity::Act,
    role::SiteRole,
};
use protocol::Topic;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use service::{devices, identity};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
};

/// What is answered to this request.
async fn asked(app: &App, client: &Client, method: Method, path: &str, body: &Value) -> Response {
    let request = client.request(method, app.url(path)).json(body);
    request.send().await.expect("an answer")
}

/// The status of an answer, and what its problem says.
async fn refused(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.expect("a problem");
    (status, problem["detail"].clone())
}

async fn enrolled(app: &App, admin: &Person, owner: &Person, serial: &str) -> Identity {
    let wish = computer(serial);
    Identity::enrol(app.services(), &admin.actor, Some(&owner.actor), wish)
        .await
        .expect("an enrolled device")
}

/// A connection that says it is this board with this storage.
async fn online(
    app: &App,
    identity: &Identity,
    sequence: u64,
    serial: &str,
    storage: &str,
) -> Device {
    let device = Device::connect(identity, app.mqtt()).await.expect("let in");
    let topic = Topic::Identity(identity.id).to_string();
    let mut body = identity.shown(sequence);
    body.insert("cpu_serial".to_owned(), json!(serial));
    body.insert("storage_id".to_owned(), json!(storage));
    device.publish(&topic, identity.sealed(&topic, body)).await;
    device
}

async fn page(app: &App, person: &Person, device: &Identity) -> Result<DeviceDetail, AppError> {
    let services = app.services();
    let viewer = person.actor.require_viewer(services, device.id).await?;
    devices::detail(services, &viewer).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_comes_back_with_a_new_label_and_a_copy_of_it_does_not() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let member = |email: &'static str| app.person(&admin, email, SiteRole::Member);
        let (kim, lee) = (
            member("kim@example.org").await,
            member("lee@example.org").await,
        );
        let before = enrolled(&app, &admin, &kim, "R-1").await;
        let device = online(&app, &before, 1, "R-1", "card-1").await;
        let report = device.report("cpu", 2, &[("average", 41.0)]).await;
        assert_eq!(report, Answer::Accepted);

        let client = app.browser(Some(&admin));
        let at = |path: &str| format!("/api/devices/{}{path}", before.id);
        let nothing = json!({});
        let owned = asked(&app, &client, Method::POST, &at("/code"), &nothing).await;
        assert_eq!(refused(owned).await, (409, json!("already_claimed")));
        let revoked = asked(&app, &client, Method::POST, &at("/revoke"), &nothing).await;
        assert_eq!(revoked.status(), 204);
        device.ended().await;
        assert!(Device::connect(&before, app.mqtt()).await.is_err());
        let with_code = async |code: &str| {
            let (serial, code) = (before.serial.clone(), code.to_owned());
            Identity::with_code(app.services(), serial, code).await
        };
        let gone = with_code(&before.code).await.expect_err("revoked");
        assert!(
            matches!(gone.downcast_ref(), Some(AppError::Gone)),
            "{gone}"
        );

        let others = app.browser(Some(&kim));
        let not_theirs = asked(&app, &others, Method::POST, &at("/code"), &nothing).await;
        assert_eq!(not_theirs.status(), 403);
        let label = asked(&app, &client, Method::POST, &at("/code"), &nothing).await;
        assert_eq!(label.status(), 201);
        let label: Value = label.json().await.expect("a label");
        assert_eq!(label["device_uuid"], before.id.to_string());
        let code = label["code"].as_str().expect("a code");
        let waiting = page(&app, &admin, &before).await.expect("its page");
        assert_eq!(waiting.summary.lifecycle, Lifecycle::Unclaimed);
        assert!(waiting.state.is_empty() && !waiting.may_delete);
        assert!(page(&app, &kim, &before).await.is_err(), "no longer kim's");
        with_code(&before.code).await.expect_err("void");

        // On another card and with another key.
        let back = with_code(code).await.expect("enrolled");
        assert_eq!(back.id, before.id);
        assert!(back.credentials.ownership.is_none());
        devices::claim(app.services(), &lee.actor, "R-1", code)
            .await
            .expect("claimed");
        let back = back.again(app.services()).await.expect("its secret");
        let device = online(&app, &back, 1, "R-1", "card-2").await;
        let report = device.report("cpu", 2, &[("average", 42.0)]).await;
        assert_eq!(report, Answer::Accepted);
        testkit::until("the report is shown", async || {
            let page = page(&app, &lee, &back).await.ok()?;
            (!page.state.is_empty()).then_some(())
        })
        .await;
        let proof = admin.actor.require_admin().expect("an administrator");
        let found = identity::list(app.services(), &proof, None, None, "", 1).await;
        assert_eq!(found.expect("findings").total, 0, "it is no copy of itself");

        assert!(Device::connect(&before, app.mqtt()).await.is_err());
        let app = app.restart().await;
        assert!(Device::connect(&before, app.mqtt()).await.is_err());
        assert!(Device::connect(&back, app.mqtt()).await.is_ok());
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_from_before_the_new_label_lets_nobody_in_again() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let before = enrolled(&app, &admin, &admin, "R-2").await;
        let original = online(&app, &before, 1, "R-2", "card-1").await;
        let copy = online(&app, &before, 2, "R-3", "card-1").await;
        let services = app.services();
        let proof = admin.actor.require_admin().expect("an administrator");
        let found = identity::list(services, &proof, None, None, "", 1).await;
        let finding = found.expect("findings").items[0].id;
        identity::resolve(services, &proof, finding, Act::Reprovision)
            .await
            .expect("decided");
        drop((original, copy));

        devices::revoke(services, &proof, before.id)
            .await
            .expect("revoked");
        devices::renew_code(services, &proof, before.id)
            .await
            .expect("a new label");
        let undone = identity::undo(services, &proof, finding).await;
        assert_eq!(undone, Err(AppError::conflict("undo_too_late")));
        assert!(Device::connect(&before, app.mqtt()).await.is_err());
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_registered_by_mistake_is_deleted_and_one_that_was_used_stays() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let member = app
            .person(&admin, "member@example.org", SiteRole::Member)
            .await;
        let (client, others) = (app.browser(Some(&admin)), app.browser(Some(&member)));
        let register = async |serial: &str, uuid: Option<&str>| {
            let wish = json!({ "cpu_serial": serial, "uuid": uuid });
            let path = "/api/devices/preregister";
            asked(&app, &client, Method::POST, path, &wish).await
        };
        let made = register("WRONG", None).await;
        assert_eq!(made.status(), 201);
        let made: Value = made.json().await.expect("a device");
        let id = made["device_uuid"].as_str().expect("its id");

        // What of it is known is told apart.
        let again = register("WRONG", None).await;
        assert_eq!(refused(again).await, (409, json!("serial_known")));
        let again = register("WRONG", Some(id)).await;
        assert_eq!(refused(again).await, (409, json!("serial_known")));
        let again = register("RIGHT", Some(id)).await;
        assert_eq!(refused(again).await, (409, json!("uuid_known")));

        let path = format!("/api/devices/{id}");
        let nothing = json!({});
        let delete =
            async |who: &Client, path: &str| asked(&app, who, Method::DELETE, path, &nothing).await;
        assert_eq!(delete(&others, &path).await.status(), 404);
        assert_eq!(delete(&client, &path).await.status(), 204);
        assert_eq!(delete(&client, &path).await.status(), 404);
        let trail = {
            use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
            entity::audit::Entity::find()
                .filter(entity::audit::Column::Action.eq("delete_device"))
                .all(&app.services().db.read)
                .await
                .expect("the trail")
        };
        assert_eq!(trail.len(), 1);
        assert_eq!(trail[0].target.as_deref(), Some(id));
        assert_eq!(trail[0].detail["cpu_serial"], "WRONG");
        assert_eq!(register("RIGHT", Some(id)).await.status(), 201);

        // Given up, it is on record.
        let used = enrolled(&app, &admin, &member, "USED").await;
        let path = format!("/api/devices/{}", used.id);
        assert_eq!(delete(&others, &path).await.status(), 204);
        let kept = delete(&client, &path).await;
        assert_eq!(refused(kept).await, (409, json!("not_claimed")));
        let proof = admin.actor.require_admin().expect("an administrator");
        let kept = devices::delete(app.services(), &proof, used.id).await;
        assert_eq!(kept, Err(AppError::conflict("device_used")));
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_called_otherwise_and_is_of_other_hardware_where_its_parts_fit() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let owner = app
            .person(&admin, "owner@example.org", SiteRole::Member)
            .await;
        let stranger = app
            .person(&admin, "stranger@example.org", SiteRole::Member)
            .await;
        let device = enrolled(&app, &admin, &owner, "N-1").await;
        let path = format!("/api/devices/{}", device.id);
        let change = async |person: &Person, body: Value| {
            let client = app.browser(Some(person));
            asked(&app, &client, Method::PUT, &path, &body).await
        };
        let renamed = change(&owner, json!({ "name": " 온실 앞 " })).await;
        assert_eq!(renamed.status(), 204);
        let shown = page(&app, &owner, &device).await.expect("its page");
        assert_eq!(shown.site_name, "온실 앞");
        assert_eq!(shown.summary.name, "온실 앞");
        let nameless = change(&owner, json!({ "name": " " })).await;
        assert_eq!(refused(nameless).await, (422, json!("name")));
        let unseen = change(&stranger, json!({ "name": "mine" })).await;
        assert_eq!(unseen.status(), 404);

        // The lamp of a computer needs no pin; on a board it does.
        let board = json!({ "name": "half", "hardware_version": "5" });
        assert_eq!(change(&owner, board.clone()).await.status(), 403);
        let misfit = change(&admin, board).await;
        let not_for = json!("not_for_this_hardware: led");
        assert_eq!(refused(misfit).await, (409, not_for));
        let told = change(&admin, json!({ "hardware_variant": "Pro" })).await;
        assert_eq!(refused(told).await, (409, json!("variant_claimed")));
        let unknown = change(&admin, json!({ "hardware_variant": "Wooden" })).await;
        assert_eq!(refused(unknown).await, (422, json!("unknown_hardware")));
        let shown = page(&app, &owner, &device).await.expect("its page");
        assert_eq!(shown.site_name, "온실 앞", "all of it or nothing");
        assert_eq!(shown.summary.hardware_version, "pc");

        let plain = devices::NewDevice {
            components: vec!["cpu".parse().expect("a type")],
            ..computer("N-2")
        };
        let proof = admin.actor.require_admin().expect("an administrator");
        let plain = devices::preregister(app.services(), &proof, plain)
            .await
            .expect("registered");
        let path = format!("/api/devices/{}", plain.id);
        let client = app.browser(Some(&admin));
        let other = json!({ "hardware_version": "4B", "hardware_variant": "Pro" });
        let changed = asked(&app, &client, Method::PUT, &path, &other).await;
        assert_eq!(changed.status(), 204);
        let shown = asked(&app, &client, Method::GET, &path, &json!({})).await;
        let shown: Value = shown.json().await.expect("its page");
        assert_eq!(shown["summary"]["hardware_version"], "4B");
        assert_eq!(shown["summary"]["hardware_variant"], "Pro");
        app.stop().await;
    }
}

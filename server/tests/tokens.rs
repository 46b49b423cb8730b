//! Who is given tokens: people who register or sign in over REST, and devices that sign a request.

use domain::{event::EventKind, role::SiteRole};
use protocol::TimestampMs;
use reqwest::{Response, StatusCode};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use service::{accounts, devices};
use testkit::{
    app::App,
    device::{Identity, computer, now},
};

async fn post(app: &App, path: &str, body: &Value) -> Response {
    let request = app.browser(None).post(app.url(path)).json(body);
    request.send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_knows_a_device_neither_gets_a_token_nor_fills_the_database() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let new = computer("T-1");
    let identity = Identity::enrol(app.services(), &admin.actor, Some(&admin.actor), new)
        .await
        .expect("an enrolled device");
    let envelope = |topic: &str, sequence: u64, at: TimestampMs| {
        let body = json!({ "device_uuid": identity.id, "timestamp": at, "sequence": sequence });
        let Value::Object(body) = body else {
            unreachable!("an object")
        };
        let sealed = identity.sealed(topic, body);
        serde_json::from_slice::<Value>(&sealed).expect("JSON")
    };
    let ask = async |envelope: &Value| post(&app, "/auth/device", envelope).await.status();
    for sequence in 1..=3 {
        let wrong = envelope("auth/another", sequence, now());
        assert_eq!(ask(&wrong).await, StatusCode::UNAUTHORIZED);
    }
    let old = envelope("auth/device", 4, now().plus_ms(-600_000));
    assert_eq!(ask(&old).await, StatusCode::UNAUTHORIZED);
    let right = envelope("auth/device", 5, now());
    assert_eq!(ask(&right).await, StatusCode::OK);
    assert_eq!(ask(&right).await, StatusCode::UNAUTHORIZED, "it works once");
    let sixth = post(&app, "/auth/device", &envelope("auth/another", 6, now())).await;
    assert_eq!(sixth.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(sixth.headers().contains_key("retry-after"));

    let viewer = admin
        .actor
        .require_viewer(app.services(), identity.id)
        .await;
    let viewer = viewer.expect("seen");
    let events = devices::events(app.services(), &viewer, None, 50).await;
    let refused = events.expect("events").into_iter();
    let refused: Vec<_> = refused
        .filter(|event| event.kind == EventKind::Refused)
        .map(|event| event.count)
        .collect();
    assert_eq!(refused, [1], "written down once a minute");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_is_signed_in_with_it() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let email = "kim@example.org";
    for _ in 0..5 {
        let wrong = json!({ "email": email, "password": "somebody else's" });
        let answer = post(&app, "/auth/login", &wrong).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let proof = admin.actor.require_admin().expect("an administrator");
    let code = accounts::invite(app.services(), &proof, None, SiteRole::Member).await;
    let wish = json!({
        "email": email, "name": "Kim", "password": "correct horse battery",
        "invitation": code.expect("an invitation"),
    });
    let answer = post(&app, "/auth/register", &wish).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let tokens: Value = answer.json().await.expect("JSON");
    let access = tokens["access_token"].as_str().expect("a token");
    let me = app.browser(None).get(app.url("/api/users/me"));
    let me = me.bearer_auth(access).send().await.expect("an answer");
    assert_eq!(me.status(), StatusCode::OK);

    let db = &app.services().db.read;
    let kim = entity::user::Entity::find()
        .filter(entity::user::Column::Email.eq(email))
        .one(db)
        .await
        .expect("an answer")
        .expect("an account");
    assert!(kim.last_sign_in_ms.is_some());
    let trail = entity::audit::Entity::find()
        .filter(entity::audit::Column::UserId.eq(kim.id))
        .all(db)
        .await
        .expect("a trail");
    let trail: Vec<_> = trail.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(trail, ["register"]);
    let sessions =
        entity::session::Entity::find().filter(entity::session::Column::UserId.eq(kim.id));
    assert_eq!(sessions.count(db).await.expect("a number"), 0);
    app.stop().await;
}

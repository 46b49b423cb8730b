//! Finding devices by filters and tags, on both engines.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use domain::{AppError, DeviceId, device::DeviceQuery, role::SiteRole, tag::Tag};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
};
use serde_json::json;
use service::{
    Actor, Services,
    devices::{self, NewDevice, matching, tags},
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};

const HOUR_MS: i64 = 3_600_000;

async fn found(services: &Services, actor: &Actor, search: &str) -> BTreeSet<String> {
    let query = DeviceQuery {
        search: search.to_owned(),
        ..DeviceQuery::default()
    };
    let page = devices::list(services, actor, &query).await.unwrap();
    let names: BTreeSet<String> = page.items.into_iter().map(|d| d.cpu_serial).collect();
    assert_eq!(page.total, u64::try_from(names.len()).unwrap(), "{search}");
    let filter = matching::filter_of(&query).unwrap();
    let targets = devices::matching(services, actor, &filter, 100)
        .await
        .unwrap();
    assert_eq!(
        targets.len(),
        names.len(),
        "the target is the list: {search}"
    );
    names
}

async fn finds(services: &Services, actor: &Actor, search: &str, serials: &[&str]) {
    let expected: BTreeSet<String> = serials.iter().map(|s| (*s).to_owned()).collect();
    assert_eq!(found(services, actor, search).await, expected, "{search}");
}

/// A claimed device with this state and version that reported `ago_ms` ago.
async fn claimed(
    site: &Site,
    owner: &Actor,
    device: NewDevice,
    state: serde_json::Value,
    version: &str,
    ago_ms: i64,
) -> DeviceId {
    let admin = owner;
    let made = Identity::enrol(&site.services, admin, Some(owner), device)
        .await
        .unwrap();
    let services = &site.services;
    let row = entity::device::Entity::find()
        .filter(entity::device::Column::Uuid.eq(made.id.0))
        .one(&services.db.read)
        .await
        .unwrap()
        .unwrap();
    let id = row.id;
    let mut change: entity::device::ActiveModel = row.into();
    change.agent_version = Set(Some(version.to_owned()));
    change.update(&services.db.write).await.unwrap();
    let live = entity::device_live::ActiveModel {
        device_id: Set(id),
        state: Set(state),
        last_received_ms: Set(Some(services.now().0 - ago_ms)),
        ..Default::default()
    };
    live.update(&services.db.write).await.unwrap();
    services.cache.forget(made.id).await.unwrap();
    made.id
}

async fn tag(services: &Services, actor: &Actor, device: DeviceId, text: &str) {
    let owner = actor.require_owner(services, device).await.unwrap();
    let tags = tags::read(text).unwrap();
    tags::set(services, &owner, &tags).await.unwrap();
}

async fn tags_of(services: &Services, actor: &Actor, device: DeviceId) -> Vec<String> {
    let viewer = actor.require_viewer(services, device).await.unwrap();
    let tags = tags::of(services, &viewer).await.unwrap();
    tags.into_iter().map(String::from).collect()
}

/// Three claimed computers and one board that nobody has claimed.
async fn lab(site: &Site) -> (Actor, [DeviceId; 3]) {
    service::components::seed(&site.services).await.unwrap();
    let admin = site.set_up().await;
    let busy = json!({ "cpu_average": [91.5, 1], "led": ["ON", 1], "door_open": [true, 1] });
    let calm = json!({ "cpu_average": [12, 1], "led": ["off", 1], "led-2": [7, 1] });
    let named = |serial: &str, name: &str| NewDevice {
        name: Some(name.to_owned()),
        ..computer(serial)
    };
    let a = claimed(
        site,
        &admin,
        named("PC-A", "온실 앞"),
        busy,
        "2.10.0",
        1_000,
    )
    .await;
    let b = claimed(
        site,
        &admin,
        named("PC-B", "Lab (1)"),
        calm,
        "2.9.1",
        3 * HOUR_MS,
    )
    .await;
    let c = claimed(
        site,
        &admin,
        computer("PC-C"),
        json!({}),
        "1.0.0-rc1",
        HOUR_MS,
    )
    .await;
    let board = NewDevice {
        kind: domain::device::DeviceKind::Board,
        hardware_version: "4B".to_owned(),
        components: vec!["dht22".parse().unwrap(), "led".parse().unwrap()],
        ..computer("BOARD")
    };
    let proof = admin.require_admin().unwrap();
    devices::preregister(&site.services, &proof, board)
        .await
        .unwrap();
    tag(&site.services, &admin, a, "Lab-1, 창가").await;
    tag(&site.services, &admin, b, "lab-1 spare").await;
    (admin, [a, b, c])
}

#[tokio::test]
async fn a_filter_finds_exactly_what_it_says() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (admin, [a, ..]) = lab(&site).await;
        let services = &site.services;
        let all = ["BOARD", "PC-A", "PC-B", "PC-C"];
        for (search, serials) in [
            ("", &all[..]),
            ("온실", &["PC-A"]),
            ("\"(1)\"", &["PC-B"]),
            ("pc", &["PC-A", "PC-B", "PC-C"]),
            ("name:lab", &["PC-B"]),
            ("serial:oar", &["BOARD"]),
            ("tag:lab-1", &["PC-A", "PC-B"]),
            ("tag:LAB-1 -tag:spare", &["PC-A"]),
            ("tag:창가,spare", &["PC-A", "PC-B"]),
            ("tag:none", &["BOARD", "PC-C"]),
            ("tag:*", &["PC-A", "PC-B"]),
            ("-tag:none", &["PC-A", "PC-B"]),
            ("state.cpu_average>80", &["PC-A"]),
            ("state.cpu_average>=12", &["PC-A", "PC-B"]),
            ("-state.cpu_average>80", &["BOARD", "PC-B", "PC-C"]),
            ("state.cpu_average:12", &["PC-B"]),
            ("state.cpu_average:91.5", &["PC-A"]),
            ("state.led:on", &["PC-A"]),
            ("state.led:ON,OFF", &["PC-A", "PC-B"]),
            ("state.led>1", &[]),
            ("state.led-2<8", &["PC-B"]),
            ("state.door_open:true", &["PC-A"]),
            ("state.door_open:false", &[]),
            ("state.door_open:*", &["PC-A"]),
            ("version:4b", &["BOARD"]),
            ("version:2.10.0", &["PC-A"]),
            ("version:2.*", &["PC-A", "PC-B"]),
            ("version<2.10", &["PC-B", "PC-C"]),
            ("version>=2.9.1", &["PC-A", "PC-B"]),
            ("-version<2.10", &["BOARD", "PC-A"]),
            ("agent<1", &["PC-C"]),
            ("hardware:pc", &["PC-A", "PC-B", "PC-C"]),
            ("variant:standard kind:board", &["BOARD"]),
            ("component:dht22", &["BOARD"]),
            ("component:dht*", &["BOARD"]),
            ("category:actuator kind:board", &["BOARD"]),
            ("lifecycle:unclaimed", &["BOARD"]),
            ("lifecycle:revoked", &[]),
            ("presence:offline", &["PC-A", "PC-B", "PC-C"]),
            ("presence:online", &[]),
            (
                "cause:never_connected kind:computer",
                &["PC-A", "PC-B", "PC-C"],
            ),
            ("owner:me", &["PC-A", "PC-B", "PC-C"]),
            ("owner:none", &["BOARD"]),
            ("owner:admin@example.org", &["PC-A", "PC-B", "PC-C"]),
            ("-owner:nobody@example.org", &all),
            ("seen<5m", &["PC-A"]),
            ("seen>2h", &["PC-B"]),
            ("-seen<2h", &["BOARD", "PC-B"]),
            ("seen:never", &["BOARD"]),
            ("created<1h", &all),
            ("is:flapping", &[]),
            ("(tag:spare OR kind:board) -seen<1m", &["BOARD", "PC-B"]),
            ("name:100%", &[]),
            ("state.led:\"'; DROP TABLE device; --\"", &[]),
        ] {
            finds(services, &admin, search, serials).await;
        }
        finds(services, &admin, &format!("id:{a}"), &["PC-A"]).await;
        let stranger = site.person(&admin, "b@example.org", SiteRole::Member).await;
        finds(services, &stranger, "-tag:spare", &[]).await;
        let revoked = admin.require_admin().unwrap();
        devices::revoke(services, &revoked, a).await.unwrap();
        finds(services, &admin, "tag:lab-1", &["PC-B"]).await;
        finds(services, &admin, "tag:lab-1 lifecycle:revoked", &["PC-A"]).await;
    }
}

#[tokio::test]
async fn a_filter_that_is_not_understood_says_where() {
    let site = Site::on(testkit::database::sqlite().await);
    let admin = site.set_up().await;
    let query = DeviceQuery {
        search: "온실 colour:red".to_owned(),
        ..DeviceQuery::default()
    };
    let refused = devices::list(&site.services, &admin, &query).await;
    let message = "filter: unknown_field at character 3, 6 long";
    assert_eq!(refused, Err(AppError::invalid("search", message)));
}

/// What the trail says of tags of many, in its order.
async fn trail(services: &Services) -> Vec<(String, serde_json::Value)> {
    use entity::audit::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::Action.ends_with("tag_many"))
        .order_by_asc(Column::Id)
        .all(&services.db.read)
        .await
        .unwrap();
    rows.into_iter()
        .map(|row| (row.action, row.detail))
        .collect()
}

#[tokio::test]
async fn undoing_makes_no_device_have_more_tags_than_it_may() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (admin, [_, b, c]) = lab(&site).await;
        let services = &site.services;
        let (none, spare) = (Vec::new(), tags::read("spare").unwrap());
        let filter = matching::read("kind:computer").unwrap();
        let done = tags::tag_matching(services, &admin, &filter, &none, &spare);
        let act = done.await.unwrap().undo.unwrap();
        let owner = admin.require_owner(services, b).await.unwrap();
        let words: Vec<String> = (0..tags::MOST).map(|n| format!("t{n:02}")).collect();
        let full = tags::read(&words.join(" ")).unwrap();
        tags::set(services, &owner, &full).await.unwrap();
        assert_eq!(tags::undo(services, &admin, act).await, Ok(0));
        assert_eq!(tags_of(services, &admin, b).await, words);
        assert!(tags_of(services, &admin, c).await.is_empty());
    }
}

#[tokio::test]
async fn many_are_tagged_at_once_and_as_they_were_again() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (admin, [a, b, c]) = lab(&site).await;
        let services = &site.services;
        let tag: Vec<Tag> = tags::read("2026 lab-1").unwrap();
        let away = tags::read("spare").unwrap();
        let filter = matching::read("kind:computer").unwrap();
        let done = tags::tag_matching(services, &admin, &filter, &tag, &away)
            .await
            .unwrap();
        assert_eq!((done.changed, done.left), (3, 0));
        assert_eq!(tags_of(services, &admin, b).await, ["2026", "lab-1"]);
        assert_eq!(tags_of(services, &admin, c).await, ["2026", "lab-1"]);
        let again = tags::tag_matching(services, &admin, &filter, &tag, &away)
            .await
            .unwrap();
        assert_eq!((again.changed, again.undo), (0, None));

        let act = done.undo.unwrap();
        let stranger = site.person(&admin, "b@example.org", SiteRole::Member).await;
        let theirs = tags::undo(services, &stranger, act).await;
        assert_eq!(theirs, Err(AppError::NotFound));
        assert_eq!(tags::undo(services, &admin, act).await, Ok(3));
        assert_eq!(tags_of(services, &admin, a).await, ["lab-1", "창가"]);
        assert_eq!(tags_of(services, &admin, b).await, ["lab-1", "spare"]);
        assert!(tags_of(services, &admin, c).await.is_empty());
        let twice = tags::undo(services, &admin, act).await;
        assert_eq!(twice, Err(AppError::conflict("undone_already")));
        let trail = trail(services).await;
        assert_eq!(trail[0].0, "tag_many");
        assert_eq!(
            trail[1],
            ("undo_tag_many".to_owned(), json!({ "devices": 3 }))
        );
        assert_eq!(trail[0].1["devices"], 3, "{trail:?}");
        assert_eq!(trail[0].1["filter"], "kind:computer", "{trail:?}");

        let counts = tags::counts(services, &admin).await.unwrap();
        let counted: Vec<_> = counts.tags.iter().map(|(t, n)| (t.as_str(), *n)).collect();
        assert_eq!(counted, [("lab-1", 2), ("spare", 1), ("창가", 1)]);
        assert_eq!(counts.untagged, 2);
    }
}

#[tokio::test]
async fn who_may_only_look_tags_nothing() {
    let site = Site::on(testkit::database::sqlite().await);
    let (admin, [a, ..]) = lab(&site).await;
    let services = &site.services;
    let viewer = site
        .person(&admin, "b@example.org", SiteRole::Developer)
        .await;
    let refused = viewer.require_owner(services, a).await.map(|_| ());
    assert_eq!(refused, Err(AppError::Forbidden));
    let filter = matching::read("").unwrap();
    let tag = tags::read("mine").unwrap();
    let done = tags::tag_matching(services, &viewer, &filter, &tag, &[])
        .await
        .unwrap();
    assert_eq!((done.changed, done.left, done.undo), (0, 4, None));
    assert_eq!(tags_of(services, &viewer, a).await, ["lab-1", "창가"]);
    let too_many: Vec<_> = (0..21).map(|n| format!("t{n}")).collect();
    let too_many = too_many.join(" ");
    assert_eq!(
        tags::read(&too_many),
        Err(AppError::invalid("tags", "too_many_tags"))
    );
    assert_eq!(tags::read("a:b"), Err(AppError::invalid("tags", "tag")));
}

//! What is kept of what has happened, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{
    command::{CommandOptions, NewCommand},
    event::{EventKind, Severity},
    job::{NewJob, Pace, Target},
    role::SiteRole,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter,
};
use serde_json::json;
use service::{
    Actor, Services,
    accounts::{self, Client, api_key, apps, token},
    commands,
    devices::imports,
    events, jobs, presence, records,
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::{PASSWORD, Site},
};

const DAY_MS: i64 = 86_400_000;

/// How many rows each table has.
async fn counts(services: &Services) -> [u64; 6] {
    let db = &services.db.read;
    macro_rules! counts {
        ($($table:ident),+) => {
            [$(entity::$table::Entity::find().count(db).await.unwrap()),+]
        };
    }
    counts!(command, job, job_device, audit, notification, refresh_token)
}

/// A command that is sent and taken back, a job that is cancelled and has ended, a notice and tokens.
async fn a_day(services: &Services, admin: &Actor, device: &Identity) {
    let owner = admin.require_owner(services, device.id).await.unwrap();
    let command = NewCommand {
        name: "set".to_owned(),
        component: Some("led".parse().unwrap()),
        arguments: json!({ "status": "ON" }),
        valid_for_ms: 60_000,
        options: CommandOptions::default(),
    };
    let command = commands::send(services, &owner, command).await.unwrap();
    commands::cancel(services, &owner, command.id)
        .await
        .unwrap();
    let job = NewJob {
        title: String::new(),
        target: Target::Devices(vec![device.id]),
        name: "set".to_owned(),
        component: Some("led".parse().unwrap()),
        arguments: json!({ "status": "ON" }),
        level: None,
        pace: Pace::default(),
    };
    let job = jobs::create(services, admin, job).await.unwrap();
    jobs::cancel(services, admin, job.id).await.unwrap();
    let row = entity::job::Entity::find_by_id(job.id.0)
        .one(&services.db.read)
        .await;
    let mut row: entity::job::ActiveModel = row.unwrap().unwrap().into();
    row.finished_ms = Set(Some(services.now().0));
    row.update(&services.db.write).await.unwrap();
    let notice = entity::notification::ActiveModel {
        user_id: Set(admin.user.id.0),
        at_ms: Set(services.now().0),
        kind: Set("finding".to_owned()),
        ..Default::default()
    };
    notice.insert(&services.db.write).await.unwrap();
    let (email, client) = (admin.user.email.as_str(), Client::default());
    token::log_in(services, email, PASSWORD, &client)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_has_ended_is_kept_for_its_days_and_what_has_not_for_ever() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let device = Identity::enrol(services, &admin, Some(&admin), computer("R-1"));
        let device = device.await.unwrap();
        // Nobody has ended this one.
        let running = entity::command::ActiveModel {
            finished_ms: Set(None),
            ..a_command(services, &device).await
        };
        running.insert(&services.db.write).await.unwrap();
        let [commands, jobs, steps, audit, notices, tokens] = counts(services).await;
        a_day(services, &admin, &device).await;
        let first = counts(services).await;
        assert_eq!(first[..3], [commands + 1, jobs + 1, steps + 1]);
        assert_eq!(records::delete_old(services, 30).await, Ok(0));
        site.clock.advance_ms(20 * DAY_MS);
        a_day(services, &admin, &device).await;
        let both = counts(services).await;
        site.clock.advance_ms(11 * DAY_MS);
        assert!(records::delete_old(services, 30).await.unwrap() > 0);
        let left = counts(services).await;
        assert_eq!(left[..3], [commands + 1, jobs + 1, steps + 1]);
        assert_eq!(
            left[3],
            both[3] - first[3],
            "the trail of {audit} and a day"
        );
        assert_eq!(left[4..], [notices + 1, tokens + 1]);
        assert_eq!(records::delete_old(services, 30).await, Ok(0));
    }
}

/// A row of a command of this device.
async fn a_command(services: &Services, device: &Identity) -> entity::command::ActiveModel {
    let row = entity::device::Entity::find()
        .filter(entity::device::Column::Uuid.eq(device.id.0))
        .one(&services.db.read)
        .await
        .unwrap()
        .unwrap();
    entity::command::ActiveModel {
        id: Set(uuid::Uuid::now_v7()),
        device_id: Set(row.id),
        name: Set("set".to_owned()),
        arguments: Set(json!({})),
        state: Set("accepted".to_owned()),
        ownership: Set(row.ownership),
        queued_ms: Set(services.now().0),
        expires_ms: Set(services.now().0),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_device_that_comes_and_goes_leaves_what_its_history_shows() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let device = Identity::enrol(services, &admin, Some(&admin), computer("R-2"));
        let device = device.await.unwrap();
        let viewer = admin.require_viewer(services, device.id).await.unwrap();
        let (id, uuid) = (viewer.device().id, viewer.device().uuid);
        let (kind, severity) = (EventKind::Claimed, Severity::Info);
        events::record(services, id, uuid, kind, severity, json!({}))
            .await
            .unwrap();
        let (most, more) = (presence::MOST_CHANGES, 1_500);
        let now = services.now().0;
        let insert = format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {}) \
             INSERT INTO device_event (device_id, at_ms, kind, severity, detail, count) \
             SELECT {id}, {now} + n, 'presence', 'info', '{{}}', 1 FROM n",
            most + more
        );
        services.db.write.execute_unprepared(&insert).await.unwrap();
        let before = count(services, id, None).await;
        assert_eq!(records::delete_old(services, 30).await, Ok(more));
        assert_eq!(count(services, id, None).await, before - more);
        assert_eq!(count(services, id, Some("presence")).await, most);
        assert_eq!(count(services, id, Some("claimed")).await, 2, "others stay");
    }
}

async fn count(services: &Services, device: i64, kind: Option<&str>) -> u64 {
    use entity::device_event::{Column, Entity};
    let mut events = Entity::find().filter(Column::DeviceId.eq(device));
    if let Some(kind) = kind {
        events = events.filter(Column::Kind.eq(kind));
    }
    events.count(&services.db.read).await.unwrap()
}

/// What is left of keys, invitations, certificates of apps, imports and their lines.
async fn left(services: &Services) -> [u64; 5] {
    let db = &services.db.read;
    let of_apps = entity::certificate::Entity::find()
        .filter(entity::certificate::Column::UserId.is_not_null())
        .count(db)
        .await
        .unwrap();
    macro_rules! count {
        ($table:ident) => {
            entity::$table::Entity::find().count(db).await.unwrap()
        };
    }
    [
        count!(api_key),
        count!(invitation),
        of_apps,
        count!(device_import),
        count!(device_import_line),
    ]
}

fn signing_request() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key);
    request.unwrap().pem().unwrap()
}

#[tokio::test]
async fn what_no_longer_works_is_forgotten_and_what_works_is_not() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let key = async |name: &str| {
            let made = api_key::create(services, &admin, name).await;
            made.unwrap().listed.id
        };
        let app = async |name: &str| apps::add(services, &admin, name, &signing_request()).await;

        // One of each that was ended, and one that works.
        let (old, _) = (key("old").await, key("new").await);
        api_key::revoke(services, &admin, old).await.unwrap();
        site.person(&admin, "kim@example.org", SiteRole::Member)
            .await;
        accounts::invite(services, &proof, None, SiteRole::Member)
            .await
            .unwrap();
        let (lost, kept) = (app("lost").await.unwrap(), app("kept").await.unwrap());
        apps::revoke(services, &admin, &lost.id).await.unwrap();
        let file = b"serial;name\nI-1;\nI-2;\n";
        let ended = imports::start(services, &proof, "ended.csv", file).await;
        imports::cancel(services, &proof, ended.unwrap())
            .await
            .unwrap();
        imports::start(services, &proof, "waits.csv", file)
            .await
            .unwrap();
        assert_eq!(left(services).await, [2, 2, 2, 2, 4]);
        records::delete_old(services, 30).await.unwrap();
        assert_eq!(left(services).await, [2, 2, 2, 2, 4], "nothing is old");

        site.clock.advance_ms(31 * DAY_MS);
        records::delete_old(services, 30).await.unwrap();
        // An invitation works for seven days; certificates of apps for longer than that.
        assert_eq!(left(services).await, [1, 1, 2, 1, 2]);
        site.clock.advance_ms(7 * DAY_MS);
        records::delete_old(services, 30).await.unwrap();
        assert_eq!(left(services).await, [1, 0, 2, 1, 2]);

        // The first certificate of an installation stays as long as it has another one.
        let renewed = apps::renew(services, &admin, &kept.id, &signing_request())
            .await
            .unwrap();
        let serial = renewed.client_id.split_once(':').unwrap().1;
        let email = &admin.user.email;
        apps::connected_with(services, admin.user.id, email, serial)
            .await
            .unwrap();
        let over = lost.expires_at.0.max(kept.expires_at.0) + 31 * DAY_MS;
        site.clock.advance_ms(over - services.now().0);
        records::delete_old(services, 30).await.unwrap();
        assert_eq!(left(services).await, [1, 0, 2, 1, 2]);
        let again = apps::renew(services, &admin, &kept.id, &signing_request()).await;
        let last = again.unwrap().expires_at.0;
        apps::revoke(services, &admin, &kept.id).await.unwrap();
        site.clock.advance_ms(last + 31 * DAY_MS - services.now().0);
        records::delete_old(services, 30).await.unwrap();
        assert_eq!(left(services).await, [1, 0, 0, 1, 2]);
        assert_eq!(records::delete_old(services, 30).await, Ok(0));
    }
}

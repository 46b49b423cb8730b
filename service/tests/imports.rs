//! Pre-registering many devices at once, on both engines.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use domain::{
    AppError, DeviceId, ImportId,
    device::DeviceQuery,
    import::{Import, ImportColumn, ImportState},
    live::LiveEvent,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use service::{
    Actor, Admin, Services, components,
    devices::{self, imports},
};
use testkit::{database::each_engine, device::computer, site::Site};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_mins(1);
const DAY_MS: i64 = 24 * 3_600_000;

/// Works until the import is over.
async fn finished(services: &Services, admin: &Admin, id: ImportId) -> Import {
    let mut bus = services.bus.subscribe();
    let stop = CancellationToken::new();
    let work = tokio::spawn(imports::run(services.clone(), stop.clone()));
    let over = async {
        loop {
            let import = imports::read(services, admin, id).await.unwrap();
            if import.finished_at.is_some() {
                return import;
            }
            while !matches!(&*bus.recv().await.unwrap(), LiveEvent::Import { .. }) {}
        }
    };
    let import = timeout(PATIENCE, over).await.unwrap();
    stop.cancel();
    work.await.unwrap();
    import
}

async fn count(services: &Services, actor: &Actor) -> u64 {
    let query = DeviceQuery::default();
    devices::list(services, actor, &query).await.unwrap().total
}

async fn text_of(services: &Services, admin: &Admin, id: ImportId) -> String {
    let (_, bytes) = imports::csv(services, admin, id).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_becomes_a_device_or_says_why_not() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (services, actor) = (&site.services, site.set_up().await);
        let admin = actor.require_admin().unwrap();
        components::seed(services).await.unwrap();
        devices::preregister(services, &admin, computer("KNOWN"))
            .await
            .unwrap();
        let taken = DeviceId::random();
        let file = format!(
            "serial;uuid;name;components\r\n\
             GOOD-1;{taken};창가;cpu,led\r\n\
             KNOWN;;;\r\n\
             BAD SERIAL;;;\r\n\
             GOOD-2;{taken};;\r\n\
             GOOD-3;;;teleporter\r\n\
             GOOD-1;;;\r\n\
             GOOD-4;;=1+1;\r\n"
        );
        let id = imports::start(services, &admin, "장치.csv", file.as_bytes())
            .await
            .unwrap();
        let import = finished(services, &admin, id).await;
        assert_eq!((import.total, import.made, import.refused), (7, 2, 5));
        assert_eq!(
            (import.state, import.name.as_str()),
            (ImportState::Done, "장치.csv")
        );
        assert_eq!(count(services, &actor).await, 3);

        let refused = imports::refused(services, &admin, id, 1, 50).await.unwrap();
        let told: Vec<_> = refused
            .items
            .iter()
            .map(|line| {
                (
                    line.line,
                    line.column,
                    line.value.as_str(),
                    line.reason.as_str(),
                )
            })
            .collect();
        let serial = Some(ImportColumn::CpuSerial);
        let uuid = taken.to_string();
        assert_eq!(
            told,
            [
                (3, serial, "KNOWN", "serial_known"),
                (4, serial, "BAD SERIAL", "serial"),
                (5, Some(ImportColumn::Uuid), uuid.as_str(), "uuid_known"),
                (
                    6,
                    Some(ImportColumn::Components),
                    "teleporter",
                    "unknown_component_type"
                ),
                (7, serial, "GOOD-1", "serial_repeated"),
            ]
        );

        // Each code claims its own device, and nothing else.
        let labels = imports::labels(services, &admin, id, 1, 100).await.unwrap();
        assert_eq!((labels.total, labels.items.len()), (2, 2));
        let first = &labels.items[0].shown;
        assert_eq!((first.id, labels.items[0].name.as_str()), (taken, "창가"));
        let other = labels.items[1].shown.code.to_string();
        devices::claim(services, &actor, "GOOD-1", &other)
            .await
            .unwrap_err();
        let code = first.code.to_string();
        assert_eq!(
            devices::claim(services, &actor, "GOOD-1", &code)
                .await
                .unwrap(),
            taken
        );

        let text = text_of(services, &admin, id).await;
        assert!(
            text.starts_with('\u{feff}') && text.contains(&code),
            "{text}"
        );
        assert!(text.contains(",'=1+1,"), "no cell is a formula: {text}");
        assert!(text.contains("7,refused,GOOD-1,") && text.contains(",serial_repeated\r\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_kept_for_a_day_and_void_ones_are_not_shown() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (services, actor) = (&site.services, site.set_up().await);
        let admin = actor.require_admin().unwrap();
        components::seed(services).await.unwrap();
        let id = imports::start(services, &admin, "", b"A\nB\nC\n")
            .await
            .unwrap();
        finished(services, &admin, id).await;
        let labels = imports::labels(services, &admin, id, 1, 100).await.unwrap();
        let [a, b] = [0, 1].map(|at: usize| labels.items[at].shown.id);
        let old = labels.items[1].shown.code.to_string();

        // A code that is renewed is void on the old sheet.
        let again = imports::start_labels(services, &admin, &[b]).await.unwrap();
        let import = finished(services, &admin, again).await;
        assert_eq!((import.made, import.refused), (1, 0));
        let shown = imports::labels(services, &admin, id, 1, 100).await.unwrap();
        let ids: Vec<_> = shown.items.iter().map(|label| label.shown.id).collect();
        assert_eq!(ids.len(), 2);
        assert!(ids.contains(&a) && !ids.contains(&b));
        assert!(!text_of(services, &admin, id).await.contains(&old));
        let new = imports::labels(services, &admin, again, 1, 100)
            .await
            .unwrap();
        let new = new.items[0].shown.code.to_string();
        devices::claim(services, &actor, "B", &old)
            .await
            .unwrap_err();
        devices::claim(services, &actor, "B", &new).await.unwrap();
        let claimed = imports::start_labels(services, &admin, &[b]).await;
        assert_eq!(claimed.unwrap_err(), AppError::conflict("already_claimed"));

        // One is deleted by hand, the other by time; what was printed stays good.
        imports::forget_codes(services, &admin, again)
            .await
            .unwrap();
        let gone = imports::labels(services, &admin, again, 1, 100).await;
        assert_eq!(gone.unwrap_err(), AppError::Gone);
        site.clock.advance_ms(DAY_MS + 1);
        let mut bus = services.bus.subscribe();
        let stop = CancellationToken::new();
        let work = tokio::spawn(imports::run(services.clone(), stop.clone()));
        let erased = async {
            while !matches!(&*bus.recv().await.unwrap(), LiveEvent::Import { import } if *import == id)
            {
            }
        };
        timeout(PATIENCE, erased).await.unwrap();
        stop.cancel();
        work.await.unwrap();
        assert!(
            imports::read(services, &admin, id)
                .await
                .unwrap()
                .codes_until
                .is_none()
        );
        let text = text_of(services, &admin, id).await;
        let code = labels.items[0].shown.code.to_string();
        assert!(
            text.contains("1,done,A,") && !text.contains(&code),
            "{text}"
        );
        devices::claim(services, &actor, "A", &code).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_fails_for_good_keeps_neither_others_nor_the_end_of_codes_back() {
    use entity::device_import::{Column, Entity};
    for database in each_engine().await {
        let site = Site::on(database);
        let (services, actor) = (&site.services, site.set_up().await);
        let admin = actor.require_admin().unwrap();
        components::seed(services).await.unwrap();
        let start = async |file: &str| {
            let started = imports::start(services, &admin, "", file.as_bytes()).await;
            started.unwrap()
        };
        let old = start("OLD\n").await;
        finished(services, &admin, old).await;
        site.clock.advance_ms(DAY_MS + 1);
        let broken = start("BROKEN\n").await;
        Entity::update_many()
            .col_expr(Column::Kind, "of a later version".into())
            .filter(Column::Id.eq(broken.0))
            .exec(&services.db.write)
            .await
            .unwrap();
        site.clock.advance_ms(1);
        let next = start("NEXT\n").await;

        let mut bus = services.bus.subscribe();
        let stop = CancellationToken::new();
        let work = tokio::spawn(imports::run(services.clone(), stop.clone()));
        let expired = async {
            while !matches!(&*bus.recv().await.unwrap(), LiveEvent::Import { import } if *import == old)
            {
            }
        };
        timeout(PATIENCE, expired).await.unwrap();
        stop.cancel();
        work.await.unwrap();
        let made = imports::read(services, &admin, next).await.unwrap();
        assert_eq!((made.made, made.state), (1, ImportState::Done));
        let gone = imports::read(services, &admin, old).await.unwrap();
        assert!(gone.codes_until.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_on_after_a_stop_and_can_be_cancelled() {
    for database in each_engine().await {
        let site = Site::on(database);
        let (services, actor) = (&site.services, site.set_up().await);
        let admin = actor.require_admin().unwrap();
        components::seed(services).await.unwrap();
        let serials: Vec<_> = (0..200).map(|n| format!("S-{n}")).collect();
        let file = serials.join("\n");
        let id = imports::start(services, &admin, "", file.as_bytes())
            .await
            .unwrap();

        // Stopped as soon as something was done.
        let mut bus = services.bus.subscribe();
        let stop = CancellationToken::new();
        let work = tokio::spawn(imports::run(services.clone(), stop.clone()));
        let begun =
            async { while !matches!(&*bus.recv().await.unwrap(), LiveEvent::Import { .. }) {} };
        timeout(PATIENCE, begun).await.unwrap();
        stop.cancel();
        work.await.unwrap();
        let before = imports::read(services, &admin, id).await.unwrap();
        assert!(before.made > 0);
        let import = finished(services, &admin, id).await;
        assert_eq!((import.made, import.refused), (200, 0));
        assert_eq!(count(services, &actor).await, 200);
        let over = imports::cancel(services, &admin, id).await;
        assert_eq!(over.unwrap_err(), AppError::conflict("import_finished"));

        let id = imports::start(services, &admin, "", b"T-1\nT-2\n")
            .await
            .unwrap();
        imports::cancel(services, &admin, id).await.unwrap();
        let import = imports::read(services, &admin, id).await.unwrap();
        assert_eq!((import.state, import.made), (ImportState::Cancelled, 0));
        assert_eq!(count(services, &actor).await, 200);
        assert_eq!(
            imports::list(services, &admin, 1, 50).await.unwrap().total,
            2
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_many_devices_are_in_one_alphabet() {
    let database = testkit::database::sqlite().await;
    let site = Site::on(database);
    let (services, actor) = (&site.services, site.set_up().await);
    let admin = actor.require_admin().unwrap();
    components::seed(services).await.unwrap();
    let lines: Vec<String> = (0..510)
        .map(|n| format!("L-{n},{:03}", (n * 7) % 510))
        .collect();
    let file = format!("serial,name\n{}\n", lines.join("\n"));
    let id = imports::start(services, &admin, "many.csv", file.as_bytes()).await;
    finished(services, &admin, id.unwrap()).await;
    let all = entity::device::Entity::find().all(&services.db.read).await;
    let ids: Vec<DeviceId> = all.unwrap().iter().map(|row| DeviceId(row.uuid)).collect();
    let id = imports::start_labels(services, &admin, &ids).await.unwrap();
    finished(services, &admin, id).await;
    let labels = imports::labels(services, &admin, id, 1, 1_000)
        .await
        .unwrap();
    let names: Vec<String> = labels.items.into_iter().map(|label| label.name).collect();
    let in_order: Vec<String> = (0..510).map(|n| format!("{n:03}")).collect();
    assert_eq!(names, in_order);
}

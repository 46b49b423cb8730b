//! A device that was away for a day sends all that it kept, in its order, and nobody else waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use agent::{
    device::{self, Settings, Status},
    drivers::{Description, Hardware, Loaded, NoDriver},
    folder::{Folder, Site},
    store::{Held, Measured, Store},
};
use domain::TimestampMs;
use protocol::{Scalar, identity::ComponentSpec};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use service::{Clock, SystemClock};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Reports that the device kept: several batches, and few enough for every run.
const KEPT: usize = 6_000;
/// Names another number of them: 86400 is a day at one report a second.
const KEPT_VARIABLE: &str = "MADANG_TEST_CATCH_UP_REPORTS";
/// Devices that report meanwhile, and how often each does.
const OTHERS: usize = 8;
const EVERY: Duration = Duration::from_millis(50);
/// The longest that any of their reports may wait for its acknowledgement, on a busy machine.
const LONGEST: Duration = Duration::from_secs(2);
/// What 99 of 100 may wait at most.
const USUAL: Duration = Duration::from_millis(500);
const SECOND_MS: i64 = 1_000;

/// The machine's clock, as it was that many milliseconds ago.
#[derive(Default)]
struct Earlier(AtomicI64);

impl Clock for Earlier {
    fn now(&self) -> TimestampMs {
        SystemClock.now().plus_ms(-self.0.load(Ordering::SeqCst))
    }
}

/// A computer whose sensors say nothing new: what arrives is what was kept.
struct Quiet;

impl Hardware for Quiet {
    fn driver(&mut self, of: &ComponentSpec) -> Loaded {
        Err(NoDriver::for_type(of))
    }

    fn describe(&self) -> Description {
        Description {
            cpu_serial: Some("away-1".to_owned()),
            ..Description::default()
        }
    }
}

/// A device's folder that holds this many reports, one of each second until `last`.
fn folder_with(
    app: &App,
    identity: &Identity,
    kept: usize,
    last: TimestampMs,
) -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(place.path()).expect("a folder");
    std::fs::write(place.path().join("key.pem"), &identity.key).expect("the key");
    let mut credentials = identity.credentials.clone();
    credentials.mqtt_url = format!("mqtts://localhost:{}", app.mqtt().port());
    let site = Site {
        origin: app.url(""),
        serial: identity.serial.clone(),
        code: identity.code.clone(),
        ca_hash: String::new(),
        credentials: Some(credentials),
        key_file: "key.pem".to_owned(),
        renewed: None,
        board: Some(identity.serial.clone()),
        disabled: None,
        vacant: false,
    };
    folder.save_site(&site).expect("saved");
    let store =
        Store::open(&folder.store_path(), Settings::default().max_reports).expect("a store");
    let measured: Vec<Measured> = (0..kept)
        .map(|number| Measured {
            component: "cpu".parse().expect("a key"),
            timestamp: at(last, kept, number),
            status: None,
            values: [("average".parse().expect("a name"), value(number))].into(),
        })
        .collect();
    for some in measured.chunks(1_000) {
        store.keep(some).expect("kept");
    }
    (place, folder)
}

fn at(last: TimestampMs, kept: usize, number: usize) -> TimestampMs {
    let before = i64::try_from(kept - 1 - number).expect("few");
    last.plus_ms(-before * SECOND_MS)
}

fn value(number: usize) -> Scalar {
    Scalar::Number(f64::from(u32::try_from(number).expect("few")) / 8.0)
}

/// Reports until it is told to stop; how long each waited for its acknowledgement.
async fn lives(device: Device, stop: CancellationToken) -> Vec<Duration> {
    let mut waits = Vec::new();
    let mut pace = tokio::time::interval(EVERY);
    let mut sequence = 1;
    while stop.run_until_cancelled(pace.tick()).await.is_some() {
        sequence += 1;
        let began = Instant::now();
        let answer = device.report("cpu", sequence, &[("average", 1.0)]).await;
        assert_eq!(answer, Answer::Accepted);
        waits.push(began.elapsed());
    }
    waits
}

async fn enrolled(app: &App, admin: &Person, serial: &str) -> Identity {
    let actor = &admin.actor;
    Identity::enrol(app.services(), actor, Some(actor), computer(serial))
        .await
        .expect("an enrolled device")
}

async fn stored(app: &App, identity: &Identity) -> Vec<entity::report::Model> {
    use entity::{component, device, report};
    let db = &app.services().db.read;
    let device = device::Entity::find()
        .filter(device::Column::Uuid.eq(identity.id.0))
        .one(db)
        .await
        .expect("read")
        .expect("the device");
    let components = component::Entity::find()
        .filter(component::Column::DeviceId.eq(device.id))
        .select_only()
        .column(component::Column::Id)
        .into_tuple::<i64>()
        .all(db)
        .await
        .expect("read");
    report::Entity::find()
        .filter(report::Column::ComponentId.is_in(components))
        .order_by_asc(report::Column::AtMs)
        .all(db)
        .await
        .expect("read")
}

#[tokio::test(flavor = "multi_thread")]
#[allow(
    clippy::print_stderr,
    reason = "how long it took is what a person runs it for"
)]
async fn a_day_away_is_caught_up_whole_in_order_and_delays_nobody() {
    let kept = std::env::var(KEPT_VARIABLE)
        .ok()
        .map_or(KEPT, |text| text.parse().expect("a number"));
    let clock = Arc::new(Earlier::default());
    let away_ms = (i64::try_from(kept).expect("few") + 3_600) * SECOND_MS;
    clock.0.store(away_ms, Ordering::SeqCst);
    let app = App::start_at(clock.clone()).await;
    let admin = app.set_up().await;
    let identity = enrolled(&app, &admin, "away-1").await;
    clock.0.store(0, Ordering::SeqCst);

    let stop = CancellationToken::new();
    let mut others = JoinSet::new();
    for number in 0..OTHERS {
        let other = enrolled(&app, &admin, &format!("near-{number}")).await;
        let device = Device::online(&other, app.mqtt(), 1).await;
        others.spawn(lives(device, stop.clone()));
    }

    let last = SystemClock.now();
    let (_place, folder) = folder_with(&app, &identity, kept, last);
    let began = Instant::now();
    let (status, mut seen) = watch::channel(Status::default());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(device::run(
        folder.clone(),
        Box::new(Quiet),
        Settings::default(),
        status,
        shutdown.clone(),
    ));
    let reports = entity::report::Entity::find();
    // Generous: a day in a build without optimisation, beside other tests.
    let patience =
        Duration::from_mins(1) + Duration::from_millis(10) * u32::try_from(kept).expect("few");
    let caught_up = async {
        loop {
            seen.changed().await.expect("it runs");
            let count = reports
                .clone()
                .filter(entity::report::Column::Late.eq(true));
            let count = count.count(&app.services().db.read).await.expect("a count");
            // The last five minutes of it are not late.
            if count + 301 >= kept as u64 && stored(&app, &identity).await.len() >= kept {
                break;
            }
        }
    };
    tokio::time::timeout(patience, caught_up)
        .await
        .expect("caught up in time");
    let took = began.elapsed();
    stop.cancel();
    let mut waits: Vec<Duration> = others.join_all().await.into_iter().flatten().collect();
    shutdown.cancel();
    running.await.expect("an end").expect("a clean end");

    let rows = stored(&app, &identity).await;
    assert_eq!(rows.len(), kept, "each once");
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row.at_ms, at(last, kept, number).0, "none is missing");
        let expected = serde_json::to_value(value(number)).expect("JSON");
        assert_eq!(row.readings["average"], expected);
    }
    for pair in rows.windows(2) {
        assert!(
            pair[0].sequence <= pair[1].sequence,
            "in the order measured"
        );
        assert!(pair[0].received_ms <= pair[1].received_ms);
    }
    let store = Store::open(&folder.store_path(), 1).expect("the store");
    let nothing = Held {
        reports: 0,
        messages: 0,
        dropped: 0,
    };
    assert_eq!(store.held().expect("read"), nothing);

    waits.sort_unstable();
    let usual = waits[waits.len() * 99 / 100];
    let longest = waits[waits.len() - 1];
    eprintln!(
        "{kept} reports in {took:?}; {} live reports beside them: 99 % within {usual:?}, all within {longest:?}",
        waits.len()
    );
    assert!(waits.len() > OTHERS, "{waits:?}");
    assert!(usual < USUAL && longest < LONGEST, "{usual:?} {longest:?}");
    app.stop().await;
}

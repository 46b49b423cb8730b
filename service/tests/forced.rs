//! A value set by hand: said to be forced, no part of the history, ended by the next report or put back.

#![allow(clippy::unwrap_used)]

use domain::{
    AppError, Scalar,
    device::{DeviceDetail, DeviceQuery},
    event::EventKind,
    finding::Column,
    telemetry::{Period, SeriesQuery},
};
use protocol::Sequence;
use service::{
    Actor,
    commands::Commander,
    devices::{self, directory::Directory, export::Export},
    forced,
    telemetry::{self, Committed, Committer, Incoming, ReportPart},
    twin,
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};
use tokio_util::sync::CancellationToken;

struct Bench {
    site: Site,
    owner: Actor,
    identity: Identity,
    committer: Committer,
    sequence: std::cell::Cell<u64>,
}

impl Bench {
    async fn on(database: testkit::database::TestDatabase) -> Self {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let owner = site.set_up().await;
        let identity = Identity::enrol(&site.services, &owner, Some(&owner), computer("F-1"))
            .await
            .unwrap();
        let (committer, _task) =
            Committer::start(site.services.clone(), CancellationToken::new()).unwrap();
        site.clock.advance_ms(3_600_000);
        Self {
            site,
            owner,
            identity,
            committer,
            sequence: std::cell::Cell::new(1),
        }
    }

    /// Reports the lamp, or the processor.
    async fn report(&self, component: &str, status: Option<&str>, ago_ms: i64, values: &[f64]) {
        let services = &self.site.services;
        let known = Directory::default()
            .get(services, self.identity.id)
            .await
            .unwrap()
            .unwrap();
        let key = component.parse().unwrap();
        self.sequence.set(self.sequence.get() + 1);
        let message = Incoming {
            device: known.device,
            ownership: known.ownership,
            sequence: Sequence(self.sequence.get()),
            sent_at: None,
            received_at: services.now(),
            report_interval_ms: 10_000,
            reports: vec![ReportPart {
                component_id: known.components[&key].id,
                key,
                at: services.now().plus_ms(-ago_ms),
                late: false,
                status: status.map(ToOwned::to_owned),
                values: values
                    .iter()
                    .map(|value| ("average".parse().unwrap(), Scalar::Number(*value)))
                    .collect(),
            }],
            state: std::collections::BTreeMap::new(),
        };
        assert_eq!(
            self.committer.submit(message).await.unwrap(),
            Committed::Stored
        );
    }

    async fn commander(&self) -> Commander {
        Commander::prove(&self.site.services, &self.owner, self.identity.id)
            .await
            .unwrap()
    }

    async fn force(&self, key: &str, value: Scalar) -> Result<(), AppError> {
        let commander = self.commander().await;
        forced::force(&self.site.services, &commander, key, value).await
    }

    async fn release(&self, key: &str) -> Result<(), AppError> {
        let commander = self.commander().await;
        forced::release(&self.site.services, &commander, key).await
    }

    async fn page(&self) -> DeviceDetail {
        let services = &self.site.services;
        let viewer = self
            .owner
            .require_viewer(services, self.identity.id)
            .await
            .unwrap();
        devices::detail(services, &viewer).await.unwrap()
    }

    /// The page as another process reads it, without what this one has kept.
    async fn page_of_the_store(&self) -> DeviceDetail {
        self.site
            .services
            .cache
            .forget(self.identity.id)
            .await
            .unwrap();
        self.page().await
    }

    async fn events(&self) -> Vec<EventKind> {
        let services = &self.site.services;
        let viewer = self
            .owner
            .require_viewer(services, self.identity.id)
            .await
            .unwrap();
        let events = devices::events(services, &viewer, None, 50).await.unwrap();
        let forced = [EventKind::StateForced, EventKind::StateReleased];
        let kinds = events.into_iter().map(|event| event.kind);
        kinds.filter(|kind| forced.contains(kind)).collect()
    }
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

#[tokio::test]
async fn a_forced_value_is_said_to_be_and_ends_with_the_next_report() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        bench.report("led", Some("OFF"), 1_000, &[]).await;
        bench.report("cpu", None, 1_000, &[12.5]).await;
        bench.force("led", text("ON")).await.unwrap();
        bench
            .force("cpu_average", Scalar::Number(99.0))
            .await
            .unwrap();
        for page in [bench.page().await, bench.page_of_the_store().await] {
            assert_eq!(page.state["led"], text("ON"));
            let forced = &page.forced["led"];
            assert_eq!(
                (forced.by.as_str(), &forced.before),
                ("admin", &Some(text("OFF")))
            );
            assert_eq!(page.state["cpu_average"], Scalar::Number(99.0));
            let headline = page.summary.headline.expect("a value");
            assert!(headline.forced, "the list says it too");
        }
        let services = &bench.site.services;
        let viewer = bench
            .owner
            .require_viewer(services, bench.identity.id)
            .await
            .unwrap();
        let lamp = twin::read(services, &viewer).await.unwrap();
        let lamp = lamp.iter().find(|c| c.component.as_str() == "led").unwrap();
        assert_eq!(
            lamp.reported["status"],
            text("OFF"),
            "the twin compares what was said"
        );
        let query = SeriesQuery {
            component: "cpu".parse().unwrap(),
            value: Some("average".to_owned()),
            period: Period::new(
                services.now().plus_ms(-60_000),
                services.now().plus_ms(60_000),
            ),
            max_points: 100,
        };
        let series = telemetry::series(services, &viewer, &query).await.unwrap();
        let shown = serde_json::to_string(&series).unwrap();
        assert!(shown.contains("12.5") && !shown.contains(":99"), "{shown}");

        // What was measured before the value that it stands in front of does not end it.
        bench.report("led", Some("LATE"), 5_000, &[]).await;
        assert_eq!(bench.page().await.state["led"], text("ON"));
        bench.report("led", Some("OFF"), 0, &[]).await;
        for page in [bench.page().await, bench.page_of_the_store().await] {
            assert_eq!(page.state["led"], text("OFF"));
            assert!(!page.forced.contains_key("led"));
            assert!(page.forced.contains_key("cpu_average"), "another's report");
        }
        assert_eq!(
            bench.events().await,
            [
                EventKind::StateReleased,
                EventKind::StateForced,
                EventKind::StateForced,
            ]
        );
    }
}

#[tokio::test]
async fn a_forced_value_is_put_back_to_what_was_reported() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        // Never reported: put back, it is not there.
        bench.force("led", text("ON")).await.unwrap();
        let page = bench.page_of_the_store().await;
        assert_eq!(page.state["led"], text("ON"));
        assert!(!page.state_at.contains_key("led"), "it was never measured");
        bench.release("led").await.unwrap();
        assert!(!bench.page_of_the_store().await.state.contains_key("led"));
        assert_eq!(bench.release("led").await, Err(AppError::NotFound));

        bench.report("led", Some("OFF"), 1_000, &[]).await;
        bench.force("led", text("ON")).await.unwrap();
        bench.force("led", text("BLINK")).await.unwrap();
        let forced = bench.page().await.forced["led"].clone();
        assert_eq!(forced.before, Some(text("OFF")), "not the first forced one");
        bench.release("led").await.unwrap();
        let page = bench.page().await;
        assert_eq!(page.state["led"], text("OFF"));
        assert!(page.forced.is_empty());
        // The committer goes on with the state as it is now, not with what it wrote last.
        bench.report("cpu", None, 0, &[1.0]).await;
        assert_eq!(bench.page_of_the_store().await.state["led"], text("OFF"));
    }
}

#[tokio::test]
async fn a_forced_value_is_said_to_be_in_lists_and_files() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let services = &bench.site.services;
        bench.report("led", Some("OFF"), 0, &[]).await;
        bench.report("cpu", None, 0, &[12.5]).await;
        bench.force("led", text("ON")).await.unwrap();
        bench
            .force("cpu_average", Scalar::Number(99.0))
            .await
            .unwrap();
        let file = async || {
            let columns = [
                Column::Value,
                Column::State("led".to_owned()),
                Column::State("pump".to_owned()),
            ];
            let query = DeviceQuery::default();
            let export = Export::begin(services, &bench.owner, &query, columns.to_vec()).await;
            let part = export.unwrap().part().await.unwrap().unwrap();
            let part = String::from_utf8(part).unwrap();
            let mut lines = part.lines().map(|line| {
                // The name, the numbers and the kind come first in every file.
                let cells: Vec<&str> = line.split(',').skip(4).collect();
                cells.join(",")
            });
            (lines.next().unwrap(), lines.next().unwrap())
        };
        let head = "value_key,value,unit,value_forced,state.led,state.led.forced,state.pump,state.pump.forced";
        assert_eq!(
            file().await,
            (
                head.to_owned(),
                "cpu_average,99,%,forced,ON,forced,,".to_owned()
            )
        );
        let row = async || {
            let keys = ["led".to_owned()];
            let extras = devices::extras(services, &bench.owner, &[bench.identity.id], &keys).await;
            extras.unwrap().remove(0).values.remove(0).unwrap()
        };
        let shown = row().await;
        assert_eq!((shown.value, shown.forced), (text("ON"), true));

        bench.report("led", Some("OFF"), 0, &[]).await;
        bench.release("cpu_average").await.unwrap();
        let shown = row().await;
        assert_eq!((shown.value, shown.forced), (text("OFF"), false));
        assert_eq!(file().await.1, "cpu_average,12.5,%,,OFF,,,");
    }
}

#[tokio::test]
async fn what_cannot_be_forced_is_refused_with_its_reason() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        bench.report("cpu", None, 0, &[1.0]).await;
        let invalid = |field: &str, message: &str| Err(AppError::invalid(field, message));
        for (key, value, expected) in [
            ("pump", text("ON"), invalid("key", "not_attached")),
            (
                "device_status",
                text("ONLINE"),
                invalid("key", "not_attached"),
            ),
            ("cpu_average", text("much"), invalid("value", "value_type")),
            ("led", text(""), invalid("value", "required")),
            ("led", text("a\u{0}b"), invalid("value", "invalid")),
            ("led", text(&"x".repeat(65)), invalid("value", "invalid")),
        ] {
            assert_eq!(bench.force(key, value).await, expected, "{key}");
        }
        assert!(bench.page().await.forced.is_empty());
        let services = &bench.site.services;
        let owner = bench
            .owner
            .require_owner(services, bench.identity.id)
            .await
            .unwrap();
        devices::unlink(services, &owner).await.unwrap();
        let unclaimed = bench.force("led", text("ON")).await;
        assert_eq!(unclaimed, Err(AppError::conflict("device_not_claimed")));
    }
}

//! What is kept apart until it is certain who said it: of whom, for how long, and how it comes back, on both engines.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    AppError, ComponentKey, Scalar,
    identity::{Act, Finding},
};
use protocol::Sequence;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use service::{
    Actor, Services, devices,
    devices::directory::{Directory, Known},
    identity::{self, Hold, Standing},
    telemetry::{self, Incoming, Keep, ReportPart},
};
use testkit::{
    database::{Gate, TestDatabase, each_engine},
    device::{Identity, computer},
    site::Site,
};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// A connection.
const SESSION: u64 = 7;

struct Bench {
    site: Site,
    owner: Actor,
    device: Identity,
    known: Arc<Known>,
}

impl Bench {
    async fn on(database: TestDatabase) -> Self {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let owner = site.set_up().await;
        let device = Identity::enrol(&site.services, &owner, Some(&owner), computer("Q-1"))
            .await
            .unwrap();
        let known = Directory::default().get(&site.services, device.id).await;
        Self {
            known: known.unwrap().unwrap(),
            site,
            owner,
            device,
        }
    }

    fn services(&self) -> &Services {
        &self.site.services
    }

    /// These readings of the processor, all of this moment.
    fn message(&self, sequence: u64, readings: &[f64]) -> Incoming {
        let key: ComponentKey = "cpu".parse().unwrap();
        let now = self.services().now();
        let part = |average: &f64| ReportPart {
            component_id: self.known.components[&key].id,
            key: key.clone(),
            at: now,
            late: false,
            status: None,
            values: vec![("average".parse().unwrap(), Scalar::Number(*average))],
        };
        Incoming {
            device: self.known.device,
            ownership: self.known.ownership,
            sequence: Sequence(sequence),
            sent_at: Some(now),
            received_at: now,
            report_interval_ms: 10_000,
            reports: readings.iter().map(part).collect(),
            state: BTreeMap::new(),
        }
    }

    /// Another board says that it is the device; gives the finding.
    async fn swapped(&self) -> i64 {
        let mut body = self.device.shown(1);
        body.insert("cpu_serial".to_owned(), json!("Q-2"));
        let said = serde_json::from_value(Value::Object(body)).unwrap();
        let standing = identity::heard(self.services(), self.device.id, &said, Some(SESSION)).await;
        match standing.unwrap() {
            Standing::Held(finding) => finding,
            Standing::Settled => panic!("it is another board"),
        }
    }

    async fn hold(&self, finding: Option<i64>, message: &Incoming) -> Hold {
        identity::hold(self.services(), finding, SESSION, message)
            .await
            .unwrap()
    }

    async fn resolve(&self, finding: i64, act: Act) {
        let admin = self.owner.require_admin().unwrap();
        identity::resolve(self.services(), &admin, finding, act)
            .await
            .unwrap();
    }

    async fn undo(&self, finding: i64) -> Result<(), AppError> {
        let admin = self.owner.require_admin().unwrap();
        identity::undo(self.services(), &admin, finding).await
    }

    async fn finding(&self, finding: i64) -> Finding {
        let admin = self.owner.require_admin().unwrap();
        identity::read(self.services(), &admin, finding)
            .await
            .unwrap()
    }

    /// Reports in the history.
    async fn stored(&self) -> u64 {
        let rows = entity::report::Entity::find();
        rows.count(&self.services().db.read).await.unwrap()
    }

    /// Readings in the rollups of days.
    async fn rolled(&self) -> i64 {
        let rows = entity::rollup::Entity::find()
            .filter(entity::rollup::Column::ResolutionMs.eq(DAY_MS))
            .all(&self.services().db.read)
            .await
            .unwrap();
        rows.iter().map(|row| row.count).sum()
    }

    async fn roll(&self) {
        telemetry::roll_due(self.services()).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_former_ownership_signed_is_not_kept_for_the_next() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let services = bench.services();
        assert_eq!(
            bench.hold(None, &bench.message(1, &[41.5])).await,
            Hold::Kept
        );
        // Verified while it was theirs.
        let late = bench.message(2, &[42.5]);
        let owner = bench.owner.require_owner(services, bench.device.id).await;
        devices::unlink(services, &owner.unwrap()).await.unwrap();
        assert_eq!(bench.hold(None, &late).await, Hold::OwnershipEnded);
        let (serial, code) = (&bench.device.serial, &bench.device.code);
        devices::claim(services, &bench.owner, serial, code)
            .await
            .unwrap();
        assert_eq!(bench.hold(None, &late).await, Hold::OwnershipEnded);
        let apart = entity::identity_quarantine::Entity::find();
        assert_eq!(apart.count(&services.db.read).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_report_that_is_being_kept_apart_follows_the_decision_that_is_made_meanwhile() {
    for database in each_engine().await {
        let bench = Arc::new(Bench::on(database).await);
        let finding = bench.swapped().await;
        let gate = Gate::before_writing(&bench.services().db, "identity_quarantine").await;
        let (one, message) = (bench.clone(), bench.message(2, &[41.5]));
        let holding = tokio::spawn(async move { one.hold(Some(finding), &message).await });
        gate.stopped(1).await;
        let other = bench.clone();
        let deciding = tokio::spawn(async move { other.resolve(finding, Act::Release).await });
        gate.stopped(2).await;
        gate.open().await;
        assert_eq!(holding.await.unwrap(), Hold::Kept);
        deciding.await.unwrap();
        assert_eq!(bench.finding(finding).await.held, 0);
        assert_eq!(bench.stored().await, 1);
        let next = bench.message(3, &[42.5]);
        assert_eq!(bench.hold(Some(finding), &next).await, Hold::LetThrough);
    }
}

#[tokio::test]
async fn a_release_is_undone_only_while_the_reports_of_its_time_are_kept() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let finding = bench.swapped().await;
        // Two of one moment are two.
        let message = bench.message(2, &[41.5, 42.5]);
        assert_eq!(bench.hold(Some(finding), &message).await, Hold::Kept);
        bench.site.clock.advance_ms(5 * MINUTE_MS);
        bench.resolve(finding, Act::Release).await;
        bench.roll().await;
        assert_eq!((bench.stored().await, bench.rolled().await), (2, 2));
        assert!(bench.finding(finding).await.may_undo);
        bench.undo(finding).await.unwrap();
        bench.roll().await;
        assert_eq!((bench.stored().await, bench.rolled().await), (0, 0));
        assert_eq!(bench.finding(finding).await.held, 2);

        bench.resolve(finding, Act::Release).await;
        bench.roll().await;
        bench.site.clock.advance_ms(3 * DAY_MS);
        let keep = Keep {
            reports_days: 1,
            minutes_days: 30,
        };
        telemetry::delete_old(bench.services(), keep).await.unwrap();
        assert_eq!((bench.stored().await, bench.rolled().await), (0, 2));
        assert!(!bench.finding(finding).await.may_undo, "nor offered");
        let late = bench.undo(finding).await;
        assert_eq!(late, Err(AppError::conflict("undo_too_late")));
        bench.roll().await;
        assert_eq!(bench.rolled().await, 2, "it is still known");
        assert_eq!(bench.finding(finding).await.act, Some(Act::Release));
    }
}

#[tokio::test]
async fn an_acceptance_is_undone_only_while_nobody_else_has_the_former_serial_number() {
    for database in each_engine().await {
        let bench = Bench::on(database).await;
        let finding = bench.swapped().await;
        bench.resolve(finding, Act::Accept).await;
        assert!(bench.finding(finding).await.may_undo);
        let admin = bench.owner.require_admin().unwrap();
        devices::preregister(bench.services(), &admin, computer("Q-1"))
            .await
            .unwrap();
        assert!(!bench.finding(finding).await.may_undo, "not offered");
        let refused = bench.undo(finding).await;
        assert_eq!(refused, Err(AppError::conflict("serial_known")));
    }
}

//! A site with one claimed device, and what stores its reports.

use super::*;

pub(super) struct Bench {
    pub(super) site: Site,
    pub(super) owner: Actor,
    pub(super) identity: Identity,
    pub(super) known: Arc<Known>,
    pub(super) committer: Committer,
}

impl Bench {
    pub(super) async fn on(database: testkit::database::TestDatabase) -> Self {
        Self::at(Site::on(database)).await
    }

    pub(super) async fn at(site: Site) -> Self {
        service::components::seed(&site.services).await.unwrap();
        let owner = site.set_up().await;
        let identity = Identity::enrol(&site.services, &owner, Some(&owner), computer("T-1"))
            .await
            .unwrap();
        let known = Directory::default()
            .get(&site.services, identity.id)
            .await
            .unwrap()
            .unwrap();
        let (committer, _task) =
            Committer::start(site.services.clone(), CancellationToken::new()).unwrap();
        Self {
            site,
            owner,
            identity,
            known,
            committer,
        }
    }

    pub(super) fn now(&self) -> TimestampMs {
        self.site.services.now()
    }

    /// A report of the processor, measured `ago_ms` before now.
    pub(super) fn report(&self, sequence: u64, ago_ms: i64, average: f64) -> Incoming {
        let key = "cpu".parse().unwrap();
        Incoming {
            device: self.known.device,
            ownership: self.known.ownership,
            sequence: Sequence(sequence),
            sent_at: Some(self.now()),
            received_at: self.now(),
            report_interval_ms: 10_000,
            reports: vec![ReportPart {
                component_id: self.known.components[&key].id,
                key,
                at: self.now().plus_ms(-ago_ms),
                late: ago_ms > 5 * MINUTE_MS,
                status: None,
                values: vec![
                    ("average".parse().unwrap(), Scalar::Number(average)),
                    (
                        "note".parse().unwrap(),
                        Scalar::Text("뜰 \u{1f331}".to_owned()),
                    ),
                    ("busy".parse().unwrap(), Scalar::Bool(true)),
                ],
            }],
            state: std::collections::BTreeMap::new(),
        }
    }

    pub(super) async fn page(&self) -> domain::device::DeviceDetail {
        let services = &self.site.services;
        let viewer = self
            .owner
            .require_viewer(services, self.identity.id)
            .await
            .unwrap();
        devices::detail(services, &viewer).await.unwrap()
    }

    pub(super) async fn series(&self, back_ms: i64, points: u32) -> Vec<domain::telemetry::Series> {
        let services = &self.site.services;
        let viewer = self
            .owner
            .require_viewer(services, self.identity.id)
            .await
            .unwrap();
        let query = SeriesQuery {
            component: "cpu".parse().unwrap(),
            value: Some("average".to_owned()),
            period: Period::new(self.now().plus_ms(-back_ms), self.now().plus_ms(1)),
            max_points: points,
        };
        telemetry::series(services, &viewer, &query).await.unwrap()
    }
}

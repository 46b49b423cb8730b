//! What one person, or one whom nobody knows, may take of the site at a time, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{
    AppError,
    account::Registration,
    device::DeviceQuery,
    finding::Column,
    role::SiteRole,
    telemetry::{Period, SeriesQuery},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use service::{
    accounts::{self, Client, NewAccount, api_key},
    devices::{self, export::Export},
    telemetry,
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::{Site, account},
};

#[tokio::test]
async fn one_client_makes_so_many_accounts_a_minute_where_everybody_may() {
    for database in each_engine().await {
        let site = Site::registering(database, Registration::Open);
        site.set_up().await;
        let services = &site.services;
        let register = async |address: &str, wish: NewAccount| {
            let client = Client {
                address: Some(address.to_owned()),
                ..Client::default()
            };
            let made = accounts::register(services, None, wish, &client).await;
            made.map(|_| ())
        };
        let nth = |n: u32| account(&format!("p{n}@example.org"));
        for _ in 0..30 {
            let short = NewAccount {
                password: "short".to_owned(),
                ..nth(0)
            };
            assert_eq!(
                register("192.0.2.1", short).await,
                Err(AppError::invalid("password", "password_length")),
                "nothing was hashed: that does not count"
            );
        }
        for n in 0..20 {
            assert_eq!(register("192.0.2.1", nth(n)).await, Ok(()), "{n}");
        }
        let more = register("192.0.2.1", nth(20)).await;
        assert!(matches!(more, Err(AppError::TooMany { .. })), "{more:?}");
        assert_eq!(register("192.0.2.2", nth(21)).await, Ok(()));
        site.clock.advance_ms(60_000);
        assert_eq!(register("192.0.2.1", nth(22)).await, Ok(()));
    }
}

#[tokio::test]
async fn a_person_has_so_many_keys_and_one_that_is_revoked_makes_room() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        let admin = site.set_up().await;
        for n in 0..api_key::MOST {
            api_key::create(services, &admin, &format!("key {n}"))
                .await
                .unwrap();
        }
        let one_more = async || {
            let made = api_key::create(services, &admin, "one more").await;
            made.map(|made| made.listed.name)
        };
        assert_eq!(one_more().await, Err(AppError::conflict("too_many_keys")));
        let kim = site.person(&admin, "kim@example.org", SiteRole::Member);
        let of_another = api_key::create(services, &kim.await, "mine").await;
        assert!(of_another.is_ok());
        let first = api_key::list(services, &admin).await.unwrap().remove(0);
        api_key::revoke(services, &admin, first.id).await.unwrap();
        assert_eq!(one_more().await, Ok("one more".to_owned()));
    }
}

#[tokio::test]
async fn a_series_has_so_many_points_whatever_is_asked_for() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let owner = site.set_up().await;
        let identity = Identity::enrol(services, &owner, Some(&owner), computer("B-1"))
            .await
            .unwrap();
        site.clock.advance_ms(3_600_000);
        let viewer = owner.require_viewer(services, identity.id).await.unwrap();
        let cpu = entity::component::Entity::find()
            .filter(entity::component::Column::DeviceId.eq(viewer.device().id))
            .filter(entity::component::Column::Key.eq("cpu"))
            .one(&services.db.read)
            .await
            .unwrap()
            .unwrap();
        let (now, reports) = (services.now(), 6_000);
        let insert = format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {reports}) \
             INSERT INTO report \
             (component_id, at_ms, sequence, received_ms, late, status, readings) \
             SELECT {}, {} - n * 100, n, {}, false, NULL, '{{\"average\": 1.5}}' FROM n",
            cpu.id, now.0, now.0
        );
        services.db.write.execute_unprepared(&insert).await.unwrap();
        let mut query = SeriesQuery {
            component: "cpu".parse().unwrap(),
            value: Some("average".to_owned()),
            period: Period::new(now.plus_ms(-10 * 60_000), now),
            max_points: u32::MAX,
        };
        let series = telemetry::series(services, &viewer, &query).await.unwrap();
        let points = &series[0].points;
        let most = usize::try_from(telemetry::MOST_POINTS).unwrap();
        assert!(points.len() <= most, "{}", points.len());
        assert_eq!(points.iter().map(|point| point.count).sum::<u32>(), reports);

        query.period = Period::new(now.plus_ms(-2 * 3_600_000), now);
        let many = telemetry::buckets(services, &viewer, &query, 1_000).await;
        assert_eq!(
            many.unwrap_err(),
            AppError::invalid("bucket", "too_many_buckets")
        );
    }
}

#[tokio::test]
async fn a_list_shows_so_many_values() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let owner = site.set_up().await;
        let identity = Identity::enrol(services, &owner, Some(&owner), computer("B-2"))
            .await
            .unwrap();
        let keys = |many: usize| (0..many).map(|n| format!("key_{n}"));
        let row = async |many: usize| {
            let keys: Vec<_> = keys(many).collect();
            devices::extras(services, &owner, &[identity.id], &keys).await
        };
        let file = async |columns: Vec<Column>| {
            let query = DeviceQuery::default();
            let begun = Export::begin(services, &owner, &query, columns).await;
            begun.map(|_| ())
        };
        let values = |many: usize| keys(many).map(Column::State).collect::<Vec<_>>();
        let refused = AppError::invalid("columns", "too_many_columns");

        assert_eq!(row(20).await.unwrap()[0].values.len(), 20);
        assert_eq!(row(21).await.unwrap_err(), refused);
        let all = Column::NAMED.into_iter().chain(values(20)).collect();
        assert_eq!(file(all).await, Ok(()));
        assert_eq!(file(values(21)).await, Err(refused.clone()));
        assert_eq!(file(vec![Column::Tags; 8]).await, Err(refused));
    }
}

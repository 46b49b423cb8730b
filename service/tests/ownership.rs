//! What one owner leaves to the next: nothing of the state, of what was asked for, or of what is under way.

#![allow(clippy::unwrap_used)]

use domain::{
    AppError, DeviceId, Scalar,
    command::{CommandOptions, CommandState, NewCommand},
    live::LiveEvent,
    role::SiteRole,
};
use protocol::Sequence;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use service::{
    Actor, Services, commands,
    devices::{
        self,
        directory::{Directory, Known},
    },
    telemetry::{Committed, Committer, Incoming, ReportPart},
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};
use tokio_util::sync::CancellationToken;

async fn page(services: &Services, who: &Actor, device: DeviceId) -> domain::device::DeviceDetail {
    let viewer = who.require_viewer(services, device).await.unwrap();
    devices::detail(services, &viewer).await.unwrap()
}

async fn known(services: &Services, device: DeviceId) -> std::sync::Arc<Known> {
    let known = Directory::default().get(services, device).await.unwrap();
    known.unwrap()
}

fn report(services: &Services, known: &Known, sequence: u64, average: f64) -> Incoming {
    let key = "cpu".parse().unwrap();
    let now = services.now();
    Incoming {
        device: known.device,
        ownership: known.ownership,
        sequence: Sequence(sequence),
        sent_at: Some(now),
        received_at: now,
        report_interval_ms: 10_000,
        reports: vec![ReportPart {
            component_id: known.components[&key].id,
            key,
            at: now,
            late: false,
            status: None,
            values: vec![("average".parse().unwrap(), Scalar::Number(average))],
        }],
        state: std::collections::BTreeMap::new(),
    }
}

fn wish(name: &str, arguments: Value) -> NewCommand {
    NewCommand {
        name: name.to_owned(),
        component: None,
        arguments,
        valid_for_ms: 30 * 86_400_000,
        options: CommandOptions::default(),
    }
}

async fn send(
    services: &Services,
    who: &Actor,
    device: DeviceId,
    wish: NewCommand,
) -> Result<domain::command::Command, AppError> {
    let owner = who.require_owner(services, device).await?;
    commands::send(services, &owner, wish).await
}

async fn give_up(services: &Services, who: &Actor, device: DeviceId) {
    let owner = who.require_owner(services, device).await.unwrap();
    devices::unlink(services, &owner).await.unwrap();
}

#[tokio::test]
async fn a_report_that_was_on_its_way_when_the_device_was_given_up_brings_nothing_back() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let kim = site
            .person(&admin, "kim@example.org", SiteRole::Member)
            .await;
        let lee = site
            .person(&admin, "lee@example.org", SiteRole::Member)
            .await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("O-1"))
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let (committer, _task) = Committer::start(services.clone(), stop).unwrap();
        let before = known(services, device.id).await;
        let stored = committer.submit(report(services, &before, 1, 41.5)).await;
        assert_eq!(stored.unwrap(), Committed::Stored);
        let said = services.cache.get(&[device.id]).await.unwrap();
        assert_eq!(page(services, &kim, device.id).await.state.len(), 1);

        // Verified while kim owned it; committed when nobody does, and when lee does.
        give_up(services, &kim, device.id).await;
        let late = committer.submit(report(services, &before, 2, 42.5)).await;
        assert_eq!(late.unwrap(), Committed::OwnershipEnded);
        // The last commit under kim tells the cache of it after the device was given up.
        let told = || said.clone().into_iter().collect();
        services.cache.put(told()).await.unwrap();
        let nobodys = page(services, &admin, device.id).await;
        assert!(nobodys.state.is_empty(), "{:?}", nobodys.state);
        devices::claim(services, &lee, &device.serial, &device.code)
            .await
            .unwrap();
        let late = committer.submit(report(services, &before, 3, 43.5)).await;
        assert_eq!(late.unwrap(), Committed::OwnershipEnded);
        services.cache.put(told()).await.unwrap();
        let lees = page(services, &lee, device.id).await;
        assert!(lees.state.is_empty(), "{:?}", lees.state);
        assert_eq!(lees.summary.last_report_at, None);

        let now = known(services, device.id).await;
        let stored = committer.submit(report(services, &now, 1, 7.5)).await;
        assert_eq!(stored.unwrap(), Committed::Stored);
        let lees = page(services, &lee, device.id).await;
        assert_eq!(lees.state["cpu_average"], Scalar::Number(7.5));
    }
}

#[tokio::test]
async fn what_a_former_owner_has_asked_for_is_over_and_nobody_hears_of_it() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let kim = site
            .person(&admin, "kim@example.org", SiteRole::Member)
            .await;
        let lee = site
            .person(&admin, "lee@example.org", SiteRole::Member)
            .await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("O-2"))
            .await
            .unwrap();
        let wifi = json!({ "ssid": "garden", "password": "correct horse" });
        let id = device.id;
        send(services, &kim, id, wish("wifi/change", wifi))
            .await
            .unwrap();
        for page in 1..200 {
            let print = wish("print", json!({ "page": page }));
            send(services, &kim, id, print).await.unwrap();
        }
        let full = send(services, &kim, id, wish("print", json!({}))).await;
        assert_eq!(full, Err(AppError::conflict("queue_full")));

        site.clock.advance_ms(1_000);
        let mut reader = services.bus.subscribe();
        give_up(services, &kim, id).await;
        devices::claim(services, &lee, &device.serial, &device.code)
            .await
            .unwrap();
        let lees = send(services, &lee, id, wish("print", json!({})))
            .await
            .unwrap();
        loop {
            match &*reader.recv().await.unwrap() {
                LiveEvent::Command { command } if command.id == lees.id => break,
                LiveEvent::Command { command } => panic!("lee hears of {command:?}"),
                _ => {}
            }
        }
        let viewer = lee.require_viewer(services, id).await.unwrap();
        let seen = commands::list(services, &viewer, None, 200).await.unwrap();
        assert_eq!(seen.len(), 1);
        let rows = entity::command::Entity::find()
            .filter(entity::command::Column::Id.ne(lees.id.0))
            .all(&services.db.read)
            .await
            .unwrap();
        assert_eq!(rows.len(), 200);
        for row in rows {
            assert_eq!(row.state, CommandState::Cancelled.as_str());
            assert_eq!(row.reason.as_deref(), Some("ownership_changed"));
            assert!(row.finished_ms.is_some());
            assert_eq!(row.arguments.pointer("/password/sealed"), None);
        }

        let proof = admin.require_admin().unwrap();
        devices::revoke(services, &proof, id).await.unwrap();
        let over = entity::command::Entity::find_by_id(lees.id.0)
            .one(&services.db.read)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(over.state, CommandState::Cancelled.as_str());
        assert_eq!(over.reason.as_deref(), Some("device_revoked"));
    }
}

#[tokio::test]
async fn the_network_that_a_device_said_it_is_on_is_not_told_to_the_next_owner() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        service::components::seed(services).await.unwrap();
        let admin = site.set_up().await;
        let kim = site
            .person(&admin, "kim@example.org", SiteRole::Member)
            .await;
        let lee = site
            .person(&admin, "lee@example.org", SiteRole::Member)
            .await;
        let device = Identity::enrol(services, &admin, Some(&kim), computer("O-3"))
            .await
            .unwrap();
        let says = async |network: Value| {
            let mut body = device.shown(1);
            body.insert("network".to_owned(), network);
            let identity = serde_json::from_value(Value::Object(body)).unwrap();
            devices::identified(services, device.id, &identity)
                .await
                .unwrap();
        };
        let shown = async |who: &Actor| page(services, who, device.id).await.network;
        assert_eq!(shown(&kim).await, None, "it has said nothing");
        says(json!({ "interface": "wlan0", "ssid": "kim's\nhome" })).await;
        let network = shown(&kim).await.unwrap();
        assert_eq!(network.interface.as_deref(), Some("wlan0"));
        assert_eq!(network.ssid.as_deref(), Some("kim's\u{fffd}home"));
        assert_eq!(network.said_at, services.now());

        give_up(services, &kim, device.id).await;
        site.clock.advance_ms(1_000);
        devices::claim(services, &lee, &device.serial, &device.code)
            .await
            .unwrap();
        assert_eq!(shown(&lee).await, None);
        says(json!({ "interface": "eth0" })).await;
        let network = shown(&lee).await.unwrap();
        assert_eq!(
            (network.interface.as_deref(), network.ssid),
            (Some("eth0"), None)
        );
        says(json!("another shape")).await;
        assert_eq!(shown(&lee).await, None);
    }
}

//! What is attached to a device: where it may go, what it is called for ever, and how it does, on both engines.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use domain::{
    AppError, DeviceId, Scalar, TimestampMs,
    catalog::{AttachedComponent, ComponentHealth, PinMode},
    device::{DeviceKind, Presence, StateMap},
    event::EventKind,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use service::{
    Actor, Clock, OwnerOf, Services,
    components::{self, Wish},
    devices::{self, NewDevice},
    state_cache::CachedState,
};
use testkit::{
    database::{TestDatabase, each_engine},
    site::Site,
};

struct Board {
    site: Site,
    admin: Actor,
    owner: OwnerOf,
    id: DeviceId,
}

impl Board {
    /// A Raspberry Pi 5 with these components, claimed by the administrator.
    async fn on(database: TestDatabase, components: &[&str]) -> Self {
        let site = Site::on(database);
        components::seed(&site.services).await.unwrap();
        let admin = site.set_up().await;
        let wish = NewDevice {
            cpu_serial: "B-1".to_owned(),
            uuid: None,
            kind: DeviceKind::Board,
            hardware_version: "5".to_owned(),
            hardware_variant: "Standard".to_owned(),
            name: None,
            components: components.iter().map(|c| c.parse().unwrap()).collect(),
        };
        let proof = admin.require_admin().unwrap();
        let made = devices::preregister(&site.services, &proof, wish)
            .await
            .unwrap();
        let code = made.code.to_string();
        let id = devices::claim(&site.services, &admin, "B-1", &code)
            .await
            .unwrap();
        let owner = admin.require_owner(&site.services, id).await.unwrap();
        Self {
            site,
            admin,
            owner,
            id,
        }
    }

    fn services(&self) -> &Services {
        &self.site.services
    }

    async fn attach(&self, wish: Wish) -> Result<i64, AppError> {
        components::attach(self.services(), &self.owner, wish).await
    }

    async fn all(&self) -> Vec<AttachedComponent> {
        let viewer = self
            .admin
            .require_viewer(self.services(), self.id)
            .await
            .unwrap();
        components::list(self.services(), &viewer).await.unwrap()
    }

    async fn one(&self, key: &str) -> AttachedComponent {
        let all = self.all().await;
        all.into_iter()
            .find(|component| component.key.as_str() == key)
            .unwrap()
    }

    async fn events(&self, kind: EventKind) -> Vec<serde_json::Value> {
        let viewer = self
            .admin
            .require_viewer(self.services(), self.id)
            .await
            .unwrap();
        let all = devices::events(self.services(), &viewer, None, 100)
            .await
            .unwrap();
        let of_kind = all.into_iter().filter(|event| event.kind == kind);
        of_kind.map(|event| event.detail).collect()
    }
}

fn any(kind: &str) -> Wish {
    Wish::of(kind.parse().unwrap())
}

fn at_pin(kind: &str, pin: i32) -> Wish {
    Wish {
        pin_number: Some(pin),
        ..any(kind)
    }
}

fn at_address(kind: &str, address: &str) -> Wish {
    Wish {
        address: Some(address.to_owned()),
        ..any(kind)
    }
}

fn conflict(error: AppError) -> String {
    match error {
        AppError::Conflict { message } => message,
        other => panic!("{other:?} is no conflict"),
    }
}

#[tokio::test]
async fn a_free_pin_is_given_and_what_is_taken_is_refused_with_its_holder() {
    for database in each_engine().await {
        let board = Board::on(database, &["cpu", "dht22", "led", "pump"]).await;
        let wiring: Vec<_> = board
            .all()
            .await
            .into_iter()
            .map(|c| (c.key.to_string(), c.pin_number, c.pin_mode))
            .collect();
        let expected = [
            ("cpu", None, None),
            ("dht22", Some(4), Some(PinMode::In)),
            ("led", Some(17), Some(PinMode::Out)),
            ("pump", Some(27), Some(PinMode::Out)),
        ];
        let expected = expected.map(|(key, pin, mode)| (key.to_owned(), pin, mode));
        assert_eq!(wiring, expected);

        let taken = board.attach(at_pin("relay", 17)).await.unwrap_err();
        assert_eq!(conflict(taken), "pin_taken: led");
        let elsewhere = board.attach(at_pin("relay", 2)).await.unwrap_err();
        assert!(conflict(elsewhere).starts_with("pin_not_allowed: 17, 27, 22"));
        let wish = Wish {
            pin_mode: Some(PinMode::Pwm),
            ..at_pin("relay", 22)
        };
        let mode = board.attach(wish).await.unwrap_err();
        assert_eq!(conflict(mode), "mode_not_allowed: OUT");
        let twice = board.attach(any("cpu")).await.unwrap_err();
        assert_eq!(conflict(twice), "attached_once: cpu");
        // The one pin of the 1-Wire bus is the DHT22's.
        let full = board.attach(any("ds18b20")).await.unwrap_err();
        assert_eq!(conflict(full), "no_free_pin: GPIO 4 dht22");
        for _ in 0..8 {
            board.attach(any("relay")).await.unwrap();
        }
        let full = conflict(board.attach(any("relay")).await.unwrap_err());
        assert!(full.starts_with("no_free_pin: "), "{full}");
        assert!(
            full.contains("GPIO 17 led") && full.contains("GPIO 26 relay-8"),
            "{full}"
        );
    }
}

#[tokio::test]
async fn a_bus_is_shared_by_addresses() {
    for database in each_engine().await {
        let board = Board::on(database, &["cpu"]).await;
        board.attach(any("bme280")).await.unwrap();
        board.attach(any("bh1750")).await.unwrap();
        assert_eq!(board.one("bme280").await.address.as_deref(), Some("0x76"));
        let clash = board
            .attach(at_address("bme280", "0x76"))
            .await
            .unwrap_err();
        assert_eq!(conflict(clash), "address_taken: 0x76 bme280");
        let other = board
            .attach(at_address("bme280", "0x40"))
            .await
            .unwrap_err();
        assert_eq!(conflict(other), "address_not_possible: 0x76, 0x77");
        board.attach(any("bme280")).await.unwrap();
        let second = board.one("bme280-2").await;
        assert_eq!(
            (second.address.as_deref(), second.pin_number),
            (Some("0x77"), Some(2))
        );
        let full = board.attach(any("bme280")).await.unwrap_err();
        assert_eq!(conflict(full), "address_taken: 0x76 bme280, 0x77 bme280-2");

        board.attach(any("ds18b20")).await.unwrap();
        let nameless = board
            .attach(at_address("ds18b20", "28-0316a2798bff"))
            .await
            .unwrap_err();
        assert_eq!(conflict(nameless), "address_needed_by: ds18b20");
        let first = board.one("ds18b20").await.id;
        let named = at_address("ds18b20", "28-0000000000AA");
        components::change(board.services(), &board.owner, first, named)
            .await
            .unwrap();
        assert_eq!(
            board.one("ds18b20").await.address.as_deref(),
            Some("28-0000000000aa")
        );
        board
            .attach(at_address("ds18b20", "28-0316a2798bff"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_key_is_never_given_twice_and_a_detached_component_comes_back_under_its_own() {
    for database in each_engine().await {
        let board = Board::on(database, &["cpu", "led"]).await;
        let services = board.services();
        let led = board.one("led").await.id;
        components::detach(services, &board.owner, led)
            .await
            .unwrap();
        let again = components::detach(services, &board.owner, led)
            .await
            .unwrap_err();
        assert_eq!(again, AppError::NotFound);
        board.attach(any("led")).await.unwrap();
        let keys = async || -> Vec<String> {
            board
                .all()
                .await
                .into_iter()
                .map(|c| c.key.to_string())
                .collect()
        };
        assert_eq!(keys().await, ["cpu", "led-2"]);
        // Its wire leads to a pin that is the second one's now: it comes back when that is free.
        let taken = components::reattach(services, &board.owner, led).await;
        assert_eq!(conflict(taken.unwrap_err()), "pin_taken: led-2");
        assert_eq!(keys().await, ["cpu", "led-2"]);
        let second = board.one("led-2").await.id;
        components::change(services, &board.owner, second, at_pin("led", 27))
            .await
            .unwrap();
        components::reattach(services, &board.owner, led)
            .await
            .unwrap();
        assert_eq!(keys().await, ["cpu", "led", "led-2"]);
        assert_eq!(board.one("led").await.pin_number, Some(17));
        assert_eq!(board.one("led-2").await.pin_number, Some(27));
        let actions: Vec<_> = board
            .events(EventKind::Components)
            .await
            .iter()
            .map(|detail| detail["action"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(actions, ["reattached", "changed", "attached", "detached"]);
        // One command tells the device to ask again, as long as it waits.
        let waiting = entity::command::Entity::find()
            .filter(entity::command::Column::Name.eq("component/changed"))
            .all(&services.db.read)
            .await
            .unwrap();
        assert_eq!(waiting.len(), 1);
    }
}

#[tokio::test]
async fn a_component_is_changed_where_it_stands() {
    for database in each_engine().await {
        let board = Board::on(database, &["led", "pump"]).await;
        let services = board.services();
        let led = board.one("led").await;
        let wish = Wish {
            name: Some("현관 등".to_owned()),
            ..any("led")
        };
        components::change(services, &board.owner, led.id, wish)
            .await
            .unwrap();
        let named = board.one("led").await;
        assert_eq!(
            (named.name.as_deref(), named.pin_number),
            (Some("현관 등"), led.pin_number)
        );
        let taken = components::change(services, &board.owner, led.id, at_pin("led", 27)).await;
        assert_eq!(conflict(taken.unwrap_err()), "pin_taken: pump");
        let other = components::change(services, &board.owner, led.id, any("pump")).await;
        assert!(matches!(other.unwrap_err(), AppError::Invalid { .. }));
        let wish = Wish {
            pin_mode: Some(PinMode::Pwm),
            ..at_pin("led", 18)
        };
        components::change(services, &board.owner, led.id, wish)
            .await
            .unwrap();
        assert_eq!(board.one("led").await.pin_mode, Some(PinMode::Pwm));
        assert_eq!(board.one("led").await.name, None);
    }
}

#[tokio::test]
async fn a_component_that_falls_silent_while_its_device_speaks_is_told_of_once() {
    for database in each_engine().await {
        let board = Board::on(database, &["cpu", "dht22", "led", "bh1750"]).await;
        let services = board.services();
        let row = entity::device::Entity::find()
            .filter(entity::device::Column::Uuid.eq(board.id.0))
            .one(&services.db.read)
            .await
            .unwrap()
            .unwrap();
        let mut row: entity::device::ActiveModel = row.into();
        row.presence = Set(Presence::Online.as_str().to_owned());
        row.update(&services.db.write).await.unwrap();

        let mut state_at: BTreeMap<String, TimestampMs> = BTreeMap::new();
        let mut revision = 0;
        let mut report = async |keys: &[&str]| {
            let now = board.site.clock.now();
            state_at.extend(keys.iter().map(|key| ((*key).to_owned(), now)));
            revision += 1;
            let state: StateMap = state_at
                .keys()
                .map(|key| (key.clone(), Scalar::Number(1.0)))
                .collect();
            let cached = CachedState {
                revision,
                state,
                state_at: state_at.clone(),
                ..CachedState::default()
            };
            services.cache.put(vec![(board.id, cached)]).await.unwrap();
            components::judge(services).await.unwrap();
        };
        let health = async |key: &str| board.one(key).await.health;

        report(&["cpu_average", "dht22_temp", "dht22_humidity", "led"]).await;
        assert_eq!(health("dht22").await, ComponentHealth::Well);
        // One that never reported has not fallen silent.
        assert_eq!(health("bh1750").await, ComponentHealth::Waiting);
        let spoke = board.site.clock.now();
        board.site.clock.advance_ms(30_000);
        report(&["cpu_average"]).await;
        assert_eq!(health("dht22").await, ComponentHealth::Well);
        board.site.clock.advance_ms(1_000);
        report(&["cpu_average"]).await;
        assert_eq!(health("dht22").await, ComponentHealth::Silent);
        assert_eq!(board.one("dht22").await.silent_since, Some(spoke));
        // An actuator reports when it changes.
        assert_eq!(health("led").await, ComponentHealth::Well);
        board.site.clock.advance_ms(60_000);
        report(&["cpu_average"]).await;
        assert_eq!(board.events(EventKind::ComponentSilent).await.len(), 1);
        // While the device itself says nothing, nothing is told of its components.
        board.site.clock.advance_ms(600_000);
        components::judge(services).await.unwrap();
        assert_eq!(health("cpu").await, ComponentHealth::Well);
        report(&["cpu_average", "dht22_temp"]).await;
        assert_eq!(health("dht22").await, ComponentHealth::Well);
        let spoken = board.events(EventKind::ComponentSpeaks).await;
        assert_eq!(spoken[0]["component"], "dht22");
    }
}

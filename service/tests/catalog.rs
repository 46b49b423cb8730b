//! The catalog: what may be added, what is in use, and how it comes back, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{
    AppError,
    catalog::{
        CatalogComponent, ComponentMetadata, DefaultState, HardwareVersion, PinHeader, PinMode,
        Wiring,
    },
    component::{ComponentCategory, ValueInfo},
    device::DeviceKind,
    role::SiteRole,
};
use service::{
    Admin,
    catalog::{self, Search, hardware, rules, types},
    devices,
};
use testkit::{database::each_engine, device::computer, site::Site};

fn kind(name: &str, values: &[&str]) -> CatalogComponent {
    CatalogComponent {
        component_type: name.parse().unwrap(),
        display_name_ko: "이름".to_owned(),
        display_name_en: "Name".to_owned(),
        category: ComponentCategory::Sensor,
        telemetry_category: None,
        description: None,
        metadata: ComponentMetadata {
            values: values
                .iter()
                .map(|name| ValueInfo {
                    name: (*name).to_owned(),
                    label_ko: String::new(),
                    label_en: String::new(),
                    unit: String::new(),
                    icon: String::new(),
                })
                .collect(),
            ..ComponentMetadata::default()
        },
    }
}

fn wiring(version: &str, kind: &str, pin: i32, mode: PinMode) -> Wiring {
    Wiring {
        hardware_version: version.to_owned(),
        hardware_variant: "Standard".to_owned(),
        component_type: kind.parse().unwrap(),
        pin_number: Some(pin),
        pin_mode: Some(mode),
        default_state: None,
        description: None,
    }
}

fn conflict(error: AppError) -> String {
    match error {
        AppError::Conflict { message } => message,
        other => panic!("{other:?} is no conflict"),
    }
}

fn invalid(error: AppError) -> (String, String) {
    match error {
        AppError::Invalid { field, message } => (field, message),
        other => panic!("{other:?} is not about an input"),
    }
}

async fn prepared(database: testkit::database::TestDatabase) -> (Site, Admin) {
    let site = Site::on(database);
    catalog::seed(&site.services).await.unwrap();
    let admin = site.set_up().await.require_admin().unwrap();
    (site, admin)
}

#[tokio::test]
async fn two_sources_of_one_state_key_are_refused() {
    for database in each_engine().await {
        let (site, admin) = prepared(database).await;
        let services = &site.services;
        // `dht22` with `temp` fills `dht22_temp`.
        let error = types::create(services, &admin, kind("dht22_temp", &[])).await;
        assert_eq!(
            conflict(error.unwrap_err()),
            "state_key_taken: dht22_temp (dht22)"
        );
        let error = types::create(services, &admin, kind("ota", &["status"])).await;
        assert_eq!(
            conflict(error.unwrap_err()),
            "state_key_taken: ota_status (madang)"
        );
        let error = types::create(services, &admin, kind("twice", &["a", "a"])).await;
        assert_eq!(conflict(error.unwrap_err()), "state_key_taken: twice_a");
        types::create(services, &admin, kind("gas", &["ppm"]))
            .await
            .unwrap();
        types::create(services, &admin, kind("gas_ppm_max", &[]))
            .await
            .unwrap();
        let error = types::update(services, &admin, kind("gas", &["ppm_max"])).await;
        assert_eq!(
            conflict(error.unwrap_err()),
            "state_key_taken: gas_ppm_max (gas_ppm_max)"
        );
    }
}

#[tokio::test]
async fn what_is_attached_is_not_deleted_and_the_rest_comes_back() {
    for database in each_engine().await {
        let (site, admin) = prepared(database).await;
        let services = &site.services;
        let led = "led".parse().unwrap();
        devices::preregister(services, &admin, computer("C-1"))
            .await
            .unwrap();
        let error = types::delete(services, &admin, &led).await.unwrap_err();
        assert_eq!(conflict(error), "in_use: C-1");
        let error = hardware::delete_version(services, &admin, "pc")
            .await
            .unwrap_err();
        assert_eq!(conflict(error), "in_use: C-1");

        let pump = "pump".parse().unwrap();
        let of_pump = async || {
            let all = rules::of_version(services, admin.actor(), "5")
                .await
                .unwrap();
            all.into_iter()
                .filter(|rule| rule.wiring.component_type == pump)
                .count()
        };
        let before = of_pump().await;
        assert!(before > 0);
        types::delete(services, &admin, &pump).await.unwrap();
        assert_eq!(of_pump().await, 0);
        let error = types::delete(services, &admin, &pump).await.unwrap_err();
        assert_eq!(error, AppError::NotFound);
        // A later start does not bring it back; an administrator does.
        catalog::seed(services).await.unwrap();
        assert_eq!(of_pump().await, 0);
        types::restore(services, &admin, &pump).await.unwrap();
        assert_eq!(of_pump().await, before);

        hardware::delete_version(services, &admin, "3B")
            .await
            .unwrap();
        let error = rules::of_version(services, admin.actor(), "3B")
            .await
            .unwrap_err();
        assert_eq!(error, AppError::NotFound);
        hardware::restore_version(services, &admin, "3B")
            .await
            .unwrap();
        rules::of_version(services, admin.actor(), "3B")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_the_first_edition_said_of_variants_is_left_to_the_interface() {
    use entity::{hardware_variant, setting};
    use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
    for database in each_engine().await {
        let (site, admin) = prepared(database).await;
        let (services, write) = (&site.services, &site.services.db.write);
        let described = async || {
            let all = hardware::variants(services, admin.actor()).await.unwrap();
            all.into_iter()
                .map(|variant| (variant.name, variant.description))
                .collect::<Vec<_>>()
        };
        let named = |name: &str, description: Option<&str>| {
            (name.to_owned(), description.map(str::to_owned))
        };
        assert_eq!(
            described().await,
            [named("Pro", None), named("Standard", None)]
        );

        // A site of the first edition, whose administrator has described one and deleted a rule.
        for variant in hardware_variant::Entity::find().all(write).await.unwrap() {
            let said = match variant.name.as_str() {
                "Standard" => "기본 구성 · As it is sold",
                _ => "카메라 포함",
            };
            let mut variant = variant.into_active_model();
            variant.description = Set(Some(said.to_owned()));
            variant.update(write).await.unwrap();
        }
        let first = setting::ActiveModel {
            key: Set("catalog".to_owned()),
            value: Set(serde_json::json!({ "edition": 1 })),
        };
        first.update(write).await.unwrap();
        let rules_of_5 = async || {
            let rules = rules::of_version(services, admin.actor(), "5").await;
            rules.unwrap()
        };
        let before = rules_of_5().await;
        let gone = before[0].id;
        rules::delete(services, &admin, gone).await.unwrap();
        catalog::seed(services).await.unwrap();
        assert_eq!(
            described().await,
            [named("Pro", Some("카메라 포함")), named("Standard", None)]
        );
        assert_eq!(
            rules_of_5().await.len(),
            before.len() - 1,
            "it stays deleted"
        );
    }
}

#[tokio::test]
async fn a_rule_names_what_there_is() {
    for database in each_engine().await {
        let (site, admin) = prepared(database).await;
        let services = &site.services;
        let refused = async |wiring: Wiring| {
            invalid(rules::create(services, &admin, wiring).await.unwrap_err())
        };
        let told = |field: &str, message: &str| (field.to_owned(), message.to_owned());
        assert_eq!(
            refused(wiring("9", "led", 7, PinMode::Out)).await,
            told("hardware_version", "unknown_hardware")
        );
        assert_eq!(
            refused(wiring("5", "nothing", 7, PinMode::Out)).await,
            told("component_type", "unknown_component_type")
        );
        assert_eq!(
            refused(wiring("5", "led", 28, PinMode::Out)).await,
            told("pin_number", "no_such_pin")
        );
        // The clock of the bus would be behind the last pin.
        assert_eq!(
            refused(wiring("5", "bh1750", 27, PinMode::I2c)).await,
            told("pin_number", "no_such_pin")
        );
        assert_eq!(
            refused(wiring("pc", "led", 7, PinMode::Out)).await,
            told("pin_number", "no_such_pin")
        );
        let mut input = wiring("5", "door", 7, PinMode::In);
        input.default_state = Some(DefaultState::On);
        assert_eq!(refused(input).await, told("default_state", "not_an_output"));

        let rule = rules::create(services, &admin, wiring("5", "led", 7, PinMode::Out)).await;
        let id = rule.unwrap().id;
        let again = rules::create(services, &admin, wiring("5", "led", 7, PinMode::Out)).await;
        assert_eq!(conflict(again.unwrap_err()), "rule_known");
        rules::delete(services, &admin, id).await.unwrap();
        // The same rule again is the one that was there.
        let again = rules::create(services, &admin, wiring("5", "led", 7, PinMode::Out)).await;
        assert_eq!(again.unwrap().id, id);
        let moved = rules::update(services, &admin, id, wiring("5", "led", 8, PinMode::Out)).await;
        assert_eq!(moved.unwrap().wiring.pin_number, Some(8));
    }
}

#[tokio::test]
async fn hardware_is_found_by_name_and_its_pins_stay_while_rules_name_them() {
    for database in each_engine().await {
        let (site, admin) = prepared(database).await;
        let services = &site.services;
        let board = |header| HardwareVersion {
            version: "ESP32".to_owned(),
            name: "ESP32 DevKit".to_owned(),
            kind: DeviceKind::Board,
            header,
            description: None,
        };
        hardware::create_version(services, &admin, board(PinHeader::Numbered))
            .await
            .unwrap();
        rules::create(services, &admin, wiring("ESP32", "led", 33, PinMode::Out))
            .await
            .unwrap();
        let error = hardware::update_version(services, &admin, board(PinHeader::J8)).await;
        assert_eq!(conflict(error.unwrap_err()), "in_use: GPIO 33");
        let again = hardware::create_version(services, &admin, board(PinHeader::J8)).await;
        assert_eq!(conflict(again.unwrap_err()), "hardware_known: ESP32");

        let search = |words: &str| Search {
            words: words.to_owned(),
            page: 1,
        };
        let found = rules::find(services, admin.actor(), Some("ESP32"), &search("LED")).await;
        assert_eq!(found.unwrap().total, 1);
        let found = rules::find(services, admin.actor(), None, &search("bme280 pro i2c")).await;
        assert_eq!(found.unwrap().total, 4);
        let found = types::find(services, admin.actor(), &search("온습도"))
            .await
            .unwrap();
        let names: Vec<_> = found
            .items
            .iter()
            .map(|t| t.component_type.as_str())
            .collect();
        assert_eq!(names, ["bme280", "dht22"]);
        // A wildcard is a character like any other.
        assert_eq!(
            types::find(services, admin.actor(), &search("%"))
                .await
                .unwrap()
                .total,
            0
        );
    }
}

#[tokio::test]
async fn what_administrators_change_is_written_down_and_others_change_nothing() {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
    for database in each_engine().await {
        let (site, admin) = prepared(database).await;
        let services = &site.services;
        let person = site
            .person(admin.actor(), "kim@example.org", SiteRole::Developer)
            .await;
        assert_eq!(person.require_admin().unwrap_err(), AppError::Forbidden);
        let variant = hardware::create_variant(services, &admin, "Lite", None)
            .await
            .unwrap();
        hardware::delete_variant(services, &admin, variant.id)
            .await
            .unwrap();
        let back = hardware::create_variant(services, &admin, "Lite", Some("again"))
            .await
            .unwrap();
        assert_eq!(back.id, variant.id);
        let rows = entity::audit::Entity::find()
            .filter(entity::audit::Column::Target.eq("Lite"))
            .order_by_asc(entity::audit::Column::Id)
            .all(&services.db.read)
            .await
            .unwrap();
        let actions: Vec<_> = rows.iter().map(|row| row.action.as_str()).collect();
        let expected = [
            "catalog.add_variant",
            "catalog.delete_variant",
            "catalog.add_variant",
        ];
        assert_eq!(actions, expected);
    }
}

#[tokio::test]
async fn a_text_that_the_database_cannot_hold_is_no_defect() {
    for database in each_engine().await {
        let site = Site::on(database);
        let admin = site.set_up().await.require_admin().unwrap();
        let services = &site.services;
        let words = Search {
            words: "a\0b".to_owned(),
            page: 1,
        };
        match types::find(services, admin.actor(), &words).await {
            Ok(page) => assert_eq!(page.total, 0),
            Err(refused) => assert_eq!(refused.status(), 422, "{refused}"),
        }
        let refused = hardware::delete_version(services, &admin, "a\0b").await;
        let status = refused.unwrap_err().status();
        assert!(matches!(status, 404 | 422), "{status}");
    }
}

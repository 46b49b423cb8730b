//! Certificates and the keys that ask for them, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{
    AppError, DeviceId,
    certificate::CertificateState,
    event::EventKind,
    identity::{Act, Evidence, FindingKind, Reaction},
};
use protocol::enroll::CredentialsRequest;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use service::{
    Services,
    accounts::{Client, token},
    certificates, devices, downlink, identity,
    identity::Standing,
    notices,
};
use testkit::{
    database::each_engine,
    device::{Identity, computer},
    site::Site,
};

fn signing_request() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default()
        .serialize_request(&key)
        .unwrap();
    request.pem().unwrap()
}

/// The device as it speaks in its present ownership.
async fn present(services: &Services, device: DeviceId) -> token::TokenDevice {
    use entity::device::{Column, Entity};
    let row = Entity::find()
        .filter(Column::Uuid.eq(device.0))
        .one(&services.db.read)
        .await
        .unwrap()
        .unwrap();
    let secret = downlink::secret_of(&services.vault, &row).unwrap();
    token::TokenDevice {
        device,
        ownership: row.ownership,
        secret: secret.as_ref().map(token::SecretMark::of),
    }
}

/// Whether each certificate ever issued is let in, the oldest first.
async fn let_in(services: &Services, identity: &Identity) -> Vec<bool> {
    use entity::certificate::{Column, Entity};
    let name = identity.id.to_string();
    let mut answers = Vec::new();
    for row in Entity::find()
        .filter(Column::DeviceId.is_not_null())
        .order_by_asc(Column::IssuedMs)
        .all(&services.db.read)
        .await
        .unwrap()
    {
        let admitted = devices::admission::admit(services, &name, &row.serial).await;
        answers.push(admitted.unwrap().is_some());
    }
    answers
}

#[tokio::test]
async fn a_new_code_ends_what_the_old_one_issued() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let thief = Identity::enrol(services, &admin, None, computer("C-1"))
            .await
            .unwrap();
        assert_eq!(let_in(services, &thief).await, [true]);
        let proof = admin.require_admin().unwrap();
        let label = devices::renew_code(services, &proof, thief.id)
            .await
            .unwrap();
        assert_eq!(let_in(services, &thief).await, [false]);
        site.clock.advance_ms(1_000);
        let code = label.code.to_string();
        let owner = Identity::with_code(services, thief.serial.clone(), code)
            .await
            .unwrap();
        assert_eq!(owner.id, thief.id);
        assert_eq!(let_in(services, &owner).await, [false, true]);
    }
}

#[tokio::test]
async fn after_a_renewal_the_new_key_asks_for_the_credentials() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let label =
            devices::preregister(services, &admin.require_admin().unwrap(), computer("C-2"))
                .await
                .unwrap();
        let ask = async |csr: &str| {
            let request = CredentialsRequest {
                cpu_serial: "C-2".to_owned(),
                code: label.code.to_string(),
                csr: csr.to_owned(),
            };
            devices::credentials(services, request, &Client::default()).await
        };
        let (first, second) = (signing_request(), signing_request());
        ask(&first).await.unwrap();
        assert!(matches!(
            ask(&second).await.unwrap_err(),
            AppError::Conflict { .. }
        ));
        let of = present(services, label.id).await;
        devices::renew_certificate(services, of, &second)
            .await
            .unwrap();
        ask(&second).await.unwrap();
        assert!(matches!(
            ask(&first).await.unwrap_err(),
            AppError::Conflict { .. }
        ));
    }
}

#[tokio::test]
async fn another_key_is_one_finding_and_a_wrong_try_each_time() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let device = Identity::enrol(services, &admin, Some(&admin), computer("C-5"))
            .await
            .unwrap();
        let asks = async || {
            let request = CredentialsRequest {
                cpu_serial: device.serial.clone(),
                code: device.code.clone(),
                csr: signing_request(),
            };
            let asked = devices::credentials(services, request, &Client::default()).await;
            asked.unwrap_err()
        };
        for _ in 0..5 {
            assert_eq!(asks().await, AppError::conflict("another_key"));
        }
        assert!(matches!(asks().await, AppError::TooMany { .. }));

        let found = identity::list(services, &proof, None, None, "", 1).await;
        let found = found.unwrap().items;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].kind, found[0].evidence, found[0].count),
            (FindingKind::Clone, Evidence::AnotherKey, 5)
        );
        assert_eq!(notices::unread(services, &admin).await, Ok(1));
        let viewer = admin.require_viewer(services, device.id).await.unwrap();
        let events = devices::events(services, &viewer, None, 50).await.unwrap();
        let told: Vec<_> = events
            .iter()
            .filter(|event| event.kind == EventKind::EnrollmentConflict)
            .map(|event| event.count)
            .collect();
        assert_eq!(told, [5]);
        assert_eq!(let_in(services, &device).await, [true], "it is the device");
    }
}

#[tokio::test]
async fn the_secret_alone_gives_no_certificate() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let device = Identity::enrol(services, &admin, Some(&admin), computer("C-6"))
            .await
            .unwrap();
        let of = present(services, device.id).await;
        let issued = certificates::of_device(services, &proof, device.id).await;
        let serial = issued.unwrap().remove(0).serial;
        certificates::revoke(services, &proof, &serial)
            .await
            .unwrap();
        let renewed = devices::renew_certificate(services, of, &signing_request()).await;
        assert_eq!(renewed.unwrap_err(), AppError::Forbidden);
        assert_eq!(let_in(services, &device).await, [false]);

        site.clock.advance_ms(1_000);
        certificates::issue(services, &proof, device.id, &signing_request())
            .await
            .unwrap();
        assert_eq!(let_in(services, &device).await, [false, true]);
    }
}

/// The device says over a connection of its own that it is this board, with this UUID on its storage.
async fn says(services: &Services, device: &Identity, serial: &str, uuid: DeviceId) -> Standing {
    let mut body = device.shown(1);
    body.insert("cpu_serial".to_owned(), json!(serial));
    body.insert("device_uuid".to_owned(), json!(uuid));
    let said = serde_json::from_value(Value::Object(body)).unwrap();
    let heard = identity::heard(services, device.id, &said, None).await;
    heard.unwrap()
}

#[tokio::test]
async fn nobody_gets_a_certificate_by_the_secret_until_people_have_decided_about_a_copy() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let device = Identity::enrol(services, &admin, Some(&admin), computer("C-7"))
            .await
            .unwrap();
        let of = present(services, device.id).await;
        let renews = async || {
            let renewed = devices::renew_certificate(services, of, &signing_request()).await;
            renewed.map(|_| ())
        };
        let settled = says(services, &device, "C-7", device.id).await;
        assert_eq!((settled, renews().await), (Standing::Settled, Ok(())));

        // The certificate alone was copied, and the secret with it.
        let Standing::Held(finding) = says(services, &device, "board", DeviceId::random()).await
        else {
            panic!("it is a copy");
        };
        let doubt = || -> Result<(), AppError> { Err(AppError::conflict("identity_in_doubt")) };
        assert_eq!(renews().await, doubt());
        // Whoever speaks now: who asks by the secret may be either.
        let settled = says(services, &device, "C-7", device.id).await;
        assert_eq!((settled, renews().await), (Standing::Settled, doubt()));
        let viewer = admin.require_viewer(services, device.id).await.unwrap();
        let events = devices::events(services, &viewer, None, 50).await.unwrap();
        let told: Vec<_> = events
            .iter()
            .filter(|event| event.kind == EventKind::Refused)
            .map(|event| (event.detail["reason"].as_str(), event.count))
            .collect();
        assert_eq!(told, [(Some("quarantined"), 2)]);
        certificates::issue(services, &proof, device.id, &signing_request())
            .await
            .unwrap();

        // Its certificates end meanwhile.
        site.clock.advance_ms(398 * 86_400_000);
        assert_eq!(renews().await, doubt());
        identity::resolve(services, &proof, finding, Act::Discard)
            .await
            .unwrap();
        assert_eq!(renews().await, Ok(()));
        identity::undo(services, &proof, finding).await.unwrap();
        assert_eq!(renews().await, doubt());
    }
}

#[tokio::test]
async fn another_board_is_given_a_certificate_when_it_is_let_through() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let doubt = || -> Result<(), AppError> { Err(AppError::conflict("identity_in_doubt")) };
        let board = async |serial: &str| {
            let device = Identity::enrol(services, &admin, Some(&admin), computer(serial)).await;
            let device = device.unwrap();
            let of = present(services, device.id).await;
            (device, of)
        };
        let renews = async |of: token::TokenDevice| {
            let renewed = devices::renew_certificate(services, of, &signing_request()).await;
            renewed.map(|_| ())
        };

        let (device, of) = board("C-8").await;
        let standing = says(services, &device, "board-8", device.id).await;
        let Standing::Held(finding) = standing else {
            panic!("it is another board");
        };
        assert_eq!(renews(of).await, doubt());
        identity::resolve(services, &proof, finding, Act::Accept)
            .await
            .unwrap();
        assert_eq!(renews(of).await, Ok(()));

        // Put back before anybody has decided.
        let (device, of) = board("C-9").await;
        let standing = says(services, &device, "board-9", device.id).await;
        assert!(matches!(standing, Standing::Held(_)), "{standing:?}");
        assert_eq!(renews(of).await, doubt());
        site.clock.advance_ms(3_600_000);
        says(services, &device, "C-9", device.id).await;
        assert_eq!(renews(of).await, Ok(()));

        // Where people are only told, the data flows, and so does this.
        identity::set_policy(services, &proof, FindingKind::BoardSwap, Reaction::Alert)
            .await
            .unwrap();
        let (device, of) = board("C-10").await;
        let standing = says(services, &device, "board-10", device.id).await;
        assert_eq!((standing, renews(of).await), (Standing::Settled, Ok(())));
    }
}

#[tokio::test]
async fn a_token_from_before_the_new_label_is_nobodys() {
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let stolen = Identity::enrol(services, &admin, Some(&admin), computer("C-3"))
            .await
            .unwrap();
        let id = stolen.id;
        let token = async || {
            let of = present(services, id).await;
            token::issue_for_device(services, of).unwrap().0
        };
        let speaks = async |token: &str| {
            let of = token::device_of_token(services, token).await.ok();
            of.map(|of| of.device)
        };
        let old = token().await;
        let before = present(services, id).await;
        assert_eq!(speaks(&old).await, Some(id));

        let proof = admin.require_admin().unwrap();
        devices::revoke(services, &proof, id).await.unwrap();
        let label = devices::renew_code(services, &proof, id).await.unwrap();
        assert_eq!(label.id, id);
        assert_eq!(speaks(&old).await, None, "nobody owns it");
        devices::claim(services, &admin, "C-3", &label.code.to_string())
            .await
            .unwrap();
        assert_eq!(speaks(&old).await, None, "it is of the former ownership");
        assert_eq!(speaks(&token().await).await, Some(id));
        // A request that began with it, and whose body came now.
        let pending = devices::renew_certificate(services, before, &signing_request()).await;
        assert_eq!(pending.unwrap_err(), AppError::SignedOut);
        let back = Identity::with_code(services, stolen.serial.clone(), label.code.to_string())
            .await
            .unwrap();
        assert_eq!(let_in(services, &back).await, [false, true]);
    }
}

#[tokio::test]
async fn a_certificate_says_whether_it_is_let_in_and_why_not() {
    use CertificateState::{Active, Expired, Replaced, Revoked};
    for database in each_engine().await {
        let site = Site::on(database);
        service::components::seed(&site.services).await.unwrap();
        let services = &site.services;
        let admin = site.set_up().await;
        let proof = admin.require_admin().unwrap();
        let id = Identity::enrol(services, &admin, Some(&admin), computer("C-4"))
            .await
            .unwrap()
            .id;
        let listed = async || {
            let listed = certificates::of_device(services, &proof, id).await;
            listed.unwrap()
        };
        let states = async || -> Vec<CertificateState> {
            listed().await.into_iter().map(|one| one.state).collect()
        };
        assert_eq!(states().await, [Active]);

        site.clock.advance_ms(1_000);
        let of = present(services, id).await;
        devices::renew_certificate(services, of, &signing_request())
            .await
            .unwrap();
        assert_eq!(states().await, [Active, Active], "the new one is not used");
        let newest = listed().await.remove(0);
        site.clock.advance_ms(1_000);
        devices::admission::connected_with(services, id, &newest.serial)
            .await
            .unwrap();
        let after = listed().await;
        assert_eq!(states().await, [Active, Replaced]);
        assert_eq!(after[0], newest);
        assert_eq!(after[1].replaced_by, Some(newest.serial));
        assert_eq!(after[1].ended_at, Some(services.now()));

        site.clock.advance_ms(398 * 86_400_000);
        assert_eq!(states().await, [Expired, Replaced]);
        assert_eq!(listed().await[0].ended_at, Some(newest.expires_at));
        let of = present(services, id).await;
        devices::renew_certificate(services, of, &signing_request())
            .await
            .unwrap();
        devices::revoke(services, &proof, id).await.unwrap();
        assert_eq!(states().await, [Revoked, Expired, Replaced]);
        assert_eq!(listed().await[0].replaced_by, None);
        let unknown = certificates::of_device(services, &proof, DeviceId::random()).await;
        assert_eq!(unknown.unwrap_err(), AppError::NotFound);
    }
}

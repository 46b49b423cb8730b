//! Certificates and the keys that ask for them, on both engines.

#![allow(clippy::unwrap_used)]

use domain::{AppError, DeviceId};
use protocol::enroll::CredentialsRequest;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use service::{
    Services,
    accounts::{Client, token},
    devices,
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
    token::TokenDevice {
        device,
        ownership: row.ownership,
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

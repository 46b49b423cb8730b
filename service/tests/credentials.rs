//! Certificates and the keys that ask for them, on both engines.

#![allow(clippy::unwrap_used)]

use domain::AppError;
use protocol::enroll::CredentialsRequest;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use service::{Services, accounts::Client, devices};
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
        devices::renew_certificate(services, label.id, &second)
            .await
            .unwrap();
        ask(&second).await.unwrap();
        assert!(matches!(
            ask(&first).await.unwrap_err(),
            AppError::Conflict { .. }
        ));
    }
}

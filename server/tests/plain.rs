//! The plain listener for development: off unless asked for, on loopback alone, and with the same rules.

use std::net::SocketAddr;

use protocol::Topic;
use server::StartError;
use service::devices;
use testkit::{
    app::App,
    connection::Connection,
    device::{Answer, Identity, Manner, computer},
};

fn manner(client_id: String) -> Manner {
    Manner {
        client_id,
        will: None,
        lasting: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_unless_asked_for_and_never_leaves_the_machine() {
    let app = App::start().await;
    assert_eq!(app.mqtt_plain(), None);
    let stopped = app.pause().await;
    for (address, said) in [
        ("0.0.0.0:1883", "loopback"),
        ("[::]:1883", "loopback"),
        ("192.0.2.7:1883", "loopback"),
        ("localhost", "mqtt.plain_address"),
        ("1883", "mqtt.plain_address"),
    ] {
        let refused = stopped
            .try_start_with(|config| config.mqtt.plain_address = address.to_owned())
            .await
            .expect_err("refused");
        assert!(matches!(refused, StartError::Config(_)), "{refused}");
        let text = refused.to_string();
        assert!(text.contains(address) && text.contains(said), "{text}");
    }
    let refused = stopped
        .try_start_with(|config| {
            config.mqtt.plain_address = "127.0.0.1:0".to_owned();
            config.mqtt.external_url = "mqtts://127.0.0.1:1".to_owned();
        })
        .await
        .expect_err("an external broker has listeners of its own");
    assert!(matches!(refused, StartError::Config(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_speaks_without_tls_under_the_same_rules() {
    let app = App::start_with(|config| config.mqtt.plain_address = "127.0.0.1:0".to_owned()).await;
    let plain: SocketAddr = app.mqtt_plain().expect("a plain listener");
    let admin = app.set_up().await;
    let actor = &admin.actor;
    let identity = Identity::enrol(app.services(), actor, Some(actor), computer("P-1"))
        .await
        .expect("an enrolled device");

    let device = Connection::open_plain(plain, manner(identity.id.to_string()))
        .await
        .expect("let in");
    let topic = Topic::Identity(identity.id).to_string();
    let shown = identity.sealed(&topic, identity.shown(1));
    assert_eq!(device.publish(&topic, shown).await, Answer::Accepted);
    let topic = identity.topic("cpu").to_string();
    let report = identity.sealed(&topic, identity.report(2, &[("average", 1.0)]));
    assert_eq!(device.publish(&topic, report).await, Answer::Accepted);
    let forged = identity.report(3, &[("average", 1.0)]);
    let forged = protocol::seal(&topic, forged, &protocol::SharedSecret::from_bytes([7; 32]));
    assert!(matches!(
        device.publish(&topic, forged).await,
        Answer::Refused(_)
    ));
    assert!(
        device
            .subscribe(&format!("commands/{}/#", identity.id))
            .await
    );
    assert!(!device.subscribe("commands/+/#").await);

    // Over TLS a certificate is asked for as before; here who is not known is not let in.
    for stranger in [
        protocol::DeviceId::random().to_string(),
        "madang".to_owned(),
        format!("{}:1", identity.id),
    ] {
        let refused = Connection::open_plain(plain, manner(stranger)).await;
        assert!(refused.is_err(), "{refused:?}");
    }
    assert!(
        Connection::open_plain(app.mqtt(), manner(identity.id.to_string()))
            .await
            .is_err(),
        "the listener with TLS takes nothing else"
    );

    let proof = actor.require_admin().expect("an administrator");
    devices::revoke(app.services(), &proof, identity.id)
        .await
        .expect("revoked");
    device.ended().await;
    let refused = Connection::open_plain(plain, manner(identity.id.to_string())).await;
    assert!(refused.is_err(), "{refused:?}");
    app.stop().await;
}

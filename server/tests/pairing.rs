//! Onboarding over Bluetooth by the open Improv standard: the agent, a real site, and between them a radio that is played
//! on a real D-Bus connection.

#![cfg(target_os = "linux")]

use std::{sync::Arc, time::Duration};

use agent::{
    drivers::{Description, Hardware, Loaded, simulated},
    pairing::{Means, bluez},
    wifi::Radio,
};
use domain::improv::{
    self, Capabilities, Command, FAULT, Fault, RESULT, RpcResult, SERVICE, STATE, State,
};
use protocol::{WifiNetwork, enroll::ClaimLink, identity::ComponentSpec};
use service::devices;
use testkit::{
    agent::Agent,
    app::{App, Person},
    bluez::{BlueZ, Bus, Central},
    device::{Identity, computer},
    until,
    wifi::{Air, PASSWORD},
};

/// A board that may be paired.
#[derive(Clone)]
struct Board {
    bus: Bus,
    air: Air,
}

impl Hardware for Board {
    fn driver(&mut self, component: &ComponentSpec) -> Loaded {
        simulated::driver(component, 1, false).ok_or(agent::drivers::NoDriver::for_type(component))
    }

    fn describe(&self) -> Description {
        Description::default()
    }

    fn radio(&self) -> Option<Arc<dyn Radio>> {
        Some(Arc::new(self.air.clone()))
    }

    fn pairing(&mut self) -> Option<Means> {
        Some(Means {
            bluetooth: Arc::new(bluez::BlueZ::on(self.bus.clone())),
            window: Duration::from_mins(15),
            button: None,
            lamp: None,
        })
    }
}

struct Bench {
    app: App,
    admin: Person,
    bluez: BlueZ,
    board: Board,
}

impl Bench {
    async fn new() -> Self {
        let app = App::start().await;
        let admin = app.set_up().await;
        let (bluez, bus) = BlueZ::play().await;
        let air = Air::to(app.https_address(), &["lab"], "").await;
        Self {
            app,
            admin,
            bluez,
            board: Board { bus, air },
        }
    }

    /// The label of a device that nobody has enrolled yet; the site is behind the air.
    async fn label(&self, serial: &str) -> ClaimLink {
        let services = self.app.services();
        let admin = self.admin.actor.require_admin().expect("an administrator");
        let made = devices::preregister(services, &admin, computer(serial)).await;
        ClaimLink {
            origin: format!("https://localhost:{}", self.board.air.address().port()),
            serial: serial.to_owned(),
            code: made.expect("a device").code,
            ca_hash: services.pki.ca_hash(),
        }
    }

    async fn claim(&self, serial: &str, code: &str) {
        let services = self.app.services();
        let claimed = devices::claim(services, &self.admin.actor, serial, code).await;
        claimed.expect("an owner");
    }

    async fn unlink(&self, identity: &Identity) {
        let services = self.app.services();
        let owner = self.admin.actor.require_owner(services, identity.id).await;
        let unlinked = devices::unlink(services, &owner.expect("one's own")).await;
        unlinked.expect("unlinked");
    }
}

/// Somebody near, who listens to everything.
async fn listening(bluez: &BlueZ) -> Central {
    let central = bluez.found().await;
    for uuid in [STATE, FAULT, RESULT] {
        central.subscribe(uuid).await.expect("told from now on");
    }
    central
}

async fn send(central: &Central, ssid: &str, password: &str) {
    let password = Some(password.to_owned());
    let network = WifiNetwork::new(ssid.to_owned(), password, false, false).expect("a network");
    let packet = Command::SendWifi(network).packet();
    let sent = central.write(improv::COMMAND, &packet).await;
    sent.expect("taken");
}

async fn hears<const N: usize>(central: &mut Central, expected: [(&str, u8); N]) {
    for (uuid, byte) in expected {
        assert_eq!(central.told().await, (uuid.to_owned(), vec![byte]));
    }
}

/// A result is longer than what one notification carries: it is told, and then read.
async fn result(central: &mut Central) -> RpcResult {
    let (uuid, begin) = central.told().await;
    assert_eq!(uuid, RESULT);
    let packet = central.read(RESULT).await.expect("a result");
    assert!(packet.starts_with(&begin));
    RpcResult::parse(&packet).expect("a packet")
}

async fn given(central: &mut Central) -> RpcResult {
    send(central, "lab", PASSWORD).await;
    let [trying, joined] = [State::Provisioning, State::Provisioned].map(State::byte);
    hears(central, [(STATE, trying), (STATE, joined)]).await;
    result(central).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_a_network_is_given_one_and_enrols() {
    let bench = Bench::new().await;
    let label = bench.label("BT-0001").await;
    let agent = Agent::fresh(&label, bench.board.clone());
    let mut central = listening(&bench.bluez).await;

    let (services, data, name) = central.advertised(improv::SERVICE_DATA).await;
    assert_eq!(services, [SERVICE]);
    assert_eq!(
        (data, name.as_str()),
        (vec![2, 6, 0, 0, 0, 0], "Madang BT-0001")
    );
    assert_eq!(central.read(STATE).await.expect("a state"), [2]);
    assert_eq!(central.read(FAULT).await.expect("a fault"), [0]);
    let can = central.read(improv::CAPABILITIES).await;
    let can = Capabilities::of(can.expect("capabilities")[0]);
    assert!(can.info && can.scan && !can.identify);
    assert!(
        central.read(improv::COMMAND).await.is_err(),
        "a password is not read again"
    );
    assert!(
        central.write(STATE, &[4]).await.is_err(),
        "it says itself how far it is"
    );

    let mut spoiled = Command::Info.packet().to_vec();
    spoiled[2] ^= 1;
    central
        .write(improv::COMMAND, &spoiled)
        .await
        .expect("taken");
    hears(&mut central, [(FAULT, Fault::InvalidPacket.byte())]).await;
    central
        .write(improv::COMMAND, &Command::Info.packet())
        .await
        .expect("taken");
    hears(&mut central, [(FAULT, 0)]).await;
    let info = result(&mut central).await.info().expect("what it is");
    assert_eq!(
        (info.firmware.as_str(), info.name.as_str()),
        ("Madang agent", "Madang BT-0001")
    );
    central
        .write(improv::COMMAND, &Command::Scan.packet())
        .await
        .expect("taken");
    let seen = result(&mut central).await.networks();
    assert_eq!(seen[0].ssid, "lab");

    let [ready, trying] = [State::Authorized, State::Provisioning].map(State::byte);
    send(&central, "lab", "a wrong password").await;
    let refused = Fault::UnableToConnect.byte();
    hears(
        &mut central,
        [(STATE, trying), (FAULT, refused), (STATE, ready)],
    )
    .await;
    send(&central, "attic", PASSWORD).await;
    hears(&mut central, [(FAULT, 0), (STATE, trying)]).await;
    hears(
        &mut central,
        [(FAULT, Fault::Unknown.byte()), (STATE, ready)],
    )
    .await;
    assert!(
        agent.site().credentials.is_none(),
        "the site was not reached"
    );
    assert_eq!(bench.board.air.network(), "", "back");

    send(&central, "lab", PASSWORD).await;
    hears(&mut central, [(FAULT, 0), (STATE, trying)]).await;
    hears(&mut central, [(STATE, State::Provisioned.byte())]).await;
    let url = result(&mut central).await.url().map(str::to_owned);
    assert_eq!(url, Some(format!("{}/claim#BT-0001", label.origin)));
    for uuid in [STATE, FAULT, RESULT] {
        central.unsubscribe(uuid).await.expect("let go");
    }
    bench.bluez.silent().await;
    assert!(agent.site().credentials.is_some());
    assert_eq!(bench.board.air.kept(), ["lab"]);

    // Provisioned: whatever happens, it is not found again.
    let agent = agent.restart(bench.board.clone()).await;
    bench.claim("BT-0001", &label.code.to_string()).await;
    agent.online().await;
    assert_eq!(bench.bluez.times(), 1);
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_reaches_its_site_by_itself_closes_the_window() {
    let bench = Bench::new().await;
    let label = bench.label("BT-0002").await;
    let agent = Agent::fresh(&label, bench.board.clone());
    let _central = listening(&bench.bluez).await;
    // Somebody plugs in a cable.
    bench.board.air.go("lab");
    bench.bluez.silent().await;
    assert!(agent.site().credentials.is_some());
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reset_pairing_is_open_until_there_is_an_owner_or_a_network() {
    let bench = Bench::new().await;
    let services = bench.app.services();
    let owner = Some(&bench.admin.actor);
    let identity = Identity::enrol(services, &bench.admin.actor, owner, computer("BT-0003")).await;
    let identity = identity.expect("a computer");
    let agent = Agent::start(&bench.app, &identity, bench.board.clone());
    agent.online().await;
    assert_eq!(bench.bluez.times(), 0, "it has an owner");

    bench.unlink(&identity).await;
    bench.bluez.found().await;
    bench.claim("BT-0003", &identity.code).await;
    bench.bluez.silent().await;

    until("the device knows its owner", async || {
        agent.site().credentials?.ownership.map(|_| ())
    })
    .await;
    agent.online().await;
    bench.unlink(&identity).await;
    let mut central = listening(&bench.bluez).await;
    let url = given(&mut central).await.url().map(str::to_owned);
    assert!(url.is_some_and(|url| url.ends_with("/claim#BT-0003")));
    for uuid in [STATE, FAULT, RESULT] {
        central.unsubscribe(uuid).await.expect("let go");
    }
    bench.bluez.silent().await;

    until("it is written down", async || {
        (!agent.site().vacant).then_some(())
    })
    .await;
    let agent = agent.restart(bench.board.clone()).await;
    agent.online().await;
    assert_eq!(bench.bluez.times(), 2, "not before the next reset");
    agent.stop().await.expect("a clean end");
    bench.app.stop().await;
}

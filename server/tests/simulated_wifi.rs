//! A simulated radio: the agent's own connection to the site is cut where its network leads nowhere.

use std::collections::BTreeSet;

use agent::{drivers::board::Board, machine::Machine};
use domain::{
    AppError,
    command::{Command, CommandState},
    device::Presence,
    role::SiteRole,
};
use service::commands::{self, wifi};
use testkit::{
    agent::Agent,
    app::{App, Person},
    device::{Identity, computer},
    until,
};

struct Site {
    app: App,
    admin: Person,
    device: Identity,
}

impl Site {
    async fn new() -> Self {
        let app = App::start().await;
        let admin = app.set_up().await;
        let owner = Some(&admin.actor);
        let device = Identity::enrol(app.services(), &admin.actor, owner, computer("S-1")).await;
        Self {
            device: device.expect("a computer"),
            app,
            admin,
        }
    }

    fn agent(&self) -> Agent {
        let simulate = BTreeSet::from(["wifi".to_owned()]);
        Agent::start(
            &self.app,
            &self.device,
            Machine::new(Board::default(), simulate),
        )
    }

    /// Moves the device and waits until that has ended.
    async fn moved(&self, ssid: &str, password: &str) -> Command {
        let services = self.app.services();
        let (actor, id) = (&self.admin.actor, self.device.id);
        let owner = actor.require_owner(services, id).await.expect("one's own");
        let password = Some(password.to_owned());
        let network = wifi::network(ssid.to_owned(), password, false, false).expect("a network");
        let asked = wifi::change(services, &owner, &network).await;
        let asked = asked.expect("queued").id;
        let viewer = actor.require_viewer(services, id).await.expect("one's own");
        until("the change has ended", async || {
            let command = commands::get(services, &viewer, asked).await.ok()?;
            command.state.is_final().then_some(command)
        })
        .await
    }

    async fn changes(&self) -> wifi::Changes {
        let services = self.app.services();
        let viewer = self.admin.actor.require_viewer(services, self.device.id);
        let viewer = viewer.await.expect("one's own");
        let changes = wifi::changes(services, &viewer, 3).await;
        changes.expect("the changes")
    }

    /// The name of the network that the device said it is on.
    async fn said(&self) -> Option<String> {
        let services = self.app.services();
        let viewer = self.admin.actor.require_viewer(services, self.device.id);
        let viewer = viewer.await.expect("one's own");
        let detail = service::devices::detail(services, &viewer).await;
        detail.expect("the device").network?.ssid
    }

    async fn comes_online(&self) {
        let services = self.app.services();
        let viewer = self.admin.actor.require_viewer(services, self.device.id);
        let viewer = viewer.await.expect("one's own");
        until("it is online", async || {
            let detail = service::devices::detail(services, &viewer).await.ok()?;
            (detail.summary.presence.presence == Presence::Online).then_some(())
        })
        .await;
    }
}

fn reason(change: &Command) -> &str {
    change.reason.as_deref().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_device_moves_stays_away_from_what_leads_nowhere_and_says_why() {
    let site = Site::new().await;
    let agent = site.agent();
    agent.online().await;
    assert_eq!(
        site.changes().await.done,
        None,
        "it was not moved from here yet"
    );
    assert_eq!(site.said().await.as_deref(), Some("simulated"));
    let moved = site.moved("lab", "correct horse").await;
    assert_eq!(site.said().await.as_deref(), Some("lab"), "as it says");
    assert_eq!((moved.state, reason(&moved)), (CommandState::Completed, ""));
    assert!(moved.executing_at.is_some(), "it said that it began");

    let nowhere = site.moved("nowhere", "correct horse").await;
    assert_eq!(nowhere.state, CommandState::Failed);
    assert!(
        reason(&nowhere).starts_with("server_not_reached"),
        "{nowhere:?}"
    );
    site.comes_online().await;
    let absent = site.moved("absent", "correct horse").await;
    assert!(reason(&absent).starts_with("not_joined: not_in_reach"));
    let wrong = site.moved("lab", "wrong-password").await;
    assert!(reason(&wrong).starts_with("not_joined: wrong_password"));

    let changes = site.changes().await;
    let ids: Vec<_> = changes.latest.iter().map(|change| change.id).collect();
    assert_eq!(ids, [wrong.id, absent.id, nowhere.id], "the latest three");
    let done = changes.done.expect("the one that was done");
    assert_eq!(
        (done.id, &done.arguments["ssid"]),
        (moved.id, &"lab".into())
    );
    agent.stop().await.expect("a clean end");
    site.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_network_can_be_is_refused_by_its_member() {
    let refused = |ssid: &str, password: &str, wpa3| {
        let password = Some(password.to_owned());
        match wifi::network(ssid.to_owned(), password, false, wpa3) {
            Err(AppError::Invalid { field, message }) => (field, message),
            other => panic!("{other:?}"),
        }
    };
    let pair = |field: &str, message: &str| (field.to_owned(), message.to_owned());
    assert_eq!(refused("", "", false), pair("ssid", "length_1_to_32"));
    assert_eq!(
        refused("한글이름은세글자씩센다네", "", false),
        pair("ssid", "length_1_to_32")
    );
    assert_eq!(
        refused("lab", "short", false),
        pair("password", "wifi_password")
    );
    assert_eq!(refused("lab", "", true), pair("password", "required"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_manage_the_device_sees_the_page_of_its_network() {
    let site = Site::new().await;
    let developer = site
        .app
        .person(&site.admin, "dev@example.org", SiteRole::Developer);
    let developer = developer.await;
    let member = site
        .app
        .person(&site.admin, "kim@example.org", SiteRole::Member)
        .await;
    let path = format!("/devices/{}/wifi", site.device.id);
    let page = async |person: &Person| {
        let asked = site.app.browser(Some(person)).get(site.app.url(&path));
        let asked = asked.header("Accept", "text/html").send().await;
        asked.expect("an answer").text().await.expect("a page")
    };
    assert!(page(&site.admin).await.contains("name=\"ssid\""));
    for other in [&developer, &member] {
        assert!(!page(other).await.contains("name=\"ssid\""));
    }
    site.app.stop().await;
}

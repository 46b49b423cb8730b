//! The live connection as a program uses it: devices as they stand, and then what changes.

use domain::{
    DeviceId, Scalar,
    device::{Presence, PresenceCause, PresenceInfo, StateMap},
    live::{Change, ClientFrame, DeviceSnapshot, LiveEvent, ServerFrame, Subject},
    role::SiteRole,
};
use service::devices;
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
    live::Live,
    until,
};

/// What a program knows of one device, by what it was told.
struct Follower {
    live: Live,
    snapshot: DeviceSnapshot,
    presence: PresenceInfo,
    state: StateMap,
    /// The values of the processor that it was told of by changes.
    changes: Vec<Scalar>,
}

impl Follower {
    /// Connects and asks for a device as it stands.
    async fn of(app: &App, person: &Person, device: DeviceId) -> Self {
        let mut live = Live::open(app, person).await;
        let subject = Subject::Device { device };
        let subscribe = ClientFrame::Subscribe {
            id: 1,
            subject,
            snapshot: true,
        };
        live.say(&subscribe).await;
        let ServerFrame::Snapshot { id: 1, snapshot } = live.next().await else {
            panic!("the snapshot is first")
        };
        assert_eq!(live.next().await, ServerFrame::Subscribed { id: 1 });
        assert_eq!(snapshot.device, device);
        Self {
            live,
            presence: snapshot.presence,
            state: snapshot.state.clone(),
            snapshot: *snapshot,
            changes: Vec::new(),
        }
    }

    fn processor(&self) -> Option<&Scalar> {
        self.state.get("cpu_average")
    }

    /// Takes the next frame in.
    async fn hear(&mut self) {
        match self.live.next().await {
            ServerFrame::Snapshot { id: 1, snapshot } => {
                assert!(snapshot.revision >= self.snapshot.revision);
                (self.presence, self.state) = (snapshot.presence, snapshot.state.clone());
                self.snapshot = *snapshot;
            }
            ServerFrame::Change { id: 1, event } => match *event {
                Change::State(LiveEvent::State {
                    revision, changed, ..
                }) => {
                    assert!(revision > self.snapshot.revision);
                    self.changes.extend(changed.get("cpu_average").cloned());
                    self.state.extend(changed);
                }
                Change::State(LiveEvent::Presence {
                    revision, presence, ..
                }) => {
                    assert!(revision > self.snapshot.revision);
                    self.presence = presence;
                }
                Change::State(other) => panic!("{other:?} is told by its head"),
                Change::Head(_) => {}
            },
            ServerFrame::Subscribed { id: 1 } | ServerFrame::Unread { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    async fn until_processor(&mut self, value: f64) {
        while self.processor() != Some(&Scalar::Number(value)) {
            self.hear().await;
        }
    }
}

async fn reports(device: &Device, sequence: u64, value: f64) {
    let answer = device.report("cpu", sequence, &[("average", value)]).await;
    assert_eq!(answer, Answer::Accepted);
}

async fn shown(app: &App, admin: &Person, device: DeviceId, wanted: Presence) {
    until("presence", async || {
        let viewer = admin.actor.require_viewer(app.services(), device).await;
        let detail = devices::detail(app.services(), &viewer.ok()?).await.ok()?;
        (detail.summary.presence.presence == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_of_a_device_as_it_stands_and_then_of_each_change() {
    for app in App::on_each_engine().await {
        let admin = app.set_up().await;
        let actor = &admin.actor;
        let identity = Identity::enrol(app.services(), actor, Some(actor), computer("L-1"))
            .await
            .expect("an enrolled device");
        let id = identity.id;
        let device = Device::online(&identity, app.mqtt(), 1).await;
        reports(&device, 2, 10.0).await;
        shown(&app, &admin, id, Presence::Online).await;

        let mut follower = Follower::of(&app, &admin, id).await;
        let first = follower.snapshot.revision;
        assert_eq!(follower.processor(), Some(&Scalar::Number(10.0)));
        assert_eq!(follower.presence.presence, Presence::Online);
        assert_eq!(follower.presence.cause, PresenceCause::Connected);
        assert!(follower.presence.since.0 > 0);
        reports(&device, 3, 11.0).await;
        follower.until_processor(11.0).await;
        assert_eq!(follower.changes, [Scalar::Number(11.0)]);
        drop(follower);

        // What changes while nobody listens is in the next snapshot, and is not told again.
        reports(&device, 4, 12.0).await;
        reports(&device, 5, 13.0).await;
        let mut follower = Follower::of(&app, &admin, id).await;
        assert!(follower.snapshot.revision >= first + 3);
        assert_eq!(follower.processor(), Some(&Scalar::Number(13.0)));
        reports(&device, 6, 14.0).await;
        follower.until_processor(14.0).await;
        assert_eq!(follower.changes, [Scalar::Number(14.0)]);

        // Presence comes with its cause.
        device.leave().await;
        while follower.presence.presence != Presence::Offline {
            follower.hear().await;
        }
        assert_eq!(follower.presence.cause, PresenceCause::Disconnected);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_ask_for_a_snapshot_gets_none_and_who_may_not_see_it_neither() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let other = app
        .person(&admin, "other@example.org", SiteRole::Member)
        .await;
    let actor = &admin.actor;
    let identity = Identity::enrol(app.services(), actor, Some(actor), computer("L-2"))
        .await
        .expect("an enrolled device");
    let device = identity.id;

    let mut live = Live::open(&app, &admin).await;
    live.say(&ClientFrame::subscribe(1, Subject::Device { device }))
        .await;
    assert_eq!(live.next().await, ServerFrame::Subscribed { id: 1 });
    let online = Device::online(&identity, app.mqtt(), 1).await;
    reports(&online, 2, 10.0).await;
    loop {
        match live.next().await {
            ServerFrame::Change { id: 1, event } => match *event {
                Change::State(LiveEvent::State { .. }) => break,
                Change::State(other) => panic!("{other:?} is told by its head"),
                Change::Head(_) => {}
            },
            ServerFrame::Subscribed { .. } | ServerFrame::Unread { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    let mut live = Live::open(&app, &other).await;
    for subject in [
        Subject::Device { device },
        Subject::Devices { ids: vec![device] },
    ] {
        let is_one = matches!(subject, Subject::Device { .. });
        let subscribe = ClientFrame::Subscribe {
            id: 1,
            subject,
            snapshot: true,
        };
        live.say(&subscribe).await;
        let answer = loop {
            match live.next().await {
                ServerFrame::Unread { .. } => {}
                answer => break answer,
            }
        };
        let expected = match is_one {
            true => ServerFrame::Refused { id: 1 },
            // None of a list is there for them.
            false => ServerFrame::Subscribed { id: 1 },
        };
        assert_eq!(answer, expected);
    }
    app.stop().await;
}

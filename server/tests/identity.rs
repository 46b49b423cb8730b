//! Clone, board swap, card swap and collision against the whole server: each ends as the policy says, and undo
//! restores.

#[path = "identity/bench.rs"]
mod bench;
#[path = "identity/undo.rs"]
mod undo;

use domain::{
    Scalar,
    command::{CommandOptions, CommandState, NewCommand},
    device::DeviceQuery,
    finding::Trouble,
    identity::{Act, Evidence, Finding, FindingKind, FindingState, Reaction},
};
use protocol::Topic;
use rumqttc::mqttbytes::v5::PubAckReason;
use serde_json::{Value, json};
use service::{commands, devices, identity, notices};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
    until,
};

use bench::Bench;

const CARD: &str = "card-1";

fn number(value: f64) -> Scalar {
    Scalar::Number(value)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_is_kept_apart_and_does_not_disturb_the_original() {
    for bench in Bench::each(None).await {
        let original = bench.online(1, "board-1", CARD).await;
        bench.reports(&original, 2, 10.0).await;
        assert!(bench.findings().await.is_empty());

        // The copy has the same sequences: they are not used up.
        let copy = bench.online(3, "board-2", CARD).await;
        bench.reports(&copy, 4, 99.0).await;
        let finding = bench.finding().await;
        assert_eq!(finding.kind, FindingKind::Clone);
        assert_eq!(finding.evidence, Evidence::Traits);
        assert_eq!(finding.reaction, Reaction::Quarantine);
        assert_eq!((finding.held, finding.state), (1, FindingState::Open));
        assert_eq!(finding.known.cpu_serial, "board-1");
        assert_eq!(finding.said.cpu_serial, "board-2");
        assert_eq!(bench.unread().await, 1);
        assert_eq!(
            (bench.history().await, bench.page().await.1),
            (vec![10.0], Some(number(10.0)))
        );

        let original = bench.online(3, "board-1", CARD).await;
        bench.reports(&original, 4, 11.0).await;
        assert_eq!(bench.history().await, [10.0, 11.0]);
        bench.shows(11.0).await;

        bench.resolve(Act::Discard).await;
        assert_eq!(bench.finding().await.held, 0);
        bench.undo().await;
        assert_eq!(bench.finding().await.held, 1);
        bench.resolve(Act::Release).await;
        assert_eq!(bench.history().await, [10.0, 99.0, 11.0], "at its own time");
        assert_eq!(
            bench.page().await.1,
            Some(number(11.0)),
            "the state is not touched"
        );
        bench.undo().await;
        assert_eq!(bench.history().await, [10.0, 11.0]);
        assert_eq!(bench.finding().await.held, 1);
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_comes_again_after_a_decision_is_told_again() {
    for bench in Bench::each(None).await {
        let _original = bench.online(1, "board-1", CARD).await;
        let copy = bench.online(2, "board-2", CARD).await;
        bench.reports(&copy, 3, 99.0).await;
        bench.resolve(Act::Discard).await;
        let copy = bench.online(4, "board-2", CARD).await;
        bench.reports(&copy, 5, 98.0).await;
        let finding = bench.finding().await;
        assert_eq!(
            (finding.state, finding.count, finding.held),
            (FindingState::Open, 2, 1)
        );
        assert_eq!(bench.unread().await, 2);
        assert!(bench.history().await.is_empty());
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_swap_that_is_accepted_is_what_is_known_and_undo_takes_it_back() {
    for bench in Bench::each(None).await {
        let before = bench.online(1, "board-1", CARD).await;
        bench.reports(&before, 2, 10.0).await;
        before.leave().await;

        let board = bench.online(3, "board-2", CARD).await;
        bench.reports(&board, 4, 20.0).await;
        let finding = bench.finding().await;
        assert_eq!((finding.kind, finding.held), (FindingKind::BoardSwap, 1));
        assert_eq!(bench.history().await, [10.0]);
        assert_eq!(bench.in_doubt().await, (1, true), "and the list says so");

        bench.resolve(Act::Accept).await;
        assert_eq!(bench.in_doubt().await, (0, false));
        // The same connection speaks on.
        bench.reports(&board, 5, 21.0).await;
        assert_eq!(bench.history().await, [10.0, 20.0, 21.0]);
        bench.shows(21.0).await;
        assert_eq!(bench.page().await.0, "board-2");

        bench.undo().await;
        board.ended().await;
        assert_eq!(bench.page().await.0, "board-1");
        assert_eq!(
            bench.history().await,
            [10.0, 21.0],
            "what it said as known stays"
        );
        let board = bench.online(6, "board-2", CARD).await;
        bench.reports(&board, 7, 22.0).await;
        let finding = bench.finding().await;
        assert_eq!((finding.held, finding.count), (2, 2));
        assert_eq!(bench.history().await, [10.0, 21.0]);
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_whose_old_board_comes_back_is_a_clone() {
    for bench in Bench::each(Some((FindingKind::BoardSwap, Reaction::Alert))).await {
        let before = bench.online(1, "board-1", CARD).await;
        before.leave().await;
        let other = bench.online(2, "board-2", CARD).await;
        bench.reports(&other, 3, 20.0).await;
        assert_eq!(bench.finding().await.kind, FindingKind::BoardSwap);
        assert_eq!(bench.history().await, [20.0], "alert only");

        let _back = bench.online(4, "board-1", CARD).await;
        let other = bench.online(5, "board-2", CARD).await;
        bench.reports(&other, 6, 21.0).await;
        let finding = bench.finding().await;
        assert_eq!((finding.kind, finding.held), (FindingKind::Clone, 1));
        assert_eq!(bench.history().await, [20.0]);
        assert_eq!(bench.unread().await, 2);
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_swap_is_remapped_by_its_policy_and_undo_takes_it_back() {
    for bench in Bench::each(Some((FindingKind::CardSwap, Reaction::Remap))).await {
        bench.online(1, "board-1", CARD).await.leave().await;
        let device = bench.online(2, "board-1", "card-2").await;
        bench.reports(&device, 3, 20.0).await;
        let finding = bench.finding().await;
        assert_eq!(finding.kind, FindingKind::CardSwap);
        assert_eq!(
            (finding.state, finding.act),
            (FindingState::Resolved, Some(Act::Accept))
        );
        assert_eq!(finding.by, None, "the policy did it");
        assert_eq!(bench.history().await, [20.0]);
        device.leave().await;

        // It is known now.
        let device = bench.online(4, "board-1", "card-2").await;
        assert_eq!(bench.finding().await.count, 1);
        bench.undo().await;
        device.ended().await;
        bench.online(5, "board-1", CARD).await.leave().await;
        assert_eq!(
            bench.finding().await.count,
            1,
            "the former card is known again"
        );
        let device = bench.online(6, "board-1", "card-2").await;
        bench.reports(&device, 7, 21.0).await;
        let finding = bench.finding().await;
        assert_eq!((finding.count, finding.state), (2, FindingState::Open));
        assert_eq!((finding.held, bench.history().await), (1, vec![20.0]));
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collision_is_blocked_by_its_policy_until_that_is_undone() {
    for bench in Bench::each(Some((FindingKind::Collision, Reaction::Block))).await {
        bench.online(1, "board-1", CARD).await.leave().await;
        let token = bench.token(1_001).await.expect("a token");
        let other = bench.connect().await;
        bench.says(&other, 2, "board-2", "card-2").await;
        other.ended().await;
        let finding = bench.finding().await;
        assert_eq!(
            (finding.kind, finding.act),
            (FindingKind::Collision, Some(Act::Block))
        );
        assert!(
            Device::connect(&bench.identity, bench.app.mqtt())
                .await
                .is_err()
        );
        assert_eq!(bench.token(1_002).await, Err(401));
        assert_eq!(bench.certificate(&token).await, 401);

        bench.undo().await;
        assert_eq!(bench.certificate(&token).await, 409, "it is in doubt");
        let device = bench.online(3, "board-1", CARD).await;
        bench.reports(&device, 4, 10.0).await;
        bench.shows(10.0).await;
        assert_eq!(bench.certificate(&token).await, 409, "so may be who asks");
        bench.resolve(Act::Discard).await;
        assert_eq!(bench.certificate(&token).await, 200);
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_is_told_to_switch_itself_off() {
    for bench in Bench::each(Some((FindingKind::Clone, Reaction::Disable))).await {
        let _original = bench.online(1, "board-1", CARD).await;
        for sequence in [2, 3] {
            // Also when it comes back without having obeyed.
            let mut copy = bench.online(sequence, "board-2", CARD).await;
            let topic = Topic::Disable(bench.identity.id).to_string();
            let told = loop {
                let message = copy.next().await;
                if message.topic == topic {
                    break message;
                }
            };
            let envelope = protocol::open(&told.payload).expect("an envelope");
            assert!(envelope.verify(&topic, &bench.identity.secret()));
            assert_eq!(envelope.body["cpu_serial"], Value::from("board-2"));
            assert!(!told.retain, "the original must not find it");
        }
        let finding = bench.finding().await;
        assert_eq!((finding.act, finding.count), (Some(Act::Disable), 2));
        bench.undo().await;
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_must_enrol_again_gets_in_with_the_new_code_alone() {
    for bench in Bench::each(None).await {
        let _original = bench.online(1, "board-1", CARD).await;
        let copy = bench.online(2, "board-2", CARD).await;
        let token = bench.token(1_001).await.expect("a token");
        bench.resolve(Act::Reprovision).await;
        copy.ended().await;
        assert!(
            Device::connect(&bench.identity, bench.app.mqtt())
                .await
                .is_err()
        );
        // It has the secret too, and a token that was given for it.
        assert_eq!(bench.token(1_002).await, Err(401));
        assert_eq!(bench.certificate(&token).await, 401);
        bench.undo().await;
        bench.online(3, "board-1", CARD).await.leave().await;
        // The secret is good again, and nobody has decided yet.
        assert_eq!(bench.certificate(&token).await, 409);

        bench.resolve(Act::Reprovision).await;
        let proof = bench.admin.actor.require_admin().expect("an administrator");
        let (services, finding) = (bench.app.services(), bench.finding().await.id);
        let made = identity::new_code(services, &proof, finding)
            .await
            .expect("a code");
        let (serial, code) = ("board-1".to_owned(), made.code.to_string());
        let again = Identity::with_code(services, serial, code)
            .await
            .expect("enrolled again");
        assert!(
            Device::connect(&bench.identity, bench.app.mqtt())
                .await
                .is_err()
        );
        let device = Device::connect(&again, bench.app.mqtt()).await;
        assert!(device.is_ok());
        assert_eq!(bench.token(1_003).await, Err(401), "nor by it later");
        assert_eq!(bench.certificate(&token).await, 401);
        assert!(!bench.finding().await.may_undo, "nor is it offered");
        let late = identity::undo(services, &proof, finding).await;
        assert_eq!(late, Err(domain::AppError::conflict("enrolled_since")));
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_wait_until_the_identity_came() {
    for bench in Bench::each(None).await {
        let device = bench.connect().await;
        bench.reports(&device, 1, 10.0).await;
        bench.reports(&device, 2, 11.0).await;
        assert_eq!(
            (bench.history().await, bench.page().await.1),
            (vec![], None)
        );
        bench.says(&device, 3, "board-1", CARD).await;
        assert_eq!(bench.history().await, [10.0, 11.0]);
        bench.shows(11.0).await;
        bench.reports(&device, 4, 12.0).await;
        bench.shows(12.0).await;
        device.leave().await;

        // And with a doubtful one, for the decision.
        let device = bench.connect().await;
        bench.reports(&device, 5, 99.0).await;
        bench.says(&device, 6, "board-2", CARD).await;
        assert_eq!(bench.finding().await.held, 1);
        assert_eq!(bench.history().await, [10.0, 11.0, 12.0]);
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_ended_connection_left_unsaid_follows_the_next_identity() {
    for bench in Bench::each(None).await {
        let device = bench.connect().await;
        bench.reports(&device, 1, 10.0).await;
        device.leave().await;
        let device = bench.connect().await;
        bench.reports(&device, 2, 11.0).await;
        bench.says(&device, 3, "board-1", CARD).await;
        assert_eq!(bench.history().await, [10.0, 11.0]);
        bench.shows(11.0).await;

        // With a doubtful one, for the decision.
        let unsaid = bench.connect().await;
        bench.reports(&unsaid, 4, 98.0).await;
        let _copy = bench.online(5, "board-2", CARD).await;
        assert_eq!(bench.finding().await.held, 1);
        // Where a copy is known of, also with the right one: it may have been either.
        let _original = bench.online(6, "board-1", CARD).await;
        let _copy = bench.online(7, "board-2", CARD).await;
        assert_eq!(bench.finding().await.kind, FindingKind::Clone);
        let unsaid = bench.connect().await;
        bench.reports(&unsaid, 8, 99.0).await;
        let original = bench.online(9, "board-1", CARD).await;
        assert_eq!(bench.finding().await.held, 2);
        assert_eq!(bench.history().await, [10.0, 11.0]);
        bench.reports(&original, 10, 12.0).await;
        bench.resolve(Act::Release).await;
        assert_eq!(bench.history().await, [10.0, 11.0, 98.0, 99.0, 12.0]);
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sequence_with_two_contents_is_told_and_the_data_flows() {
    for bench in Bench::each(None).await {
        let device = bench.online(1, "board-1", CARD).await;
        bench.reports(&device, 2, 10.0).await;
        assert!(matches!(
            device.report("cpu", 2, &[("average", 99.0)]).await,
            Answer::Refused(_)
        ));
        let finding = bench.finding().await;
        assert_eq!(finding.kind, FindingKind::Clone);
        assert_eq!(finding.evidence, Evidence::SequenceReused);
        bench.reports(&device, 3, 11.0).await;
        bench.shows(11.0).await;
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_over_rest_are_for_administrators_and_notices_are_each_ones_own() {
    for bench in Bench::each(None).await {
        let _original = bench.online(1, "board-1", CARD).await;
        let _copy = bench.online(2, "board-2", CARD).await;
        let member = bench
            .app
            .person(
                &bench.admin,
                "m@example.org",
                domain::role::SiteRole::Member,
            )
            .await;
        let id = bench.finding().await.id;
        let (admin, member) = (
            bench.app.browser(Some(&bench.admin)),
            bench.app.browser(Some(&member)),
        );
        let act = |client: &reqwest::Client, act: &str| {
            client
                .post(bench.app.url(&format!("/api/identity/{id}/resolve")))
                .json(&json!({ "act": act }))
                .send()
        };
        assert_eq!(
            act(&member, "discard").await.expect("an answer").status(),
            403
        );
        assert_eq!(
            act(&admin, "accept").await.expect("an answer").status(),
            409
        );
        assert_eq!(
            act(&admin, "nonsense").await.expect("an answer").status(),
            422
        );
        assert_eq!(
            act(&admin, "discard").await.expect("an answer").status(),
            204
        );
        assert_eq!(
            act(&admin, "discard").await.expect("an answer").status(),
            409
        );
        let undo = bench.app.url(&format!("/api/identity/{id}/undo"));
        let undone = admin.post(undo).send().await.expect("an answer");
        assert_eq!(undone.status(), 204);

        let told = async |client: &reqwest::Client| -> Value {
            let answer = client
                .get(bench.app.url("/api/notices?unread=true"))
                .send()
                .await;
            answer.expect("an answer").json().await.expect("JSON")
        };
        assert_eq!(told(&member).await["total"], 0);
        assert_eq!(
            told(&admin).await["items"][0]["finding"],
            json!([id, "clone"])
        );
        let mark = admin
            .post(bench.app.url("/api/notices/mark"))
            .json(&json!({ "read": true }));
        assert_eq!(mark.send().await.expect("an answer").status(), 204);
        until("nothing is unread", async || {
            (bench.unread().await == 0).then_some(())
        })
        .await;
        bench.app.stop().await;
    }
}

/// A board that measures nothing and tells its serial number.
struct Board(&'static str);

impl agent::drivers::Hardware for Board {
    fn driver(&mut self, of: &protocol::identity::ComponentSpec) -> agent::drivers::Loaded {
        Err(agent::drivers::NoDriver::for_type(of))
    }

    fn describe(&self) -> agent::drivers::Description {
        agent::drivers::Description {
            cpu_serial: Some(self.0.to_owned()),
            storage_id: Some(CARD.to_owned()),
            ..Default::default()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_on_a_copied_card_switches_itself_off_and_stays_off() {
    use agent::{
        device::{self, RunError, Settings, Status},
        folder::{Folder, Site},
    };
    for bench in Bench::each(Some((FindingKind::Clone, Reaction::Disable))).await {
        let _original = bench.online(1, "board-1", CARD).await;

        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("a folder");
        std::fs::write(place.path().join("key.pem"), &bench.identity.key).expect("the key");
        let mut credentials = bench.identity.credentials.clone();
        credentials.mqtt_url = format!("mqtts://localhost:{}", bench.app.mqtt().port());
        let site = Site {
            origin: bench.app.url(""),
            serial: "board-1".to_owned(),
            code: bench.identity.code.clone(),
            ca_hash: String::new(),
            credentials: Some(credentials),
            key_file: "key.pem".to_owned(),
            renewed: None,
            board: Some("board-1".to_owned()),
            disabled: None,
            vacant: false,
        };
        folder.save_site(&site).expect("a copied card");
        let run = async |serial| {
            let (status, stop) = (
                tokio::sync::watch::Sender::new(Status::default()),
                tokio_util::sync::CancellationToken::new(),
            );
            let hardware = Box::new(Board(serial));
            let running = device::run(folder.clone(), hardware, Settings::default(), status, stop);
            tokio::time::timeout(testkit::device::PATIENCE, running).await
        };
        let ended = run("board-2").await.expect("an end");
        assert!(matches!(ended, Err(RunError::Disabled)), "{ended:?}");
        let finding = bench.finding().await;
        assert_eq!(
            (finding.kind, finding.act),
            (FindingKind::Clone, Some(Act::Disable))
        );
        let ended = run("board-2").await.expect("an end");
        assert!(matches!(ended, Err(RunError::Disabled)), "{ended:?}");
        assert_eq!(bench.finding().await.count, 1, "it did not come again");
        bench.app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_given_no_command_and_ends_none() {
    for bench in Bench::each(None).await {
        let (services, id) = (bench.app.services(), bench.identity.id);
        bench.online(1, "board-1", CARD).await.leave().await;
        let owner = bench.admin.actor.require_owner(services, id).await;
        let print = NewCommand {
            name: "print".to_owned(),
            component: None,
            arguments: json!({ "text": "for the device alone" }),
            valid_for_ms: 3_600_000,
            options: CommandOptions::default(),
        };
        let sent = commands::send(services, &owner.expect("the owner"), print).await;
        let command = sent.expect("queued").id;
        let state = async || {
            let viewer = bench.admin.actor.require_viewer(services, id).await;
            let now = commands::get(services, &viewer.expect("a viewer"), command).await;
            now.expect("the command").state
        };
        let answers = async |device: &Device, sequence: u64| {
            let result = Topic::Result {
                device: id,
                command,
            }
            .to_string();
            let body = json!({
                "status": "completed", "timestamp": testkit::device::now(), "sequence": sequence,
            });
            let Value::Object(body) = body else {
                unreachable!("an object")
            };
            let payload = bench.identity.sealed(&result, body);
            device.publish(&result, payload).await
        };
        let refused = Answer::Refused(PubAckReason::ImplementationSpecificError);

        // Everything is copied but the processor; it listens before it says who it is, and after.
        let mut copy = bench.connect().await;
        assert!(copy.subscribe(&format!("commands/{id}/#")).await);
        assert_eq!(answers(&copy, 2).await, refused);
        bench.says(&copy, 3, "board-2", CARD).await;
        bench.finding().await;
        assert_eq!(answers(&copy, 4).await, refused);
        assert_eq!(state().await, CommandState::Queued);

        // The device itself: whether it subscribes first or says who it is, it is told and answers.
        let mut original = bench.connect().await;
        assert!(original.subscribe(&format!("commands/{id}/#")).await);
        while let Some(heard) = copy.heard().await {
            assert!(!heard.topic.starts_with(b"commands/"), "the copy was told");
        }
        bench.says(&original, 5, "board-1", CARD).await;
        let print = format!("commands/{id}/print");
        while original.next().await.topic != print.as_bytes() {}
        assert_eq!(answers(&original, 6).await, Answer::Accepted);
        assert_eq!(state().await, CommandState::Completed);
        bench.app.stop().await;
    }
}

//! Every way through the state machine, with the air, the radio and the site played, and a clock that jumps.

mod played;

use std::sync::atomic::Ordering;

use played::{
    Central, PASSWORD,
    Told::{self, Closed, Open},
    fault, state,
};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_network_is_given_and_the_service_ends() {
    let mut central = Central::new(false);
    central.hears([Open(State::Authorized)]).await;
    central.send("lab", PASSWORD);
    central
        .hears([state(State::Provisioning), state(State::Provisioned)])
        .await;
    let Told::Shown(Shown::Result(result)) = central.told().await else {
        panic!("the result comes last");
    };
    assert_eq!(result.url(), Some("https://lab.example/claim#SN-1"));
    central.hears([Closed(super::super::LINGER)]).await;
    let (ended, diary) = central.ended().await;
    assert_eq!(ended, Ended::Provisioned);
    assert_eq!(diary, ["lab (false, false)", "kept"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_and_a_site_out_of_reach_are_told_apart_and_may_be_tried_again() {
    let mut central = Central::new(false);
    central.hears([Open(State::Authorized)]).await;
    central.send("new", "wrong horse");
    central.hears([state(State::Provisioning)]).await;
    // Another network meanwhile is not kept for later.
    central.send("lab", PASSWORD);
    central
        .hears([fault(Fault::UnableToConnect), state(State::Authorized)])
        .await;
    central.reached.store(false, Ordering::Relaxed);
    central.send("attic", PASSWORD);
    central
        .hears([
            fault(Fault::None),
            state(State::Provisioning),
            fault(Fault::Unknown),
            state(State::Authorized),
        ])
        .await;
    central.reached.store(true, Ordering::Relaxed);
    central.send("lab", PASSWORD);
    central
        .hears([
            fault(Fault::None),
            state(State::Provisioning),
            state(State::Provisioned),
        ])
        .await;
    let (ended, diary) = central.ended().await;
    assert_eq!(ended, Ended::Provisioned);
    let expected = [
        "new (false, true)",
        "attic (true, false)",
        "back",
        "lab (false, false)",
        "kept",
    ];
    assert_eq!(diary, expected, "WPA3 alone, hidden, and neither");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_command_is_refused_and_half_a_packet_is_forgotten() {
    let mut central = Central::new(false);
    central.hears([Open(State::Authorized)]).await;
    central.write(&[3, 0, 9]);
    central.hears([fault(Fault::InvalidPacket)]).await;
    central.write(&[3, 0, 9]);
    central.hears([fault(Fault::InvalidPacket)]).await;
    central.write(&[9, 0, 9]);
    central.hears([fault(Fault::UnknownCommand)]).await;
    central.write(&[1, 30, 3]);
    central.hears([fault(Fault::InvalidPacket)]).await;
    central.write(&Command::Info.packet());
    central.hears([fault(Fault::None)]).await;
    let Told::Shown(Shown::Result(result)) = central.told().await else {
        panic!("it says what it is");
    };
    assert_eq!(result.info().unwrap().name, "Madang SN-1");
    central.write(&Command::Scan.packet());
    let Told::Shown(Shown::Result(result)) = central.told().await else {
        panic!("it says what it sees");
    };
    let names: Vec<_> = result.networks().into_iter().map(|n| n.ssid).collect();
    assert_eq!(names, ["lab", "new", "cafe"]);
    central.write(&Command::Identify.packet());
    central.write(&Command::Scan.packet());
    central.told().await;
    assert_eq!(central.blinks.load(Ordering::Relaxed), u32::from(BLINKS));
    assert!(central.diary.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn with_a_button_a_network_is_taken_for_a_minute_after_a_press() {
    let mut central = Central::new(true);
    central.hears([Open(State::AuthorizationRequired)]).await;
    central.send("lab", PASSWORD);
    central.hears([fault(Fault::NotAuthorized)]).await;
    central.button.store(true, Ordering::Relaxed);
    central.hears([state(State::Authorized)]).await;
    let pressed = Instant::now();
    central.hears([state(State::AuthorizationRequired)]).await;
    assert_eq!(pressed.elapsed().as_secs(), 60);
    central.button.store(true, Ordering::Relaxed);
    central.hears([state(State::Authorized)]).await;
    central.send("lab", "wrong horse");
    central
        .hears([
            fault(Fault::None),
            state(State::Provisioning),
            fault(Fault::UnableToConnect),
            state(State::Authorized),
        ])
        .await;
    let failed = Instant::now();
    central.hears([state(State::AuthorizationRequired)]).await;
    assert_eq!(failed.elapsed().as_secs(), 60, "the minute began anew");
}

#[tokio::test(start_paused = true)]
async fn the_window_ends_and_one_that_is_not_needed_ends_at_once() {
    let began = Instant::now();
    let mut central = Central::new(false);
    central
        .hears([Open(State::Authorized), Closed(Duration::ZERO)])
        .await;
    assert_eq!(began.elapsed().as_secs(), 15 * 60);
    assert_eq!(central.ended().await.0, Ended::WindowOver);

    let mut central = Central::new(false);
    central.hears([Open(State::Authorized)]).await;
    // A trial under way is brought to its end.
    central.send("lab", "wrong horse");
    central.hears([state(State::Provisioning)]).await;
    central.over.cancel();
    central
        .hears([
            fault(Fault::UnableToConnect),
            state(State::Authorized),
            Closed(Duration::ZERO),
        ])
        .await;
    assert_eq!(central.ended().await.0, Ended::Over);
}

#[tokio::test(start_paused = true)]
async fn where_bluetooth_goes_away_it_is_opened_again_and_a_trial_goes_on() {
    let mut central = Central::new(false);
    central.hears([Open(State::Authorized)]).await;
    central.pieces.pop();
    central
        .hears([Closed(Duration::ZERO), Open(State::Authorized)])
        .await;
    central.send("lab", PASSWORD);
    central.hears([state(State::Provisioning)]).await;
    central.pieces.pop();
    assert_eq!(central.ended().await.0, Ended::Provisioned);
}

//! Packets of the standard's own example, cut in every way, and bytes that are none.

use proptest::prelude::*;

use super::*;

fn example() -> Command {
    let password = Some("mysecurepassword".to_owned());
    Command::SendWifi(WifiNetwork::new("MyWirelessAP".to_owned(), password, false, false).unwrap())
}

#[test]
fn the_example_of_the_standard_is_written_as_it_stands_there() {
    let mut expected = vec![0x01, 0x1e, 0x0c];
    expected.extend(b"MyWirelessAP");
    expected.push(0x10);
    expected.extend(b"mysecurepassword");
    let sum = expected.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 256;
    expected.push(u8::try_from(sum).unwrap());
    assert_eq!(*example().packet(), expected);
    assert_eq!(Command::parse(&expected), Ok(example()));
    assert_eq!(*Command::Scan.packet(), [4, 0, 4]);
    assert!(!format!("{:?}", example()).contains("secure"));
}

#[test]
fn a_packet_is_put_together_from_writes_of_any_length() {
    let packet = example().packet();
    for size in 1..=packet.len() {
        for offsets in [false, true] {
            let mut assembly = Assembly::default();
            let mut got = None;
            for (at, piece) in packet.chunks(size).enumerate() {
                assert_eq!(got, None, "not before it is whole");
                got = assembly.push(piece, if offsets { at * size } else { 0 });
            }
            assert_eq!(got, Some(Ok(example())), "{size}");
            assert!(assembly.is_empty());
        }
    }
    let mut assembly = Assembly::default();
    assert_eq!(assembly.push(&packet[..5], 0), None);
    assert_eq!(assembly.push(&packet[9..], 9), Some(Err(RpcFault::Invalid)));
    assert_eq!(assembly.push(&[2, 0, 2], 0), Some(Ok(Command::Identify)));
}

#[test]
fn what_is_no_packet_is_refused_by_its_kind() {
    let mut wrong_sum = example().packet();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let mut two = example().packet();
    two.push(0);
    for invalid in [
        &wrong_sum[..],
        &two[..],
        &[][..],
        &[1],
        &[2, 0],
        &[2, 1, 0, 3],
        // A name that is not UTF-8, one with no end, an empty one, and a password that WPA does not take.
        &framed(1, &[1, 0xff, 0]),
        &framed(1, &[9, b'a', 0]),
        &framed(1, &[0, 0]),
        &framed(1, b"\x03lab\x05short"),
        &framed(1, b"\x03lab"),
        &framed(1, b"\x03lab\x00\x00"),
    ] {
        assert_eq!(
            Command::parse(invalid),
            Err(RpcFault::Invalid),
            "{invalid:?}"
        );
    }
    assert_eq!(Command::parse(&framed(9, &[])), Err(RpcFault::Unknown(9)));
    assert_eq!(RpcResult::parse(&framed(2, &[])), Err(RpcFault::Unknown(2)));
    let open = Command::parse(&framed(1, b"\x03lab\x00"));
    assert!(matches!(open, Ok(Command::SendWifi(lab)) if lab.password().is_none()));
}

#[test]
fn results_say_what_was_put_into_them() {
    let url = "https://lab.example/claim#SN-1";
    let read = |result: &RpcResult| RpcResult::parse(&result.packet().unwrap()).unwrap();
    let joined = RpcResult::of_wifi(Some(url.to_owned()));
    assert_eq!(read(&joined).url(), Some(url));
    assert!(example().is_answered_by(&joined) && !Command::Scan.is_answered_by(&joined));
    assert_eq!(read(&RpcResult::of_wifi(None)).url(), None);
    assert_eq!(read(&RpcResult::of_wifi(Some(String::new()))).url(), None);
    let long = RpcResult::of_wifi(Some("x".repeat(255)));
    assert_eq!(long.packet(), Err(RpcFault::TooLong));

    let info = Info {
        firmware: "madang-agent".to_owned(),
        version: "0.1.0".to_owned(),
        hardware: "Raspberry Pi 5".to_owned(),
        name: "창가".to_owned(),
    };
    assert_eq!(read(&RpcResult::of_info(info.clone())).info(), Some(info));
    assert_eq!(joined.info(), None);
}

#[test]
fn a_scan_keeps_the_strongest_that_one_packet_has_room_for() {
    let seen = |at: i16| SeenNetwork {
        ssid: format!("network number {at:02} of a house"),
        rssi: -at,
        security: "WPA2".to_owned(),
    };
    let result = RpcResult::of_scan((30..60).rev().map(seen).collect());
    let read = RpcResult::parse(&result.packet().unwrap())
        .unwrap()
        .networks();
    assert_eq!(read, (30..36).map(seen).collect::<Vec<_>>());
    assert!(RpcResult::of_scan(Vec::new()).networks().is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(command) = Command::parse(&bytes) {
            prop_assert_eq!(&*command.packet(), &bytes);
        }
        if let Ok(result) = RpcResult::parse(&bytes) {
            prop_assert_eq!(result.packet(), Ok(bytes));
        }
    }

    #[test]
    fn any_network_comes_through_however_it_is_cut(
        ssid in "[^\\p{Cc}]{1,8}",
        password in "([ -~]{8,63})?",
        size in 1_usize..40,
    ) {
        let network = WifiNetwork::new(ssid, Some(password), false, false).unwrap();
        let command = Command::SendWifi(network);
        let mut assembly = Assembly::default();
        let pieces: Vec<_> = command.packet().chunks(size).filter_map(|piece| assembly.push(piece, 0)).collect();
        prop_assert_eq!(pieces, vec![Ok(command)]);
    }
}

//! What comes over Bluetooth, from whoever is in reach.

use protocol::improv::{Assembly, Capabilities, Command, Fault, RpcResult, State};

/// A packet that is taken is written as it came; cut in two anywhere it is the same one.
pub(crate) fn improv(bytes: &[u8]) {
    let whole = Command::parse(bytes);
    if let Ok(command) = &whole {
        assert_eq!(&*command.packet(), bytes, "one spelling");
        for cut in 1..bytes.len() {
            let mut assembly = Assembly::default();
            assert_eq!(assembly.push(&bytes[..cut], 0), None, "half a packet");
            assert_eq!(assembly.push(&bytes[cut..], cut), Some(whole.clone()));
            assert!(assembly.is_empty(), "something is kept");
        }
    }
    if let Ok(result) = RpcResult::parse(bytes) {
        assert_eq!(result.packet().as_deref(), Ok(bytes), "one spelling");
        let _ = (result.url(), result.networks(), result.info());
    }
    // As many writes as they come, each of the length that its first byte says.
    let mut assembly = Assembly::default();
    let mut rest = bytes;
    while let [length, behind @ ..] = rest {
        let (piece, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        let _ = assembly.push(piece, 0);
        rest = behind;
    }
    for byte in bytes.iter().take(1) {
        let _ = (State::of(*byte), Fault::of(*byte), Capabilities::of(*byte));
    }
}

//! Clients that say byte by byte what no library would.

use testkit::{app::App, device::Identity};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

type Stream = TlsStream<TcpStream>;

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short");
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let (mut packet, mut length) = (vec![kind], body.len());
    while {
        let more = if length > 127 { 0x80 } else { 0 };
        packet.push(u8::try_from(length % 128).expect("seven bits") | more);
        length /= 128;
        length > 0
    } {}
    packet.extend(body);
    packet
}

/// Connects as [`connected_once`]; comes again where the broker is still clearing away the session before.
async fn connected(
    app: &App,
    identity: &Identity,
    level: u8,
    properties: &[u8],
) -> (Stream, Vec<u8>) {
    testkit::until("the broker has time", async || {
        let connected = connected_once(app, identity, level, properties).await;
        // Server unavailable, by MQTT 3.1.1 and by 5.
        (![3, 0x88].contains(&connected.1[1])).then_some(connected)
    })
    .await
}

/// Connects with this level of the protocol; `properties` are those of MQTT 5. Gives what the CONNACK holds.
async fn connected_once(
    app: &App,
    identity: &Identity,
    level: u8,
    properties: &[u8],
) -> (Stream, Vec<u8>) {
    let stream = TcpStream::connect(app.mqtt()).await.expect("TCP");
    let tls = tokio_rustls::TlsConnector::from(identity.tls.clone());
    let name = rustls::pki_types::ServerName::from(app.mqtt().ip());
    let mut stream = tls.connect(name, stream).await.expect("TLS");
    let body = [
        &text("MQTT")[..],
        &[level, 2, 0, 60],
        properties,
        &text(&identity.id.to_string()),
    ]
    .concat();
    let sent = stream.write_all(&packet(0x10, &body)).await;
    sent.expect("CONNECT");
    let (kind, answer) = heard(&mut stream).await;
    assert_eq!(kind, 0x20, "CONNACK");
    (stream, answer)
}

/// The next packet: its first byte, and its body.
async fn heard(stream: &mut Stream) -> (u8, Vec<u8>) {
    let kind = stream.read_u8().await.expect("a packet");
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = stream.read_u8().await.expect("its length");
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("its body");
    (kind, body)
}

/// Publishes 80 KiB by MQTT 3.1.1; returns when the server has hung up.
pub(crate) async fn too_large(app: &App, identity: &Identity, topic: &str) {
    let (mut stream, answer) = connected(app, identity, 4, &[]).await;
    assert_eq!(answer, [0, 0]);
    let body = [&text(topic)[..], &[0, 1], &vec![b' '; 80 * 1024]].concat();
    // The server may hang up before all was taken.
    let _ = stream.write_all(&packet(0x32, &body)).await;
    let mut rest = [0; 4];
    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}

/// Publishes to this topic by MQTT 5 under the alias 1; gives the reason with which the server disconnects.
pub(crate) async fn with_an_alias(app: &App, identity: &Identity, topic: &str) -> u8 {
    let (mut stream, answer) = connected(app, identity, 5, &[0]).await;
    assert_eq!(answer[1], 0, "let in");
    // Property 34 is the Topic Alias Maximum.
    assert!(!offers_aliases(&answer[2..]), "{answer:?}");
    let alias = [3, 0x23, 0, 1];
    let body = [&text(topic)[..], &[0, 1], &alias, b"{}"].concat();
    let sent = stream.write_all(&packet(0x32, &body)).await;
    sent.expect("PUBLISH");
    let (kind, reason) = heard(&mut stream).await;
    assert_eq!(kind, 0xe0, "DISCONNECT: {reason:?}");
    let mut rest = [0; 4];
    let end = stream.read(&mut rest).await;
    assert!(!matches!(end, Ok(1..)), "hung up: {rest:?}");
    reason[0]
}

/// Whether the properties of a CONNACK name a Topic Alias Maximum above 0.
fn offers_aliases(properties: &[u8]) -> bool {
    let mut at = 1;
    while let Some(id) = properties.get(at) {
        at += match id {
            0x22 => return properties[at + 1..at + 3] != [0, 0],
            0x11 | 0x27 => 5,
            0x21 | 0x13 => 3,
            0x24 | 0x25 | 0x28 | 0x29 | 0x2a => 2,
            other => panic!("property {other:#x} in {properties:?}"),
        };
    }
    false
}

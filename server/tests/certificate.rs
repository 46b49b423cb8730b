//! Another certificate of the server without a restart: for new connections, on both listeners, while what is
//! open stays open.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use domain::TimestampMs;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use server::certificate::ServerCertificate;
use service::{Clock as _, SystemClock, clock::ManualClock, pki::Pki};
use testkit::{
    app::App,
    device::{Answer, Device, Identity, PATIENCE, computer},
    until,
};
use tokio_util::sync::CancellationToken;

const DAY_MS: i64 = 24 * 3_600_000;

/// The certificate that is shown at this address to who asks for this name.
async fn shown(tls: &Arc<ClientConfig>, address: SocketAddr, name: &str) -> Option<Vec<u8>> {
    let stream = tokio::net::TcpStream::connect(address).await.expect("TCP");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let stream = tokio_rustls::TlsConnector::from(tls.clone())
        .connect(name, stream)
        .await
        .ok()?;
    let chain = stream.get_ref().1.peer_certificates().expect("a chain");
    Some(chain[0].to_vec())
}

/// A client that trusts the site's authority.
fn browser(app: &App) -> Arc<ClientConfig> {
    trusting(&app.ca_pem())
}

fn trusting(ca: &str) -> Arc<ClientConfig> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca.as_bytes()).expect("PEM");
    roots.add(ca).expect("an authority");
    let tls = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(tls)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_near_its_end_is_replaced_on_both_listeners_while_devices_stay() {
    // Made for 397 days, that long ago.
    let clock = Arc::new(ManualClock::at(TimestampMs(
        SystemClock.now().0 - 368 * DAY_MS,
    )));
    let app = App::start_at(clock.clone()).await;
    let (tls, at) = (browser(&app), app.https_address());
    let first = shown(&tls, at, "localhost").await.expect("a certificate");
    clock.advance_ms(360 * DAY_MS);
    let certificate = app.certificate();
    assert!(!certificate.look().expect("looked"), "37 days are left");

    clock.advance_ms(8 * DAY_MS);
    let admin = app.set_up().await;
    let actor = &admin.actor;
    let identity = Identity::enrol(app.services(), actor, Some(actor), computer("C-1"))
        .await
        .expect("an enrolled device");
    let device = Device::online(&identity, app.mqtt(), 1).await;
    let to_devices = shown(&identity.tls, app.mqtt(), "localhost").await;
    assert_eq!(to_devices.as_ref(), Some(&first), "one for both listeners");

    assert!(certificate.look().expect("looked"), "29 days are left");
    let second = shown(&tls, at, "localhost").await.expect("a certificate");
    assert_ne!(second, first);
    let to_devices = shown(&identity.tls, app.mqtt(), "localhost").await;
    assert_eq!(to_devices, Some(second));
    let answer = device.report("cpu", 2, &[("average", 1.0)]).await;
    assert_eq!(answer, Answer::Accepted, "an open connection stays");
    let again = Device::online(&identity, app.mqtt(), 3).await;
    drop(again);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_files_that_change_are_taken_and_broken_ones_are_not() {
    let app = App::start().await;
    let tls = browser(&app);
    let at = app.https_address();
    let local = shown(&tls, at, "localhost").await.expect("a certificate");
    assert_eq!(shown(&tls, at, "lab.example").await, None, "not its name");
    let certificate = app.certificate();
    certificate.want(vec!["lab.example".to_owned()]);
    let named = until("the new name", async || {
        shown(&tls, at, "lab.example").await
    })
    .await;
    assert_ne!(named, local);

    // A name that is none leaves everything as it is.
    certificate.want(vec!["not a name!".to_owned()]);
    certificate.look().expect_err("not a name");
    assert_eq!(shown(&tls, at, "lab.example").await, Some(named.clone()));
    certificate.want(vec!["lab.example".to_owned()]);

    // Somebody puts back a pair that was made elsewhere by the same authority, the key a moment later.
    let elsewhere = tempfile::tempdir().expect("a folder");
    for file in ["ca.pem", "ca.key"] {
        let from = app.data().join("pki").join(file);
        std::fs::copy(from, elsewhere.path().join(file)).expect("copied");
    }
    let names = ["lab.example".to_owned()];
    Pki::open(elsewhere.path(), "Madang", &names, &SystemClock).expect("another pair");
    let put = |file: &str| {
        let to = app.data().join("pki").join(file);
        std::fs::copy(elsewhere.path().join(file), to).expect("copied");
    };
    put("server.pem");
    certificate.look().expect_err("of another key");
    assert_eq!(shown(&tls, at, "lab.example").await, Some(named.clone()));
    put("server.key");
    assert!(certificate.look().expect("a pair"));
    let other = shown(&tls, at, "lab.example").await.expect("a certificate");
    assert_ne!(other, named);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_to_ask_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let pki =
        Arc::new(Pki::open(folder.path(), "Test", &[], clock.as_ref()).expect("an authority"));
    let certificate =
        ServerCertificate::new(pki.clone(), Vec::new(), clock.clone()).expect("a certificate");
    let stop = CancellationToken::new();
    let watching = tokio::spawn(certificate.watch(Duration::from_millis(5), stop.clone()));
    let before = pki.server_identity().chain_pem;
    clock.advance_ms(368 * DAY_MS);
    until("it is renewed", async || {
        (pki.server_identity().chain_pem != before).then_some(())
    })
    .await;
    stop.cancel();
    watching.await.expect("an end");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_takes_the_names_that_the_configuration_has_now() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("madang.toml");
    let configure = |names: &str| {
        let any = "address = \"127.0.0.1:0\"";
        let text =
            format!("[site]\nhost_names = [{names}]\n[http]\n{any}\ntls_{any}\n[mqtt]\n{any}\n");
        std::fs::write(&file, text).expect("written");
    };
    configure("\"first.example\"");
    let mut running = tokio::process::Command::new(env!("CARGO_BIN_EXE_madang"))
        .args(["serve", "--json", "--data-dir", "data"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("madang");
    let out = running.stdout.take().expect("its output");
    let mut lines = BufReader::new(out).lines();
    let ready = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    let ready = ready.expect("in time").expect("a line").expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&ready).expect("JSON");
    let port = |key: &str| {
        let url: url::Url = ready[key]
            .as_str()
            .expect("an address")
            .parse()
            .expect("a URL");
        SocketAddr::from(([127, 0, 0, 1], url.port().expect("a port")))
    };
    let ca = std::fs::read_to_string(folder.path().join("data/pki/ca.pem")).expect("an authority");
    let (tls, https) = (trusting(&ca), port("https"));
    assert!(shown(&tls, https, "first.example").await.is_some());
    assert!(shown(&tls, https, "second.example").await.is_none());

    let id = running.id().expect("it runs").to_string();
    let hang_up = || {
        let sent = std::process::Command::new("kill")
            .args(["-HUP", &id])
            .status();
        assert!(sent.expect("kill").success());
    };
    configure("\"second.example\"");
    hang_up();
    until("the second name", async || {
        shown(&tls, https, "second.example").await
    })
    .await;
    assert!(shown(&tls, https, "first.example").await.is_none());

    // A file that cannot be read stops nothing.
    std::fs::write(&file, "[site").expect("written");
    hang_up();
    configure("\"third.example\"");
    hang_up();
    until("the third name", async || {
        shown(&tls, https, "third.example").await
    })
    .await;
    running.kill().await.expect("ended");
}

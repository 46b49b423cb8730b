//! Pages that are asked for and not waited for: nothing of a page outlives it.

use std::{
    collections::BTreeSet,
    panic,
    sync::{Arc, Mutex},
};

use futures::{StreamExt as _, stream};
use testkit::app::{App, Person};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Requests of each kind.
const TIMES: usize = 400;
const AT_ONCE: usize = 64;

/// Asks for a page; the connection is dropped after `wait` of its bytes, all of them where there are fewer. Gives how
/// its answer begins.
async fn ask(app: &App, person: &Person, path: &str, wait: usize) -> Option<String> {
    let address = app.url("");
    let host = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.expect("TCP");
    let cookie = format!("{}={}", server::SESSION_COOKIE, person.session);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\
         Accept-Language: ko\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("asked");
    let mut read = 0;
    let mut part = vec![0; 4_096];
    let mut began = None;
    while read < wait {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(more) => {
                let text = || String::from_utf8_lossy(&part[..more.min(12)]).into_owned();
                began.get_or_insert_with(text);
                read += more;
            }
        }
    }
    began
}

// Alone in its program: it listens to every panic of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_panics_where_many_ask_for_pages_and_go() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let panics: Arc<Mutex<Vec<String>>> = Arc::default();
    let usual = panic::take_hook();
    let heard = panics.clone();
    panic::set_hook(Box::new(move |panic| {
        heard
            .lock()
            .expect("no panic in here")
            .push(panic.to_string());
    }));
    let answers = Mutex::new(BTreeSet::new());
    let pages = [
        "/", "/devices", "/sign-in", "/account", "/users", "/nowhere",
    ];
    let waits = [0, 1, 5_000, usize::MAX];
    let asked = (0..TIMES).flat_map(|_| pages).zip(waits.iter().cycle());
    stream::iter(asked)
        .for_each_concurrent(AT_ONCE, async |(path, wait)| {
            let began = ask(&app, &admin, path, *wait).await;
            answers
                .lock()
                .expect("whole")
                .extend(began.map(|began| (path, began)));
        })
        .await;
    // It still answers, and everything that was under way has ended.
    let alive = app.browser(Some(&admin)).get(app.url("/account"));
    assert_eq!(alive.send().await.expect("an answer").status(), 200);
    app.stop().await;
    panic::set_hook(usual);
    let panics = panics.lock().expect("whole");
    assert!(
        panics.is_empty(),
        "{} panics: {:#?}",
        panics.len(),
        &panics[..1]
    );
    // Parts of one page that wait for each other end with an error when they have waited long enough.
    let usual = [
        ("/", "HTTP/1.1 200"),
        ("/account", "HTTP/1.1 200"),
        ("/devices", "HTTP/1.1 200"),
        ("/nowhere", "HTTP/1.1 404"),
        ("/sign-in", "HTTP/1.1 302"),
        ("/users", "HTTP/1.1 200"),
    ];
    let usual = usual.map(|(path, began)| (path, began.to_owned()));
    assert_eq!(answers.into_inner().expect("whole"), BTreeSet::from(usual));
}

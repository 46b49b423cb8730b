//! Importing devices through the public interface: REST, and the form of the page without a script.

use std::time::Duration;

use reqwest::{Client, StatusCode, header};
use serde_json::Value;
use testkit::app::App;

const PATIENCE: Duration = Duration::from_mins(1);

async fn json(client: &Client, address: String) -> Value {
    let answer = client.get(address).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.expect("JSON")
}

/// Waits for the import's end, as the bus tells it.
async fn over(app: &App, client: &Client, place: &str) -> Value {
    let mut bus = app.services().bus.subscribe();
    let ended = async {
        loop {
            let import = json(client, app.url(place)).await;
            if import["state"] != "running" {
                return import;
            }
            bus.recv().await.expect("the bus");
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_and_its_result_downloaded() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let client = app.browser(Some(&admin));
    let send = |kind: &'static str, body: String| {
        let address = app.url("/api/devices/imports?name=lab.csv");
        client
            .post(address)
            .header(header::CONTENT_TYPE, kind)
            .body(body)
            .send()
    };
    let refused = send("application/json", "{}".to_owned())
        .await
        .expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let refused = send("text/csv", "colour,serial\n".to_owned())
        .await
        .expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = refused.json().await.expect("a problem");
    assert_eq!(problem["detail"], "csv_unknown_column");
    let large = "A".repeat(domain::import::MOST_BYTES + 1);
    let refused = send("text/csv", large).await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let started = send("text/csv; charset=utf-8", "A1\nA2\nA1\n".to_owned())
        .await
        .expect("an answer");
    assert_eq!(started.status(), StatusCode::ACCEPTED);
    let place = started.headers()[header::LOCATION]
        .to_str()
        .expect("a place")
        .to_owned();
    let import = over(&app, &client, &place).await;
    assert_eq!(
        (&import["made"], &import["refused"]),
        (&2.into(), &1.into()),
        "{import}"
    );
    let refused = json(&client, app.url(&format!("{place}/refused"))).await;
    assert_eq!(refused["items"][0]["line"], 3);
    assert_eq!(refused["items"][0]["reason"], "serial_repeated");

    let result = client
        .get(app.url(&format!("{place}/result")))
        .send()
        .await
        .expect("a file");
    assert_eq!(result.headers()[header::CACHE_CONTROL], "no-store");
    let text = result.text().await.expect("text");
    assert_eq!(text.matches("/claim#A").count(), 2, "{text}");
    let gone = client
        .delete(app.url(&format!("{place}/codes")))
        .send()
        .await
        .expect("an answer");
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let result = client
        .get(app.url(&format!("{place}/result")))
        .send()
        .await
        .expect("a file");
    assert!(!result.text().await.expect("text").contains("/claim#"));

    let nobody = app
        .browser(None)
        .get(app.url(&place))
        .send()
        .await
        .expect("an answer");
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_sends_a_file_without_a_script() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let client = app.browser(Some(&admin));
    let post = |file: &str, text: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"lab.csv\"\r\n\r\n{file}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n{text}\r\n--b--\r\n"
        );
        client
            .post(app.url("/do/import_devices"))
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
            .body(body)
            .send()
    };
    let wrong = post("", "").await.expect("an answer");
    assert_eq!(
        wrong.headers()[header::LOCATION],
        "/devices/import?wrong=csv_empty"
    );
    let page = client
        .get(app.url("/devices/import?wrong=csv_empty"))
        .send()
        .await
        .expect("a page");
    assert!(page.text().await.expect("HTML").contains("한 줄 이상"));

    let sent = post("serial\nF1\n", "ignored").await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    let page = sent.headers()[header::LOCATION]
        .to_str()
        .expect("a place")
        .to_owned();
    over(&app, &client, &page.replace("/devices/", "/api/devices/")).await;
    let html = client
        .get(app.url(&page))
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("HTML");
    assert!(html.contains("lab.csv") && html.contains("라벨 인쇄"));
    let labels = client
        .get(app.url(&format!("{page}/labels?sheet=5x13&used=3")))
        .send()
        .await;
    let html = labels.expect("a page").text().await.expect("HTML");
    assert_eq!(
        html.matches("class=\"one\"").count(),
        4,
        "three are used up"
    );
    assert!(html.contains("F1") && html.contains("class=\"qr\""));
    app.stop().await;
}

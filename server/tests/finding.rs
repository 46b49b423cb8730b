//! Finding and grouping devices through the public interface.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use service::devices;
use testkit::{
    app::{App, Person},
    device::computer,
};

async fn send(
    app: &App,
    client: &Client,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = client.request(method, app.url(path));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("text");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn get(app: &App, client: &Client, path: &str) -> Value {
    let (status, body) = send(app, client, Method::GET, path, None).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

async fn registered(app: &App, admin: &Person, serial: &str) -> String {
    let proof = admin.actor.require_admin().expect("an administrator");
    let made = devices::preregister(app.services(), &proof, computer(serial)).await;
    made.expect("a device").id.to_string()
}

fn serials(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items");
    let mut serials: Vec<_> = items
        .iter()
        .filter_map(|item| item["cpu_serial"].as_str())
        .collect();
    serials.sort_unstable();
    serials
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_group_devices_and_are_taken_back() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let client = app.browser(Some(&admin));
    let a = registered(&app, &admin, "A").await;
    registered(&app, &admin, "B").await;
    let tags = format!("/api/devices/{a}/tags");

    let body = json!({ "tags": ["Lab-1", "lab-1", "창가"] });
    let (status, _) = send(&app, &client, Method::PUT, &tags, Some(body)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let own = get(&app, &client, &tags).await;
    assert_eq!(own["tags"], json!(["lab-1", "창가"]));
    let page = get(&app, &client, "/api/devices?search=tag:lab-1").await;
    assert_eq!(serials(&page), ["A"]);
    assert_eq!(page["items"][0]["tags"], json!(["lab-1", "창가"]));
    let page = get(&app, &client, "/api/devices?search=tag:none").await;
    assert_eq!(serials(&page), ["B"]);

    let body = json!({ "search": "kind:computer", "add": ["spare"], "remove": ["lab-1"] });
    let path = "/api/devices/tags";
    let (status, done) = send(&app, &client, Method::POST, path, Some(body)).await;
    assert_eq!((status, &done["changed"]), (StatusCode::OK, &json!(2)));
    let counts = get(&app, &client, "/api/tags").await;
    assert_eq!(
        counts,
        json!({ "tags": [{ "tag": "spare", "devices": 2 }, { "tag": "창가", "devices": 1 }],
            "untagged": 0 })
    );
    let undo = format!("/api/devices/tags/{}/undo", done["undo"]);
    let (status, undone) = send(&app, &client, Method::POST, &undo, None).await;
    assert_eq!((status, &undone["changed"]), (StatusCode::OK, &json!(2)));
    let (status, _) = send(&app, &client, Method::POST, &undo, None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let own = get(&app, &client, &tags).await;
    assert_eq!(own["tags"], json!(["lab-1", "창가"]));

    let bad = json!({ "tags": ["a b"] });
    let (status, problem) = send(&app, &client, Method::PUT, &tags, Some(bad)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        (&problem["field"], &problem["detail"]),
        (&json!("tags"), &json!("tag"))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_is_not_understood_is_pointed_at() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let client = app.browser(Some(&admin));
    let path = "/api/devices?search=presence:offline%20colour:red";
    let (status, problem) = send(&app, &client, Method::GET, path, None).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["field"], "search");
    assert_eq!(
        problem["detail"],
        "filter: unknown_field at character 17, 6 long"
    );
    // The page says it in words and marks the place.
    let page = client
        .get(app.url("/devices?q=presence:offline%20colour:red"))
        .send()
        .await
        .expect("an answer");
    let html = page.text().await.expect("text");
    let marked = html.split("<mark").nth(1).expect("a mark");
    assert!(marked.contains(">colour<"), "{marked:.200}");
    app.stop().await;
}

//! Finding and grouping devices through the public interface.

use domain::role::SiteRole;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use service::devices::{self, NewDevice};
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
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

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_kept_shown_to_everybody_and_forgotten() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let member = app.person(&admin, "b@example.org", SiteRole::Member).await;
    let (own, other) = (app.browser(Some(&admin)), app.browser(Some(&member)));
    let keep = async |client: &Client, body: Value| {
        send(&app, client, Method::POST, "/api/views", Some(body)).await
    };
    let wish = json!({ "name": "Lab", "address": "q=tag:lab-1&col=status&density=compact" });
    let (status, view) = keep(&own, wish.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(get(&app, &other, "/api/views").await, json!([]));
    let mut shared = wish.clone();
    shared["shared"] = json!(true);
    let (status, _) = keep(&other, shared.clone()).await;
    assert_eq!(
        status,
        StatusCode::FORBIDDEN,
        "only administrators show views to everybody"
    );
    let (_, again) = keep(&own, shared).await;
    assert_eq!(again["id"], view["id"], "the view of that name is replaced");
    let seen = get(&app, &other, "/api/views").await;
    assert_eq!(seen[0]["name"], "Lab");
    assert_eq!(seen[0]["may_change"], false);

    for address in ["//evil.example", "next=/x", "q=<script>"] {
        let (status, _) = keep(&own, json!({ "name": "x", "address": address })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{address}");
    }
    let path = format!("/api/views/{}", view["id"].as_str().expect("an id"));
    let (status, _) = send(&app, &other, Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = send(&app, &own, Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(get(&app, &other, "/api/views").await, json!([]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_holds_exactly_what_matches_and_runs_no_formula() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let client = app.browser(Some(&admin));
    let proof = admin.actor.require_admin().expect("an administrator");
    let count = 603_usize;
    for n in 0..count {
        let device = NewDevice {
            name: (n == 0).then(|| "=HYPERLINK(\"x\"), 온실".to_owned()),
            ..computer(&format!("S-{n:04}"))
        };
        devices::preregister(app.services(), &proof, device)
            .await
            .expect("a device");
    }
    let file = async |query: &str| {
        let path = app.url(&format!("/api/devices/export.csv?{query}"));
        let answer = client.get(path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
        answer.text().await.expect("text")
    };
    let all = file("sort=name&columns=status,tags,state.led").await;
    let mut lines = all.split("\r\n");
    assert_eq!(
        lines.next(),
        Some(
            "\u{feff}name,serial,uuid,kind,lifecycle,presence,cause,since,troubles,tags,state.led,state.led.forced"
        )
    );
    let rows: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    assert_eq!(rows.len(), count, "all pages");
    let first = rows
        .iter()
        .find(|row| row.contains("S-0000"))
        .expect("a row");
    assert!(
        first.starts_with("\"'=HYPERLINK(\"\"x\"\"), 온실\",S-0000,"),
        "{first}"
    );
    let some = file("search=serial:S-00&columns=none").await;
    assert_eq!(some.matches("\r\n").count(), 101, "the head and a hundred");
    let refused = client
        .get(app.url("/api/devices/export.csv?columns=colour"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_shared_and_its_days_are_told() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let member = app.person(&admin, "b@example.org", SiteRole::Member).await;
    let (own, other) = (app.browser(Some(&admin)), app.browser(Some(&member)));
    let made = Identity::enrol(
        app.services(),
        &admin.actor,
        Some(&admin.actor),
        computer("A"),
    );
    let id = made.await.expect("a device").id;
    let people = format!("/api/devices/{id}/people");
    let wish = |email: &str| Some(json!({ "email": email, "role": "viewer" }));
    let (status, problem) = send(&app, &own, Method::PUT, &people, wish("x@example.org")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["detail"], "no_such_person");
    let (status, shared) = send(&app, &own, Method::PUT, &people, wish("b@example.org")).await;
    assert_eq!(status, StatusCode::OK);
    let all = get(&app, &own, &people).await;
    assert_eq!(all[0]["claimed"], true);
    assert_eq!(all[1]["id"], shared["user_id"]);
    let (status, _) = send(&app, &other, Method::GET, &people, None).await;
    assert_eq!(
        status,
        StatusCode::FORBIDDEN,
        "a viewer is not told who else looks"
    );

    let name = async |client: &Client| {
        get(&app, client, &format!("/api/devices/{id}")).await["summary"]["name"].clone()
    };
    let nickname = format!("/api/devices/{id}/nickname");
    let called = Some(json!({ "nickname": "창가" }));
    let (status, _) = send(&app, &other, Method::PUT, &nickname, called).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(
        (name(&other).await, name(&own).await),
        (json!("창가"), json!("A"))
    );

    let days = get(&app, &other, &format!("/api/devices/{id}/presence?days=90")).await;
    assert_eq!(days["slots"].as_array().map(Vec::len), Some(84));
    let path = format!("/api/devices/{id}/presence?days=91");
    let (status, _) = send(&app, &other, Method::GET, &path, None).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    let (status, _) = send(&app, &other, Method::DELETE, &format!("{people}/me"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = send(
        &app,
        &other,
        Method::GET,
        &format!("/api/devices/{id}"),
        None,
    )
    .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = send(&app, &own, Method::DELETE, &format!("{people}/me"), None).await;
    assert_eq!(status, StatusCode::CONFLICT, "who claimed it stays");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_co_owner_may_leave_a_device_and_not_give_it_up() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let claimed = app.person(&admin, "a@example.org", SiteRole::Member).await;
    let shared = app.person(&admin, "b@example.org", SiteRole::Member).await;
    let made = Identity::enrol(
        app.services(),
        &admin.actor,
        Some(&claimed.actor),
        computer("A"),
    );
    let id = made.await.expect("a device").id;
    let (own, other) = (app.browser(Some(&claimed)), app.browser(Some(&shared)));
    let people = format!("/api/devices/{id}/people");
    let wish = json!({ "email": "b@example.org", "role": "owner" });
    let (status, _) = send(&app, &own, Method::PUT, &people, Some(wish)).await;
    assert_eq!(status, StatusCode::OK);

    let device = format!("/api/devices/{id}");
    let (mine, theirs) = (
        get(&app, &own, &device).await,
        get(&app, &other, &device).await,
    );
    assert_eq!(
        (&mine["may_manage"], &mine["may_give_up"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        (&theirs["may_manage"], &theirs["may_give_up"]),
        (&json!(true), &json!(false))
    );
    let page = async |client: &Client| {
        let asked = client.get(app.url(&format!("/devices/{id}")));
        let asked = asked.header("Accept", "text/html").send().await;
        asked.expect("an answer").text().await.expect("a page")
    };
    let (mine, theirs) = (page(&own).await, page(&other).await);
    assert!(mine.contains("/do/unlink_device") && !mine.contains("/do/leave_device"));
    assert!(!theirs.contains("/do/unlink_device") && theirs.contains("/do/leave_device"));
    let (status, _) = send(&app, &other, Method::DELETE, &device, None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = send(&app, &own, Method::DELETE, &device, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_several_devices_are_compared() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let member = app.person(&admin, "b@example.org", SiteRole::Member).await;
    let client = app.browser(Some(&admin));
    let mut names = Vec::new();
    for (n, serial) in ["A", "B"].into_iter().enumerate() {
        let made = Identity::enrol(
            app.services(),
            &admin.actor,
            Some(&admin.actor),
            computer(serial),
        );
        let identity = made.await.expect("a device");
        let device = Device::online(&identity, app.mqtt(), 1).await;
        let value = 10.0 * f64::from(u8::try_from(n).expect("small") + 1);
        let answer = device.report("cpu", 2, &[("average", value)]).await;
        assert_eq!(answer, Answer::Accepted);
        names.push(format!("{}.cpu.average", identity.id));
    }
    let path = format!("/api/telemetry?series={}", names.join(","));
    let compared = get(&app, &client, &path).await;
    let means: Vec<_> = compared["lines"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| {
            (
                line["device_name"].as_str(),
                line["points"][0]["mean"].as_f64(),
            )
        })
        .collect();
    assert_eq!(means, [(Some("A"), Some(10.0)), (Some("B"), Some(20.0))]);
    assert_eq!(compared["lines"][0]["unit"], "%");

    let found = get(
        &app,
        &client,
        "/api/telemetry?value=cpu.average&search=serial:B",
    )
    .await;
    assert_eq!(found["lines"][0]["name"], names[1].as_str());
    let other = app.browser(Some(&member));
    let hidden = get(&app, &other, &path).await;
    assert_eq!(
        (&hidden["lines"], &hidden["missing"]),
        (&json!([]), &json!(2))
    );
    for query in ["series=x", "value=cpu", "value=cpu.average&search=colour:1"] {
        let path = format!("/api/telemetry?{query}");
        let (status, _) = send(&app, &client, Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    let page = client
        .get(app.url(&format!("/charts?series={}", names.join(","))))
        .send()
        .await
        .expect("an answer");
    let html = page.text().await.expect("text");
    assert_eq!(
        html.matches("class=\"mean ink-").count(),
        4,
        "two lines and their swatches"
    );
    app.stop().await;
}

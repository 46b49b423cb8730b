//! The HTTP interface over real connections: who is let in, what is refused, and how it is said.

use domain::{event::EventKind, role::SiteRole};
use reqwest::{Client, Method, Response, StatusCode, header};
use serde_json::{Value, json};
use service::devices;
use testkit::{
    app::{App, Person},
    device::{Answer, Device, Identity, computer},
};

async fn problem(answer: Response, status: u16, kind: &str) -> Value {
    assert_eq!(answer.status().as_u16(), status, "{}", answer.url());
    let media = answer.headers()[header::CONTENT_TYPE]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(media, "application/problem+json", "{}", answer.url());
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["type"], format!("urn:madang:problem:{kind}"));
    body
}

async fn sign_in(app: &App, client: &Client, password: &str) -> Response {
    let body = json!({ "email": "admin@example.org", "password": password });
    client
        .post(app.url("/auth/login"))
        .json(&body)
        .send()
        .await
        .expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_problems_that_name_what_is_wrong() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let stranger = app.browser(None);
    let browser = app.browser(Some(&admin));
    let get = async |client: &Client, path: &str| {
        client.get(app.url(path)).send().await.expect("an answer")
    };

    problem(get(&stranger, "/api/devices").await, 401, "signed_out").await;
    problem(get(&browser, "/api/nothing").await, 404, "not_found").await;
    problem(
        get(&browser, "/api/devices/not-a-uuid").await,
        404,
        "not_found",
    )
    .await;
    let unknown = format!("/api/devices/{}", uuid::Uuid::new_v4());
    problem(get(&browser, &unknown).await, 404, "not_found").await;
    problem(
        get(&browser, "/api/devices?page=minus-one").await,
        422,
        "invalid",
    )
    .await;
    problem(
        get(&browser, "/api/devices?sort=colour").await,
        422,
        "invalid",
    )
    .await;
    let body = browser
        .post(app.url("/api/devices/claim"))
        .body("{")
        .header("content-type", "application/json");
    problem(body.send().await.expect("an answer"), 400, "malformed").await;
    let endless = stranger
        .post(app.url("/do/sign_in"))
        .body("a".repeat(1024 * 1024 + 1));
    problem(endless.send().await.expect("an answer"), 413, "too_large").await;
    let refused = get(&browser, "/api/nothing").await;
    assert!(refused.headers().contains_key("x-request-id"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_can_do_nothing() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let session = format!("{}={}", server::SESSION_COOKIE, admin.session);
    let client = app.browser(None);
    let rename = json!({ "name": "Mallory" });
    for (url, own) in [
        (app.url("/api/users/me"), app.url("")),
        // HTTP/2 names its host elsewhere.
        (app.https("/api/users/me"), app.https("")),
    ] {
        let from = |origin: &str| {
            client
                .put(&url)
                .header(header::COOKIE, &session)
                .header(header::ORIGIN, origin)
                .json(&rename)
        };
        for origin in ["https://evil.example", "null"] {
            let refused = from(origin).send().await.expect("an answer");
            problem(refused, 403, "forbidden").await;
        }
        // The cookie signs in beside what is no token, and nobody beside what is one.
        let basic = from("https://evil.example").header(header::AUTHORIZATION, "Basic eDp4");
        problem(basic.send().await.expect("an answer"), 403, "forbidden").await;
        let wrong = from("https://evil.example").header("x-api-key", "x");
        let refused = wrong.send().await.expect("an answer");
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let allowed = from(&own).send().await.expect("an answer");
        assert_eq!(allowed.status(), StatusCode::NO_CONTENT, "{url}");
    }
    let upgrade = client
        .get(app.url("/live"))
        .header(header::COOKIE, &session)
        .header(header::ORIGIN, "https://evil.example")
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
    problem(upgrade.send().await.expect("an answer"), 403, "forbidden").await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_limited_to_five_a_minute() {
    let app = App::start().await;
    app.set_up().await;
    let client = app.browser(None);
    assert_eq!(
        sign_in(&app, &client, testkit::site::PASSWORD)
            .await
            .status(),
        StatusCode::OK
    );
    for _ in 0..5 {
        problem(
            sign_in(&app, &client, "not the password").await,
            422,
            "invalid",
        )
        .await;
    }
    let refused = sign_in(&app, &client, testkit::site::PASSWORD).await;
    let wait: u32 = refused.headers()[header::RETRY_AFTER]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait));
    problem(refused, 429, "too_many").await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_what_the_wire_says() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let general = app
        .person(&admin, "general@example.org", SiteRole::GeneralAdmin)
        .await;
    let developer = app
        .person(&admin, "developer@example.org", SiteRole::Developer)
        .await;
    let owner = app
        .person(&admin, "owner@example.org", SiteRole::Member)
        .await;
    let other = app
        .person(&admin, "other@example.org", SiteRole::Member)
        .await;
    let device = Identity::enrol(
        app.services(),
        &admin.actor,
        Some(&owner.actor),
        computer("R-1"),
    )
    .await
    .expect("an enrolled device");
    let path = format!("/api/devices/{}", device.id);
    let command = json!({ "name": "set", "component_key": "led", "arguments": { "status": "ON" } });
    let new = json!({ "cpu_serial": "R-2", "kind": "computer", "hardware_version": "pc", "hardware_variant": "Standard", "components": [] });
    // What each may: see it, command it, unlink it, pre-register another.
    let expected: [(&str, Option<&Person>, [u16; 4]); 7] = [
        ("nobody", None, [401, 401, 401, 401]),
        ("another member", Some(&other), [404, 404, 404, 403]),
        ("a developer", Some(&developer), [200, 202, 403, 403]),
        ("the owner", Some(&owner), [200, 202, 204, 403]),
        // It has no owner any more.
        ("its former owner", Some(&owner), [404, 404, 404, 403]),
        ("a general admin", Some(&general), [200, 409, 409, 201]),
        ("a prime admin", Some(&admin), [200, 409, 409, 409]),
    ];
    for (who, person, codes) in expected {
        let client = app.browser(person);
        let send = async |method: Method, path: &str, body: Option<&Value>| {
            let request = client.request(method, app.url(path));
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            request.send().await.expect("an answer").status().as_u16()
        };
        let got = [
            send(Method::GET, &path, None).await,
            send(Method::POST, &format!("{path}/command"), Some(&command)).await,
            send(Method::DELETE, &path, None).await,
            send(Method::POST, "/api/devices/preregister", Some(&new)).await,
        ];
        assert_eq!(got, codes, "{who}");
    }
    let list: Value = app
        .browser(Some(&other))
        .get(app.url("/api/devices"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(list["total"], 0, "{list}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sets_how_long_a_device_keeps_its_reports() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let owner = app
        .person(&admin, "owner@example.org", SiteRole::Member)
        .await;
    let device = computer("K-1");
    let device = Identity::enrol(app.services(), &admin.actor, Some(&owner.actor), device)
        .await
        .expect("an enrolled device");
    let path = format!("/api/devices/{}", device.id);
    let set = async |person: &Person, body: Value| {
        let put = app
            .browser(Some(person))
            .put(app.url(&format!("{path}/retention")));
        put.json(&body).send().await.expect("an answer")
    };
    let days = async || {
        let get = app.browser(Some(&admin)).get(app.url(&path));
        let body: Value = get
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        body["keep_reports_days"].clone()
    };
    let thirty = json!({ "keep_reports_days": 30 });
    problem(set(&owner, thirty.clone()).await, 403, "forbidden").await;
    let refused = set(&admin, json!({ "keep_reports_days": 0 })).await;
    let refused = problem(refused, 422, "invalid").await;
    assert_eq!(refused["field"], "keep_reports_days");
    assert_eq!(days().await, Value::Null);
    assert_eq!(set(&admin, thirty).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(days().await, 30);
    let none = json!({ "keep_reports_days": null });
    assert_eq!(set(&admin, none).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(days().await, Value::Null);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_asked_for_report_by_report_or_in_buckets() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let device = computer("B-1");
    let device = Identity::enrol(app.services(), &admin.actor, Some(&admin.actor), device)
        .await
        .expect("an enrolled device");
    let client = app.browser(Some(&admin));
    let ask = async |query: &str| {
        let path = format!("/api/devices/{}/telemetry?component=cpu&{query}", device.id);
        client.get(app.url(&path)).send().await.expect("an answer")
    };
    let raw: Value = ask("bucket=raw&limit=10").await.json().await.expect("JSON");
    assert_eq!(raw, json!({ "items": [], "next_cursor": null }));
    // More than numbers hold between the ends: all of the time there is.
    let all = format!("from={}&to={}", i64::MIN, i64::MAX);
    let (auto, one) = (all.clone(), format!("limit=1&{all}"));
    for series in [
        "",
        "bucket=auto",
        "bucket=60000",
        "bucket=30000",
        &auto,
        &one,
    ] {
        let answer: Value = ask(series).await.json().await.expect("JSON");
        assert!(answer.is_array(), "{series}: {answer}");
    }
    let minutes = format!("bucket=60000&{all}");
    for (wrong, field) in [
        (minutes.as_str(), "bucket"),
        (
            "bucket=60000&from=-9000000000000000000&to=9000000000000000000",
            "bucket",
        ),
        ("bucket=raw&cursor=x", "cursor"),
        ("bucket=60000&cursor=1_1", "cursor"),
        ("bucket=hour", "bucket"),
        ("bucket=61000", "bucket"),
        ("bucket=60000&from=0", "bucket"),
    ] {
        let refused = problem(ask(wrong).await, 422, "invalid").await;
        assert_eq!(refused["field"], field, "{wrong}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_what_they_are_called() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let client = app.browser(Some(&admin));
    let call = async |name: &str| {
        let request = client.put(app.url("/api/users/me"));
        let request = request.json(&json!({ "name": name }));
        request.send().await.expect("an answer")
    };
    problem(call("  ").await, 422, "invalid").await;
    for wrong in [
        "\u{200b}",
        "\u{2060}\u{feff}",
        "\u{3164}",
        "a\u{202e}b",
        "a\u{2066}b",
        "a\tb",
    ] {
        let refused = problem(call(wrong).await, 422, "invalid").await;
        assert_eq!(refused["detail"], "name_characters", "{wrong:?}");
    }
    let joined = call("می\u{200c}خواهم").await;
    assert_eq!(joined.status(), StatusCode::NO_CONTENT);
    assert_eq!(call("김마당").await.status(), StatusCode::NO_CONTENT);
    let me = client.get(app.url("/api/users/me")).send().await;
    let me: Value = me.expect("an answer").json().await.expect("JSON");
    assert_eq!(me["name"], "김마당");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_named_shows_its_name_and_a_key_is_told_by_its_id() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let client = app.browser(Some(&admin));
    let post = async |path: &str, body: &Value| {
        let request = client.post(app.url(path)).json(body);
        request.send().await.expect("an answer")
    };
    let named = |name: &str| json!({ "name": name });
    for wrong in ["\u{200b}", "a\u{202e}b"] {
        let refused = post("/api/users/me/keys", &named(wrong)).await;
        let refused = problem(refused, 422, "invalid").await;
        assert_eq!(refused["detail"], "name_characters", "{wrong:?}");
        let mut device = json!({ "cpu_serial": "NAMES-1", "kind": "computer", "hardware_version": "pc", "hardware_variant": "Standard", "components": [] });
        device["name"] = wrong.into();
        let refused = post("/api/devices/preregister", &device).await;
        problem(refused, 422, "invalid").await;
    }
    let nobody = json!({ "cpu_serial": "NAMES-1", "uuid": uuid::Uuid::nil(), "kind": "computer", "hardware_version": "pc", "hardware_variant": "Standard", "components": [] });
    let refused = post("/api/devices/preregister", &nobody).await;
    let refused = problem(refused, 422, "invalid").await;
    assert_eq!(refused["field"], "uuid");
    assert_eq!(refused["detail"], "uuid_nil");

    let made = post("/api/users/me/keys", &named("script")).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let mut made: Value = made.json().await.expect("JSON");
    let key = made["key"].take();
    assert!(key.as_str().is_some_and(|key| key.starts_with("mdg_")));
    let listed = client.get(app.url("/api/users/me/keys")).send().await;
    let listed: Value = listed.expect("an answer").json().await.expect("JSON");
    for member in ["id", "name", "created_at", "last_used_at"] {
        assert_eq!(made[member], listed[0][member], "{member}");
    }
    let id = made["id"].as_str().expect("an id");
    let one = app.url(&format!("/api/users/me/keys/{id}"));
    let ended = client.delete(one).send().await.expect("an answer");
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_deleted_by_its_password_alone() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let kim = app
        .person(&admin, "kim@example.org", SiteRole::Member)
        .await;
    let leave = async |person: &Person, password: &str| {
        let request = app
            .browser(Some(person))
            .delete(app.url("/api/users/me"))
            .json(&json!({ "password": password }));
        request.send().await.expect("an answer")
    };
    problem(leave(&kim, "not my password").await, 422, "invalid").await;
    let last = leave(&admin, testkit::site::PASSWORD).await;
    problem(last, 409, "conflict").await;
    let gone = leave(&kim, testkit::site::PASSWORD).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let again = leave(&kim, testkit::site::PASSWORD).await;
    problem(again, 401, "signed_out").await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_told_to_administrators_alone() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let role = async |email, role| app.person(&admin, email, role).await;
    let general = role("general@example.org", SiteRole::GeneralAdmin).await;
    let developer = role("developer@example.org", SiteRole::Developer).await;
    let owner = role("owner@example.org", SiteRole::Member).await;
    let new = computer("S-1");
    let enrolled = Identity::enrol(app.services(), &admin.actor, Some(&owner.actor), new).await;
    let identity = enrolled.expect("an enrolled device");
    let device = Device::online(&identity, app.mqtt(), 1).await;
    let answer = device
        .publish(&identity.topic("cpu").to_string(), b"{}".to_vec())
        .await;
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");

    let path = format!("/api/devices/{}", identity.id);
    for (person, told) in [
        (&admin, true),
        (&general, true),
        (&developer, false),
        (&owner, false),
    ] {
        let who = &person.actor.user.email;
        let client = app.browser(Some(person));
        let read = async |path: &str| -> Value {
            let answer = client.get(app.url(path)).send().await.expect("an answer");
            answer.json().await.expect("JSON")
        };
        let page = read(&path).await;
        assert_eq!(page["refusals"][0]["count"] == 1, told, "{who}: {page}");
        assert_eq!(page.get("refusals").is_some(), told, "{who}: {page}");
        let list = read("/api/devices").await;
        let recently = list["items"][0].get("refused_recently");
        assert_eq!(recently, told.then(|| json!(1)).as_ref(), "{who}: {list}");
        let events = read(&format!("{path}/events")).await;
        let events = events.as_array().expect("a list");
        let refused = |event: &&Value| event["kind"] == "refused";
        assert_eq!(events.iter().any(|event| refused(&event)), told, "{who}");
        assert!(!events.is_empty(), "{who} is told of the rest");
        let latest = devices::latest_events(app.services(), &person.actor, 50).await;
        let latest = latest.expect("events");
        let refused = latest.iter().any(|(_, _, e)| e.kind == EventKind::Refused);
        assert_eq!(refused, told, "{who}: {latest:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_signing_out_and_the_cookie_is_guarded() {
    let app = App::start().await;
    app.set_up().await;
    let client = app.browser(None);
    for (url, own, secure) in [
        (app.url("/do/sign_in"), app.url(""), false),
        (app.https("/do/sign_in"), app.https(""), true),
    ] {
        let form = [
            ("email", "admin@example.org"),
            ("password", testkit::site::PASSWORD),
            ("next", "/"),
        ];
        let answer = client
            .post(&url)
            .header(header::ORIGIN, &own)
            .form(&form)
            .send()
            .await
            .expect("an answer");
        let cookie = answer.headers()[header::SET_COOKIE]
            .to_str()
            .expect("text")
            .to_owned();
        for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(flag), "{cookie}");
        }
        assert_eq!(cookie.contains("Secure"), secure, "{cookie}");
        let session = cookie.split(';').next().expect("a value").to_owned();
        let me = || {
            client
                .get(app.url("/api/users/me"))
                .header(header::COOKIE, &session)
        };
        assert_eq!(
            me().send().await.expect("an answer").status(),
            StatusCode::OK
        );
        let out = client
            .post(app.url("/do/sign_out"))
            .header(header::COOKIE, &session);
        out.send().await.expect("an answer");
        assert_eq!(
            me().send().await.expect("an answer").status(),
            StatusCode::UNAUTHORIZED
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_protected_and_the_server_says_how_it_is() {
    let app = App::start().await;
    let client = app.browser(None);
    for path in [
        "/sign-in",
        "/healthz",
        "/api/openapi.json",
        "/api/docs/",
        "/favicon.svg",
        "/nowhere",
    ] {
        let answer = client.get(app.url(path)).send().await.expect("an answer");
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert!(headers.contains_key("referrer-policy"), "{path}");
    }
    let health: Value = client
        .get(app.url("/healthz"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(
        ["status", "database", "committer", "broker"].map(|part| &health[part]),
        [&json!("ok"); 4]
    );
    let metrics = client
        .get(app.url("/metrics"))
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    for name in [
        "madang_messages_stored",
        "madang_messages_refused",
        "madang_live_connections",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    let document: Value = client
        .get(app.url("/api/openapi.json"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    for path in [
        "/auth/login",
        "/api/devices",
        "/api/devices/{id}/telemetry",
        "/api/devices/credentials",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let root = client
        .get(app.url("/"))
        .header(header::ACCEPT, "application/json");
    let root: Value = root
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(root["name"], "Madang");
    app.stop().await;
}

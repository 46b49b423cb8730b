//! Forms without a script: one that is refused comes back as it was filled.

use reqwest::header;
use serde_json::Value;
use testkit::app::{App, Person};

/// Posts a form from this page as a browser without a script does; gives the page that it comes back to.
async fn refused(
    app: &App,
    person: &Person,
    page: &str,
    name: &str,
    fields: &[(&str, &str)],
) -> String {
    let browser = app.browser(Some(person));
    let asked = browser
        .post(app.url(&format!("/do/{name}")))
        .header(header::ACCEPT, "text/html")
        .header(header::REFERER, app.url(page))
        .form(fields);
    let answer = asked.send().await.expect("an answer");
    assert!(answer.status().is_redirection(), "{}", answer.status());
    assert_eq!(answer.headers()[header::LOCATION], page, "{name}");
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
    let flash = cookies
        .filter_map(|cookie| cookie.to_str().ok())
        .find(|cookie| cookie.starts_with("madang_flash="))
        .and_then(|cookie| cookie.split(';').next())
        .expect("what was typed");
    let session = format!("{}={}", server::SESSION_COOKIE, person.session);
    let back = browser
        .get(app.url(page))
        .header(header::ACCEPT, "text/html")
        .header(header::COOKIE, format!("{session}; {flash}"));
    let back = back.send().await.expect("an answer");
    back.text().await.expect("a page")
}

/// The value that is chosen in the list with this id.
fn chosen<'a>(page: &'a str, id: &str) -> Option<&'a str> {
    let (_, list) = page.split_once(&format!(" id=\"{id}\" name="))?;
    let (options, _) = list.split_once("</select>")?;
    let tags = options.split("<option ").skip(1);
    let tags = tags.filter_map(|option| Some(option.split_once('>')?.0));
    let mut chosen = tags.filter(|tag| tag.contains("selected"));
    let (_, value) = chosen.next()?.split_once("value=\"")?;
    Some(value.split_once('"')?.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_chosen_is_still_chosen_where_a_form_was_refused() {
    let app = App::start().await;
    let admin = app.set_up().await;

    let fields = [("email", "nobody"), ("role", "developer")];
    let page = refused(&app, &admin, "/users", "invite_user", &fields).await;
    assert_eq!(chosen(&page, "role"), Some("developer"));
    assert!(page.contains("value=\"nobody\""), "and what was typed");

    // One field is longer than a cookie; the others come back.
    let long = "x".repeat(5_000);
    let fields = [
        ("hardware_version", "4B"),
        ("hardware_variant", "Pro"),
        ("component_type", "led"),
        ("pin_number", "x"),
        ("pin_mode", "PWM"),
        ("description", long.as_str()),
    ];
    let address = "/catalog?tab=pins&edit=new";
    let page = refused(&app, &admin, address, "save_rule", &fields).await;
    for (id, value) in [
        ("hardware_version", "4B"),
        ("hardware_variant", "Pro"),
        ("component_type", "led"),
        ("pin_mode", "PWM"),
    ] {
        assert_eq!(chosen(&page, id), Some(value), "{id}");
    }

    let fields = [
        ("version", ""),
        ("name", "A board"),
        ("kind", "computer"),
        ("header", "none"),
    ];
    let address = "/catalog?tab=hardware&edit=version%3Anew";
    let page = refused(&app, &admin, address, "save_version", &fields).await;
    assert_eq!(chosen(&page, "kind"), Some("computer"));
    assert_eq!(chosen(&page, "header"), Some("none"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_job_names_the_field_of_its_form() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let fields = [
        ("name", "restart"),
        ("valid_for_s", "3600"),
        ("concurrency", "50"),
        ("stagger_s", "7200"),
        ("retries", "0"),
    ];
    let browser = app.browser(Some(&admin));
    let asked = browser.post(app.url("/do/make_job")).form(&fields);
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.status(), 422);
    let error: Value = answer.json().await.expect("an error");
    assert_eq!(error["field"], "stagger_s", "{error}");
    assert_eq!(error["message"], "at_most_an_hour", "{error}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_a_server_function_is_refused_and_no_fault_of_the_server() {
    let app = App::start().await;
    let admin = app.set_up().await;
    let ask = async |body: &'static str| {
        let asked = app
            .browser(Some(&admin))
            .post(app.url("/do/list_devices"))
            .header(header::ORIGIN, app.url("").trim_end_matches('/'))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        asked.send().await.expect("an answer").status().as_u16()
    };
    for body in [
        "{}",
        "[",
        "",
        r#"{"query": 1, "columns": [], "locale": "ko"}"#,
    ] {
        assert_eq!(ask(body).await, 422, "{body}");
    }
    let whole = r#"{"query": {}, "columns": [], "locale": "ko"}"#;
    assert_eq!(ask(whole).await, 200);
    app.stop().await;
}

//! The cookie that a form leaves for the page behind it may hold what is shown once, such as an API key.

use reqwest::header;
use testkit::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_leaves_for_its_page_travels_over_tls_alone() {
    let app = App::start().await;
    app.set_up().await;
    let client = app.browser(None);
    for (url, own, secure) in [
        (app.url("/do/sign_in"), app.url(""), false),
        (app.https("/do/sign_in"), app.https(""), true),
    ] {
        let form = [
            ("email", "admin@example.org"),
            ("password", "not the password"),
            ("next", "/"),
        ];
        let answer = client
            .post(&url)
            .header(header::ORIGIN, &own)
            .header(header::ACCEPT, "text/html")
            .form(&form)
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_redirection(), "{}", answer.status());
        let cookies = answer.headers().get_all(header::SET_COOKIE);
        let left = cookies
            .iter()
            .filter_map(|cookie| cookie.to_str().ok())
            .find(|cookie| cookie.starts_with("madang_flash="))
            .expect("what the form leaves");
        assert!(left.contains("HttpOnly"), "{left}");
        assert_eq!(left.contains("; Secure"), secure, "{left}");
    }
    app.stop().await;
}

//! Headers on every answer, and the refusal of requests that another site's page makes.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::AppError;
use tower_http::request_id::RequestId;

use super::who;
use crate::rest::problem::{Refusal, says_nul};

/// What goes wrong in a request is shown and logged under the id that its answer carries.
pub(super) async fn request_id(request: Request, next: Next) -> Response {
    let id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .map(ToOwned::to_owned);
    match id {
        Some(id) => service::error::within_request(id, next.run(request)).await,
        None => next.run(request).await,
    }
}

/// Sets the headers that protect a page from others.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    // Plain form posts find their way back by it; other sites learn nothing.
    set(header::REFERRER_POLICY, "same-origin");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("permissions-policy"),
        "geolocation=(), microphone=(), camera=(self)",
    );
    response
}

/// Refuses what changes something on behalf of a page of another site. Programs send neither header.
pub(super) async fn same_origin(request: Request, next: Next) -> Response {
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let upgrade = request.headers().contains_key(header::UPGRADE);
    // Any other of these headers leaves it to the cookie, which a browser adds by itself.
    let by_key = who::by_token(request.headers());
    // HTTP/2 has no `Host`: its authority is part of the address.
    let host = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned());
    if (safe && !upgrade) || by_key || is_own(request.headers(), host.as_deref()) {
        return next.run(request).await;
    }
    tracing::warn!(target: "security", path = request.uri().path(), "a request of another site was refused");
    Refusal(AppError::Forbidden).into_response()
}

/// Refuses U+0000 in an address: JSON says it nowhere either ([`crate::rest::problem::Body`]), and not every database
/// can look for it. In a path it names nothing.
pub(super) async fn without_nul(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if has_nul(uri.path()) {
        return Refusal(AppError::NotFound).into_response();
    }
    if uri.query().is_some_and(has_nul) {
        return nul_in("query");
    }
    next.run(request).await
}

/// The answer to U+0000 in this part of a request.
pub(super) fn nul_in(part: &str) -> Response {
    Refusal(AppError::Invalid {
        field: part.to_owned(),
        message: "U+0000 is in none of the texts".to_owned(),
    })
    .into_response()
}

/// Whether U+0000 is in what a server function was sent. Each reads a form or JSON, whatever the body is called: what
/// begins as JSON is looked at as both. A form's first field may be left out then, as none has such a name.
pub(super) fn has_nul_in_body(body: &[u8]) -> bool {
    let is_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let form = match is_json {
        true => {
            let first = body.iter().position(|byte| *byte == b'&');
            first.and_then(|at| body.get(at..)).unwrap_or_default()
        }
        false => body,
    };
    let written = form.windows(3).any(|part| part == b"%00");
    written || form.contains(&0) || (is_json && says_nul(body))
}

/// Whether U+0000 is in a part of an address, where it can only be written `%00`: no digit of another escape is a `%`.
fn has_nul(part: &str) -> bool {
    part.contains("%00")
}

fn is_own(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site"))
        && !matches!(site, "same-origin" | "none")
    {
        return false;
    }
    let Some(origin) = text(header::ORIGIN) else {
        return true;
    };
    let host = authority.or_else(|| text(header::HOST));
    origin
        .split_once("://")
        .is_some_and(|(_, own)| Some(own) == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u_0000_is_found_however_it_stands() {
        for part in ["%00=", "q=a%00b", "q=%%00", "q=%25%00"] {
            assert!(has_nul(part), "{part}");
        }
        for part in ["", "q=%2500", "q=00", "q=%0a0", "q=%0"] {
            assert!(!has_nul(part), "{part}");
        }
    }

    #[test]
    fn u_0000_is_found_in_a_form_and_in_json() {
        for body in [
            "email=%00&password=x",
            "%00=",
            "email=\0",
            "email=a%25%00",
            r#"{"search":"\u0000","page":1}"#,
            r#" ["a\u0000b",1]"#,
            r#"{"search":"\\\u0000"}"#,
            r#"{"a":"&email=%00&password=x"}"#,
        ] {
            assert!(has_nul_in_body(body.as_bytes()), "{body}");
        }
        for body in [
            "",
            "email=kim%40example.org&password=x",
            "name=%2500",
            r"arguments=\u0000",
            r#"{"search":"%00","page":1}"#,
            r#"{"search":"\\u0000"}"#,
        ] {
            assert!(!has_nul_in_body(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn another_sites_page_is_not_own() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_own(&headers, None)
        };
        assert!(check(&[("host", "madang:8443")]), "a program");
        assert!(check(&[
            ("host", "madang:8443"),
            ("origin", "https://madang:8443")
        ]));
        assert!(!check(&[
            ("host", "madang:8443"),
            ("origin", "https://evil.example")
        ]));
        assert!(!check(&[
            ("host", "madang:8443"),
            ("origin", "https://madang:9")
        ]));
        assert!(!check(&[("host", "madang:8443"), ("origin", "null")]));
        assert!(!check(&[
            ("host", "madang:8443"),
            ("sec-fetch-site", "cross-site")
        ]));
        assert!(!check(&[
            ("host", "madang:8443"),
            ("sec-fetch-site", "same-site")
        ]));
        assert!(check(&[("sec-fetch-site", "same-origin")]));
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ORIGIN,
            HeaderValue::from_static("https://evil.example"),
        );
        assert!(!is_own(&headers, Some("madang:8443")), "HTTP/2");
        assert!(
            !is_own(&headers, None),
            "an origin and nothing to compare it with"
        );
        assert!(is_own(&headers, Some("evil.example")));
    }
}

//! The rows of the list as markup, made in one go: a page has up to 200 of them, and each as a view of
//! its own would cost more than everything else on the page together.
//!
//! Invariant: everything that a person or a device has written passes [`text`].

use std::fmt::Write as _;

use domain::{TimestampMs, device::DeviceSummary};
use html_escape::{encode_double_quoted_attribute as attribute, encode_text as text};
use leptos_i18n::td_string;

use super::words;
use crate::{
    i18n::Locale,
    parts::{
        clock::{ago, rfc3339},
        number::value_text,
        sparkline,
    },
};

/// The rows of these devices as they stand at `now_ms`.
pub(crate) fn rows(locale: Locale, now_ms: i64, devices: &[DeviceSummary]) -> String {
    let mut html = String::with_capacity(devices.len() * 900);
    for device in devices {
        row(&mut html, locale, now_ms, device);
    }
    html
}

fn row(html: &mut String, locale: Locale, now_ms: i64, device: &DeviceSummary) {
    let mark = words::mark(device);
    let _ = write!(
        html,
        r#"<tr><td><a class="strong" href="/devices/{}">{}</a><small class="mut mono">{}</small></td>"#,
        device.id,
        text(&device.name),
        text(&device.cpu_serial),
    );
    let _ = write!(
        html,
        r#"<td><span class="status"><svg class="{}" viewBox="0 0 12 12" aria-hidden="true">{}</svg><b>{}</b><span class="why">{}</span></span></td>"#,
        mark.colour(),
        mark.drawing(),
        words::status(locale, device),
        words::cause(locale, device.presence.cause),
    );
    html.push_str(r#"<td class="r num"><span class="row">"#);
    if let Some(headline) = &device.headline {
        let hour = headline.last_hour.iter();
        let points: Vec<f64> = hour.map(|mean| mean.map_or(f64::NAN, f64::from)).collect();
        sparkline::markup(html, &points, "", 96, 32);
        let value = value_text(&headline.value);
        let _ = write!(
            html,
            r#"<b class="push">{} {}</b>"#,
            text(&value),
            text(&headline.unit)
        );
    }
    html.push_str(r#"</span></td><td class="mut">"#);
    match device.last_report_at {
        Some(at) => time(html, locale, now_ms, at),
        None => html.push_str(td_string!(locale, frame.never)),
    }
    let version = device.agent_version.as_deref().unwrap_or_default();
    let owner = device.owner.as_ref().map(ToString::to_string);
    let _ = write!(
        html,
        r#"</td><td class="mut wideonly">{}</td><td class="mut wideonly">{}</td></tr>"#,
        text(version),
        text(owner.as_deref().unwrap_or_default()),
    );
}

fn time(html: &mut String, locale: Locale, now_ms: i64, at: TimestampMs) {
    let exact = rfc3339(at);
    let exact = attribute(&exact);
    let _ = write!(
        html,
        r#"<time datetime="{exact}" title="{exact}" data-at="{}">{}</time>"#,
        at.0,
        ago(locale, now_ms - at.0)
    );
}

/// Tells the times of the rows that are shown anew.
#[cfg(feature = "hydrate")]
pub(crate) fn tell_times(locale: Locale, now_ms: i64) {
    use wasm_bindgen::JsCast as _;
    let Ok(times) = leptos::prelude::document().query_selector_all("time[data-at]") else {
        return;
    };
    for index in 0..times.length() {
        let element = times.item(index).and_then(|node| node.dyn_into().ok());
        let Some::<web_sys::Element>(element) = element else {
            continue;
        };
        let at = element.get_attribute("data-at");
        let Some(at) = at.and_then(|at| at.parse::<i64>().ok()) else {
            continue;
        };
        let words = ago(locale, now_ms - at);
        if element.text_content().as_deref() != Some(&words) {
            element.set_text_content(Some(&words));
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        DeviceId, Scalar, TimestampMs,
        device::{
            DeviceKind, DeviceSummary, Headline, Lifecycle, Presence, PresenceCause, PresenceInfo,
        },
    };

    use super::*;

    fn device() -> DeviceSummary {
        DeviceSummary {
            id: DeviceId::random(),
            name: "<script>alert(1)</script>".to_owned(),
            cpu_serial: "A&B".to_owned(),
            kind: DeviceKind::Board,
            hardware_version: "5".to_owned(),
            hardware_variant: "Standard".to_owned(),
            lifecycle: Lifecycle::Active,
            presence: PresenceInfo {
                presence: Presence::Online,
                cause: PresenceCause::Connected,
                since: TimestampMs(0),
            },
            owner: None,
            agent_version: Some("<img src=x>".to_owned()),
            last_report_at: Some(TimestampMs(1_000)),
            headline: Some(Headline {
                key: "x_y".to_owned(),
                value: Scalar::Text("</td><script>".to_owned()),
                unit: "<b>".to_owned(),
                last_hour: vec![Some(1.0), None, Some(3.0)],
            }),
            refused_recently: None,
            revision: 0,
        }
    }

    #[test]
    fn what_others_wrote_is_text() {
        let html = rows(Locale::en, 61_000, &[device()]);
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
        assert!(html.contains("A&amp;B"), "{html}");
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
        assert!(html.contains("60 s ago"), "{html}");
        assert_eq!(html.matches("<td").count(), html.matches("</td>").count());
    }
}

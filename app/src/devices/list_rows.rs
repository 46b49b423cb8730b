//! The rows of the list as markup, made in one go and by the server alone: a page has up to 200 of them, and each as a
//! view of its own would cost more than everything else on the page together. A browser puts in what it is given.
//!
//! Invariant: everything that a person or a device has written passes [`text`].

use std::fmt::Write as _;

use domain::{
    TimestampMs,
    device::DeviceSummary,
    finding::{Column, RowExtra},
};
use html_escape::{encode_double_quoted_attribute as attribute, encode_text as text};
use leptos_i18n::td_string;

use super::{list_pick::open_box, list_tools::column_name, trouble, words};
use crate::{
    i18n::Locale,
    parts::{
        clock::{ago, rfc3339},
        number::value_text,
        sparkline,
    },
};

/// The rows of these devices as they stand at `now_ms`, with these columns beside their names; none is ticked.
pub(super) fn rows(
    locale: Locale,
    now_ms: i64,
    columns: &[Column],
    devices: &[(DeviceSummary, RowExtra)],
) -> String {
    let mut html = String::with_capacity(devices.len() * 900);
    for (device, extra) in devices {
        let _ = write!(
            html,
            r#"<tr><td><label class="pick">{} aria-label="{}"></label><a class="strong" href="/devices/{}">{}</a><small class="mut mono">{}</small></td>"#,
            open_box(device.id),
            attribute(&td_string!(locale, jobs.pick, name = device.name.clone()).to_string()),
            device.id,
            text(&device.name),
            text(&device.cpu_serial),
        );
        let mut values = extra.values.iter();
        for column in columns {
            match column {
                Column::Status => status(&mut html, locale, device, extra),
                Column::Value => headline(&mut html, locale, device),
                Column::Report => reported(&mut html, locale, now_ms, device),
                Column::Version => word(&mut html, device.agent_version.as_deref()),
                Column::Hardware => {
                    let (version, variant) = (&device.hardware_version, &device.hardware_variant);
                    word(&mut html, Some(&format!("{version} · {variant}")));
                }
                Column::Owner => {
                    let owner = device.owner.as_ref().map(ToString::to_string);
                    word(&mut html, owner.as_deref());
                }
                Column::Tags => tags(&mut html, extra),
                Column::State(_) => {
                    let value = values.next().and_then(Option::as_ref);
                    let words = value.map(|row| value_text(&row.value));
                    let name = column_name(locale, column);
                    let _ = write!(
                        html,
                        r#"<td class="r num" data-label="{}">{}"#,
                        attribute(&name),
                        text(words.as_deref().unwrap_or("–"))
                    );
                    forced(&mut html, locale, value.is_some_and(|row| row.forced));
                    html.push_str("</td>");
                }
            }
        }
        html.push_str("</tr>");
    }
    html
}

fn status(html: &mut String, locale: Locale, device: &DeviceSummary, extra: &RowExtra) {
    let mark = words::mark(device);
    let _ = write!(
        html,
        r#"<td><span class="status"><svg class="{}" viewBox="0 0 12 12" aria-hidden="true">{}</svg><b>{}</b><span class="why">{}</span></span>"#,
        mark.colour(),
        mark.drawing(),
        words::status(locale, device),
        words::why(locale, device),
    );
    for one in &extra.troubles {
        let _ = write!(
            html,
            r#"<small class="is-warn trouble">{}</small>"#,
            text(&trouble::words(locale, one))
        );
    }
    html.push_str("</td>");
}

fn headline(html: &mut String, locale: Locale, device: &DeviceSummary) {
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
        forced(html, locale, headline.forced);
    }
    html.push_str("</span></td>");
}

/// Says of a value that somebody has set it by hand.
fn forced(html: &mut String, locale: Locale, forced: bool) {
    if forced {
        let words = td_string!(locale, traffic.forced);
        let _ = write!(html, r#" <small class="is-warn">{words}</small>"#);
    }
}

fn reported(html: &mut String, locale: Locale, now_ms: i64, device: &DeviceSummary) {
    html.push_str(r#"<td class="mut">"#);
    match device.last_report_at {
        Some(at) => time(html, locale, now_ms, at),
        None => html.push_str(td_string!(locale, frame.never)),
    }
    html.push_str("</td>");
}

fn word(html: &mut String, word: Option<&str>) {
    let word = text(word.unwrap_or_default());
    let _ = write!(html, r#"<td class="mut wideonly">{word}</td>"#);
}

fn tags(html: &mut String, extra: &RowExtra) {
    html.push_str(r#"<td class="tags">"#);
    for tag in &extra.tags {
        // A tag is letters, digits, `-`, `_` and `.` alone.
        let _ = write!(
            html,
            r#"<a class="tag" href="/devices?q=tag:{}">{}</a>"#,
            attribute(tag.as_str()),
            text(tag.as_str())
        );
    }
    html.push_str("</td>");
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

#[cfg(test)]
mod tests {
    use domain::{
        DeviceId, Scalar, TimestampMs,
        device::{
            DeviceKind, DeviceSummary, Headline, Lifecycle, Presence, PresenceCause, PresenceInfo,
        },
        finding::{RowValue, Trouble},
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
                forced: true,
                key: "x_y".to_owned(),
                value: Scalar::Text("</td><script>".to_owned()),
                unit: "<b>".to_owned(),
                last_hour: vec![Some(1.0), None, Some(3.0)],
            }),
            refused_recently: None,
            revision: 0,
        }
    }

    fn columns() -> Vec<Column> {
        let mut columns = Column::NAMED.to_vec();
        columns.push(Column::State("led".to_owned()));
        columns
    }

    fn extra() -> RowExtra {
        RowExtra {
            tags: vec!["lab-1".parse().expect("a tag")],
            troubles: vec![Trouble::Clock {
                ahead_ms: 4 * 3_600_000,
                since: TimestampMs(0),
            }],
            values: vec![Some(RowValue {
                value: Scalar::Text("<img>".to_owned()),
                forced: true,
            })],
        }
    }

    #[test]
    fn what_others_wrote_is_text() {
        let html = rows(Locale::en, 61_000, &columns(), &[(device(), extra())]);
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
        assert!(html.contains("A&amp;B"), "{html}");
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
        assert!(html.contains("60 s ago"), "{html}");
        assert!(html.contains("q=tag:lab-1"), "{html}");
        assert!(html.contains("clock 4 h fast"), "{html}");
        assert_eq!(html.matches("forced</small>").count(), 2, "both values");
        assert_eq!(html.matches("<td").count(), html.matches("</td>").count());
    }
}

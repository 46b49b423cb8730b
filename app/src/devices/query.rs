//! The list's filters, as the address bar spells them.

use domain::device::{DeviceQuery, DeviceSort, Lifecycle, Presence};
use leptos_router::{location::Url, params::ParamsMap};

/// Reads the address; what it does not understand is left out.
pub(super) fn read(map: &ParamsMap) -> DeviceQuery {
    let list = |key: &str| {
        let text = map.get(key).unwrap_or_default();
        text.split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    let start = DeviceQuery::default();
    DeviceQuery {
        search: map.get("q").unwrap_or_default(),
        presence: list("presence")
            .iter()
            .filter_map(|p| Presence::parse(p))
            .collect(),
        lifecycle: list("lifecycle")
            .iter()
            .filter_map(|l| Lifecycle::parse(l))
            .collect(),
        sort: map
            .get("sort")
            .and_then(|sort| DeviceSort::parse(&sort))
            .unwrap_or(start.sort),
        reverse: map.get("reverse").is_some(),
        page: map
            .get("page")
            .and_then(|page| page.parse().ok())
            .unwrap_or(1),
        ..start
    }
}

/// Writes an address that [`read`] understands, without what is as it is by itself.
pub(super) fn write(query: &DeviceQuery) -> String {
    let mut parts = Vec::new();
    if !query.search.is_empty() {
        parts.push(format!("q={}", Url::escape(&query.search)));
    }
    let names: Vec<_> = query.presence.iter().map(|p| p.as_str()).collect();
    if !names.is_empty() {
        parts.push(format!("presence={}", names.join(",")));
    }
    let names: Vec<_> = query.lifecycle.iter().map(|l| l.as_str()).collect();
    if !names.is_empty() {
        parts.push(format!("lifecycle={}", names.join(",")));
    }
    if query.sort != DeviceQuery::default().sort {
        parts.push(format!("sort={}", query.sort.as_str()));
    }
    if query.reverse {
        parts.push("reverse=1".to_owned());
    }
    if query.page > 1 {
        parts.push(format!("page={}", query.page));
    }
    match parts.is_empty() {
        true => "/devices".to_owned(),
        false => format!("/devices?{}", parts.join("&")),
    }
}

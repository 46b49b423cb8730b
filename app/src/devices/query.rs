//! The list as its address spells it: what is looked for, in which order, and what is shown of it.

use domain::{
    device::{DeviceKind, DeviceQuery, DeviceSort, Lifecycle, Presence},
    finding::Column,
};
use leptos_router::{location::Url, params::ParamsMap};

/// The most columns at a time.
pub(super) const MOST_COLUMNS: usize = 12;

/// What is looked for, and what is shown of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) query: DeviceQuery,
    /// Beside the name.
    pub(super) columns: Vec<Column>,
    /// Whether rows are low.
    pub(super) compact: bool,
}

impl View {
    /// This view with another question, from its first page.
    pub(super) fn asking(&self, query: DeviceQuery) -> Self {
        Self {
            query: DeviceQuery { page: 1, ..query },
            ..self.clone()
        }
    }

    /// This view of what a filter finds.
    pub(super) fn finding(&self, search: &str) -> Self {
        self.asking(DeviceQuery {
            search: search.to_owned(),
            ..self.query.clone()
        })
    }

    /// Its columns, as the address spells them.
    pub(super) fn named_columns(&self) -> Vec<String> {
        self.columns.iter().map(ToString::to_string).collect()
    }

    /// Its address.
    pub(super) fn href(&self) -> String {
        address("/devices", &self.parameters())
    }

    /// What follows the `?` of its address, wherever one is in its pages.
    pub(super) fn kept_as(&self) -> String {
        let mut view = self.clone();
        view.query.page = 1;
        let href = view.href();
        href.split_once('?')
            .map_or_else(String::new, |(_, address)| address.to_owned())
    }

    /// The address of charts of what it searches for.
    pub(super) fn charts(&self) -> String {
        let search = self.query.search.clone();
        address(
            "/charts",
            &[("value", "cpu.average".to_owned()), ("q", search)],
        )
    }

    /// The address of a file of all that it finds.
    pub(super) fn export(&self) -> String {
        let columns = self.named_columns();
        let columns = match columns.is_empty() {
            true => "none".to_owned(),
            false => columns.join(","),
        };
        let mut parts = vec![("columns", columns)];
        for (name, text) in self.parameters() {
            match name {
                "q" => parts.push(("search", text)),
                "reverse" => parts.push((name, "true".to_owned())),
                "col" | "density" | "page" => {}
                name => parts.push((name, text)),
            }
        }
        address("/api/devices/export.csv", &parts)
    }

    /// What its address says, without what is so by itself.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let query = &self.query;
        let mut parts = Vec::new();
        let mut say = |name, text: String| {
            if !text.is_empty() {
                parts.push((name, text));
            }
        };
        say("q", query.search.clone());
        let names = query.presence.iter().map(|one| one.as_str());
        say("presence", names.collect::<Vec<_>>().join(","));
        let names = query.lifecycle.iter().map(|one| one.as_str());
        say("lifecycle", names.collect::<Vec<_>>().join(","));
        let names = query.kind.iter().map(|one| one.as_str());
        say("kind", names.collect::<Vec<_>>().join(","));
        if query.sort != DeviceQuery::default().sort {
            say("sort", query.sort.as_str().to_owned());
        }
        if query.reverse {
            say("reverse", "1".to_owned());
        }
        if self.columns != Column::DEFAULT {
            match self.columns.as_slice() {
                [] => say("col", "none".to_owned()),
                some => some
                    .iter()
                    .for_each(|column| say("col", column.to_string())),
            }
        }
        if self.compact {
            say("density", "compact".to_owned());
        }
        if query.page > 1 {
            say("page", query.page.to_string());
        }
        parts
    }
}

fn address(path: &str, parts: &[(&str, String)]) -> String {
    let parts = parts.iter();
    let parts = parts.map(|(name, text)| format!("{name}={}", Url::escape(text)));
    let parts: Vec<String> = parts.collect();
    match parts.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", parts.join("&")),
    }
}

/// Reads the address; what it does not understand is left out.
pub(super) fn read(map: &ParamsMap) -> View {
    let list = |key: &str| {
        let text = map.get(key).unwrap_or_default();
        text.split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    let start = DeviceQuery::default();
    let query = DeviceQuery {
        search: map.get("q").unwrap_or_default(),
        presence: list("presence")
            .iter()
            .filter_map(|p| Presence::parse(p))
            .collect(),
        lifecycle: list("lifecycle")
            .iter()
            .filter_map(|l| Lifecycle::parse(l))
            .collect(),
        kind: list("kind")
            .iter()
            .filter_map(|k| DeviceKind::parse(k))
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
    };
    let chosen = map.get_all("col").unwrap_or_default();
    let mut columns: Vec<Column> = Vec::new();
    for column in chosen.iter().filter_map(|name| name.parse().ok()) {
        if !columns.contains(&column) && columns.len() < MOST_COLUMNS {
            columns.push(column);
        }
    }
    View {
        query,
        columns: match chosen.is_empty() {
            true => Column::DEFAULT.to_vec(),
            false => columns,
        },
        compact: map.get_str("density") == Some("compact"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(view: &View) -> View {
        let mut map = ParamsMap::new();
        for (name, text) in view.parameters() {
            map.insert(name, text);
        }
        read(&map)
    }

    #[test]
    fn a_view_is_read_as_it_is_written() {
        let plain = read(&ParamsMap::new());
        assert_eq!(plain.href(), "/devices");
        assert_eq!(plain.columns, Column::DEFAULT);
        let none = View {
            columns: Vec::new(),
            ..plain.clone()
        };
        let full = View {
            query: DeviceQuery {
                search: "tag:a,b state.led:\"ON & off\"".to_owned(),
                presence: vec![Presence::Offline, Presence::Timeout],
                kind: vec![DeviceKind::Board],
                sort: DeviceSort::Name,
                reverse: true,
                page: 3,
                ..DeviceQuery::default()
            },
            columns: vec![Column::Tags, Column::State("cpu_average".to_owned())],
            compact: true,
        };
        for view in [plain, none, full] {
            assert_eq!(reads(&view), view);
        }
    }
}

//! What the catalog page shows, as its address spells it.

use leptos_router::{location::Url, params::ParamsMap};
use serde::{Deserialize, Serialize};

/// A part of the catalog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Types of components.
    #[default]
    Types,
    /// Versions and variants.
    Hardware,
    /// Pin rules.
    Rules,
}

impl Part {
    /// Its name in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Types => "components",
            Self::Hardware => "hardware",
            Self::Rules => "pins",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "hardware" => Self::Hardware,
            "pins" => Self::Rules,
            _ => Self::Types,
        }
    }
}

/// What is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogQuery {
    /// Which part.
    pub part: Part,
    /// Words to find.
    pub search: String,
    /// Only rules of this model; empty for all.
    pub version: String,
    /// From 1.
    pub page: u32,
    /// Which entry's form is open: `new`, or its id; of hardware with `version:` or `variant:` before it.
    pub edit: String,
}

impl CatalogQuery {
    /// As the address says it.
    pub fn of(address: &ParamsMap) -> Self {
        let text = |name: &str| address.get(name).unwrap_or_default();
        Self {
            part: Part::parse(&text("tab")),
            search: text("q"),
            version: text("version"),
            page: text("page").parse().unwrap_or(1),
            edit: text("edit"),
        }
    }

    /// Its address.
    pub fn href(&self) -> String {
        let mut address = format!("/catalog?tab={}", self.part.as_str());
        for (name, text) in [
            ("q", &self.search),
            ("version", &self.version),
            ("edit", &self.edit),
        ] {
            if !text.is_empty() {
                address.push_str(&format!("&{name}={}", Url::escape(text)));
            }
        }
        if self.page > 1 {
            address.push_str(&format!("&page={}", self.page));
        }
        address
    }

    /// The same with this entry's form open.
    pub fn editing(&self, edit: impl Into<String>) -> String {
        let edit = edit.into();
        Self {
            edit,
            ..self.clone()
        }
        .href()
    }
}

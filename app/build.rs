//! Turns `locales/{language}/{namespace}.json` into typed messages: a missing key does not compile.

use std::{error::Error, path::PathBuf};

use leptos_i18n_build::{Config, ParseOptions, TranslationsInfos};

/// One file of each language, owned by one feature.
const NAMESPACES: [&str; 16] = [
    "identity",
    "frame",
    "errors",
    "accounts",
    "catalog",
    "devices",
    "finding",
    "imports",
    "pairing",
    "scan",
    "telemetry",
    "commands",
    "jobs",
    "traffic",
    "overview",
    "wifi",
];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?).join("i18n");
    let config = Config::new("ko")?
        .add_locale("en")?
        .add_namespaces(NAMESPACES)?
        .parse_options(ParseOptions::default().interpolate_display(true));
    let translations = TranslationsInfos::parse(config)?;
    translations.rerun_if_locales_changed();
    translations.emit_diagnostics();
    translations.generate_i18n_module(out)?;
    Ok(())
}

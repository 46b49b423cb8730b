//! The house stands: who may use whom, how long a file may be, and that both languages say everything.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    place,
    step::{self, cargo},
};

const MOST_LINES: usize = 600;

/// For each crate, the crates of the workspace that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("domain", &["protocol"]),
    ("entity", &[]),
    ("migration", &["entity"]),
    ("service", &["protocol", "domain", "entity", "migration"]),
    ("ingest", &["protocol", "domain", "service"]),
    ("agent", &["protocol"]),
    ("app", &["protocol", "domain", "service"]),
    ("frontend", &["app"]),
    ("fuzz", &["protocol", "domain"]),
    (
        "server",
        &["protocol", "domain", "service", "ingest", "app"],
    ),
];

/// Crates that must not be reachable from another one, whatever lies between.
const NEVER: &[(&str, &[&str])] = &[
    ("protocol", &["tokio", "sea-orm", "reqwest"]),
    ("domain", &["tokio", "sea-orm", "reqwest", "leptos"]),
    ("agent", &["sea-orm", "leptos", "axum", "rmqtt"]),
    ("ingest", &["leptos"]),
    ("service", &["leptos", "axum"]),
];

/// Message keys that need no sentence of their own: no form and no button of the interface can bring them about, as
/// programs, devices and apps alone are answered so, or there is nothing to say but that it was refused.
const WITHOUT_SENTENCE: &[&str] = &[
    "another_key",
    "at_most_a_day",
    "bucket",
    "certificate_revoked",
    "code_spent",
    "csr",
    "idempotency_key_reused",
    "identity_in_doubt",
    "invalid",
    "length_1_to_200",
    "not_retried",
    "one_of_two",
    "only_with_set",
    "signing_request",
    "text",
    "too_many_apps",
    "too_many_buckets",
    "too_many_reports",
    "true_or_false",
    "type_stays",
    "weak_key",
];

/// Checks everything and names what does not hold.
pub(crate) fn check() -> Result<()> {
    let start = Instant::now();
    println!("\n── layers");
    let mut wrong = Vec::new();
    layers(&mut wrong)?;
    files(&mut wrong)?;
    languages(&mut wrong)?;
    sentences(&mut wrong)?;
    if !wrong.is_empty() {
        for line in &wrong {
            println!("  {line}");
        }
        bail!("layers: {} findings", wrong.len());
    }
    step::done("layers", start.elapsed());
    Ok(())
}

fn layers(wrong: &mut Vec<String>) -> Result<()> {
    let output = cargo(&["metadata", "--format-version", "1", "--locked"])
        .current_dir(place::root())
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let direct = |name: &str| -> BTreeSet<String> {
        packages
            .iter()
            .filter(|package| package["name"] == name && package["source"].is_null())
            .flat_map(|package| package["dependencies"].as_array().into_iter().flatten())
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| Some(dependency["name"].as_str()?.to_owned()))
            .collect()
    };
    let members = metadata["workspace_members"].as_array();
    let members = members.context("workspace_members")?;
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter(|package| members.contains(&package["id"]))
        .filter_map(|package| package["name"].as_str())
        .collect();
    for (name, may) in MAY_USE {
        for used in direct(name) {
            if ours.contains(used.as_str()) && !may.contains(&used.as_str()) {
                wrong.push(format!("`{name}` uses `{used}`, which is not below it"));
            }
        }
    }
    for (name, never) in NEVER {
        let reached = tree(name, &[])?;
        for crate_name in *never {
            if reached.contains(*crate_name) {
                wrong.push(format!("`{name}` reaches `{crate_name}`"));
            }
        }
    }
    let browser = tree("frontend", &["--target", "wasm32-unknown-unknown"])?;
    for crate_name in ["sea-orm", "axum", "service", "entity"] {
        if browser.contains(crate_name) {
            wrong.push(format!("`frontend` reaches `{crate_name}`"));
        }
    }
    Ok(())
}

/// The names of all crates that one is built with.
fn tree(package: &str, more: &[&str]) -> Result<BTreeSet<String>> {
    let output = cargo(&["tree", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--package", package])
        .args(more)
        .current_dir(place::root())
        .output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(ToOwned::to_owned)
        .collect())
}

fn files(wrong: &mut Vec<String>) -> Result<()> {
    let mut rust = Vec::new();
    for (name, _) in MAY_USE {
        collect(&place::root().join(name).join("src"), &mut rust)?;
    }
    for path in rust {
        let shown = path.strip_prefix(place::root()).unwrap_or(&path).display();
        let lines = fs::read_to_string(&path)?.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{shown}: {lines} lines, more than {MOST_LINES}"));
        }
        if path.file_name().is_some_and(|name| name == "mod.rs") {
            wrong.push(format!("{shown}: `foo.rs` beside `foo/` instead"));
        }
    }
    Ok(())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

/// Plural forms differ by language; the messages do not.
fn languages(wrong: &mut Vec<String>) -> Result<()> {
    let folder = place::root().join("app/locales");
    let mut keys: HashMap<String, [BTreeSet<String>; 2]> = HashMap::new();
    for (position, language) in ["ko", "en"].into_iter().enumerate() {
        for entry in fs::read_dir(folder.join(language))? {
            let path = entry?.path();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path)?;
            let value: Value = serde_json::from_str(&text).with_context(|| name.clone())?;
            let sets = keys.entry(name).or_default();
            flatten(&value, "", &mut sets[position]);
        }
    }
    for (name, [korean, english]) in keys {
        for key in korean.symmetric_difference(&english) {
            let missing = if korean.contains(key) { "en" } else { "ko" };
            wrong.push(format!("{missing}/{name}.json lacks `{key}`"));
        }
    }
    Ok(())
}

/// What is refused is said in a sentence: for each message key there is an arm that gives one.
fn sentences(wrong: &mut Vec<String>) -> Result<()> {
    let read = |crate_name: &str| -> Result<Vec<(PathBuf, String)>> {
        let mut paths = Vec::new();
        collect(&place::root().join(crate_name).join("src"), &mut paths)?;
        let mut sources = Vec::with_capacity(paths.len());
        for path in paths {
            let text = fs::read_to_string(&path)?;
            sources.push((path, text));
        }
        Ok(sources)
    };
    let said = read("app")?;
    for (path, text) in read("domain")?.into_iter().chain(read("service")?) {
        let shown = path.strip_prefix(place::root()).unwrap_or(&path).display();
        for key in message_keys(&text) {
            let arms = [format!("\"{key}\" =>"), format!("\"{key}\" |")];
            let is_said = said
                .iter()
                .any(|(_, text)| arms.iter().any(|arm| text.contains(arm)));
            if !is_said && !WITHOUT_SENTENCE.contains(&key) {
                wrong.push(format!("{shown}: no sentence for `{key}`"));
            }
        }
    }
    Ok(())
}

/// The message keys that this source refuses something with, where they are written out; not those of its tests.
fn message_keys(source: &str) -> BTreeSet<&str> {
    let (source, _) = source.split_once("#[cfg(test)]").unwrap_or((source, ""));
    let refusals = source.split("AppError::").skip(1);
    let keys = refusals.filter_map(|rest| {
        let rest = rest
            .strip_prefix("invalid(")
            .or_else(|| rest.strip_prefix("conflict("))?;
        let (given, _) = rest.split_once(')')?;
        let last = given.trim().trim_end_matches(',').rsplit(',').next()?;
        last.trim().strip_prefix('"')?.strip_suffix('"')
    });
    keys.collect()
}

fn flatten(value: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    let Value::Object(object) = value else {
        let singular = ["_one", "_other", "_zero", "_two", "_few", "_many"];
        let plain = singular
            .iter()
            .find_map(|suffix| prefix.strip_suffix(suffix))
            .unwrap_or(prefix);
        into.insert(plain.to_owned());
        return;
    };
    for (key, value) in object {
        let path = match prefix {
            "" => key.clone(),
            prefix => format!("{prefix}.{key}"),
        };
        flatten(value, &path, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_keys_are_found_however_they_stand() {
        let source = r#"
            return Err(AppError::invalid("stagger_ms", "at_most_an_hour"));
            let long = AppError::invalid(
                "valid_for_ms",
                "one_second_to_30_days",
            );
            AppError::conflict("too_many_people")
            AppError::invalid("until", message)
            AppError::NotFound
            #[cfg(test)]
            AppError::conflict("of_a_test")
        "#;
        let found = message_keys(source);
        let keys = [
            "at_most_an_hour",
            "one_second_to_30_days",
            "too_many_people",
        ];
        assert_eq!(found, BTreeSet::from(keys));
    }
}

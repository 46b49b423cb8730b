//! Reading the layers of the configuration and refusing what none of them should hold.

use std::path::{Path, PathBuf};

use domain::device::REPORT_INTERVAL_MS;
use toml::{Table, Value};

use super::Config;

const PREFIX: &str = "MADANG__";

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}: {reason}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key that nothing reads.
    #[error("{place}: `{key}` is not known{}", nearest.as_ref().map(|n| format!("; do you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file, or the environment.
        place: String,
        /// The key with its sections.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// A value of the wrong kind.
    #[error("{0}")]
    Value(String),
    /// A number that nothing can work with.
    #[error("`{key}` is {value}: it must be {least} to {most}")]
    Range {
        /// The key with its sections.
        key: &'static str,
        /// What it is set to.
        value: i64,
        /// The least that it may be.
        least: i64,
        /// The most that it may be.
        most: i64,
    },
}

/// Loads the configuration: `file` must exist where it is given; flags are merged by the caller.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let known = defaults()?;
    let mut merged = known.clone();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File {
            path: path.to_owned(),
            source,
        })?;
        let table: Table = text
            .parse()
            .map_err(|e: toml::de::Error| ConfigError::Syntax {
                path: path.to_owned(),
                reason: e.to_string(),
            })?;
        merge(&mut merged, &known, table, &path.display().to_string(), "")?;
    }
    for (name, text) in environment {
        let Some(key) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let levels: Vec<String> = key.split("__").map(str::to_ascii_lowercase).collect();
        let table = nested(&levels, value_of(&known, &levels, &text));
        merge(&mut merged, &known, table, "environment", "")?;
    }
    Config::try_from_table(merged)
}

impl Config {
    fn try_from_table(table: Table) -> Result<Self, ConfigError> {
        let config: Self = Value::Table(table)
            .try_into()
            .map_err(|e: toml::de::Error| ConfigError::Value(e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Whether every number is one that the program can work with.
    fn check(&self) -> Result<(), ConfigError> {
        const CENTURY_DAYS: i64 = 36_500;
        let (mqtt, telemetry) = (&self.mqtt, &self.telemetry);
        let connections = i64::try_from(mqtt.external_connections).unwrap_or(i64::MAX);
        let numbers = [
            ("mqtt.external_connections", connections, 1, 64),
            (
                "database.connections",
                self.database.connections.into(),
                1,
                1_000,
            ),
            (
                "telemetry.report_interval_ms",
                telemetry.report_interval_ms,
                *REPORT_INTERVAL_MS.start(),
                *REPORT_INTERVAL_MS.end(),
            ),
            (
                "telemetry.keep_reports_days",
                telemetry.keep_reports_days.into(),
                1,
                CENTURY_DAYS,
            ),
            (
                "telemetry.keep_minutes_days",
                telemetry.keep_minutes_days.into(),
                1,
                CENTURY_DAYS,
            ),
            (
                "records.keep_days",
                self.records.keep_days.into(),
                1,
                CENTURY_DAYS,
            ),
        ];
        for (key, value, least, most) in numbers {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::Range {
                    key,
                    value,
                    least,
                    most,
                });
            }
        }
        Ok(())
    }
}

fn defaults() -> Result<Table, ConfigError> {
    Table::try_from(Config::default()).map_err(|e| ConfigError::Value(e.to_string()))
}

fn merge(
    into: &mut Table,
    known: &Table,
    from: Table,
    place: &str,
    section: &str,
) -> Result<(), ConfigError> {
    for (key, value) in from {
        let full = match section {
            "" => key.clone(),
            section => format!("{section}.{key}"),
        };
        match (known.get(&key), value) {
            (None, _) => {
                return Err(ConfigError::UnknownKey {
                    place: place.to_owned(),
                    nearest: nearest(known, &key),
                    key: full,
                });
            }
            (Some(Value::Table(known)), Value::Table(value)) => {
                if let Some(Value::Table(into)) = into.get_mut(&key) {
                    merge(into, known, value, place, &full)?;
                }
            }
            (Some(_), value) => {
                into.insert(key, value);
            }
        }
    }
    Ok(())
}

fn nearest(known: &Table, key: &str) -> Option<String> {
    known
        .keys()
        .map(|name| (strsim::jaro_winkler(name, key), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.clone())
}

fn nested(levels: &[String], value: Value) -> Table {
    let mut table = Table::new();
    match levels {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            table.insert(first.clone(), Value::Table(nested(rest, value)));
        }
    }
    table
}

/// A text from the environment as the kind of value that its key has.
fn value_of(known: &Table, levels: &[String], text: &str) -> Value {
    let mut at = Some(known);
    let mut kind = None;
    for level in levels {
        kind = at.and_then(|table| table.get(level));
        at = kind.and_then(Value::as_table);
    }
    let text_value = || Value::String(text.to_owned());
    match kind {
        Some(Value::Integer(_)) => text
            .trim()
            .parse()
            .map_or_else(|_| text_value(), Value::Integer),
        Some(Value::Boolean(_)) => text
            .trim()
            .parse()
            .map_or_else(|_| text_value(), Value::Boolean),
        Some(Value::Array(_)) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        ),
        _ => text_value(),
    }
}

/// The example file: every key with its default and what it is, all of it commented out.
pub fn example() -> Result<String, ConfigError> {
    let schema = serde_json::to_value(schemars::schema_for!(Config))
        .map_err(|e| ConfigError::Value(e.to_string()))?;
    let mut text = String::from(
        "# Madang. Every key is shown with its default. The environment wins over this file:\n\
         # `MADANG__HTTP__ADDRESS=…` is `address` of `[http]`.\n",
    );
    let defaults = defaults()?;
    write_section(&mut text, &schema, &schema, &defaults, "");
    Ok(text)
}

fn write_section(
    text: &mut String,
    root: &serde_json::Value,
    schema: &serde_json::Value,
    values: &Table,
    section: &str,
) {
    let about = |key: &str| {
        let property = schema.pointer(&format!("/properties/{key}"));
        let described = property.and_then(|p| p.get("description")?.as_str());
        described.unwrap_or_default().to_owned()
    };
    for (key, value) in values.iter().filter(|(_, value)| !value.is_table()) {
        for line in about(key).lines() {
            text.push_str(&format!("\n# {line}"));
        }
        text.push_str(&format!("\n# {key} = {value}\n"));
    }
    for (key, value) in values {
        let Value::Table(inner) = value else { continue };
        text.push('\n');
        for line in about(key).lines() {
            text.push_str(&format!("# {line}\n"));
        }
        let name = match section {
            "" => key.clone(),
            section => format!("{section}.{key}"),
        };
        text.push_str(&format!("[{name}]\n"));
        let reference = schema
            .pointer(&format!("/properties/{key}/$ref"))
            .and_then(serde_json::Value::as_str);
        let resolved = reference
            .and_then(|reference| root.pointer(reference.trim_start_matches('#')))
            .unwrap_or(schema);
        write_section(text, root, resolved, inner, &name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("madang.toml");
        std::fs::write(&path, text).unwrap();
        load(Some(&path), std::iter::empty())
    }

    fn with_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let pairs = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        load(None, pairs)
    }

    #[test]
    fn the_environment_wins_over_the_file_and_both_over_the_defaults() {
        let config =
            with_file("[site]\nname = \"Lab\"\n[telemetry]\nkeep_reports_days = 7").unwrap();
        assert_eq!(config.site.name, "Lab");
        assert_eq!(config.telemetry.keep_reports_days, 7);
        assert_eq!(config.http.address.port(), 8080);
        let config = with_environment(&[
            ("MADANG__HTTP__ADDRESS", "127.0.0.1:0"),
            ("MADANG__SITE__HOST_NAMES", "a.example, 192.0.2.1"),
            ("MADANG__DATABASE__CONNECTIONS", "3"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.http.address.port(), 0);
        assert_eq!(config.site.host_names, ["a.example", "192.0.2.1"]);
        assert_eq!(config.database.connections, 3);
    }

    #[test]
    fn an_unknown_key_is_told_the_nearest_known_one() {
        let error = with_file("[http]\nadress = \"127.0.0.1:1\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`http.adress`"), "{error}");
        assert!(error.ends_with("do you mean `address`?"), "{error}");
        let error = with_environment(&[("MADANG__MQT__ADDRESS", "x")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("do you mean `mqtt`?"), "{error}");
        with_file("[accounts]\nregistration = \"maybe\"").unwrap_err();
        with_environment(&[("MADANG__DATABASE__CONNECTIONS", "many")]).unwrap_err();
    }

    #[test]
    fn a_number_that_nothing_can_work_with_is_refused_with_its_range() {
        let error = with_file("[telemetry]\nreport_interval_ms = 0").unwrap_err();
        let said = "`telemetry.report_interval_ms` is 0: it must be 100 to 86400000";
        assert_eq!(error.to_string(), said);
        with_environment(&[("MADANG__DATABASE__CONNECTIONS", "0")]).unwrap_err();
        with_environment(&[("MADANG__RECORDS__KEEP_DAYS", "1")]).unwrap();
    }

    #[test]
    fn the_example_is_the_one_in_the_repository_and_names_every_key() {
        let example = example().unwrap();
        let kept = include_str!("../../../madang.toml.example");
        assert_eq!(
            example, kept,
            "run `madang config-example > madang.toml.example`"
        );
        let uncommented = example
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|l| l.contains(" = ") && !l.contains('`'))
                    .unwrap_or(line)
            })
            .collect::<Vec<_>>()
            .join("\n");
        with_file(&uncommented).unwrap();
    }
}

//! A payload as text, spelled as it came, with what is secret blotted out.
//!
//! Invariant: no value of a member with a secret's name is shown, also of a text that is not JSON. The text is
//! read by its quotes and brackets alone, so that one that the parser refuses is shown like any other.

/// Bytes of a payload's text that are shown.
const MOST_BYTES: usize = 4_096;
/// What stands in the place of a secret.
const BLOT: &str = "\"•••\"";
/// A member whose name holds one of these is secret.
const SECRET_PARTS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "signature",
    "credential",
    "private",
    "psk",
    "api_key",
    "apikey",
];
/// As is one with one of these names.
const SECRET_NAMES: [&str; 2] = ["key", "otp"];

/// The text of a payload, cut to what is shown.
pub(super) fn shown(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let start = text.trim_start();
    let text = match start.starts_with(['{', '[', '"']) {
        true => blotted(&text),
        false => up_to_a_secret(&text),
    };
    match text.len() > MOST_BYTES {
        true => format!("{}…", &text[..text.floor_char_boundary(MOST_BYTES)]),
        false => text,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_NAMES.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// A text that is no JSON ends where it begins to speak of a secret.
fn up_to_a_secret(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    match SECRET_PARTS
        .iter()
        .filter_map(|part| lower.find(part))
        .min()
    {
        Some(at) => format!("{}•••", &text[..at]),
        None => text.to_owned(),
    }
}

fn blotted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (string, after) = from.split_at(string_end(from));
        out.push_str(string);
        rest = after;
        let gap = after.len() - after.trim_start().len();
        if !after[gap..].starts_with(':') || !is_secret(&unquoted(string)) {
            continue;
        }
        let (colon, value) = after.split_at(gap + 1);
        out.push_str(colon);
        let gap = value.len() - value.trim_start().len();
        out.push_str(&value[..gap]);
        out.push_str(BLOT);
        rest = &value[gap + value_end(&value[gap..])..];
    }
    out.push_str(rest);
    out
}

/// The string that these quotes hold, its escapes read.
fn unquoted(string: &str) -> String {
    serde_json::from_str(string).unwrap_or_else(|_| string.trim_matches('"').to_owned())
}

/// Where the string ends that the text begins with, past its last quote.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where the value ends that the text begins with.
fn value_end(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => {
                at += string_end(&text[at..]);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown_and_the_rest_as_it_was_spelled() {
        for (payload, text) in [
            (
                r#"{"a": 25.0, "signature" : "ab\"c", "b":"ok"}"#,
                r#"{"a": 25.0, "signature" : "•••", "b":"ok"}"#,
            ),
            (
                r#"{"wifi_Password":{"x":["}","]"]},"n":1,"n":2}"#,
                r#"{"wifi_Password":"•••","n":1,"n":2}"#,
            ),
            (
                r#"{"key":12,"ssid":"lab"}"#,
                r#"{"key":"•••","ssid":"lab"}"#,
            ),
            (r#"{"component_key":"led"}"#, r#"{"component_key":"led"}"#),
            (
                r#"{"pass\u0077ord":"hunter2"}"#,
                r#"{"pass\u0077ord":"•••"}"#,
            ),
            (r#"{"token":"cut off"#, r#"{"token":"•••""#),
            (r#"{"token":"#, r#"{"token":"•••""#),
            ("user=me&Password=hunter2", "user=me&•••"),
            ("just text", "just text"),
            ("", ""),
        ] {
            assert_eq!(shown(payload.as_bytes()), text, "{payload}");
        }
        assert_eq!(shown(b"\xff{"), "\u{fffd}{");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = format!("{{\"a\":\"{}\"}}", "가".repeat(10_000));
        let text = shown(long.as_bytes());
        assert!(
            text.len() <= MOST_BYTES + 3 && text.ends_with('…'),
            "{}",
            text.len()
        );
    }
}

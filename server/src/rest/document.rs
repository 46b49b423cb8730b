//! What the OpenAPI document says of every operation alike: who may come in, and how a refusal looks.
//!
//! An operation names the answers of its use case; what the extractors of [`super::problem`] answer before
//! it is reached is named here, once. `cargo xtask contract` holds the server to the whole document.

use serde_json::{Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, OpenApi as Document, PathItem, Ref, RefOr, Response, Schema,
        path::{Operation, ParameterIn},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// The frame that the routes are merged into.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Madang",
        description = "Devices, people and rooms of one site. Errors are problem+json (RFC 9457) with a stable `type`.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Security)
)]
pub(super) struct Frame;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme(
            "api_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        );
    }
}

/// Names what every operation may answer, and gives each refusal its form.
pub(super) fn complete(document: &mut Document) {
    if let Ok(schema) = serde_json::from_value::<Schema>(problem()) {
        let components = document.components.get_or_insert_default();
        components
            .schemas
            .insert("Problem".to_owned(), schema.into());
    }
    for (path, item) in &mut document.paths.paths {
        let in_path = path.contains('{');
        for operation in operations(item) {
            complete_operation(operation, in_path);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn complete_operation(operation: &mut Operation, in_path: bool) {
    let asks = |place: &ParameterIn| {
        let parameters = operation.parameters.iter().flatten();
        parameters
            .filter_map(|parameter| match parameter {
                RefOr::T(parameter) => Some(&parameter.parameter_in),
                RefOr::Ref(_) => None,
            })
            .any(|found| found == place)
    };
    let mut before = vec![("503", "A part of the system is down, or it took too long")];
    if operation.request_body.is_some() {
        before.extend([
            ("400", "The body is not JSON"),
            ("413", "The body is larger than is taken"),
            ("415", "The body is not said to be JSON"),
            ("422", "An input was refused"),
        ]);
    }
    if asks(&ParameterIn::Query) {
        before.push(("422", "An input was refused"));
    }
    if in_path {
        before.push(("404", "There is no such thing, or one may not know of it"));
    }
    let answers = &mut operation.responses.responses;
    for (status, words) in before {
        answers
            .entry(status.to_owned())
            .or_insert_with(|| Response::new(words).into());
    }
    for (status, answer) in answers {
        let RefOr::T(answer) = answer else { continue };
        if !status.starts_with(['4', '5']) {
            continue;
        }
        if answer.description.is_empty() {
            usual_words(status).clone_into(&mut answer.description);
        }
        if answer.content.is_empty() {
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            let media = protocol::problem::PROBLEM_JSON.to_owned();
            answer.content.insert(media, content.into());
        }
    }
}

fn usual_words(status: &str) -> &'static str {
    match status {
        "401" => "Not signed in, or no longer",
        "403" => "Signed in, but not allowed",
        "404" => "There is no such thing, or one may not know of it",
        "409" => "It contradicts what is there",
        "410" => "Gone for good",
        "422" => "An input was refused",
        "429" => "Too many tries; `Retry-After` says when to come again",
        _ => "Refused",
    }
}

/// The schema of [`protocol::problem::Problem`].
fn problem() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status"],
        "properties": {
            "type": text("A stable name, `urn:madang:problem:…`."),
            "title": text("A short summary that is the same for every occurrence."),
            "status": { "type": "integer", "description": "The HTTP status." },
            "detail": text("What happened this time."),
            "field": text("The field that was refused."),
            "request_id": text("Finds the log line."),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_a_problem_is_one() {
        let schema: Schema = serde_json::from_value(problem()).expect("a schema");
        let whole = protocol::problem::Problem {
            kind: "k".to_owned(),
            title: "t".to_owned(),
            status: 422,
            detail: Some("d".to_owned()),
            field: Some("f".to_owned()),
            request_id: Some("r".to_owned()),
        };
        let whole = serde_json::to_value(whole).expect("JSON");
        let schema = serde_json::to_value(schema).expect("JSON");
        let named = schema["properties"].as_object().expect("properties");
        let written = whole.as_object().expect("an object");
        assert!(written.keys().eq(named.keys()), "{written:?} {named:?}");
    }

    /// The document as it is served.
    fn served() -> Value {
        let (_, document) = crate::rest::interface();
        serde_json::to_value(document).expect("JSON")
    }

    fn referred<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
        document.pointer(name.strip_prefix('#')?)
    }

    /// Whether a schema says what a whole value is: its members, or what each of its items is.
    fn says(document: &Value, schema: &Value) -> bool {
        if let Some(name) = schema["$ref"].as_str() {
            return referred(document, name).is_some_and(|schema| says(document, schema));
        }
        for of_several in ["oneOf", "anyOf", "allOf"] {
            if let Some(parts) = schema[of_several].as_array() {
                return !parts.is_empty() && parts.iter().all(|part| says(document, part));
            }
        }
        match schema["type"].as_str() {
            Some("object") => {
                schema["properties"].is_object() || schema["additionalProperties"].is_object()
            }
            Some("array") => says(document, &schema["items"]),
            kind => kind.is_some(),
        }
    }

    #[test]
    fn every_success_says_what_is_in_its_body() {
        let document = served();
        let mut silent = Vec::new();
        let mut seen = 0;
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let answers = operation["responses"].as_object().into_iter().flatten();
                for (status, answer) in answers.filter(|(status, _)| status.starts_with('2')) {
                    seen += 1;
                    let content = answer["content"].as_object().into_iter().flatten();
                    let bodies: Vec<_> = content.collect();
                    let told = match status.as_str() {
                        "204" => bodies.is_empty(),
                        _ => !bodies.is_empty(),
                    };
                    let says = |(_, body): &(_, &Value)| says(&document, &body["schema"]);
                    if !told || !bodies.iter().all(says) {
                        silent.push(format!("{method} {path}: {status}"));
                    }
                }
            }
        }
        assert!(seen > 50, "{seen}");
        assert!(silent.is_empty(), "{silent:#?}");
    }

    #[test]
    fn everything_that_is_referred_to_is_there() {
        fn missing<'a>(document: &Value, part: &'a Value, into: &mut Vec<&'a str>) {
            match part {
                Value::Object(members) => {
                    for (name, member) in members {
                        match member.as_str() {
                            Some(place) if name == "$ref" => {
                                if referred(document, place).is_none() {
                                    into.push(place);
                                }
                            }
                            _ => missing(document, member, into),
                        }
                    }
                }
                Value::Array(items) => {
                    for item in items {
                        missing(document, item, into);
                    }
                }
                _ => {}
            }
        }
        let document = served();
        let mut names = Vec::new();
        missing(&document, &document, &mut names);
        assert!(names.is_empty(), "{names:#?}");
    }
}

//! The golden files of `fixtures/v1/`: what was released is read and written the same for ever.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use protocol::{
    CommandMessage, CommandResult, Principal, Report, Scalar, SharedSecret, Topic,
    enroll::{ClaimLink, Credentials},
    envelope,
    identity::{Identity, Ownership, PresenceMessage},
    json::{self, JsonError},
    problem::Problem,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/fixtures/v1/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[derive(Deserialize)]
struct Signatures {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    shared_secret: String,
    topic: String,
    payload: String,
    canonical: String,
    signature: String,
}

#[test]
fn signatures_are_those_of_other_implementations() {
    for v in fixture::<Signatures>("signatures.json").vectors {
        let secret = SharedSecret::from_base64url(&v.shared_secret).unwrap();
        let body = json::parse_object(v.payload.as_bytes()).unwrap();
        let canonical = serde_json_canonicalizer::to_string(&body).unwrap();
        assert_eq!(canonical, v.canonical, "{}", v.name);
        assert_eq!(secret.sign(&v.topic, &body), v.signature, "{}", v.name);
        assert_eq!(secret.to_base64url(), v.shared_secret);
    }
}

#[test]
fn a_sealed_payload_opens_and_any_change_breaks_it() {
    for v in fixture::<Signatures>("signatures.json").vectors {
        let secret = SharedSecret::from_base64url(&v.shared_secret).unwrap();
        let body = json::parse_object(v.payload.as_bytes()).unwrap();
        let sealed = protocol::seal(&v.topic, body.clone(), &secret);
        let opened = envelope::open(&sealed).unwrap();
        assert_eq!(opened.signature, v.signature, "{}", v.name);
        assert!(opened.verify(&v.topic, &secret), "{}", v.name);
        assert!(!opened.verify(&format!("{}x", v.topic), &secret));
        let mut touched = opened.clone();
        touched.body.insert("sequence".to_owned(), 999.into());
        assert!(!touched.verify(&v.topic, &secret), "{}", v.name);
        let mut upper = opened.clone();
        upper.signature = upper.signature.to_uppercase();
        assert!(!upper.verify(&v.topic, &secret), "upper-case hex");
        let other = SharedSecret::from_bytes([9; 32]);
        assert!(!opened.verify(&v.topic, &other), "{}", v.name);
    }
}

#[derive(Deserialize)]
struct JsonCases {
    accepted: Vec<Case>,
    refused: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    payload: String,
    reason: Option<String>,
}

#[test]
fn json_has_one_meaning_or_is_refused() {
    let cases: JsonCases = fixture("json.json");
    for case in cases.accepted {
        let parsed = json::parse_object(case.payload.as_bytes());
        assert!(parsed.is_ok(), "{}: {parsed:?}", case.name);
    }
    for case in cases.refused {
        let reason = match json::parse_object(case.payload.as_bytes()).unwrap_err() {
            JsonError::Syntax(_) => "syntax",
            JsonError::NotAnObject => "not_an_object",
            JsonError::TooDeep => "too_deep",
            JsonError::IntegerTooLarge => "integer_too_large",
        };
        assert_eq!(Some(reason), case.reason.as_deref(), "{}", case.name);
    }
}

#[derive(Deserialize)]
struct Topics {
    device_uuid: protocol::DeviceId,
    accepted: Vec<Accepted>,
    refused: Vec<String>,
    publish: Vec<Publish>,
    subscribe: Vec<Subscribe>,
}

#[derive(Deserialize)]
struct Accepted {
    topic: String,
    kind: String,
    signed: bool,
}

#[derive(Deserialize)]
struct Publish {
    principal: String,
    topic: String,
    retain: bool,
    allowed: bool,
}

#[derive(Deserialize)]
struct Subscribe {
    principal: String,
    filter: String,
    allowed: bool,
}

fn kind(topic: &Topic) -> &'static str {
    match topic {
        Topic::Report { .. } => "report",
        Topic::Batch { .. } => "batch",
        Topic::OtaStatus(_) => "ota_status",
        Topic::Presence(_) => "presence",
        Topic::Identity(_) => "identity",
        Topic::Result { .. } => "result",
        Topic::Command { .. } => "command",
        Topic::Owner(_) => "owner",
        Topic::Reset(_) => "reset",
        Topic::Disable(_) => "disable",
        Topic::ClientState { .. } => "client_state",
        Topic::RequestState { .. } => "request_state",
    }
}

#[test]
fn topics_have_exactly_one_spelling() {
    let topics: Topics = fixture("topics.json");
    for a in &topics.accepted {
        let topic: Topic = a.topic.parse().unwrap();
        assert_eq!(kind(&topic), a.kind, "{}", a.topic);
        assert_eq!(topic.is_signed(), a.signed, "{}", a.topic);
        assert_eq!(topic.to_string(), a.topic);
        assert_eq!(topic.device(), topics.device_uuid);
    }
    for refused in &topics.refused {
        assert!(refused.parse::<Topic>().is_err(), "{refused}");
    }
}

#[test]
fn who_may_publish_and_subscribe() {
    let topics: Topics = fixture("topics.json");
    let principal = |name: &str| match name {
        "app" => Principal::App {
            user: protocol::UserId::random(),
            email: "kim@example.org".parse().unwrap(),
        },
        name => Principal::Device {
            id: topics.device_uuid,
            claimed: name == "device",
        },
    };
    for p in &topics.publish {
        let topic = p.topic.parse().unwrap();
        let allowed = principal(&p.principal).may_publish(&topic, p.retain);
        assert_eq!(allowed, p.allowed, "{} {}", p.principal, p.topic);
    }
    for s in &topics.subscribe {
        let allowed = principal(&s.principal).may_subscribe(&s.filter);
        assert_eq!(allowed, s.allowed, "{} {}", s.principal, s.filter);
    }
}

#[derive(Deserialize)]
struct Payloads {
    report: Map<String, Value>,
    report_state: BTreeMap<String, Scalar>,
    status_report: Map<String, Value>,
    status_report_state: BTreeMap<String, Scalar>,
    identity: Value,
    identity_network: Value,
    presence: Vec<Value>,
    command: Value,
    results: Vec<Value>,
    owner: Value,
    owner_interval: Value,
    credentials_waiting: Value,
    credentials: Value,
    problem: Value,
    claim_link: String,
    claim_link_code_bytes: String,
}

/// Reads a payload and writes it again; the envelope's members are another type's.
fn survives<T: DeserializeOwned + Serialize>(payload: &Value) {
    let typed: T = serde_json::from_value(payload.clone()).unwrap();
    let written = serde_json::to_value(typed).unwrap();
    let mut expected = payload.clone();
    if let (Some(object), Some(written)) = (expected.as_object_mut(), written.as_object()) {
        object.retain(|key, _| {
            written.contains_key(key) || !matches!(key.as_str(), "timestamp" | "sequence")
        });
    }
    assert_eq!(written, expected);
}

#[test]
fn payloads_are_read_and_written_as_released() {
    let p: Payloads = fixture("payloads.json");
    for (body, component, state) in [
        (&p.report, "dht22", &p.report_state),
        (&p.status_report, "led", &p.status_report_state),
    ] {
        let report = Report::from_body(body).unwrap();
        assert_eq!(&report.to_body(), body);
        let entries: BTreeMap<_, _> = report
            .state_entries(&component.parse().unwrap())
            .into_iter()
            .collect();
        assert_eq!(&entries, state);
    }
    survives::<Identity>(&p.identity);
    survives::<Identity>(&p.identity_network);
    p.presence.iter().for_each(survives::<PresenceMessage>);
    survives::<CommandMessage>(&p.command);
    p.results.iter().for_each(survives::<CommandResult>);
    survives::<Ownership>(&p.owner);
    survives::<Ownership>(&p.owner_interval);
    survives::<Credentials>(&p.credentials_waiting);
    survives::<Credentials>(&p.credentials);
    survives::<Problem>(&p.problem);
}

#[test]
fn a_claim_link_is_read_and_written_as_released() {
    let p: Payloads = fixture("payloads.json");
    let link: ClaimLink = p.claim_link.parse().unwrap();
    assert_eq!(link.to_string(), p.claim_link);
    assert_eq!(
        hex::encode(link.code.as_bytes()),
        p.claim_link_code_bytes,
        "RFC 4648 base32"
    );
    let typed = link.code.to_string().to_lowercase().replace('-', " ");
    assert_eq!(typed.parse(), Ok(link.code));
}

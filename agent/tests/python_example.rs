//! The Python example signs as the golden files say.

#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

const CHECK: &str = r#"
import json, sys
from base64 import urlsafe_b64decode
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import paho_device
vectors = json.load(open(sys.argv[2], encoding="utf-8"))["vectors"]
for vector in vectors:
    body = json.loads(vector["payload"])
    secret = urlsafe_b64decode(vector["shared_secret"] + "=")
    assert paho_device.canonical(body) == vector["canonical"], vector["name"]
    assert paho_device.signature(secret, vector["topic"], body) == vector["signature"], vector["name"]
print(len(vectors))
"#;

#[test]
fn signs_every_golden_vector() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new("python3")
        .args(["-c", CHECK])
        .arg(root.join("docs/devices"))
        .arg(root.join("protocol/fixtures/v1/signatures.json"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let checked: usize = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap();
    assert!(checked >= 20, "only {checked} vectors were checked");
}

//! What the tests need of the machine: installed where that is possible, named where it is not.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::step;

struct Need {
    package: &'static str,
    is_there: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        package: "chromium",
        is_there: || on_path("chromium").is_some(),
    },
    Need {
        package: "fonts-noto-cjk",
        is_there: || Path::new("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists(),
    },
    Need {
        package: "postgresql",
        is_there: || super::postgres::programs().is_some(),
    },
    Need {
        package: "python3-venv",
        is_there: || succeeds("python3", &["-c", "import ensurepip"]),
    },
    Need {
        package: "g++",
        is_there: || on_path("c++").is_some(),
    },
    Need {
        package: "mosquitto-clients",
        is_there: || on_path("mosquitto_pub").is_some(),
    },
    Need {
        package: "jq",
        is_there: || on_path("jq").is_some(),
    },
    Need {
        package: "openssl",
        is_there: || on_path("openssl").is_some(),
    },
    Need {
        package: "nodejs",
        is_there: || on_path("node").is_some(),
    },
    Need {
        package: "npm",
        is_there: || on_path("npm").is_some(),
    },
];

/// Installs what is missing by apt, as root or by passwordless sudo; otherwise says the one command.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<&str> = NEEDS
        .iter()
        .filter(|need| !(need.is_there)())
        .map(|need| need.package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    let by_hand = format!("sudo apt-get install --yes {packages}");
    if on_path("apt-get").is_none() {
        bail!("the tests need these Debian packages, or what they hold: {packages}");
    }
    let prefix: &[&str] = if is_root() {
        &[]
    } else if succeeds("sudo", &["--non-interactive", "true"]) {
        &["sudo", "--non-interactive"]
    } else {
        bail!("something is missing; run this and start again:\n\n    {by_hand}\n");
    };
    let apt = |arguments: &[&str]| {
        let mut words: Vec<&str> = prefix.to_vec();
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        words.extend(arguments);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    };
    step::run("package lists", &mut apt(&["update", "--quiet"]))?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(&missing);
    step::run(&format!("installing {packages}"), &mut apt(&arguments))
}

/// Where a program is.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Whether this user is root.
pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

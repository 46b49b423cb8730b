//! Building the server, the agent and the interface.

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, anyhow};

use crate::{
    browser, place,
    step::{self, cargo},
};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds everything; says where it is.
pub(crate) fn everything(release: bool) -> Result<()> {
    let start = Instant::now();
    ensure_wasm_target()?;
    programs(release)?;
    interface(release)?;
    step::say(&format!(
        "\nBuilt in {:.0} s:\n  {}\n  {}\n  {}",
        start.elapsed().as_secs_f32(),
        place::program("madang", release).display(),
        place::program("madang-agent", release).display(),
        place::site(release).display(),
    ));
    Ok(())
}

/// Builds what browsers load; says where it is.
pub(crate) fn interface_alone(release: bool) -> Result<()> {
    ensure_wasm_target()?;
    interface(release)?;
    step::say(&format!("\nBuilt {}", place::site(release).display()));
    Ok(())
}

/// The programs that run on a server and on devices.
pub(crate) fn programs(release: bool) -> Result<()> {
    let mut command = cargo(&["build", "--bins"]);
    command.args(step::HOST);
    if release {
        command.arg("--release");
    }
    step::run("server and agent", &mut command)
}

/// The same in a debug build that shares everything with the tests: naming them too gives every
/// dependency the features that they ask for.
pub(crate) fn programs_of_tests() -> Result<()> {
    let mut command = cargo(&["build", "--bins", "--tests"]);
    step::run("server and agent", command.args(step::HOST))
}

/// The interface's files, ready to be served.
pub(crate) fn interface(release: bool) -> Result<()> {
    let profile = if release { "wasm-release" } else { "wasm-dev" };
    // The last linking keeps the relocations by which the splitter finds what belongs together.
    let mut command = cargo(&[
        "rustc",
        "--package",
        "frontend",
        "--lib",
        "--target",
        TARGET,
    ]);
    command.args(["--profile", profile, "--features", "split"]);
    command.args(["--", "-Clink-args=--emit-relocs"]);
    step::run("interface", &mut command)?;
    let start = Instant::now();
    let wasm = place::target()
        .join(TARGET)
        .join(profile)
        .join("frontend.wasm");
    let site = place::site(release);
    if site.exists() {
        fs::remove_dir_all(&site).with_context(|| site.display().to_string())?;
    }
    copy_folder(&place::root().join("public"), &site)?;
    let pkg = site.join("pkg");
    fs::create_dir_all(&pkg)?;
    browser::bind(&wasm, &pkg, !release)?;
    fs::write(pkg.join("madang.css"), stylesheet()?)?;
    if release {
        browser::compress(&site)?;
    }
    step::done("interface's files", start.elapsed());
    Ok(())
}

/// Adds the browser's target to the toolchain where it is missing.
pub(crate) fn ensure_wasm_target() -> Result<()> {
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(place::root())
        .output()
        .context("rustc is needed: install Rust by rustup")?;
    let sysroot = String::from_utf8(sysroot.stdout)?;
    let there = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .exists();
    if there {
        return Ok(());
    }
    let mut command = Command::new("rustup");
    step::run(
        "Rust's target for browsers",
        command.args(["target", "add", TARGET]),
    )
    .context(format!("run `rustup target add {TARGET}`"))
}

/// `style/madang.css` with its imports in their places.
fn stylesheet() -> Result<String> {
    let folder = place::root().join("style");
    let main = fs::read_to_string(folder.join("madang.css"))?;
    let mut whole = String::new();
    for line in main.lines() {
        match line.trim().strip_prefix("@import \"") {
            Some(rest) => {
                let name = rest
                    .strip_suffix("\";")
                    .ok_or_else(|| anyhow!("style/madang.css: `{line}` is not understood"))?;
                let text = fs::read_to_string(folder.join(name))
                    .with_context(|| format!("style/{name}"))?;
                whole.push_str(&text);
            }
            None => whole.push_str(line),
        }
        whole.push('\n');
    }
    Ok(without_comments(&whole))
}

/// Comments and indentation are for us, not for browsers.
fn without_comments(css: &str) -> String {
    let mut plain = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(start) = rest.find("/*") {
        plain.push_str(&rest[..start]);
        rest = rest[start..]
            .find("*/")
            .map_or("", |end| &rest[start + end + 2..]);
    }
    plain.push_str(rest);
    plain
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_rules_stay() {
        let css = "/* a */\n.x {\n  color: red; /* b */\n}\n\n/* c\n d */ .y { }";
        assert_eq!(without_comments(css), ".x {\ncolor: red;\n}\n.y { }");
    }
}

//! The seeds and everything that was ever found: each is tried by each test run.

use std::{fs, path::PathBuf};

use fuzz::TARGETS;

fn folder(kind: &str, target: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join(kind).join(target)
}

fn files(kind: &str, target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(kind, target)).into_iter().flatten();
    entries.map(|entry| entry.expect("a file").path()).collect()
}

#[test]
fn seeds_and_findings_keep_the_rules() {
    for target in TARGETS {
        let seeds = files("corpus", target.name);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for file in seeds.into_iter().chain(files("findings", target.name)) {
            println!("{} {}", target.name, file.display());
            (target.run)(&fs::read(&file).expect("bytes"));
        }
    }
}

#[test]
fn every_folder_is_of_a_target() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for kind in ["corpus", "findings"] {
        for entry in fs::read_dir(root.join(kind)).into_iter().flatten() {
            let name = entry.expect("a folder").file_name();
            let name = name.to_string_lossy();
            assert!(
                name == "README.md" || fuzz::find(&name).is_some(),
                "{kind}/{name}"
            );
        }
    }
}

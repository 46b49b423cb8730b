//! The parts of the page that a browser shows first, as one file.
//!
//! The splitter gives each set of pages the code that only they share: some forty small parts for a page.
//! Compressed together they are a third smaller than one by one, and come in one answer. The file is a
//! module with nothing but custom sections, each named after the part that it holds.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use wasm_encoder::{CustomSection, Module, RawSection};
use wasmparser::{Parser, Payload};

const LOADER: &str = include_str!("parts.js");

/// Writes the file of each page in `pages` into `pkg`, lets the script `link` load them, and gives what a
/// page must load.
pub(super) fn join(
    pkg: &Path,
    link: &str,
    pages: &HashMap<String, Vec<String>>,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut first = BTreeMap::new();
    for (page, parts) in pages {
        let mut whole = Module::new();
        for name in parts {
            let path = pkg.join(format!("{name}.wasm"));
            let part = fs::read(&path).with_context(|| path.display().to_string())?;
            whole.section(&CustomSection {
                name: name.into(),
                data: part.into(),
            });
        }
        let name = format!("first_{page}");
        fs::write(pkg.join(format!("{name}.wasm")), whole.finish())?;
        first.insert(page.clone(), vec![name]);
    }
    let path = pkg.join(link);
    let script = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    fs::write(&path, loading_parts(&script, pages)?)?;
    Ok(first)
}

/// The splitter's script, where each part is taken from the first page's file if it is in there.
fn loading_parts(script: &str, pages: &HashMap<String, Vec<String>>) -> Result<String> {
    let fetched = script.matches("fetch(new URL(\"./").count();
    // Before each part stands a comment with the names of all pages that share it.
    let mut joined = script
        .lines()
        .filter(|line| !line.starts_with("/* "))
        .map(|line| line.to_owned() + "\n")
        .collect::<String>()
        .replace("fetch(new URL(\"./", "part(\"")
        .replace(".wasm\", import.meta.url))", "\")");
    ensure!(
        fetched > 0 && joined.matches("= part(\"").count() == fetched,
        "the splitter's script does not fetch its parts as it used to"
    );
    for page in pages.keys() {
        let load = format!("__wasm_split_load_{page} = wrapAsyncCb(makeLoad(");
        ensure!(
            joined.contains(&load),
            "the splitter's script does not load {page}"
        );
        let open = format!("__wasm_split_load_{page} = opening(\"first_{page}\", makeLoad(");
        joined = joined.replace(&load, &open);
    }
    joined.push_str(LOADER);
    Ok(joined)
}

/// The same module without the sections that only people read.
pub(super) fn without_names(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload
            && matches!(section.name(), "name" | "producers")
        {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection {
                id,
                data: &wasm[range],
            });
        }
    }
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(name: &'static str) -> CustomSection<'static> {
        CustomSection {
            name: name.into(),
            data: b"\0"[..].into(),
        }
    }

    #[test]
    fn names_go_and_code_stays() {
        let mut types = wasm_encoder::TypeSection::new();
        types.ty().function([], []);
        let mut plain = Module::new();
        plain.section(&types).section(&custom("target_features"));
        let mut named = plain.clone();
        named.section(&custom("name")).section(&custom("producers"));
        assert_eq!(
            without_names(&named.finish()).expect("a module"),
            plain.finish()
        );
    }

    #[test]
    fn a_page_is_loaded_from_its_file() {
        let script = "/* home, list */\nconst __chunk_1 = makeLoad(() => {\n    const src = fetch(new URL(\"./chunk_1.wasm\", import.meta.url));\n}\n, []);\n\
            export const __wasm_split_load_home = wrapAsyncCb(makeLoad(() => {}, [__chunk_1]));\n";
        let pages = HashMap::from([("home".to_owned(), vec!["chunk_1".to_owned()])]);
        let joined = loading_parts(script, &pages).expect("a script");
        assert!(joined.starts_with(
            "const __chunk_1 = makeLoad(() => {\n    const src = part(\"chunk_1\");\n}\n, []);\n\
            export const __wasm_split_load_home = opening(\"first_home\", makeLoad(() => {}, [__chunk_1]));\n"
        ));
        assert!(loading_parts("export const nothing = 1;", &pages).is_err());
    }
}

//! The parts of the interface, each as one file.
//!
//! The splitter gives each set of pages the code that only they share: some hundred small parts for a page,
//! and a script that asks for each by itself. Compressed together they are less than half of that, also where
//! some are there already, and come in one answer; and smaller again where like stands by like. The file is a
//! module with nothing but custom sections: one for each kind of section, which holds that section of all
//! parts one after the other under the kind's number, and `parts`, a line for each part with its name and the
//! kinds of its sections in their order. The smallest parts become one with others first.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use wasm_encoder::{CustomSection, Module, RawSection, Section as _};
use wasmparser::{Parser, Payload};

use super::unite::{Load, Pages, grouped, united};

const LOADER: &str = include_str!("parts.js");

/// Writes the file of each of `pages` into `pkg` instead of its parts, lets the script `link` load them, and
/// gives the files of each.
pub(super) fn join(
    pkg: &Path,
    link: &str,
    pages: &HashMap<String, Vec<String>>,
) -> Result<BTreeMap<String, [String; 1]>> {
    let pages: BTreeMap<&String, &Vec<String>> = pages.iter().collect();
    let mut needed: BTreeMap<&str, Pages> = BTreeMap::new();
    for (number, parts) in pages.values().enumerate() {
        let page = Pages::from(1_u8).checked_shl(u32::try_from(number)?);
        for part in *parts {
            *needed.entry(part).or_default() |= page.context("more pages than bits")?;
        }
    }
    let mut parts = Vec::new();
    let mut loads = Vec::new();
    for (name, pages) in needed {
        let path = pkg.join(format!("{name}.wasm"));
        let part = fs::read(&path).with_context(|| path.display().to_string())?;
        fs::remove_file(path)?;
        loads.push(Load::of(&part, pages)?);
        parts.push((name, part));
    }
    let groups = grouped(&loads);
    let mut wholes = Vec::new();
    for group in &groups {
        let members = group.members.iter().map(|member| &parts[*member]);
        let (names, members): (Vec<_>, Vec<_>) =
            members.map(|(name, part)| (*name, part.as_slice())).unzip();
        wholes.push((names[0], united(&members).context("uniting parts")?));
    }
    let mut first = BTreeMap::new();
    for (number, page) in pages.keys().enumerate() {
        let of_page = groups.iter().zip(&wholes);
        let of_page = of_page.filter(|(group, _)| group.pages >> number & 1 == 1);
        let whole = in_columns(of_page.map(|(_, whole)| whole))?;
        let name = format!("first_{page}");
        fs::write(pkg.join(format!("{name}.wasm")), whole)?;
        first.insert((*page).clone(), [name]);
    }
    let path = pkg.join(link);
    let script = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    fs::write(&path, loading_files(&script, &first)?)?;
    Ok(first)
}

/// One module that holds these.
fn in_columns<'a>(parts: impl IntoIterator<Item = &'a (&'a str, Vec<u8>)>) -> Result<Vec<u8>> {
    let mut columns: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    let mut names = String::new();
    for (name, part) in parts {
        names.push_str(name);
        for payload in Parser::new(0).parse_all(part) {
            let payload = payload?;
            let Some((id, range)) = payload.as_section() else {
                continue;
            };
            let data = &part[range];
            RawSection { id, data }.append_to(columns.entry(id).or_default());
            let _ = write!(names, " {id}");
        }
        names.push('\n');
    }
    let mut whole = Module::new();
    let mut add = |name: &str, data: &[u8]| {
        let (name, data) = (name.into(), data.into());
        whole.section(&CustomSection { name, data });
    };
    add("parts", names.trim_end().as_bytes());
    for (id, column) in &columns {
        add(&id.to_string(), column);
    }
    Ok(whole.finish())
}

/// The splitter's script, which loads each page's file instead of its parts.
fn loading_files(script: &str, pages: &BTreeMap<String, [String; 1]>) -> Result<String> {
    let (shared, loads) = script
        .split_once("function makeLoad(")
        .filter(|(shared, _)| shared.contains("getSharedImports") && shared.contains("wrapAsyncCb"))
        .context("the splitter's script does not begin as it used to")?;
    let mut joined = shared.to_owned() + LOADER;
    for (page, [file]) in pages {
        let export = format!("export const __wasm_split_load_{page} = ");
        ensure!(
            loads.contains(&export),
            "the splitter's script does not load {page}"
        );
        let _ = writeln!(joined, "{export}loading({file:?});");
    }
    ensure!(
        loads.matches("export const ").count() == pages.len(),
        "the splitter's script loads what is in no file"
    );
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
    fn parts_stand_in_columns() {
        let module = |id, data| {
            let mut module = Module::new();
            module.section(&RawSection { id, data });
            module.finish()
        };
        let parts = [
            ("chunk_1", module(1, &[0])),
            ("chunk_2", module(10, &[0])),
            ("page", module(1, &[0])),
        ];
        let whole = in_columns(&parts).expect("a module");
        let sections: Vec<_> = Parser::new(0)
            .parse_all(&whole)
            .filter_map(|payload| match payload.expect("a payload") {
                Payload::CustomSection(section) => {
                    Some((section.name().to_owned(), section.data().to_vec()))
                }
                _ => None,
            })
            .collect();
        let named = |name: &str, data: &[u8]| (name.to_owned(), data.to_vec());
        assert_eq!(
            sections,
            [
                named("parts", b"chunk_1 1\nchunk_2 10\npage 1"),
                named("1", &[1, 1, 0, 1, 1, 0]),
                named("10", &[10, 1, 0]),
            ]
        );
    }

    #[test]
    fn a_page_is_loaded_from_its_file() {
        let script = "function getSharedImports() {}\nfunction wrapAsyncCb(callee) {}\nfunction makeLoad(fetcher, deps) {}\n\
            const __chunk_1 = makeLoad(() => {}, []);\n\
            export const __wasm_split_load_home = wrapAsyncCb(makeLoad(() => {}, [__chunk_1]));\n";
        let pages = BTreeMap::from([("home".to_owned(), ["first_home".to_owned()])]);
        let joined = loading_files(script, &pages).expect("a script");
        assert!(joined.starts_with(
            "function getSharedImports() {}\nfunction wrapAsyncCb(callee) {}\n\n/** How"
        ));
        assert!(
            joined.ends_with("export const __wasm_split_load_home = loading(\"first_home\");\n")
        );
        assert!(loading_files("export const nothing = 1;", &pages).is_err());
        assert!(loading_files(script, &BTreeMap::new()).is_err());
    }
}

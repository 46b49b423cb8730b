//! From the compiler's wasm to what browsers load: split, bound to JavaScript, compressed.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result, anyhow};

/// The name under which the pages ask for it.
const NAME: &str = "madang";

/// Splits `wasm` into the part every page needs and the parts loaded when first needed, and writes both
/// with their JavaScript into `pkg`; `names` keeps the names of functions, for the stack of a panic.
pub(crate) fn bind(wasm: &Path, pkg: &Path, names: bool) -> Result<()> {
    let bytes = fs::read(wasm).with_context(|| wasm.display().to_string())?;
    let main = wasm.with_file_name("frontend_main.wasm");
    let mut options = wasm_split_cli_support::Options::new(&bytes);
    options.output_dir = pkg;
    options.main_out_path = &main;
    options.main_module = "./madang.js";
    options.link_name = "./__wasm_split.______________________.js";
    let split = wasm_split_cli_support::transform(options)
        .map_err(|error| anyhow!("splitting: {error}"))?;
    fs::write(
        pkg.join("__wasm_split_manifest.json"),
        serde_json::to_vec(&split.prefetch_map)?,
    )?;
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen
        .web(true)
        .map_err(|error| anyhow!("binding: {error}"))?
        .input_path(&main)
        .out_name(NAME)
        .typescript(false)
        .keep_lld_exports(true)
        .demangle(false)
        .remove_name_section(!names)
        .remove_producers_section(!names)
        .generate(pkg)
        .map_err(|error| anyhow!("binding: {error}"))?;
    if !names {
        for part in split.split_modules {
            let bytes = fs::read(&part).with_context(|| part.display().to_string())?;
            fs::write(&part, without_names(&bytes)?)?;
        }
    }
    Ok(())
}

/// The same module without the sections that only people read.
fn without_names(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = wasm_encoder::Module::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let wasmparser::Payload::CustomSection(section) = &payload
            && matches!(section.name(), "name" | "producers")
        {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&wasm_encoder::RawSection {
                id,
                data: &wasm[range],
            });
        }
    }
    Ok(module.finish())
}

/// Writes a `.br` and a `.gz` beside every file that gets smaller by it.
pub(crate) fn compress(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            compress(&path)?;
            continue;
        }
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        if !matches!(extension, "wasm" | "js" | "css" | "svg" | "json" | "txt") {
            continue;
        }
        let bytes = fs::read(&path)?;
        let named = |suffix: &str| path.with_extension(format!("{extension}.{suffix}"));
        let mut brotli = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 11, 22);
        brotli.write_all(&bytes)?;
        fs::write(named("br"), brotli.into_inner())?;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&bytes)?;
        fs::write(named("gz"), gzip.finish()?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_and_code_stays() {
        let custom = |name: &'static str| wasm_encoder::CustomSection {
            name: name.into(),
            data: b"\0"[..].into(),
        };
        let mut types = wasm_encoder::TypeSection::new();
        types.ty().function([], []);
        let mut plain = wasm_encoder::Module::new();
        plain.section(&types).section(&custom("target_features"));
        let mut named = plain.clone();
        named.section(&custom("name")).section(&custom("producers"));
        assert_eq!(
            without_names(&named.finish()).expect("a module"),
            plain.finish()
        );
    }
}

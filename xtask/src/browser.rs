//! From the compiler's wasm to what browsers load: split, bound to JavaScript, compressed.

mod parts;
mod unite;

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result, anyhow};

/// The name under which the pages ask for it.
const NAME: &str = "madang";
/// The script that loads the parts; the pages ask for it by this name.
const LINK: &str = "__wasm_split.______________________.js";

/// Splits `wasm` into the part every page needs and the parts loaded when first needed, and writes both
/// with their JavaScript into `pkg`; `names` keeps the names of functions, for the stack of a panic.
pub(crate) fn bind(wasm: &Path, pkg: &Path, names: bool) -> Result<()> {
    let bytes = fs::read(wasm).with_context(|| wasm.display().to_string())?;
    let main = wasm.with_file_name("frontend_main.wasm");
    let mut options = wasm_split_cli_support::Options::new(&bytes);
    options.output_dir = pkg;
    options.main_out_path = &main;
    options.main_module = "./madang.js";
    let link = format!("./{LINK}");
    options.link_name = &link;
    let split = wasm_split_cli_support::transform(options)
        .map_err(|error| anyhow!("splitting: {error}"))?;
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
            fs::write(&part, parts::without_names(&bytes)?)?;
        }
    }
    let first = parts::join(pkg, LINK, &split.prefetch_map)?;
    if !names {
        let script = pkg.join(format!("{NAME}.js"));
        fs::write(&script, without_comments(&fs::read_to_string(&script)?))?;
    }
    fs::write(
        pkg.join("__wasm_split_manifest.json"),
        serde_json::to_vec(&first)?,
    )?;
    Ok(())
}

/// The same script without indentation and the comments that stand on lines of their own.
fn without_comments(script: &str) -> String {
    let comment = |line: &&str| {
        ["//", "/**", "* ", "*/"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    let lines = script.lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !comment(line));
    code.fold(String::with_capacity(script.len()), |code, line| {
        code + line + "\n"
    })
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
    use super::without_comments;

    #[test]
    fn what_people_read_goes_from_a_script() {
        let script = "/**\n * Says.\n */\nexport function say() {\n    // Why.\n    const a = 2 * 3; // kept\n\n}\n";
        assert_eq!(
            without_comments(script),
            "export function say() {\nconst a = 2 * 3; // kept\n}\n"
        );
    }
}

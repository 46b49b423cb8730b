//! libFuzzer on the target that `MADANG_FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;

use fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("MADANG_FUZZ_TARGET").unwrap_or_default();
    let found = fuzz::find(&name);
    found.unwrap_or_else(|| panic!("MADANG_FUZZ_TARGET names no target: {name:?}"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));

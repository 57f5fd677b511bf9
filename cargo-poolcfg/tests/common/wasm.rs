//! Files of WebAssembly, and what `inspect` says of them.

use crate::common::{Folder, Ran, program, ran};

pub(crate) fn inspect(folder: &Folder, files: &[&str]) -> Ran {
    let mut command = program("poolcfg", folder.root());
    ran(command
        .arg("inspect")
        .args(files)
        .args(["--message-format", "json"]))
}

/// As wit-component lays it out: a shim whose table the fixup fills, and an instance that only renames.
pub(crate) const SHIMMED: &str = r#"(component
    (import "host" (func $host))
    (core module $main (import "env" "f" (func)) (memory (export "memory") 17) (table 40 funcref))
    (core module $shim (table (export "$imports") 2 2 funcref) (func (export "0")))
    (core module $fixup (import "" "$imports" (table 2 2 funcref)) (import "" "0" (func)))
    (core instance $shim (instantiate $shim))
    (alias core export $shim "0" (core func $f))
    (core instance $env (export "f" (func $f)))
    (core instance $main (instantiate $main (with "env" (instance $env))))
    (alias core export $shim "$imports" (core table $imports))
    (core func $lowered (canon lower (func $host)))
    (core instance $args (export "$imports" (table $imports)) (export "0" (func $lowered)))
    (core instance (instantiate $fixup (with "" (instance $args)))))"#;

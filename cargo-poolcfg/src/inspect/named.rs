//! Versions as texts name them.

use std::collections::BTreeSet;

use poolcfg_core::WasmtimeVersion;

/// What the texts of a file tell of Wasmtime.
#[derive(Debug, Default)]
pub(super) struct NamedVersions {
    pub(super) versions: BTreeSet<[u32; 3]>,
    /// Those of the crates that it is made of, which have its version; of use where there is none of its own.
    pub(super) of_parts: BTreeSet<[u32; 3]>,
    /// Whether it is there, be its version known or not.
    pub(super) is_there: bool,
}

/// A version that a text begins with, and what follows it.
pub(super) fn version(mut rest: &[u8]) -> Option<([u32; 3], &[u8])> {
    let mut version = [0; 3];
    for (index, part) in version.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // At the end of a window more may follow.
        if digits == 0 || digits > 4 || digits == rest.len() && index < 2 {
            return None;
        }
        *part = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        rest = &rest[digits..];
    }
    Some((version, rest))
}

/// As messages and keys write it.
pub(super) fn text([major, minor, patch]: [u32; 3]) -> String {
    WasmtimeVersion {
        major,
        minor: Some(minor),
        patch: Some(patch),
    }
    .to_string()
}

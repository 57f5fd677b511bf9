//! Versions of Wasmtime in a program: by the paths of its sources, by what it calls itself, and by the list of crates
//! that cargo-auditable writes.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use serde::Deserialize;

use super::named::{NamedVersions, version};
use super::paths;
use super::stream::Unreadable;

/// What the `wasmtime` command calls itself, whose own paths are relative: `Wasmtime WebAssembly Runtime48.0.2`, and in
/// `wasmtime-min` `48.0.2 (e9f1ea232 2026-09-10)Wasmtime WebAssembly Runtime`.
const NAME: &[u8] = b"Wasmtime WebAssembly Runtime";

/// A section of what Wasmtime compiles, which it looks for in what it loads. Source: `ELF_WASM_ENGINE` in
/// crates/environ/src/compile/module_artifacts.rs and crates/environ/src/obj.rs (v13 to v50).
/// Without the point before it, so that it is not among the texts of this program.
const SECTION: &[u8] = b"wasmtime.engine";

/// How much is looked at at once.
const WINDOW: usize = 1 << 20;

/// What reaches from one window into the next: a mark, a version, and what follows.
const OVERLAP: usize = 128;

/// The most that the list of crates is unpacked to.
const LIST: usize = 16 << 20;

/// The largest file that is looked through as a whole.
const WHOLE: u64 = 256 << 20;

/// The most of a larger one that is looked through.
const TEXTS: u64 = 1 << 30;

/// Looks through a file for the versions that its texts name: of a large one, where these parts are known, through them
/// alone. Of one with more than a gigabyte of them no version is known.
pub(super) fn in_file<F: Read + Seek>(
    file: &mut F,
    parts: &[Range<u64>],
) -> Result<NamedVersions, Unreadable> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut parts: Vec<_> = match parts {
        parts if end > WHOLE && !parts.is_empty() => parts.to_vec(),
        _ => std::iter::once(0..end).collect(),
    };
    parts.sort_unstable_by_key(|part| part.start);
    // What lies in two parts is looked at once.
    let mut seen = 0;
    for part in &mut parts {
        *part = part.start.max(seen)..part.end.min(end);
        seen = seen.max(part.end);
    }
    parts.retain(|part| part.start < part.end);
    let sizes = parts.iter().map(|part| part.end - part.start);
    let mut found = NamedVersions::default();
    if sizes.sum::<u64>() > TEXTS {
        return Ok(found);
    }
    for part in parts {
        file.seek(SeekFrom::Start(part.start))?;
        let more = in_texts(file.by_ref().take(part.end - part.start))?;
        found.versions.extend(more.versions);
        found.of_parts.extend(more.of_parts);
        found.is_there |= more.is_there;
    }
    Ok(found)
}

/// What texts tell.
fn in_texts(mut file: impl Read) -> Result<NamedVersions, Unreadable> {
    let mut found = NamedVersions::default();
    let mut window = Vec::with_capacity(WINDOW + OVERLAP);
    loop {
        let kept = window.len();
        let limit = u64::try_from(WINDOW).unwrap_or(u64::MAX);
        let read = file.by_ref().take(limit).read_to_end(&mut window)?;
        paths::find(&window, &mut found);
        found.versions.extend(behind_name(&window));
        found.versions.extend(before_name(&window));
        let mut sections = memchr::memmem::find_iter(&window, SECTION);
        found.is_there |= sections.any(|start| window[..start].ends_with(b"."));
        if read == 0 {
            found.is_there |= !found.versions.is_empty() || !found.of_parts.is_empty();
            return Ok(found);
        }
        window.drain(..(kept + read).saturating_sub(OVERLAP));
    }
}

/// The versions that stand behind the name of the command.
fn behind_name(window: &[u8]) -> impl Iterator<Item = [u32; 3]> {
    memchr::memmem::find_iter(window, NAME)
        .filter_map(|start| Some(version(&window[start + NAME.len()..])?.0))
}

/// The versions that stand before the name of the command, with the commit and its day behind them.
fn before_name(window: &[u8]) -> impl Iterator<Item = [u32; 3]> {
    memchr::memmem::find_iter(window, NAME).filter_map(|end| {
        let before = window[..end].strip_suffix(b")")?;
        let open = memchr::memmem::rfind(before, b" (")?;
        let inside = &before[open + 2..];
        let is_commit = |byte: &u8| byte.is_ascii_hexdigit() || b" -".contains(byte);
        if inside.len() > 64 || !inside.iter().all(is_commit) {
            return None;
        }
        let before = &before[..open];
        let is_part = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
        let length = before.iter().rev().take_while(is_part).count();
        let (version, rest) = version(&before[before.len() - length..])?;
        rest.is_empty().then_some(version)
    })
}

/// What cargo-auditable writes: all crates of a program. Source: rust-secure-code/cargo-auditable, PARSING.md.
#[derive(Deserialize)]
struct Crates {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// `build` of what only ran when the program was built.
    #[serde(default)]
    kind: String,
}

/// The versions in the list of crates; `None` where it cannot be read.
pub(super) fn in_list(packed: &[u8]) -> Option<BTreeSet<[u32; 3]>> {
    let unpacked = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(packed, LIST);
    let crates: Crates = serde_json::from_slice(&unpacked.ok()?).ok()?;
    let packages = crates.packages.iter();
    let versions = packages
        .filter(|package| package.name == "wasmtime" && package.kind != "build")
        .filter_map(|package| Some(version(package.version.as_bytes())?.0));
    Some(versions.collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn found(text: &[u8]) -> Vec<[u32; 3]> {
        in_texts(text).unwrap().versions.into_iter().collect()
    }

    #[test]
    fn versions_stand_in_the_name_of_the_command() {
        assert_eq!(
            found(b"/registry/src/x/wasmtime-48.0.2/src/runtime/vm.rs"),
            [[48, 0, 2]]
        );
        assert_eq!(
            found(b"Wasmtime WebAssembly Runtime36.0.9Usage"),
            [[36, 0, 9]]
        );
        assert_eq!(found(b"Wasmtime WebAssembly Runtime36.0.9"), [[36, 0, 9]]);
        assert_eq!(
            found(b"x\n48.0.2 (e9f1ea232 2026-09-10)Wasmtime WebAssembly RuntimeIf a"),
            [[48, 0, 2]]
        );
        for other in [
            "clap 48.0.2 (see the manual)Wasmtime WebAssembly Runtime",
            "1.48.0.2 (e9f1ea232 2026-09-10)Wasmtime WebAssembly Runtime",
            " (e9f1ea232 2026-09-10)Wasmtime WebAssembly Runtime",
            "Wasmtime WebAssembly Runtime",
        ] {
            assert_eq!(found(other.as_bytes()), [[0; 3]; 0], "{other}");
        }
    }

    #[test]
    fn a_wasmtime_without_a_version_is_one() {
        let is_there = |text: &[u8]| in_texts(text).unwrap().is_there;
        assert!(is_there(b"armv6k-.wasmtime.engineg_log2"));
        assert!(is_there(b"wasmtime-48.0.2/src"));
        assert!(!is_there(b"see https://wasmtime.dev"));
        let text = [&vec![b'-'; WINDOW - 3], &b"."[..], SECTION].concat();
        assert!(is_there(&text));
    }

    #[test]
    fn a_version_is_found_across_the_border_of_two_windows() {
        let path = b"wasmtime-48.0.2/src";
        for before in WINDOW - path.len() - 1..=WINDOW + 1 {
            let text = [&vec![b'-'; before], &path[..], &[b' '; 300]].concat();
            assert_eq!(found(&text), [[48, 0, 2]], "{before}");
        }
    }

    /// Only what is named is looked at, once, and no more than a gigabyte of it.
    #[test]
    fn parts_of_a_file_are_looked_through() {
        let mut text = b"wasmtime-48.0.2/src".to_vec();
        text.resize(100, b'-');
        text.extend(b"wasmtime-50.0.1/src");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&text).unwrap();
        let of = |file: &mut std::fs::File, parts: &[Range<u64>]| -> Vec<_> {
            in_file(file, parts).unwrap().versions.into_iter().collect()
        };
        for parts in [&[][..], &[100..150, 150..200]] {
            assert_eq!(of(&mut file, parts), [[48, 0, 2], [50, 0, 1]]);
        }
        file.set_len(WHOLE + 1).unwrap();
        let mut of = |parts: &[Range<u64>]| of(&mut file, parts);
        assert_eq!(of(&[100..119, 119..200]), [[50, 0, 1]]);
        assert_eq!(
            of(&[50..120, 0..10, 60..300, Range { start: 30, end: 20 }]),
            [[50, 0, 1]]
        );
        assert_eq!(of(&[0..100, 0..119, 200..300]), [[48, 0, 2], [50, 0, 1]]);
        let mut sparse = tempfile::tempfile().unwrap();
        sparse.set_len(1 << 40).unwrap();
        assert!(!in_file(&mut sparse, &[]).unwrap().is_there);
    }

    #[test]
    fn the_list_of_crates_names_versions() {
        let list = br#"{"packages":[{"name":"wasmtime","version":"48.0.2","source":"crates.io"},
            {"name":"wasmtime","version":"47.0.0","kind":"build"},
            {"name":"wasmtime-environ","version":"47.0.0"},{"name":"wasmtime","version":"36.0.9"}]}"#;
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(list, 6);
        let versions: Vec<_> = in_list(&packed).into_iter().flatten().collect();
        assert_eq!(versions, [[36, 0, 9], [48, 0, 2]]);
        let other = miniz_oxide::deflate::compress_to_vec_zlib(b"[]", 6);
        for damaged in [&b"no zlib"[..], &packed[..packed.len() / 2], &other] {
            assert_eq!(in_list(damaged), None);
        }
    }
}

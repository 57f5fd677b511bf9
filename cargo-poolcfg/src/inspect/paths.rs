//! Paths of Wasmtime's sources in a program, which panics name: where it was built from, and so of which version.

use super::named::{NamedVersions, version};

/// What the folder of every one of its crates begins with.
const MARK: &[u8] = b"wasmtime-";

/// The crates that it is made of, which are published with it and have its version. Others, such as
/// `wasmtime-provider`, have their own.
const PARTS: [&[u8]; 4] = [b"environ-", b"cranelift-", b"runtime-", b"internal-"];

/// The longest of what follows a version, such as `-rc.1`, and of the name of a part.
const NAME: usize = 32;

/// Takes down what the paths tell.
pub(super) fn find(window: &[u8], found: &mut NamedVersions) {
    for start in memchr::memmem::find_iter(window, MARK) {
        let rest = &window[start + MARK.len()..];
        found.is_there |= is_checkout(rest);
        if let Some(version) = of_folder(rest) {
            found.versions.insert(version);
        }
        found.of_parts.extend(part(rest).and_then(of_folder));
    }
}

/// The version of the folder of a crate: `48.0.2/src`, also with the separator of Windows, and of what comes before a
/// release `48.0.0-rc.1/src`.
fn of_folder(rest: &[u8]) -> Option<[u32; 3]> {
    let (version, rest) = version(rest)?;
    let is_more = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-+".contains(byte);
    let rest = match rest.first() {
        Some(b'-' | b'+') => &rest[rest.iter().take(NAME).take_while(is_more).count()..],
        _ => rest,
    };
    let is_source = rest.starts_with(b"/src") || rest.starts_with(b"\\src");
    is_source.then_some(version)
}

/// What follows the name of a crate that it is made of.
fn part(rest: &[u8]) -> Option<&[u8]> {
    PARTS.iter().find(|part| rest.starts_with(part))?;
    let is_name = |byte: &&u8| byte.is_ascii_lowercase() || b"-_".contains(byte);
    let length = rest.iter().take(NAME).take_while(is_name).count();
    Some(&rest[length..])
}

/// Whether that is where cargo keeps the sources of a git repository, which no version is a part of:
/// `wasmtime-41807828cb3a7a7e/e9f1ea2/crates/wasmtime/src`.
fn is_checkout(rest: &[u8]) -> bool {
    let mut parts = rest.split(|byte| b"/\\".contains(byte));
    let mut is_hash = |least: usize| {
        let part = parts.next().unwrap_or_default();
        part.len() >= least && part.iter().all(u8::is_ascii_hexdigit)
    };
    is_hash(16) && is_hash(7) && parts.next() == Some(b"crates")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> NamedVersions {
        let mut found = NamedVersions::default();
        find(path.as_bytes(), &mut found);
        found
    }

    #[test]
    fn versions_stand_in_paths() {
        for (path, version) in [
            (
                "/registry/src/x/wasmtime-48.0.2/src/runtime/vm.rs",
                [48, 0, 2],
            ),
            ("wasmtime-50.0.1\\src\\lib.rs", [50, 0, 1]),
            ("wasmtime-48.0.0-rc.1/src/lib.rs", [48, 0, 0]),
            ("wasmtime-48.0.2+1/src/lib.rs", [48, 0, 2]),
        ] {
            let found = found(path);
            assert!(found.versions.iter().eq([&version]), "{path}");
            assert!(found.of_parts.is_empty(), "{path}");
        }
        for path in [
            "wasmtime-environ-48.0.2/src/lib.rs",
            "wasmtime-internal-jit-icache-coherence-48.0.2/src/lib.rs",
            "wasmtime-cranelift-48.0.2-rc.1\\src\\lib.rs",
        ] {
            let found = found(path);
            assert!(found.of_parts.iter().eq([&[48, 0, 2]]), "{path}");
            assert!(found.versions.is_empty(), "{path}");
        }
        for path in [
            "wasmtime-48.0.2-x86_64-linux.tar.xz",
            "wasmtime-48.0.2-x86_64-linux/lib",
            "wasmtime-48.0/src",
            "wasmtime-48.0.2/examples",
            "wasmtime-provider-2.0.1/src/lib.rs",
            "wasmtime-environ-48/src/lib.rs",
        ] {
            let found = found(path);
            assert!(
                found.versions.is_empty() && found.of_parts.is_empty(),
                "{path}"
            );
        }
    }

    #[test]
    fn a_checkout_has_no_version() {
        for (path, is_one) in [
            (
                "git/checkouts/wasmtime-41807828cb3a7a7e/e9f1ea2/crates/wasmtime/src/lib.rs",
                true,
            ),
            (
                "wasmtime-41807828cb3a7a7e\\e9f1ea2\\crates\\environ\\src\\lib.rs",
                true,
            ),
            ("wasmtime-41807828cb3a7a7e/e9f1ea2/docs", false),
            ("wasmtime-41807828cb3a7a7e/main/crates/wasmtime", false),
            ("wasmtime-cafe/e9f1ea2/crates/wasmtime", false),
        ] {
            let found = found(path);
            assert_eq!(found.is_there, is_one, "{path}");
            assert!(
                found.versions.is_empty() && found.of_parts.is_empty(),
                "{path}"
            );
        }
    }
}

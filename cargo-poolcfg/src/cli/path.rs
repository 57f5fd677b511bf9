//! Paths as messages and the JSON have them.

use std::path::{Component, Path, PathBuf};

use poolcfg_core::escaped;

/// A path as messages show it: from the current directory where it lies in it, so that it can be opened from there.
pub(crate) fn shown(path: &Path) -> String {
    escaped(&relative(path)).to_string()
}

/// A path for programs, which open it: the same as it is, without the way up and down again to a file that is there.
pub(crate) fn relative(path: &Path) -> String {
    relative_to(path, std::env::current_dir().ok().as_deref())
}

/// The same from another current directory; `None` if there is none. From the root, whole paths are as short.
fn relative_to(path: &Path, here: Option<&Path>) -> String {
    let inside = |path: &Path, here: &Path| path.strip_prefix(here).ok().map(Path::to_owned);
    let here = here.filter(|here| here.parent().is_some());
    let direct = || {
        let real = real(path)?;
        let inside = inside(&real, &here?.canonicalize().ok()?);
        // What was given from here can be opened from here.
        inside.or_else(|| path.is_absolute().then_some(real))
    };
    let has_way_up = path.components().any(|part| part == Component::ParentDir);
    let relative = match path.is_absolute() || has_way_up {
        true => inside(path, here.unwrap_or(path))
            .filter(|_| !has_way_up)
            .or_else(direct),
        // As it was given.
        false => None,
    };
    // The current directory itself is shown whole.
    let relative = relative.filter(|path| !path.as_os_str().is_empty());
    relative.as_deref().unwrap_or(path).display().to_string()
}

/// The path without links and ways up; the file itself and folders above it need not be there.
pub(crate) fn real(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        let real = above.canonicalize().ok()?;
        Some(match rest.as_os_str().is_empty() {
            true => real,
            false => real.join(rest),
        })
    })
}

/// Whether two paths lead to the same file, or are written the same where a file is not there.
pub(crate) fn is_same(left: &Path, right: &Path) -> bool {
    match (left.canonicalize(), right.canonicalize()) {
        (Ok(left), Ok(right)) => left == right,
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_is_shown_without_a_way_up() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().canonicalize().unwrap();
        std::fs::create_dir(at.join("a")).unwrap();
        let file = at.join("pools/poolcfg.toml");
        assert_eq!(
            relative(&at.join("a/../pools/poolcfg.toml")),
            file.display().to_string()
        );
        assert_eq!(relative(Path::new("../nothing/here")), "../nothing/here");
        let here = std::env::current_dir().unwrap();
        assert_eq!(relative(&here.join("src/../nothing/here")), "nothing/here");
        assert_eq!(relative(&here), here.display().to_string());
        // A service that has no other directory runs in the root, and its administrator does not.
        let whole = "/etc/wasmtime.toml";
        assert_eq!(relative_to(Path::new(whole), Some(Path::new("/"))), whole);
        assert_eq!(
            relative_to(Path::new(whole), Some(Path::new("/etc"))),
            "wasmtime.toml"
        );
    }
}

//! Paths as messages and programs are told them.

use std::path::{Component, Path};

use poolcfg_core::escaped;

/// A path as messages show it: from the current directory where it lies in it.
pub(crate) fn shown(path: &Path) -> String {
    escaped(&relative(path)).to_string()
}

/// A path for programs, which open it: the same as it is, without the way up and down again to a file that is there.
pub(crate) fn relative(path: &Path) -> String {
    let inside = |path: &Path, here: &Path| path.strip_prefix(here).ok().map(Path::to_owned);
    let here = std::env::current_dir().ok();
    let direct = || {
        let real = path.canonicalize().ok()?;
        inside(&real, &here.as_ref()?.canonicalize().ok()?)
    };
    let has_way_up = path.components().any(|part| part == Component::ParentDir);
    let relative = match path.is_absolute() || has_way_up {
        true => inside(path, here.as_deref().unwrap_or(path))
            .filter(|_| !has_way_up)
            .or_else(direct),
        // As it was given.
        false => None,
    };
    relative.as_deref().unwrap_or(path).display().to_string()
}

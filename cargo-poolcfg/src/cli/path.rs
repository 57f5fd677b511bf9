//! Paths as messages and programs are told them.

use std::path::Path;

use poolcfg_core::escaped;

/// A path as messages show it: from the current directory where it lies in it.
pub(crate) fn shown(path: &Path) -> String {
    escaped(&relative(path)).to_string()
}

/// A path for programs, which open it: the same as it is.
pub(crate) fn relative(path: &Path) -> String {
    let relative = std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    relative.as_deref().unwrap_or(path).display().to_string()
}

//! Paths as messages show them.

use std::path::Path;

use poolcfg_core::escaped;

/// A path as messages show it: from the current directory where it lies in it.
pub(crate) fn shown(path: &Path) -> String {
    let relative = std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    let shown = relative.as_deref().unwrap_or(path).display().to_string();
    escaped(&shown).to_string()
}

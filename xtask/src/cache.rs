//! Where what is fetched lies: outside the checkout, so that a clean clone finds it.

use std::env;
use std::path::PathBuf;

/// `$POOLCFG_CACHE`, or `~/.cache/poolcfg`.
pub(crate) fn folder() -> Result<PathBuf, String> {
    if let Some(folder) = env::var_os("POOLCFG_CACHE").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    match env::var_os("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".cache/poolcfg")),
        None => Err("neither `POOLCFG_CACHE` nor `HOME` is set: set one of them".to_owned()),
    }
}

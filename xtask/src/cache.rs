//! Where what is fetched lies: outside the checkout, so that a clean clone finds it.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

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

/// Keeps every other run from a folder until the file is dropped: two that make the same thing there spoil each other's.
pub(crate) fn lock(folder: &Path) -> Result<File, String> {
    let path = folder.join(".lock");
    let failed = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let file = File::create(&path).map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another run that uses `{}`", folder.display());
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    file.lock().map_err(|error| failed(&error))?;
    Ok(file)
}

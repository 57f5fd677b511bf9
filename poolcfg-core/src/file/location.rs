//! Where poolcfg.toml is: the one rule for command and macro.

use std::path::{Path, PathBuf};

use crate::file::{Diagnostic, FILE_NAME};

/// Where the file of a package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its path: the directory of the manifest and `shown`.
    pub path: PathBuf,
    /// Its path from the directory of the manifest, with `/` between the parts, such as
    /// `poolcfg.toml` or `../poolcfg.toml`: what messages say.
    pub shown: String,
}

/// The file of the package whose Cargo.toml is at `manifest_path`: where
/// `[package.metadata.poolcfg] config = "../poolcfg.toml"` points, or beside the manifest; nothing when
/// it has none.
///
/// # Errors
/// When the manifest cannot be read, or its pointer is none or points at nothing.
pub fn locate(manifest_path: &Path) -> Result<Option<Location>, Diagnostic> {
    let path = manifest_path.with_file_name(FILE_NAME);
    Ok(path.is_file().then(|| Location {
        path,
        shown: FILE_NAME.to_owned(),
    }))
}

//! The workspace that a package is in, for who cannot ask cargo.

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item};

use crate::file::read_text;

/// The way from the directory of a manifest to the root of its workspace, by the rules of cargo: its own directory if
/// nothing above it has the package among its members.
pub(super) fn from_manifest(manifest_path: &Path) -> Option<PathBuf> {
    let folder = manifest_path.parent()?;
    if let Some(root) = said_root(manifest_path) {
        return Some(root);
    }
    let mut way = PathBuf::new();
    for above in folder.ancestors().skip(1) {
        way.push("..");
        let manifest = above.join("Cargo.toml");
        match said_root(&manifest) {
            Some(root) if root.as_os_str().is_empty() && excludes(&manifest, folder) => {}
            Some(root) => return Some(way.join(root)),
            None => {}
        }
    }
    Some(PathBuf::new())
}

/// The directory of the workspace, from that of a manifest that says it: an empty path where it is the root itself.
fn said_root(manifest_path: &Path) -> Option<PathBuf> {
    let text = read_text(manifest_path).ok()?;
    let document = Document::parse(text.as_str()).ok()?;
    let root = document.as_item();
    if root.get("workspace").is_some() {
        return Some(PathBuf::new());
    }
    let said = root.get("package")?.get("workspace")?.as_str()?;
    Some(PathBuf::from(said))
}

/// Whether the workspace with this root leaves out the package in a directory.
fn excludes(root: &Path, folder: &Path) -> bool {
    let Some(above) = root.parent() else {
        return false;
    };
    let text = read_text(root).unwrap_or_default();
    let Ok(document) = Document::parse(text.as_str()) else {
        return false;
    };
    let has = |key: &str| {
        let list = document.as_item().get("workspace");
        let list = list
            .and_then(|table| table.get(key))
            .and_then(Item::as_array);
        let mut entries = list
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.as_str());
        entries.any(|entry| folder.starts_with(above.join(entry)))
    };
    has("exclude") && !has("members")
}

/// The path of a file in the directory to which a way leads, with `/` between the parts; `None` if it is not Unicode.
pub(super) fn shown(way: &Path, file: &str) -> Option<String> {
    let parts = way.components().map(|part| part.as_os_str().to_str());
    let mut parts: Vec<&str> = parts.collect::<Option<_>>()?;
    parts.push(file);
    Some(parts.join("/"))
}

//! Where poolcfg.toml is: the one rule for command and macro.

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item};

use crate::base::code::Code;
use crate::base::escape::escaped;
use crate::file::diagnostic::place_of;
use crate::file::{Diagnostic, FILE_NAME, read_text};

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
/// `[package.metadata.poolcfg] config = "../poolcfg.toml"` points, or beside the manifest; `None` if
/// it has none.
///
/// # Errors
/// When the manifest cannot be read, or its pointer is none or points at nothing.
pub fn locate(manifest_path: &Path) -> Result<Option<Location>, Diagnostic> {
    let source = read_text(manifest_path).map_err(|error| {
        problem(
            Code::Io,
            format!("cannot read {}: {error}", manifest_path.display()),
            None,
        )
    })?;
    let Some(pointer) = pointer(&source)? else {
        let path = manifest_path.with_file_name(FILE_NAME);
        // Whatever is there is meant to be read: what cannot be is an error, not the defaults.
        let is_there = std::fs::symlink_metadata(&path).is_ok();
        return Ok(is_there.then(|| Location {
            path,
            shown: FILE_NAME.to_owned(),
        }));
    };
    let shown = pointer.text.replace('\\', "/");
    let path = manifest_path.with_file_name(&shown);
    if shown.is_empty() || Path::new(&shown).is_absolute() || shown.starts_with('/') {
        return Err(problem(
            Code::WrongType,
            format!(
                "`config` must be a path relative to the directory of Cargo.toml ({})",
                pointer.place
            ),
            Some("write it as `config = \"../poolcfg.toml\"`".to_owned()),
        ));
    }
    if !path.is_file() {
        return Err(problem(
            Code::NoFile,
            format!("`config` points to `{shown}`, which does not exist ({})", pointer.place),
            Some(
                "the path is relative to the directory of Cargo.toml; remove `config` to use the file beside it"
                    .to_owned(),
            ),
        ));
    }
    Ok(Some(Location { path, shown }))
}

/// The value of `config`, and its place.
struct Pointer {
    text: String,
    place: String,
}

/// The pointer of a manifest; `None` if it has none. A manifest that cargo cannot read either is left to cargo.
fn pointer(source: &str) -> Result<Option<Pointer>, Diagnostic> {
    let Ok(document) = Document::parse(source) else {
        return Ok(None);
    };
    let root = document.as_item();
    let Some(table) = ["package", "metadata", "poolcfg"]
        .into_iter()
        .try_fold(root, |item: &Item, key| item.get(key))
    else {
        return Ok(None);
    };
    let place = |item: &Item| {
        let at = item.span().map_or(0, |span| span.start);
        let place = place_of(source, at);
        format!("Cargo.toml:{}:{}", place.line, place.column)
    };
    let wrong = |code, message: String| {
        problem(
            code,
            message,
            Some("expected `config = \"../poolcfg.toml\"`".to_owned()),
        )
    };
    let Some(keys) = table.as_table_like() else {
        return Err(wrong(
            Code::WrongType,
            format!(
                "invalid type for `package.metadata.poolcfg`: expected a table ({})",
                place(table)
            ),
        ));
    };
    if let Some((key, item)) = keys.iter().find(|(key, _)| *key != "config") {
        return Err(wrong(
            Code::UnknownKey,
            format!(
                "unknown key `{key}` in `[package.metadata.poolcfg]` ({})",
                place(item)
            ),
        ));
    }
    let Some(config) = keys.get("config") else {
        return Ok(None);
    };
    match config.as_str() {
        Some(text) => Ok(Some(Pointer {
            text: text.to_owned(),
            place: place(config),
        })),
        None => Err(wrong(
            Code::WrongType,
            format!(
                "invalid type for `config`: expected a string ({})",
                place(config)
            ),
        )),
    }
}

fn problem(code: Code, message: String, help: Option<String>) -> Diagnostic {
    Diagnostic {
        code,
        message: escaped(&message).to_string(),
        span: None,
        label: String::new(),
        help: help.map(|help| escaped(&help).to_string()),
    }
}

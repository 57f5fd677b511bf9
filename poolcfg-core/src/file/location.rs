//! Where poolcfg.toml is: the one rule for command and macro.

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item};

use crate::base::code::Code;
use crate::base::escape::escaped;
use crate::file::diagnostic::place_of;
use crate::file::workspace::{self, shown};
use crate::file::{Diagnostic, FILE_NAME, read_text};

/// Where the file of a package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its path: the directory of the manifest and `shown`.
    pub path: PathBuf,
    /// Its path from the directory of the manifest, with `/` between the parts, such as
    /// `poolcfg.toml` or `../poolcfg.toml`: what messages say.
    pub shown: String,
    /// The path of the workspace's Cargo.toml from there, such as `../Cargo.toml`, where that points to the file;
    /// `None` if the package itself says where it is.
    pub workspace: Option<String>,
    /// Whether the package's own Cargo.toml points to the file.
    is_pointed: bool,
}

impl Location {
    /// Where the file of the package whose Cargo.toml is at `manifest_path` is, or would be: where
    /// `config = "../poolcfg.toml"` under `[package.metadata.poolcfg]` points, or beside the manifest if it is there, or
    /// where `config` under `[workspace.metadata.poolcfg]` of its workspace points, or else beside the manifest. `show` is
    /// how messages call a file: it gets the path and the way to it from the directory of the manifest.
    ///
    /// # Errors
    /// When the manifest cannot be read, or a pointer is none or points at a folder.
    pub fn of(
        manifest_path: &Path,
        show: &dyn Fn(&Path, &str) -> String,
    ) -> Result<Self, Diagnostic> {
        Ok(Self::pointed(manifest_path, show)?.0)
    }

    /// The table of a Cargo.toml that points to the file; `None` if it is beside the package's Cargo.toml.
    #[must_use]
    pub const fn pointer(&self) -> Option<&'static str> {
        match (&self.workspace, self.is_pointed) {
            (Some(_), _) => Some("`[workspace.metadata.poolcfg]`"),
            (None, true) => Some("`[package.metadata.poolcfg]`"),
            (None, false) => None,
        }
    }

    /// The same, with the place of the pointer that says it.
    fn pointed(
        manifest_path: &Path,
        show: &dyn Fn(&Path, &str) -> String,
    ) -> Result<(Self, Option<String>), Diagnostic> {
        let source = read_text(manifest_path).map_err(|error| {
            problem(
                Code::Io,
                format!(
                    "cannot read `{}`: {error}",
                    show(manifest_path, "Cargo.toml")
                ),
                None,
            )
        })?;
        if let Some(pointer) =
            Pointer::read(&source, "package", &show(manifest_path, "Cargo.toml"))?
        {
            let path = manifest_path.with_file_name(&pointer.text);
            pointer.is_no_folder(&path, &show(&path, &pointer.text))?;
            let location = Self {
                path,
                shown: pointer.text,
                workspace: None,
                is_pointed: true,
            };
            return Ok((location, Some(pointer.place)));
        }
        let beside = Self {
            path: manifest_path.with_file_name(FILE_NAME),
            shown: FILE_NAME.to_owned(),
            workspace: None,
            is_pointed: false,
        };
        // Whatever is there is meant to be read: what cannot be is an error, not the defaults.
        if std::fs::symlink_metadata(&beside.path).is_ok() {
            return Ok((beside, None));
        }
        match Self::of_workspace(manifest_path, show)? {
            Some((location, place)) => Ok((location, Some(place))),
            None => Ok((beside, None)),
        }
    }

    /// Where the workspace points, and the place of the pointer.
    fn of_workspace(
        manifest_path: &Path,
        show: &dyn Fn(&Path, &str) -> String,
    ) -> Result<Option<(Self, String)>, Diagnostic> {
        let way = workspace::from_manifest(manifest_path);
        let Some(manifest) = way.and_then(|way| shown(&way, "Cargo.toml")) else {
            return Ok(None);
        };
        let root = manifest_path.with_file_name(&manifest);
        // What cargo cannot read either is left to cargo.
        let Ok(source) = read_text(&root) else {
            return Ok(None);
        };
        let Some(pointer) = Pointer::read(&source, "workspace", &show(&root, &manifest))? else {
            return Ok(None);
        };
        let folder = manifest.strip_suffix("Cargo.toml").unwrap_or_default();
        let path = root.with_file_name(&pointer.text);
        let way = format!("{folder}{}", pointer.text);
        pointer.is_no_folder(&path, &show(&path, &way))?;
        let location = Self {
            path,
            shown: way,
            workspace: Some(manifest),
            is_pointed: false,
        };
        Ok(Some((location, pointer.place)))
    }
}

/// The file of the package whose Cargo.toml is at `manifest_path`, where [`Location::of`] says, which also says what `show`
/// is; `None` if it has none.
///
/// # Errors
/// When the manifest cannot be read, or a pointer is none or points at nothing.
pub fn locate(
    manifest_path: &Path,
    show: &dyn Fn(&Path, &str) -> String,
) -> Result<Option<Location>, Diagnostic> {
    let (location, pointer) = Location::pointed(manifest_path, show)?;
    let Some(place) = pointer else {
        let is_there = std::fs::symlink_metadata(&location.path).is_ok();
        return Ok(is_there.then_some(location));
    };
    if location.path.is_file() {
        return Ok(Some(location));
    }
    Err(problem(
        Code::NoFile,
        format!(
            "`config` points to `{}`, which does not exist ({place})",
            show(&location.path, &location.shown)
        ),
        Some(
            "`cargo poolcfg init` writes it; the path is relative to the directory of that Cargo.toml".to_owned(),
        ),
    ))
}

/// The value of `config`, and its place.
struct Pointer {
    text: String,
    place: String,
}

impl Pointer {
    /// Holds it to a path, which messages call `shown`.
    ///
    /// # Errors
    /// When a folder is there.
    fn is_no_folder(&self, path: &Path, shown: &str) -> Result<(), Diagnostic> {
        if !path.is_dir() {
            return Ok(());
        }
        let file = format!("{}/{FILE_NAME}", self.text.trim_end_matches('/'));
        Err(problem(
            Code::NoFile,
            format!(
                "`config` points to `{shown}`, which is a folder ({})",
                self.place
            ),
            Some(format!("name the file: `config = \"{file}\"`")),
        ))
    }

    /// The one in `[TABLE.metadata.poolcfg]` of a manifest, which messages call `shown`; `None` if it has none. A manifest
    /// that cargo cannot read either is left to cargo.
    fn read(source: &str, table: &str, shown: &str) -> Result<Option<Self>, Diagnostic> {
        let Ok(document) = Document::parse(source) else {
            return Ok(None);
        };
        let root = document.as_item();
        let Some(own) = [table, "metadata", "poolcfg"]
            .into_iter()
            .try_fold(root, |item: &Item, key| item.get(key))
        else {
            return Ok(None);
        };
        let place = |item: &Item| {
            let at = item.span().map_or(0, |span| span.start);
            let place = place_of(source, at);
            format!("{shown}:{}:{}", place.line, place.column)
        };
        let wrong = |code, message: String| {
            problem(
                code,
                message,
                Some("expected `config = \"../poolcfg.toml\"`".to_owned()),
            )
        };
        let Some(keys) = own.as_table_like() else {
            return Err(wrong(
                Code::WrongType,
                format!(
                    "invalid type for `{table}.metadata.poolcfg`: expected a table ({})",
                    place(own)
                ),
            ));
        };
        if let Some((key, item)) = keys.iter().find(|(key, _)| *key != "config") {
            return Err(wrong(
                Code::UnknownKey,
                format!(
                    "unknown key `{key}` in `[{table}.metadata.poolcfg]` ({})",
                    place(item)
                ),
            ));
        }
        let Some(config) = keys.get("config") else {
            return Ok(None);
        };
        let Some(text) = config.as_str() else {
            return Err(wrong(
                Code::WrongType,
                format!(
                    "invalid type for `config`: expected a string ({})",
                    place(config)
                ),
            ));
        };
        let text = text.replace('\\', "/");
        let place = place(config);
        if text.is_empty() || Path::new(&text).is_absolute() || text.starts_with('/') {
            return Err(problem(
                Code::WrongType,
                format!(
                    "`config` must be a path relative to the directory of Cargo.toml ({place})"
                ),
                Some("write it as `config = \"../poolcfg.toml\"`".to_owned()),
            ));
        }
        Ok(Some(Self { text, place }))
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

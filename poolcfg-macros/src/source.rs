//! The source: the package's poolcfg.toml, found and read by the rule that the command uses too.

use std::env;
use std::path::PathBuf;

use poolcfg_core::file::{ConfigFile, FILE_NAME, Location, locate, nearest, read_text};

use crate::arguments::Arguments;

/// A poolcfg.toml that can be read.
pub(crate) struct Source {
    pub(crate) file: ConfigFile,
    /// Its path from the package's folder.
    pub(crate) shown: String,
}

/// Reads the file of the package that is compiled.
///
/// # Errors
/// Every mistake in it as the text of a compile error.
pub(crate) fn read() -> Result<Source, Vec<String>> {
    let Location { path, shown } = find().map_err(|mistake| vec![mistake])?;
    let text = read_text(&path).map_err(|error| vec![format!("cannot read `{shown}`: {error}")])?;
    match ConfigFile::parse(&text) {
        Ok(file) => Ok(Source { file, shown }),
        Err(mistakes) => Err(mistakes
            .iter()
            .map(|mistake| mistake.text(&text, &shown))
            .collect()),
    }
}

fn find() -> Result<Location, String> {
    let manifest = env::var_os("CARGO_MANIFEST_PATH")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?).join("Cargo.toml")))
        .ok_or("`CARGO_MANIFEST_DIR` is not set: compile with cargo, or set it to the folder of poolcfg.toml")?;
    match locate(&manifest) {
        Ok(Some(location)) => Ok(location),
        Ok(None) => Err(format!(
            "no {FILE_NAME} beside the package's Cargo.toml\n\
             help: `cargo poolcfg init` writes one; for a file elsewhere write `config = \"../{FILE_NAME}\"` under `[package.metadata.poolcfg]`"
        )),
        Err(mistake) => Err(mistake.text("", "Cargo.toml")),
    }
}

/// The index of the pool that the attribute means.
///
/// # Errors
/// The text of a compile error when the file has no such pool, or several and none is named.
pub(crate) fn pool(source: &Source, arguments: &Arguments) -> Result<usize, String> {
    let names = source.file.pool_names();
    let shown = &source.shown;
    let list = || {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let Some(wanted) = arguments.pool.as_ref().map(syn::LitStr::value) else {
        return match names {
            [] => Ok(0),
            [first, ..] => Err(format!(
                "{shown} has named pools ({}), but the attribute names none\n\
                 help: write `#[pool_limits(pool = \"{first}\")]`",
                list()
            )),
        };
    };
    if let Some(index) = names.iter().position(|name| *name == wanted) {
        return Ok(index);
    }
    let help = if names.is_empty() {
        format!("remove `pool`, or add a table `[pool.{wanted}]` to {shown}")
    } else {
        match nearest(&wanted, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("expected one of {}", list()),
        }
    };
    Err(format!(
        "{shown} has no pool `{}`\nhelp: {help}",
        wanted.escape_default()
    ))
}

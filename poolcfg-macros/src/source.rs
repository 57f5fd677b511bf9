//! The source: the package's poolcfg.toml, found and read by the rule that the command uses too.

use std::env;
use std::path::{Path, PathBuf};

use poolcfg_core::file::{
    ConfigFile, Diagnostic, FILE_NAME, Location, Lock, locate, nearest, read_text,
};
use poolcfg_core::{Code, and_more};

use crate::arguments::Arguments;

/// A poolcfg.toml that can be read.
pub(crate) struct FoundConfig {
    pub(crate) file: ConfigFile,
    /// Its path from the package's folder.
    pub(crate) shown: String,
    /// The path of Cargo.lock from there; `None` if nothing in it counts.
    pub(crate) lock: Option<String>,
    /// The path of the workspace's Cargo.toml from there; `None` if it does not point to the file.
    pub(crate) workspace: Option<String>,
}

/// Reads the file of the package that is compiled.
///
/// # Errors
/// Every mistake in it as the text of a compile error.
pub(crate) fn read() -> Result<FoundConfig, Vec<String>> {
    let manifest = manifest().map_err(|mistake| vec![mistake])?;
    let Location {
        path,
        shown,
        workspace,
        ..
    } = find(&manifest).map_err(|mistake| vec![mistake])?;
    let text = read_text(&path).map_err(|error| {
        let message = format!("cannot read `{shown}`: {error}");
        vec![told(
            Code::Io,
            message,
            "check that it is UTF-8 text that you can read",
        )]
    })?;
    let texts = |mistakes: Vec<Diagnostic>| {
        let told = mistakes.iter().take(Diagnostic::TOLD);
        let texts = told.map(|mistake| mistake.text(&text, &shown));
        let rest = mistakes.len().saturating_sub(Diagnostic::TOLD);
        let rest = u32::try_from(rest).unwrap_or(u32::MAX);
        let rest = (rest > 0).then(|| and_more(rest).as_str().to_owned());
        texts.chain(rest).collect::<Vec<_>>()
    };
    let file = ConfigFile::parse(&text).map_err(texts)?;
    // Without a version in the file there is nothing to compare.
    let lock = match file.names_version() {
        true => lock(&manifest),
        false => None,
    };
    let used = lock.as_ref().and_then(|lock| lock.wasmtime);
    let wrong = used.map_or_else(Vec::new, |used| file.other_versions(used));
    if !wrong.is_empty() {
        return Err(texts(wrong));
    }
    Ok(FoundConfig {
        file,
        shown,
        lock: lock.map(|lock| lock.shown),
        workspace,
    })
}

/// The Cargo.lock of the package that is compiled; `None` if it may not be that of this build. cargo passes over the lock
/// file of a path dependency, which has a workspace of its own. It runs the compiler in the root of the workspace that it
/// builds for all packages within that folder, and in the root of the package for others.
fn lock(manifest: &Path) -> Option<Lock> {
    let name = env::var("CARGO_PKG_NAME").ok()?;
    let version = env::var("CARGO_PKG_VERSION").ok()?;
    let lock = Lock::of(manifest, &name, &version)?;
    let root = env::current_dir().ok()?.canonicalize().ok()?;
    let own = manifest.parent()?;
    let is_root_of_package = own.canonicalize().ok()? == root;
    // A package of another workspace is built in its own root as well, with `-p` even as one that cargo was asked for.
    let is_primary = env::var_os("CARGO_PRIMARY_PACKAGE").is_some();
    let is_own = is_target_chosen() || builds_into(&own.join("target"));
    let is_built = !is_root_of_package || (is_primary && is_own);
    (is_built && lock.folder.canonicalize().ok()? == root).then_some(lock)
}

/// Whether variables say where all builds go, so that the folder tells nothing of the workspace.
fn is_target_chosen() -> bool {
    let mut names = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"].into_iter();
    names.any(|name| env::var_os(name).is_some())
}

/// Whether the compiler writes into this folder, or one in it.
fn builds_into(folder: &Path) -> bool {
    let mut arguments = env::args_os().skip_while(|argument| argument != "--out-dir");
    let written = arguments.nth(1).map(PathBuf::from);
    written.is_some_and(|written| written.starts_with(folder))
}

/// The Cargo.toml of the package that is compiled.
fn manifest() -> Result<PathBuf, String> {
    env::var_os("CARGO_MANIFEST_PATH")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?).join("Cargo.toml")))
        .ok_or_else(|| {
            told(
                Code::Tool,
                "`CARGO_MANIFEST_DIR` is not set",
                "compile with cargo, or set it to the folder of poolcfg.toml",
            )
        })
}

fn find(manifest: &Path) -> Result<Location, String> {
    // Messages of the compiler name files from the folder of the package.
    match locate(manifest, &|_, own| own.to_owned()) {
        Ok(Some(location)) => Ok(location),
        Ok(None) => Err(told(
            Code::NoFile,
            format!("no {FILE_NAME} beside the package's Cargo.toml"),
            format!(
                "`cargo poolcfg init` writes one; for a file elsewhere write `config = \"../{FILE_NAME}\"` under `[package.metadata.poolcfg]`, or under `[workspace.metadata.poolcfg]` for all packages"
            ),
        )),
        Err(mistake) => Err(mistake.text("", "Cargo.toml")),
    }
}

/// The index of the pool that the attribute means.
///
/// # Errors
/// The text of a compile error when the file has no such pool, or several and none is named.
pub(crate) fn pool(source: &FoundConfig, arguments: &Arguments) -> Result<usize, String> {
    let names = source.file.pool_names();
    let shown = &source.shown;
    let list = || {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let Some(wanted) = arguments.pool.as_ref().map(syn::LitStr::value) else {
        return match names {
            [] => Ok(0),
            [first, ..] => Err(told(
                Code::UnknownPool,
                format!(
                    "{shown} has named pools ({}), but the attribute names none",
                    list()
                ),
                format!("write `#[pool_limits(pool = \"{first}\")]`"),
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
    Err(told(
        Code::UnknownPool,
        format!("{shown} has no pool `{}`", wanted.escape_default()),
        help,
    ))
}

/// The text of a compile error that is about no text of a file; `help` may be empty.
pub(crate) fn told(code: Code, message: impl Into<String>, help: impl Into<String>) -> String {
    let help = help.into();
    let diagnostic = Diagnostic {
        code,
        message: message.into(),
        span: None,
        label: String::new(),
        help: (!help.is_empty()).then_some(help),
    };
    diagnostic.text("", "")
}

//! The tables of pools in a poolcfg.toml: how messages call them, and the one that is edited.

use std::ops::Range;

use poolcfg_core::{Code, WasmtimeFeature, WasmtimeFeatures};
use toml_edit::{Item, Key, TableLike, Value};

use crate::cli::error::Error;
use crate::project::edit::Edit;

/// The table of a pool that is Wasmtime's, and the word for that engine.
pub(crate) const WASMTIME: &str = "wasmtime";

/// The table with this key; `None` if it has no such table.
pub(crate) fn table<'t>(of: &'t dyn TableLike, key: &str) -> Option<&'t dyn TableLike> {
    of.get(key)?.as_table_like()
}

/// The features that a `wasmtime` table lists, and where.
pub(crate) fn features(own: &dyn TableLike) -> Option<(WasmtimeFeatures, Range<usize>)> {
    let features = own.get("features")?;
    let words = features.as_array()?.iter().filter_map(Value::as_str);
    let known = words.filter_map(WasmtimeFeature::from_word);
    let listed = known.fold(WasmtimeFeatures::EMPTY, WasmtimeFeatures::with);
    Some((listed, features.span()?))
}

/// The header of the `wasmtime` table of the pool at `path`.
pub(crate) fn header(path: &[String]) -> String {
    of_keys(path.iter().map(String::as_str).chain([WASMTIME]))
}

/// The header of the table of the pool at `path`.
pub(crate) fn pool_header(path: &[String]) -> String {
    of_keys(path.iter().map(String::as_str))
}

fn of_keys<'k>(keys: impl Iterator<Item = &'k str>) -> String {
    let keys: Vec<_> = keys
        .map(|key| Key::new(key).display_repr().into_owned())
        .collect();
    format!("[{}]", keys.join("."))
}

/// The `wasmtime` table of the pool at `path`, of which some value stands `at` that byte.
///
/// # Errors
/// When it cannot be found again, which is a fault of ours.
pub(crate) fn edited<'e>(
    edit: &'e mut Edit<'_>,
    path: &[String],
    at: usize,
) -> Result<&'e mut Item, Error> {
    edit.table(path, WASMTIME, at).ok_or_else(|| {
        Error::new(
            Code::Io,
            format!("`{}` cannot be found again", header(path)),
            "this is a bug in poolcfg: please report it, and set the keys by hand",
        )
    })
}

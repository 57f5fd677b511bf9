//! The tables of pools in a poolcfg.toml: where they are, how messages call them, and the one that is edited.

use poolcfg_core::Code;
use toml_edit::{Document, Item, Key, TableLike};

use crate::cli::error::Error;
use crate::project::edit::Edit;

/// The table of a pool that is Wasmtime's, and the word for that engine.
pub(crate) const WASMTIME: &str = "wasmtime";

/// Every table of a pool with the keys that lead to it: `[pooling_allocator]`, `[pool.NAME]`, and both under
/// `[target.…]`, each after those that it starts from.
pub(crate) fn pool_tables<'d>(
    document: &'d Document<&str>,
) -> Vec<(Vec<String>, &'d dyn TableLike)> {
    let mut tables = Vec::new();
    of_layer(document.as_table(), &[], &mut tables);
    let targets = table(document.as_table(), "target");
    for (target, item) in targets.into_iter().flat_map(TableLike::iter) {
        if let Some(layer) = item.as_table_like() {
            of_layer(layer, &["target", target], &mut tables);
        }
    }
    tables
}

fn of_layer<'d>(
    layer: &'d dyn TableLike,
    path: &[&str],
    tables: &mut Vec<(Vec<String>, &'d dyn TableLike)>,
) {
    let keys = |own: &[&str]| {
        path.iter()
            .chain(own)
            .map(|key| (*key).to_owned())
            .collect()
    };
    if let Some(base) = table(layer, "pooling_allocator") {
        tables.push((keys(&["pooling_allocator"]), base));
    }
    for (name, item) in table(layer, "pool").into_iter().flat_map(TableLike::iter) {
        if let Some(pool) = item.as_table_like() {
            tables.push((keys(&["pool", name]), pool));
        }
    }
}

/// The table with this key; `None` if it has no such table.
pub(crate) fn table<'t>(of: &'t dyn TableLike, key: &str) -> Option<&'t dyn TableLike> {
    of.get(key)?.as_table_like()
}

/// The header of the `wasmtime` table of the pool at `path`.
pub(crate) fn header(path: &[String]) -> String {
    let keys = path.iter().map(String::as_str).chain([WASMTIME]);
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

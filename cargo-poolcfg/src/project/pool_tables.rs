//! The tables of pools in a poolcfg.toml: where they are, how messages call them, and the one that is edited.

use poolcfg_core::Code;
use poolcfg_core::file::TargetFacts;
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

/// Whether a table of [`pool_tables`] is also said of the pool of a later one, which wins.
pub(crate) fn underlies(table: &[String], later: &[String]) -> bool {
    let (of, own) = split(table);
    let (of_later, own_later) = split(later);
    (of.is_empty() || of == of_later) && (own == ["pooling_allocator"] || own == own_later)
}

/// Whether two tables of [`pool_tables`] are of one pool, on whichever targets.
pub(crate) fn is_of_one_pool(table: &[String], other: &[String]) -> bool {
    split(table).1 == split(other).1
}

/// Whether a table of [`pool_tables`] is said of the pool of this name on a target, and how late: the later one wins.
pub(crate) fn applies(table: &[String], facts: &TargetFacts, pool: &str) -> Option<Rank> {
    let (target, own) = split(table);
    let of_target = match target {
        [_, key] if !facts.is_meant_by(key) => return None,
        [_, key] if key.trim_start().starts_with("cfg(") => 1,
        [_, _] => 2,
        _ => 0,
    };
    match own {
        [all] if all == "pooling_allocator" => Some((of_target, false)),
        [_, name] if name == pool => Some((of_target, true)),
        _ => None,
    }
}

/// How late a table is said: by its target, and whether by the name of the pool. Of equals, the last in the file wins.
pub(crate) type Rank = (u8, bool);

/// The keys of the target, if it is of one, and those of the pool.
fn split(path: &[String]) -> (&[String], &[String]) {
    match path.first().map(String::as_str) {
        Some("target") => path.split_at(2),
        _ => path.split_at(0),
    }
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

#[cfg(test)]
mod tests {
    use poolcfg_core::file::{ConfigFile, TargetFacts};

    use super::*;

    const TRIPLE: &str = "riscv64gc-unknown-linux-gnu";

    /// The order of the tables is that in which the settings are laid over each other: whichever of them speak, the
    /// last that does wins.
    #[test]
    fn the_tables_are_in_the_order_of_the_settings() {
        let target = format!("target.{TRIPLE}.");
        let headers = ["pooling_allocator", "pool.a"];
        let headers: Vec<String> = ["", target.as_str()]
            .iter()
            .flat_map(|layer| headers.map(|own| format!("[{layer}{own}]")))
            .collect();
        // Which of the four say something, each its own number; the pool is always there.
        for said in 0..16_u32 {
            let tables = headers.iter().enumerate().map(|(index, header)| {
                let line = match said & 1 << index {
                    0 => String::new(),
                    _ => format!("max_instances = {}\n", index + 1),
                };
                format!("{header}\n{line}")
            });
            let text: String = tables.collect();
            let file = ConfigFile::parse(&text).unwrap();
            let settings = file.settings(&TargetFacts::builtin(TRIPLE).unwrap());
            let expected = settings.pools()[0]
                .max_instances
                .map(|key| u64::from(key.value));

            let document = Document::parse(text.as_str()).unwrap();
            let tables = pool_tables(&document);
            assert_eq!(tables.len(), 4);
            let (last, _) = &tables[3];
            let latest_first = tables.iter().rev();
            let found = latest_first
                .filter(|(path, _)| underlies(path, last))
                .find_map(|(_, table)| table.get("max_instances")?.as_integer());
            assert_eq!(
                found.map(|number| u64::try_from(number).unwrap()),
                expected,
                "{text}"
            );
            let facts = TargetFacts::builtin(TRIPLE).unwrap();
            let ranked = tables.iter().filter_map(|(path, table)| {
                table.get("max_instances")?;
                Some((
                    applies(path, &facts, "a")?,
                    table.get("max_instances")?.as_integer()?,
                ))
            });
            let last = ranked.max().map(|(_, number)| number);
            assert_eq!(last.map(|number| u64::try_from(number).unwrap()), expected);
        }
        let other = ["pool".to_owned(), "b".to_owned()];
        let own = ["pool".to_owned(), "a".to_owned()];
        assert!(!underlies(&own, &other));
    }
}

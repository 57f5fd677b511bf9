//! The keys of all `--set` flags, read as those of the file are.

use toml_edit::TableLike;

use crate::base::code::Code;
use crate::file::condition::Condition;
use crate::file::layer::Layer;
use crate::file::notes::{Entry, Notes, TABLES, entries};
use crate::file::reader::{Reader, TARGET_TABLES, table_of};
use crate::file::{ConfigFile, Diagnostic, nearest};
use crate::setting::{AddressSpaceKeys, PoolKeys, WasmtimeKeys};
use crate::target::profile::OwnProfile;

/// What flags say beside a file.
pub(super) struct FlagKeys {
    /// The names of all pools.
    pub(super) names: Vec<String>,
    /// The profiles that the flags describe.
    pub(super) profiles: Vec<(String, OwnProfile<'static>)>,
    /// The keys: those for every target, and then those for some.
    pub(super) layers: Vec<Layer>,
}

/// Reads what flags say beside a file, whose pools and profiles they may use. A file without named pools takes the names
/// that they have.
///
/// # Errors
/// Every mistake, in the order of the flags.
pub(super) fn read_flags(
    root: &dyn TableLike,
    notes: Notes<'_>,
    file: &ConfigFile,
) -> Result<FlagKeys, Vec<Diagnostic>> {
    let mut reader = Reader::new(notes, file.names.clone());
    let tables = entries(root);
    if let Some(pools) = table_of(&tables, "pool").filter(|_| file.names.is_empty()) {
        reader.pool_names(&entries(pools));
    }
    if let Some(profiles) = table_of(&tables, "va_profile") {
        reader.profile_names(&entries(profiles));
    }
    let own = file.profiles.iter().map(|(name, _)| name.clone());
    reader.profile_names.extend(own);
    let mut layer = Layer::new(Condition::Always);
    let mut layers = Vec::new();
    let mut profiles = Vec::new();
    for entry in &tables {
        match entry.key {
            "target" => layers = reader.target_table(entry),
            "va_profile" => profiles = reader.profiles(entry),
            key if TARGET_TABLES.contains(&key) => {
                reader.layer_table(entry, &mut layer, "", &TABLES)
            }
            _ => unknown_root(entry, &TABLES, &mut reader.notes),
        }
    }
    layers.insert(0, layer);
    let Reader {
        mut notes, names, ..
    } = reader;
    if notes.diagnostics.is_empty() {
        return Ok(FlagKeys {
            names,
            profiles,
            layers,
        });
    }
    notes
        .diagnostics
        .sort_by_key(|diagnostic| diagnostic.span.as_ref().map(|span| span.start));
    Err(notes.diagnostics)
}

/// A table or a key at the root of a flag that none is.
fn unknown_root(entry: &Entry<'_>, tables: &[&str], notes: &mut Notes<'_>) {
    let key = entry.key;
    let in_table = |table: &str, names: &[&'static str]| {
        let near = nearest(key, names.iter().copied())?;
        Some(format!("did you mean `{table}.{near}`?"))
    };
    let help = nearest(key, tables.iter().copied())
        .map(|near| format!("did you mean `{near}`?"))
        .or_else(|| in_table("address_space", AddressSpaceKeys::NAMES))
        .or_else(|| in_table("pooling_allocator", PoolKeys::NAMES))
        .or_else(|| in_table("pooling_allocator.wasmtime", WasmtimeKeys::NAMES))
        .unwrap_or_else(|| {
            "expected a key with its table, such as `pooling_allocator.max_instances`".to_owned()
        });
    notes.mistake(
        Code::UnknownKey,
        &entry.key_span,
        format!("unknown key `{key}` in `--set`"),
        "unknown key",
        Some(help),
    );
}

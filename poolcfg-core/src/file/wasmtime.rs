//! Wasmtime: the keys of `[pooling_allocator.wasmtime]` and of `[pool.NAME.wasmtime]`.

use toml_edit::TableLike;

use crate::base::code::Code;
use crate::engine::wasmtime::{
    WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion, WasmtimeVersionError,
};
use crate::file::nearest;
use crate::file::values::{Entry, Notes, entries, list};
use crate::setting::{Key, WasmtimeKeys};

/// Wasmtime's settings for collected heaps, which it copies from those for memories as long as none of
/// them is set. Source: crates/wasmtime/src/config.rs:2718 and 2787-2822 (v48).
const COPIED: [&str; 4] = [
    "gc_heap_reservation",
    "gc_heap_guard_size",
    "gc_heap_reservation_for_growth",
    "gc_heap_may_move",
];

/// Reads one such table.
pub(super) fn read(table: &dyn TableLike, place: &str, notes: &mut Notes<'_>) -> WasmtimeKeys {
    let mut keys = WasmtimeKeys::EMPTY;
    for entry in &entries(table) {
        match entry.key {
            "version" => keys.version = version(entry, notes),
            "features" => keys.features = features(entry, notes),
            "memories_per_instance" => keys.memories_per_instance = notes.count(entry),
            "tables_per_instance" => keys.tables_per_instance = notes.count(entry),
            "core_instances_per_instance" => {
                keys.core_instances_per_instance = notes.count(entry);
            }
            "gc_heaps_per_instance" => keys.gc_heaps_per_instance = notes.count(entry),
            "table_elements" => keys.table_elements = notes.count(entry),
            "guard_before_linear_memory" => {
                keys.guard_before_linear_memory = notes.flag(entry);
            }
            "memory_protection_keys" => keys.memory_protection_keys = notes.count(entry),
            "max_wasm_stack" => keys.max_wasm_stack = notes.size(entry),
            "max_core_instance_size" => keys.max_core_instance_size = notes.size(entry),
            "max_component_instance_size" => {
                keys.max_component_instance_size = notes.size(entry);
            }
            "memory_keep_resident" => keys.memory_keep_resident = notes.size(entry),
            "table_keep_resident" => keys.table_keep_resident = notes.size(entry),
            "pagemap_scan" => keys.pagemap_scan = notes.switch(entry),
            key if COPIED.contains(&key) => notes.mistake(
                Code::RefusedByWasmtime,
                &entry.key_span,
                format!(
                    "`{key}` of a pool must be that of its memories, or `Engine::new` refuses it"
                ),
                "not settable beside a pool",
                Some("take it out: Wasmtime copies the memories' settings".to_owned()),
            ),
            _ => notes.unknown_key(entry, place, WasmtimeKeys::NAMES),
        }
    }
    keys
}

fn version(entry: &Entry<'_>, notes: &mut Notes<'_>) -> Key<WasmtimeVersion> {
    let Some(text) = entry.item.as_str() else {
        let number = entry.item.as_integer();
        let help = number.map(|number| format!("write `version = \"{number}\"`"));
        notes.wrong_type(entry, "a version in quotes", help);
        return None;
    };
    match WasmtimeVersion::parse(text) {
        Ok(version) => Some(notes.setting(entry, version)),
        Err(error) => {
            let (label, help) = match error {
                WasmtimeVersionError::NotVersion => (
                    "not a version",
                    "write the major version, such as `\"48\"`; `cargo poolcfg sync` takes it from Cargo.lock"
                        .to_owned(),
                ),
                WasmtimeVersionError::TooOld => (
                    "too old",
                    format!(
                        "versions from {} on are supported; the newest that is known is {}",
                        WasmtimeVersion::OLDEST,
                        WasmtimeVersion::NEWEST
                    ),
                ),
            };
            notes.mistake(
                Code::BadVersion,
                &entry.span,
                format!("version `{}` of Wasmtime is {error}", text.escape_default()),
                label,
                Some(help),
            );
            None
        }
    }
}

fn features(entry: &Entry<'_>, notes: &mut Notes<'_>) -> Key<WasmtimeFeatures> {
    let known = || WasmtimeFeature::ALL.iter().map(|feature| feature.word());
    let Some(array) = entry.item.as_array() else {
        let help = format!("write `features = [\"async\"]`, of {}", list(known()));
        notes.wrong_type(entry, "a list of features", Some(help));
        return None;
    };
    let mut features = WasmtimeFeatures::EMPTY;
    let mut whole = true;
    for value in array {
        let word = value.as_str().unwrap_or_default();
        if let Some(feature) = WasmtimeFeature::from_word(word) {
            features = features.with(feature);
            continue;
        }
        whole = false;
        let span = value.span().unwrap_or_else(|| entry.span.clone());
        let shown = match value.as_str() {
            Some(text) => text.escape_default().to_string(),
            None => notes
                .source
                .get(span.clone())
                .unwrap_or_default()
                .to_owned(),
        };
        let help = match nearest(word, known()) {
            Some(near) => format!(
                "did you mean `\"{near}\"`? Those that count are {}",
                list(known())
            ),
            None => format!("those that count are {}: leave others out", list(known())),
        };
        notes.mistake(
            Code::UnknownWord,
            &span,
            format!("feature `{shown}` of Wasmtime decides nothing that is mapped"),
            "not counted",
            Some(help),
        );
    }
    whole.then(|| notes.setting(entry, features))
}

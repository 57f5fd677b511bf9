//! Wasmtime: the keys of `[pooling_allocator.wasmtime]` and of `[pool.NAME.wasmtime]`.

use toml_edit::TableLike;

use crate::base::code::Code;
use crate::file::notes::{Entry, Notes, WORKLOAD, entries, with_article};
use crate::file::value::Value;
use crate::setting::WasmtimeKeys;

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
        if COPIED.contains(&entry.key) {
            let key = entry.key;
            notes.mistake(
                Code::RefusedByWasmtime,
                &entry.key_span,
                format!(
                    "`{key}` of a pool must be that of its memories, or `Engine::new` refuses it"
                ),
                "has no meaning in a pool",
                Some("remove it: Wasmtime copies the memories' settings".to_owned()),
            );
        } else if entry.key == WORKLOAD {
            check_workload(entry, notes);
        } else if !keys.read(entry.key, &mut Value { entry, notes }) {
            let names = [WasmtimeKeys::NAMES, &[WORKLOAD]].concat();
            notes.unknown_key(entry, place, &names);
        }
    }
    keys
}

fn check_workload(entry: &Entry<'_>, notes: &mut Notes<'_>) {
    let help = || Some(format!("write `{WORKLOAD} = [\"app.wasm\"]`"));
    let Some(array) = entry.item.as_array() else {
        notes.wrong_type(entry, "an array of paths", help());
        return;
    };
    for value in array.iter().filter(|value| value.as_str().is_none()) {
        let span = value.span().unwrap_or_else(|| entry.span.clone());
        notes.mistake(
            Code::WrongType,
            &span,
            format!(
                "invalid type in `{WORKLOAD}`: expected a path, found {}",
                with_article(value.type_name())
            ),
            "expected a string",
            help(),
        );
    }
}

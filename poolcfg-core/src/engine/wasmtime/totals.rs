//! Totals: how many of each kind a pool has in all, counted or written.

/// How many of each kind there are in all, as Wasmtime's configuration takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// `total_memories`
    pub memories: u32,
    /// `total_tables`
    pub tables: u32,
    /// `total_stacks`; none without the feature `async`.
    pub stacks: u32,
    /// `total_core_instances`
    pub core_instances: u32,
    /// `total_component_instances`
    pub component_instances: u32,
    /// `total_gc_heaps`; none without the feature `gc`.
    pub gc_heaps: u32,
}

impl Totals {
    /// Each of them with its key of poolcfg.toml.
    #[must_use]
    pub const fn keys(&self) -> [(&'static str, u32); 6] {
        [
            ("total_memories", self.memories),
            ("total_tables", self.tables),
            ("total_stacks", self.stacks),
            ("total_core_instances", self.core_instances),
            ("total_component_instances", self.component_instances),
            ("total_gc_heaps", self.gc_heaps),
        ]
    }
}

/// The totals of a pool whose poolcfg.toml writes some of them.
///
/// ```
/// use poolcfg_core::{Totals, WrittenTotals};
/// let all = |each| Totals {
///     memories: each,
///     tables: each,
///     stacks: each,
///     core_instances: each,
///     component_instances: each,
///     gc_heaps: each,
/// };
/// let written = WrittenTotals { instances: 8, totals: all(10) };
/// assert_eq!(written.of(8, &all(8)), all(10));
/// assert_eq!(written.of(7, &all(7)), all(7));
/// assert_eq!(written.of(12, &all(12)), all(12));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenTotals {
    /// How many instances they give: as many as the least of them has room for.
    pub instances: u32,
    /// All of them: those that are written, and what the others are then.
    pub totals: Totals,
}

impl WrittenTotals {
    /// The totals of so many instances, which need `counted`: as written where that are the instances that they give,
    /// never more where there are fewer, and never fewer where somebody asks for more. A total of zero stays zero: no
    /// instance has what it counts.
    #[must_use]
    pub const fn of(&self, instances: u32, counted: &Totals) -> Totals {
        let written = &self.totals;
        if instances == self.instances {
            return *written;
        }
        let fewer = instances < self.instances;
        Totals {
            memories: least_or_most(fewer, written.memories, counted.memories),
            tables: least_or_most(fewer, written.tables, counted.tables),
            stacks: least_or_most(fewer, written.stacks, counted.stacks),
            core_instances: least_or_most(fewer, written.core_instances, counted.core_instances),
            component_instances: least_or_most(
                fewer,
                written.component_instances,
                counted.component_instances,
            ),
            gc_heaps: least_or_most(fewer, written.gc_heaps, counted.gc_heaps),
        }
    }
}

const fn least_or_most(least: bool, written: u32, counted: u32) -> u32 {
    if written == 0 || least == (written < counted) {
        written
    } else {
        counted
    }
}

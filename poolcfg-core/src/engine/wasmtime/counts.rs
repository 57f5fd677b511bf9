//! Counts: how many of each kind one instance may have, and what is taken where poolcfg.toml does not say.

use core::fmt;

use super::Wasmtime;
use crate::base::text::Text;

/// What one instance has by default: a component is made of several core instances, and
/// has several tables.
///
/// Core instances take no address space, so their total follows the instances. Tables do, and are lowered to
/// what fits, down to one, before an instance is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceDefaults {
    /// `core_instances_per_instance`
    pub core_instances: u32,
    /// `tables_per_instance`
    pub tables: u32,
    /// `table_elements`; `None` for the default of the version of Wasmtime.
    pub table_elements: Option<u32>,
}

impl InstanceDefaults {
    /// What a component may have: those that wit-component makes have 3 or 4 core instances and 2 tables, and
    /// those of Componentize-Go 5 core instances, the most that wasmCloud has measured. Source:
    /// wasmCloud/wasmCloud, crates/wash-runtime/src/plugin/wasmcloud_messaging/mod.rs:459
    /// (`WORST_CASE_CORE_INSTANCES_PER_COMPONENT`, 7cd553cc).
    pub const COMPONENT: Self = Self {
        core_instances: 5,
        tables: 3,
        table_elements: None,
    };
}

/// How many of each kind one instance may have at most.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::Counts;
/// let counts = Counts { core_instances: 5, memories: 1, tables: 3, gc_heaps: None };
/// assert_eq!(counts.to_string(), "up to 5 core instances, 1 memory, 3 tables");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Core instances, including those of nested components and shims.
    pub core_instances: u32,
    /// Memories.
    pub memories: u32,
    /// Tables.
    pub tables: u32,
    /// Garbage-collected heaps with a place of their own; `None` if poolcfg.toml does not set it: a heap then takes the
    /// place of a memory.
    pub gc_heaps: Option<u32>,
}

impl Counts {
    /// The counts in words.
    pub(crate) const fn write(&self, text: Text) -> Text {
        let text = of(
            text.str("up to "),
            self.core_instances,
            "core instance",
            "core instances",
        );
        let text = of(text.str(", "), self.memories, "memory", "memories");
        let text = of(text.str(", "), self.tables, "table", "tables");
        match self.gc_heaps {
            Some(heaps) => of(
                text.str(", "),
                heaps,
                "garbage-collected heap",
                "garbage-collected heaps",
            ),
            None => text,
        }
    }
}

const fn of(text: Text, count: u32, one: &str, several: &str) -> Text {
    text.number(count)
        .str(" ")
        .str(if count == 1 { one } else { several })
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write(Text::new()).as_str())
    }
}

impl Wasmtime {
    /// What one instance may have.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        Counts {
            core_instances: match self.core_instances_per_instance {
                Some(each) => each,
                None => 1,
            },
            memories: self.memories_per_instance,
            tables: self.max_tables_per_module(),
            gc_heaps: self.gc_heaps_per_instance,
        }
    }
}

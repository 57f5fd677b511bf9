//! Numbers: what a host of Wasmtime may be told of a pool, each with its name and what depends on it.

use std::fmt;

use poolcfg_core::{
    FilePlace, InstanceDefaults, Limits, PoolKeys, Size, Totals, Wasmtime, WasmtimeKeys,
    WasmtimeVersion,
};
use serde::Serialize;

/// What depends on a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matters {
    /// What is mapped, or what code is compiled to: another number is another pool.
    Exactly,
    /// How much there may be at once, none of which is mapped ahead.
    AsBound,
    /// What one module or component may have.
    AsAllowance,
    /// What is of use where it is there, and what fits does without.
    Optional,
    /// Only how fast code runs that does without it.
    Not,
}

/// Makes [`Number`] of a table with one row for each: its word, what depends on it, the key of poolcfg.toml that says
/// it or that it follows from, and its value.
macro_rules! numbers {
    ($(
        $(#[$doc:meta])*
        $number:ident => $word:literal, $matters:ident, $($($key:ident).+)|+, |$of:ident| $value:expr;
    )+) => {
        /// One of the numbers of a pool.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Number {
            $($(#[$doc])* $number,)+
        }

        impl Number {
            /// In the order in which texts list them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$number),+];

            /// As poolcfg.toml calls it, or the JSON where the file does not have it.
            pub(crate) const fn word(self) -> &'static str {
                match self {
                    $(Self::$number => $word,)+
                }
            }

            pub(crate) const fn matters(self) -> Matters {
                match self {
                    $(Self::$number => Matters::$matters,)+
                }
            }

            /// Where poolcfg.toml says it, or what it follows from.
            pub(crate) fn place(self, keys: &PoolKeys) -> FilePlace {
                let place = match self {
                    $(Self::$number => None$(.or(keys.$($key).+.map(|key| key.place)))+,)+
                };
                place.unwrap_or(FilePlace::NOWHERE)
            }
        }

        impl Numbers {
            pub(crate) fn value(&self, number: Number) -> UnitValue {
                match number {
                    $(Number::$number => {
                        let $of = self;
                        $value
                    })+
                }
            }
        }
    };
}

numbers! {
    TotalMemories => "total_memories", Exactly, wasmtime.total_memories | wasmtime.memories_per_instance, |of| count(of.totals.memories);
    TotalTables => "total_tables", Exactly, wasmtime.total_tables | wasmtime.tables_per_instance, |of| count(of.totals.tables);
    TotalStacks => "total_stacks", Exactly, wasmtime.total_stacks | max_instances, |of| count(of.totals.stacks);
    TotalCoreInstances => "total_core_instances", AsBound, wasmtime.total_core_instances | wasmtime.core_instances_per_instance, |of| count(of.totals.core_instances);
    TotalComponentInstances => "total_component_instances", AsBound, wasmtime.total_component_instances | max_instances, |of| count(of.totals.component_instances);
    TotalGcHeaps => "total_gc_heaps", AsBound, wasmtime.total_gc_heaps | wasmtime.gc_heaps_per_instance, |of| count(of.totals.gc_heaps);
    MaxMemorySize => "max_memory_size", Exactly, max_memory_size, |of| bytes(of.limits.max_memory_size);
    TableElements => "table_elements", Exactly, wasmtime.table_elements, |of| UnitValue::Count(of.wasmtime.table_elements(&of.limits));
    MaxCoreInstanceSize => "max_core_instance_size", AsBound, wasmtime.max_core_instance_size, |of| bytes(of.wasmtime.max_core_instance_size);
    MaxComponentInstanceSize => "max_component_instance_size", AsBound, wasmtime.max_component_instance_size, |of| bytes(of.wasmtime.max_component_instance_size);
    MaxMemoriesPerModule => "max_memories_per_module", AsAllowance, wasmtime.memories_per_instance, |of| count(of.wasmtime.memories_per_instance);
    MaxTablesPerModule => "max_tables_per_module", AsAllowance, wasmtime.tables_per_instance, |of| count(of.wasmtime.max_tables_per_module());
    MaxCoreInstancesPerComponent => "core_instances_per_instance", AsAllowance, wasmtime.core_instances_per_instance, |of| count(of.wasmtime.counts().core_instances);
    MaxMemoriesPerComponent => "memories_per_instance", AsAllowance, wasmtime.memories_per_instance, |of| count(of.wasmtime.memories_per_instance);
    MaxTablesPerComponent => "tables_per_instance", AsAllowance, wasmtime.tables_per_instance, |of| count(of.wasmtime.max_tables_per_module());
    MemoryProtectionKeys => "memory_protection_keys", Exactly, wasmtime.memory_protection_keys, |of| count(if of.wasmtime.memory_protection_keys_auto { 0 } else { of.wasmtime.memory_protection_keys });
    /// Where the processor has none, slots lie as far apart as without.
    AutoProtectionKeys => "memory_protection_keys", Optional, wasmtime.memory_protection_keys, |of| UnitValue::Word(if of.wasmtime.memory_protection_keys_auto { "auto" } else { "no" });
    MemoryReservation => "memory_reservation", Exactly, memory_reservation, |of| bytes(of.limits.memory_reservation);
    GuardSize => "guard_size", Exactly, guard_size, |of| bytes(of.limits.guard_size);
    /// Memories of a pool never move; where nothing elides their checks, code that knows runs faster.
    MemoryMayMove => "memory_may_move", Not, memory_reservation, |of| UnitValue::Flag(of.wasmtime.memory_may_move(&of.limits));
    GuardBeforeLinearMemory => "guard_before_linear_memory", Exactly, wasmtime.guard_before_linear_memory, |of| UnitValue::Flag(of.wasmtime.guard_before_linear_memory);
    AsyncStackSize => "stack_reservation", Exactly, stack_reservation, |of| bytes(of.wasmtime.async_stack_size(&of.limits));
    MaxWasmStack => "max_wasm_stack", Exactly, wasmtime.max_wasm_stack, |of| bytes(of.wasmtime.max_wasm_stack);
    /// A slot whose pages stay is faster; what a host does not know of that costs nothing.
    MemoryKeepResident => "memory_keep_resident", Not, wasmtime.memory_keep_resident, |of| bytes(of.wasmtime.memory_keep_resident);
    TableKeepResident => "table_keep_resident", Not, wasmtime.table_keep_resident, |of| bytes(of.wasmtime.table_keep_resident);
    /// Where the kernel does not tell what was written (before Linux 6.7), all of it is cleared.
    PagemapScan => "pagemap_scan", Optional, wasmtime.pagemap_scan, |of| UnitValue::Word(if of.wasmtime.pagemap_scan { "auto" } else { "no" });
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub(crate) enum UnitValue {
    Count(u64),
    Bytes(u64),
    Flag(bool),
    Word(&'static str),
}

impl UnitValue {
    /// The value, or more.
    pub(crate) fn at_least(self, least: u64) -> Self {
        match self {
            Self::Count(count) => Self::Count(count.max(least)),
            other => other,
        }
    }
}

/// As poolcfg.toml takes it.
impl fmt::Display for UnitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Bytes(bytes) => write!(f, "\"{}\"", Size::bytes(*bytes).exact()),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// The numbers of one pool of Wasmtime's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    limits: Limits,
    wasmtime: Wasmtime,
    totals: Totals,
    keys: WasmtimeKeys,
}

impl Numbers {
    /// Those of a pool of Wasmtime's whose totals can be counted, of which poolcfg.toml says `keys`; `None` for
    /// another one.
    pub(crate) fn new(limits: &Limits, keys: &WasmtimeKeys) -> Option<Self> {
        let wasmtime = limits.wasmtime?;
        Some(Self {
            limits: *limits,
            wasmtime,
            totals: wasmtime.totals(limits)?,
            keys: *keys,
        })
    }

    pub(crate) fn version(&self) -> WasmtimeVersion {
        self.wasmtime.version
    }

    /// Whether a heap takes the place of a memory.
    pub(crate) fn heaps_are_memories(&self) -> bool {
        self.wasmtime.heaps_are_memories()
    }

    /// Whether calls have stacks of the pool to run on.
    pub(crate) fn has_stacks(&self) -> bool {
        self.totals.stacks > 0
    }

    /// How many instances there are.
    pub(crate) fn instances(&self) -> u32 {
        self.limits.max_instances
    }

    /// Whether somebody has asked for it, and it is not what follows where nothing is said.
    pub(crate) fn is_said(&self, number: Number) -> bool {
        let keys = &self.keys;
        match number {
            Number::TotalGcHeaps => {
                keys.total_gc_heaps.is_some() || keys.gc_heaps_per_instance.is_some()
            }
            Number::TotalTables => {
                keys.total_tables.is_some() || keys.tables_per_instance.is_some()
            }
            Number::TotalCoreInstances => {
                keys.total_core_instances.is_some() || keys.core_instances_per_instance.is_some()
            }
            Number::TableElements => keys.table_elements.is_some(),
            _ => true,
        }
    }

    /// What is said of it, where that is one number and not what follows from several.
    pub(super) fn said(&self, number: Number) -> Option<UnitValue> {
        match number {
            Number::TotalGcHeaps => self.keys.total_gc_heaps.map(|said| count(said.value)),
            _ => None,
        }
    }

    /// Whether something else is said of it than the host has, which is counted ([`Host::untold`](super::Host::untold)).
    pub(super) fn is_outranked(&self, number: Number, own: UnitValue) -> bool {
        self.value(number) == own && self.said(number).is_some_and(|said| said != own)
    }

    /// Whether so many are needed, since somebody has asked for them or every instance takes one.
    pub(super) fn is_needed(&self, number: Number) -> bool {
        self.is_said(number)
            || (number == Number::TotalGcHeaps && self.wasmtime.every_store_has_heap())
    }

    /// Whether what is beyond another setting is mapped, too: a heap that does not take the place of a memory.
    pub(super) fn is_of_sum(&self, number: Number) -> bool {
        number == Number::TotalGcHeaps && !self.heaps_are_memories()
    }

    /// What a host that has `instance` of itself has of a number, for as many instances; `None` for a number
    /// that does not follow from it.
    pub(crate) fn of_host(&self, number: Number, instance: &InstanceDefaults) -> Option<UnitValue> {
        let all = |each: u32| UnitValue::Count(u64::from(self.instances().saturating_mul(each)));
        match number {
            Number::TotalTables => Some(all(instance.tables)),
            Number::TotalCoreInstances => Some(all(instance.core_instances)),
            Number::TableElements => {
                let elements = instance.table_elements?;
                Some(UnitValue::Count(u64::from(elements)))
            }
            _ => None,
        }
    }

    /// What Wasmtime takes by default, where these are its own numbers. How much a component may have is
    /// 20 of each up to 25, and from 26 on everything. Source: crates/wasmtime/src/config.rs,
    /// `InstanceLimits::default` (v25, v26; v48: 3984).
    pub(crate) fn of_itself(&self, number: Number) -> UnitValue {
        match number {
            Number::MaxCoreInstancesPerComponent
            | Number::MaxMemoriesPerComponent
            | Number::MaxTablesPerComponent => UnitValue::Count(match self.version().major {
                ..=25 => 20,
                26.. => u64::from(u32::MAX),
            }),
            _ => self.value(number),
        }
    }
}

fn count(count: u32) -> UnitValue {
    UnitValue::Count(u64::from(count))
}

const fn bytes(size: Size) -> UnitValue {
    UnitValue::Bytes(size.get())
}

//! Numbers: what a host of Wasmtime may be told of a pool, each with its name and what depends on it.

use std::fmt;

use poolcfg_core::{
    InstanceDefaults, Limits, Place, PoolKeys, Size, Totals, Wasmtime, WasmtimeKeys,
    WasmtimeVersion,
};
use serde::Serialize;

/// One of the numbers of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    TotalMemories,
    TotalTables,
    TotalStacks,
    TotalCoreInstances,
    TotalComponentInstances,
    TotalGcHeaps,
    MaxMemorySize,
    TableElements,
    MaxCoreInstanceSize,
    MaxComponentInstanceSize,
    MaxMemoriesPerModule,
    MaxTablesPerModule,
    MaxCoreInstancesPerComponent,
    MaxMemoriesPerComponent,
    MaxTablesPerComponent,
    MemoryProtectionKeys,
    MemoryReservation,
    GuardSize,
    MemoryMayMove,
    GuardBeforeLinearMemory,
    AsyncStackSize,
    MaxWasmStack,
    MemoryKeepResident,
    TableKeepResident,
    PagemapScan,
}

/// What depends on a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matters {
    /// What is mapped, or what code is compiled to: another number is another pool.
    Exactly,
    /// How much there may be at once, none of which is mapped ahead.
    AsBound,
    /// What one module or component may have.
    AsAllowance,
    /// How fast slots are released, for who keeps pages.
    ForSpeed,
    /// Only how fast code runs that does without it.
    Not,
}

impl Number {
    /// In the order in which texts list them.
    pub(crate) const ALL: [Self; 25] = [
        Self::TotalMemories,
        Self::TotalTables,
        Self::TotalStacks,
        Self::TotalCoreInstances,
        Self::TotalComponentInstances,
        Self::TotalGcHeaps,
        Self::MaxMemorySize,
        Self::TableElements,
        Self::MaxCoreInstanceSize,
        Self::MaxComponentInstanceSize,
        Self::MaxMemoriesPerModule,
        Self::MaxTablesPerModule,
        Self::MaxCoreInstancesPerComponent,
        Self::MaxMemoriesPerComponent,
        Self::MaxTablesPerComponent,
        Self::MemoryProtectionKeys,
        Self::MemoryReservation,
        Self::GuardSize,
        Self::MemoryMayMove,
        Self::GuardBeforeLinearMemory,
        Self::AsyncStackSize,
        Self::MaxWasmStack,
        Self::MemoryKeepResident,
        Self::TableKeepResident,
        Self::PagemapScan,
    ];

    /// As poolcfg.toml calls it, or the JSON where the file does not have it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::TotalMemories => "total_memories",
            Self::TotalTables => "total_tables",
            Self::TotalStacks => "total_stacks",
            Self::TotalCoreInstances => "total_core_instances",
            Self::TotalComponentInstances => "total_component_instances",
            Self::TotalGcHeaps => "total_gc_heaps",
            Self::MaxMemorySize => "max_memory_size",
            Self::TableElements => "table_elements",
            Self::MaxCoreInstanceSize => "max_core_instance_size",
            Self::MaxComponentInstanceSize => "max_component_instance_size",
            Self::MaxMemoriesPerModule => "max_memories_per_module",
            Self::MaxTablesPerModule => "max_tables_per_module",
            Self::MaxCoreInstancesPerComponent => "core_instances_per_instance",
            Self::MaxMemoriesPerComponent => "memories_per_instance",
            Self::MaxTablesPerComponent => "tables_per_instance",
            Self::MemoryProtectionKeys => "memory_protection_keys",
            Self::MemoryReservation => "memory_reservation",
            Self::GuardSize => "guard_size",
            Self::MemoryMayMove => "memory_may_move",
            Self::GuardBeforeLinearMemory => "guard_before_linear_memory",
            Self::AsyncStackSize => "stack_reservation",
            Self::MaxWasmStack => "max_wasm_stack",
            Self::MemoryKeepResident => "memory_keep_resident",
            Self::TableKeepResident => "table_keep_resident",
            Self::PagemapScan => "pagemap_scan",
        }
    }

    pub(crate) const fn matters(self) -> Matters {
        match self {
            Self::TotalMemories
            | Self::TotalTables
            | Self::TotalStacks
            | Self::MaxMemorySize
            | Self::TableElements
            | Self::MemoryProtectionKeys
            | Self::MemoryReservation
            | Self::GuardSize
            | Self::GuardBeforeLinearMemory
            | Self::AsyncStackSize
            | Self::MaxWasmStack => Matters::Exactly,
            Self::TotalCoreInstances
            | Self::TotalComponentInstances
            | Self::TotalGcHeaps
            | Self::MaxCoreInstanceSize
            | Self::MaxComponentInstanceSize => Matters::AsBound,
            Self::MaxMemoriesPerModule
            | Self::MaxTablesPerModule
            | Self::MaxCoreInstancesPerComponent
            | Self::MaxMemoriesPerComponent
            | Self::MaxTablesPerComponent => Matters::AsAllowance,
            // Memories of a pool never move; where nothing elides their checks, code that knows runs faster.
            // So does a slot whose pages stay; what a host does not know of that costs nothing.
            Self::MemoryMayMove | Self::MemoryKeepResident | Self::TableKeepResident => {
                Matters::Not
            }
            Self::PagemapScan => Matters::ForSpeed,
        }
    }

    /// Where poolcfg.toml says it, or what it follows from.
    pub(crate) fn place(self, keys: &PoolKeys) -> Place {
        let own = &keys.wasmtime;
        let place = match self {
            Self::TotalMemories | Self::MaxMemoriesPerModule | Self::MaxMemoriesPerComponent => {
                own.memories_per_instance.map(|key| key.place)
            }
            Self::TotalTables | Self::MaxTablesPerModule | Self::MaxTablesPerComponent => {
                own.tables_per_instance.map(|key| key.place)
            }
            Self::TotalCoreInstances | Self::MaxCoreInstancesPerComponent => {
                own.core_instances_per_instance.map(|key| key.place)
            }
            Self::TotalGcHeaps => own.gc_heaps_per_instance.map(|key| key.place),
            Self::TotalStacks | Self::TotalComponentInstances => {
                keys.max_instances.map(|key| key.place)
            }
            Self::MaxMemorySize => keys.max_memory_size.map(|key| key.place),
            Self::TableElements => own.table_elements.map(|key| key.place),
            Self::MaxCoreInstanceSize => own.max_core_instance_size.map(|key| key.place),
            Self::MaxComponentInstanceSize => own.max_component_instance_size.map(|key| key.place),
            Self::MemoryProtectionKeys => own.memory_protection_keys.map(|key| key.place),
            Self::MemoryReservation | Self::MemoryMayMove => {
                keys.memory_reservation.map(|key| key.place)
            }
            Self::GuardSize => keys.guard_size.map(|key| key.place),
            Self::GuardBeforeLinearMemory => own.guard_before_linear_memory.map(|key| key.place),
            Self::AsyncStackSize => keys.stack_reservation.map(|key| key.place),
            Self::MaxWasmStack => own.max_wasm_stack.map(|key| key.place),
            Self::MemoryKeepResident => own.memory_keep_resident.map(|key| key.place),
            Self::PagemapScan => own.pagemap_scan.map(|key| key.place),
            Self::TableKeepResident => own.table_keep_resident.map(|key| key.place),
        };
        place.unwrap_or(Place::NOWHERE)
    }
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Count(u64),
    Bytes(u64),
    Flag(bool),
    Word(&'static str),
}

impl Value {
    /// The value, or more.
    pub(crate) fn at_least(self, least: u64) -> Self {
        match self {
            Self::Count(count) => Self::Count(count.max(least)),
            other => other,
        }
    }
}

/// As poolcfg.toml takes it.
impl fmt::Display for Value {
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
        match number {
            Number::TotalGcHeaps => self.keys.gc_heaps_per_instance.is_some(),
            Number::TotalTables => self.keys.tables_per_instance.is_some(),
            Number::TotalCoreInstances => self.keys.core_instances_per_instance.is_some(),
            Number::TableElements => self.keys.table_elements.is_some(),
            _ => true,
        }
    }

    /// What a host that has `instance` of itself has of a number, for as many instances; `None` for a number
    /// that does not follow from it.
    pub(crate) fn of_host(&self, number: Number, instance: &InstanceDefaults) -> Option<Value> {
        let all = |each: u32| Value::Count(u64::from(self.instances().saturating_mul(each)));
        match number {
            Number::TotalTables => Some(all(instance.tables)),
            Number::TotalCoreInstances => Some(all(instance.core_instances)),
            Number::TableElements => {
                let elements = instance.table_elements?;
                Some(Value::Count(u64::from(elements)))
            }
            _ => None,
        }
    }

    /// What Wasmtime takes of itself, where these are its own numbers. How much a component may have is
    /// 20 of each up to 25, and from 26 on everything. Source: crates/wasmtime/src/config.rs,
    /// `InstanceLimits::default` (v25, v26; v48: 3984).
    pub(crate) fn of_itself(&self, number: Number) -> Value {
        match number {
            Number::MaxCoreInstancesPerComponent
            | Number::MaxMemoriesPerComponent
            | Number::MaxTablesPerComponent => Value::Count(match self.version().major {
                ..=25 => 20,
                26.. => u64::from(u32::MAX),
            }),
            _ => self.value(number),
        }
    }

    pub(crate) fn value(&self, number: Number) -> Value {
        let count = |count: u32| Value::Count(u64::from(count));
        let bytes = |size: Size| Value::Bytes(size.get());
        let (limits, wasmtime, totals) = (&self.limits, &self.wasmtime, &self.totals);
        match number {
            Number::TotalMemories => count(totals.memories),
            Number::TotalTables => count(totals.tables),
            Number::TotalStacks => count(totals.stacks),
            Number::TotalCoreInstances => count(totals.core_instances),
            Number::TotalComponentInstances => count(totals.component_instances),
            Number::TotalGcHeaps => count(totals.gc_heaps),
            Number::MaxMemorySize => bytes(limits.max_memory_size),
            Number::TableElements => Value::Count(wasmtime.table_elements(limits)),
            Number::MaxCoreInstanceSize => bytes(wasmtime.max_core_instance_size),
            Number::MaxComponentInstanceSize => bytes(wasmtime.max_component_instance_size),
            Number::MaxMemoriesPerModule | Number::MaxMemoriesPerComponent => {
                count(wasmtime.memories_per_instance)
            }
            Number::MaxTablesPerModule | Number::MaxTablesPerComponent => {
                count(wasmtime.max_tables_per_module())
            }
            Number::MaxCoreInstancesPerComponent => count(wasmtime.counts().core_instances),
            Number::MemoryProtectionKeys => count(wasmtime.memory_protection_keys),
            Number::MemoryReservation => bytes(limits.memory_reservation),
            Number::GuardSize => bytes(limits.guard_size),
            Number::MemoryMayMove => Value::Flag(wasmtime.memory_may_move(limits)),
            Number::GuardBeforeLinearMemory => Value::Flag(wasmtime.guard_before_linear_memory),
            Number::AsyncStackSize => bytes(wasmtime.async_stack_size(limits)),
            Number::MaxWasmStack => bytes(wasmtime.max_wasm_stack),
            Number::MemoryKeepResident => bytes(wasmtime.memory_keep_resident),
            Number::TableKeepResident => bytes(wasmtime.table_keep_resident),
            // Where the kernel does not tell what was written (Linux 6.7), all of it is cleared.
            Number::PagemapScan => match wasmtime.pagemap_scan {
                true => Value::Word("auto"),
                false => Value::Word("no"),
            },
        }
    }
}

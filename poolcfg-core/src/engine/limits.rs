//! Limits: a pool's numbers, and the footprint they make.

use crate::base::size::Size;
use crate::engine::Engine;
use crate::engine::wasmtime::Wasmtime;

/// The numbers of one pool, as asked or as guaranteed.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Limits, Overflow, Size};
/// /// Address space of half of the instances, each with a memory of 1 GiB at most.
/// fn half(limits: &Limits) -> Result<Size, Overflow> {
///     let mut half = limits.with_instances(limits.max_instances / 2);
///     if half.has_memories() {
///         half = half.with_reservation(half.memory_reservation.min(Size::gib(1)));
///     }
///     println!("{} instances of the {} engine", half.max_instances, half.engine());
///     Ok(half.footprint(Size::kib(4))?.reserved_bytes())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many slots the pool has.
    pub max_instances: u32,
    /// Address space reserved for one memory; 0 bytes if there are none.
    pub memory_reservation: Size,
    /// The most that a memory may grow to.
    pub max_memory_size: Size,
    /// Guard on both sides of a memory.
    pub guard_size: Size,
    /// Whether a native pool has a guard before the first memory of each piece, too. Wasmtime has a setting of its own.
    pub guard_before: bool,
    /// Address space of one table; 0 bytes if there are none.
    pub table_reservation: Size,
    /// Address space of one stack; 0 bytes if there are none.
    pub stack_reservation: Size,
    /// How many pools of this shape are alive at once in one process.
    pub pools: u32,
    /// The settings of a Wasmtime pool; `None` for the native engine.
    pub wasmtime: Option<Wasmtime>,
}

impl Limits {
    /// The same limits with another number of instances.
    #[must_use]
    pub const fn with_instances(&self, max_instances: u32) -> Self {
        Self {
            max_instances,
            ..*self
        }
    }

    /// The same limits with another reservation, and a memory that stays within it.
    #[must_use]
    pub const fn with_reservation(&self, memory_reservation: Size) -> Self {
        Self {
            memory_reservation,
            max_memory_size: self.max_memory_size.min(memory_reservation),
            ..*self
        }
    }

    /// Whether each slot has a memory: a native pool may be one of tables, or stacks, only.
    #[must_use]
    pub const fn has_memories(&self) -> bool {
        !self.memory_reservation.is_zero()
    }

    /// The engine that makes the pool.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        match self.wasmtime {
            None => Engine::Native,
            Some(_) => Engine::Wasmtime,
        }
    }
}

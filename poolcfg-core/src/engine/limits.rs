//! Limits: a pool's numbers, and the footprint they make.

use crate::base::size::Size;
use crate::engine::Engine;
use crate::engine::wasmtime::Wasmtime;

/// The numbers of one pool, as asked or as guaranteed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many slots the pool has.
    pub max_instances: u32,
    /// Address space kept for one memory; no bytes for none.
    pub memory_reservation: Size,
    /// How far a memory may grow.
    pub max_memory_size: Size,
    /// Guard on both sides of a memory.
    pub guard_size: Size,
    /// Whether a native pool has a guard before the first memory of each piece, too. Wasmtime has a setting of its own.
    pub guard_before: bool,
    /// Address space of one table; no bytes for none.
    pub table_reservation: Size,
    /// Address space of one stack; no bytes for none.
    pub stack_reservation: Size,
    /// How many pools of this shape are alive at once in one process.
    pub pools: u32,
    /// What else Wasmtime goes by; nothing for the native engine.
    pub wasmtime: Option<Wasmtime>,
}

impl Limits {
    /// The same with another number of instances.
    #[must_use]
    pub const fn with_instances(&self, max_instances: u32) -> Self {
        Self {
            max_instances,
            ..*self
        }
    }

    /// The same with another reservation, and a memory that stays within it.
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

    /// Whether it is a native pool of tables or stacks only.
    pub(crate) const fn is_without_memories(&self) -> bool {
        self.wasmtime.is_none()
            && !self.has_memories()
            && (!self.table_reservation.is_zero() || !self.stack_reservation.is_zero())
    }

    /// Whose pool it is.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        match self.wasmtime {
            None => Engine::Native,
            Some(_) => Engine::Wasmtime,
        }
    }
}

//! One process: every pool of a file starts, in some order, and then all slots are in use at once.

use poolcfg_core::{Keep, Limits, Size};
use poolcfg_runtime::{AcquireError, Checked, Pool, PoolLimits, Region, Slot, WasmtimeLimits};
use poolcfg_tests_kernels::{Mapped, Use};

use crate::other_thread::OtherThread;

/// What a program maps between any two starts, if its headroom holds so much.
const BETWEEN: Size = Size::mib(8);

/// The limits of one pool, as the attribute makes them.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// poolcfg-runtime's own pool.
    Native(PoolLimits),
    /// Wasmtime's pooling allocator.
    Wasmtime(WasmtimeLimits),
}

impl Limit {
    /// The pool's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Native(limits) => limits.name(),
            Self::Wasmtime(limits) => limits.name(),
        }
    }

    /// What is guaranteed.
    #[must_use]
    pub const fn guaranteed(&self) -> Limits {
        match self {
            Self::Native(limits) => limits.guaranteed(),
            Self::Wasmtime(limits) => limits.guaranteed(),
        }
    }

    const fn keep(&self) -> Keep {
        match self {
            Self::Native(limits) => limits.keep(),
            Self::Wasmtime(limits) => limits.keep(),
        }
    }
}

/// How many slots a process uses at most: more are left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// So many are opened, which takes a system call or more for each.
    pub opened: u64,
    /// So many are written to, which takes pages.
    pub written: u64,
}

/// What is mapped between any two of so many starts: half of the headroom at most, since the program has to have the rest.
fn between(headroom: Size, starts: usize) -> Size {
    let starts = u64::try_from(starts).unwrap_or(u64::MAX).max(1);
    BETWEEN.min(Size::bytes(headroom.get() / 2 / starts))
}

/// A pool that has started, as long as its program keeps it.
enum Started {
    Native(Pool),
    Wasmtime {
        engine: Mapped<'static>,
        /// It lives as long as the engine.
        _checked: Box<Checked>,
    },
}

/// Starts the pools in this order, and keeps them, with something mapped between any two starts; then uses all of their
/// slots at once. How many were used. In another order than the file's, another thread maps meanwhile.
///
/// # Errors
/// What a pool is refused for, or less than its guarantee.
pub fn start(
    limits: &[Limit],
    order: &[usize],
    headroom: Size,
    slots: Slots,
) -> Result<u64, String> {
    let between = between(headroom, order.len());
    let other = match order.is_sorted() {
        true => None,
        false => OtherThread::start(headroom)?,
    };
    let started = start_each(limits, order, between)?;
    if let Some(other) = other {
        other.end()?;
    }
    use_all(&started, slots)
}

fn start_each(
    limits: &[Limit],
    order: &[usize],
    between: Size,
) -> Result<Vec<(Started, Limits)>, String> {
    let mut started = Vec::new();
    for (number, pool) in order.iter().enumerate() {
        if number > 0 {
            map(between)?;
        }
        let limit = &limits[*pool];
        let one = one(limit)
            .map_err(|error| format!("start {number}, pool `{}`: {error}", limit.name()))?;
        started.push(one);
    }
    Ok(started)
}

fn use_all(started: &[(Started, Limits)], slots: Slots) -> Result<u64, String> {
    let total: u64 = started.iter().map(|(_, limits)| regions(limits)).sum();
    if total > slots.opened {
        return Ok(0);
    }
    let how = match total > slots.written {
        true => Use::Opened,
        false => Use::Written,
    };
    let mut live = Vec::new();
    for (number, (started, limits)) in started.iter().enumerate() {
        let used = match started {
            Started::Native(pool) => every_slot(pool, limits.max_instances, how, &mut live),
            Started::Wasmtime { engine, .. } => engine.use_every_slot(how),
        };
        used.map_err(|error| format!("slots of start {number}: {error}"))?;
    }
    Ok(total)
}

/// Memory that lasts, of which nothing is touched: the allocator maps so much.
fn map(bytes: Size) -> Result<(), String> {
    let bytes = usize::try_from(bytes.get()).map_err(|error| error.to_string())?;
    let mut memory: Vec<u8> = Vec::new();
    memory
        .try_reserve_exact(bytes)
        .map_err(|error| format!("between two starts: {error}"))?;
    std::mem::forget(memory);
    Ok(())
}

/// Starts one pool, which has at least its guarantee.
fn one(limit: &Limit) -> Result<(Started, Limits), String> {
    match limit {
        Limit::Native(limits) => {
            let reserved = limits.recheck().map_err(|error| error.to_string())?;
            let taken = reserved.limits();
            enough(limit, &taken)?;
            let pool = Pool::new(reserved).map_err(|error| format!("the pool: {error}"))?;
            Ok((Started::Native(pool), taken))
        }
        Limit::Wasmtime(limits) => {
            let checked = limits.recheck().map_err(|error| error.to_string())?;
            let taken = checked.limits();
            enough(limit, &taken)?;
            let held = checked.hold();
            let engine = Mapped::new(Box::leak(Box::new(taken)))?;
            drop(held);
            let started = Started::Wasmtime {
                engine,
                _checked: Box::new(checked),
            };
            Ok((started, taken))
        }
    }
}

/// Whether what was taken is at least what was guaranteed.
fn enough(limit: &Limit, taken: &Limits) -> Result<(), String> {
    let guaranteed = limit.guaranteed();
    let enough = taken.max_instances >= guaranteed.max_instances
        && taken.memory_reservation >= guaranteed.memory_reservation
        && taken.table_reservation >= guaranteed.table_reservation
        && taken.stack_reservation >= guaranteed.stack_reservation;
    match enough {
        true => Ok(()),
        false => Err(format!(
            "{} x {} taken where {} x {} are guaranteed ({} kept)",
            taken.max_instances,
            taken.memory_reservation,
            guaranteed.max_instances,
            guaranteed.memory_reservation,
            limit.keep().word()
        )),
    }
}

/// Memories, tables and stacks.
fn regions(limits: &Limits) -> u64 {
    let each = match limits.wasmtime.and_then(|wasmtime| wasmtime.totals(limits)) {
        Some(totals) => [totals.memories, 0, totals.stacks],
        None => [limits.max_instances; 3],
    };
    each.into_iter().map(u64::from).sum()
}

/// Acquires every slot of a pool and opens its regions.
fn every_slot(pool: &Pool, slots: u32, how: Use, live: &mut Vec<Slot>) -> Result<(), String> {
    for number in 0..slots {
        let mut slot = pool
            .acquire()
            .map_err(|error| format!("slot {number} of {slots}: {error}"))?;
        // A memory grows, and what is beyond stays shut.
        open(slot.memory_mut(), 1, how)?;
        if let Some(table) = slot.table_mut() {
            open(table, table.capacity(), how)?;
        }
        if let Some(stack) = slot.stack_mut() {
            open(stack, stack.capacity(), how)?;
        }
        live.push(slot);
    }
    match pool.acquire() {
        Err(AcquireError::Exhausted(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(_) => Err(format!("more than {slots} slots")),
    }
}

fn open(region: &mut Region, bytes: usize, how: Use) -> Result<(), String> {
    let bytes = bytes.min(region.capacity());
    region.grow_to(bytes).map_err(|error| error.to_string())?;
    if how == Use::Written
        && let Some(byte) = region.as_mut_slice().first_mut()
    {
        *byte = 1;
    }
    Ok(())
}

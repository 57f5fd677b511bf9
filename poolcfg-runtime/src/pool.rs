//! The pool: slots in what a recheck reserved, each handed to one owner at a time and zero for the next.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use poolcfg_core::{Limits, MappingName, Size};

use crate::ledger::Entry;
use crate::reserved::Reserved;
use crate::sys::{Carver, GrowError, Region};

/// A pool of slots.
///
/// Slots are reused last in, first out, so that those in use stay few and warm. A slot keeps the mappings
/// alive also when the pool is dropped before it, and forgetting one does no more than to lose it.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    slots: Mutex<Slots>,
    limits: Limits,
    /// After the slots: struck out of the ledger when their mappings are gone.
    _entry: Entry,
}

/// Every region is owned by exactly one of: a carver, that has not cut it yet; `idle`; a live slot.
#[derive(Debug)]
struct Slots {
    idle: Vec<Parts>,
    memories: Vec<Carver>,
    tables: Option<Carver>,
    stacks: Option<Carver>,
    live: u32,
    retired: u32,
}

/// The regions of one slot.
#[derive(Debug)]
struct Parts {
    memory: Region,
    table: Option<Region>,
    stack: Option<Region>,
}

impl Shared {
    /// The numbers and lists are whole at every moment in which a panic could occur.
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back what a slot had; if it cannot be cleared it is out of service for good.
    fn take_back(&self, mut parts: Parts) {
        // Outside of the lock: clearing takes as long as it takes.
        let closed = parts.close();
        let mut slots = self.lock();
        slots.live -= 1;
        match closed {
            Ok(()) => slots.idle.push(parts),
            Err(_) => slots.retired += 1,
        }
    }
}

impl Slots {
    /// The slot that was used last, or one that was never used.
    fn next(&mut self) -> Option<Parts> {
        if let Some(parts) = self.idle.pop() {
            return Some(parts);
        }
        // So that a release never has to allocate.
        self.idle
            .reserve(usize::try_from(self.live).ok()?.checked_add(1)?);
        let memory = self.memories.iter_mut().find_map(Carver::carve)?;
        Some(Parts {
            memory,
            table: self.tables.as_mut().and_then(Carver::carve),
            stack: self.stacks.as_mut().and_then(Carver::carve),
        })
    }
}

impl Parts {
    /// Opens what is open from the start.
    fn open(&mut self) -> Result<(), GrowError> {
        for region in [&mut self.table, &mut self.stack].into_iter().flatten() {
            region.grow_to(region.max())?;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.memory.close()?;
        for region in [&mut self.table, &mut self.stack].into_iter().flatten() {
            region.close()?;
        }
        Ok(())
    }
}

impl Pool {
    /// Puts slots into what a recheck reserved: the very same mappings, so nothing can have taken them in
    /// between. The first slot is opened and closed once, so that a system which makes nothing writable
    /// or nothing clear is found out here.
    ///
    /// # Errors
    /// [`PoolError`] when that first slot cannot be opened and cleared; everything is given back.
    pub fn new(reserved: Reserved) -> Result<Self, PoolError> {
        let memory = reserved.cut(MappingName::Memories, reserved.limits.max_memory_size);
        let table = reserved.cut(MappingName::Tables, reserved.limits.table_reservation);
        let stack = reserved.cut(MappingName::Stacks, reserved.limits.stack_reservation);
        let Reserved {
            slabs,
            limits,
            entry,
            page_size,
            ..
        } = reserved;
        let mut slots = Slots {
            idle: Vec::new(),
            memories: slabs
                .memories
                .into_iter()
                .map(|mapping| Carver::new(mapping, memory))
                .collect(),
            tables: slabs.tables.map(|mapping| Carver::new(mapping, table)),
            stacks: slabs.stacks.map(|mapping| Carver::new(mapping, stack)),
            live: 0,
            retired: 0,
        };
        if let Some(mut first) = slots.next() {
            first.try_out(page_size)?;
            slots.idle.push(first);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                slots: Mutex::new(slots),
                limits,
                _entry: entry,
            }),
        })
    }

    /// Takes a slot. Its memory has no bytes yet; table and stack are open and zero.
    ///
    /// # Errors
    /// [`AcquireError::Exhausted`] when every slot is taken; [`AcquireError::Open`] when the system does
    /// not make its table or stack writable, in which case the slot is back in the pool.
    pub fn acquire(&self) -> Result<Slot, AcquireError> {
        let mut slots = self.shared.lock();
        let Some(parts) = slots.next() else {
            return Err(AcquireError::Exhausted(Exhausted {
                instances: self.shared.limits.max_instances,
                retired: slots.retired,
            }));
        };
        slots.live += 1;
        drop(slots);
        // From here on the slot goes back when it is dropped, whatever happens.
        let mut slot = Slot {
            parts: Some(parts),
            shared: Arc::clone(&self.shared),
        };
        match slot.parts.as_mut().map_or(Ok(()), Parts::open) {
            Ok(()) => Ok(slot),
            Err(error) => Err(AcquireError::Open(error)),
        }
    }

    /// What the pool was made with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Slots that are taken.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.shared.lock().live
    }

    /// Slots that are out of service because the system did not clear them. They are never handed out
    /// again.
    #[must_use]
    pub fn retired(&self) -> u32 {
        self.shared.lock().retired
    }
}

impl Parts {
    /// Opens and closes what a first owner would.
    fn try_out(&mut self, page_size: Size) -> Result<(), PoolError> {
        let page = usize::try_from(page_size.get()).unwrap_or(usize::MAX);
        let page = page.min(self.memory.max());
        self.memory.grow_to(page).map_err(PoolError::Open)?;
        self.open().map_err(PoolError::Open)?;
        self.close().map_err(PoolError::Close)
    }
}

/// A slot of a pool, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    /// Something until the slot is dropped.
    parts: Option<Parts>,
    shared: Arc<Shared>,
}

impl Slot {
    /// The slot's memory.
    #[expect(clippy::expect_used, reason = "only `drop` takes the parts")]
    pub fn memory(&mut self) -> &mut Region {
        &mut self.parts.as_mut().expect("a slot has its parts").memory
    }

    /// The slot's table; nothing when the pool has none.
    pub fn table(&mut self) -> Option<&mut Region> {
        self.parts.as_mut()?.table.as_mut()
    }

    /// The slot's stack; nothing when the pool has none. It grows down from the end, and there is a guard
    /// below it.
    pub fn stack(&mut self) -> Option<&mut Region> {
        self.parts.as_mut()?.stack.as_mut()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            self.shared.take_back(parts);
        }
    }
}

/// Every slot of a pool is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// How many slots the pool has.
    pub instances: u32,
    /// How many of them are out of service.
    pub retired: u32,
}

/// Why no slot is had.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcquireError {
    /// Every slot is taken.
    Exhausted(Exhausted),
    /// The system does not make the slot's table or stack writable.
    Open(GrowError),
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted(Exhausted { instances, retired }) => {
                write!(f, "all `{instances}` slots of the pool are in use")?;
                if *retired > 0 {
                    write!(f, ", `{retired}` of them out of service")?;
                }
                f.write_str(": wait for one, or raise `max_instances` in poolcfg.toml")
            }
            Self::Open(error) => write!(f, "slot cannot be opened: {error}"),
        }
    }
}

impl std::error::Error for AcquireError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Exhausted(_) => None,
            Self::Open(error) => error.source(),
        }
    }
}

/// Why a pool cannot be used at all.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// The system makes no slot writable.
    Open(GrowError),
    /// The system does not clear a slot.
    Close(io::Error),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => write!(f, "first slot cannot be opened: {error}"),
            Self::Close(error) => write!(
                f,
                "first slot cannot be cleared, the system says `{error}`: let the seccomp filter or \
                 sandbox of the process allow `madvise` and `mprotect`"
            ),
        }
    }
}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open(error) => error.source(),
            Self::Close(error) => Some(error),
        }
    }
}

//! The pool: slots in what a recheck reserved, each handed to one owner at a time and zero for the next.
//!
//! - `options`, `acquire`, `statistics`: what a user says and asks
//! - `slot`: what an owner has; `try_out`: whether it can be had at all
//! - `shards`, `tally`, `sync`: the free lists, which know nothing of memory

mod acquire;
mod options;
mod shards;
mod slot;
mod statistics;
mod sync;
mod tally;
mod try_out;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Instant;

use poolcfg_core::{Limits, MappingName, Size};

use crate::ledger::Entry;
use crate::reserved::Reserved;
use crate::sys::{Carver, Reclaim, Reset};

use self::shards::Shards;
use self::slot::{Carvers, Parts};
use self::sync::Padded;

pub use self::acquire::{Acquire, AcquireError, Exhausted};
pub use self::options::PoolOptions;
pub use self::slot::Slot;
pub use self::statistics::Statistics;
pub use self::try_out::PoolError;

/// More threads than run at once share a shard.
const MOST_SHARDS: usize = 16;

/// A pool of slots.
///
/// Slots are reused last in, first out, so that those in use stay few and warm. A slot keeps the mappings
/// alive also when the pool is dropped before it, and forgetting one does no more than to lose it.
///
/// In a child of fork() the pool goes on, with the child's own copies of the slots, if no other thread was using
/// it at that moment.
#[derive(Debug)]
pub struct Pool {
    /// One for each shard, so that slots of different threads do not count on the same cache line.
    handles: Box<[Arc<Handle>]>,
}

/// What keeps the pool alive, counted on a cache line of its own.
type Handle = Padded<Arc<Shared>>;

#[derive(Debug)]
struct Shared {
    shards: Shards<Carvers>,
    limits: Limits,
    reset: Reset,
    /// Bytes of each region.
    keep: usize,
    /// Idle slots that may be warm, and a batch.
    most_warm: i64,
    /// Slots that are being closed, with their shards; as large as a batch.
    moving: Mutex<Vec<(usize, Box<Parts>)>>,
    /// Bytes of page tables that slots may have, written only by a round that changes it.
    page_tables: AtomicI64,
    /// After the slots: struck out of the ledger when their mappings are gone.
    _entry: Entry,
}

impl Shared {
    /// Takes back what a slot had; if it cannot be cleared it is out of service for good.
    fn take_back(&self, mut parts: Box<Parts>, key: Option<u64>) {
        let home = home();
        // Outside of any lock: clearing takes as long as it takes.
        let reset = parts.reset(self.reset, self.keep);
        self.count_page_tables(&mut parts);
        if reset.is_err() {
            self.shards.retire(home);
            return;
        }
        let kept = parts.kept();
        self.shards.put(home, parts, key, kept);
        if self.shards.is_warm_above(self.most_warm)
            // Another thread is at it.
            && let Ok(mut moving) = self.moving.try_lock()
        {
            self.close_coldest(home, &mut moving);
        }
    }

    /// Closes a batch of idle slots; whether there were any.
    fn close_coldest(&self, home: usize, moving: &mut Vec<(usize, Box<Parts>)>) -> bool {
        self.shards.take_coldest(home, moving);
        let any = !moving.is_empty();
        for (shard, mut parts) in moving.drain(..) {
            let closed = parts.close();
            self.count_page_tables(&mut parts);
            self.shards.put_cold(shard, closed.is_ok().then_some(parts));
        }
        any
    }

    fn count_page_tables(&self, parts: &mut Parts) {
        let more = parts.more_page_tables();
        if more != 0 {
            self.page_tables.fetch_add(more, Ordering::Relaxed);
        }
    }

    fn moving(&self) -> MutexGuard<'_, Vec<(usize, Box<Parts>)>> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reclaim for Shared {
    fn reclaim(&self) -> bool {
        let home = home();
        let mut any = false;
        let mut moving = self.moving();
        while self.close_coldest(home, &mut moving) {
            any = true;
        }
        any
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
        Self::with(reserved, PoolOptions::new())
    }

    /// The same, with options of one's own.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and [`PoolError::Reset`] when the reset that is asked for does not work
    /// here.
    pub fn with(reserved: Reserved, options: PoolOptions) -> Result<Self, PoolError> {
        for mapping in reserved.slabs.iter() {
            mapping.keep_pages_small();
            mapping.unite().map_err(PoolError::Close)?;
        }
        let count = shards(options.shards);
        let batch = usize::try_from(options.decommit_batch.max(1)).unwrap_or(usize::MAX);
        let batch = batch.min(usize::try_from(reserved.instances()).unwrap_or(usize::MAX));
        let (mut tried, mut page_tables) = (Ok(Reset::Discard), 0);
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let (limits, carvers, entry) = carvers(reserved, &options, shared);
            let shards = Shards::new(count, carvers);
            if let Some(mut first) = shards.take(0, None) {
                tried = try_out::try_out(&mut first, &options);
                page_tables = first.more_page_tables();
                shards.put_closed(0, first);
            }
            Shared {
                shards,
                limits,
                reset: *tried.as_ref().unwrap_or(&Reset::Discard),
                keep: usize::try_from(options.keep_resident.get()).unwrap_or(usize::MAX),
                most_warm: i64::from(options.warm_slots) + i64::try_from(batch).unwrap_or(i64::MAX),
                moving: Mutex::new(Vec::with_capacity(batch)),
                page_tables: AtomicI64::new(page_tables),
                _entry: entry,
            }
        });
        tried?;
        let handles = (0..count).map(|_| Arc::new(Padded(Arc::clone(&shared))));
        Ok(Self {
            handles: handles.collect(),
        })
    }

    /// Takes a slot at once. Its memory has no bytes yet; table and stack are open and zero.
    ///
    /// # Errors
    /// [`AcquireError::Exhausted`] when every slot is taken; [`AcquireError::Open`] when the system does
    /// not make its table or stack writable, in which case the slot is back in the pool.
    pub fn acquire(&self) -> Result<Slot, AcquireError> {
        self.acquire_with(Acquire::new())
    }

    /// Takes a slot as it is asked for.
    ///
    /// # Errors
    /// As for [`acquire`](Self::acquire), and [`AcquireError::Open`] when the memory cannot be had as large.
    pub fn acquire_with(&self, request: Acquire) -> Result<Slot, AcquireError> {
        let home = home();
        let handle = &self.handles[home & (self.handles.len() - 1)];
        let shared = &handle.0;
        let parts = match request.wait {
            None => shared.shards.take(home, request.key),
            Some(most) => {
                // A time beyond all times is for ever.
                let deadline = || Instant::now().checked_add(most);
                shared.shards.take_waiting(home, request.key, deadline)
            }
        };
        let Some(parts) = parts else {
            return Err(AcquireError::Exhausted(Exhausted {
                instances: shared.limits.max_instances,
                retired: shared.shards.retired(),
            }));
        };
        // From here on the slot goes back when it is dropped, whatever happens.
        let mut slot = Slot {
            parts: Some(parts),
            key: request.key,
            handle: Arc::clone(handle),
        };
        if let Some(parts) = &mut slot.parts {
            parts.begin(request.memory).map_err(AcquireError::Open)?;
        }
        Ok(slot)
    }

    /// What the pool was made with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared().limits
    }

    /// How released slots become zero: what was asked for, or what works here.
    #[must_use]
    pub fn reset(&self) -> Reset {
        self.shared().reset
    }

    /// Slots that are taken.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.statistics().live
    }

    /// Slots that are out of service because the system did not clear them. They are never handed out
    /// again.
    #[must_use]
    pub fn retired(&self) -> u32 {
        self.shared().shards.retired()
    }

    /// What the pool holds. Cheap to keep; to read it, every shard is locked for a moment.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let shards = &self.shared().shards;
        let counts = shards.counts();
        let page_tables = self.shared().page_tables.load(Ordering::Relaxed);
        let number = |count: i64| u32::try_from(count).unwrap_or(0);
        let live = number(counts.live);
        Statistics {
            live,
            most_live: number(shards.most_live())
                .clamp(live, self.limits().max_instances.max(live)),
            warm: number(counts.warm),
            resident: Size::bytes(counts.kept),
            page_tables: Size::bytes(u64::try_from(page_tables).unwrap_or(0)),
            retired: shards.retired(),
        }
    }

    /// Gives back to the system what idle slots hold, such as before a long rest.
    pub fn close_idle(&self) {
        self.shared().reclaim();
    }

    fn shared(&self) -> &Shared {
        &self.handles[0].0
    }
}

fn carvers(
    reserved: Reserved,
    options: &PoolOptions,
    shared: &Weak<Shared>,
) -> (Limits, Carvers, Entry) {
    let memory = reserved.cut(MappingName::Memories, reserved.limits.max_memory_size);
    let table = reserved.cut(MappingName::Tables, reserved.limits.table_reservation);
    let stack = reserved.cut(MappingName::Stacks, reserved.limits.stack_reservation);
    let Reserved {
        slabs,
        limits,
        entry,
        ..
    } = reserved;
    let memories = slabs.memories.into_iter();
    let shared: Weak<Shared> = Weak::clone(shared);
    let carvers = Carvers {
        memories: memories
            .map(|mapping| Carver::new(mapping, memory))
            .collect(),
        tables: slabs.tables.map(|mapping| Carver::new(mapping, table)),
        stacks: slabs.stacks.map(|mapping| Carver::new(mapping, stack)),
        owner_checks_bounds: options.owner_checks_bounds,
        most: usize::try_from(limits.max_instances).unwrap_or(usize::MAX),
        pool: shared,
    };
    (limits, carvers, entry)
}

/// How many shards a pool has: a power of two.
fn shards(asked: Option<u32>) -> usize {
    // Asked once: the answer reads files.
    static THREADS: OnceLock<usize> = OnceLock::new();
    let threads =
        || *THREADS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from));
    asked
        .map_or_else(threads, |asked| {
            usize::try_from(asked).unwrap_or(MOST_SHARDS)
        })
        .clamp(1, MOST_SHARDS)
        .next_power_of_two()
}

/// The number of this thread, which decides about its shard.
fn home() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| {
        number.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    })
}

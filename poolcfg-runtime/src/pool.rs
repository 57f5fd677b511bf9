//! The pool: slots in what a recheck reserved, each handed to one owner at a time and zero for the next.
//!
//! - `options`, `acquire`, `statistics`: what a user says and asks
//! - `acquiring`: waiting for a slot as a future
//! - `slot`: what an owner has; `parts`: what it is made of; `shared`: what becomes of it; `try_out`: whether it can be had at all
//! - `shards`, `shard`, `waiting`, `queue`, `tally`, `sync`: the free lists, which know nothing of memory

pub(crate) mod reserved;

mod acquire;
mod acquiring;
mod home;
mod options;
mod parts;
mod queue;
mod shard;
mod shards;
mod shared;
mod slot;
mod statistics;
mod sync;
mod tally;
mod try_out;
mod waiting;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use poolcfg_core::{Limits, Size};

use crate::pool::reserved::Reserved;
use crate::sys::{Reclaim, Reset};

use self::home::home;
use self::shared::{Handle, Shared};
use self::sync::Padded;

pub use self::acquire::{AcquireError, AcquireOptions, Exhausted};
pub use self::options::PoolOptions;
pub use self::slot::{Slot, SlotParts};
pub use self::statistics::Statistics;
pub use self::try_out::PoolError;

/// More threads than run at once share a shard.
const MOST_SHARDS: usize = 16;

/// A pool of slots.
///
/// Slots are reused last in, first out, so that those in use stay few and warm. Owners that wait are served in
/// the order in which they came.
///
/// A slot may outlive its pool. When the pool is dropped, all of its address space is given back but that of the
/// slots that are still live: of each, its memory, table and stack with the guards on both sides. That is given back
/// when the slot is dropped. A slot that was forgotten ([`std::mem::forget`]) cannot be told from a live one, so its
/// own address space stays reserved, and no other slot's. On Windows a reservation is given back only as a whole:
/// the pages of the other slots go at once, their addresses with the last slot.
///
/// In a child of fork() the pool goes on, with the child's own copies of the slots, if no other thread was using
/// it at that moment.
pub struct Pool {
    /// One for each shard, so that slots of different threads do not count on the same cache line.
    handles: Box<[Arc<Handle>]>,
}

impl Pool {
    /// Puts slots into what a recheck reserved: the very same mappings, so nothing can have taken them in
    /// between. The first slot is opened and closed once, so that a system which makes nothing writable
    /// or nothing clear is found out here.
    ///
    /// # Errors
    /// [`PoolError`] when that first slot cannot be opened and cleared; everything is given back.
    pub fn new(reserved: Reserved) -> Result<Self, PoolError> {
        Self::with_options(reserved, PoolOptions::new())
    }

    /// The same, with options of one's own.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and [`PoolError::Reset`] when the reset that is asked for does not work
    /// here.
    pub fn with_options(reserved: Reserved, options: PoolOptions) -> Result<Self, PoolError> {
        for mapping in reserved.slabs.iter() {
            mapping.keep_pages_small();
            mapping.unite().map_err(PoolError::Close)?;
        }
        let count = shards(options.shards);
        let shared = Shared::new(reserved, &options, count)?;
        let handles = (0..count).map(|_| Arc::new(Padded(Arc::clone(&shared))));
        Ok(Self {
            handles: handles.collect(),
        })
    }

    /// Takes a slot at once. Its memory has no bytes yet; table and stack are open and zero.
    ///
    /// # Errors
    /// [`AcquireError::Exhausted`] when every slot is taken, and as long as others wait for one: a slot that is
    /// released goes to them first. [`AcquireError::Open`] when the system does not make its table or stack
    /// writable, in which case the slot is back in the pool.
    pub fn acquire(&self) -> Result<Slot, AcquireError> {
        self.acquire_with(AcquireOptions::new())
    }

    /// Takes a slot as it is asked for.
    ///
    /// # Errors
    /// As for [`acquire`](Self::acquire), and [`AcquireError::Open`] when the memory cannot be had as large.
    pub fn acquire_with(&self, request: AcquireOptions) -> Result<Slot, AcquireError> {
        let home = home();
        let handle = self.handle(home);
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
        Slot::begin(parts, handle, request)
    }

    /// What keeps the pool alive for a slot that a thread takes.
    fn handle(&self, home: usize) -> &Arc<Handle> {
        &self.handles[home & (self.handles.len() - 1)]
    }

    /// What the pool was made with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared().limits
    }

    /// How released slots become zero: what was asked for, or what works here.
    #[must_use]
    pub fn reset_mode(&self) -> Reset {
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
        let number = |count: i64| u32::try_from(count).unwrap_or(0);
        let live = number(counts.live);
        Statistics {
            live,
            most_live: number(shards.most_live())
                .clamp(live, self.limits().max_instances.max(live)),
            warm: number(counts.warm),
            resident: Size::bytes(counts.kept),
            page_tables: self.shared().page_tables(),
            retired: shards.retired(),
            waiting: u32::try_from(shards.waiting()).unwrap_or(u32::MAX),
        }
    }

    /// Gives back to the system what idle slots hold, such as before a long rest.
    pub fn close_idle(&self) {
        self.shared().reclaim();
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handles[0].0
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared().end();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statistics = self.statistics();
        f.debug_struct("Pool")
            .field("instances", &self.limits().max_instances)
            .field("memory_reservation", &self.limits().memory_reservation)
            .field("reset_mode", &self.reset_mode())
            .field("live", &statistics.live)
            .field("warm", &statistics.warm)
            .field("waiting", &statistics.waiting)
            .finish_non_exhaustive()
    }
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

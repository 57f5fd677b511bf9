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
pub use self::acquiring::Acquiring;
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
/// A slot may outlive its pool. When the pool is dropped, its address space is given back, except that of slots that
/// are still live: the memory, table and stack of each, with the guards on both sides. That is given back when the slot
/// is dropped. A leaked slot ([`std::mem::forget`]) looks like a live one, so its own address space stays reserved, but
/// no other slot's. On Windows a reservation is given back only as a whole:
/// the pages of the other slots go at once, their addresses with the last slot.
///
/// In a child of fork() the pool works on, with the child's own copies of the slots, unless another thread was using
/// it at that moment.
///
/// ```
/// use poolcfg_runtime::{Pool, PoolOptions, Reserved, Size};
///
/// fn serve(reserved: Reserved) -> Result<(), Box<dyn std::error::Error>> {
///     let options = PoolOptions::new().keep_resident(Size::mib(1));
///     let pool = Pool::with_options(reserved, options)?;
///     println!("{} slots, cleared by {}", pool.limits().max_instances, pool.reset_mode());
///     let mut slot = pool.acquire()?; // or an error at once, when all are in use
///     slot.memory_mut().grow_to(64 << 10)?;
///     assert_eq!(pool.statistics().live, 1);
///     drop(slot); // cleared for the next owner
///     pool.close_idle(); // and given back to the system
///     assert!(pool.statistics().resident.is_zero());
///     Ok(())
/// }
/// ```
pub struct Pool {
    /// One for each shard, so that slots of different threads do not count on the same cache line.
    handles: Box<[Arc<Handle>]>,
}

impl Pool {
    /// Makes the slots of a pool in what a recheck reserved: the same mappings, so nothing can have taken them in
    /// between. The first slot is opened and closed once, so that a system that refuses this is found out here.
    ///
    /// ```
    /// use poolcfg_runtime::{Pool, PoolError, PoolLimits};
    /// fn pool(limits: &PoolLimits) -> Result<Pool, Box<dyn std::error::Error>> {
    ///     Ok(Pool::new(limits.recheck()?)?)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`PoolError`] if that first slot cannot be opened and cleared; everything is given back.
    pub fn new(reserved: Reserved) -> Result<Self, PoolError> {
        Self::with_options(reserved, PoolOptions::new())
    }

    /// Like [`new`](Self::new), with options.
    ///
    /// ```
    /// use poolcfg_runtime::{Pool, PoolError, PoolOptions, Reserved, Size};
    /// fn pool(reserved: Reserved) -> Result<Pool, PoolError> {
    ///     Pool::with_options(reserved, PoolOptions::new().keep_resident(Size::mib(1)))
    /// }
    /// ```
    ///
    /// # Errors
    /// As for [`new`](Self::new), and [`PoolError::Reset`] if the reset that is asked for does not work
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

    /// Takes a slot without waiting. Its memory has no bytes yet; table and stack are accessible and zero.
    ///
    /// ```
    /// use poolcfg_runtime::{AcquireError, Pool};
    /// fn table_bytes(pool: &Pool) -> Result<usize, AcquireError> {
    ///     let slot = pool.acquire()?;
    ///     Ok(slot.table().map_or(0, |table| table.len()))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AcquireError::Exhausted`] if every slot is taken, and as long as others wait for one: a slot that is
    /// released goes to them first. [`AcquireError::Open`] if the system does not make its table or stack
    /// writable; then the slot is back in the pool.
    pub fn acquire(&self) -> Result<Slot, AcquireError> {
        self.acquire_with(AcquireOptions::new())
    }

    /// Takes a slot with these options, and waits for one if they say so.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use poolcfg_runtime::{AcquireError, AcquireOptions, Pool, Slot};
    /// fn slot(pool: &Pool) -> Result<Slot, AcquireError> {
    ///     pool.acquire_with(AcquireOptions::new().memory(64 << 10).wait(Duration::from_secs(1)))
    /// }
    /// ```
    ///
    /// # Errors
    /// As for [`acquire`](Self::acquire), and [`AcquireError::Open`] if the memory cannot be made that large.
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

    /// The limits that the pool was made with: those that the recheck has taken.
    ///
    /// ```
    /// use poolcfg_runtime::Pool;
    /// fn instances(pool: &Pool) -> u32 {
    ///     pool.limits().max_instances
    /// }
    /// ```
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared().limits
    }

    /// How released slots are cleared: as asked for, or as works here.
    ///
    /// ```
    /// use poolcfg_runtime::{Pool, Reset};
    /// fn keeps_pages(pool: &Pool) -> bool {
    ///     pool.reset_mode() != Reset::Discard
    /// }
    /// ```
    #[must_use]
    pub fn reset_mode(&self) -> Reset {
        self.shared().reset
    }

    /// What the pool holds at this moment. Each call locks every shard, so it is not for every request.
    ///
    /// ```
    /// use poolcfg_runtime::Pool;
    /// fn is_idle(pool: &Pool) -> bool {
    ///     pool.statistics().live == 0
    /// }
    /// ```
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

    /// Gives the pages of idle slots back to the system, for example before a long pause.
    ///
    /// ```
    /// use poolcfg_runtime::{Pool, Size};
    /// fn pause(pool: &Pool) -> Size {
    ///     pool.close_idle();
    ///     pool.statistics().resident
    /// }
    /// ```
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

//! What all slots of a pool share, and what happens to a slot that is released.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use poolcfg_core::{Limits, MappingName, Size};

use crate::machine::live_pools::{Holder, Holding, LivePoolEntry};
use crate::pool::reserved::Reserved;
use crate::recheck::process_bounds::{maps_at_worst, writable_at_worst};
use crate::sys::wide;
use crate::sys::{OwnedMapping, Reclaim, RegionDealer, Reset};

use super::home::home;
use super::options::PoolOptions;
use super::parts::{Parts, RegionDealers};
use super::shards::Shards;
use super::sync::Padded;
use super::try_out::{PoolError, try_out};

/// What keeps the pool alive, counted on a cache line of its own.
pub(super) type Handle = Padded<Arc<Shared>>;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) shards: Shards<RegionDealers>,
    pub(super) limits: Limits,
    pub(super) reset: Reset,
    /// Bytes of each region.
    keep: usize,
    /// Whether a stack is zero for its next owner.
    clear_stacks: bool,
    /// Idle slots that may be warm.
    warm_slots: i64,
    /// How many more there are when some are closed, and how many are closed then.
    batch: i64,
    /// Whether the pool is gone: what is released is given back.
    is_gone: AtomicBool,
    /// Read while a slot is being closed.
    closing: RwLock<()>,
    page_size: Size,
    /// Bytes of page tables that slots may have, written only by a round that changes it.
    page_tables: AtomicI64,
    /// After the slots.
    mappings: Box<[Arc<OwnedMapping>]>,
    /// After the mappings: struck out of the list of live pools when they are gone.
    entry: LivePoolEntry,
}

impl Shared {
    /// Puts slots into what was reserved, of which the first is tried out.
    pub(super) fn new(
        reserved: Reserved,
        options: &PoolOptions,
        shards: usize,
    ) -> Result<Arc<Self>, PoolError> {
        let (mut tried, mut page_tables) = (Ok(Reset::Discard), 0);
        let shared = Arc::new_cyclic(|shared: &Weak<Self>| {
            let page_size = reserved.page_size;
            let (limits, dealers, entry) = dealers(reserved, options, shared);
            let mappings = dealers.mappings();
            let shards = Shards::new(shards, dealers);
            if let Some(mut first) = shards.take(0, None) {
                tried = try_out(&mut first, options);
                page_tables = first.more_page_tables();
                // These lists have not ended.
                let _ = shards.put_closed(0, first);
            }
            Self {
                shards,
                limits,
                reset: *tried.as_ref().unwrap_or(&Reset::Discard),
                keep: usize::try_from(options.keep_resident.get()).unwrap_or(usize::MAX),
                clear_stacks: options.clear_stacks,
                warm_slots: i64::from(options.warm_slots),
                batch: i64::from(options.decommit_batch.max(1)),
                is_gone: AtomicBool::new(false),
                closing: RwLock::new(()),
                page_size,
                page_tables: AtomicI64::new(page_tables),
                mappings,
                entry,
            }
        });
        tried?;
        Ok(shared)
    }

    /// Takes back what a slot had; if it cannot be cleared it is out of service for good.
    pub(super) fn take_back(&self, mut parts: Box<Parts>, key: Option<u64>) {
        let home = home();
        // Outside of any lock: clearing takes as long as it takes.
        let cleared = if self.is_gone.load(Ordering::Acquire) {
            // Nobody gets it any more.
            Ok(())
        } else if self.warm_slots == 0 {
            parts.close()
        } else {
            parts.reset(self.reset, self.keep, self.clear_stacks)
        };
        self.count_page_tables(&mut parts);
        if cleared.is_err() {
            self.shards.retire(home);
            return;
        }
        if self.warm_slots == 0 {
            // What a pool that is gone does not take is dropped, which gives it back.
            drop(self.shards.put_closed(home, parts));
            return;
        }
        let kept = parts.kept();
        drop(self.shards.put(home, parts, key, kept));
        let close = || self.close_coldest(home);
        self.shards.trim(self.warm_slots, self.batch, close);
    }

    /// Closes the idle slot that was released first; whether there was one.
    fn close_coldest(&self, home: usize) -> bool {
        let closing = self.closing.read().unwrap_or_else(PoisonError::into_inner);
        let Some((shard, mut parts)) = self.shards.take_coldest(home) else {
            return false;
        };
        let closed = parts.close();
        self.count_page_tables(&mut parts);
        drop(closing);
        match closed {
            Ok(()) => drop(self.shards.put_cold(shard, parts)),
            Err(_) => self.shards.retire_moving(shard),
        }
        true
    }

    fn count_page_tables(&self, parts: &mut Parts) {
        let more = parts.more_page_tables();
        if more != 0 {
            self.page_tables.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Bytes of page tables that slots may have.
    pub(super) fn page_tables(&self) -> Size {
        let bytes = self.page_tables.load(Ordering::Relaxed);
        Size::bytes(u64::try_from(bytes).unwrap_or(0))
    }

    /// Gives back everything but the slots that live, each of which is given back when it is released.
    pub(super) fn end(self: &Arc<Self>) {
        let (idle, dealers) = self.shards.end();
        // Not before: a slot that is not cleared must find the lists ended.
        self.is_gone.store(true, Ordering::Release);
        // The idle ones first, so that what lies side by side is given back in one piece.
        drop(idle);
        drop(dealers);
        let holder: Weak<Self> = Arc::downgrade(self);
        self.entry.ask(holder);
    }
}

impl Reclaim for Shared {
    fn reclaim(&self) -> bool {
        let home = home();
        let mut any = false;
        while self.close_coldest(home) {
            any = true;
        }
        // What others are closing is given back as well.
        let others = self.closing.try_write().is_err();
        if others {
            drop(self.closing.write());
        }
        any || others
    }
}

impl Holder for Shared {
    /// What the slots hold that have outlived the pool.
    fn holding(&self) -> Holding {
        let live = u32::try_from(self.shards.counts().live).unwrap_or(0);
        // Each lies by itself, at worst.
        let one = maps_at_worst(&self.limits.with_instances(1), self.page_size, 1);
        let mappings = self.mappings.iter();
        Holding {
            name: None,
            ranges: mappings
                .flat_map(|mapping| mapping.used())
                .map(|range| wide(range.start)..wide(range.end))
                .collect(),
            took: None,
            unmapped: None,
            maps_at_worst: one.saturating_mul(u64::from(live)),
            writable_at_worst: writable_at_worst(&self.limits.with_instances(live), self.page_size),
        }
    }
}

impl RegionDealers {
    fn mappings(&self) -> Box<[Arc<OwnedMapping>]> {
        let rest = self.tables.iter().chain(&self.stacks);
        let all = self.memories.iter().chain(rest).map(RegionDealer::mapping);
        // What has no bytes is no address space.
        all.filter(|mapping| mapping.len() > 0)
            .map(Arc::clone)
            .collect()
    }
}

fn dealers(
    reserved: Reserved,
    options: &PoolOptions,
    shared: &Weak<Shared>,
) -> (Limits, RegionDealers, LivePoolEntry) {
    let memory = reserved.cut(MappingName::Memories, reserved.limits.max_memory_size);
    let table = reserved.cut(MappingName::Tables, reserved.limits.table_reservation);
    let stack = reserved.cut(MappingName::Stacks, reserved.limits.stack_reservation);
    let Reserved {
        slabs,
        limits,
        entry,
        ..
    } = reserved;
    let most = usize::try_from(limits.max_instances).unwrap_or(usize::MAX);
    let none = (!limits.has_memories()).then(|| RegionDealer::empty(most));
    let memories = slabs.memories.into_iter();
    let shared: Weak<Shared> = Weak::clone(shared);
    let dealers = RegionDealers {
        memories: memories
            .map(|mapping| RegionDealer::new(mapping, memory))
            .chain(none)
            .collect(),
        tables: slabs
            .tables
            .map(|mapping| RegionDealer::new(mapping, table)),
        stacks: slabs
            .stacks
            .map(|mapping| RegionDealer::new(mapping, stack)),
        owner_checks_bounds: options.owner_checks_bounds,
        most,
        pool: shared,
    };
    (limits, dealers, entry)
}

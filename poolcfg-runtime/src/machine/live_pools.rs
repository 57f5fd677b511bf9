//! The pools that the process holds already. What their slots will still make writable, and into how
//! many mappings they will still fall, no kernel file tells; a later recheck has to leave it to them.

use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use poolcfg_core::{Limits, Size};

/// What one pool holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// The pool's name; `None` if the pool is gone and only slots of it are left.
    pub(crate) name: Option<&'static str>,
    /// The addresses of its mappings.
    pub(crate) ranges: Vec<Range<u64>>,
    /// What the pool has taken; `None` if it is gone.
    pub(crate) took: Option<Took>,
    /// What an engine will map that has been rechecked and is not made yet; `None` if the pool is mapped.
    pub(crate) unmapped: Option<Limits>,
    /// Mappings when every slot is in use.
    pub(crate) maps_at_worst: u64,
    /// Bytes that are writable when every slot is in use and grown.
    pub(crate) writable_at_worst: Size,
}

/// What a recheck has found for a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Took {
    pub(crate) limits: Limits,
    /// Whether it is all that was asked for. Where it is not, the pool takes more in a process in which there is more.
    pub(crate) is_all: bool,
}

/// All addresses that pools hold, in ascending order.
#[derive(Clone, Debug)]
pub(crate) struct HeldAddresses(Vec<Range<u64>>);

impl HeldAddresses {
    pub(crate) fn of(holdings: &[Holding]) -> Self {
        let ranges = holdings.iter().flat_map(|holding| &holding.ranges);
        let mut ranges: Vec<_> = ranges.cloned().collect();
        ranges.sort_unstable_by_key(|range| range.start);
        Self(ranges)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is in a mapping of a pool.
    pub(crate) fn contain(&self, address: u64) -> bool {
        let behind = self.0.partition_point(|range| range.start <= address);
        let range = behind.checked_sub(1).and_then(|at| self.0.get(at));
        range.is_some_and(|range| address < range.end)
    }

    /// The parts of a range that are in no mapping of a pool, in ascending order.
    pub(crate) fn outside(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.0.partition_point(|held| held.end <= range.start);
        let held = self.0[first..].iter();
        let held = held.take_while(move |held| held.start < range.end);
        let starts = [range.start]
            .into_iter()
            .chain(held.clone().map(|held| held.end));
        let ends = held.map(|held| held.start).chain([range.end]);
        starts
            .zip(ends)
            .map(|(start, end)| start..end)
            .filter(|part| part.start < part.end)
    }
}

/// Who knows what it holds at the moment.
pub(crate) trait Holder: fmt::Debug + Send + Sync {
    /// What it holds.
    fn holding(&self) -> Holding;
}

#[derive(Clone, Debug)]
enum LivePool {
    /// Does not change.
    Fixed(Box<Holding>),
    /// Is asked for.
    Asked(Weak<dyn Holder>),
}

static LINES: Mutex<(u64, Vec<(u64, LivePool)>)> = Mutex::new((0, Vec::new()));

/// Entries are whole before they are pushed, so a panic elsewhere leaves nothing half done.
fn lock() -> MutexGuard<'static, (u64, Vec<(u64, LivePool)>)> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all pools of the process hold.
pub(crate) fn holdings() -> Vec<Holding> {
    let lines: Vec<_> = lock().1.iter().map(|(_, line)| line.clone()).collect();
    // Not under the lock: the last who holds something strikes its line out.
    lines
        .into_iter()
        .filter_map(|line| match line {
            LivePool::Fixed(holding) => Some(*holding),
            LivePool::Asked(holder) => holder.upgrade().map(|holder| holder.holding()),
        })
        .collect()
}

/// A pool in the list of live pools, struck out on drop.
#[derive(Debug)]
pub(crate) struct LivePoolEntry(u64);

impl LivePoolEntry {
    /// Enters a pool.
    pub(crate) fn new(holding: Holding) -> Self {
        let mut live_pools = lock();
        live_pools.0 += 1;
        let id = live_pools.0;
        live_pools.1.push((id, LivePool::Fixed(Box::new(holding))));
        Self(id)
    }

    /// The engine is made.
    pub(crate) fn is_mapped(&self) {
        self.set_unmapped(None);
    }

    /// An engine is still to map this.
    pub(crate) fn is_unmapped(&self, limits: Limits) {
        self.set_unmapped(Some(limits));
    }

    fn set_unmapped(&self, limits: Option<Limits>) {
        let mut live_pools = lock();
        let line = live_pools.1.iter_mut().find(|(id, _)| *id == self.0);
        if let Some((_, LivePool::Fixed(holding))) = line {
            holding.unmapped = limits;
        }
    }

    /// From now on `holder` is asked for what is held.
    pub(crate) fn ask(&self, holder: Weak<dyn Holder>) {
        let mut live_pools = lock();
        if let Some((_, line)) = live_pools.1.iter_mut().find(|(id, _)| *id == self.0) {
            *line = LivePool::Asked(holder);
        }
    }
}

impl Drop for LivePoolEntry {
    fn drop(&mut self) {
        lock().1.retain(|(id, _)| *id != self.0);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use poolcfg_core::{PoolKeys, Setting, Settings, Target};

    use super::*;
    use crate::sys::wide;
    use crate::{Pool, PoolLimits, Slot};

    /// What the pool of a slot holds, of all pools of the process.
    fn holding(address: u64) -> Option<Holding> {
        holdings()
            .into_iter()
            .find(|holding| HeldAddresses::of(std::slice::from_ref(holding)).contain(address))
    }

    fn bytes(holding: &Holding) -> u64 {
        let ranges = holding.ranges.iter();
        ranges.map(|range| range.end - range.start).sum()
    }

    #[test]
    fn a_pool_that_is_gone_holds_what_its_slots_hold() {
        let keys = PoolKeys {
            max_instances: Some(Setting::given(10)),
            memory_reservation: Some(Setting::given(Size::mib(1))),
            ..PoolKeys::EMPTY
        };
        let settings = Settings::new(&[], &[]).pooling_allocator(keys);
        let limits = PoolLimits::new(settings.promise(Target::CURRENT, 0));
        let reserved = limits.recheck().expect("it fits");
        let (page_size, all) = (reserved.page_size, reserved.limits());
        let pool = Pool::new(reserved).expect("it opens");
        let mut slots: Vec<_> = (0..10).map(|_| pool.acquire().expect("a slot")).collect();
        let address = |slot: &mut Slot| wide(slot.memory().as_ptr().addr());
        let (first, kept) = (address(&mut slots[0]), address(&mut slots[5]));
        let before = holding(kept).expect("the pool holds it");
        assert_eq!(before.name, Some(""));
        let mut kept_slots = vec![slots.swap_remove(5), slots.swap_remove(3)];
        drop(slots);
        drop(pool);
        let after = |live| {
            let holding = holding(kept).expect("it lives");
            let footprint = |slots| {
                let limits = all.with_instances(slots);
                limits.footprint(page_size).expect("it can be counted")
            };
            let one = footprint(1);
            let span: u64 = one.mappings.iter().map(|mapping| mapping.bytes.get()).sum();
            assert_eq!(holding.name, None);
            assert_eq!(bytes(&holding), span * live);
            assert_eq!(holding.maps_at_worst, one.maps_at_worst * live);
            assert_eq!(
                holding.writable_at_worst.get() * 10,
                before.writable_at_worst.get() * live
            );
        };
        after(2);
        assert_eq!(holding(first), None);
        drop(kept_slots.pop());
        after(1);
        drop(kept_slots);
        assert_eq!(holding(kept), None);
    }
}

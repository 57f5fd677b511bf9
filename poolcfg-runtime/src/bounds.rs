//! Bounds: the limits that refuse no reservation and bite when slots come to life: `RLIMIT_DATA`,
//! `vm.max_map_count`, and the commit limit of `vm.overcommit_memory = 2`; and, for the versions of
//! Wasmtime whose tables and stacks are charged when they are mapped, RAM and swap. They are read before
//! anything is reserved.

use poolcfg_core::{HEADROOM_MAPS, Limits, MAX_MAP_COUNT, Size};

use crate::ledger::Holding;
use crate::machine::{Machine, Resource, wide};
use crate::misfit::RecheckLimit;
use crate::overcommit;
use crate::proc;
use crate::slabs::further_pieces;

/// Bytes that one pool makes writable at most.
pub(crate) fn writable_at_worst(limits: &Limits, page_size: Size) -> Size {
    let one = Limits {
        pools: 1,
        ..*limits
    };
    one.writable_at_worst(page_size)
        .unwrap_or(Size::bytes(u64::MAX))
}

/// What the process writes beside the slots in order to use them all, at most: the pool's list of them and the
/// program's own, each with an older half while it doubles, and a heap that grows in steps of 128 KiB
/// (`M_TOP_PAD` of mallopt(3)).
pub(crate) fn bookkeeping(limits: &Limits) -> Size {
    const OF_A_SLOT: Size = Size::kib(1);
    let lists = OF_A_SLOT.checked_mul(u64::from(limits.max_instances));
    lists
        .and_then(|lists| lists.checked_add(Size::mib(1)))
        .unwrap_or(Size::bytes(u64::MAX))
}

/// Mappings of one pool when every slot is live, with its memories in one piece.
pub(crate) fn maps_at_worst(limits: &Limits, page_size: Size) -> u64 {
    let one = Limits {
        pools: 1,
        ..*limits
    };
    one.footprint(page_size)
        .map_or(u64::MAX, |footprint| footprint.maps_at_worst)
}

/// The same with its memories in as many pieces as there may be.
fn maps_in_pieces(limits: &Limits, page_size: Size) -> u64 {
    maps_at_worst(limits, page_size).saturating_add(further_pieces(limits))
}

/// The largest mapping of one pool that is charged when it is made.
fn charged(limits: &Limits, page_size: Size) -> u64 {
    let charges = limits
        .wasmtime
        .is_some_and(|wasmtime| wasmtime.charges_writable());
    limits
        .footprint(page_size)
        .ok()
        .filter(|_| charges)
        .map_or(0, |footprint| {
            // The memories are mapped inaccessible.
            let [_, tables, stacks] = footprint.mappings.map(|mapping| mapping.bytes.get());
            tables.max(stacks)
        })
}

/// One limit: what the pool needs comes on top of `used`, and `have` is the most in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    limit: RecheckLimit,
    used: u64,
    have: u64,
}

/// A limit that a pool would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) limit: RecheckLimit,
    pub(crate) need: u64,
    pub(crate) have: u64,
}

/// The limits in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    bounds: Vec<Bound>,
    page_size: Size,
}

impl Bounds {
    /// Reads what may matter to a pool that is asked for with these limits beside those that are held.
    pub(crate) fn read<M: Machine>(
        machine: &M,
        asked: &Limits,
        page_size: Size,
        holdings: &[Holding],
    ) -> Self {
        let mut bounds = Vec::new();
        if let Some(limit) = machine.limit(Resource::Data) {
            let status = machine.text("/proc/self/status").unwrap_or_default();
            let data = proc::size_of(&status, "VmData").unwrap_or(Size::ZERO);
            // What live slots have opened is in VmData and in the holdings.
            let open = open_bytes(machine, holdings);
            bounds.push(Bound {
                limit: RecheckLimit::RlimitData,
                used: data
                    .saturating_sub(open)
                    .get()
                    .saturating_add(promised_bytes(holdings)),
                have: limit.get(),
            });
        }
        bounds.extend(maps_bound(machine, asked, page_size, holdings));
        bounds.extend(commit_bound(machine, holdings));
        if charged(asked, page_size) > 0 {
            bounds.extend(memory_bound(machine));
        }
        Self { bounds, page_size }
    }

    /// Whether a pool stays within them, and leaves room for those that are to come.
    pub(crate) fn check(&self, limits: &Limits, to_come: &[Limits]) -> Result<(), Exceeded> {
        for bound in &self.bounds {
            let worst = |limits: &Limits| match bound.limit {
                RecheckLimit::MaxMapCount => maps_in_pieces(limits, self.page_size),
                _ => writable_at_worst(limits, self.page_size)
                    .get()
                    .saturating_add(bookkeeping(limits).get()),
            };
            if bound.limit == RecheckLimit::RamAndSwap {
                // Each mapping is held to it by itself.
                let need = charged(limits, self.page_size);
                if need > bound.have {
                    return Err(Exceeded {
                        limit: bound.limit,
                        need,
                        have: bound.have,
                    });
                }
                continue;
            }
            let need = to_come
                .iter()
                .chain([limits])
                .fold(bound.used, |sum, pool| sum.saturating_add(worst(pool)));
            if need > bound.have {
                return Err(Exceeded {
                    limit: bound.limit,
                    need,
                    have: bound.have,
                });
            }
        }
        Ok(())
    }
}

/// The bound of `vm.max_map_count`; nothing when the pool is far from it, so that the mappings of the
/// process are counted only when the answer depends on it.
fn maps_bound<M: Machine>(
    machine: &M,
    asked: &Limits,
    page_size: Size,
    holdings: &[Holding],
) -> Option<Bound> {
    let have = match machine.text("/proc/sys/vm/max_map_count") {
        Some(text) => proc::number(&text).unwrap_or(MAX_MAP_COUNT),
        // Not Linux, where nothing bounds them, or no /proc, where it is as it always was.
        None if machine.stack_top().is_some() => MAX_MAP_COUNT,
        None => return None,
    };
    let promised = holdings.iter().fold(0u64, |sum, holding| {
        sum.saturating_add(holding.maps_at_worst)
    });
    let ours = promised.saturating_add(maps_in_pieces(asked, page_size));
    if ours.saturating_add(HEADROOM_MAPS) <= have {
        return None;
    }
    let text = machine.text("/proc/self/maps").unwrap_or_default();
    let others = proc::maps(&text)
        .filter(|map| !holdings.iter().any(|holding| holding.holds(map.start)))
        .count();
    Some(Bound {
        limit: RecheckLimit::MaxMapCount,
        // The rest of the process is left what the build leaves it.
        used: promised.saturating_add(wide(others).max(HEADROOM_MAPS)),
        have,
    })
}

/// The bound of `vm.overcommit_memory = 2`.
fn commit_bound<M: Machine>(machine: &M, holdings: &[Holding]) -> Option<Bound> {
    let left = overcommit::left(machine)?;
    let open = open_bytes(machine, holdings).get();
    Some(Bound {
        limit: RecheckLimit::CommitLimit,
        used: promised_bytes(holdings).saturating_sub(open),
        have: left.get(),
    })
}

/// The bound of `vm.overcommit_memory = 0`, in which a mapping without MAP_NORESERVE that is larger than RAM
/// and swap is refused. Source: mm/util.c, __vm_enough_memory.
fn memory_bound<M: Machine>(machine: &M) -> Option<Bound> {
    let mode = machine.text("/proc/sys/vm/overcommit_memory")?;
    if proc::number(&mode) != Some(0) {
        return None;
    }
    let have = proc::ram_and_swap(&machine.text("/proc/meminfo")?)?;
    Some(Bound {
        limit: RecheckLimit::RamAndSwap,
        used: 0,
        have: have.get(),
    })
}

fn promised_bytes(holdings: &[Holding]) -> u64 {
    holdings.iter().fold(0, |sum, holding| {
        sum.saturating_add(holding.writable_at_worst.get())
    })
}

/// Bytes that live slots have opened.
fn open_bytes<M: Machine>(machine: &M, holdings: &[Holding]) -> Size {
    if holdings.is_empty() {
        return Size::ZERO;
    }
    let text = machine.text("/proc/self/maps").unwrap_or_default();
    let open = proc::maps(&text)
        .filter(|map| map.writable && holdings.iter().any(|holding| holding.holds(map.start)))
        .fold(0u64, |sum, map| sum.saturating_add(map.end - map.start));
    Size::bytes(open)
}

//! Bounds: the limits of the process as a whole, held against the sum of poolcfg-core: `RLIMIT_AS`, and those that
//! refuse no reservation and bite when slots come to life, `RLIMIT_DATA`, `vm.max_map_count`, and the commit limit of
//! `vm.overcommit_memory = 2`; and, for the versions of Wasmtime whose tables and stacks are charged when they are
//! mapped, RAM and swap. They are read before anything is reserved.

use poolcfg_core::{
    Bound, Demand, HEADROOM_MAPS, Limits, MAX_MAP_COUNT, ProcessLimits, Size, bookkeeping,
};

use crate::machine::live_pools::Holding;
use crate::machine::overcommit;
use crate::machine::proc;
use crate::machine::{Machine, Resource};
use crate::recheck::limit::RecheckLimit;
use crate::recheck::proc_facts::{ProcFacts, mapped_sizes};
use crate::sys::wide;

/// What one pool takes of the limits of its process at worst.
pub(crate) fn demand(limits: &Limits, page_size: Size) -> Demand {
    let one = Limits {
        pools: 1,
        ..*limits
    };
    one.demand(page_size)
}

/// Bytes that one pool makes writable at most.
pub(crate) fn writable_at_worst(limits: &Limits, page_size: Size) -> Size {
    let one = Limits {
        pools: 1,
        ..*limits
    };
    one.footprint(page_size)
        .map_or(Size::bytes(u64::MAX), |footprint| footprint.writable)
}

/// Mappings of one pool when every slot is in use, with its memories in so many pieces.
pub(crate) fn maps_at_worst(limits: &Limits, page_size: Size, pieces: usize) -> u64 {
    demand(limits, page_size)
        .maps
        .saturating_sub(limits.further_pieces())
        .saturating_add(wide(pieces.saturating_sub(1)))
}

/// What the process writes beside the slots of one pool in order to use them all, at most.
pub(crate) fn beside_slots(limits: &Limits) -> Size {
    Size::bytes(bookkeeping(u64::from(limits.max_instances)))
}

/// A limit that a pool would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExceededLimit {
    pub(crate) limit: RecheckLimit,
    pub(crate) need: u64,
    pub(crate) have: u64,
}

/// The limits in force, and what the process takes of them already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessBounds {
    limits: ProcessLimits,
    /// What the rest of the process takes, and what the pools that are held take at worst.
    own: Demand,
    /// What the rest of the process has not taken yet of its headroom, and the mappings of pools that lie in fewer pieces
    /// than they may when they start again: what a pool takes beyond its guarantee has to leave it.
    rest: Demand,
    page_size: Size,
}

impl ProcessBounds {
    /// Reads what may matter to a pool that is asked for with these limits, beside those that are held and those
    /// that are to come, for which so many bytes are kept.
    pub(crate) fn read<M: Machine>(
        told: &ProcFacts<'_, M>,
        asked: &Limits,
        to_come: &[Limits],
        page_size: Size,
        headroom: Size,
        holdings: &[Holding],
        kept: Size,
    ) -> Self {
        let mut this = Self {
            limits: ProcessLimits::NONE,
            own: Demand::NONE,
            rest: Demand::NONE,
            page_size,
        };
        let machine = told.machine;
        if machine.limit(Resource::Data).is_some() {
            told.read_maps_first();
        }
        if let Some(limit) = machine.limit(Resource::AddressSpace) {
            this.limits.rlimit_as = Some(limit);
            // What is held is in it. What is kept is counted when it is taken.
            let size = told.status("VmSize").saturating_sub(kept);
            this.own.address_space = size
                .get()
                .saturating_add(told.unmapped_bytes(holdings, page_size));
            this.rest.address_space = headroom
                .saturating_sub(size.saturating_sub(mapped(holdings, page_size)))
                .get();
        }
        // What live slots have opened is in VmData and in the holdings.
        let data = || {
            let unplaced = unplaced(holdings).map(|holding| holding.writable_at_worst);
            let counted = unplaced.fold(told.open_bytes(), |sum, bytes| {
                sum.checked_add(bytes).unwrap_or(Size::bytes(u64::MAX))
            });
            told.status("VmData").saturating_sub(counted)
        };
        if let Some(limit) = machine.limit(Resource::Data) {
            this.limits.rlimit_data = Some(limit);
            let data = data();
            this.own.writable = data.get().saturating_add(promised_bytes(holdings));
            this.rest.writable = headroom.saturating_sub(data).get();
        }
        let most = to_come.iter().fold(demand(asked, page_size), |sum, pool| {
            sum.and(demand(pool, page_size))
        });
        this.read_maps(told, most.maps, holdings);
        if this.read_commit_limit(told, holdings) {
            this.rest.committed = headroom.saturating_sub(data()).get();
        }
        if most.charged > 0 {
            this.limits.memory = ram_and_swap(machine);
        }
        this
    }

    /// Whether a pool stays within them, and leaves room for those that are to come and for what the process maps until
    /// they start; beyond its guarantee, also for all that the rest of the process was promised.
    pub(crate) fn allow(&self, limits: &Limits, to_come: &[Limits], is_beyond: bool) -> bool {
        let rest = if is_beyond || !to_come.is_empty() {
            self.rest
        } else {
            Demand {
                address_space: self.rest.address_space,
                ..Demand::NONE
            }
        };
        let own = self.own.and(rest);
        self.sum(own, limits, to_come).is_ok()
    }

    /// Whether a pool stays within them.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), ExceededLimit> {
        self.sum(self.own, limits, &[])
    }

    /// Whether a pool stays within them beside others and so much of a headroom.
    pub(crate) fn allow_beside(&self, limits: &Limits, others: &[Limits], headroom: Size) -> bool {
        let headroom = Demand {
            address_space: self.headroom_of(headroom).get(),
            ..Demand::NONE
        };
        self.sum(self.own.and(headroom), limits, others).is_ok()
    }

    /// As much of a headroom as a suggestion leaves under `RLIMIT_AS`: a quarter of what the limit leaves, so that more is
    /// suggested the higher the limit is.
    pub(crate) fn headroom_of(&self, headroom: Size) -> Size {
        let left =
            |limit: Size| Size::bytes(limit.get().saturating_sub(self.own.address_space) / 4);
        let most = self.limits.rlimit_as.map(left);
        most.map_or(headroom, |most| headroom.min(most))
    }

    fn sum(&self, own: Demand, limits: &Limits, to_come: &[Limits]) -> Result<(), ExceededLimit> {
        let all = to_come
            .iter()
            .chain([limits])
            .fold(own, |sum, pool| sum.and(demand(pool, self.page_size)));
        match all.exceeds(&self.limits.most()) {
            None => Ok(()),
            Some(exceeded) => Err(ExceededLimit {
                limit: match exceeded.bound {
                    Bound::AddressSpace => RecheckLimit::RlimitAs,
                    Bound::Writable => RecheckLimit::RlimitData,
                    Bound::Maps => RecheckLimit::MaxMapCount,
                    Bound::Committed => RecheckLimit::CommitLimit,
                    Bound::Charged => RecheckLimit::RamAndSwap,
                },
                need: exceeded.need,
                have: exceeded.have,
            }),
        }
    }

    /// Reads `vm.max_map_count`; the maps of the process are counted only where they may decide, beside as many as `most`
    /// of this pool and those to come.
    fn read_maps<M: Machine>(&mut self, told: &ProcFacts<'_, M>, most: u64, holdings: &[Holding]) {
        let have = match told.machine.text("/proc/sys/vm/max_map_count") {
            Some(text) => proc::number(&text).unwrap_or(MAX_MAP_COUNT),
            // Not Linux, where nothing bounds them, or no /proc, where it is as it always was.
            None if told.machine.stack_top().is_some() => MAX_MAP_COUNT,
            None => return,
        };
        let promised = holdings.iter().fold(0u64, |sum, holding| {
            sum.saturating_add(holding.maps_at_worst)
        });
        let saved = saved_maps(holdings, self.page_size);
        let all = promised.saturating_add(saved).saturating_add(most);
        let left = have.saturating_sub(all);
        let at_most = told.maps_at_most();
        if HEADROOM_MAPS.max(at_most) <= left {
            return;
        }
        let engines = unplaced(holdings);
        let others = told.maps_of_no_pool(engines, self.page_size);
        // A process that has a page has a map: there is none left for the list.
        let others = others.unwrap_or(if at_most < u64::MAX { have } else { 0 });
        self.limits.max_map_count = Some(have);
        // The rest of the process is left what the build leaves it.
        self.own.maps = promised.saturating_add(others.max(HEADROOM_MAPS));
        self.rest.maps = saved;
    }

    /// Reads the limit of `vm.overcommit_memory = 2`; whether there is one.
    fn read_commit_limit<M: Machine>(
        &mut self,
        told: &ProcFacts<'_, M>,
        holdings: &[Holding],
    ) -> bool {
        let Some(left) = overcommit::left(|path| told.machine.text(path)) else {
            return false;
        };
        self.limits.commit_limit = Some(left);
        // What live slots have opened is committed already.
        let open = told.open_bytes().get();
        self.own.committed = promised_bytes(holdings).saturating_sub(open);
        true
    }
}

/// RAM and swap where `vm.overcommit_memory = 0`, in which a mapping without MAP_NORESERVE that is larger is
/// refused. Source: mm/util.c, __vm_enough_memory.
fn ram_and_swap<M: Machine>(machine: &M) -> Option<Size> {
    let mode = machine.text("/proc/sys/vm/overcommit_memory")?;
    if proc::number(&mode) != Some(0) {
        return None;
    }
    proc::ram_and_swap(&machine.text("/proc/meminfo")?)
}

/// Pools that Wasmtime maps for itself, nobody knows where. What the kernel tells of the process has them in it as soon
/// as they are mapped, up to what they were promised: that is not to be counted twice.
pub(crate) fn unplaced(holdings: &[Holding]) -> impl Iterator<Item = &Holding> {
    holdings.iter().filter(|holding| holding.ranges.is_empty())
}

/// Bytes of address space that pools hold in known places.
pub(crate) fn held(holdings: &[Holding]) -> Size {
    let ranges = holdings.iter().flat_map(|holding| &holding.ranges);
    Size::bytes(ranges.fold(0, |sum: u64, range| {
        sum.saturating_add(range.end.saturating_sub(range.start))
    }))
}

/// Bytes of address space that all pools have mapped, those of engines included.
pub(crate) fn mapped(holdings: &[Holding], page_size: Size) -> Size {
    let engines = unplaced(holdings).filter(|holding| holding.unmapped.is_none());
    let sizes = engines.flat_map(|engine| mapped_sizes(engine, page_size));
    Size::bytes(sizes.fold(held(holdings).get(), u64::saturating_add))
}

/// The margin without which no engine is rechecked: half of what the process has not mapped yet of its headroom. In the
/// layout that the build counts on there is more of it; where there is not, what is mapped until the engine is made may
/// take its place.
pub(crate) fn least_margin<M: Machine>(
    told: &ProcFacts<'_, M>,
    holdings: &[Holding],
    page_size: Size,
    headroom: Size,
) -> Size {
    let Some(pages) = told.pages() else {
        return Size::ZERO;
    };
    let all = Size::bytes(pages.saturating_mul(page_size.get()));
    let rest = all.saturating_sub(mapped(holdings, page_size));
    Size::bytes(headroom.saturating_sub(rest).get() / 2)
}

/// Mappings that pools do without, since they lie in fewer pieces than they may.
fn saved_maps(holdings: &[Holding], page_size: Size) -> u64 {
    holdings.iter().fold(0, |sum, holding| {
        let most = holding
            .took
            .map(|took| demand(&took.limits, page_size).maps);
        let saved = most.unwrap_or(0).saturating_sub(holding.maps_at_worst);
        sum.saturating_add(saved)
    })
}

fn promised_bytes(holdings: &[Holding]) -> u64 {
    holdings.iter().fold(0, |sum, holding| {
        sum.saturating_add(holding.writable_at_worst.get())
    })
}

//! Everywhere: what each process of this machine has for a pool, that is started as this one was and has the same other
//! pools, wherever ASLR puts things. By the model, and so only where a VA profile matches.

use poolcfg_core::{Budget, Group, KINDS, Layout, Limits, Placement, Size, place};

use super::Recheck;
use super::by_address::ByAddress;
use crate::machine::live_pools::Holding;
use crate::machine::proc;
use crate::machine::{Machine, Resource};
use crate::recheck::kept::Keeper;
use crate::recheck::layout::{self, Seen};
use crate::recheck::process_bounds::mapped;

/// What lies beside the pool.
struct NextGroup {
    group: Group,
    /// What is guaranteed to pools of its own file that are not alive, which a start may lower.
    to_come: Option<Limits>,
}

impl NextGroup {
    const fn fixed(group: Group) -> Self {
        Self {
            group,
            to_come: None,
        }
    }
}

/// What one pool meets.
pub(super) struct Everywhere {
    budget: Budget,
    /// What is placed before the pool: pools of other files, and those of its own that come first.
    before: Vec<NextGroup>,
    /// What has to find its place behind it.
    after: Vec<NextGroup>,
    /// How many pools there are of it.
    pools: u32,
    /// Where one slot may lie that no hole holds which the kernel searches.
    by_address: Option<ByAddress>,
    /// Whether the other pools leave anything that can be counted on.
    is_known: bool,
    /// Whether a pool of the same file has taken more than its guarantee, and not all that it asks for. In another process
    /// it may take more, and leaves the others no more than their guarantees.
    others_take_more: bool,
    /// Whether pools of the same file are alive.
    is_beside_others: bool,
    /// Whether a kernel of the profile has laid the process out.
    is_of_kernel: bool,
}

impl Everywhere {
    /// `None` if no VA profile matches the machine.
    pub(super) fn of<M: Keeper>(recheck: &Recheck<'_, M>) -> Option<Self> {
        let machine = recheck.machine;
        let profile = layout::matching(machine).next()?;
        let search = layout::search(machine)?;
        let seen = Seen {
            target: machine.target(),
            unlimited_stack: machine.kept().unlimited_stack(search.unlimited_stack),
            stack: machine.limit(Resource::Stack),
            relocation_model: machine.relocation_model(),
            aslr_bits: layout::aslr_bits(machine),
            window: layout::window(machine).map(Size::bytes),
        };
        let holdings = machine.holdings();
        let rest = mapped_besides(machine, &holdings, recheck.page_size);
        let shape = seen.shape();
        let headroom = recheck.headroom.max(rest);
        let budget = Budget::new(profile, shape, Some(headroom));
        let (by_address, is_of_kernel) = match &profile.layout {
            Layout::Linux(linux) => {
                let stack = layout::largest_stack(recheck.promise.shape);
                let by_address = ByAddress::new(profile, linux, shape, headroom, stack);
                (by_address, layout::is_of_kernel(machine, linux))
            }
            Layout::OneHole(_) => (None, false),
        };
        let mut this = Self {
            budget,
            before: Vec::new(),
            after: Vec::new(),
            pools: 1,
            by_address,
            is_known: true,
            others_take_more: false,
            is_beside_others: false,
            is_of_kernel,
        };
        let gone = holdings.iter().filter(|holding| holding.name.is_none());
        for holding in recheck.of_other_files(&holdings).iter().chain(gone) {
            this.add_other(holding);
        }
        let mut is_before = true;
        for (name, limits) in recheck.promise.process.pools() {
            let alive = holdings.iter().filter(|holding| holding.name == Some(name));
            if name == recheck.promise.name {
                is_before = false;
                this.pools = limits.pools;
                this.is_beside_others |= alive.count() > 0;
                continue;
            }
            let groups = this.of_own_file(limits, alive);
            let list = if is_before {
                &mut this.before
            } else {
                &mut this.after
            };
            list.extend(groups);
        }
        Some(this)
    }

    /// Pools of one name of the same file: what each of those that are alive takes in another process, and what is
    /// guaranteed to the rest.
    fn of_own_file<'a>(
        &mut self,
        limits: Limits,
        alive: impl Iterator<Item = &'a Holding>,
    ) -> Vec<NextGroup> {
        let mut rest = limits.pools;
        let mut groups = Vec::new();
        for holding in alive {
            let Some(left) = rest.checked_sub(1) else {
                break;
            };
            rest = left;
            self.is_beside_others = true;
            let took = match holding.took {
                // A variable may have lowered what it asks for.
                Some(took) if took.is_all => took.limits,
                Some(took) => {
                    self.others_take_more |= took.limits
                        != Limits {
                            pools: took.limits.pools,
                            ..limits
                        };
                    limits
                }
                None => limits,
            };
            let group = self.group(&Limits { pools: 1, ..took });
            groups.extend(group.map(NextGroup::fixed));
        }
        let to_come = Limits {
            pools: rest,
            ..limits
        };
        groups.extend(
            self.group(&to_come)
                .filter(|_| rest > 0)
                .map(|group| NextGroup {
                    group,
                    to_come: Some(to_come),
                }),
        );
        groups
    }

    /// A pool of another file. One that takes what there is leaves in another process what is left by chance.
    fn add_other(&mut self, holding: &Holding) {
        match holding.took {
            Some(took) => {
                self.is_known &= took.is_all;
                let limits = Limits {
                    pools: 1,
                    ..took.limits
                };
                let group = self.group(&limits);
                self.before.extend(group.map(NextGroup::fixed));
            }
            None => {
                for range in &holding.ranges {
                    let mut sizes = [0; KINDS];
                    sizes[0] = range.end.saturating_sub(range.start);
                    self.before.push(NextGroup::fixed(Group {
                        sizes,
                        count: 1,
                        slot: 0,
                        guard: 0,
                    }));
                }
            }
        }
    }

    /// Whether the other pools leave anything that can be counted on.
    pub(super) const fn is_known(&self) -> bool {
        self.is_known
    }

    /// Whether what a process of a kernel has is to be counted on here: an emulator has a layout of its own.
    pub(super) const fn is_of_kernel(&self) -> bool {
        self.is_of_kernel
    }

    /// Whether pools of the same file are alive, which may have more in this process than in one that is started as
    /// suggested.
    pub(super) const fn is_beside_others(&self) -> bool {
        self.is_beside_others
    }

    /// Whether the other pools leave so much of what is guaranteed.
    pub(super) fn is_left(&self, limits: &Limits, guaranteed: &Limits) -> bool {
        !self.others_take_more
            || (limits.max_instances <= guaranteed.max_instances
                && limits.memory_reservation <= guaranteed.memory_reservation)
    }

    fn group(&self, limits: &Limits) -> Option<Group> {
        let mappings = limits.mappings(self.budget.page_size)?;
        Some(mappings.group(self.budget.huge_page.get()))
    }

    /// Whether a pool of these limits finds its place in each process, and all others find theirs, those of its file that
    /// are to come with `left` of what is guaranteed to them.
    pub(super) fn holds(&self, limits: &Limits, left: impl Fn(&Limits) -> Limits) -> bool {
        let own = Limits {
            pools: self.pools,
            ..*limits
        };
        let Some(own) = self.group(&own).filter(|_| self.is_known) else {
            return false;
        };
        let groups = |list: &[NextGroup]| -> Option<Vec<Group>> {
            let group = |beside: &NextGroup| match &beside.to_come {
                Some(limits) => self.group(&left(limits)),
                None => Some(beside.group),
            };
            list.iter().map(group).collect()
        };
        let (Some(before), Some(after)) = (groups(&self.before), groups(&self.after)) else {
            return false;
        };
        let all = [before, vec![own], after].concat();
        matches!(place(&self.budget.room, &all), Placement::Fits)
            || (all.len() == 1 && self.holds_by_address(&own))
    }

    fn holds_by_address(&self, own: &Group) -> bool {
        let slots = own.memories().map_or(0, |memories| memories.slots);
        let [memories, tables, stacks] = own.sizes;
        let by_address = self.by_address.filter(|_| own.count == 1 && slots == 1);
        by_address.is_some_and(|of| of.holds(memories, tables.saturating_add(stacks)))
    }
}

/// Bytes that the process has mapped beside its pools.
fn mapped_besides<M: Machine>(machine: &M, holdings: &[Holding], page_size: Size) -> Size {
    let text = machine.text("/proc/self/maps").unwrap_or_default();
    let all = proc::maps(&text).fold(0u64, |sum, map| {
        sum.saturating_add(map.end.saturating_sub(map.start))
    });
    Size::bytes(all).saturating_sub(mapped(holdings, page_size))
}

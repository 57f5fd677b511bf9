//! The recheck: how much of what is asked does this process hold, and what is in the way of the least?
//!
//! Limits that no reservation meets are read first (`bounds`), then the real reservation is made, and
//! only when that fails is the cause looked for.

pub(crate) mod book;
pub(crate) mod bounds;
pub(crate) mod kept;
pub(crate) mod layout;
pub(crate) mod misfit;
pub(crate) mod options;
pub(crate) mod order;
pub(crate) mod reach;
pub(crate) mod slabs;
pub(crate) mod spacious;

use std::sync::{Mutex, MutexGuard, PoisonError};

use poolcfg_core::{GRAIN, HOLES, Keep, LargestFit, Limits, MappingName, Promise, Size};

use crate::machine::ledger::Holding;
use crate::machine::proc;
use crate::machine::{Machine, Resource, wide};
use crate::recheck::bounds::{Bounds, Exceeded, demand, held};
use crate::recheck::misfit::{Misfit, OtherLayout, RecheckError, RecheckLimit};
use crate::recheck::options::RecheckOptions;
use crate::recheck::order::Order;
use crate::recheck::reach::Reach;
use crate::recheck::slabs::{
    Placer, Refusal, Slabs, is_of_size, largest, largest_single, slab_bytes,
};
use crate::variables::InForce;

mod by_address;
mod everywhere;
mod hold;
mod in_order;
mod room;
mod settle;
mod suggestion;

pub(crate) use hold::hold;

/// One recheck at a time: what one has measured, another would take.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a recheck has reserved.
#[derive(Debug)]
pub(crate) struct Taken<M> {
    pub(crate) limits: Limits,
    /// Whether it is all that was asked for.
    pub(crate) is_all: bool,
    pub(crate) page_size: Size,
    pub(crate) slabs: Slabs<M>,
}

/// The limits of a pool that shrinks or grows by the number which is not kept.
#[derive(Clone, Copy)]
struct Scale {
    asked: Limits,
    keep: Keep,
}

impl Scale {
    fn limits(&self, value: u64) -> Limits {
        match self.keep {
            Keep::MemoryReservation => self
                .asked
                .with_instances(u32::try_from(value).unwrap_or(u32::MAX)),
            Keep::MaxInstances => self
                .asked
                .with_reservation(Size::bytes(value.saturating_mul(GRAIN.get()))),
        }
    }

    fn value(&self, limits: &Limits) -> u64 {
        match self.keep {
            Keep::MemoryReservation => u64::from(limits.max_instances),
            Keep::MaxInstances => limits.memory_reservation.get() / GRAIN.get(),
        }
    }
}

/// Everything that one recheck goes by.
struct Recheck<'a, M> {
    machine: &'a M,
    promise: &'a Promise<'static>,
    in_force: InForce,
    scale: Scale,
    bounds: Bounds,
    page_size: Size,
    headroom: Size,
    /// What is guaranteed to the pools of the process that are still to come.
    to_come: Vec<Limits>,
    /// The same and engines that are not made yet, in the file's order.
    order: Order,
    /// Where the slots of native pools may lie.
    reach: Reach,
}

/// Pools still to come beyond which none takes more than its guarantee: to find out what they leave, each
/// of them would have to be reserved at each try.
const MANY: usize = 32;

/// Why an attempt failed; what a refused reservation held is still held.
enum Failure<M> {
    Exceeded(Exceeded),
    Refused(Box<Refusal<M>>),
}

/// Takes as much as goes of what is asked, and at least what is guaranteed, or what one can live with.
pub(crate) fn recheck<M: Machine>(
    machine: &M,
    promise: &Promise<'static>,
    options: RecheckOptions,
) -> Result<Taken<M::Mapping>, RecheckError> {
    let holdings = machine.holdings();
    let this = Recheck::new(machine, promise, options, &holdings, None)?;
    let in_force = this.in_force;
    // The least that is of use, where it is a number of instances that shrinks.
    let min = match in_force.keep {
        Keep::MemoryReservation => u64::from(in_force.min_instances),
        Keep::MaxInstances => 1,
    };
    // An operator may need more than the build guarantees, and then no less will do.
    let guaranteed = this.scale.value(&in_force.guaranteed).max(min);
    if machine.kept().is_held()
        && let Some(taken) = this.take_kept(&this.scale.limits(guaranteed))
    {
        return Ok(taken);
    }
    let asked = if this.to_come.len() > MANY || machine.kept().is_held() {
        guaranteed
    } else {
        this.scale.value(&in_force.asked)
    };
    let floor = if options.shrink { min } else { guaranteed };
    let (limits, failure) = match this.attempt(guaranteed, asked) {
        Ok(taken) => return Ok(taken),
        Err(failure) if floor == guaranteed => (this.scale.limits(guaranteed), failure),
        Err(failure) => {
            // What it held would be missing.
            drop(failure);
            match this.attempt(floor, guaranteed) {
                Ok(taken) => return Ok(taken),
                Err(failure) => (this.scale.limits(floor), failure),
            }
        }
    };
    Err(this.misfit(limits, failure).into())
}

/// How many pools of this name there are.
fn alive(name: &str, holdings: &[Holding]) -> u64 {
    let named = |holding: &&Holding| holding.name == Some(name);
    wide(holdings.iter().filter(named).count())
}

impl<'a, M: Machine> Recheck<'a, M> {
    fn new(
        machine: &'a M,
        promise: &'a Promise<'static>,
        options: RecheckOptions,
        holdings: &[Holding],
        own: Option<usize>,
    ) -> Result<Self, RecheckError> {
        let page_size = machine.page_size();
        let in_force = InForce::read(promise, page_size, |name| machine.variable(name))?;
        let order = Order::new(promise, holdings, own);
        let to_come = order.guarantees();
        Ok(Self {
            machine,
            promise,
            in_force,
            scale: Scale {
                asked: in_force.asked,
                keep: in_force.keep,
            },
            bounds: Bounds::read(
                machine,
                &in_force.asked,
                &to_come,
                page_size,
                promise.headroom,
                holdings,
            ),
            page_size,
            headroom: promise.headroom,
            to_come,
            order,
            reach: Reach::of(
                machine,
                options.wide,
                promise.headroom,
                layout::largest_stack(promise.shape),
            ),
        })
    }

    /// Reserves one pool, and makes sure that `headroom` finds its place beside it.
    fn reserve(
        &self,
        limits: Limits,
        headroom: Size,
    ) -> Result<Taken<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let taken = self.reserve_pool(limits)?;
        if headroom.is_zero() {
            return Ok(taken);
        }
        let Err(source) = self.machine.reserve(headroom) else {
            return Ok(taken);
        };
        let refusal = |held, source| Refusal::beside(held, &limits, headroom, source);
        if !is_of_size(&source) {
            return Err(refusal(taken.slabs, source));
        }
        // What is left over may be in holes that are too small for the headroom, and not for slots: then
        // it fits the other way round.
        drop(taken);
        match self.machine.reserve(headroom) {
            Ok(_headroom) => self
                .reserve_pool(limits)
                .map_err(|other| refusal(other.held, other.source)),
            Err(source) => Err(refusal(Slabs::NONE, source)),
        }
    }

    fn reserve_pool(&self, limits: Limits) -> Result<Taken<M::Mapping>, Box<Refusal<M::Mapping>>> {
        Ok(self.taken(limits, self.slabs(&limits, self.headroom, false)?))
    }

    /// Reserves one pool, a native one where its slots may lie, with so much room for the heap.
    fn slabs(
        &self,
        limits: &Limits,
        heap: Size,
        spare: bool,
    ) -> Result<Slabs<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let reach = match limits.wasmtime {
            Some(_) => &Reach::ANY,
            None => &self.reach,
        };
        let placer = Placer {
            machine: self.machine,
            reach,
            heap,
            spare,
        };
        Slabs::reserve(placer, limits, self.page_size)
    }

    /// Takes as much as goes from `least` to `most`. Only what is beyond the least has to leave the headroom: with
    /// the least, what the rest needs was reckoned with when it was promised.
    fn attempt(&self, least: u64, most: u64) -> Result<Taken<M::Mapping>, Failure<M::Mapping>> {
        self.bounds
            .check(&self.scale.limits(least))
            .map_err(Failure::Exceeded)?;
        let most = largest(least, most.saturating_add(1), |value| {
            self.bounds.allow(&self.scale.limits(value), &self.to_come)
        });
        // What the process maps meanwhile may go into any hole that is large enough, also into the one that others, or
        // an engine that is still to be made, find no other for.
        let in_order = self.in_force.asked.wasmtime.is_some() || self.plans(&self.order);
        let take = |value| {
            let limits = self.scale.limits(value);
            if in_order {
                self.take_beyond(limits)
            } else {
                self.reserve(limits, self.headroom)
            }
        };
        let fits = |value| {
            if in_order {
                self.is_room_beyond(&self.scale.limits(value))
            } else {
                take(value).is_ok()
            }
        };
        let mut misfit = most;
        if most > least {
            match take(most) {
                Ok(taken) => return Ok(taken),
                Err(refusal) if !refusal.is_of_size() => return Err(Failure::Refused(refusal)),
                // What lies in one piece goes in whole or not at all.
                Err(_) if self.in_force.asked.wasmtime.is_some() => {}
                Err(refusal) if self.scale.keep == Keep::MemoryReservation => {
                    // More memories than those that went in do not go in.
                    misfit = most.min(u64::from(refusal.slots) + 1);
                }
                Err(_) => {}
            }
        }
        let fit = largest(least, misfit, fits);
        if fit > least
            && let Ok(taken) = take(fit)
        {
            return Ok(taken);
        }
        self.take_guaranteed(least, most).map_err(Failure::Refused)
    }

    /// What pools of other files hold. What slots hold that have outlived their pool may be of any file. And where this
    /// file has no more pools of a name than there are already, another one has them.
    fn of_other_files(&self, holdings: &[Holding]) -> Vec<Holding> {
        let is_of_others = |holding: &&Holding| {
            let Some(name) = holding.name else {
                return false;
            };
            let file = self.promise.process.pools();
            let own = u64::from(name == self.promise.name);
            file.filter(|(other, _)| *other == name).all(|(_, limits)| {
                alive(name, holdings).saturating_add(own) > u64::from(limits.pools)
            })
        };
        holdings.iter().filter(is_of_others).cloned().collect()
    }

    fn misfit(&self, limits: Limits, failure: Failure<M::Mapping>) -> Misfit {
        let holdings = self.machine.holdings();
        let others = self.of_other_files(&holdings);
        let mut misfit = Misfit {
            pool: self.promise.name,
            limits,
            min_instances: self.in_force.min_instances,
            keep: self.in_force.keep,
            limit: RecheckLimit::Refused,
            need: 0,
            have: 0,
            unit: RecheckLimit::Refused.unit(),
            mapping: None,
            largest_fit: LargestFit {
                max_instances: None,
                memory_reservation: None,
            },
            va_profile: self.promise.va_profile,
            shape: self.promise.shape,
            slot: None,
            holes: Vec::new(),
            layout: None,
            held: held(&holdings),
            held_by_others: held(&others),
            alive: alive(self.promise.name, &holdings),
            headroom: self.headroom,
            source: None,
        };
        let (exceeded, of_size) = match failure {
            Failure::Exceeded(exceeded) => (exceeded, true),
            Failure::Refused(refusal) => {
                let of_size = refusal.is_of_size();
                misfit.mapping = refusal.mapping;
                let exceeded = self.diagnose(&limits, *refusal, &mut misfit);
                (exceeded, of_size)
            }
        };
        misfit.limit = exceeded.limit;
        misfit.need = exceeded.need;
        misfit.have = exceeded.have;
        misfit.unit = exceeded.limit.unit();
        if of_size {
            misfit.largest_fit = self.largest_fit(&misfit);
        }
        misfit
    }

    /// Why a reservation was refused, as far as the process can be asked.
    fn diagnose(
        &self,
        limits: &Limits,
        refusal: Refusal<M::Mapping>,
        misfit: &mut Misfit,
    ) -> Exceeded {
        let Refusal {
            held,
            slots,
            mapping,
            mut bytes,
            source,
        } = refusal;
        let kind = source.kind();
        misfit.source = Some(source);
        let memories = |slots| slab_bytes(limits, MappingName::Memories, slots, self.page_size);
        // What went in of memories in pieces.
        let mut pieces = None;
        // Tables and stacks have to lie beside the memories.
        let left = match mapping {
            Some(MappingName::Tables | MappingName::Stacks) => {
                Some(largest_single(self.machine, bytes, self.page_size))
            }
            _ => {
                bytes = memories(limits.max_instances);
                if limits.wasmtime.is_none() && limits.has_memories() && limits.max_instances > 1 {
                    let slot = memories(2).saturating_sub(memories(1));
                    misfit.slot = Some(slot);
                    pieces = Some(if slots > 0 {
                        memories(slots)
                    } else {
                        Size::ZERO
                    });
                }
                None
            }
        };
        let mappings = wide(held.iter().count()).saturating_add(1);
        // From here on nothing of the attempt is held.
        drop(held);
        let refused = Exceeded {
            limit: RecheckLimit::Refused,
            need: bytes.get(),
            have: 0,
        };
        let total = demand(limits, self.page_size).address_space;
        let against = |limit, resource, used: &str| {
            let have = self.machine.limit(resource)?.get();
            let status = self.machine.text("/proc/self/status").unwrap_or_default();
            let used = proc::size_of(&status, used).unwrap_or(Size::ZERO);
            let need = used.get().saturating_add(total);
            (need > have).then_some(Exceeded { limit, need, have })
        };
        match kind {
            std::io::ErrorKind::WouldBlock => {
                return against(RecheckLimit::RlimitMemlock, Resource::Memlock, "VmLck")
                    .unwrap_or(refused);
            }
            std::io::ErrorKind::OutOfMemory => {}
            _ => return refused,
        }
        let address_space = against(RecheckLimit::RlimitAs, Resource::AddressSpace, "VmSize");
        if let Some(exceeded) = address_space {
            return exceeded;
        }
        let maps = self.machine.text("/proc/self/maps").unwrap_or_default();
        let max_map_count = self.machine.text("/proc/sys/vm/max_map_count");
        if let Some(have) = max_map_count.and_then(|text| proc::number(&text)) {
            let need = wide(proc::maps(&maps).count()).saturating_add(mappings);
            if need > have {
                return Exceeded {
                    limit: RecheckLimit::MaxMapCount,
                    need,
                    have,
                };
            }
        }
        misfit.layout = layout::other(self.machine, self.promise.shape);
        let gap = proc::gaps(&maps, 0).first().map(|gap| gap.bytes);
        // A free range of twice the size that is searched is no reason, and where not even a page is had there
        // is none that can be seen: something else refuses.
        let ample = Size::bytes(bytes.get().saturating_mul(2));
        let is_legacy = misfit
            .layout
            .is_some_and(|layout| !matches!(layout, OtherLayout::LargeStack { .. }));
        let reason = is_legacy || left.is_some();
        misfit.holes = match left {
            Some(left) => vec![left],
            None => self.holes(bytes, misfit.slot),
        };
        let largest = misfit.holes.first().copied().unwrap_or(Size::ZERO);
        let have = pieces.filter(|pieces| !pieces.is_zero()).unwrap_or(largest);
        if !reason && (largest.is_zero() || gap.is_some_and(|gap| gap >= ample)) {
            return Exceeded {
                have: have.get(),
                ..refused
            };
        }
        Exceeded {
            limit: RecheckLimit::Hole,
            need: bytes.get(),
            have: have.get(),
        }
    }

    /// The largest free ranges below `misfit` bytes, and of those after the first only what holds a slot.
    fn holes(&self, misfit: Size, slot: Option<Size>) -> Vec<Size> {
        let mut held = Vec::new();
        let mut holes: Vec<Size> = Vec::new();
        while holes.len() < HOLES {
            let hole = largest_single(self.machine, misfit, self.page_size);
            if !holes.is_empty() && slot.is_none_or(|slot| hole < slot) {
                break;
            }
            holes.push(hole);
            // Another thread may have taken some of it meanwhile.
            let Ok(mapping) = self.machine.reserve(hole) else {
                break;
            };
            held.push(mapping);
        }
        holes
    }
}

#[cfg(test)]
#[allow(dead_code, reason = "tests/promises uses the rest of it")]
mod space;
#[cfg(test)]
pub(crate) mod tests;

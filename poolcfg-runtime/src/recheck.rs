//! The recheck: how much of what is asked does this process hold, and what is in the way of the least?
//!
//! Limits that no reservation meets are read first (`bounds`), then the real reservation is made, and
//! only when that fails is the cause looked for.

pub(crate) mod allowed_addresses;
pub(crate) mod book;
pub(crate) mod kept;
pub(crate) mod layout;
pub(crate) mod limit;
pub(crate) mod misfit;
pub(crate) mod options;
pub(crate) mod order;
pub(crate) mod other_layout;
pub(crate) mod placer;
pub(crate) mod proc_facts;
pub(crate) mod process_bounds;
pub(crate) mod reservation;
pub(crate) mod rows;
pub(crate) mod slabs;
pub(crate) mod snapshot;
pub(crate) mod with_slack;

use std::sync::{Mutex, MutexGuard, PoisonError};

use poolcfg_core::{Keep, Limits, Promise, Size};

use crate::machine::live_pools::Holding;
use crate::recheck::allowed_addresses::AllowedAddresses;
use crate::recheck::kept::Keeper;
use crate::recheck::misfit::RecheckError;
use crate::recheck::options::RecheckOptions;
use crate::recheck::order::Order;
use crate::recheck::placer::Placer;
use crate::recheck::proc_facts::ProcFacts;
use crate::recheck::process_bounds::{ExceededLimit, ProcessBounds, least_margin};
use crate::recheck::refusal::{SystemRefusal, is_of_size};
use crate::recheck::slabs::{Slabs, largest};
use crate::variables::InForce;

mod by_address;
mod by_book;
mod diagnosis;
mod engine_places;
mod everywhere;
mod heap_fence;
mod hold;
mod in_order;
mod margin;
mod moment;
mod planned;
mod planned_space;
mod refusal;
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

/// How much of the margin a plan has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Margin {
    /// The headroom.
    Whole,
    /// The headroom without the least room of the heap.
    BesideHeap,
    /// As much of the headroom as goes.
    Most,
}

/// Everything that one recheck goes by.
struct Recheck<'a, M> {
    machine: &'a M,
    promise: &'a Promise<'static>,
    in_force: InForce,
    bounds: ProcessBounds,
    page_size: Size,
    headroom: Size,
    /// What is guaranteed to the pools of the process that are still to come.
    to_come: Vec<Limits>,
    /// The same and engines that are not made yet, in the file's order.
    order: Order,
    /// Where the slots of native pools may lie.
    allowed: AllowedAddresses,
    /// How much of the margin a plan has.
    margin: Margin,
    /// How much of it an engine is not rechecked without.
    least_margin: Size,
    /// Whether the pool is refused rather than placed where the others do not find their places.
    strict: bool,
}

/// Pools still to come beyond which none takes more than its guarantee: to find out what they leave, each
/// of them would have to be reserved at each try.
const MANY: usize = 32;

/// Why an attempt failed; what a refused reservation held is still held.
enum Failure<M> {
    Exceeded(ExceededLimit),
    Refused(Box<SystemRefusal<M>>),
}

/// Takes as much as goes of what is asked, and at least what is guaranteed, or what one can live with.
pub(crate) fn recheck<M: Keeper>(
    machine: &M,
    promise: &Promise<'static>,
    options: RecheckOptions,
) -> Result<Taken<M::Mapping>, RecheckError> {
    let holdings = machine.holdings();
    let this = Recheck::new(machine, promise, options, &holdings, None)?;
    let taken = this.take(options);
    this.fence_heap();
    taken
}

/// How many pools of this name there are.
fn alive(name: &str, holdings: &[Holding]) -> u32 {
    let named = |holding: &&Holding| holding.name == Some(name);
    u32::try_from(holdings.iter().filter(named).count()).unwrap_or(u32::MAX)
}

impl<'a, M: Keeper> Recheck<'a, M> {
    fn new(
        machine: &'a M,
        promise: &'a Promise<'static>,
        options: RecheckOptions,
        holdings: &[Holding],
        own: Option<usize>,
    ) -> Result<Self, RecheckError> {
        let page_size = machine.page_size();
        let in_force = InForce::read(promise, page_size, |name| machine.variable(name))?;
        let told = ProcFacts::new(machine, holdings);
        // Before the heap grows by what is read here.
        let seen = told.seen_engines(holdings, page_size);
        let order = Order::new(promise, holdings, own, seen);
        let to_come = order.guarantees();
        Ok(Self {
            machine,
            promise,
            in_force,
            bounds: ProcessBounds::read(
                &told,
                &in_force.asked,
                &to_come,
                page_size,
                promise.headroom,
                holdings,
                machine.kept().bytes(|mapping| machine.bytes(mapping)),
            ),
            page_size,
            headroom: promise.headroom,
            to_come,
            order,
            allowed: AllowedAddresses::of(
                machine,
                options.wide,
                promise.headroom,
                layout::largest_stack(promise.shape),
            ),
            margin: Margin::Most,
            least_margin: least_margin(&told, holdings, page_size, promise.headroom),
            strict: false,
        })
    }

    /// Takes as much as goes of what is asked, and at least what is guaranteed, or what one can live with.
    fn take(&self, options: RecheckOptions) -> Result<Taken<M::Mapping>, RecheckError> {
        let in_force = self.in_force;
        // The least that is of use, where it is a number of instances that shrinks.
        let min = match in_force.keep {
            Keep::MemoryReservation => u64::from(in_force.min_instances),
            Keep::MaxInstances => 1,
        };
        // An operator may need more than the build guarantees, and then no less will do.
        let guaranteed = self.in_force.value(&in_force.guaranteed).max(min);
        if self.machine.kept().is_held() {
            if let Some(taken) = self.take_kept(&self.in_force.limits(guaranteed)) {
                return Ok(taken);
            }
        }
        let asked = if self.to_come.len() > MANY || self.machine.kept().is_held() {
            guaranteed
        } else {
            self.in_force.value(&in_force.asked)
        };
        let floor = if options.shrink { min } else { guaranteed };
        let quickly = self.take_quickly(asked);
        if let Some(taken) = quickly.or_else(|| self.take_planned(guaranteed, asked)) {
            return Ok(taken);
        }
        let (limits, failure) = match self.attempt(guaranteed, asked) {
            Ok(taken) => return Ok(taken),
            Err(failure) if floor == guaranteed => (self.in_force.limits(guaranteed), failure),
            Err(failure) => {
                // What it held would be missing.
                drop(failure);
                match self.attempt(floor, guaranteed) {
                    Ok(taken) => return Ok(taken),
                    Err(failure) => (self.in_force.limits(floor), failure),
                }
            }
        };
        Err(self.misfit(limits, failure).into())
    }

    /// Reserves one pool, and makes sure that `headroom` finds its place beside it.
    fn reserve(
        &self,
        limits: Limits,
        headroom: Size,
    ) -> Result<Taken<M::Mapping>, Box<SystemRefusal<M::Mapping>>> {
        let taken = self.reserve_pool(limits)?;
        if headroom.is_zero() {
            return Ok(taken);
        }
        let Err(source) = self.machine.reserve(headroom) else {
            return Ok(taken);
        };
        let refusal = |held, source| SystemRefusal::beside(held, &limits, headroom, source);
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

    fn reserve_pool(
        &self,
        limits: Limits,
    ) -> Result<Taken<M::Mapping>, Box<SystemRefusal<M::Mapping>>> {
        Ok(self.taken(limits, self.slabs(&limits, self.headroom, false)?))
    }

    /// Reserves one pool, a native one where its slots may lie, with so much room for the heap.
    fn slabs(
        &self,
        limits: &Limits,
        heap: Size,
        spare: bool,
    ) -> Result<Slabs<M::Mapping>, Box<SystemRefusal<M::Mapping>>> {
        let allowed = match limits.wasmtime {
            Some(_) => &AllowedAddresses::ANY,
            None => &self.allowed,
        };
        let placer = Placer {
            machine: self.machine,
            allowed,
            heap,
            spare,
        };
        Slabs::reserve(placer, limits, self.page_size)
    }

    /// Whether the limits of the process allow so much beside all others.
    fn allows(&self, value: u64) -> bool {
        let is_beyond = value > self.in_force.value(&self.in_force.guaranteed);
        let limits = self.in_force.limits(value);
        self.bounds.allow(&limits, &self.to_come, is_beyond)
    }

    /// Takes as much as goes from `least` to `most`. Only what is beyond the least has to leave the headroom: with
    /// the least, what the rest needs was reckoned with when it was promised.
    fn attempt(&self, least: u64, most: u64) -> Result<Taken<M::Mapping>, Failure<M::Mapping>> {
        self.bounds
            .check(&self.in_force.limits(least))
            .map_err(Failure::Exceeded)?;
        let most = largest(least, most.saturating_add(1), |value| self.allows(value));
        // What the process maps meanwhile may go into any hole that is large enough, also into the one that others, or
        // an engine that is still to be made, find no other for.
        let in_order = self.in_force.asked.wasmtime.is_some() || self.plans(&self.order);
        let take = |value| {
            let limits = self.in_force.limits(value);
            if in_order {
                self.take_beyond(limits)
            } else {
                self.reserve(limits, self.headroom)
            }
        };
        let fits = |value| {
            if in_order {
                self.is_room_beyond(&self.in_force.limits(value))
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
                Err(refusal) if self.in_force.keep == Keep::MemoryReservation => {
                    // More memories than those that went in do not go in.
                    misfit = most.min(u64::from(refusal.slots) + 1);
                }
                Err(_) => {}
            }
        }
        let fit = largest(least, misfit, fits);
        if fit > least {
            if let Ok(taken) = take(fit) {
                return Ok(taken);
            }
        }
        self.take_guaranteed(least, most).map_err(Failure::Refused)
    }
}

#[cfg(test)]
#[allow(dead_code, reason = "tests/promises uses the rest of it")]
mod space;
#[cfg(test)]
pub(crate) mod tests;

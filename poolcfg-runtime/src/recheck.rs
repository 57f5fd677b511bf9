//! The recheck: how much of what is asked does this process hold, and what is in the way of the least?
//!
//! Limits that no reservation meets are read first (`bounds`), then the real reservation is made, and
//! only when that fails is the cause looked for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use poolcfg_core::{GRAIN, HOLES, Keep, LargestFit, Limits, MappingName, Promise, Size};

use crate::bounds::{Bounds, Exceeded, beside_slots, demand};
use crate::kept::Place;
use crate::layout;
use crate::ledger::Holding;
use crate::machine::{Machine, Resource, wide};
use crate::misfit::{Misfit, RecheckError, RecheckLimit};
use crate::options::RecheckOptions;
use crate::order::{Order, ToCome};
use crate::proc;
use crate::reach::Reach;
use crate::slabs::{Placer, Refusal, Slabs, is_of_size, largest, largest_single, slab_bytes};
use crate::spacious::Spacious;
use crate::variables::InForce;

/// One recheck at a time: what one has measured, another would take.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a recheck has reserved.
#[derive(Debug)]
pub(crate) struct Taken<M> {
    pub(crate) limits: Limits,
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
    let this = Recheck::new(machine, promise, options, &holdings)?;
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

/// Keeps the places of the pools that are still to come while an engine of these limits maps its own, until the thread
/// of the answer leaves; as far as there are such places.
pub(crate) fn hold<M: Machine>(
    machine: &M,
    promise: &Promise<'static>,
    limits: &Limits,
) -> ThreadId {
    let kept = machine.kept();
    loop {
        kept.wait();
        let _one = one_at_a_time();
        if kept.is_held_elsewhere() {
            // Another thread has come first.
            continue;
        }
        if kept.is_held() {
            // It is to be mapped there.
            drop(kept.take_checked(promise.name, limits));
            return kept.enter(Vec::new());
        }
        let mut holdings = machine.holdings();
        let own = |holding: &Holding| {
            holding.name == Some(promise.name) && holding.unmapped == Some(*limits)
        };
        if let Some(own) = holdings.iter().position(own) {
            holdings.swap_remove(own);
        }
        // The variables were right when it was rechecked.
        let places = Recheck::new(machine, promise, RecheckOptions::new(), &holdings)
            .map_or_else(|_| Vec::new(), |this| this.places_beside(limits));
        return kept.enter(places);
    }
}

/// Bytes of address space that pools hold.
fn held(holdings: &[Holding]) -> Size {
    let ranges = holdings.iter().flat_map(|holding| &holding.ranges);
    Size::bytes(ranges.fold(0, |sum: u64, range| {
        sum.saturating_add(range.end.saturating_sub(range.start))
    }))
}

/// A pool in its place, and those that are still to come in theirs.
struct InOrder<M> {
    own: Slabs<M>,
    others: Vec<(ToCome, Slabs<M>)>,
}

impl<'a, M: Machine> Recheck<'a, M> {
    fn new(
        machine: &'a M,
        promise: &'a Promise<'static>,
        options: RecheckOptions,
        holdings: &[Holding],
    ) -> Result<Self, RecheckError> {
        let page_size = machine.page_size();
        let in_force = InForce::read(promise, page_size, |name| machine.variable(name))?;
        let order = Order::new(promise, holdings);
        let to_come = order.guarantees();
        Ok(Self {
            machine,
            promise,
            in_force,
            scale: Scale {
                asked: in_force.asked,
                keep: in_force.keep,
            },
            bounds: Bounds::read(machine, &in_force.asked, &to_come, page_size, holdings),
            page_size,
            headroom: promise.headroom,
            to_come,
            order,
            reach: Reach::of(machine, options.wide, promise.headroom),
        })
    }

    /// What is guaranteed, where it is kept: an engine may be mapping its pool beside it.
    fn take_kept(&self, guaranteed: &Limits) -> Option<Taken<M::Mapping>> {
        self.bounds.check(guaranteed, &[]).ok()?;
        let kept = self.machine.kept();
        let mut place = kept.take(self.promise.name)?;
        if place.limits != *guaranteed {
            // Variables have changed it: what was kept is free now.
            return None;
        }
        let slabs = if guaranteed.wasmtime.is_some() {
            // Until its own engine is made.
            place.checked = true;
            kept.put(place);
            Slabs::NONE
        } else if place.spare {
            place.slabs.trim(self.machine).ok()?
        } else {
            place.slabs
        };
        Some(Taken {
            limits: *guaranteed,
            page_size: self.page_size,
            slabs,
        })
    }

    /// Reserves the pools that are still to come in the file's order, this one among them with these limits; and
    /// `room` first, for what the process maps meanwhile.
    ///
    /// Where each mapping goes does not depend on those behind it. So the others find their places whichever of
    /// them comes next, as long as the process maps no more than `room`.
    fn in_order(
        &self,
        order: &Order,
        limits: &Limits,
        room: Size,
        spare: bool,
    ) -> Result<InOrder<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let reach = self.reach.with_heap(room);
        let beside = |held, bytes, source| Refusal::beside(held, limits, bytes, source);
        let above = (!room.is_zero()).then(|| self.machine.reserve(room));
        let above = above.transpose();
        let _above = above.map_err(|source| beside(Slabs::NONE, room, source))?;
        let mut others = Vec::new();
        for pool in &order.before {
            match self.slabs(&pool.limits, &reach, spare) {
                Ok(slabs) => others.push((*pool, slabs)),
                Err(other) => return Err(beside(Slabs::NONE, other.bytes, other.source)),
            }
        }
        // What is only given back has to find its place again, too.
        let own = self.slabs(limits, &reach, spare && limits.wasmtime.is_some())?;
        for pool in &order.after {
            match self.slabs(&pool.limits, &reach, spare) {
                Ok(slabs) => others.push((*pool, slabs)),
                Err(other) => return Err(beside(own, other.bytes, other.source)),
            }
        }
        Ok(InOrder { own, others })
    }

    /// The most room, up to the headroom, with which something is had.
    fn with_most_room<T>(
        &self,
        mut attempt: impl FnMut(Size) -> Result<T, Box<Refusal<M::Mapping>>>,
    ) -> Result<T, Box<Refusal<M::Mapping>>> {
        const GRAIN: Size = Size::mib(1);
        match attempt(self.headroom) {
            Err(refusal) if refusal.is_of_size() && !self.headroom.is_zero() => drop(refusal),
            done => return done,
        }
        // What it held would be missing.
        drop(attempt(Size::ZERO)?);
        let most = self.headroom.get().div_ceil(GRAIN.get());
        let room = |grains: u64| Size::bytes(grains.saturating_mul(GRAIN.get()));
        let fits = largest(0, most, |grains| attempt(room(grains)).is_ok());
        attempt(room(fits))
    }

    /// Takes a pool in its place of the file's order, and puts it to the high end of the holes in which it lies, so that
    /// what is left of each is one hole for what is still to come.
    fn take_in_order(
        &self,
        order: &Order,
        limits: Limits,
        room: Size,
        spare: bool,
    ) -> Result<Taken<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let InOrder { own, others } = self.in_order(order, &limits, room, spare)?;
        drop(others);
        Ok(Taken {
            limits,
            page_size: self.page_size,
            slabs: self.raise(own, limits)?,
        })
    }

    /// Puts a native pool to the high ends of its holes.
    fn raise(
        &self,
        slabs: Slabs<M::Mapping>,
        limits: Limits,
    ) -> Result<Slabs<M::Mapping>, Box<Refusal<M::Mapping>>> {
        if limits.wasmtime.is_some() {
            // It is given back, and mapped by its engine.
            return Ok(slabs);
        }
        let placer = Placer {
            machine: self.machine,
            reach: &self.reach.with_heap(Size::ZERO),
            spare: false,
        };
        let raised = slabs.raise(placer);
        raised.map_err(|source| Refusal::beside(Slabs::NONE, &limits, Size::ZERO, source))
    }

    /// Takes what is guaranteed: in its place of the file's order where the others find theirs, and otherwise by
    /// itself.
    fn take_guaranteed(
        &self,
        limits: Limits,
    ) -> Result<Taken<M::Mapping>, Box<Refusal<M::Mapping>>> {
        // An engine that is not made yet may have been mapped without our knowing.
        let unchecked = &self.order.unchecked();
        // On a kernel that aligns nothing, the alignment may be what is missing.
        for (order, spare) in [
            (&self.order, true),
            (&self.order, false),
            (unchecked, true),
            (unchecked, false),
        ] {
            if self.order_matters(order) {
                let take = |room| self.take_in_order(order, limits, room, spare);
                match self.with_most_room(take) {
                    Err(refusal) if refusal.is_of_size() => {}
                    done => return done,
                }
            }
        }
        let take = |room| {
            Ok(Taken {
                limits,
                page_size: self.page_size,
                slabs: self.slabs(&limits, &self.reach.with_heap(room), false)?,
            })
        };
        self.with_most_room(take)
    }

    /// Whether a place depends on pools that are still to come; what is held meanwhile keeps their places.
    fn order_matters(&self, order: &Order) -> bool {
        order.matters(self.promise.name) && !self.machine.kept().is_held()
    }

    /// The places of the others, while an engine of these limits maps its own.
    fn places_beside(&self, limits: &Limits) -> Vec<Place<M::Mapping>> {
        if !self.order_matters(&self.order) {
            return Vec::new();
        }
        let found = [true, false].into_iter().find_map(|spare| {
            let attempt = |room| self.in_order(&self.order, limits, room, spare);
            Some((spare, self.with_most_room(attempt).ok()?.others))
        });
        let (spare, others) = found.unwrap_or_default();
        let places = others.into_iter().map(|(pool, slabs)| Place {
            name: pool.name,
            limits: pool.limits,
            slabs,
            spare,
            checked: pool.checked,
        });
        places.collect()
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
        Ok(Taken {
            limits,
            page_size: self.page_size,
            slabs: self.slabs(&limits, &self.reach, false)?,
        })
    }

    /// Reserves one pool, a native one where its slots may lie.
    fn slabs(
        &self,
        limits: &Limits,
        reach: &Reach,
        spare: bool,
    ) -> Result<Slabs<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let reach = match limits.wasmtime {
            Some(_) => &Reach::ANY,
            None => reach,
        };
        let placer = Placer {
            machine: self.machine,
            reach,
            spare,
        };
        Slabs::reserve(placer, limits, self.page_size)
    }

    /// Takes as much as goes from `least` to `most`. Only what is beyond the least has to leave the headroom: with
    /// the least, what the rest needs was reckoned with when it was promised.
    fn attempt(&self, least: u64, most: u64) -> Result<Taken<M::Mapping>, Failure<M::Mapping>> {
        self.bounds
            .check(&self.scale.limits(least), &[])
            .map_err(Failure::Exceeded)?;
        let most = largest(least, most.saturating_add(1), |value| {
            self.bounds
                .check(&self.scale.limits(value), &self.to_come)
                .is_ok()
        });
        let take = |value| {
            let limits = self.scale.limits(value);
            // What the process maps meanwhile may go into any hole that is large enough, also into the one that
            // others, or an engine that is still to be made, find no other for.
            if limits.wasmtime.is_some() || !self.order.is_empty() {
                self.take_in_order(&self.order, limits, self.headroom, true)
            } else {
                self.reserve(limits, self.headroom)
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
        let fit = largest(least, misfit, |value| take(value).is_ok());
        if fit > least
            && let Ok(taken) = take(fit)
        {
            return Ok(taken);
        }
        self.take_guaranteed(self.scale.limits(least))
            .map_err(Failure::Refused)
    }

    fn misfit(&self, limits: Limits, failure: Failure<M::Mapping>) -> Misfit {
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
            unlimited_stack: None,
            held: held(&self.machine.holdings()),
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
                if limits.wasmtime.is_none() && limits.max_instances > 1 {
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
        misfit.unlimited_stack =
            layout::search(self.machine).and_then(|search| search.unlimited_stack);
        let gap = proc::gaps(&maps, 0).first().map(|gap| gap.bytes);
        // A free range of twice the size that is searched is no reason, and where not even a page is had there
        // is none that can be seen: something else refuses.
        let ample = Size::bytes(bytes.get().saturating_mul(2));
        let reason = misfit.unlimited_stack.is_some() || left.is_some();
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

    /// The same recheck on another machine.
    fn on<'b, N: Machine<Mapping = M::Mapping>>(&'b self, machine: &'b N) -> Recheck<'b, N> {
        Recheck {
            machine,
            promise: self.promise,
            in_force: self.in_force,
            scale: self.scale,
            bounds: self.bounds.clone(),
            page_size: self.page_size,
            headroom: self.headroom,
            to_come: Vec::new(),
            order: Order::default(),
            reach: self.reach.clone(),
        }
    }

    /// Whether a pool and a headroom find their place, with so much room left in each hole that holds
    /// memories.
    fn holds(&self, limits: Limits, headroom: Size, spare: Size) -> bool {
        let slab = |name| slab_bytes(&limits, name, limits.max_instances, self.page_size);
        let beside = [
            slab(MappingName::Tables),
            slab(MappingName::Stacks),
            headroom,
        ];
        let spacious = Spacious::new(self.machine, spare, beside);
        self.bounds.check(&limits, &[]).is_ok()
            && self.on(&spacious).reserve(limits, headroom).is_ok()
    }

    /// What would fit, each number with the other as asked. The operator starts another process with it,
    /// whose holes may be smaller.
    fn largest_fit(&self, misfit: &Misfit) -> LargestFit {
        let asked = self.in_force.asked;
        let spare = match misfit.limit {
            RecheckLimit::Hole => layout::reach(self.machine, self.promise.shape.aslr),
            _ => Size::ZERO,
        };
        let most = |keep, headroom, spare| {
            let scale = Scale { asked, keep };
            let value = scale.value(&asked);
            let fit = largest(0, value.saturating_add(1), |value| {
                let limits = scale.limits(value);
                let headroom = beside_slots(&limits).max(headroom);
                self.holds(limits, headroom, spare)
            });
            (fit > 0)
                .then(|| scale.limits(fit))
                .filter(|limits| limits.memory_reservation >= limits.least_reservation())
        };
        let most = |keep| {
            most(keep, self.headroom, spare)
                .or_else(|| most(keep, Size::ZERO, spare))
                .or_else(|| most(keep, Size::ZERO, Size::ZERO))
        };
        let guaranteed = self.guaranteed_anywhere(misfit);
        let instances = guaranteed
            .filter(|limits| limits.memory_reservation == asked.memory_reservation)
            .map(|limits| limits.max_instances);
        let reservation = guaranteed
            .filter(|limits| limits.max_instances == asked.max_instances)
            .map(|limits| limits.memory_reservation);
        LargestFit {
            max_instances: most(Keep::MemoryReservation)
                .map(|limits| limits.max_instances)
                .max(instances),
            memory_reservation: most(Keep::MaxInstances)
                .map(|limits| limits.memory_reservation)
                .max(reservation),
        }
    }

    /// What the build guarantees, where that is to be counted on in another process too: it fits here, in a
    /// process like the one that was planned with. It leaves to ASLR what the model knows that ASLR takes.
    fn guaranteed_anywhere(&self, misfit: &Misfit) -> Option<Limits> {
        let planned = misfit.unlimited_stack.is_none() && self.machine.holdings().is_empty();
        let guaranteed = self.in_force.guaranteed;
        (misfit.limit == RecheckLimit::Hole
            && planned
            && self.holds(guaranteed, Size::ZERO, Size::ZERO))
        .then_some(guaranteed)
    }
}

#[cfg(test)]
mod space;
#[cfg(test)]
pub(crate) mod tests;

//! The pools that are still to come, reserved in the file's order; and where a pool of its own then lies.
//! ```text
//!              from the top down: what the process maps, then the others         last: this pool
//!  libraries  | room | ............. to come ............. | left over          | pool | room for the heap | heap
//! ```
//! The kernel puts a mapping into the first hole that is large enough, and where each goes does not depend on those behind
//! it. So when what comes before a pool in the file is reserved first, the pool finds the place that it has in the
//! build's order, and the others find theirs later, whichever comes next. The pool then moves to the other end of its
//! hole: so what the process maps meanwhile has the whole of the rest, and does not lie in what a pool has left.

use std::ops::Range;
use std::thread::ThreadId;

use poolcfg_core::{Limits, MappingName, Promise, Size};

use super::{Recheck, Taken, one_at_a_time};
use crate::machine::Machine;
use crate::recheck::kept::Place;
use crate::recheck::options::RecheckOptions;
use crate::recheck::order::{Order, ToCome};
use crate::recheck::slabs::{Placer, Refusal, Slabs, largest, slab_bytes};

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
            return kept.enter(Vec::new(), Vec::new());
        }
        let holdings = machine.holdings();
        let own = holdings.iter().position(|holding| {
            holding.name == Some(promise.name) && holding.unmapped == Some(*limits)
        });
        let this = Recheck::new(machine, promise, RecheckOptions::new(), &holdings, own);
        // The variables were right when it was rechecked.
        let (places, pages) = this.map_or_else(|_| Default::default(), |this| this.beside(limits));
        return kept.enter(places, pages);
    }
}

/// A pool in its place, and those that are still to come in theirs.
struct InOrder<M> {
    own: Slabs<M>,
    others: Vec<(ToCome, Slabs<M>)>,
    /// The addresses of the room.
    room: Option<Range<u64>>,
    /// A page right behind the room.
    page: Option<M>,
}

/// What is kept beside an engine.
type Beside<M> = (Vec<Place<M>>, Vec<M>);

/// How the pools that are still to come are reserved.
#[derive(Clone, Copy)]
struct Way<'a> {
    order: &'a Order,
    /// Reserved first, for what the process maps meanwhile.
    room: Size,
    /// Whether each mapping has as much to spare as alignment may take.
    spare: bool,
}

impl<M: Machine> Recheck<'_, M> {
    /// What is guaranteed, where it is kept: an engine may be mapping its pool beside it.
    pub(super) fn take_kept(&self, guaranteed: &Limits) -> Option<Taken<M::Mapping>> {
        self.bounds.check(guaranteed).ok()?;
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
        Some(self.taken(*guaranteed, slabs))
    }

    /// Takes what is guaranteed: in its place of the file's order where the others find theirs, and otherwise by
    /// itself.
    pub(super) fn take_guaranteed(
        &self,
        limits: Limits,
    ) -> Result<Taken<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let unchecked = self.order.unchecked();
        for order in [&self.order, &unchecked] {
            // On a kernel that aligns nothing, what alignment may take can be what is missing. And an engine that is
            // to come may have been made without `hold`.
            for spare in [true, false] {
                if !order.matters() || self.machine.kept().is_held() {
                    continue;
                }
                let take = |room| self.take_in_order(Way { order, room, spare }, limits);
                match self.with_most_room(take) {
                    Err(refusal) if refusal.is_of_size() => {}
                    done => return done,
                }
            }
        }
        self.with_most_room(|room| {
            let slabs = self.slabs(&limits, room, false)?;
            Ok(self.taken(limits, slabs))
        })
    }

    /// Takes more than what is guaranteed, with the whole headroom free above it and all others in their places.
    pub(super) fn take_beyond(
        &self,
        limits: Limits,
    ) -> Result<Taken<M::Mapping>, Box<Refusal<M::Mapping>>> {
        self.take_in_order(self.beyond(), limits)
    }

    /// Whether it would be taken.
    pub(super) fn is_room_beyond(&self, limits: &Limits) -> bool {
        self.in_order(self.beyond(), limits).is_ok()
    }

    const fn beyond(&self) -> Way<'_> {
        Way {
            order: &self.order,
            room: self.headroom,
            spare: true,
        }
    }

    /// The places of the others, while an engine of these limits maps its own.
    fn beside(&self, limits: &Limits) -> Beside<M::Mapping> {
        if !self.has_file_more_pools() {
            return Beside::default();
        }
        let order = &self.order;
        let found = [true, false].into_iter().find_map(|spare| {
            let attempt = |room| self.in_order(Way { order, room, spare }, limits);
            Some((spare, self.with_most_room(attempt).ok()?))
        });
        let Some((spare, found)) = found else {
            return Beside::default();
        };
        let places = found.others.into_iter().map(|(pool, slabs)| Place {
            name: pool.name,
            limits: pool.limits,
            slabs,
            spare,
            checked: pool.checked,
        });
        let places = places.collect();
        let mut pages = found
            .room
            .map_or_else(Vec::new, |room| self.fence(room, limits));
        pages.extend(found.page);
        (places, pages)
    }

    /// Pages all over the room, so that none of the engine's mappings fits between two of them, and what is smaller
    /// does. Tables and stacks would use up the room, and what the process maps later would take a place from another
    /// pool. Of a room in more than 1024 parts some mappings may be too small to be kept out.
    fn fence(&self, room: Range<u64>, limits: &Limits) -> Vec<M::Mapping> {
        const MOST: u64 = 1024;
        let page = self.page_size.get().max(1);
        let all = [
            MappingName::Memories,
            MappingName::Tables,
            MappingName::Stacks,
        ];
        let bytes = |name| slab_bytes(limits, name, limits.max_instances, self.page_size).get();
        let sizes = all.into_iter().map(bytes).filter(|bytes| *bytes > 0);
        let part = ((room.end - room.start) / MOST).next_multiple_of(page);
        let free = sizes
            .min()
            .unwrap_or(u64::MAX)
            .saturating_sub(page)
            .max(part);
        let mut pages = Vec::new();
        let mut next = room.start.saturating_add(free);
        while next.saturating_add(page) <= room.end {
            pages.extend(self.machine.reserve_at(next, self.page_size));
            next = next.saturating_add(page).saturating_add(free);
        }
        pages
    }

    /// Whether other pools may come or have come.
    fn has_file_more_pools(&self) -> bool {
        self.order.matters() || self.promise.process.pools().count() > 1
    }

    /// Reserves the pools that are still to come, this one among them with these limits.
    fn in_order(
        &self,
        way: Way<'_>,
        limits: &Limits,
    ) -> Result<InOrder<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let Way { order, room, spare } = way;
        let beside = |held, bytes, source| Refusal::beside(held, limits, bytes, source);
        let above = self.room(room);
        let above = above.map_err(|source| beside(Slabs::NONE, room, source))?;
        let addresses = above.as_ref().map(|above| {
            let start = self.machine.address(above);
            start..start.saturating_add(room.get())
        });
        let page = (!room.is_zero()).then(|| self.machine.reserve(self.page_size).ok());
        let mut others = Vec::new();
        for pool in &order.before {
            match self.slabs(&pool.limits, room, spare) {
                Ok(slabs) => others.push((*pool, slabs)),
                Err(other) => return Err(beside(Slabs::NONE, other.bytes, other.source)),
            }
        }
        // What is only given back has to find its place again, too.
        let own = self.slabs(limits, room, spare && limits.wasmtime.is_some())?;
        for pool in &order.after {
            match self.slabs(&pool.limits, room, spare) {
                Ok(slabs) => others.push((*pool, slabs)),
                Err(other) => return Err(beside(own, other.bytes, other.source)),
            }
        }
        Ok(InOrder {
            own,
            others,
            room: addresses,
            page: page.flatten(),
        })
    }

    fn room(&self, room: Size) -> std::io::Result<Option<M::Mapping>> {
        (!room.is_zero())
            .then(|| self.machine.reserve(room))
            .transpose()
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

    /// Takes a pool in its place of the file's order, and puts it where it leaves the others one hole.
    fn take_in_order(
        &self,
        way: Way<'_>,
        limits: Limits,
    ) -> Result<Taken<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let InOrder {
            own, others, page, ..
        } = self.in_order(way, &limits)?;
        drop((others, page));
        let own = match limits.wasmtime {
            // It is given back, and mapped by its engine.
            Some(_) => own,
            None => self.settle(way, own, limits)?,
        };
        Ok(self.taken(limits, own))
    }

    /// Moves a native pool to the low ends of its holes, above what a heap is left, where the others still fit then; else
    /// to the high ends.
    fn settle(
        &self,
        way: Way<'_>,
        own: Slabs<M::Mapping>,
        limits: Limits,
    ) -> Result<Slabs<M::Mapping>, Box<Refusal<M::Mapping>>> {
        let lost = |source| Refusal::beside(Slabs::NONE, &limits, Size::ZERO, source);
        let part = Size::bytes(way.room.get() / 8);
        let mut own = own;
        for (heap, room) in [
            (self.headroom, self.headroom),
            (part, way.room.saturating_sub(part)),
        ] {
            let placer = self.placer(heap);
            own = own.lower(placer).map_err(lost)?;
            if !heap.is_zero() && self.is_room_for_others(Way { room, ..way }) {
                return Ok(own);
            }
            own = own.raise(self.placer(Size::ZERO)).map_err(lost)?;
        }
        Ok(own)
    }

    const fn placer(&self, heap: Size) -> Placer<'_, M> {
        Placer {
            machine: self.machine,
            reach: &self.reach,
            heap,
            spare: false,
        }
    }

    /// Whether all others find their places.
    fn is_room_for_others(&self, way: Way<'_>) -> bool {
        let Ok(_above) = self.room(way.room) else {
            return false;
        };
        let mut held = Vec::new();
        way.order.iter().all(|pool| {
            let slabs = self.slabs(&pool.limits, way.room, way.spare);
            slabs.map(|slabs| held.push(slabs)).is_ok()
        })
    }

    pub(super) fn taken(&self, limits: Limits, slabs: Slabs<M::Mapping>) -> Taken<M::Mapping> {
        Taken {
            limits,
            is_all: limits == self.in_force.asked,
            page_size: self.page_size,
            slabs,
        }
    }
}

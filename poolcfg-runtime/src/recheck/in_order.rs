//! A plan for all pools of the file that are not alive, and how a pool takes its place in it.
//! ```text
//!              from the top down: what the process maps, and at last                  this pool
//!  libraries  |margin| ... left over ... | .................. to come ............. | pool | room for the heap | heap
//! ```
//! The kernel puts a mapping into the first hole that is large enough, and where each goes does not depend on those behind
//! it. So when the margin and then all pools are reserved in the file's order, each finds the place that the build has
//! promised. The first recheck of a file writes these places down (`book`), those that come later keep to them.

use std::io;

use poolcfg_core::{Limits, MappingName, Size};

use super::{Margin, Recheck, Taken};
use crate::recheck::book::{Book, BookLine};
use crate::recheck::kept::Keeper;
use crate::recheck::kept::KeptPlace;
use crate::recheck::order::{Order, ToCome};
use crate::recheck::refusal::SystemRefusal;
use crate::recheck::slabs::{Slabs, largest, slab_bytes};

/// All pools that are to come, reserved in the file's order.
pub(super) struct InOrder<M> {
    pub(super) margin: Vec<M>,
    pub(super) own: Slabs<M>,
    pub(super) others: Vec<(ToCome, Slabs<M>)>,
}

/// How the pools that are to come are reserved.
#[derive(Clone, Copy)]
pub(super) struct ReserveOptions<'a> {
    pub(super) order: &'a Order,
    /// Reserved first, for what the process maps meanwhile.
    pub(super) margin: Size,
    pub(super) spare: Spare,
}

/// Of which engines each mapping has as much to spare as alignment may take: the kernel looks for an aligned place in every
/// hole before it takes one that just fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spare {
    Each,
    /// The others may have places that were planned without, and nothing of them moves the one that is mapped first.
    Own,
    /// On a kernel that aligns nothing, what alignment may take can be what is missing.
    None,
}

impl Spare {
    /// What is tried for a pool of these limits, in this order.
    pub(super) fn tried(limits: &Limits) -> impl Iterator<Item = Self> {
        let is_engine = limits.wasmtime.is_some();
        let all = [Self::Each, Self::Own, Self::None].into_iter();
        all.filter(move |spare| is_engine || *spare != Self::Own)
    }
}

impl<M: Keeper> Recheck<'_, M> {
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
        } else {
            place.slabs
        };
        Some(self.taken(*guaranteed, slabs))
    }

    /// Takes what is guaranteed, and up to `most` where that is its place in the book: there or in a new plan, where the
    /// others find theirs, and otherwise by itself.
    pub(super) fn take_guaranteed(
        &self,
        least: u64,
        most: u64,
    ) -> Result<Taken<M::Mapping>, Box<SystemRefusal<M::Mapping>>> {
        let limits = self.in_force.limits(least);
        // While one is held, an engine may be mapping at any moment.
        let is_held = self.machine.kept().is_held();
        if !is_held {
            if let Some(taken) = self.take_by_book(least, most) {
                return Ok(taken);
            }
        }
        let is_owed = self.order.owed().is_some();
        // An engine maps later than it is rechecked, and the process may map meanwhile.
        let least_margin = if is_owed || limits.wasmtime.is_some() {
            self.least_margin
        } else {
            Size::ZERO
        };
        for order in self.order.tried(self.strict) {
            for spare in Spare::tried(&limits) {
                if is_held || !self.plans(&order) {
                    continue;
                }
                let take = |margin| {
                    self.take_in_order(
                        ReserveOptions {
                            order: &order,
                            margin,
                            spare,
                        },
                        limits,
                    )
                };
                match self.with_most_margin(least_margin, take) {
                    Err(refusal) if refusal.is_of_size() => {}
                    done => return done,
                }
            }
        }
        // Others are told at their own rechecks that there is no place. An engine has had its recheck.
        if (is_owed && !is_held) || (self.strict && self.plans(&self.order)) {
            let source = io::ErrorKind::OutOfMemory.into();
            return Err(SystemRefusal::beside(
                Slabs::NONE,
                &limits,
                Size::ZERO,
                source,
            ));
        }
        self.with_most_margin(least_margin, |margin| {
            let slabs = self.slabs(&limits, margin, false)?;
            Ok(self.taken(limits, slabs))
        })
    }

    /// Takes more than what is guaranteed, with the whole headroom free above it and all others in their places.
    pub(super) fn take_beyond(
        &self,
        limits: Limits,
    ) -> Result<Taken<M::Mapping>, Box<SystemRefusal<M::Mapping>>> {
        self.take_in_order(self.beyond(), limits)
    }

    /// Whether it would be taken.
    pub(super) fn is_room_beyond(&self, limits: &Limits) -> bool {
        self.in_order(self.beyond(), limits).is_ok()
    }

    const fn beyond(&self) -> ReserveOptions<'_> {
        ReserveOptions {
            order: &self.order,
            margin: self.headroom,
            spare: Spare::Each,
        }
    }

    /// Reserves the margin and the pools that are to come, this one among them with these limits.
    pub(super) fn in_order(
        &self,
        way: ReserveOptions<'_>,
        limits: &Limits,
    ) -> Result<InOrder<M::Mapping>, Box<SystemRefusal<M::Mapping>>> {
        let ReserveOptions {
            order,
            margin,
            spare,
        } = way;
        let slabs = |limits: &Limits, spare: bool| {
            self.slabs(limits, margin, spare && limits.wasmtime.is_some())
        };
        let of_others = |limits: &Limits| slabs(limits, spare == Spare::Each);
        let beside = |held, bytes, source| SystemRefusal::beside(held, limits, bytes, source);
        let above = self.margin(margin, self.smallest(order, limits));
        let above = above.map_err(|source| beside(Slabs::NONE, margin, source))?;
        let mut others = Vec::new();
        for pool in &order.before {
            match of_others(&pool.limits) {
                Ok(slabs) => others.push((*pool, slabs)),
                Err(other) => return Err(beside(Slabs::NONE, other.bytes, other.source)),
            }
        }
        let own = slabs(limits, spare != Spare::None)?;
        for pool in &order.after {
            match of_others(&pool.limits) {
                Ok(slabs) => others.push((*pool, slabs)),
                Err(other) => return Err(beside(own, other.bytes, other.source)),
            }
        }
        Ok(InOrder {
            margin: above,
            own,
            others,
        })
    }

    /// The smallest mapping that a pool may make.
    fn smallest(&self, order: &Order, limits: &Limits) -> Size {
        let all = order.iter().map(|pool| &pool.limits).chain([limits]);
        let sizes = all.flat_map(|limits| {
            let slots = match limits.wasmtime {
                Some(_) => limits.max_instances,
                None => 1,
            };
            [
                slab_bytes(limits, MappingName::Memories, slots, self.page_size),
                slab_bytes(
                    limits,
                    MappingName::Tables,
                    limits.max_instances,
                    self.page_size,
                ),
                slab_bytes(
                    limits,
                    MappingName::Stacks,
                    limits.max_instances,
                    self.page_size,
                ),
            ]
        });
        let smallest = sizes.filter(|bytes| !bytes.is_zero()).min();
        smallest.unwrap_or(self.page_size).max(self.page_size)
    }

    /// Whether all that is to come is planned together: where the file has more pools than one, and not too many.
    pub(super) fn plans(&self, order: &Order) -> bool {
        let file = self.promise.process.pools();
        let pools = file.fold(0u64, |sum, (_, limits)| {
            sum.saturating_add(u64::from(limits.pools))
        });
        order.matters() || (pools > 1 && order.is_empty())
    }

    /// The largest margin, from `least` up to the headroom, with which something is had.
    pub(super) fn with_most_margin<T>(
        &self,
        least: Size,
        mut attempt: impl FnMut(Size) -> Result<T, Box<SystemRefusal<M::Mapping>>>,
    ) -> Result<T, Box<SystemRefusal<M::Mapping>>> {
        const STEP: Size = Size::mib(1);
        match attempt(self.headroom) {
            Err(refusal)
                if self.margin == Margin::Most
                    && refusal.is_of_size()
                    && !self.headroom.is_zero() =>
            {
                drop(refusal);
            }
            done => return done,
        }
        let most = self.headroom.get().div_ceil(STEP.get());
        let least = least.get().div_ceil(STEP.get()).min(most);
        let margin = |steps: u64| Size::bytes(steps.saturating_mul(STEP.get()));
        // What it held would be missing.
        drop(attempt(margin(least))?);
        let fits = largest(least, most, |steps| attempt(margin(steps)).is_ok());
        attempt(margin(fits))
    }

    /// Plans again, writes the places down, and takes the pool's own.
    fn take_in_order(
        &self,
        way: ReserveOptions<'_>,
        limits: Limits,
    ) -> Result<Taken<M::Mapping>, Box<SystemRefusal<M::Mapping>>> {
        let found = self.in_order(way, &limits)?;
        if !self.plans(way.order) {
            return Ok(self.taken(limits, found.own));
        }
        let planned = self.addresses(&found, &limits);
        drop(found);
        let settled = self.settle(planned.clone());
        let mut books: Vec<Book> = [settled, planned.clone()].into();
        books.retain(|book| self.finds_engines(book));
        if books.is_empty() {
            if way.spare != Spare::None || self.margin != Margin::Most {
                let source = io::ErrorKind::OutOfMemory.into();
                return Err(SystemRefusal::beside(
                    Slabs::NONE,
                    &limits,
                    Size::ZERO,
                    source,
                ));
            }
            // Other threads may map meanwhile.
            books.push(planned);
        }
        for book in books {
            if let Some(own) = book
                .lines
                .first()
                .and_then(|line| self.reserve_all_at(&line.places))
            {
                self.machine.kept().write(book);
                return Ok(self.taken(limits, own));
            }
        }
        // No place may be asked for here, or another thread was quicker.
        let InOrder { own, .. } = self.in_order(way, &limits)?;
        Ok(self.taken(limits, own))
    }

    /// The addresses of a plan, those of this pool first.
    pub(super) fn addresses(&self, found: &InOrder<M::Mapping>, limits: &Limits) -> Book {
        let address = |mapping: &M::Mapping| self.addresses_of(mapping);
        let line = |name, limits, slabs: &Slabs<M::Mapping>| BookLine {
            name,
            limits,
            places: slabs
                .exchange(|mapping| Some(address(mapping)))
                .unwrap_or(Slabs::NONE),
        };
        let own = line(self.promise.name, *limits, &found.own);
        let others = found.others.iter();
        let others = others.map(|(pool, slabs)| line(pool.name, pool.limits, slabs));
        Book::new(
            self.promise.process,
            found.margin.iter().map(address).collect(),
            [own].into_iter().chain(others).collect(),
        )
    }

    pub(super) fn taken<N>(&self, limits: Limits, slabs: Slabs<N>) -> Taken<N> {
        Taken {
            limits,
            is_all: limits == self.in_force.asked,
            page_size: self.page_size,
            slabs,
        }
    }
}

/// The others as they are kept beside an engine.
pub(super) fn places<M>(others: Vec<(ToCome, Slabs<M>)>) -> Vec<KeptPlace<M>> {
    let place = |(pool, slabs): (ToCome, Slabs<M>)| KeptPlace {
        name: pool.name,
        limits: pool.limits,
        slabs,
        checked: pool.checked,
    };
    others.into_iter().map(place).collect()
}

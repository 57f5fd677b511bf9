//! A pool that is planned in a snapshot, and then taken by address.

use std::ops::Range;
use std::thread;

use poolcfg_core::{Limits, Size};

use super::heap_fence::PlanWay;
use super::{Margin, Recheck, Taken};
use crate::machine::Machine;
use crate::recheck::book::Book;
use crate::recheck::in_order::{ReserveOptions, Spare};
use crate::recheck::kept::Keeper;
use crate::recheck::moment::Moment;
use crate::recheck::order::Order;
use crate::recheck::slabs::Slabs;
use crate::recheck::snapshot::{Part, Snapshot};

/// How often a plan is made, when other threads have mapped something in the pool's place each time.
const TRIES: u32 = 16;

/// How often none is found: what other threads map for a moment may be in the way. Where huge mappings are aligned, one
/// page moves each of them by as much as a huge page has.
const MISFITS: u32 = 8;

/// Of what part of the window a plan can do no better.
const SMALL: u64 = 16;

/// What is left to other threads where the kernel searches first, if no more goes.
const PAD: Size = Size::mib(1);

/// Where a pool is to be taken, and the book then.
type PlannedPlace = (Taken<Range<u64>>, Book);

impl<M: Keeper> Recheck<'_, M> {
    /// The same recheck on another machine.
    pub(super) fn on<'b, N: Keeper>(&'b self, machine: &'b N) -> Recheck<'b, N> {
        Recheck {
            machine,
            promise: self.promise,
            in_force: self.in_force,
            bounds: self.bounds.clone(),
            page_size: self.page_size,
            headroom: self.headroom,
            to_come: self.to_come.clone(),
            order: self.order.clone(),
            allowed: self.allowed.clone(),
            margin: Margin::Most,
            least_margin: self.least_margin,
            strict: true,
        }
    }

    /// Takes all that is asked without a plan, where it is a small part of the window and no other pool is to come: any
    /// place will do, and it takes a third of the time.
    pub(super) fn take_quickly(&self, asked: u64) -> Option<Taken<M::Mapping>> {
        let limits = self.in_force.limits(asked);
        let is_beside = self.plans(&self.order) || self.order.owed().is_some();
        if limits.wasmtime.is_some() || is_beside {
            return None;
        }
        let footprint = limits.footprint(self.page_size).ok()?;
        let sizes = footprint.mappings.iter().map(|mapping| mapping.bytes.get());
        let bytes = sizes.fold(self.headroom.get(), u64::saturating_add);
        // The stack lies near the end of the window.
        let is_small = bytes < self.machine.stack_top()? / SMALL;
        if !is_small || !self.allows(asked) {
            return None;
        }
        self.reserve(limits, self.headroom).ok()
    }

    /// Takes from `least` to `most` as planned in a snapshot; `None` if there is none, if no plan was found with which
    /// the others have their places, or if other threads are quicker each time.
    pub(super) fn take_planned(&self, least: u64, most: u64) -> Option<Taken<M::Mapping>> {
        if self.allowed.is_wide() || self.machine.kept().is_held() {
            return None;
        }
        let take = |way| self.take_as_planned(least, most, way);
        if self.plans(&self.order) {
            self.with_fenced_heap(take)
        } else {
            take(PlanWay::new(Margin::Most))
        }
    }

    fn take_as_planned(&self, least: u64, most: u64, way: PlanWay) -> Option<Taken<M::Mapping>> {
        let mut misfits = 0;
        let mut attempt = 0;
        let mut last = None;
        while attempt < TRIES && misfits < MISFITS {
            if attempt > 0 || misfits > 0 {
                thread::yield_now();
            }
            let moment = Moment::of(self.machine)?;
            // Where nothing has changed, the same plans would fail.
            let found = if last.as_ref() == Some(&moment) {
                None
            } else {
                last = Some(moment.clone());
                let snapshot = Snapshot::of(self.machine, moment)?;
                self.planned(snapshot, least, most, way)
            };
            let Some((planned, book)) = found else {
                misfits += 1;
                continue;
            };
            last = None;
            let reserve = |place: &Range<u64>| {
                let bytes = Size::bytes(place.end - place.start);
                self.machine.reserve_at(place.start, bytes).ok()
            };
            if let Some(slabs) = planned.slabs.exchange(reserve) {
                self.machine.kept().put_book(book);
                return Some(self.taken(planned.limits, slabs));
            }
            attempt += 1;
        }
        None
    }

    /// A plan in a snapshot, and the book after it: the first one that goes.
    fn planned(
        &self,
        mut snapshot: Snapshot<'_, M>,
        least: u64,
        most: u64,
        way: PlanWay,
    ) -> Option<PlannedPlace> {
        for pad in self.pads() {
            for aligned in [true, false] {
                if !aligned && !way.may_pack {
                    continue;
                }
                snapshot = snapshot.again(aligned);
                if let Some(plan) = self.planned_in(&snapshot, (pad, way.margin), least, most) {
                    return Some(plan);
                }
            }
        }
        None
    }

    /// What is left free where the kernel searches first, the most at first: between two of the pool's mappings another
    /// thread may map something, and the next one finds its place all the same. A plan for several pools has its margin
    /// there, and engines go where the kernel puts them.
    fn pads(&self) -> Vec<Size> {
        let most = Size::bytes(self.headroom.get() / 4);
        if self.in_force.asked.wasmtime.is_some() || self.plans(&self.order) {
            return vec![Size::ZERO];
        }
        let mut pads = vec![most, most.min(PAD), Size::ZERO];
        pads.dedup();
        pads
    }

    fn planned_in(
        &self,
        snapshot: &Snapshot<'_, M>,
        (pad, margin): (Size, Margin),
        least: u64,
        most: u64,
    ) -> Option<PlannedPlace> {
        let _pad = if pad.is_zero() {
            None
        } else {
            Some(snapshot.reserve(pad.round_up(self.page_size)?).ok()?)
        };
        let this = Recheck {
            headroom: self.margin_of(margin).saturating_sub(pad),
            margin,
            ..self.on(snapshot)
        };
        let taken = this.attempt(least, most).ok()?;
        let place = |part: &Part| {
            let start = snapshot.address(part);
            start..start.saturating_add(snapshot.bytes(part).get())
        };
        let slabs = match taken.limits.wasmtime {
            // Its engine maps them.
            Some(_) => Slabs::NONE,
            None => taken.slabs.exchange(|part| Some(place(part)))?,
        };
        Some((self.taken(taken.limits, slabs), snapshot.book()))
    }

    /// Plans for an engine of these limits and the others in a snapshot, and writes the places down, if there is such a
    /// plan.
    pub(super) fn plan(&self, order: &Order, limits: &Limits) {
        let plan = |way: PlanWay| self.planned_beside(order, limits, way.margin, Size::ZERO);
        if let Some(book) = self.with_fenced_heap(plan) {
            self.machine.kept().write(book);
        }
    }

    /// The same plan, with so much of the margin at least.
    pub(super) fn planned_beside(
        &self,
        order: &Order,
        limits: &Limits,
        margin: Margin,
        least: Size,
    ) -> Option<Book> {
        let snapshot = Snapshot::of(self.machine, Moment::of(self.machine)?)?;
        let this = Recheck {
            headroom: self.margin_of(margin),
            margin,
            ..self.on(&snapshot)
        };
        Spare::tried(limits).find_map(|spare| {
            let attempt = |margin| {
                this.in_order(
                    ReserveOptions {
                        order,
                        margin,
                        spare,
                    },
                    limits,
                )
            };
            let found = this.with_most_margin(least, attempt).ok()?;
            let book = this.addresses(&found, limits);
            drop(found);
            this.finds_engines(&book).then_some(book)
        })
    }
}

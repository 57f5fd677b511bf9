//! A pool that is planned in a snapshot, and then taken by address.

use std::ops::Range;
use std::thread;

use poolcfg_core::{Limits, Size};

use super::{Recheck, Taken};
use crate::machine::Machine;
use crate::recheck::book::Book;
use crate::recheck::in_order::Way;
use crate::recheck::kept::Keeper;
use crate::recheck::slabs::Slabs;
use crate::recheck::snapshot::{Part, Snapshot};

/// How often a plan is made, when other threads have mapped something in the pool's place each time.
const TRIES: u32 = 16;

/// How often none is found: what other threads map for a moment may be in the way.
const MISFITS: u32 = 3;

/// What is left to other threads where the kernel searches first, once they were quicker; twice as much each time.
const PAD: Size = Size::kib(256);

/// Where a pool is to be taken, and the book then.
type Plan = (Taken<Range<u64>>, Book);

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
            reach: self.reach.clone(),
            strict: true,
        }
    }

    /// Takes from `least` to `most` as planned in a snapshot; `None` if there is none, if no plan was found with which
    /// the others have their places, or if other threads are quicker each time.
    pub(super) fn take_planned(&self, least: u64, most: u64) -> Option<Taken<M::Mapping>> {
        if self.reach.is_wide() || self.machine.kept().is_held() {
            return None;
        }
        let mut misfits = 0;
        let mut attempt = 0;
        while attempt < TRIES && misfits < MISFITS {
            if attempt > 0 {
                thread::yield_now();
            }
            let Some((planned, book)) = self.planned(least, most, attempt)? else {
                misfits += 1;
                continue;
            };
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

    /// A plan in a new snapshot, and the book after it: the first one that goes. `None` if there is no snapshot.
    fn planned(&self, least: u64, most: u64, attempt: u32) -> Option<Option<Plan>> {
        let mut snapshot = Snapshot::of(self.machine)?;
        let pad = PAD.get() << attempt;
        let pad = Size::bytes(pad.min(self.headroom.get() / 4));
        for aligned in [true, false] {
            if !aligned {
                snapshot = snapshot.unaligned();
            }
            // A place below it is not the kernel's first choice.
            let _pad = (attempt > 0).then(|| snapshot.reserve(pad));
            let Ok(taken) = self.on(&snapshot).attempt(least, most) else {
                continue;
            };
            let place = |part: &Part| {
                let start = snapshot.address(part);
                start..start.saturating_add(snapshot.bytes(part).get())
            };
            let slabs = match taken.limits.wasmtime {
                // Its engine maps them.
                Some(_) => Slabs::NONE,
                None => taken.slabs.exchange(|part| Some(place(part)))?,
            };
            let planned = self.taken(taken.limits, slabs);
            return Some(Some((planned, snapshot.book())));
        }
        Some(None)
    }

    /// Plans for an engine of these limits and the others in a snapshot, and writes the places down, if there is such a
    /// plan.
    pub(super) fn plan(&self, limits: &Limits) {
        let Some(snapshot) = Snapshot::of(self.machine) else {
            return;
        };
        let this = self.on(&snapshot);
        let order = &this.order;
        let found = [true, false].into_iter().find_map(|spare| {
            let attempt = |room| this.in_order(Way { order, room, spare }, limits);
            this.with_most_room(attempt).ok()
        });
        if let Some(found) = found {
            let book = this.addresses(&found, limits);
            self.machine.kept().write(book);
        }
    }
}

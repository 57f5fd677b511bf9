//! A pool that is planned in a snapshot, and then taken by address.

use poolcfg_core::{Limits, Size};

use super::{Recheck, Taken};
use crate::machine::Machine;
use crate::recheck::in_order::Way;
use crate::recheck::kept::Keeper;
use crate::recheck::slabs::Slabs;
use crate::recheck::snapshot::Snapshot;

/// How often a plan is made, when other threads have mapped something in the pool's place each time.
const TRIES: u32 = 16;

/// What is left to other threads where the kernel searches first, once they were quicker; twice as much each time.
const PAD: Size = Size::kib(256);

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
        }
    }

    /// Takes from `least` to `most` as planned in a snapshot; `None` if there is none, if no plan was found, or if other
    /// threads are quicker each time.
    pub(super) fn take_planned(&self, least: u64, most: u64) -> Option<Taken<M::Mapping>> {
        if self.reach.is_wide() || self.machine.kept().is_held() {
            return None;
        }
        for attempt in 0..TRIES {
            let snapshot = Snapshot::of(self.machine)?;
            let pad = PAD.get() << attempt;
            let pad = Size::bytes(pad.min(self.headroom.get() / 4));
            // A place below it is not the kernel's first choice.
            let pad = (attempt > 0).then(|| snapshot.reserve(pad));
            let planned = self.on(&snapshot).attempt(least, most).ok()?;
            drop(pad);
            let slabs = if planned.limits.wasmtime.is_some() {
                // Its engine maps them.
                Some(Slabs::NONE)
            } else {
                planned.slabs.exchange(|part| {
                    let (start, bytes) = (snapshot.address(part), snapshot.bytes(part));
                    self.machine.reserve_at(start, bytes).ok()
                })
            };
            if let Some(slabs) = slabs {
                self.machine.kept().put_book(snapshot.book());
                return Some(self.taken(planned.limits, slabs));
            }
        }
        None
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

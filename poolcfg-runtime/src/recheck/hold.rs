//! The places of the other pools, while an engine maps its own.

use std::ops::Range;
use std::thread::ThreadId;

use poolcfg_core::{Limits, MappingName, Promise, Size};

use super::in_order::{ReserveOptions, Spare, places};
use super::{Recheck, one_at_a_time};
use crate::recheck::kept::Keeper;
use crate::recheck::kept::KeptPlace;
use crate::recheck::options::RecheckOptions;
use crate::recheck::order::Order;
use crate::recheck::slabs::slab_bytes;

/// What is kept beside an engine: the places of the others, and what keeps the engine out of the margin.
type BesideEngine<M> = (Vec<KeptPlace<M>>, Vec<M>);

/// Keeps the places of the pools that are still to come while an engine of these limits maps its own, until the thread
/// of the answer leaves; as far as there are such places.
pub(crate) fn hold<M: Keeper>(
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
        let found = this.ok().and_then(|this| {
            let found = this.beside(limits);
            this.fence_heap();
            found
        });
        let (places, pages) = found.unwrap_or_default();
        return kept.enter(places, pages);
    }
}

/// How often a plan is made before the places are looked for by reservations.
const TRIES: usize = 3;

impl<M: Keeper> Recheck<'_, M> {
    /// The places of the others, while an engine of these limits maps its own; `None` if there are none.
    fn beside(&self, limits: &Limits) -> Option<BesideEngine<M::Mapping>> {
        let orders = self.order.tried(self.strict);
        let mut planned = orders.iter().filter(|order| self.plans(order));
        planned.find_map(|order| self.beside_all(order, limits))
    }

    fn beside_all(&self, order: &Order, limits: &Limits) -> Option<BesideEngine<M::Mapping>> {
        self.widen_heap(order, limits);
        // What other threads map for a moment may be in the way.
        for _ in 0..TRIES {
            if let Some(found) = self.beside_by_book(order, limits) {
                return Some(found);
            }
            self.plan(order, limits);
        }
        if let Some(found) = self.beside_by_book(order, limits) {
            return Some(found);
        }
        let found = Spare::tried(limits).find_map(|spare| {
            let attempt = |margin| {
                self.in_order(
                    ReserveOptions {
                        order,
                        margin,
                        spare,
                    },
                    limits,
                )
            };
            self.with_most_margin(Size::ZERO, attempt).ok()
        });
        let found = found?;
        let book = self.addresses(&found, limits);
        drop((found.margin, found.own));
        let pages = self.fence(&book.margin, limits);
        self.machine.kept().write(book);
        Some((places(found.others), pages))
    }

    /// The places of the others in the book, if the kernel then finds one for the engine.
    fn beside_by_book(&self, order: &Order, limits: &Limits) -> Option<BesideEngine<M::Mapping>> {
        let found = self.by_book(order, limits)?;
        drop(found.own);
        let pages = self.fence(&found.book.margin, limits);
        // Where it is mapped is for the kernel to say.
        let is_found = self.slabs(limits, self.headroom, false).is_ok();
        is_found.then(|| (places(found.others), pages))
    }

    /// Pages all over the margin, so that none of the engine's mappings fits between two of them, and what is smaller
    /// does. Tables and stacks would use up the margin, and what the process maps later would take a place from another
    /// pool. Of a margin in more than 1024 parts some mappings may be too small to be kept out.
    fn fence(&self, margin: &[Range<u64>], limits: &Limits) -> Vec<M::Mapping> {
        const MOST: u64 = 1024;
        let page = self.page_size.get().max(1);
        let all = [
            MappingName::Memories,
            MappingName::Tables,
            MappingName::Stacks,
        ];
        let bytes = |name| slab_bytes(limits, name, limits.max_instances, self.page_size).get();
        let sizes = all.into_iter().map(bytes).filter(|bytes| *bytes > 0);
        let smallest = sizes.min().unwrap_or(u64::MAX);
        let total = margin
            .iter()
            .fold(0u64, |sum, part| sum.saturating_add(part.end - part.start));
        let least = (total / MOST).next_multiple_of(page);
        let free = smallest.saturating_sub(page).max(least).max(page);
        let step = page.saturating_add(free);
        let parts = margin.iter().map(|part| (part.end - part.start) / step + 2);
        // Its mappings, each stack of which gets its guard.
        let of_engine = u64::from(limits.max_instances).saturating_mul(2) + 8;
        let further = parts.fold(of_engine, u64::saturating_add);
        let mut pages = Vec::new();
        // Where the process has few maps left, the engine needs them more.
        let maps = self.machine.text("/proc/self/maps").unwrap_or_default();
        if self.exceeds_maps(&maps, further).is_some() {
            return pages;
        }
        for part in margin {
            // What is free beside the margin adds nothing to it.
            let last = part.end.saturating_sub(page);
            let mut next = part.start;
            while next < last {
                pages.extend(self.machine.reserve_at(next, self.page_size));
                next = next.saturating_add(step);
            }
            pages.extend(self.machine.reserve_at(last, self.page_size));
        }
        pages
    }
}

//! A pool that takes its place of the book, beside the places of the others that are to come.

use std::ops::Range;

use poolcfg_core::{Limits, Size};

use super::{Recheck, Taken};
use crate::recheck::book::{Book, BookLine};
use crate::recheck::kept::Keeper;
use crate::recheck::order::{Order, ToCome};
use crate::recheck::slabs::Slabs;

/// A pool and the others that are to come, each at its place of the book.
pub(super) struct ByBook<M> {
    pub(super) book: Book,
    pub(super) own: Slabs<M>,
    pub(super) others: Vec<(ToCome, Slabs<M>)>,
}

impl<M: Keeper> Recheck<'_, M> {
    /// Takes as much as the pool has in the book.
    pub(super) fn take_by_book(&self, least: u64, most: u64) -> Option<Taken<M::Mapping>> {
        let book = self.machine.kept().book(&self.promise.process)?;
        let own = book
            .lines
            .iter()
            .filter(|line| line.name == self.promise.name);
        let values = own.map(|line| self.in_force.value(&line.limits).min(most));
        let mut values: Vec<_> = values.filter(|value| *value >= least).collect();
        values.sort_unstable();
        values.dedup();
        values.into_iter().rev().find_map(|value| {
            let limits = self.in_force.limits(value);
            let found = self.by_book(&self.order, &limits)?;
            let places = found
                .own
                .exchange(|mapping| Some(self.addresses_of(mapping)))?;
            let line = BookLine {
                name: self.promise.name,
                limits,
                places,
            };
            // Of a larger place the rest is free from now on.
            if !book.has(&line) {
                let margin = book.margin.clone();
                let own = Book::new(self.promise.process, margin, vec![line]);
                self.machine.kept().write(own);
            }
            Some(self.taken(limits, found.own))
        })
    }

    /// Reserves a pool and the others that are to come at their places of the book; `None` if one of them has none, or
    /// something else lies there.
    pub(super) fn by_book(&self, order: &Order, limits: &Limits) -> Option<ByBook<M::Mapping>> {
        let mut book = self.machine.kept().book(&self.promise.process)?;
        let mut claim = |name: &str, limits: &Limits| {
            // Of equal pools that are alive, some have their places. A larger one is that of a pool that took more.
            let found = [true, false].into_iter().find_map(|is_equal| {
                let mut lines = book.lines.iter().enumerate();
                lines.find_map(|(at, line)| {
                    if line.name != name || (line.limits == *limits) != is_equal {
                        return None;
                    }
                    let places = line.places_for(limits, self.page_size)?;
                    Some((at, self.reserve_all_at(&places)?))
                })
            });
            let (at, slabs) = found?;
            book.lines.remove(at);
            Some(slabs)
        };
        let own = claim(self.promise.name, limits)?;
        let others = order
            .iter()
            .map(|pool| Some((*pool, claim(pool.name, &pool.limits)?)));
        let others = others.collect::<Option<_>>()?;
        Some(ByBook { book, own, others })
    }

    pub(super) fn reserve_all_at(&self, places: &Slabs<Range<u64>>) -> Option<Slabs<M::Mapping>> {
        places.exchange(|place| {
            let bytes = Size::bytes(place.end - place.start);
            self.machine.reserve_at(place.start, bytes).ok()
        })
    }
}

//! The margin: what the process maps meanwhile, reserved where the kernel would put it.

use std::io;
use std::ops::Range;

use poolcfg_core::Size;

use super::Recheck;
use crate::recheck::kept::Keeper;
use crate::recheck::slabs::largest;

/// In how many holes the margin is looked for, before it is taken in one piece wherever that goes.
const MOST: usize = 32;

impl<M: Keeper> Recheck<'_, M> {
    /// So many bytes, in the holes that the kernel fills first, as far as a mapping of `smallest` bytes fits there: what
    /// the process maps goes into a small hole, too, and a pool that has its place there would lose it.
    pub(super) fn margin(&self, bytes: Size, smallest: Size) -> io::Result<Vec<M::Mapping>> {
        let mut parts = Vec::new();
        let mut left = bytes;
        while !left.is_zero() {
            let whole = self.machine.reserve(left);
            if parts.len() >= MOST || !self.allowed.knows_the_search() {
                parts.push(whole?);
                break;
            }
            let probe = self.machine.reserve(smallest.min(left));
            let probe = probe.ok().map(|probe| self.addresses_of(&probe));
            let earlier = probe.filter(|probe| match &whole {
                Ok(whole) => self
                    .allowed
                    .searches_before(probe, &self.addresses_of(whole)),
                Err(_) => true,
            });
            let Some(probe) = earlier else {
                parts.push(whole?);
                break;
            };
            drop(whole);
            let part = self.largest_around(&probe, left)?;
            left = left.saturating_sub(self.machine.bytes(&part));
            parts.push(part);
        }
        Ok(parts)
    }

    /// The largest mapping up to `most` bytes in the hole in which the kernel has put this one, which is free now, from
    /// where it searches on. By address, since the kernel aligns what is large, and most of what is in the margin is small.
    fn largest_around(&self, probe: &Range<u64>, most: Size) -> io::Result<M::Mapping> {
        let page = self.page_size.get().max(1);
        let flush = |pages: u64| {
            let bytes = pages.saturating_mul(page);
            let start = if self.allowed.is_below_the_base(probe.end) {
                let start = probe.end.checked_sub(bytes);
                start.ok_or(io::ErrorKind::OutOfMemory)?
            } else {
                probe.start
            };
            self.machine.reserve_at(start, Size::bytes(bytes))
        };
        let least = (probe.end - probe.start).div_ceil(page);
        let misfit = most.get().div_ceil(page).saturating_add(1);
        let pages = largest(least, misfit, |pages| flush(pages).is_ok());
        let bytes = Size::bytes(pages.saturating_mul(page));
        flush(pages).or_else(|_| self.machine.reserve(bytes))
    }

    /// The addresses of a mapping.
    pub(super) fn addresses_of(&self, mapping: &M::Mapping) -> Range<u64> {
        let start = self.machine.address(mapping);
        start..start.saturating_add(self.machine.bytes(mapping).get())
    }
}

//! The address space in which a plan is made, and how Linux searches it.

use std::io;

/// The address space as it was at one moment, and what a plan has mapped in it.
#[derive(Debug)]
pub(super) struct PlannedSpace {
    /// What is taken, in ascending order.
    pub(super) taken: Vec<(u64, u64)>,
    /// The first address of the stack.
    pub(super) stack: Option<u64>,
    pub(super) guard: u64,
    pub(super) page: u64,
    pub(super) lowest: u64,
    pub(super) window: u64,
    /// Where the search begins: from the top down, or else from the bottom up.
    pub(super) base: u64,
    pub(super) top_down: bool,
    /// Where a search that found nothing from the top down begins again, from the bottom up.
    pub(super) retry: u64,
    /// The size to which mappings of at least it are aligned; 0 for none.
    pub(super) huge: u64,
    /// What `RLIMIT_AS` leaves; `None` if there is no limit.
    pub(super) left: Option<u64>,
    /// What `RLIMIT_MEMLOCK` leaves to a process that locks all that it maps; `None` for every other one.
    pub(super) lockable: Option<u64>,
}

impl PlannedSpace {
    /// The free ranges between two addresses, in ascending order. A stack keeps its guard.
    fn free(&self, from: u64, to: u64) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        let start = move |at: usize| at.checked_sub(1).map_or(from, |below| self.taken[below].1);
        let end = move |at: usize| match self.taken.get(at) {
            Some((start, _)) if Some(*start) == self.stack => start.saturating_sub(self.guard),
            Some((start, _)) => *start,
            None => to,
        };
        (0..=self.taken.len())
            .map(move |at| (start(at).clamp(from, to), end(at).clamp(from, to)))
            .filter(|(start, end)| start < end)
    }

    /// mm/mmap.c, generic_get_unmapped_area and generic_get_unmapped_area_topdown.
    fn unmapped_area(&self, bytes: u64) -> Option<u64> {
        let large = |range: &(u64, u64)| range.1 - range.0 >= bytes;
        let bottom_up = |from: u64| {
            let from = from.min(self.window);
            Some(self.free(from, self.window).find(large)?.0)
        };
        if !self.top_down {
            return bottom_up(self.base);
        }
        let found = self.free(self.lowest, self.base).rev().find(large);
        found
            .map(|range| range.1 - bytes)
            .or_else(|| bottom_up(self.retry))
    }

    /// Where the kernel would put a new mapping of whole pages. Alignment: mm/huge_memory.c, __thp_get_unmapped_area.
    pub(super) fn place(&self, bytes: u64) -> Option<u64> {
        let aligned = (self.huge > 0 && bytes >= self.huge)
            .then(|| self.unmapped_area(bytes.checked_add(self.huge)?))
            .flatten()
            .and_then(|start| start.checked_next_multiple_of(self.huge));
        aligned.or_else(|| self.unmapped_area(bytes))
    }

    /// Takes a range where nothing is; `None` if something is there, or the limit is reached.
    pub(super) fn take(&mut self, start: u64, bytes: u64) -> io::Result<()> {
        let end = start.checked_add(bytes).filter(|end| *end <= self.window);
        let end = end.ok_or(io::ErrorKind::OutOfMemory)?;
        let at = self.taken.partition_point(|taken| taken.0 < start);
        let is_free = at.checked_sub(1).is_none_or(|at| self.taken[at].1 <= start)
            && self.taken.get(at).is_none_or(|taken| end <= taken.0);
        if !is_free {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let less = |left: Option<u64>, kind: io::ErrorKind| {
            let less = left.map(|left| left.checked_sub(bytes).ok_or(kind));
            less.transpose()
        };
        let lockable = less(self.lockable, io::ErrorKind::WouldBlock)?;
        self.left = less(self.left, io::ErrorKind::OutOfMemory)?;
        self.lockable = lockable;
        self.taken.insert(at, (start, end));
        Ok(())
    }

    pub(super) fn give_back(&mut self, start: u64, bytes: u64) {
        self.taken.retain(|taken| taken.0 != start);
        for left in [&mut self.left, &mut self.lockable].into_iter().flatten() {
            *left = left.saturating_add(bytes);
        }
    }
}

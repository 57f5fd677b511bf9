//! A snapshot of the process, in which a recheck plans: nothing is mapped meanwhile, so that what other threads map goes
//! where it would go without a recheck, into the room.
//! ```text
//!              other threads: from the top down                            this pool, by address
//!  libraries  | room ........................ | ... places of others ... | pool | heap
//! ```
//! Reserved for real, the room would send a mapping of another thread among the places of pools, where it stays. The
//! snapshot knows how Linux searches; on other systems, and where something else than a normal layout is seen, there
//! is none, and reservations are made.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use poolcfg_core::{Aslr, Layout, LinuxLayout, Size, UnlimitedStack};

use crate::machine::{Machine, Resource, as_of_machine, proc};
use crate::recheck::book::Book;
use crate::recheck::heap_fence;
use crate::recheck::kept::{Keeper, Kept};
use crate::recheck::layout::{self, Search};

/// The address space as it was at one moment, and what a plan has mapped in it.
#[derive(Debug)]
struct PlannedSpace {
    /// What is taken, in ascending order.
    taken: Vec<(u64, u64)>,
    /// The first address of the stack.
    stack: Option<u64>,
    guard: u64,
    page: u64,
    lowest: u64,
    window: u64,
    /// Where the search begins: from the top down, or else from the bottom up.
    base: u64,
    top_down: bool,
    /// Where a search that found nothing from the top down begins again, from the bottom up.
    retry: u64,
    /// The size to which mappings of at least it are aligned; 0 for none.
    huge: u64,
    /// What `RLIMIT_AS` leaves; `None` if there is no limit.
    left: Option<u64>,
    /// What `RLIMIT_MEMLOCK` leaves to a process that locks all that it maps; `None` for every other one.
    lockable: Option<u64>,
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
    fn place(&self, bytes: u64) -> Option<u64> {
        let aligned = (self.huge > 0 && bytes >= self.huge)
            .then(|| self.unmapped_area(bytes.checked_add(self.huge)?))
            .flatten()
            .and_then(|start| start.checked_next_multiple_of(self.huge));
        aligned.or_else(|| self.unmapped_area(bytes))
    }

    /// Takes a range where nothing is; `None` if something is there, or the limit is reached.
    fn take(&mut self, start: u64, bytes: u64) -> io::Result<()> {
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

    fn give_back(&mut self, start: u64, bytes: u64) {
        self.taken.retain(|taken| taken.0 != start);
        for left in [&mut self.left, &mut self.lockable].into_iter().flatten() {
            *left = left.saturating_add(bytes);
        }
    }
}

/// A part of the plan, until it is dropped.
#[derive(Debug)]
pub(crate) struct Part {
    start: u64,
    bytes: u64,
    space: Rc<RefCell<PlannedSpace>>,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.space.borrow_mut().give_back(self.start, self.bytes);
    }
}

/// A machine that is as the process was at one moment, and on which a plan changes nothing.
#[derive(Debug)]
pub(crate) struct Snapshot<'a, M> {
    machine: &'a M,
    maps: String,
    /// To what the kernel aligns; 0 for nothing.
    huge: u64,
    space: Rc<RefCell<PlannedSpace>>,
    kept: Kept<Part>,
}

impl<'a, M: Keeper> Snapshot<'a, M> {
    /// The process as it is now; `None` if the system does not tell all that decides where a mapping goes.
    pub(crate) fn of(machine: &'a M) -> Option<Self> {
        let window = layout::window(machine)?;
        let search = layout::search(machine)?;
        machine.kept().unlimited_stack(search.unlimited_stack);
        let profile = layout::matching(machine).next()?;
        let Layout::Linux(linux) = profile.layout else {
            return None;
        };
        let page = machine.page_size().get();
        let top_down = search.unlimited_stack != Some(UnlimitedStack::Legacy);
        let huge = linux.huge_page;
        let huge = if huge.is_zero() || !is_aligned(machine, huge) {
            0
        } else {
            huge.get()
        };
        let left = machine
            .limit(Resource::AddressSpace)
            .map(|limit| beside(machine, limit, "VmSize"));
        let lockable = lockable(machine);
        // Last, since what has been asked for is gone again.
        let mut maps = machine.text("/proc/self/maps").unwrap_or_default();
        if let Some(Range { start, end }) = heap_fence::room(machine, &maps) {
            let _ = writeln!(maps, "{start:x}-{end:x} ---p 00000000 00:00 0");
        }
        let taken = taken(&maps);
        let base = base(search, &linux, window, page, &taken);
        let most = layout::aslr_range(machine, Aslr::Maximum);
        let space = PlannedSpace {
            stack: proc::maps(&maps)
                .find(|map| map.name == "[stack]")
                .map(|map| map.start),
            guard: page.saturating_mul(LinuxLayout::STACK_GUARD_PAGES),
            page,
            lowest: linux.lowest.get(),
            window,
            base,
            top_down,
            retry: retry(search, &linux, window, page, base, most),
            huge,
            left,
            lockable,
            taken,
        };
        (!space.taken.is_empty()).then(|| Self {
            machine,
            maps,
            huge,
            space: Rc::new(RefCell::new(space)),
            kept: machine.kept().copy(),
        })
    }

    /// The same for another plan, in which mappings are aligned as the kernel does it, or not at all: a plan by address
    /// may do without.
    pub(crate) fn again(self, aligned: bool) -> Self {
        self.space.borrow_mut().huge = if aligned { self.huge } else { 0 };
        Self {
            kept: self.machine.kept().copy(),
            ..self
        }
    }

    /// All that decides where a plan puts its mappings.
    pub(crate) fn seen(&self) -> String {
        let space = self.space.borrow();
        let search = (space.top_down, space.base, space.retry, self.huge);
        format!(
            "{}{search:x?} {:?}",
            self.maps,
            (space.left, space.lockable)
        )
    }

    /// What has been planned.
    pub(crate) fn book(&self) -> Book {
        self.kept.whole_book()
    }
}

/// Where the search begins. Below a gap of 5/6 of the window that is where what lies flush with the first free page ends:
/// a page between the two would have been found. What lies apart above it was found from the bottom up, asked for by its
/// address, or is a program with its heap.
fn base(search: Search, linux: &LinuxLayout, window: u64, page: u64, taken: &[(u64, u64)]) -> u64 {
    let first = search.first.saturating_add(page);
    match search.unlimited_stack {
        None => first,
        Some(UnlimitedStack::Legacy) => search.first,
        Some(UnlimitedStack::LargeGap) => {
            let flush = taken
                .iter()
                .find(|range| range.0 <= first && first <= range.1);
            flush.map_or(first, |range| {
                range.1.min(unmoved(linux, window, page).max(first))
            })
        }
    }
}

/// The mmap base of x86 below its largest gap, without ASLR: `mmap_base` of arch/x86/mm/mmap.c.
fn unmoved(linux: &LinuxLayout, window: u64, page: u64) -> u64 {
    let top = window.saturating_sub(linux.above_stack.get());
    let base = top.saturating_sub(LinuxLayout::largest_gap(window));
    base.checked_next_multiple_of(page).unwrap_or(base)
}

/// Where a search that found nothing from the top down begins again, at the highest. It matters only where that is above
/// the base: on x86 ASLR moves both by the same number of bytes, one down and one up (`arch_pick_mmap_base` of
/// arch/x86/mm/mmap.c), by at most so many where a large stack limit has moved the base, too.
fn retry(
    search: Search,
    linux: &LinuxLayout,
    window: u64,
    page: u64,
    base: u64,
    most: Size,
) -> u64 {
    let is_x86 = linux.unlimited_stack == UnlimitedStack::LargeGap;
    let moved = match search.unlimited_stack {
        Some(UnlimitedStack::LargeGap) => unmoved(linux, window, page).saturating_sub(base),
        None if is_x86 => most.get(),
        Some(UnlimitedStack::Legacy) | None => 0,
    };
    let retry = linux.legacy_base.get().saturating_add(moved);
    retry.checked_next_multiple_of(page).unwrap_or(retry)
}

/// What a limit leaves beside what the process uses, as its status has it.
fn beside<M: Machine>(machine: &M, limit: Size, used: &str) -> u64 {
    let status = machine.text("/proc/self/status").unwrap_or_default();
    let used = proc::size_of(&status, used).unwrap_or(Size::ZERO);
    limit.saturating_sub(used).get()
}

/// What `RLIMIT_MEMLOCK` leaves, if the process locks all that it maps: only then a mapping above the limit is refused
/// with EAGAIN (mmap(2)). No file of /proc tells whether it does.
fn lockable<M: Machine>(machine: &M) -> Option<u64> {
    let limit = machine.limit(Resource::Memlock)?;
    let above = Size::bytes(limit.get().checked_add(machine.page_size().get())?);
    let refused = machine.reserve(above).err()?;
    (refused.kind() == io::ErrorKind::WouldBlock).then(|| beside(machine, limit, "VmLck"))
}

/// Whether the kernel aligns mappings of huge pages.
fn is_aligned<M: Machine>(machine: &M, huge: Size) -> bool {
    let mapping = machine.reserve(huge);
    mapping.is_ok_and(|mapping| machine.address(&mapping) % huge.get() == 0)
}

/// What is taken, in ascending order, in as few ranges as go; the stack has its own.
fn taken(maps: &str) -> Vec<(u64, u64)> {
    let mut all: Vec<_> = proc::maps(maps).collect();
    all.sort_unstable_by_key(|map| map.start);
    let mut taken: Vec<(u64, u64)> = Vec::new();
    for map in all {
        match taken.last_mut() {
            Some(last) if map.start <= last.1 && map.name != "[stack]" => {
                last.1 = last.1.max(map.end);
            }
            _ => taken.push((map.start, map.end)),
        }
    }
    taken
}

impl<M: Machine> Machine for Snapshot<'_, M> {
    type Mapping = Part;

    as_of_machine!();

    fn reserve(&self, bytes: Size) -> io::Result<Part> {
        let mut space = self.space.borrow_mut();
        let bytes = bytes.get().checked_next_multiple_of(space.page);
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        let start = space.place(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
        space.take(start, bytes)?;
        Ok(self.part(start, bytes))
    }

    fn reserve_at(&self, start: u64, bytes: Size) -> io::Result<Part> {
        let mut space = self.space.borrow_mut();
        let bytes = bytes.get().checked_next_multiple_of(space.page);
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        if start < space.lowest || start % space.page != 0 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        space.take(start, bytes)?;
        Ok(self.part(start, bytes))
    }

    fn address(&self, mapping: &Part) -> u64 {
        mapping.start
    }

    fn bytes(&self, mapping: &Part) -> Size {
        Size::bytes(mapping.bytes)
    }

    /// In /proc/self/maps are the parts of the plan, too: at the end, and not at their places.
    fn text(&self, path: &str) -> Option<String> {
        if path != "/proc/self/maps" {
            return self.machine.text(path);
        }
        let mut text = self.maps.clone();
        let space = self.space.borrow();
        let real = taken(&self.maps);
        let is_real = |range: &(u64, u64)| real.binary_search(range).is_ok();
        for (start, end) in space.taken.iter().filter(|range| !is_real(range)) {
            let _ = writeln!(text, "{start:x}-{end:x} ---p 00000000 00:00 0");
        }
        Some(text)
    }
}

impl<M> Snapshot<'_, M> {
    fn part(&self, start: u64, bytes: u64) -> Part {
        Part {
            start,
            bytes,
            space: Rc::clone(&self.space),
        }
    }
}

impl<M: Keeper> Keeper for Snapshot<'_, M> {
    fn kept(&self) -> &Kept<Part> {
        &self.kept
    }
}

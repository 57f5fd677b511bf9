//! A moment of the process: all that decides where its next mappings go.

use std::fmt::Write as _;
use std::io;

use poolcfg_core::{Aslr, Layout, LinuxLayout, Size, UnlimitedStack};

use crate::machine::{Machine, Resource, proc};
use crate::recheck::heap_fence;
use crate::recheck::kept::Keeper;
use crate::recheck::layout::{self, Search};
use crate::recheck::planned_space::PlannedSpace;

/// What a process tells of where its mappings go. Two that are equal have the same plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// As /proc/self/maps has it.
    maps: String,
    /// The fence above its heap.
    fence: Option<u64>,
    search: Search,
    linux: LinuxLayout,
    window: u64,
    page: u64,
    /// To what the kernel aligns; 0 for nothing.
    huge: u64,
    /// What `RLIMIT_AS` leaves; `None` if there is no limit.
    left: Option<u64>,
    /// What `RLIMIT_MEMLOCK` leaves to a process that locks all that it maps; `None` for every other one.
    lockable: Option<u64>,
    /// The most by which ASLR moves something.
    most: Size,
}

impl Moment {
    /// The process as it is now; `None` if the system does not tell all that decides where a mapping goes.
    pub(super) fn of<M: Keeper>(machine: &M) -> Option<Self> {
        let window = layout::window(machine)?;
        let now = layout::search(machine)?;
        let search = Search {
            unlimited_stack: machine.kept().unlimited_stack(now.unlimited_stack),
            ..now
        };
        let profile = layout::matching(machine).next()?;
        let Layout::Linux(linux) = profile.layout else {
            return None;
        };
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
        let most = layout::aslr_range(machine, Aslr::Maximum);
        let fence = machine
            .kept()
            .with_heap_fence(|fence| fence.map(|fence| machine.address(fence)));
        Some(Self {
            // Last, since what has been asked for is gone again.
            maps: machine.text("/proc/self/maps").unwrap_or_default(),
            fence,
            search,
            linux,
            window,
            page: machine.page_size().get(),
            huge,
            left,
            lockable,
            most,
        })
    }

    /// To what the kernel aligns; 0 for nothing.
    pub(super) const fn huge(&self) -> u64 {
        self.huge
    }

    /// The maps with the room of the heap, which is not free, and the space in which a plan may be made; `None` if no
    /// maps are read.
    pub(super) fn space(self) -> Option<(String, PlannedSpace)> {
        let mut all: Vec<_> = proc::maps(&self.maps).collect();
        let stack = all.iter().find(|map| map.name == "[stack]");
        let stack = stack.map(|map| map.start);
        let room = self.fence.and_then(|fence| heap_fence::room(fence, &all));
        let mut line = String::new();
        if let Some(room) = &room {
            let _ = writeln!(
                line,
                "{:x}-{:x} ---p 00000000 00:00 0",
                room.start, room.end
            );
        }
        all.extend(proc::maps(&line));
        let taken = taken(all);
        if taken.is_empty() {
            return None;
        }
        let Self {
            search,
            linux,
            window,
            page,
            most,
            ..
        } = self;
        let (base, retry) = bases(search, &linux, window, page, most, &taken);
        let space = PlannedSpace {
            stack,
            guard: page.saturating_mul(LinuxLayout::STACK_GUARD_PAGES),
            page,
            lowest: linux.lowest.get(),
            window,
            base,
            top_down: search.unlimited_stack != Some(UnlimitedStack::Legacy),
            retry,
            huge: self.huge,
            left: self.left,
            lockable: self.lockable,
            taken,
        };
        Some((self.maps + &line, space))
    }
}

/// Where the search begins, and where it begins again.
fn bases(
    search: Search,
    linux: &LinuxLayout,
    window: u64,
    page: u64,
    most: Size,
    taken: &[(u64, u64)],
) -> (u64, u64) {
    let is_large_gap = search.unlimited_stack == Some(UnlimitedStack::LargeGap);
    if is_large_gap && !layout::is_below_largest_gap(search.first, window) {
        // Not a page is free from the top down: the first one was found from the bottom up.
        return (linux.lowest.get(), search.first);
    }
    let base = base(search, linux, window, page, taken);
    (base, retry(search, linux, window, page, base, most))
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
fn taken(mut all: Vec<proc::Map<'_>>) -> Vec<(u64, u64)> {
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

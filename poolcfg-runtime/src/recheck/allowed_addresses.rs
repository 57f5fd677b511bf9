//! Which addresses a native pool may have, and the free ranges among them that the kernel does not
//! search by itself.
//! ```text
//!  0  LOWEST    program, heap  room for the heap     searched by the kernel       stack  window      wide
//!  |-----|======|-----------|---|===================|============================|------|==//==|=======|
//!        : by address                by address       left alone: room for the stack      : by address, on demand
//! ```

use std::ops::Range;

use poolcfg_core::{Arch, GRAIN, LinuxLayout, Size, StackLimit, Target};

use crate::machine::proc;
use crate::machine::{Machine, Resource};
use crate::recheck::layout;

/// The lowest address that is asked for: above any `vm.mmap_min_addr` in use (64 KiB at most in Kconfig's
/// defaults, mm/Kconfig), where null pointers with an offset should fault.
pub(crate) const LOWEST: u64 = 1 << 20;

/// What slots leave free at the bottom as long as there is room elsewhere: addresses of 32 bits, which `MAP_32BIT` and
/// some compilers of programs ask for.
const LOW: u64 = if cfg!(target_pointer_width = "32") {
    LOWEST
} else {
    1 << 32
};

/// The addresses that slots may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedAddresses {
    /// The addresses of the stack, with room for it to grow; `None` if the system does not tell.
    stack: Option<Range<u64>>,
    /// The end of the first page that the kernel finds. What ends here or below was found from the top down, below
    /// the mmap base; what ends above, from the bottom up. `None` if the kernel gives no page.
    base: Option<u64>,
    /// Whether slots may lie above the window.
    wide: bool,
    /// Bytes that the heap is left.
    heap: Size,
    page_size: Size,
}

/// What is to be said of a place that the kernel has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// Slots may lie there.
    Good,
    /// It was found from the bottom up, maybe right behind the heap, which then cannot grow.
    Low,
    /// It reaches into the room that the stack is left.
    NearStack,
    /// It lies above the window.
    Bad,
}

impl AllowedAddresses {
    /// What one process has, with this much room for its heap, and for a stack as large as its limit, up to the one
    /// that was planned with.
    pub(crate) fn of<M: Machine>(machine: &M, wide: bool, heap: Size, planned: Size) -> Self {
        let page_size = machine.page_size();
        let room = match machine.limit(Resource::Stack) {
            Some(limit) => limit.min(planned).max(StackLimit::USUAL),
            None => StackLimit::USUAL,
        };
        let guard = page_size
            .get()
            .saturating_mul(LinuxLayout::STACK_GUARD_PAGES);
        let stack = machine.stack_top().map(|top| {
            let bottom = top.saturating_sub(room.get()).saturating_sub(guard);
            bottom..top
        });
        // Emulators and sandboxes may put a page above the stack, or right below it, and the next one elsewhere. The
        // kernel leaves a stack 8 MiB at least, unless its limit was less when the program started.
        let nearest = |top: &Range<u64>| {
            top.end
                .saturating_sub(StackLimit::USUAL.get())
                .saturating_sub(guard)
        };
        let base = stack.as_ref().and_then(|stack| {
            let page = machine.reserve(page_size).ok()?;
            let end = machine.address(&page).checked_add(page_size.get())?;
            (end <= nearest(stack)).then_some(end)
        });
        Self {
            stack,
            base,
            wide,
            heap,
            page_size,
        }
    }

    /// Any address that the kernel gives.
    pub(crate) const ANY: Self = Self {
        stack: None,
        base: None,
        wide: false,
        heap: Size::ZERO,
        page_size: Size::ZERO,
    };

    /// What is to be said of so many bytes there. `window` is asked for when it matters.
    pub(crate) fn spot(
        &self,
        start: u64,
        bytes: Size,
        window: impl FnOnce() -> Option<u64>,
    ) -> Spot {
        let end = start.saturating_add(bytes.get());
        let Some(stack) = &self.stack else {
            return Spot::Good;
        };
        if start >= stack.end {
            let reached = self.wide || window().is_none_or(|window| end <= window);
            return if reached { Spot::Good } else { Spot::Bad };
        }
        if self.is_below_the_base(end) {
            // The kernel has left the stack the room that its limit asked for when the program started, and has put
            // the libraries as near.
            return Spot::Good;
        }
        if end <= stack.start {
            Spot::Low
        } else {
            Spot::NearStack
        }
    }

    /// Whether what ends there was found from the top down.
    pub(crate) fn is_below_the_base(&self, end: u64) -> bool {
        self.base.is_some_and(|base| end <= base)
    }

    /// Whether slots may lie above the window.
    pub(crate) const fn is_wide(&self) -> bool {
        self.wide
    }

    /// Whether it is known in which order the kernel looks through the holes.
    pub(crate) const fn knows_the_search(&self) -> bool {
        self.base.is_some()
    }

    /// Whether the kernel comes to one range before another: from the mmap base down, and then from the bottom up.
    pub(crate) fn searches_before(&self, one: &Range<u64>, other: &Range<u64>) -> bool {
        let rank = |range: &Range<u64>| {
            if self.is_below_the_base(range.end) {
                (0, u64::MAX - range.end)
            } else {
                (1, range.start)
            }
        };
        rank(one) < rank(other)
    }

    /// What is free around so many bytes, which themselves may be mapped or not, as far as slots may lie there: less the
    /// room that the stack is left, and `room` above a heap and at the very bottom.
    pub(crate) fn around(
        &self,
        maps: &str,
        start: u64,
        bytes: Size,
        room: Size,
    ) -> Option<Range<u64>> {
        let own = start..start.saturating_add(bytes.get());
        let mut below: Option<(u64, &str)> = None;
        let mut above = u64::MAX;
        let mut heap = None;
        for map in proc::maps(maps) {
            if map.name == "[heap]" {
                heap = Some(map.end);
            }
            // Reservations side by side are one map.
            if map.start < own.start {
                let end = map.end.min(own.start);
                if below.is_none_or(|(highest, _)| highest < end) {
                    below = Some((end, map.name));
                }
            }
            if map.end > own.end {
                above = above.min(map.start.max(own.end));
            }
        }
        let start = match (below, heap) {
            // Some programs ask for addresses of 32 bits.
            (None, _) if !room.is_zero() => LOW,
            (None, _) => LOWEST,
            (Some((end, _)), Some(heap)) if end == heap => end.saturating_add(room.get()),
            // Where there is no heap yet, one may begin behind any file.
            (Some((end, name)), None) if name.starts_with('/') => end.saturating_add(room.get()),
            (Some((end, _)), _) => end,
        };
        let end = match (self.base, &self.stack) {
            (Some(base), _) if own.end <= base => above.min(base),
            (_, Some(stack)) if own.start < stack.end => above.min(stack.start),
            _ => above,
        };
        (start < end).then_some(start..end)
    }

    /// Free ranges that the kernel does not search by itself, the largest first. Below every mapping they leave the gap
    /// that the kernel keeps below a stack: which one grows down (`MAP_GROWSDOWN`) nothing tells but /proc/self/smaps.
    /// No pool was promised a place there, so that the gap takes nothing from what is guaranteed.
    pub(crate) fn unsearched<M: Machine>(&self, machine: &M) -> Vec<Range<u64>> {
        let Some(window) = layout::window(machine) else {
            return Vec::new();
        };
        let wide = if self.wide {
            wide_end(machine, window)
        } else {
            None
        };
        let search = layout::search(machine);
        if wide.is_none() && search.is_none_or(|search| search.unlimited_stack.is_none()) {
            // The kernel has searched all there is.
            return Vec::new();
        }
        let text = machine.text("/proc/self/maps").unwrap_or_default();
        let mut free = self.free(&text, wide.map(|end| window..end));
        free.sort_by_key(|range| std::cmp::Reverse(range.end - range.start));
        free
    }

    /// What is free below the stack, less what stack and heap are left to grow; and what is free of `wide`,
    /// above the window.
    fn free(&self, maps: &str, wide: Option<Range<u64>>) -> Vec<Range<u64>> {
        let guard = self
            .page_size
            .get()
            .saturating_mul(LinuxLayout::STACK_GUARD_PAGES);
        let floor = self.stack.as_ref().map_or(0, |stack| stack.start);
        let mut maps: Vec<_> = proc::maps(maps).collect();
        maps.sort_unstable_by_key(|map| map.start);
        let mut free = Vec::new();
        let mut bottom = LOWEST;
        let (mut heap, mut end) = (false, 0);
        for map in maps {
            // What lies between a program and its heap is left to them, and what lies below the stack to it.
            let own = map.name == "[stack]" || (map.name == "[heap]" && heap);
            if map.start <= floor && !own {
                let room = if heap { self.heap.get() } else { 0 };
                free.push(bottom.saturating_add(room)..map.start.saturating_sub(guard));
            }
            if let Some(wide) = &wide {
                free.push(bottom.max(wide.start)..map.start.saturating_sub(guard).min(wide.end));
            }
            // The heap grows behind the program, also before it has a line of its own.
            let behind = heap && map.start == end;
            heap = map.name == "[heap]" || map.name.starts_with('/') || behind;
            end = map.end;
            bottom = bottom.max(end);
        }
        if let Some(wide) = wide {
            free.push(bottom.max(wide.start)..wide.end);
        }
        free.retain(|range| range.start < range.end);
        free
    }
}

/// Where the addresses above the window end; `None` if there are none. Sources: TASK_SIZE of
/// arch/x86/include/asm/page_64_types.h, arch/arm64/include/asm/processor.h and
/// arch/riscv/include/asm/pgtable.h.
fn wide_end<M: Machine>(machine: &M, window: u64) -> Option<u64> {
    let bits: u32 = match Target::CURRENT.arch {
        Arch::X86_64 | Arch::Riscv64 => 56,
        Arch::Aarch64 => 52,
        _ => return None,
    };
    // The last page is not given on all of them.
    let end = (1u64 << bits) - GRAIN.get();
    let page = machine.page_size();
    (end > window && machine.reserve_at(end - page.get(), page).is_ok()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// A process on sv39 with its stack at the end of the window.
    fn allowed(wide: bool) -> AllowedAddresses {
        AllowedAddresses {
            stack: Some(254 * GIB..255 * GIB),
            base: None,
            wide,
            heap: Size::gib(1),
            page_size: Size::kib(4),
        }
    }

    /// Linked to a low address, bottom-up from a third of the window, with a stack of 1 MiB so far.
    const STATIC: &str = "\
000010000-000020000 r-xp 00000000 fe:00 1  /usr/bin/cat
000020000-000021000 rw-p 00000000 00:00 0
001021000-001042000 rw-p 00000000 00:00 0  [heap]
1555555000-1555655000 r-xp 00000000 00:00 0 [vdso]
3fbff00000-3fc0000000 rw-p 00000000 00:00 0 [stack]
";

    #[test]
    fn heap_and_stack_are_left_room() {
        // Between the room for the heap and the guard of what lies above.
        let free = allowed(false).free(STATIC, None);
        assert_eq!(free, vec![GIB + 0x104_2000..0x15_5555_5000 - (1 << 20)]);
    }

    #[test]
    fn a_heap_that_is_not_there_yet_is_left_room_too() {
        let maps = STATIC.replace("001021000-001042000 rw-p 00000000 00:00 0  [heap]\n", "");
        let free = allowed(false).free(&maps, None);
        assert_eq!(free, vec![GIB + 0x10_0000..0x15_5555_5000 - (1 << 20)]);
    }

    /// The heap of a static PIE lies alone at 2/3 of the window.
    #[test]
    fn below_a_heap_without_its_program_all_is_free() {
        let maps = "\
2ad7a52000-2ad7a74000 rw-p 00000000 00:00 0 [heap]
2ae5773000-2ae589b000 r-xp 00000000 00:02 15 /static-pie
3fbff00000-3fc0000000 rw-p 00000000 00:00 0 [stack]
";
        let free = allowed(false).free(maps, None);
        assert_eq!(free, vec![1 << 20..0x2a_d7a5_2000 - (1 << 20)]);
    }

    #[test]
    fn what_lies_above_the_window_is_for_those_who_ask() {
        let above = 1 << 52;
        let wide = Some(256 * GIB..above);
        let free = allowed(true).free(STATIC, wide.clone());
        assert_eq!(free.last(), Some(&(256 * GIB..above)));
        let taken = format!("{STATIC}5000000000-6000000000 ---p 0 00:00 0\n");
        let free = allowed(true).free(&taken, wide);
        assert_eq!(
            free[1..],
            [256 * GIB..0x50_0000_0000 - (1 << 20), 0x60_0000_0000..above]
        );
    }

    #[test]
    fn slots_come_no_nearer_to_the_stack_and_not_above_the_window() {
        use Spot::{Bad, Good, Low, NearStack};
        let gib = |gib| gib * GIB;
        for (start, size, normal, wide) in [
            (gib(250), 4, Low, Low),
            (gib(250), 5, NearStack, NearStack),
            (gib(254), 1, NearStack, NearStack),
            (gib(255), 1, Good, Good),
            (gib(255), 2, Bad, Good),
            (gib(300), 4, Bad, Good),
        ] {
            let window = || Some(256 * GIB);
            let spot = |allowed: AllowedAddresses| allowed.spot(start, Size::gib(size), window);
            assert_eq!(spot(allowed(false)), normal);
            assert_eq!(spot(allowed(true)), wide);
            assert_eq!(spot(AllowedAddresses::ANY), Good);
        }
    }
}

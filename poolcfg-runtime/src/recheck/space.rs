//! An address space that is made up: what is taken of it, and where the Linux kernel puts what is mapped next. It knows
//! nothing of the model in poolcfg-core but a profile's numbers, so that the model can be held to it.

use poolcfg_core::{Arch, LinuxLayout, RelocationModel, Size, UnlimitedStack, VaProfile};

const MIB: u64 = 1 << 20;

/// Addresses of a program and of each of its libraries.
const PROGRAM: u64 = 4 * MIB;

/// How much of its stack a process has when it starts.
const STACK_IN_USE: u64 = 128 << 10;

/// Pages that the kernel keeps free below a stack: `stack_guard_gap` of mm/mmap.c.
const STACK_GUARD_PAGES: u64 = 256;

/// What of a process decides its layout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessLayout {
    /// How the program is linked.
    pub(crate) program: RelocationModel,
    /// The stack limit at its start; `None` for an unlimited one.
    pub(crate) stack_limit: Option<Size>,
    /// Whether it is started with the legacy layout, whatever its stack limit.
    pub(crate) legacy: bool,
    /// By how many bytes ASLR has moved the stack down, the mmap base, the program up and the heap up: whole pages,
    /// and at most what [`aslr_range`] says.
    pub(crate) moved: [u64; 4],
    /// Whether mappings of huge pages are aligned to them.
    pub(crate) aligned: bool,
}

/// An address space.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    /// What is taken, in ascending order.
    taken: Vec<(u64, u64)>,
    window: u64,
    lowest: u64,
    /// Where the search begins: from the top down, or else from the bottom up.
    base: u64,
    top_down: bool,
    /// Where a search that found nothing from the top down begins again, from the bottom up.
    retry: u64,
    page: u64,
    /// The size to which mappings of at least it are aligned; 0 for none.
    huge: u64,
    /// The lowest and the highest address of the stack.
    pub(crate) stack: (u64, u64),
    /// The program, and the beginning of its heap.
    pub(crate) program: (u64, u64),
    pub(crate) heap: u64,
}

/// By how many bytes ASLR moves the stack, the mmap base, the program and the heap at most.
pub(crate) fn aslr_range(profile: &VaProfile<'_>, linux: &LinuxLayout, aslr_bits: u32) -> [u64; 4] {
    let page = profile.page_size.get();
    let aslr = (page << aslr_bits) - page;
    [
        linux.stack_randomization.get(),
        aslr,
        aslr,
        linux.brk_randomization.get(),
    ]
}

/// Where a static program is linked to: `text-segment` of GNU ld's scripts.
fn linked_to(arch: Arch) -> u64 {
    match arch {
        Arch::Loongarch64 | Arch::Mips64 => 0x1_2000_0000,
        Arch::Powerpc64 => 256 * MIB,
        Arch::S390x => 16 * MIB,
        Arch::X86 => 0x0804_8000,
        Arch::Arm => 64 << 10,
        _ => 4 * MIB,
    }
}

impl Space {
    /// A process of a profile. Sources: mm/util.c (mmap_base, arch_pick_mmap_layout), arch/x86/mm/mmap.c and
    /// fs/binfmt_elf.c (load_elf_binary) of Linux 6.12.
    pub(crate) fn new(profile: &VaProfile<'_>, linux: &LinuxLayout, made: &ProcessLayout) -> Self {
        let page = profile.page_size.get();
        let window = profile.window.get();
        let [stack, moved, program, heap] = made.moved;
        let top = window - linux.above_stack.get();
        let stack_top = top - stack;
        let guard = STACK_GUARD_PAGES * page;
        let x86 = linux.unlimited_stack == UnlimitedStack::LargeGap;
        let gap = |limit: u64| {
            let padded = limit
                .saturating_add(linux.stack_randomization.get())
                .saturating_add(guard);
            padded.clamp(128 * MIB, window / 6 * 5)
        };
        let top_down = !made.legacy && (made.stack_limit.is_some() || x86);
        let limit = made.stack_limit.map_or(u64::MAX, Size::get);
        let base = if top_down {
            top - gap(limit) - moved
        } else {
            linux.legacy_base.get() + moved
        };
        let retry = linux.legacy_base.get() + if x86 { moved } else { 0 };
        let start = match made.program {
            RelocationModel::Pie => linux.pie_base.get() / page * page + program,
            RelocationModel::Static => linked_to(profile.arch),
        };
        let heap = start + PROGRAM + heap;
        let mut space = Self {
            taken: Vec::new(),
            window,
            lowest: linux.lowest.get(),
            base: base.next_multiple_of(page),
            top_down,
            retry: retry.next_multiple_of(page),
            page,
            huge: if made.aligned {
                linux.huge_page.get()
            } else {
                0
            },
            stack: (stack_top - STACK_IN_USE, stack_top),
            program: (start, start + PROGRAM),
            heap,
        };
        for range in [space.program, (heap, heap + MIB), space.stack] {
            space.take(range);
        }
        space
    }

    fn take(&mut self, range: (u64, u64)) {
        let at = self.taken.partition_point(|taken| taken.0 < range.0);
        self.taken.insert(at, range);
    }

    /// The free ranges between two addresses, in ascending order.
    fn free(&self, from: u64, to: u64) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        let guard = STACK_GUARD_PAGES * self.page;
        let count = self.taken.len();
        let start = move |at: usize| at.checked_sub(1).map_or(from, |below| self.taken[below].1);
        let end = move |at: usize| match self.taken.get(at) {
            Some(stack) if *stack == self.stack => stack.0 - guard,
            Some((start, _)) => *start,
            None => to,
        };
        (0..=count)
            .map(move |at| (start(at).clamp(from, to), end(at).clamp(from, to)))
            .filter(|(start, end)| start < end)
    }

    /// mm/mmap.c, generic_get_unmapped_area and generic_get_unmapped_area_topdown.
    fn unmapped_area(&self, bytes: u64) -> Option<u64> {
        let large = |range: &(u64, u64)| range.1 - range.0 >= bytes;
        let bottom_up = |from| Some(self.free(from, self.window).find(large)?.0);
        if !self.top_down {
            return bottom_up(self.base);
        }
        let found = self.free(self.lowest, self.base).rev().find(large);
        found
            .map(|range| range.1 - bytes)
            .or_else(|| bottom_up(self.retry))
    }

    /// Where the kernel puts a new mapping; `None` if there is no room. Alignment: mm/huge_memory.c,
    /// __thp_get_unmapped_area.
    pub(crate) fn map(&mut self, bytes: u64) -> Option<u64> {
        let bytes = bytes.next_multiple_of(self.page);
        let aligned = (self.huge > 0 && bytes >= self.huge)
            .then(|| self.unmapped_area(bytes.checked_add(self.huge)?))
            .flatten()
            .map(|start| start.next_multiple_of(self.huge));
        let start = aligned.or_else(|| self.unmapped_area(bytes))?;
        self.take((start, start + bytes));
        Some(start)
    }

    /// A new mapping at an address, where nothing is.
    pub(crate) fn map_at(&mut self, start: u64, bytes: u64) -> bool {
        let end = start.saturating_add(bytes.next_multiple_of(self.page));
        let is_free = start.is_multiple_of(self.page)
            && start >= self.lowest
            && end <= self.window
            && self
                .taken
                .iter()
                .all(|taken| end <= taken.0 || taken.1 <= start);
        if is_free {
            self.take((start, end));
        }
        is_free
    }

    /// The heap grows by so many bytes, if nothing is there. Source: mm/mmap.c, `brk`.
    pub(crate) fn grow_heap(&mut self, bytes: u64) -> bool {
        let at = self.taken.iter().position(|range| range.0 == self.heap);
        let end = at.map(|at| self.taken[at].1);
        let (Some(at), Some(end)) = (at, end) else {
            return false;
        };
        let bytes = bytes.next_multiple_of(self.page);
        let grows = self.map_at(end, bytes);
        if grows {
            self.unmap(end);
            self.taken[at].1 = end + bytes;
        }
        grows
    }

    /// The end of a mapping that begins there.
    pub(crate) fn unmap(&mut self, start: u64) {
        self.taken.retain(|taken| taken.0 != start);
    }

    /// What the alignment of a mapping may take beside it, at most.
    pub(crate) const fn alignment(&self) -> u64 {
        self.huge
    }

    /// The sizes of what is free.
    pub(crate) fn holes(&self) -> impl Iterator<Item = u64> {
        let free = self.free(self.lowest, self.window);
        free.map(|(start, end)| end - start)
    }

    /// The largest hole below the program, the one between it and the mmap base, and the one above that; `None` where
    /// they are not in this order.
    pub(crate) fn three_holes(&self) -> Option<[u64; 3]> {
        let (start, end) = self.program;
        let largest = |(from, to)| {
            let holes = self.free(from, to).map(|(start, end)| end - start);
            holes.max().unwrap_or(0)
        };
        (self.top_down && end <= self.base).then(|| {
            [
                (self.lowest, start),
                (end, self.base),
                (self.base, self.window),
            ]
            .map(largest)
        })
    }

    /// Where the heap ends before it grows.
    pub(crate) const fn heap_end(&self) -> u64 {
        self.heap + MIB
    }

    /// All that is taken.
    pub(crate) fn taken(&self) -> &[(u64, u64)] {
        &self.taken
    }

    /// Whether what ends there lies where the search from the top down looks.
    pub(crate) const fn is_below_the_base(&self, end: u64) -> bool {
        self.top_down && end <= self.base
    }

    /// The end of the window.
    pub(crate) const fn window(&self) -> u64 {
        self.window
    }
}

//! Holes: what a process has free in its window, by the rule of the Linux kernel.
//!
//! ```text
//!  0   lowest                pie_base           mmap base        window
//!  |-----|=======================|---|---|==========|---|----------|
//!        :   the lower hole      : P : H : the upper: L : gap      :
//!                                  program        hole  libraries   stack, and on some
//!                                  and heap             (headroom)  kernels the vDSO
//! ```
//! That is a PIE with a finite stack limit, searched from the top down. A program linked statically to
//! a low address leaves one hole; an unlimited stack limit turns the search round (most kernels) or cuts
//! the window at 1/6 (x86). ASLR moves `P` up and the mmap base down.

use crate::profile::{LinuxLayout, UnlimitedStack, VaProfile};
use crate::room::{HOLES, Hole, Room};
use crate::shape::{Aslr, RelocationModel, Shape, StackLimit};
use crate::size::Size;
use crate::target::Arch;

/// A stack limit of 8 MiB, which is what a finite one is counted as; up to 128 MiB - the gap below -
/// it makes no difference to most windows.
const STACK: Size = Size::mib(8);

/// The addresses of a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first address of the hole.
    pub bottom: u64,
    /// The first address above it.
    pub top: u64,
}

/// The holes of a process, as they are found.
pub(crate) struct Holes {
    pub(crate) room: Room,
    pub(crate) spans: [Option<Span>; HOLES],
}

impl Holes {
    pub(crate) const NONE: Self = Self {
        room: Room {
            holes: [Hole { least: 0, most: 0 }; HOLES],
            count: 0,
            knee: 0,
            total: 0,
            parts: 0,
        },
        spans: [None; HOLES],
    };

    /// The next hole of the search: between these addresses at the least, and of `most` bytes where
    /// ASLR is kind.
    const fn then(self, bottom: u64, top: u64, most: u64) -> Self {
        let least = top.saturating_sub(bottom);
        let span = Span { bottom, top };
        self.push(least, most, if least > 0 { Some(span) } else { None })
    }

    /// The last hole of the search; what it has beyond its least is told by the knee alone.
    const fn last(self, bottom: u64, top: u64) -> Self {
        self.then(bottom, top, 0)
    }

    /// The next hole of a search whose addresses are not known.
    pub(crate) const fn unplaced(self, least: u64) -> Self {
        self.push(least, least, None)
    }

    const fn push(mut self, least: u64, most: u64, span: Option<Span>) -> Self {
        let index = self.room.count;
        self.room.holes[index] = Hole {
            least,
            most: max(least, most),
        };
        self.spans[index] = span;
        self.room.count = index + 1;
        self
    }

    /// What all holes have together, in `parts` of them at most: see [`Room::total`].
    const fn with_total(mut self, total: u64, parts: usize) -> Self {
        if total > 0 {
            self.room.total = total;
            self.room.parts = parts;
        }
        self
    }

    /// The last two holes share a boundary: see [`Room::knee`].
    const fn with_knee(mut self, knee: u64) -> Self {
        self.room.knee = knee;
        self
    }
}

/// Bytes below the stack in which nothing of a pool may lie where the stack limit allows so much: poolcfg-runtime
/// gives a piece back that lies nearer. The kernel itself counts a limit as at least so much when it chooses the
/// mmap base (mm/util.c, mmap_base: MIN_GAP); on 32 bits there is no room for that, and 8 MiB are left.
const STACK_ROOM: Size = Size::mib(128);

/// The addresses and the reach of ASLR from which the rooms below are computed, in bytes.
struct Plan {
    window: u64,
    lowest: u64,
    pie_base: u64,
    legacy_base: u64,
    /// How far ASLR moves the program up, and as far the mmap base down or the legacy base up.
    aslr: u64,
    /// How far the heap may begin behind the program.
    brk: u64,
    /// Between the end of the window and the mmap base before ASLR, at most.
    gap: u64,
    /// Between the end of the window and the lowest page of the stack, at most.
    stack: u64,
    /// The same with all the room that a stack is left.
    stack_room: u64,
    /// Where a program linked statically to a low address begins, at most.
    static_base: u64,
    headroom: u64,
    unlimited_stack: UnlimitedStack,
}

/// A PIE's segments are aligned to 2 MiB at most by the linkers in use, and so is where it begins.
const SEGMENT_ALIGNMENT: Size = Size::mib(2);

/// A static program is linked to at most this address and is loaded there. Source: `text-segment` of the
/// linker scripts of GNU ld 2.40 (`TEXT_START_ADDR`); LLVM's linker takes the same or less.
const fn static_base(arch: Arch) -> u64 {
    match arch {
        Arch::Loongarch64 | Arch::Mips64 => 0x1_2000_0000,
        Arch::Powerpc64 => 256 << 20,
        Arch::S390x => 16 << 20,
        Arch::X86 => 0x0804_8000,
        _ => 4 << 20,
    }
}

/// The holes of a process of this shape, in the order in which the kernel searches them.
pub(crate) const fn linux_holes(
    profile: &VaProfile<'_>,
    linux: &LinuxLayout,
    shape: Shape,
    headroom: Size,
) -> Holes {
    let window = profile.window.get();
    let bits = match shape.aslr {
        Aslr::Default => linux.aslr_bits_default,
        Aslr::Maximum => linux.aslr_bits_max,
    };
    let aslr = match LinuxLayout::aslr(profile.page_size, bits) {
        Some(aslr) => aslr.get(),
        None => window,
    };
    // mmap_base of mm/util.c:441-473 (7.2: 431-463); stack_guard_gap of mm/mmap.c: 256 pages.
    let stack = linux.stack_randomization.get() + STACK.get() + 256 * profile.page_size.get();
    let above = linux.above_stack.get();
    let plan = Plan {
        window,
        lowest: linux.lowest.get(),
        pie_base: linux.pie_base.round_down(SEGMENT_ALIGNMENT).get(),
        legacy_base: linux.legacy_base.get(),
        aslr,
        brk: linux.brk_randomization.get(),
        gap: above + clamp(stack, 128 << 20, window / 6 * 5),
        stack: above + stack,
        stack_room: if profile.pointer_width() < 64 {
            above + stack
        } else {
            above + stack - STACK.get() + STACK_ROOM.get()
        },
        static_base: static_base(profile.arch),
        headroom: headroom.get(),
        unlimited_stack: linux.unlimited_stack,
    };
    match (
        shape.relocation_model,
        shape.stack_limit,
        linux.unlimited_stack,
    ) {
        (RelocationModel::Pie, StackLimit::Finite, _) => pie(&plan),
        (RelocationModel::Static, StackLimit::Finite, _) => fixed(&plan),
        (RelocationModel::Pie, StackLimit::Unlimited, UnlimitedStack::Legacy) => legacy_pie(&plan),
        (RelocationModel::Static, StackLimit::Unlimited, UnlimitedStack::Legacy) => {
            legacy_fixed(&plan)
        }
        (RelocationModel::Pie, StackLimit::Unlimited, UnlimitedStack::LargeGap) => {
            large_gap_pie(&plan)
        }
        (RelocationModel::Static, StackLimit::Unlimited, UnlimitedStack::LargeGap) => {
            large_gap_fixed(&plan)
        }
    }
}

impl Plan {
    /// The mmap base of a top-down search, at its lowest.
    const fn mmap_base(&self) -> u64 {
        self.window
            .saturating_sub(self.gap)
            .saturating_sub(self.aslr)
    }

    /// The end of the program and what its heap may skip, at their highest.
    const fn program_end(&self) -> u64 {
        self.pie_base
            .saturating_add(self.aslr)
            .saturating_add(self.brk)
    }

    /// The end of a program at a fixed, low address and what its heap may skip.
    const fn fixed_end(&self) -> u64 {
        self.static_base.saturating_add(self.brk)
    }

    /// Where the bottom-up search begins, at its highest.
    const fn bottom_up_base(&self) -> u64 {
        self.legacy_base.saturating_add(self.aslr)
    }

    /// Where the bottom-up search ends: at the stack.
    const fn bottom_up_end(&self) -> u64 {
        self.window.saturating_sub(self.stack)
    }

    /// What a top-down process has free above `bottom` in all of its holes together: what top-down finds nothing
    /// for is searched again from the bottom up. That sees all that lies above the mmap base, unless its own base
    /// lies higher; x86 moves that base by ASLR, too (arch/x86/mm/mmap.c, mmap_legacy_base).
    const fn total(&self, bottom: u64) -> u64 {
        let retry_base = match self.unlimited_stack {
            UnlimitedStack::Legacy => self.legacy_base,
            UnlimitedStack::LargeGap => self.bottom_up_base(),
        };
        if retry_base > self.mmap_base() {
            return 0;
        }
        self.window
            .saturating_sub(bottom)
            .saturating_sub(self.brk)
            .saturating_sub(self.stack_room)
            .saturating_sub(self.headroom)
    }
}

/// Top-down, the program at `pie_base`: first the hole above it, then the one below.
const fn pie(plan: &Plan) -> Holes {
    let most = plan
        .window
        .saturating_sub(plan.gap)
        .saturating_sub(plan.pie_base);
    // What the upper hole loses to things that give nothing to the lower one.
    let lost = plan
        .aslr
        .saturating_add(plan.brk)
        .saturating_add(plan.headroom);
    let top = plan.mmap_base().saturating_sub(plan.headroom);
    let upper = Holes::NONE.then(plan.program_end(), top, most);
    // Around the program with its heap, and around the libraries below the mmap base.
    let total = plan.total(plan.lowest);
    if plan.aslr > most {
        // An mmap base below the program cuts the lower hole too.
        return upper.last(plan.lowest, top).with_total(total, 3);
    }
    upper
        .last(plan.lowest, plan.pie_base)
        .with_knee(most.saturating_sub(lost))
        .with_total(total, 3)
}

/// Top-down, the program and its heap low: one hole.
const fn fixed(plan: &Plan) -> Holes {
    let top = plan.mmap_base().saturating_sub(plan.headroom);
    Holes::NONE
        .last(plan.fixed_end(), top)
        .with_total(plan.total(plan.static_base), 2)
}

/// Bottom-up from the legacy base: first the hole below the program, then the one above. Libraries lie
/// at the base.
const fn legacy_pie(plan: &Plan) -> Holes {
    bottom_up(Holes::NONE, plan, plan.headroom)
}

/// Bottom-up from the legacy base, the program below it: one hole.
const fn legacy_fixed(plan: &Plan) -> Holes {
    let bottom = plan.bottom_up_base().saturating_add(plan.headroom);
    Holes::NONE.last(bottom, plan.bottom_up_end())
}

/// The holes of a bottom-up search around a program at `pie_base`, with the headroom charged at the
/// base.
const fn bottom_up(before: Holes, plan: &Plan, headroom: u64) -> Holes {
    let base = plan.bottom_up_base().saturating_add(headroom);
    let most = plan
        .pie_base
        .saturating_add(plan.aslr)
        .saturating_sub(plan.legacy_base);
    let below = before.then(base, plan.pie_base, most);
    if base > plan.pie_base {
        // The base may lie above the program: then there is nothing below it, and what the base takes,
        // libraries included, it takes above.
        let end = max(plan.bottom_up_base(), plan.program_end());
        return below.last(end.saturating_add(headroom), plan.bottom_up_end());
    }
    below
        .last(plan.program_end(), plan.bottom_up_end())
        .with_knee((plan.pie_base - base).saturating_add(plan.aslr))
}

/// x86 with an unlimited stack limit: the lowest sixth of the window from the top down, less what lies
/// in it; then bottom-up from a third.
const fn lowest_sixth(plan: &Plan, bottom: u64) -> Holes {
    let sixth = plan.window / 6;
    let top = sixth
        .saturating_sub(plan.aslr)
        .saturating_sub(plan.headroom);
    Holes::NONE.then(bottom, top, sixth)
}

const fn large_gap_pie(plan: &Plan) -> Holes {
    if plan.pie_base > plan.bottom_up_base() {
        return bottom_up(lowest_sixth(plan, plan.lowest), plan, 0);
    }
    // The program lies below the bottom-up base or is reached by it (32 bits): only what is above both
    // is counted on.
    let bottom = if plan.pie_base < plan.window / 6 {
        plan.program_end()
    } else {
        plan.lowest
    };
    lowest_sixth(plan, bottom).last(
        max(plan.bottom_up_base(), plan.program_end()),
        plan.bottom_up_end(),
    )
}

const fn large_gap_fixed(plan: &Plan) -> Holes {
    lowest_sixth(plan, plan.fixed_end()).last(plan.bottom_up_base(), plan.bottom_up_end())
}

const fn max(left: u64, right: u64) -> u64 {
    if left > right { left } else { right }
}

const fn clamp(value: u64, least: u64, most: u64) -> u64 {
    if value < least {
        least
    } else if value > most {
        most
    } else {
        value
    }
}

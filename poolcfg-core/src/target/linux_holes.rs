//! The rule of the Linux kernel: which holes a process of a profile and a shape has.
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

use crate::base::consts::{max, min};
use crate::base::size::Size;
use crate::model::room::{Hole, Spread, Three};
use crate::target::Arch;
use crate::target::holes::Holes;
use crate::target::profile::{LinuxLayout, UnlimitedStack, VaProfile};
use crate::target::shape::{RelocationModel, Shape, StackLimit};

/// The least that the kernel leaves between the end of the window and the mmap base (mm/util.c, mmap_base: MIN_GAP).
const GAP: Size = Size::mib(128);

/// The addresses and the range of ASLR from which the holes below are computed, in bytes.
struct LayoutNumbers {
    window: u64,
    lowest: u64,
    pie_base: u64,
    /// Where a PIE begins at the least: its segments are aligned.
    pie_floor: u64,
    legacy_base: u64,
    /// How far ASLR moves the program up, and as far the mmap base down or the legacy base up.
    aslr: u64,
    /// How far the heap may begin behind the program.
    brk: u64,
    /// Between the end of the window and the mmap base before ASLR, at most.
    gap: u64,
    /// Between the end of the window and what lies below the stack and all that it is left to grow, at most.
    stack: u64,
    /// Where a program linked statically to a low address begins, at most.
    static_base: u64,
    huge_page: u64,
    unlimited_stack: UnlimitedStack,
}

/// To what the segments of a PIE are aligned at most by the linkers in use, and so where it begins: 2 MiB in 64-bit
/// programs, and 64 KiB in 32-bit ones (`MAXPAGESIZE` of GNU ld 2.40 and of LLVM's linker; 4 KiB on x86).
const fn segment_alignment(pointer_width: u32) -> Size {
    if pointer_width < 64 {
        Size::kib(64)
    } else {
        Size::mib(2)
    }
}

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
) -> Holes {
    let window = profile.window.get();
    let width = profile.pointer_width();
    let aslr = match LinuxLayout::aslr(profile.page_size, shape.aslr.bits(linux)) {
        Some(aslr) => aslr.get(),
        None => window,
    };
    // What is kept for the stack: by the kernel when it chooses the mmap base, and by poolcfg-runtime, which gives a
    // piece back that lies nearer. A small limit may be raised after the start, so a stack is left as much as
    // `finite` covers.
    let finite = StackLimit::finite(width).get();
    let (limit, room) = match shape.stack_limit {
        StackLimit::Finite => (finite, finite),
        StackLimit::Unlimited | StackLimit::AsUnlimited(_) => {
            (StackLimit::USUAL.get(), StackLimit::USUAL.get())
        }
        StackLimit::UpTo(size) => (size.get(), max(size.get(), finite)),
    };
    // mmap_base of mm/util.c:441-473 (7.2: 431-463).
    let guard = LinuxLayout::STACK_GUARD_PAGES * profile.page_size.get();
    let pad = linux.stack_randomization.get().saturating_add(guard);
    let above = linux.above_stack.get();
    let most = LinuxLayout::largest_gap(window);
    let gap = clamp(limit.saturating_add(pad), GAP.get(), most);
    let plan = LayoutNumbers {
        window,
        lowest: linux.lowest.get(),
        pie_base: linux.pie_base.get(),
        pie_floor: linux.pie_base.round_down(segment_alignment(width)).get(),
        legacy_base: linux.legacy_base.get(),
        aslr,
        brk: linux.brk_randomization.get(),
        gap: above.saturating_add(gap),
        stack: above.saturating_add(pad).saturating_add(room),
        static_base: static_base(profile.arch),
        huge_page: linux.huge_page.get(),
        unlimited_stack: linux.unlimited_stack,
    };
    let upward = shape.layout.is_legacy()
        || (shape.stack_limit.is_unlimited()
            && matches!(linux.unlimited_stack, UnlimitedStack::Legacy));
    match (shape.relocation_model, shape.stack_limit.is_unlimited()) {
        (RelocationModel::Pie, _) if upward => bottom_up(Holes::NONE, &plan),
        (RelocationModel::Static, _) if upward => legacy_fixed(&plan),
        (RelocationModel::Pie, true) => large_gap_pie(&plan),
        (RelocationModel::Static, true) => large_gap_fixed(&plan),
        (RelocationModel::Pie, false) => pie(&plan),
        (RelocationModel::Static, false) => fixed(&plan),
    }
}

impl LayoutNumbers {
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
            .saturating_sub(self.stack)
    }
}

impl LayoutNumbers {
    /// The three holes of a PIE that has so many bytes in them, at every position.
    const fn three(&self, total: u64) -> Three {
        let mut three = Three {
            count: 1,
            small: self.brk,
            huge_page: self.huge_page,
            ..Three::NONE
        };
        let (lowest, base) = (self.lowest, self.mmap_base());
        if total == 0 || base <= lowest {
            return Three::NONE;
        }
        let sum = Hole {
            least: total,
            most: self.window,
        };
        let highest = self.window.saturating_sub(GAP.get());
        // A PIE begins no higher.
        let program = self.pie_base.saturating_add(self.aslr);
        three.spreads[0] = Spread {
            holes: [
                hole(
                    base.saturating_sub(self.program_end()),
                    highest.saturating_sub(self.pie_floor),
                ),
                hole(self.pie_floor.saturating_sub(lowest), program),
                hole(0, self.window - base),
            ],
            sum,
        };
        if program >= base {
            let end = self.window.saturating_sub(self.stack);
            three.spreads[1] = Spread {
                holes: [
                    hole(base - lowest, clamp(program, base, highest)),
                    hole(0, program - base),
                    hole(
                        end.saturating_sub(self.program_end()),
                        self.window - max(self.pie_floor, base),
                    ),
                ],
                sum,
            };
            three.count = 2;
        }
        three
    }
}

const fn hole(least: u64, most: u64) -> Hole {
    Hole {
        least,
        most: max(least, most),
    }
}

/// Top-down, the program at `pie_base`: first the hole above it, then the one below.
const fn pie(plan: &LayoutNumbers) -> Holes {
    let most = plan
        .window
        .saturating_sub(plan.gap)
        .saturating_sub(plan.pie_floor);
    let upper = Holes::NONE.then(plan.program_end(), plan.mmap_base(), most);
    // Around the program with its heap, and around the libraries below the mmap base.
    let total = plan.total(plan.lowest);
    if plan.aslr > most {
        // An mmap base below the program cuts the lower hole too.
        return upper
            .last(plan.lowest, plan.mmap_base())
            .with_total(total, 3)
            .with_three(plan.three(total));
    }
    // What the upper hole loses to things that give nothing to the lower one.
    let lost = plan.aslr.saturating_add(plan.brk);
    upper
        .last(plan.lowest, plan.pie_floor)
        .with_knee(most.saturating_sub(lost))
        .with_total(total, 3)
        .with_three(plan.three(total))
}

/// Top-down, the program and its heap low: first the hole below the mmap base, then the one above.
const fn fixed(plan: &LayoutNumbers) -> Holes {
    let total = plan.total(plan.static_base);
    let most = plan
        .window
        .saturating_sub(GAP.get())
        .saturating_sub(plan.static_base);
    let (bottom, top) = (plan.fixed_end(), plan.mmap_base());
    if total == 0 {
        return Holes::NONE.last(bottom, top);
    }
    // What the mmap base takes of the first hole is above it.
    Holes::NONE
        .then(bottom, top, most)
        .last(top, top)
        .with_knee(total)
        .with_total(total, 2)
}

/// Bottom-up from the legacy base, the program below it: one hole. Libraries lie at the base.
const fn legacy_fixed(plan: &LayoutNumbers) -> Holes {
    let bottom = max(plan.bottom_up_base(), plan.fixed_end());
    Holes::NONE.last(bottom, plan.bottom_up_end()).upward()
}

/// The holes of a bottom-up search around a program at `pie_base`: first the hole below the program, then the one
/// above. Libraries lie at the base. What a stack is left may reach below the program, and is no part of either hole.
const fn bottom_up(before: Holes, plan: &LayoutNumbers) -> Holes {
    let (base, end) = (plan.bottom_up_base(), plan.bottom_up_end());
    let program = plan.pie_base.saturating_add(plan.aslr);
    let most = min(program, end).saturating_sub(plan.legacy_base);
    let below = before.then(base, min(plan.pie_floor, end), most).upward();
    if base > plan.pie_floor {
        // The base may lie above the program: then there is nothing below it, and what the base takes,
        // libraries included, it takes above.
        let bottom = max(base, plan.program_end());
        return below.last(bottom, end).upward().with_program();
    }
    // Where the highest program ends behind the end, the lowest one has so much less above it.
    let lost = plan.program_end().saturating_sub(end);
    below
        .last(plan.program_end(), end)
        .upward()
        .with_program()
        .with_knee((program - base).saturating_sub(lost))
}

/// x86 with an unlimited stack limit: the lowest sixth of the window from the top down, less what lies
/// in it; then bottom-up from a third.
const fn lowest_sixth(plan: &LayoutNumbers, bottom: u64) -> Holes {
    let sixth = plan.window / 6;
    Holes::NONE.then(bottom, sixth.saturating_sub(plan.aslr), sixth)
}

const fn large_gap_pie(plan: &LayoutNumbers) -> Holes {
    if plan.pie_floor > plan.bottom_up_base() {
        return bottom_up(lowest_sixth(plan, plan.lowest), plan);
    }
    // The program lies below the bottom-up base or is reached by it (32 bits): only what is above both
    // is counted on.
    let bottom = if plan.pie_floor < plan.window / 6 {
        plan.program_end()
    } else {
        plan.lowest
    };
    lowest_sixth(plan, bottom)
        .last(
            max(plan.bottom_up_base(), plan.program_end()),
            plan.bottom_up_end(),
        )
        .upward()
        .with_program()
}

const fn large_gap_fixed(plan: &LayoutNumbers) -> Holes {
    lowest_sixth(plan, plan.fixed_end())
        .last(plan.bottom_up_base(), plan.bottom_up_end())
        .upward()
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

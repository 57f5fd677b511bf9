//! Budgets: profile and shape give the holes, by the kernel's rule, and how many mappings may exist.
//!
//! ```text
//!  0   lowest                pie_base           mmap base        window
//!  |-----|=======================|---|---|==========|---|----------|
//!        :   the lower hole      : P : H : the upper: L : gap      :
//!                                  program        hole  libraries   stack
//!                                  and heap             (headroom)
//! ```
//! That is a PIE with a finite stack limit, searched from the top down. A program linked statically to
//! a low address leaves one hole; an unlimited stack limit turns the search round (most kernels) or cuts
//! the window at 1/6 (x86). ASLR moves `P` up and the mmap base down.

use crate::place::{Group, HOLES, Hole, KINDS, Placement, Room, place};
use crate::profile::{Layout, LinuxLayout, UnlimitedStack, VaProfile};
use crate::shape::{Aslr, RelocationModel, Shape, StackLimit};
use crate::size::Size;

/// `vm.max_map_count` of every kernel that nobody has tuned.
/// Source: include/linux/mm.h:204 (Linux 6.12), DEFAULT_MAX_MAP_COUNT.
pub const MAX_MAP_COUNT: u64 = 65_530;

/// Mappings that are left to the rest of the process: libraries, threads, the heap. A program with a
/// thousand threads uses two for each.
pub const HEADROOM_MAPS: u64 = 2048;

/// Headroom when nothing is said: 1/64 of the window, 1 GiB at most.
const HEADROOM_MAX: Size = Size::gib(1);

/// A stack limit of 8 MiB, which is what a finite one is counted as; up to 128 MiB - the gap below -
/// it makes no difference to most windows.
const STACK: Size = Size::mib(8);

/// What one process shape guarantees on one VA profile.
///
/// ```
/// use poolcfg_core::{Arch, Budget, Os, Shape, Target, VaProfile};
/// let sv39 = VaProfile::floor(Target::new(Arch::Riscv64, Os::Linux, 64));
/// let budget = Budget::new(&sv39, Shape::DEFAULT, None);
/// assert_eq!(budget.holes()[0].available().to_string(), "170.66 GiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The holes, in the order of the kernel's search, with the headroom taken off.
    pub room: Room,
    /// The page size.
    pub page_size: Size,
    /// What the rest of the process is left, in the hole that the kernel fills first.
    pub headroom: Size,
    /// How many mappings the process may have.
    pub max_maps: u64,
    /// The grain to which the kernel aligns large mappings; no bytes where it does not.
    pub huge_page: Size,
}

impl Budget {
    /// The budget of a profile and a shape, with the usual headroom unless one is given.
    #[must_use]
    pub const fn new(profile: &VaProfile<'_>, shape: Shape, headroom: Option<Size>) -> Self {
        let headroom = match headroom {
            Some(headroom) => headroom,
            None => Size::bytes(profile.window.get() / 64).min(HEADROOM_MAX),
        };
        let (room, huge_page, max_maps) = match &profile.layout {
            Layout::Linux(linux) => (
                linux_room(profile, linux, shape, headroom),
                linux.huge_page,
                MAX_MAP_COUNT,
            ),
            Layout::OneHole(hole) => (
                one_hole(hole.get().saturating_sub(headroom.get())),
                Size::ZERO,
                // No system but Linux bounds the number of mappings at a number that matters.
                u64::MAX,
            ),
        };
        Self {
            room,
            page_size: profile.page_size,
            headroom,
            max_maps,
            huge_page,
        }
    }

    /// A budget of measured holes, in the order in which the kernel searches them.
    #[must_use]
    pub const fn measured(
        holes: [Size; HOLES],
        page_size: Size,
        headroom: Size,
        max_maps: u64,
    ) -> Self {
        let mut room = Room {
            holes: [Hole { least: 0, most: 0 }; HOLES],
            count: 0,
            knee: 0,
        };
        let mut charge = headroom.get();
        let mut i = 0;
        while i < HOLES {
            if !holes[i].is_zero() {
                let free = holes[i].get().saturating_sub(charge);
                charge = charge.saturating_sub(holes[i].get());
                room.holes[room.count] = Hole {
                    least: free,
                    most: free,
                };
                room.count += 1;
            }
            i += 1;
        }
        Self {
            room,
            page_size,
            headroom,
            max_maps,
            huge_page: Size::ZERO,
        }
    }

    /// The two holes that are guaranteed, the larger first: the largest single mapping that fits
    /// wherever ASLR puts things, and the largest that then fits beside it.
    #[must_use]
    pub const fn holes(&self) -> [Size; 2] {
        let first = self.largest_beside(0);
        let second = self.largest_beside(first);
        if second > first {
            [Size::bytes(second), Size::bytes(first)]
        } else {
            [Size::bytes(first), Size::bytes(second)]
        }
    }

    /// The largest mapping that fits after one of `taken` bytes.
    const fn largest_beside(&self, taken: u64) -> u64 {
        let mut fits = 0;
        let mut fails = u64::MAX;
        while fails - fits > 1 {
            let middle = fits + (fails - fits) / 2;
            let mut sizes = [0; KINDS];
            sizes[0] = taken;
            sizes[1] = middle;
            if let Placement::Fits = place(&self.room, &[Group { sizes, count: 1 }]) {
                fits = middle;
            } else {
                fails = middle;
            }
        }
        // The kernel deals in pages.
        fits - fits % self.page_size.get()
    }

    /// How many mappings are left to the pools.
    #[must_use]
    pub const fn maps_for_pools(&self) -> u64 {
        self.max_maps.saturating_sub(HEADROOM_MAPS)
    }
}

const fn one_hole(size: u64) -> Room {
    let mut holes = [Hole { least: 0, most: 0 }; HOLES];
    holes[0] = Hole {
        least: size,
        most: size,
    };
    Room {
        holes,
        count: 1,
        knee: 0,
    }
}

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
    /// Between the end of the window and the mmap base before ASLR.
    gap: u64,
    /// Between the end of the window and the lowest page of the stack, at most.
    stack: u64,
    headroom: u64,
}

/// A PIE's segments are aligned to 2 MiB at most by the linkers in use, and so is where it begins.
const SEGMENT_ALIGNMENT: Size = Size::mib(2);

/// A static program is linked to at most this address and is loaded there.
const STATIC_BASE: u64 = 4 << 20;

const fn linux_room(
    profile: &VaProfile<'_>,
    linux: &LinuxLayout,
    shape: Shape,
    headroom: Size,
) -> Room {
    let window = profile.window.get();
    let bits = match shape.aslr {
        Aslr::Default => linux.aslr_bits_default,
        Aslr::Maximum => linux.aslr_bits_max,
    };
    let aslr = match profile.page_size.checked_mul(1u64.wrapping_shl(bits)) {
        Some(aslr) if bits < 64 => aslr.get(),
        _ => window,
    };
    // stack_guard_gap: 256 pages (mm/util.c:441-474 with stack_guard_gap of mm/mmap.c).
    let stack = linux.stack_randomization.get() + STACK.get() + 256 * profile.page_size.get();
    let plan = Plan {
        window,
        lowest: linux.lowest.get(),
        pie_base: linux.pie_base.round_down(SEGMENT_ALIGNMENT).get(),
        legacy_base: linux.legacy_base.get(),
        aslr,
        brk: linux.brk_randomization.get(),
        gap: clamp(stack, 128 << 20, window / 6 * 5),
        stack,
        headroom: headroom.get(),
    };
    match (
        shape.relocation_model,
        shape.stack_limit,
        linux.unlimited_stack,
    ) {
        (RelocationModel::Pie, StackLimit::Finite, _) => pie(&plan),
        (RelocationModel::Static, StackLimit::Finite, _) => fixed(&plan),
        (RelocationModel::Pie, StackLimit::Unlimited, UnlimitedStack::Legacy) => legacy_pie(&plan),
        (RelocationModel::Static, StackLimit::Unlimited, UnlimitedStack::Legacy) => one_hole(
            legacy_top(&plan).saturating_sub(
                plan.legacy_base
                    .saturating_add(plan.aslr)
                    .saturating_add(plan.headroom),
            ),
        ),
        (RelocationModel::Pie, StackLimit::Unlimited, UnlimitedStack::LargeGap) => {
            large_gap_pie(&plan)
        }
        (RelocationModel::Static, StackLimit::Unlimited, UnlimitedStack::LargeGap) => {
            large_gap_fixed(&plan)
        }
    }
}

/// Top-down, the program at `pie_base`: first the hole above it, then the one below.
const fn pie(plan: &Plan) -> Room {
    let most = plan
        .window
        .saturating_sub(plan.gap)
        .saturating_sub(plan.pie_base);
    // What the upper hole loses to things that give nothing to the lower one.
    let lost = plan
        .aslr
        .saturating_add(plan.brk)
        .saturating_add(plan.headroom);
    Room {
        holes: [
            Hole {
                least: most.saturating_sub(lost).saturating_sub(plan.aslr),
                most,
            },
            // A window that is moved down by more than its upper part cuts the lower one too.
            certain(
                plan.pie_base
                    .saturating_sub(plan.lowest)
                    .saturating_sub(plan.aslr.saturating_sub(most)),
            ),
            NONE,
        ],
        count: 2,
        knee: if plan.aslr > most {
            0
        } else {
            most.saturating_sub(lost)
        },
    }
}

/// Top-down, the program and its heap low: one hole.
const fn fixed(plan: &Plan) -> Room {
    one_hole(
        plan.window
            .saturating_sub(plan.gap)
            .saturating_sub(plan.aslr)
            .saturating_sub(STATIC_BASE)
            .saturating_sub(plan.brk)
            .saturating_sub(plan.headroom),
    )
}

/// Where the bottom-up search ends: at the stack.
const fn legacy_top(plan: &Plan) -> u64 {
    plan.window.saturating_sub(plan.stack)
}

/// Bottom-up from the legacy base: first the hole below the program, then the one above.
const fn legacy_pie(plan: &Plan) -> Room {
    let below = plan.pie_base.saturating_sub(plan.legacy_base);
    let moved = plan.aslr.saturating_add(plan.headroom);
    bottom_up(plan, below, moved)
}

/// The two holes of a bottom-up search: `below` bytes under the program before ASLR, of which the
/// base may take `moved`.
const fn bottom_up(plan: &Plan, below: u64, moved: u64) -> Room {
    let top = legacy_top(plan);
    let program_end = plan
        .pie_base
        .saturating_add(plan.aslr)
        .saturating_add(plan.brk);
    let base = plan.legacy_base.saturating_add(moved);
    let crossed = base > plan.pie_base;
    let above = if crossed {
        // The base may lie above the program: then there is nothing below it, and what the base
        // takes, libraries included, it takes above.
        let end = if base > program_end {
            base
        } else {
            program_end
        };
        top.saturating_sub(end).saturating_sub(plan.headroom)
    } else {
        top.saturating_sub(program_end)
    };
    Room {
        holes: [
            Hole {
                least: below.saturating_sub(moved),
                most: below.saturating_add(plan.aslr),
            },
            certain(above),
            NONE,
        ],
        count: 2,
        knee: if crossed {
            0
        } else {
            below.saturating_sub(moved).saturating_add(plan.aslr)
        },
    }
}

/// x86 with an unlimited stack limit, a PIE: the lowest sixth from the top down, then bottom-up.
const fn large_gap_pie(plan: &Plan) -> Room {
    let sixth = plan.window / 6;
    if plan.pie_base <= plan.legacy_base.saturating_add(plan.aslr) {
        // The program lies below the bottom-up base or is reached by it (32 bits): only what is
        // above both is counted on.
        let end = plan
            .pie_base
            .saturating_add(plan.brk)
            .saturating_add(plan.aslr);
        let base = plan.legacy_base.saturating_add(plan.aslr);
        let low = if plan.pie_base < sixth {
            end
        } else {
            plan.lowest
        };
        return Room {
            holes: [
                Hole {
                    least: sixth
                        .saturating_sub(low)
                        .saturating_sub(plan.aslr)
                        .saturating_sub(plan.headroom),
                    most: sixth,
                },
                certain(legacy_top(plan).saturating_sub(if end > base { end } else { base })),
                NONE,
            ],
            count: 2,
            knee: 0,
        };
    }
    let above = bottom_up(plan, plan.pie_base - plan.legacy_base, plan.aslr);
    Room {
        holes: [
            Hole {
                least: sixth
                    .saturating_sub(plan.lowest)
                    .saturating_sub(plan.aslr)
                    .saturating_sub(plan.headroom),
                most: sixth,
            },
            above.holes[0],
            above.holes[1],
        ],
        count: 3,
        knee: above.knee,
    }
}

/// x86 with an unlimited stack limit, a static program.
const fn large_gap_fixed(plan: &Plan) -> Room {
    let sixth = plan.window / 6;
    Room {
        holes: [
            Hole {
                least: sixth
                    .saturating_sub(STATIC_BASE)
                    .saturating_sub(plan.brk)
                    .saturating_sub(plan.aslr)
                    .saturating_sub(plan.headroom),
                most: sixth,
            },
            certain(legacy_top(plan).saturating_sub(plan.legacy_base.saturating_add(plan.aslr))),
            NONE,
        ],
        count: 2,
        knee: 0,
    }
}

const NONE: Hole = Hole { least: 0, most: 0 };

const fn certain(size: u64) -> Hole {
    Hole {
        least: size,
        most: size,
    }
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

//! Budgets: profile and shape give the holes, by the kernel's rule, and beside them stand the limits of the process.

use crate::base::bisection::Bisection;
use crate::base::consts::{max, wider};
use crate::base::size::Size;
use crate::model::group::Group;
use crate::model::place::{Placement, place};
use crate::model::room::{HOLES, Room};
use crate::model::sum::Demand;
use crate::target::holes::{Holes, Span};
use crate::target::linux_holes::linux_holes;
use crate::target::process::ProcessLimits;
use crate::target::profile::{Layout, VaProfile};
use crate::target::shape::Shape;

/// Mappings that are left to the rest of the process: libraries, threads, the heap. A program with a
/// thousand threads uses two for each.
pub const HEADROOM_MAPS: u64 = 2048;

/// Headroom when nothing is said: 1/64 of the window, 1 GiB at most.
const HEADROOM_MAX: Size = Size::gib(1);

/// What one process shape guarantees on one VA profile.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Arch, Budget, Os, ProcessLimits, Shape, Target, VaProfile};
/// let sv39 = VaProfile::floor(Target::new(Arch::Riscv64, Os::Linux, 64)).unwrap();
/// let budget = Budget::new(&sv39, Shape::DEFAULT, None);
/// assert_eq!(budget.holes()[0].available().to_string(), "170.66 GiB");
/// assert_eq!(budget.with_limits(ProcessLimits::NONE).limits.max_map_count, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The holes, in the order of the kernel's search, with the headroom taken off.
    #[doc(hidden)]
    pub room: Room,
    /// Where each hole of the room lies when ASLR leaves it least; none for measured holes and systems
    /// that are not modelled.
    #[doc(hidden)]
    pub spans: [Option<Span>; HOLES],
    /// The page size.
    pub page_size: Size,
    /// What is left to the rest of the process: of the hole that the kernel fills first, and of the next one where that
    /// has not so much.
    pub headroom: Size,
    /// What bounds the process beside its holes.
    pub limits: ProcessLimits,
    /// The grain to which the kernel aligns large mappings; no bytes where it does not.
    #[doc(hidden)]
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
        let (holes, huge_page, limits) = match &profile.layout {
            Layout::Linux(linux) => (
                linux_holes(profile, linux, shape),
                linux.huge_page,
                ProcessLimits::LINUX,
            ),
            Layout::OneHole(hole) => (
                Holes::NONE.unplaced(hole.get()),
                Size::ZERO,
                // No system but Linux bounds the number of mappings at a number that matters.
                ProcessLimits::NONE,
            ),
        };
        let holes = holes.charge(headroom.get());
        Self {
            room: holes.room,
            spans: holes.spans,
            page_size: profile.page_size,
            headroom,
            limits,
            huge_page,
        }
    }

    /// The same in a process with these limits.
    #[must_use]
    pub const fn with_limits(self, limits: ProcessLimits) -> Self {
        Self { limits, ..self }
    }

    /// A budget of measured holes, in the order in which the kernel searches them.
    #[doc(hidden)]
    #[must_use]
    pub const fn measured(
        holes: [Size; HOLES],
        page_size: Size,
        headroom: Size,
        limits: ProcessLimits,
    ) -> Self {
        let mut found = Holes::NONE;
        let mut i = 0;
        while i < HOLES {
            if !holes[i].is_zero() {
                found = found.unplaced(holes[i].get());
            }
            i += 1;
        }
        let found = found.charge(headroom.get());
        Self {
            room: found.room,
            spans: found.spans,
            page_size,
            headroom,
            limits,
            huge_page: Size::ZERO,
        }
    }

    /// Whether there is no page for a pool, wherever ASLR puts things.
    #[doc(hidden)]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let Room {
            count,
            total,
            parts,
            ..
        } = self.room;
        let page = self.page_size.get();
        let by_sum = match total.checked_div(parts as u64) {
            Some(part) => part,
            None => 0,
        };
        (count == 0 || self.room.sum() < wider(page)) && by_sum < page
    }

    /// Bytes that all holes have together, wherever ASLR puts things; whether a mapping finds so many is another question.
    pub(crate) const fn all(&self) -> Size {
        let sum = if self.room.count == 0 {
            0
        } else {
            match self.room.sum().to_le_bytes() {
                [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0] => {
                    u64::from_le_bytes([a, b, c, d, e, f, g, h])
                }
                _ => u64::MAX,
            }
        };
        Size::bytes(max(sum, self.room.total))
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
        let mut search = Bisection {
            fits: 0,
            misfit: u64::MAX,
        };
        while let Some(bytes) = search.next() {
            let group = Group {
                sizes: [taken, bytes, 0],
                count: 1,
                slot: 0,
                guard: 0,
            };
            let placement = place(&self.room, &[group]);
            search = search.told(bytes, matches!(placement, Placement::Fits));
        }
        // The kernel deals in pages.
        search.fits - search.fits % self.page_size.get()
    }

    /// What the process itself takes of its limits, beside the pools: [`HEADROOM_MAPS`] mappings, and the headroom, in
    /// which its address space and what of that is writable have to lie: program, libraries, stacks, heap.
    #[doc(hidden)]
    #[must_use]
    pub const fn own(&self) -> Demand {
        let headroom = self.headroom.get();
        Demand {
            maps: HEADROOM_MAPS,
            address_space: headroom,
            writable: headroom,
            committed: headroom,
            charged: 0,
        }
    }

    /// How many mappings are left to the pools; `None` if nothing bounds them.
    #[doc(hidden)]
    #[must_use]
    pub const fn maps_for_pools(&self) -> Option<u64> {
        match self.limits.max_map_count {
            Some(maps) => Some(maps.saturating_sub(HEADROOM_MAPS)),
            None => None,
        }
    }
}

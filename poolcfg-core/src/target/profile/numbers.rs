//! The numbers of one profile.

use crate::base::size::Size;
use crate::target::shape::Aslr;
use crate::target::{Arch, Os, Target};

/// How well the numbers of a profile are known.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Known, VaProfile};
/// fn was_booted(profile: &VaProfile<'_>) -> bool {
///     profile.known == Known::Measured
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known {
    /// The holes were measured on a real kernel of this configuration.
    Measured,
    /// The numbers are read in the kernel's source.
    Source,
    /// The numbers are computed from sources.
    Derived,
    /// General knowledge; deliberately low.
    Unconfirmed,
}

crate::base::consts::words! {
    Known { Measured = "measured", Source = "source", Derived = "derived", Unconfirmed = "unconfirmed" }
}

/// What an unlimited stack limit does to the layout.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::UnlimitedStack;
/// fn told(stack: UnlimitedStack) -> &'static str {
///     match stack {
///         UnlimitedStack::Legacy => "mappings grow up from the legacy base",
///         UnlimitedStack::LargeGap => "mappings begin at a sixth of the window",
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnlimitedStack {
    /// The legacy layout: bottom-up from the legacy base, and nothing below it is searched.
    /// Source: mm/util.c, mmap_is_legacy and arch_pick_mmap_layout; arch/s390/mm/mmap.c has a copy.
    Legacy,
    /// Top-down below a gap of 5/6 of the window, and bottom-up from the legacy base when that is
    /// full. Source: arch/x86/mm/mmap.c, mmap_is_legacy and mmap_base.
    LargeGap,
}

/// The numbers of a Linux kernel that decide its layout, in bytes and addresses of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinuxLayout {
    /// `ELF_ET_DYN_BASE`: where a PIE, or the heap of a static PIE, is put before ASLR.
    pub pie_base: Size,
    /// `TASK_UNMAPPED_BASE`: where the bottom-up search begins before ASLR.
    pub legacy_base: Size,
    /// `vm.mmap_rnd_bits` when nobody changes it: bits of a number of pages.
    pub aslr_bits_default: u32,
    /// The smallest `vm.mmap_rnd_bits` that the kernel accepts; 0 where nobody says it.
    pub aslr_bits_min: u32,
    /// The largest `vm.mmap_rnd_bits` that the kernel accepts.
    pub aslr_bits_max: u32,
    /// At most how far below the end of the window the stack begins before ASLR (`STACK_TOP`): what some
    /// kernels keep for the vDSO.
    pub above_stack: Size,
    /// How far ASLR may move the stack down (`STACK_RND_MASK`).
    pub stack_randomization: Size,
    /// How far the heap may be moved up behind the program (`arch_randomize_brk`).
    pub brk_randomization: Size,
    /// What an unlimited stack limit does.
    pub unlimited_stack: UnlimitedStack,
    /// The lowest address that mmap gives out (`vm.mmap_min_addr`, or what the system keeps below).
    pub lowest: Size,
    /// Mappings of at least this size may be aligned to it, and waste as much; no bytes where the kernel
    /// does not align. From Linux 6.7 on it does, never on 32 bits, and in both versions checked only
    /// where the size is a multiple of it. Sources: mm/mmap.c, __get_unmapped_area; mm/huge_memory.c,
    /// __thp_get_unmapped_area.
    pub huge_page: Size,
}

impl LinuxLayout {
    /// Pages that the kernel keeps free below a stack, which a mapping at a fixed address does not respect:
    /// `stack_guard_gap` of mm/mmap.c.
    #[doc(hidden)]
    pub const STACK_GUARD_PAGES: u64 = 256;

    /// The most that the kernel leaves between the end of a window and the mmap base, whatever the stack limit is:
    /// `MAX_GAP` of `mmap_base` in mm/util.c.
    #[doc(hidden)]
    #[must_use]
    pub const fn largest_gap(window: u64) -> u64 {
        window / 6 * 5
    }

    /// How far ASLR moves things of `bits` bits of a number of pages; nothing above 2^64 - 1 bytes.
    pub(crate) const fn aslr(page_size: Size, bits: u32) -> Option<Size> {
        if bits < 64 {
            page_size.checked_mul(1u64.wrapping_shl(bits))
        } else {
            None
        }
    }

    /// How much less a hole may have in one process than in another one of the same shape on the same
    /// kernel, whose `vm.mmap_rnd_bits` are `bits`: ASLR moves the program, the mmap base, the heap and the
    /// stack, and the alignment of a large mapping wastes more or less. At most 2^64 - 1 bytes.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Layout, Size, Target, VaProfile, Arch, Os};
    /// let sv39 = VaProfile::floor(Target::new(Arch::Riscv64, Os::Linux, 64)).unwrap();
    /// let Layout::Linux(layout) = sv39.layout else { panic!() };
    /// let aslr_range = layout.aslr_range(sv39.page_size, layout.aslr_bits_default);
    /// assert_eq!(aslr_range.available().to_string(), "4.00 GiB");
    /// ```
    #[must_use]
    pub const fn aslr_range(&self, page_size: Size, bits: u32) -> Size {
        let Some(aslr) = Self::aslr(page_size, bits) else {
            return Size::bytes(u64::MAX);
        };
        let once = self
            .brk_randomization
            .get()
            .saturating_add(self.stack_randomization.get())
            .saturating_add(self.huge_page.get());
        Size::bytes(aslr.get().saturating_mul(2).saturating_add(once))
    }
}

/// How a system lays out its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// By the rule of the Linux kernel.
    Linux(LinuxLayout),
    /// A system whose rule is not modelled: one hole of this size is counted on.
    OneHole(Size),
}

/// A VA profile: a named kernel configuration.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Arch, Os, Target, VaProfile};
/// let board = Target::new(Arch::Riscv64, Os::Linux, 64);
/// assert_eq!(VaProfile::floor(board).unwrap().name, "sv39");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaProfile<'a> {
    /// The name, as in `--va-profile`.
    pub name: &'a str,
    /// The architecture it is for.
    pub arch: Arch,
    /// The system it is for.
    pub os: Os,
    /// The end of what mmap searches when it is given no hint.
    pub window: Size,
    /// The page size.
    pub page_size: Size,
    /// Where things are put in the window.
    #[doc(hidden)]
    pub layout: Layout,
    /// Who ships it.
    pub shipped_by: &'a str,
    /// Where the numbers come from.
    pub source: &'a str,
    /// How well they are known.
    pub known: Known,
}

#[doc(hidden)]
impl VaProfile<'_> {
    /// Whether processes of this target may meet this profile.
    #[must_use]
    pub const fn serves(&self, target: Target) -> bool {
        self.arch.is(target.arch)
            && self.os.is(target.os)
            && self.pointer_width() == target.pointer_width
    }

    /// Bits of a pointer in a process of this profile.
    #[must_use]
    pub const fn pointer_width(&self) -> u32 {
        self.arch.pointer_width()
    }
}

#[doc(hidden)]
impl Aslr {
    /// Its `vm.mmap_rnd_bits` on a kernel.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Arch, Aslr, Layout, Os, Target, VaProfile};
    /// let sv39 = VaProfile::floor(Target::new(Arch::Riscv64, Os::Linux, 64)).unwrap();
    /// let Layout::Linux(layout) = sv39.layout else { panic!() };
    /// assert_eq!(Aslr::Maximum.bits(&layout), 24);
    /// assert_eq!(Aslr::Minimum.bits(&layout), 18);
    /// ```
    #[must_use]
    pub const fn bits(self, layout: &LinuxLayout) -> u32 {
        match self {
            Self::Maximum => layout.aslr_bits_max,
            Self::Minimum => layout.aslr_bits_default,
            Self::Bits(bits) => bits,
        }
    }
}

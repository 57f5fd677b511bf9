//! VA profiles: the kernel configurations that a target may meet, and which one is its floor.
//!
//! A profile holds the numbers that decide where a kernel puts things. The holes are computed from
//! them by the kernel's rule (`holes`), never stored. The tables are in `profile/`.
//!
//! The rules of Linux were read in the versions of [`LINUX_CHECKED`]. A citation names a file, and lines
//! or a function of it, of the first version; where the second one has it elsewhere and no function is
//! named, its lines stand beside it. DESIGN.md, "What Linux 7.2 does differently", lists the differences.

use crate::base::consts::same;
use crate::base::size::Size;
use crate::target::shape::Aslr;
use crate::target::{Arch, Os, Target};

mod distributions;
mod linux32;
mod linux64;
mod other;

pub use distributions::Distribution;

/// The versions of Linux in which every rule of the model that cites the kernel was read, the oldest
/// first: Debian's sources of 6.12.117 and 7.2.13. A kernel between them may have either rule, and where
/// they differ the model promises what both give; nothing was read of a newer one.
///
/// ```
/// assert_eq!(poolcfg_core::LINUX_CHECKED, ["6.12", "7.2"]);
/// ```
pub const LINUX_CHECKED: [&str; 2] = ["6.12", "7.2"];

/// How well the numbers of a profile are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known {
    /// The holes were measured on a real kernel of this configuration.
    Measured,
    /// The numbers are read in the kernel's source.
    Source,
    /// The numbers follow from sources by arithmetic of ours.
    Derived,
    /// General knowledge; deliberately low.
    Unconfirmed,
}

crate::base::consts::words! {
    Known { Measured = "measured", Source = "source", Derived = "derived", Unconfirmed = "unconfirmed" }
}

/// What an unlimited stack limit does to the layout.
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
    /// use poolcfg_core::{Layout, Size, Target, VaProfile, Arch, Os};
    /// let sv39 = VaProfile::floor(Target::new(Arch::Riscv64, Os::Linux, 64)).unwrap();
    /// let Layout::Linux(layout) = sv39.layout else { panic!() };
    /// let reach = layout.reach(sv39.page_size, layout.aslr_bits_default);
    /// assert_eq!(reach.available().to_string(), "4.00 GiB");
    /// ```
    #[must_use]
    pub const fn reach(&self, page_size: Size, bits: u32) -> Size {
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
/// use poolcfg_core::{Arch, Os, Target, VaProfile};
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
    pub layout: Layout,
    /// Who ships it.
    pub shipped_by: &'a str,
    /// Where the numbers come from.
    pub source: &'a str,
    /// How well they are known.
    pub known: Known,
}

impl VaProfile<'static> {
    /// Every built-in profile; of one target's the floor comes first.
    pub const ALL: &'static [&'static [Self]] =
        &[linux64::PROFILES, linux32::PROFILES, other::PROFILES];

    /// The floor of a target: the smallest profile that ships in practice. `None` for a target that no profile is of:
    /// it has no address space that mmap gives out, or nothing is known of it.
    ///
    /// ```
    /// use poolcfg_core::{Arch, Os, Target, VaProfile};
    /// assert_eq!(VaProfile::floor(Target::new(Arch::Arm, Os::Other, 32)), None);
    /// ```
    #[must_use]
    pub const fn floor(target: Target) -> Option<Self> {
        let mut table = 0;
        while table < Self::ALL.len() {
            let mut i = 0;
            while i < Self::ALL[table].len() {
                let profile = Self::ALL[table][i];
                if profile.serves(target) {
                    return Some(profile);
                }
                i += 1;
            }
            table += 1;
        }
        None
    }

    /// The built-in profile of a target by name. `va52`, `va52-16k` and `va52-64k` name the 52-bit
    /// kernels of aarch64 by what they give without a hint.
    ///
    /// # Errors
    /// [`NoProfile`] tells an unknown name from one of another target.
    pub const fn find(name: &str, target: Target) -> Result<Self, NoProfile> {
        let name = alias(name);
        let mut elsewhere: Option<Self> = None;
        let mut table = 0;
        while table < Self::ALL.len() {
            let mut i = 0;
            while i < Self::ALL[table].len() {
                let profile = Self::ALL[table][i];
                if same(profile.name, name) {
                    if profile.serves(target) {
                        return Ok(profile);
                    }
                    if elsewhere.is_none() {
                        elsewhere = Some(profile);
                    }
                }
                i += 1;
            }
            table += 1;
        }
        match elsewhere {
            Some(profile) => Err(NoProfile::OtherTarget {
                arch: profile.arch,
                os: profile.os,
            }),
            None => Err(NoProfile::Unknown),
        }
    }
}

/// Why there is no profile of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoProfile {
    /// Nothing is called so.
    Unknown,
    /// The name is of a profile of another architecture or system.
    OtherTarget {
        /// The architecture it is for.
        arch: Arch,
        /// The system it is for.
        os: Os,
    },
}

/// A 52-bit kernel gives 2^48 without a hint on 4 and 64 KiB pages and 2^47 on 16 KiB pages, whatever
/// the processor. Source: arch/arm64/include/asm/memory.h:56-64 (`VA_BITS_MIN`), measured.
const fn alias(name: &str) -> &str {
    if same(name, "va52") {
        "va48"
    } else if same(name, "va52-16k") {
        "va47-16k"
    } else if same(name, "va52-64k") {
        "va48-64k"
    } else {
        name
    }
}

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
        match self.arch {
            Arch::Arm | Arch::Mips | Arch::Riscv32 | Arch::X86 => 32,
            _ => 64,
        }
    }
}

/// A custom profile, from `[va_profile.NAME]`: the window and the page size are its own, and
/// what it does not say follows the Linux rule of its architecture. It also serves targets without an operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnProfile<'a> {
    /// Its name.
    pub name: &'a str,
    /// The architecture it is for.
    pub arch: Arch,
    /// The end of what mmap searches when it is given no hint.
    pub window: Size,
    /// The page size.
    pub page_size: Size,
    /// Where a PIE is loaded; by the rule of the architecture when not given.
    pub pie_base: Option<Size>,
    /// Where the bottom-up search begins; by the rule of the architecture when not given.
    pub legacy_base: Option<Size>,
    /// Default bits of ASLR; by the rule of the architecture when not given.
    pub aslr_bits_default: Option<u32>,
    /// Maximum bits of ASLR; by the rule of the architecture when not given.
    pub aslr_bits_max: Option<u32>,
}

impl<'a> OwnProfile<'a> {
    /// Whether it is for processes of this target, whatever its operating system.
    #[must_use]
    pub const fn serves(&self, target: Target) -> bool {
        self.arch.is(target.arch) && self.profile().pointer_width() == target.pointer_width
    }

    /// The whole profile.
    #[must_use]
    pub const fn profile(&self) -> VaProfile<'a> {
        let linux = if matches!(
            self.arch,
            Arch::Arm | Arch::Mips | Arch::Riscv32 | Arch::X86
        ) {
            linux32::layout(self.arch, self.window, self.page_size)
        } else {
            linux64::layout(self.arch, self.window, self.page_size)
        };
        let bits_default = match self.aslr_bits_default {
            Some(bits) => bits,
            None => linux.aslr_bits_default,
        };
        let bits_max = match self.aslr_bits_max {
            Some(bits) => bits,
            None => linux.aslr_bits_max,
        };
        VaProfile {
            name: self.name,
            arch: self.arch,
            os: Os::Linux,
            window: self.window,
            page_size: self.page_size,
            layout: Layout::Linux(LinuxLayout {
                pie_base: match self.pie_base {
                    Some(base) => base,
                    None => linux.pie_base,
                },
                legacy_base: match self.legacy_base {
                    Some(base) => base,
                    None => linux.legacy_base,
                },
                aslr_bits_default: bits_default,
                aslr_bits_max: if bits_max > bits_default {
                    bits_max
                } else {
                    bits_default
                },
                ..linux
            }),
            shipped_by: "poolcfg.toml",
            source: "poolcfg.toml; what it does not say follows the architecture's rule",
            known: Known::Unconfirmed,
        }
    }
}

impl Aslr {
    /// Its `vm.mmap_rnd_bits` on a kernel.
    ///
    /// ```
    /// use poolcfg_core::{Arch, Aslr, Layout, Os, Target, VaProfile};
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

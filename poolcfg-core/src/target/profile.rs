//! VA profiles: the kernel configurations that a target may meet, and which one is its floor.
//!
//! A profile holds the numbers that decide where a kernel puts things. The holes are computed from
//! them by the kernel's rule (`holes`), never stored. The tables are in `profile/`.
//!
//! The rules of Linux were read in the versions of [`LINUX_CHECKED`]. A citation names a file, and lines
//! or a function of it, of the first version; where the second one has it elsewhere and no function is
//! named, its lines stand beside it. DESIGN.md, "What Linux 7.2 does differently", lists the differences.

use core::fmt;

use crate::base::consts::{debug_like_display, same};
use crate::base::size::Size;
use crate::target::{Arch, Os, Target};

mod distributions;
mod linux32;
mod linux64;
mod numbers;
mod other;

pub use distributions::Distribution;
pub use numbers::{Known, Layout, LinuxLayout, UnlimitedStack, VaProfile};

/// The versions of Linux in which every rule of the model that cites the kernel was read, the oldest
/// first: Debian's sources of 6.12.117 and 7.2.13. A kernel between them may have either rule, and where
/// they differ the model promises what both give; nothing was read of a newer one.
///
/// ```
/// assert_eq!(poolcfg_core::LINUX_CHECKED, ["6.12", "7.2"]);
/// ```
pub const LINUX_CHECKED: [&str; 2] = ["6.12", "7.2"];

impl VaProfile<'static> {
    /// Every built-in profile; of one target's the floor comes first.
    #[doc(hidden)]
    pub const ALL: &'static [&'static [Self]] =
        &[linux64::PROFILES, linux32::PROFILES, other::PROFILES];

    /// The floor of a target: the smallest profile that ships in practice. `None` for a target that no profile is of:
    /// it has no address space that mmap gives out, or nothing is known of it.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Arch, Os, Target, VaProfile};
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
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Arch, NoProfile, Os, Target, VaProfile};
    /// let target = Target::new(Arch::Riscv64, Os::Linux, 64);
    /// assert_eq!(VaProfile::find("sv48", target)?.name, "sv48");
    /// # Ok::<(), NoProfile>(())
    /// ```
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
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Arch, NoProfile, Os, Target, VaProfile};
/// let target = Target::new(Arch::Riscv64, Os::Linux, 64);
/// let error = VaProfile::find("va39", target).unwrap_err();
/// assert_eq!(error, NoProfile::OtherTarget { arch: Arch::Aarch64, os: Os::Linux });
/// assert_eq!(error.to_string(), "this VA profile is for aarch64 linux");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NoProfile {
    /// No profile has this name.
    Unknown,
    /// The name is of a profile of another architecture or system.
    OtherTarget {
        /// The architecture it is for.
        arch: Arch,
        /// The system it is for.
        os: Os,
    },
}

impl fmt::Display for NoProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no VA profile has this name"),
            Self::OtherTarget { arch, os } => {
                write!(f, "this VA profile is for {} {}", arch.name(), os.name())
            }
        }
    }
}

debug_like_display!(NoProfile);

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

/// A profile of one's own, from `[va_profile.NAME]`: the window and the page size are its own, and
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
        let linux = if self.arch.pointer_width() == 32 {
            linux32::layout(self.arch, self.window, self.page_size)
        } else {
            linux64::layout(self.arch, self.window, self.page_size)
        };
        // What is not said follows from the architecture, as far as the other one allows.
        let (bits_default, bits_max) = match (self.aslr_bits_default, self.aslr_bits_max) {
            (Some(default), Some(max)) => (default, max),
            (Some(default), None) if default > linux.aslr_bits_max => (default, default),
            (Some(default), None) => (default, linux.aslr_bits_max),
            (None, Some(max)) if max < linux.aslr_bits_default => (max, max),
            (None, Some(max)) => (linux.aslr_bits_default, max),
            (None, None) => (linux.aslr_bits_default, linux.aslr_bits_max),
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
                // What the kernel of such a machine accepts is not known.
                aslr_bits_min: 0,
                aslr_bits_default: bits_default,
                aslr_bits_max: bits_max,
                ..linux
            }),
            shipped_by: "poolcfg.toml",
            source: "poolcfg.toml; what it does not say follows the architecture's rule",
            known: Known::Unconfirmed,
        }
    }
}

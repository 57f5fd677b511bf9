//! The machine that is described: never the host unless the host is the target.

pub(crate) mod budget;
pub(crate) mod holes;
pub(crate) mod linux_holes;
pub(crate) mod pies;
pub(crate) mod process;
pub(crate) mod profile;
pub(crate) mod shape;

use crate::base::consts::same;
use crate::target::pies::Pies;
use crate::target::shape::RelocationModel;

/// An enum whose variants have names in a cfg.
macro_rules! named {
    ($(#[$about:meta])* $type:ident, $cfg:ident, { $($(#[$doc:meta])* $variant:ident = $name:literal;)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$doc])* $variant,)+
            /// Any other.
            Other,
        }

        impl $type {
            /// That of the target that this very code is compiled for.
            const CURRENT: Self = $(if cfg!($cfg = $name) { Self::$variant } else)+ { Self::Other };

            /// The one that the cfg calls so, or `Other`.
            #[doc(hidden)]
            #[must_use]
            pub const fn from_name(name: &str) -> Self {
                $(if same(name, $name) { return Self::$variant; })+
                Self::Other
            }

            /// The names of all but `Other`.
            #[doc(hidden)]
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Its name in the cfg; `other` for any other.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other => "other",
                }
            }

            /// Equality for const code.
            #[doc(hidden)]
            #[must_use]
            pub const fn is(self, other: Self) -> bool {
                self as u8 == other as u8
            }
        }
    };
}

/// The architectures, each with its name and its bits of a pointer.
macro_rules! architectures {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $bits:literal;)+) => {
        named! {
            /// A processor architecture, as `target_arch` tells them apart.
            ///
            /// ```
            /// # use poolcfg_core as poolcfg_runtime;
            /// assert_eq!(poolcfg_runtime::Arch::Riscv64.name(), "riscv64");
            /// ```
            Arch, target_arch, { $($(#[$doc])* $variant = $name;)+ }
        }

        #[doc(hidden)]
        impl Arch {
            /// Bits of a pointer by the architecture alone: x86_64 and mips64 also have ABIs with 32.
            #[must_use]
            pub const fn pointer_width(self) -> u32 {
                match self {
                    $(Self::$variant => $bits,)+
                    Self::Other => 64,
                }
            }
        }
    };
}

architectures! {
    /// 64-bit Arm.
    Aarch64 = "aarch64", 64;
    /// 32-bit Arm.
    Arm = "arm", 32;
    /// LoongArch, 64 bits.
    Loongarch64 = "loongarch64", 64;
    /// MIPS, 32 bits.
    Mips = "mips", 32;
    /// MIPS, 64 bits.
    Mips64 = "mips64", 64;
    /// Power, 64 bits, either byte order.
    Powerpc64 = "powerpc64", 64;
    /// RISC-V, 32 bits.
    Riscv32 = "riscv32", 32;
    /// RISC-V, 64 bits.
    Riscv64 = "riscv64", 64;
    /// IBM Z.
    S390x = "s390x", 64;
    /// 32-bit x86.
    X86 = "x86", 32;
    /// 64-bit x86.
    X86_64 = "x86_64", 64;
}

named! {
    /// An operating system, as far as address spaces differ.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// assert_eq!(poolcfg_runtime::Os::Linux.name(), "linux");
    /// ```
    Os, target_os, {
        /// Android; a Linux kernel with address space randomised as far as it goes.
        Android = "android";
        /// FreeBSD.
        Freebsd = "freebsd";
        /// Fuchsia.
        Fuchsia = "fuchsia";
        /// illumos.
        Illumos = "illumos";
        /// iOS. tvOS, watchOS and visionOS are [`Os::Other`]: their kernel gives a process address space by the RAM of
        /// the device (xnu osfmk/arm64/sptm/pmap/pmap.c), and not every one of their devices is
        /// known to have what iOS's number needs.
        Ios = "ios";
        /// Linux.
        Linux = "linux";
        /// macOS.
        Macos = "macos";
        /// NetBSD.
        Netbsd = "netbsd";
        /// OpenBSD.
        Openbsd = "openbsd";
        /// Windows.
        Windows = "windows";
    }
}

#[doc(hidden)]
impl Os {
    /// Whether the Linux kernel lays out its processes.
    #[must_use]
    pub const fn has_linux_kernel(self) -> bool {
        matches!(self, Self::Linux | Self::Android)
    }
}

/// The parts of a target that decide its address space.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Arch, Os, Target};
/// const BOARD: Target = Target::new(Arch::Riscv64, Os::Linux, 64);
/// println!("this program runs on {}, not on {}", Target::CURRENT.arch.name(), BOARD.arch.name());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The architecture.
    pub arch: Arch,
    /// The operating system.
    pub os: Os,
    /// Bits of a pointer: 16, 32 or 64.
    pub pointer_width: u32,
    /// Where programs of rustc are loaded by default.
    pub relocation_model: RelocationModel,
}

impl Target {
    /// The target that this very code is compiled for.
    pub const CURRENT: Self = Self::new(Arch::CURRENT, Os::CURRENT, usize::BITS)
        .linked(Pies::CURRENT, cfg!(target_feature = "crt-static"));

    /// A described target, whose programs are position-independent.
    #[must_use]
    pub const fn new(arch: Arch, os: Os, pointer_width: u32) -> Self {
        Self {
            arch,
            os,
            pointer_width,
            relocation_model: RelocationModel::Pie,
        }
    }

    /// Whether its machines may have memory protection keys: x86_64 with Linux.
    pub(crate) const fn has_protection_keys(self) -> bool {
        self.arch.is(Arch::X86_64) && self.os.is(Os::Linux)
    }

    /// The same where rustc links programs so, and the C library into them or not, as most targets of musl have it
    /// (`crt-static-default` in rustc's target specs, `target_feature = "crt-static"` in a `cfg`).
    ///
    /// ```
    /// use poolcfg_core::{Arch, Os, Pies, RelocationModel, Target};
    /// let musl = |arch: Arch| {
    ///     let pies = Pies::of(arch.name(), 64, "musl", "unknown");
    ///     Target::new(arch, Os::Linux, 64).linked(pies, true)
    /// };
    /// assert_eq!(musl(Arch::Aarch64).relocation_model, RelocationModel::Static);
    /// assert_eq!(musl(Arch::X86_64).relocation_model, RelocationModel::Pie);
    /// ```
    #[doc(hidden)]
    #[must_use]
    pub const fn linked(mut self, pies: Pies, is_crt_static: bool) -> Self {
        self.relocation_model = if self.os.has_linux_kernel() {
            pies.model(is_crt_static)
        } else {
            RelocationModel::Pie
        };
        self
    }
}

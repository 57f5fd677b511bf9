//! The machine that is described: never the host unless the host is the target.

pub(crate) mod budget;
pub(crate) mod holes;
pub(crate) mod process;
pub(crate) mod profile;
pub(crate) mod shape;

use crate::base::consts::same;
use crate::target::shape::RelocationModel;

/// A processor architecture, as `target_arch` tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm.
    Arm,
    /// LoongArch, 64 bits.
    Loongarch64,
    /// MIPS, 32 bits.
    Mips,
    /// MIPS, 64 bits.
    Mips64,
    /// Power, 64 bits, either byte order.
    Powerpc64,
    /// RISC-V, 32 bits.
    Riscv32,
    /// RISC-V, 64 bits.
    Riscv64,
    /// IBM Z.
    S390x,
    /// 32-bit x86.
    X86,
    /// 64-bit x86.
    X86_64,
    /// Any other; only the pointer width is known of it.
    Other,
}

const ARCHES: [(&str, Arch); 11] = [
    ("aarch64", Arch::Aarch64),
    ("arm", Arch::Arm),
    ("loongarch64", Arch::Loongarch64),
    ("mips", Arch::Mips),
    ("mips64", Arch::Mips64),
    ("powerpc64", Arch::Powerpc64),
    ("riscv32", Arch::Riscv32),
    ("riscv64", Arch::Riscv64),
    ("s390x", Arch::S390x),
    ("x86", Arch::X86),
    ("x86_64", Arch::X86_64),
];

impl Arch {
    /// The architecture that `target_arch` calls so, or [`Arch::Other`].
    #[must_use]
    pub const fn from_name(name: &str) -> Self {
        let mut i = 0;
        while i < ARCHES.len() {
            if same(ARCHES[i].0, name) {
                return ARCHES[i].1;
            }
            i += 1;
        }
        Self::Other
    }

    /// The names of all architectures but [`Arch::Other`].
    pub fn names() -> impl Iterator<Item = &'static str> {
        ARCHES.iter().map(|(name, _)| *name)
    }

    /// Its name in `target_arch`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        let mut i = 0;
        while i < ARCHES.len() {
            if self.is(ARCHES[i].1) {
                return ARCHES[i].0;
            }
            i += 1;
        }
        "other"
    }

    /// Equality for const code.
    #[must_use]
    pub const fn is(self, other: Self) -> bool {
        self as u8 == other as u8
    }
}

/// An operating system, as far as address spaces differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Os {
    /// Android; a Linux kernel with address space randomised as far as it goes.
    Android,
    /// FreeBSD.
    Freebsd,
    /// Fuchsia.
    Fuchsia,
    /// illumos.
    Illumos,
    /// iOS. tvOS, watchOS and visionOS are [`Os::Other`]: their kernel gives a process address space by the RAM of the
    /// device (xnu osfmk/arm64/sptm/pmap/pmap.c), and what iOS's number needs, not every one of their devices is
    /// known to have.
    Ios,
    /// Linux.
    Linux,
    /// macOS.
    Macos,
    /// NetBSD.
    Netbsd,
    /// OpenBSD.
    Openbsd,
    /// Windows.
    Windows,
    /// Any other.
    Other,
}

const SYSTEMS: [(&str, Os); 10] = [
    ("android", Os::Android),
    ("freebsd", Os::Freebsd),
    ("fuchsia", Os::Fuchsia),
    ("illumos", Os::Illumos),
    ("ios", Os::Ios),
    ("linux", Os::Linux),
    ("macos", Os::Macos),
    ("netbsd", Os::Netbsd),
    ("openbsd", Os::Openbsd),
    ("windows", Os::Windows),
];

impl Os {
    /// The system that `target_os` calls so, or [`Os::Other`].
    #[must_use]
    pub const fn from_name(name: &str) -> Self {
        let mut i = 0;
        while i < SYSTEMS.len() {
            if same(SYSTEMS[i].0, name) {
                return SYSTEMS[i].1;
            }
            i += 1;
        }
        Self::Other
    }

    /// Its name in `target_os`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        let mut i = 0;
        while i < SYSTEMS.len() {
            if self.is(SYSTEMS[i].1) {
                return SYSTEMS[i].0;
            }
            i += 1;
        }
        "other"
    }

    /// Equality for const code.
    #[must_use]
    pub const fn is(self, other: Self) -> bool {
        self as u8 == other as u8
    }

    /// Whether the Linux kernel lays out its processes.
    #[must_use]
    pub const fn has_linux_kernel(self) -> bool {
        matches!(self, Self::Linux | Self::Android)
    }
}

/// What of a target decides its address space.
///
/// ```
/// use poolcfg_core::{Arch, Os, Target};
/// const BOARD: Target = Target::new(Arch::Riscv64, Os::Linux, 64);
/// assert_eq!(BOARD.arch.name(), "riscv64");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The architecture.
    pub arch: Arch,
    /// The operating system.
    pub os: Os,
    /// Bits of a pointer: 16, 32 or 64.
    pub pointer_width: u32,
    /// Where rustc has its programs loaded when nobody says otherwise.
    pub relocation_model: RelocationModel,
}

impl Target {
    /// The target that this very code is compiled for.
    pub const CURRENT: Self = Self::new(current_arch(), current_os(), usize::BITS).with_crt_static(
        cfg!(target_feature = "crt-static"),
        cfg!(target_env = "musl"),
    );

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

    /// The same where programs are linked statically with the C library, as most targets of musl have it
    /// (`crt-static-default` in rustc's target specs, `target_feature = "crt-static"` in a `cfg`): such a program is
    /// loaded at a fixed address unless the target links it as a PIE (`static-position-independent-executables`).
    /// On Linux those are x86_64, and s390x with musl.
    ///
    /// ```
    /// use poolcfg_core::{Arch, Os, RelocationModel, Target};
    /// let linux = |arch| Target::new(arch, Os::Linux, 64).with_crt_static(true, true);
    /// assert_eq!(linux(Arch::Aarch64).relocation_model, RelocationModel::Static);
    /// assert_eq!(linux(Arch::X86_64).relocation_model, RelocationModel::Pie);
    /// ```
    #[must_use]
    pub const fn with_crt_static(mut self, crt_static: bool, musl: bool) -> Self {
        let static_pie = match self.arch {
            Arch::X86_64 => true,
            Arch::S390x => musl,
            _ => false,
        };
        self.relocation_model = if crt_static && !static_pie && self.os.has_linux_kernel() {
            RelocationModel::Static
        } else {
            RelocationModel::Pie
        };
        self
    }
}

/// The first name of a table that `cfg!` says is ours; the tables are written out because `cfg!`
/// takes literals only.
const fn current_arch() -> Arch {
    if cfg!(target_arch = "aarch64") {
        Arch::Aarch64
    } else if cfg!(target_arch = "arm") {
        Arch::Arm
    } else if cfg!(target_arch = "loongarch64") {
        Arch::Loongarch64
    } else if cfg!(target_arch = "mips") {
        Arch::Mips
    } else if cfg!(target_arch = "mips64") {
        Arch::Mips64
    } else if cfg!(target_arch = "powerpc64") {
        Arch::Powerpc64
    } else if cfg!(target_arch = "riscv32") {
        Arch::Riscv32
    } else if cfg!(target_arch = "riscv64") {
        Arch::Riscv64
    } else if cfg!(target_arch = "s390x") {
        Arch::S390x
    } else if cfg!(target_arch = "x86") {
        Arch::X86
    } else if cfg!(target_arch = "x86_64") {
        Arch::X86_64
    } else {
        Arch::Other
    }
}

const fn current_os() -> Os {
    if cfg!(target_os = "android") {
        Os::Android
    } else if cfg!(target_os = "freebsd") {
        Os::Freebsd
    } else if cfg!(target_os = "fuchsia") {
        Os::Fuchsia
    } else if cfg!(target_os = "illumos") {
        Os::Illumos
    } else if cfg!(target_os = "ios") {
        Os::Ios
    } else if cfg!(target_os = "linux") {
        Os::Linux
    } else if cfg!(target_os = "macos") {
        Os::Macos
    } else if cfg!(target_os = "netbsd") {
        Os::Netbsd
    } else if cfg!(target_os = "openbsd") {
        Os::Openbsd
    } else if cfg!(target_os = "windows") {
        Os::Windows
    } else {
        Os::Other
    }
}

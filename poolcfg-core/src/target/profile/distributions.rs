//! Distributions: how far ASLR reaches, how wide addresses are and how many mappings a process may have, on kernels as
//! they are shipped.
//!
//! `vm.mmap_rnd_bits` is not always what Kconfig takes by default: several distributions ship the most. So
//! [`Aslr::Maximum`](crate::Aslr::Maximum) is the default; `poolcfg-core/tests/distributions.rs` holds it to these rows.

use super::VaProfile;
use crate::base::consts::same;
use crate::base::size::Size;
use crate::target::process::MAX_MAP_COUNT;
use crate::target::{Arch, Os};

/// What one distribution ships for one architecture.
///
/// ```
/// use poolcfg_core::{Arch, Distribution, Size};
/// let matching = Distribution::matching(Arch::Aarch64, Size::gib(512), Some(24), Some(1_048_576));
/// assert!(matching.map(|row| row.name).any(|name| name.starts_with("NixOS")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Distribution {
    /// Its name, with the versions.
    pub name: &'static str,
    /// The architecture.
    pub arch: Arch,
    /// `vm.mmap_rnd_bits`, or `vm.mmap_rnd_compat_bits` of 32-bit programs: bits of a number of pages.
    pub aslr_bits: u32,
    /// Bits of an address as the kernel is configured; on riscv64, whose kernels take what the processor has, those of
    /// the boards.
    pub va_bits: u32,
    /// The VA profile of its processes.
    pub va_profile: &'static str,
    /// `vm.max_map_count`.
    pub max_map_count: u64,
    /// Where that is written.
    pub source: &'static str,
    /// When it was read there, as year and month.
    pub date: &'static str,
}

impl Distribution {
    /// Every row.
    pub const ALL: &'static [Self] = ROWS;

    /// The window that mmap searches in its processes.
    #[must_use]
    pub const fn window(&self) -> Size {
        match self.profile() {
            Some(profile) => profile.window,
            None => Size::ZERO,
        }
    }

    /// The profile of its processes.
    #[must_use]
    pub const fn profile(&self) -> Option<VaProfile<'static>> {
        let mut table = 0;
        while table < VaProfile::ALL.len() {
            let mut i = 0;
            while i < VaProfile::ALL[table].len() {
                let profile = VaProfile::ALL[table][i];
                if profile.arch.is(self.arch)
                    && profile.os.is(Os::Linux)
                    && same(profile.name, self.va_profile)
                {
                    return Some(profile);
                }
                i += 1;
            }
            table += 1;
        }
        None
    }

    /// The rows that a machine may be of which this was measured; `None` is what could not be read, and matches any.
    pub fn matching(
        arch: Arch,
        window: Size,
        aslr_bits: Option<u32>,
        max_map_count: Option<u64>,
    ) -> impl Iterator<Item = &'static Self> {
        Self::ALL.iter().filter(move |row| {
            row.arch.is(arch)
                && row.window() == window
                && aslr_bits.is_none_or(|bits| bits == row.aslr_bits)
                && max_map_count.is_none_or(|count| count == row.max_map_count)
        })
    }
}

/// `vm.max_map_count` of those who have raised it.
const RAISED: u64 = 1_048_576;

const fn row(
    name: &'static str,
    (arch, va_bits, va_profile): (Arch, u32, &'static str),
    aslr_bits: u32,
    max_map_count: u64,
    source: &'static str,
) -> Distribution {
    Distribution {
        name,
        arch,
        aslr_bits,
        va_bits,
        va_profile,
        max_map_count,
        source,
        date: "2026-11",
    }
}

type Kernel = (Arch, u32, &'static str);
const X86_64: Kernel = (Arch::X86_64, 48, "va47");
const I686: Kernel = (Arch::X86, 32, "4g");
const ARMHF: Kernel = (Arch::Arm, 32, "3g");
const ARM64_39: Kernel = (Arch::Aarch64, 39, "va39");
const ARM64: Kernel = (Arch::Aarch64, 48, "va48");
const ARM64_52: Kernel = (Arch::Aarch64, 52, "va48");
const ARM64_16K: Kernel = (Arch::Aarch64, 47, "va47-16k");
const ARM64_64K: Kernel = (Arch::Aarch64, 48, "va48-64k");
const SV39: Kernel = (Arch::Riscv64, 39, "sv39");
const PPC64EL: Kernel = (Arch::Powerpc64, 47, "va47-64k");

const UBUNTU: &str = "kernel tree, debian.master/config/annotations; LP #1983357, LP #2057792";
const NIXOS: &str = "nixpkgs PR #510943, #513771, #513672";
const DEBIAN: &str = "Kconfig's default, left as it is in its configuration";

const ROWS: &[Distribution] = &[
    row("Ubuntu 22.04", X86_64, 32, MAX_MAP_COUNT, UBUNTU),
    row("Ubuntu 22.04", ARM64, 33, MAX_MAP_COUNT, UBUNTU),
    row("Ubuntu 22.04", ARMHF, 16, MAX_MAP_COUNT, UBUNTU),
    row("Ubuntu 22.04", I686, 16, MAX_MAP_COUNT, UBUNTU),
    row("Ubuntu 22.04", PPC64EL, 29, MAX_MAP_COUNT, UBUNTU),
    row("Ubuntu 22.04", SV39, 24, MAX_MAP_COUNT, UBUNTU),
    row("Ubuntu 24.04 to 26.04", X86_64, 32, RAISED, UBUNTU),
    row("Ubuntu 24.04 to 26.04", ARM64, 33, RAISED, UBUNTU),
    row("Ubuntu 24.04 to 26.04, 64K", ARM64_64K, 29, RAISED, UBUNTU),
    row("Ubuntu 24.04 to 26.04", ARMHF, 16, RAISED, UBUNTU),
    row("Ubuntu 24.04 to 26.04", I686, 16, RAISED, UBUNTU),
    row("Ubuntu 24.04 to 26.04", PPC64EL, 29, RAISED, UBUNTU),
    row("Ubuntu 24.04 to 26.04", SV39, 24, RAISED, UBUNTU),
    row("NixOS", X86_64, 32, RAISED, NIXOS),
    row("NixOS", ARM64, 33, RAISED, NIXOS),
    row("NixOS, Raspberry Pi kernel", ARM64_39, 24, RAISED, NIXOS),
    row(
        "Arch Linux",
        X86_64,
        32,
        RAISED,
        "arch/Kconfig patch \"Default to maximum amount of ASLR bits\" (2024-01)",
    ),
    row(
        "Azure Linux 3",
        ARM64,
        32,
        MAX_MAP_COUNT,
        "its config_aarch64",
    ),
    row(
        "Alpine, lts kernel",
        ARM64,
        24,
        MAX_MAP_COUNT,
        "lts.aarch64.config",
    ),
    row(
        "Alpine, lts kernel",
        SV39,
        18,
        MAX_MAP_COUNT,
        "lts.riscv64.config (not set)",
    ),
    row(
        "Armbian",
        ARM64,
        18,
        MAX_MAP_COUNT,
        "armbian/build, config/kernel",
    ),
    row(
        "Armbian, genio-edge",
        ARM64,
        24,
        MAX_MAP_COUNT,
        "armbian/build, config/kernel",
    ),
    row(
        "Armbian, uefi-x86",
        X86_64,
        32,
        MAX_MAP_COUNT,
        "armbian/build, config/kernel",
    ),
    row(
        "Raspberry Pi OS, 16K",
        ARM64_16K,
        18,
        MAX_MAP_COUNT,
        "raspberrypi/linux, bcm2712_defconfig",
    ),
    row("Debian 12 and 13", X86_64, 28, MAX_MAP_COUNT, DEBIAN),
    row("Debian 12 and 13", ARM64, 18, MAX_MAP_COUNT, DEBIAN),
    row("Debian 12 and 13", ARMHF, 8, MAX_MAP_COUNT, DEBIAN),
    row("Debian 12 and 13", I686, 8, MAX_MAP_COUNT, DEBIAN),
    row("Debian 13", SV39, 18, MAX_MAP_COUNT, DEBIAN),
    row("Talos", X86_64, 28, MAX_MAP_COUNT, DEBIAN),
    row("Talos", ARM64, 18, MAX_MAP_COUNT, DEBIAN),
    row("Arch Linux ARM", ARM64, 18, MAX_MAP_COUNT, DEBIAN),
    row("OpenWrt, armsr", ARM64_52, 18, MAX_MAP_COUNT, DEBIAN),
];

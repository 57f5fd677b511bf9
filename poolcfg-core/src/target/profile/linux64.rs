//! 64-bit Linux and Android.
//!
//! Sources were read in both versions of [`LINUX_CHECKED`](super::LINUX_CHECKED). "Measured" profiles were
//! booted on real kernels (Debian 6.12.107; the 39-bit aarch64 kernel is a build of its source).

use super::numbers::{Known, Layout, LinuxLayout, UnlimitedStack, VaProfile};
use crate::base::size::Size;
use crate::target::{Arch, Os};

/// The rule of an architecture for any window and page size.
pub(super) const fn layout(arch: Arch, window: Size, page_size: Size) -> LinuxLayout {
    let (pie_base, legacy_base) = bases(arch, window);
    let (aslr_bits_default, aslr_bits_max) = aslr_bits(arch, window, page_size);
    LinuxLayout {
        pie_base,
        legacy_base,
        // Kconfig's default is its minimum, ARCH_MMAP_RND_BITS_MIN.
        aslr_bits_min: aslr_bits_default,
        aslr_bits_default,
        aslr_bits_max,
        above_stack: above_stack(arch),
        stack_randomization: stack_randomization(arch),
        brk_randomization: brk_randomization(arch),
        unlimited_stack: match arch {
            Arch::X86_64 => UnlimitedStack::LargeGap,
            _ => UnlimitedStack::Legacy,
        },
        lowest: Size::kib(64), // CONFIG_DEFAULT_MMAP_MIN_ADDR of distributions
        // A page table page of pointers: one level above the page.
        huge_page: Size::bytes(page_size.get() / 8 * page_size.get()),
    }
}

/// `ELF_ET_DYN_BASE` and `TASK_UNMAPPED_BASE`. Sources: arch/*/include/asm/elf.h and processor.h, of powerpc
/// task_size_64.h.
const fn bases(arch: Arch, window: Size) -> (Size, Size) {
    let window = window.get();
    let two_thirds = Size::bytes(window / 3 * 2);
    match arch {
        // processor.h: TASK_UNMAPPED_BASE is 2^39 / 3 in every mode since 6.6.
        Arch::Riscv64 => (two_thirds, Size::bytes((1 << 39) / 3)),
        Arch::Aarch64 => (two_thirds, Size::bytes(window / 4)),
        // powerpc/include/asm/elf.h: a PIE at 4 GiB, so nearly all of the window is one hole.
        Arch::Powerpc64 => (Size::gib(4), Size::bytes(window / 4)),
        // s390/include/asm/elf.h: 2/3, down to a multiple of 4 GiB; processor.h.
        Arch::S390x => (two_thirds.round_down(Size::gib(4)), Size::bytes(window / 2)),
        _ => (two_thirds, Size::bytes(window / 3)),
    }
}

/// Default and maximum of `vm.mmap_rnd_bits`. Sources: `ARCH_MMAP_RND_BITS_MIN` and `_MAX` in Kconfig of
/// arch/riscv, arm64, x86, powerpc, loongarch and mips; s390 has a fixed mask of about 1 GiB
/// (`MMAP_RND_MASK`, arch/s390/include/asm/elf.h).
const fn aslr_bits(arch: Arch, window: Size, page_size: Size) -> (u32, u32) {
    let page_bits = page_size.get().trailing_zeros();
    // Bits that move things by 1 GiB, the minimum and default of most.
    let gib = 30u32.saturating_sub(page_bits);
    let window_bits = window.get().ilog2();
    let (default, max) = match arch {
        // set_mmap_rnd_bits_max raises Kconfig's maximum at boot to what the mode allows, sv57 counted as
        // sv48: 2^24 and 2^33 pages (arch/riscv/mm/init.c, both versions).
        Arch::Riscv64 => (
            gib,
            (if window_bits < 47 { window_bits } else { 47 }).saturating_sub(page_bits + 2),
        ),
        // VA36, VA39, VA42 and VA48: 2^(window - 3) bytes, less where the page tables are flat.
        Arch::Aarch64 => match window_bits {
            0..=36 => (gib, 33 - page_bits),
            37..=39 => (gib, 36 - page_bits),
            // Kconfig says 27 bits of 64 KiB pages here, twice the window; what a move can do is
            // bounded by the window itself.
            40..=42 => (gib, 42 - page_bits),
            // A kernel of 47 bits moves things by half as much, but one of 52 bits with 16 KiB pages has a
            // window of 47 bits too and the range of ASLR of 48: measured, Debian 6.12.107 arm64-16k.
            _ => (gib, 45 - page_bits),
        },
        Arch::X86_64 => (28, 32),
        Arch::Powerpc64 => (gib, 45 - page_bits),
        // 18 in 6.12, 20 in 7.2: 16 GiB of 16 KiB pages.
        Arch::Loongarch64 => (12, 20),
        Arch::Mips64 => (12, 18),
        Arch::S390x => (18, 18),
        _ => (gib, gib),
    };
    (default, max)
}

/// `STACK_TOP`, with a mebibyte for the vDSO's own pages. Sources: stack_top of arch/loongarch/kernel/process.c
/// and mips_stack_top of arch/mips/kernel/process.c (`VDSO_RANDOMIZE_SIZE`, 64 MiB);
/// arch/s390/include/asm/processor.h. x86_64's is a page, as much as its `STACK_RND_MASK` is less than 16 GiB.
const fn above_stack(arch: Arch) -> Size {
    match arch {
        Arch::Loongarch64 | Arch::Mips64 => Size::mib(65),
        Arch::S390x => Size::mib(1),
        _ => Size::ZERO,
    }
}

/// Sources: `STACK_RND_MASK` in arch/*/include/asm/elf.h.
const fn stack_randomization(arch: Arch) -> Size {
    match arch {
        Arch::X86_64 => Size::gib(16),
        Arch::Aarch64 | Arch::Riscv64 | Arch::Powerpc64 | Arch::S390x => Size::gib(1),
        // mm/util.c: 8 MiB where the architecture says nothing; four times that does no harm, since the
        // gap is 128 MiB at least.
        _ => Size::mib(32),
    }
}

/// Sources: arch_randomize_brk of mm/util.c, arch/x86/kernel/process.c, arch/s390/kernel/process.c (32 MiB)
/// and arch/powerpc/mm/book3s64/hash_utils.c.
const fn brk_randomization(arch: Arch) -> Size {
    match arch {
        // With the hash MMU (POWER8, or by choice) the heap begins at 1 TiB, where segments are larger,
        // however low the program is.
        Arch::Powerpc64 => Size::gib(1024 + 1),
        _ => Size::gib(1),
    }
}

const fn linux(
    arch: Arch,
    name: &'static str,
    window: Size,
    page_size: Size,
    known: Known,
    source: &'static str,
    shipped_by: &'static str,
) -> VaProfile<'static> {
    VaProfile {
        name,
        arch,
        os: Os::Linux,
        window,
        page_size,
        layout: Layout::Linux(layout(arch, window, page_size)),
        shipped_by,
        source,
        known,
    }
}

/// The same kernel as a Linux profile, with ASLR at its maximum (Android's init raises
/// `vm.mmap_rnd_bits` as far as it goes) and the lowest 4 GiB left to the Java runtime.
const fn android(
    arch: Arch,
    name: &'static str,
    window: Size,
    page_size: Size,
    source: &'static str,
    shipped_by: &'static str,
) -> VaProfile<'static> {
    let linux = layout(arch, window, page_size);
    VaProfile {
        name,
        arch,
        os: Os::Android,
        window,
        page_size,
        layout: Layout::Linux(LinuxLayout {
            aslr_bits_default: linux.aslr_bits_max,
            lowest: Size::gib(4),
            ..linux
        }),
        shipped_by,
        source,
        known: Known::Derived,
    }
}

const K4: Size = Size::kib(4);
const K16: Size = Size::kib(16);
const K64: Size = Size::kib(64);

/// The floor of each target first.
pub(super) const PROFILES: &[VaProfile<'static>] = &[
    linux(
        Arch::Riscv64,
        "sv39",
        Size::gib(256),
        K4,
        Known::Measured,
        "arch/riscv/include/asm/processor.h, pgtable.h; booted, Debian 6.12.107",
        "VisionFive 2, Milk-V Pioneer, LicheePi 4A and nearly every board",
    ),
    linux(
        Arch::Riscv64,
        "sv48",
        Size::tib(128),
        K4,
        Known::Measured,
        "arch/riscv/include/asm/processor.h; booted, Debian 6.12.107",
        "first silicon from 2024 on; QEMU with sv48=on",
    ),
    linux(
        Arch::Riscv64,
        "sv57",
        // 2^56 in all, but mmap without a hint searches 2^47 first and only then goes above it; a
        // pool that relies on pointers above 2^47 is nothing to promise.
        Size::tib(128),
        K4,
        Known::Measured,
        "arch/riscv/include/asm/processor.h (DEFAULT_MAP_WINDOW); booted, Debian 6.12.107",
        "QEMU's default; counted up to 2^47, the kernel goes above by itself",
    ),
    linux(
        Arch::Aarch64,
        "va39",
        Size::gib(512),
        K4,
        Known::Measured,
        "arch/arm64/include/asm/processor.h, Kconfig; booted, own build of Debian 6.12.107",
        "Raspberry Pi OS (kernel8), Jetson L4T 4.9, ChromeOS, Rockchip, Qualcomm, routers",
    ),
    linux(
        Arch::Aarch64,
        "va48",
        Size::tib(256),
        K4,
        Known::Measured,
        "arch/arm64/include/asm/processor.h; booted as a 52-bit kernel, Debian 6.12.107",
        "Debian, Ubuntu, Fedora; 52-bit kernels give the same without a hint",
    ),
    linux(
        Arch::Aarch64,
        "va36-16k",
        Size::gib(64),
        K16,
        Known::Source,
        "arch/arm64/Kconfig (ARM64_VA_BITS_36)",
        "kernels built for the smallest 16 KiB configuration",
    ),
    linux(
        Arch::Aarch64,
        "va47-16k",
        Size::tib(128),
        K16,
        Known::Measured,
        "arch/arm64/include/asm/memory.h:56-64; booted as a 52-bit kernel, Debian 6.12.107",
        "Raspberry Pi 5 (kernel_2712), Debian arm64-16k; 52-bit 16 KiB kernels",
    ),
    linux(
        Arch::Aarch64,
        "va48-16k",
        Size::tib(256),
        K16,
        Known::Source,
        "arch/arm64/Kconfig (ARM64_VA_BITS_48)",
        "some 16 KiB builds, Asahi among them",
    ),
    linux(
        Arch::Aarch64,
        "va42-64k",
        Size::tib(4),
        K64,
        Known::Source,
        "arch/arm64/Kconfig (ARM64_VA_BITS_42)",
        "older 64 KiB kernels, such as RHEL 7",
    ),
    linux(
        Arch::Aarch64,
        "va48-64k",
        Size::tib(256),
        K64,
        Known::Measured,
        "arch/arm64/Kconfig (ARM64_VA_BITS_48, _52); booted, own build of Debian 6.12.107 with 48 bits",
        "RHEL 8, RHEL 9 kernel-64k; 52-bit 64 KiB kernels",
    ),
    linux(
        Arch::X86_64,
        "va47",
        Size::tib(128),
        K4,
        Known::Measured,
        "arch/x86/include/asm/page_64_types.h:58-77 (7.2: 50-70); measured on 6.18",
        "every x86_64 kernel; with 5-level page tables more only on a hint",
    ),
    linux(
        Arch::Powerpc64,
        "va46",
        Size::tib(64),
        K4,
        Known::Source,
        "arch/powerpc/include/asm/task_size_64.h:28-80, mm/book3s64/hash_utils.c",
        "Debian 13 ppc64el (default flavour, 4 KiB pages)",
    ),
    linux(
        Arch::Powerpc64,
        "va47-64k",
        Size::tib(128),
        K64,
        Known::Source,
        "arch/powerpc/include/asm/task_size_64.h:28-80, mm/book3s64/hash_utils.c",
        "RHEL, Fedora, SUSE (64 KiB pages); more only on a hint",
    ),
    linux(
        Arch::S390x,
        "va42",
        Size::tib(4),
        K4,
        Known::Source,
        "arch/s390/include/asm/processor.h:131-140 (7.2: 124-133), elf.h, mm/mmap.c",
        "every s390x kernel; a larger request makes the page table grow, which is not counted",
    ),
    linux(
        Arch::Loongarch64,
        "va39-16k",
        Size::gib(512),
        K16,
        Known::Derived,
        "arch/loongarch/include/asm/processor.h:33, kernel/cpu-probe.c (cpu_probe_addrbits)",
        "40-bit processors (LA264, 2K1000)",
    ),
    linux(
        Arch::Loongarch64,
        "va47-16k",
        Size::tib(128),
        K16,
        Known::Source,
        "arch/loongarch/include/asm/processor.h:33, pgtable.h:45 (7.2: 53)",
        "48-bit processors (3A5000, 3A6000)",
    ),
    linux(
        Arch::Mips64,
        "va40",
        Size::tib(1),
        K4,
        Known::Source,
        "arch/mips/include/asm/processor.h:50-61",
        "mips64 n64 kernels without CONFIG_MIPS_VA_BITS_48",
    ),
    android(
        Arch::Aarch64,
        "va39",
        Size::gib(512),
        K4,
        "gki_defconfig sets no VA_BITS, so Kconfig's default of 39 holds",
        "Android GKI up to 6.6",
    ),
    android(
        Arch::Aarch64,
        "va48",
        Size::tib(256),
        K4,
        "arch/arm64/Kconfig (ARM64_VA_BITS_48)",
        "GrapheneOS and other builds",
    ),
    android(
        Arch::Aarch64,
        "va47-16k",
        Size::tib(128),
        K16,
        "arch/arm64/Kconfig (ARM64_VA_BITS_47)",
        "Android 16 devices with 16 KiB pages",
    ),
    android(
        Arch::X86_64,
        "va47",
        Size::tib(128),
        K4,
        "arch/x86/include/asm/page_64_types.h:58-77 (7.2: 50-70)",
        "the emulator, ChromeOS",
    ),
    android(
        Arch::Riscv64,
        "sv39",
        Size::gib(256),
        K4,
        "arch/riscv/include/asm/processor.h",
        "riscv64 builds of AOSP",
    ),
];

//! 32-bit Linux and Android, named by the split between user and kernel.
//!
//! Sources were read in both versions of [`LINUX_CHECKED`](super::LINUX_CHECKED). None of these was booted:
//! the numbers are formulas.

use super::numbers::{Known, Layout, LinuxLayout, UnlimitedStack, VaProfile};
use crate::base::size::Size;
use crate::target::{Arch, Os};

/// The rule of an architecture for any window and page size.
pub(super) const fn layout(arch: Arch, window: Size, page_size: Size) -> LinuxLayout {
    let third = window.get() / 3;
    let (pie_base, aslr_bits_max) = match arch {
        // arch/arm/include/asm/elf.h and arm64's COMPAT_ELF_ET_DYN_BASE; arch/arm/Kconfig:328-334
        // (7.2: 333-339).
        Arch::Arm => (Size::mib(4), 16),
        // arch/x86/include/asm/elf.h: 4 MiB on a 32-bit kernel; arch/x86/Kconfig:340-352 (7.2: 358-370).
        Arch::X86 => (Size::mib(4), 16),
        // arch/riscv/include/asm/elf.h; arch/riscv/Kconfig:247-258 (7.2: 261-272).
        Arch::Riscv32 => (Size::bytes(third * 2), 17),
        _ => (Size::bytes(third * 2), 16),
    };
    LinuxLayout {
        pie_base,
        legacy_base: match arch {
            // arch/arm/include/asm/memory.h:48; arm64's for these programs is a quarter, which leaves more.
            Arch::Arm => Size::bytes(third.next_multiple_of(Size::mib(16).get())),
            // PAGE_ALIGN(TASK_SIZE / 3).
            _ => Size::bytes(third.next_multiple_of(page_size.get())),
        },
        // ARCH_MMAP_RND_BITS_MIN and ARCH_MMAP_RND_COMPAT_BITS_MIN: 8 on the others, 11 in arm64's.
        aslr_bits_min: 8,
        aslr_bits_default: 8,
        aslr_bits_max,
        above_stack: match arch {
            // arch/mips/kernel/process.c, mips_stack_top: 1 MiB, and a mebibyte for the vDSO's own pages.
            Arch::Mips => Size::mib(2),
            _ => Size::ZERO,
        },
        stack_randomization: Size::mib(8), // mm/util.c, STACK_RND_MASK: 0x7ff pages
        brk_randomization: Size::mib(32),  // mm/util.c, arch_randomize_brk: SZ_32M
        unlimited_stack: match arch {
            Arch::X86 => UnlimitedStack::LargeGap,
            _ => UnlimitedStack::Legacy,
        },
        lowest: Size::kib(64),
        // A 32-bit process gets no alignment to huge pages; the page size still bounds what a
        // kernel may round to.
        huge_page: if page_size.get() > Size::kib(64).get() {
            page_size
        } else {
            Size::ZERO
        },
    }
}

const fn split(
    arch: Arch,
    os: Os,
    name: &'static str,
    window: Size,
    source: &'static str,
    shipped_by: &'static str,
) -> VaProfile<'static> {
    let page_size = Size::kib(4);
    let linux = layout(arch, window, page_size);
    VaProfile {
        name,
        arch,
        os,
        window,
        page_size,
        layout: Layout::Linux(LinuxLayout {
            aslr_bits_default: if os.is(Os::Android) {
                linux.aslr_bits_max
            } else {
                linux.aslr_bits_default
            },
            ..linux
        }),
        shipped_by,
        source,
        known: Known::Derived,
    }
}

/// A 32-bit x86 program on a 64-bit kernel: its PIE sits at a third of the window.
/// Source: arch/x86/include/asm/page_64_types.h:70 (7.2: 59), elf.h:363 (7.2: 358).
const fn x86_compat(os: Os, shipped_by: &'static str) -> VaProfile<'static> {
    let profile = split(
        Arch::X86,
        os,
        "4g",
        Size::bytes(0xffff_e000),
        "arch/x86/include/asm/page_64_types.h:70 (7.2: 59), elf.h:363 (7.2: 358)",
        shipped_by,
    );
    match profile.layout {
        Layout::Linux(linux) => VaProfile {
            layout: Layout::Linux(LinuxLayout {
                pie_base: Size::bytes(0x5655_5000),
                ..linux
            }),
            ..profile
        },
        Layout::OneHole(_) => profile,
    }
}

/// A 32-bit Arm program on an arm64 kernel.
const fn arm_compat(os: Os, shipped_by: &'static str) -> VaProfile<'static> {
    let profile = split(
        Arch::Arm,
        os,
        "4g",
        Size::bytes(0xffff_f000),
        "arch/arm64/include/asm/processor.h:52-91 (7.2: 54-93), elf.h:212, Kconfig",
        shipped_by,
    );
    match profile.layout {
        Layout::Linux(linux) => VaProfile {
            layout: Layout::Linux(LinuxLayout {
                // ARCH_MMAP_RND_COMPAT_BITS_MIN: 8 MiB on pages of every size.
                aslr_bits_default: if linux.aslr_bits_default > 11 {
                    linux.aslr_bits_default
                } else {
                    11
                },
                // The stack ends at AARCH32_VECTORS_BASE, 0xffff0000.
                above_stack: Size::kib(60),
                ..linux
            }),
            ..profile
        },
        Layout::OneHole(_) => profile,
    }
}

/// The floor of each target first.
pub(super) const PROFILES: &[VaProfile<'static>] = &[
    // The floor of i686: its largest piece, 2.4 GiB, is smaller than the 2.8 GiB of a 32-bit kernel,
    // which has less in all.
    x86_compat(Os::Linux, "i686 programs on an x86_64 kernel"),
    split(
        Arch::X86,
        Os::Linux,
        "3g",
        Size::gib(3),
        "arch/x86/include/asm/page_32_types.h:47",
        "i686 kernels (3G/1G split)",
    ),
    split(
        Arch::Arm,
        Os::Linux,
        "3g",
        Size::mib(3056),
        "arch/arm/include/asm/memory.h:44, Kconfig (VMSPLIT_3G)",
        "Debian armhf and most 32-bit Arm kernels",
    ),
    split(
        Arch::Arm,
        Os::Linux,
        "3g-opt",
        Size::mib(2800),
        "arch/arm/include/asm/memory.h:44, Kconfig (VMSPLIT_3G_OPT)",
        "32-bit Arm kernels that map 1 GiB of memory flat",
    ),
    split(
        Arch::Arm,
        Os::Linux,
        "2g",
        Size::mib(2032),
        "arch/arm/include/asm/memory.h:44, Kconfig (VMSPLIT_2G)",
        "32-bit Arm kernels with a 2G split",
    ),
    split(
        Arch::Arm,
        Os::Linux,
        "1g",
        Size::mib(1008),
        "arch/arm/include/asm/memory.h:44, Kconfig (VMSPLIT_1G)",
        "32-bit Arm kernels with a 1G split",
    ),
    arm_compat(Os::Linux, "32-bit Arm programs on an arm64 kernel"),
    split(
        Arch::Riscv32,
        Os::Linux,
        "sv32",
        // FIXADDR_START: below PAGE_OFFSET (3 GiB) lie 512 MiB for vmalloc, 32 MiB for a struct page of each
        // page, 16 MiB for PCI and 8 MiB of fixed addresses. The comment there, 0x9fc00000, is older.
        Size::bytes(0x9c80_0000),
        "arch/riscv/include/asm/pgtable.h:37-106 (7.2: 41-120)",
        "riscv32 kernels",
    ),
    split(
        Arch::Mips,
        Os::Linux,
        "2g",
        Size::bytes(0x7fff_8000),
        "arch/mips/include/asm/processor.h:50-61",
        "mips o32",
    ),
    arm_compat(Os::Android, "32-bit apps on a 64-bit kernel"),
    x86_compat(Os::Android, "32-bit apps in the emulator"),
];

//! Systems other than Linux.
//!
//! Their search order is not modelled, so one hole is counted on, and chosen low: half of the window
//! where nothing better is known.

use super::numbers::{Known, Layout, VaProfile};
use crate::base::size::Size;
use crate::target::{Arch, Os};

const K4: Size = Size::kib(4);
const K16: Size = Size::kib(16);

/// Name, window and hole of a system.
struct SystemWindow(&'static str, Size, Size);

const fn system(
    os: Os,
    arch: Arch,
    place: SystemWindow,
    page_size: Size,
    known: Known,
    source: &'static str,
    shipped_by: &'static str,
) -> VaProfile<'static> {
    let SystemWindow(name, window, hole) = place;
    VaProfile {
        name,
        arch,
        os,
        window,
        page_size,
        layout: Layout::OneHole(hole),
        shipped_by,
        source,
        known,
    }
}

/// The end of user space on OpenBSD and NetBSD amd64, 127.5 TiB.
const BSD_AMD64: Size = Size::bytes(0x7f7f_ffff_c000);

/// The floor of each target first.
pub(super) const PROFILES: &[VaProfile<'static>] = &[
    system(
        Os::Macos,
        Arch::Aarch64,
        // 128 TiB less 32 MiB; 64 to 448 GiB is carved out for the GPU and libmalloc sits at 96 TiB.
        SystemWindow("macos", Size::bytes(0x7fff_fe00_0000), Size::tib(95)),
        K16,
        Known::Derived,
        "xnu osfmk/mach/arm/vm_param.h:137,159; osfmk/arm64/machine_routines.c:187",
        "macOS on Apple silicon",
    ),
    system(
        Os::Macos,
        Arch::X86_64,
        SystemWindow("macos", Size::bytes(0x7fff_ffe0_0000), Size::tib(95)),
        K4,
        Known::Derived,
        "xnu osfmk/mach/i386/vm_param.h:166-184",
        "macOS on Intel",
    ),
    system(
        Os::Ios,
        Arch::Aarch64,
        // 17.375 GiB on devices with more than 3 GiB, less a page zero of 4 GiB and the shared region.
        SystemWindow("ios", Size::mib(17_792), Size::gib(5)),
        K16,
        Known::Derived,
        "xnu osfmk/arm64/sptm/pmap/pmap.c:544-556; reports wasmer#2500, WAMR#3013",
        "iOS apps without an entitlement",
    ),
    system(
        Os::Ios,
        Arch::Aarch64,
        // 63 GiB, of which what lies below the end of the shared region at 12 GiB is broken up.
        SystemWindow("ios-extended", Size::gib(63), Size::gib(48)),
        K16,
        Known::Derived,
        "xnu bsd/kern/kern_exec.c:3667-3680, osfmk/mach/arm/vm_param.h:153",
        "iOS apps entitled to com.apple.developer.kernel.extended-virtual-addressing",
    ),
    system(
        Os::Ios,
        Arch::X86_64,
        SystemWindow("ios", Size::bytes(0x7fff_ffe0_0000), Size::gib(5)),
        K4,
        Known::Unconfirmed,
        "the simulator is a macOS process; held to what devices give",
        "the iOS simulator on Intel",
    ),
    system(
        Os::Windows,
        Arch::X86_64,
        SystemWindow("windows", Size::tib(128), Size::tib(64)),
        K4,
        Known::Derived,
        "Microsoft, Memory Limits for Windows Releases",
        "Windows 8.1 and later",
    ),
    system(
        Os::Windows,
        Arch::Aarch64,
        SystemWindow("windows", Size::tib(128), Size::tib(64)),
        K4,
        Known::Unconfirmed,
        "Microsoft, Memory Limits for Windows Releases (x86_64)",
        "Windows on Arm",
    ),
    system(
        Os::Windows,
        Arch::X86,
        SystemWindow("windows", Size::gib(2), Size::gib(1)),
        K4,
        Known::Unconfirmed,
        "Microsoft, Memory Limits for Windows Releases (not large address aware)",
        "32-bit programs",
    ),
    system(
        Os::Freebsd,
        Arch::X86_64,
        SystemWindow("freebsd", Size::tib(128), Size::tib(64)),
        K4,
        Known::Derived,
        "FreeBSD sys/amd64/include/vmparam.h",
        "FreeBSD amd64",
    ),
    system(
        Os::Freebsd,
        Arch::Aarch64,
        SystemWindow("freebsd", Size::tib(256), Size::tib(128)),
        K4,
        Known::Derived,
        "FreeBSD sys/arm64/include/vmparam.h",
        "FreeBSD arm64",
    ),
    system(
        Os::Freebsd,
        Arch::Riscv64,
        SystemWindow("freebsd", Size::gib(256), Size::gib(128)),
        K4,
        Known::Derived,
        "FreeBSD sys/riscv/include/vmparam.h (sv39)",
        "FreeBSD riscv64",
    ),
    system(
        Os::Openbsd,
        Arch::X86_64,
        SystemWindow("openbsd", BSD_AMD64, Size::tib(63)),
        K4,
        Known::Derived,
        "OpenBSD sys/arch/amd64/include/vmparam.h",
        "OpenBSD amd64; RLIMIT_DATA counts what is made writable",
    ),
    system(
        Os::Openbsd,
        Arch::Aarch64,
        SystemWindow(
            "openbsd",
            Size::bytes((1 << 39) - (1 << 15)),
            Size::gib(255),
        ),
        K4,
        Known::Derived,
        "OpenBSD sys/arch/arm64/include/vmparam.h (2019)",
        "OpenBSD arm64",
    ),
    system(
        Os::Openbsd,
        Arch::Riscv64,
        SystemWindow("openbsd", Size::gib(256), Size::gib(128)),
        K4,
        Known::Derived,
        "OpenBSD sys/arch/riscv64/include/vmparam.h",
        "OpenBSD riscv64",
    ),
    system(
        Os::Netbsd,
        Arch::X86_64,
        SystemWindow("netbsd", BSD_AMD64, Size::tib(63)),
        K4,
        Known::Unconfirmed,
        "NetBSD sys/arch/amd64/include/vmparam.h (window)",
        "NetBSD amd64",
    ),
    system(
        Os::Illumos,
        Arch::X86_64,
        SystemWindow("illumos", Size::tib(128), Size::tib(64)),
        K4,
        Known::Unconfirmed,
        "general knowledge of illumos on amd64",
        "illumos amd64",
    ),
    system(
        Os::Fuchsia,
        Arch::X86_64,
        SystemWindow("fuchsia", Size::tib(128), Size::tib(64)),
        K4,
        Known::Unconfirmed,
        "general knowledge of zircon on x64",
        "Fuchsia x64",
    ),
    system(
        Os::Fuchsia,
        Arch::Aarch64,
        SystemWindow("fuchsia", Size::bytes(0xffff_ff00_0000), Size::tib(128)),
        K4,
        Known::Derived,
        "zircon kernel_aspace.h (arm64)",
        "Fuchsia arm64",
    ),
    system(
        Os::Fuchsia,
        Arch::Riscv64,
        SystemWindow("fuchsia", Size::gib(256), Size::gib(128)),
        K4,
        Known::Unconfirmed,
        "general knowledge of zircon on riscv64 (sv39)",
        "Fuchsia riscv64",
    ),
];

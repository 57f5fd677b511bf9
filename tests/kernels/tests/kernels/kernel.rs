//! The kernels, and the machines that boot them.

use std::fs;
use std::path::PathBuf;

use poolcfg_core::{Aslr, Layout, VaProfile};
use poolcfg_tests::variable;

/// What a kernel's machine is like.
#[derive(Debug)]
pub(crate) struct Architecture {
    /// As in the names of its compiler and emulator.
    pub name: &'static str,
    /// As rustc calls it.
    pub target: &'static str,
    /// As in the name of its folder of libraries.
    pub gnu: &'static str,
    /// The interpreter of a PIE.
    pub interpreter: &'static str,
    /// Whether it is that of the machine that the tests run on: then no other compiler is needed.
    pub native: bool,
    /// The machine, in QEMU's words.
    pub machine: &'static str,
    /// The device of the serial console.
    pub console: &'static str,
}

const RISCV64: Architecture = Architecture {
    name: "riscv64",
    target: "riscv64gc-unknown-linux-gnu",
    gnu: "riscv64-linux-gnu",
    interpreter: "ld-linux-riscv64-lp64d.so.1",
    native: false,
    machine: "virt",
    console: "ttyS0",
};

const AARCH64: Architecture = Architecture {
    name: "aarch64",
    target: "aarch64-unknown-linux-gnu",
    gnu: "aarch64-linux-gnu",
    interpreter: "ld-linux-aarch64.so.1",
    native: false,
    machine: "virt",
    console: "ttyAMA0",
};

/// In emulation too: what a virtual machine gives of KVM to those inside of it may be none, or not enough to boot.
pub(crate) const X86_64: Architecture = Architecture {
    name: "x86_64",
    target: "x86_64-unknown-linux-gnu",
    gnu: "x86_64-linux-gnu",
    interpreter: "ld-linux-x86-64.so.2",
    native: true,
    machine: "q35",
    console: "ttyS0",
};

impl Architecture {
    /// The emulator's script.
    pub(crate) fn emulator(&self) -> PathBuf {
        if self.native {
            return variable("POOLCFG_QEMU_AMD64");
        }
        variable("POOLCFG_QEMU").join(format!("bin/qemu-system-{}", self.name))
    }
}

/// Every architecture whose profiles kernels judge here.
pub(crate) const ARCHITECTURES: [&Architecture; 2] = [&RISCV64, &AARCH64];

/// A kernel on a processor.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The VA profile whose promises it judges.
    pub profile: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its file.
    pub image: &'static str,
    /// The processor, in QEMU's words.
    pub cpu: &'static str,
    /// Whether it is built here: then it may be missing, and `cargo xtask test` says what it leaves out.
    pub built: bool,
    /// Whether it is Debian's newest kernel, beside that of the stable release.
    pub newest: bool,
    /// The machine.
    pub architecture: &'static Architecture,
}

/// `max` has large virtual addresses and pages of 16 KiB; its pointer authentication is the slowest part
/// of it unless it is not the architecture's own.
const MAX: &str = "max,pauth-impdef=on";

const fn riscv64(profile: &'static str, cpu: &'static str) -> Kernel {
    Kernel {
        profile,
        about: "Debian riscv64",
        image: "riscv64",
        cpu,
        built: false,
        newest: false,
        architecture: &RISCV64,
    }
}

const fn aarch64(
    profile: &'static str,
    about: &'static str,
    image: &'static str,
    cpu: &'static str,
) -> Kernel {
    Kernel {
        profile,
        about,
        image,
        cpu,
        built: false,
        newest: false,
        architecture: &AARCH64,
    }
}

impl Kernel {
    const fn built(mut self) -> Self {
        self.built = true;
        self
    }

    const fn newest(mut self, image: &'static str) -> Self {
        self.newest = true;
        self.image = image;
        self
    }

    /// What tells it from all others in reports and names of files.
    pub(crate) fn id(&self) -> String {
        let newest = if self.newest { "-newest" } else { "" };
        format!("{}{newest}", self.profile)
    }

    /// Its `vm.mmap_rnd_bits` at so much ASLR.
    pub(crate) fn aslr_bits(&self, aslr: Aslr) -> u32 {
        let all = VaProfile::ALL.iter().flat_map(|table| table.iter());
        let found = all
            .filter(|of| of.name == self.profile)
            .find_map(|of| match of.layout {
                Layout::Linux(layout) => Some(aslr.bits(&layout)),
                Layout::OneHole(_) => None,
            });
        found.unwrap()
    }

    /// The file to boot.
    pub(crate) fn file(&self) -> PathBuf {
        variable("POOLCFG_KERNELS").join(self.image)
    }

    /// Whether it is there. Only one that is built here may be missing.
    pub(crate) fn held(&self) -> bool {
        !self.built || self.file().is_file()
    }

    /// The suite of Debian that it was fetched from.
    pub(crate) fn suite(&self) -> String {
        let file = self.file().with_added_extension("from");
        let text = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("`{}`: {error}", file.display()));
        suite(&text).unwrap_or_else(|| panic!("`{}` names no package: {text}", file.display()))
    }
}

/// The suite of the kernel's package in what the set-up wrote down of the packages that it fetched.
fn suite(from: &str) -> Option<String> {
    from.lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find_map(|words| match words.as_slice() {
            [package, _, suite]
                if package.starts_with("linux-image-") || package.starts_with("linux-source-") =>
            {
                Some((*suite).to_owned())
            }
            _ => None,
        })
}

/// Every kernel, those first that take longest.
pub(crate) static KERNELS: [Kernel; 9] = [
    aarch64("va47-16k", "Debian arm64-16k, 52 bits", "arm64-16k", MAX),
    riscv64("sv57", "rv64,sv57=on"),
    aarch64(
        "va48-64k",
        "Debian's source, 64 KiB, 48 bits",
        "arm64-64k",
        "cortex-a57",
    )
    .built(),
    riscv64("sv48", "rv64,sv48=on"),
    riscv64("sv39", "rv64,sv39=on"),
    aarch64("va48", "Debian arm64, 52 bits", "arm64", MAX),
    riscv64("sv39", "rv64,sv39=on").newest("riscv64-newest"),
    aarch64("va48", "Debian arm64, 52 bits", "arm64", MAX).newest("arm64-newest"),
    aarch64(
        "va39",
        "Debian's source, 39 bits",
        "arm64-va39",
        "cortex-a57",
    )
    .built(),
];

/// A kernel with swap, which judges no profile.
pub(crate) static WITH_SWAP: Kernel = Kernel {
    profile: "amd64",
    about: "Debian amd64",
    image: "amd64",
    cpu: "max",
    built: false,
    newest: false,
    architecture: &X86_64,
};

/// The kernel that judges a profile, the stable release's where there are two.
pub(crate) fn kernel(profile: &str) -> &'static Kernel {
    KERNELS
        .iter()
        .find(|kernel| kernel.profile == profile && !kernel.newest)
        .unwrap()
}

/// The floors of riscv64 and aarch64.
pub(crate) fn floors() -> [&'static Kernel; 2] {
    ["sv39", "va39"].map(kernel)
}

/// The floors whose kernels are there.
pub(crate) fn held_floors() -> impl Iterator<Item = &'static Kernel> {
    floors().into_iter().filter(|kernel| kernel.held())
}

/// x86_64 is judged by the machine's own kernel.
#[test]
fn the_profiles_that_are_called_measured_are_those_with_a_kernel() {
    use poolcfg_core::{Arch, Known, Os, VaProfile};
    let mut measured: Vec<&str> = VaProfile::ALL
        .iter()
        .flat_map(|table| table.iter())
        .filter(|profile| profile.known == Known::Measured && profile.os.is(Os::Linux))
        .filter(|profile| !profile.arch.is(Arch::X86_64))
        .map(|profile| profile.name)
        .collect();
    let mut judged: Vec<&str> = KERNELS.iter().map(|kernel| kernel.profile).collect();
    measured.sort_unstable();
    judged.sort_unstable();
    judged.dedup();
    assert_eq!(measured, judged);
}

#[test]
fn the_suite_of_a_kernel_is_read() {
    let from = "passed over trixie\nlinux-base-riscv64 7.2.12-1 forky\n\
                linux-image-7.2.12+deb14-riscv64 7.2.12-1 forky\n";
    assert_eq!(suite(from).as_deref(), Some("forky"));
    let from = "linux-source-6.12 6.12.107-1 trixie\n";
    assert_eq!(suite(from).as_deref(), Some("trixie"));
    assert_eq!(suite("passed over trixie\n"), None);
}

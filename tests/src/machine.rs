//! Machines: the targets that the crates' own tests are built for, and how an emulator plays each.

/// A target, and what it is built and run with.
#[derive(Debug, PartialEq, Eq)]
pub struct Machine {
    /// The Rust target.
    pub triple: &'static str,
    /// What GNU calls it: the folder of its C library.
    pub gnu: &'static str,
    /// The dynamic loader that its programs name.
    pub loader: &'static str,
    /// The emulator.
    pub qemu: &'static str,
    /// Bits of a pointer.
    pub pointer_width: u32,
    /// Address spaces smaller than the emulator's own that the runtime is run in too.
    pub confined: Option<Confined>,
}

/// An address space as the target's smallest kernel gives it.
#[derive(Debug, PartialEq, Eq)]
pub struct Confined {
    /// How it is reported.
    pub name: &'static str,
    /// Its bytes, as QEMU reads them.
    pub bytes: &'static str,
}

/// One for each of 64 and 32 bits, low and high byte first, and of every architecture that has a profile and
/// a C library in Debian.
pub static MACHINES: [Machine; 7] = [
    Machine {
        triple: "riscv64gc-unknown-linux-gnu",
        gnu: "riscv64-linux-gnu",
        loader: "/lib/ld-linux-riscv64-lp64d.so.1",
        qemu: "qemu-riscv64",
        pointer_width: 64,
        confined: Some(Confined {
            name: "256 GiB",
            bytes: "0x4000000000",
        }),
    },
    Machine {
        triple: "aarch64-unknown-linux-gnu",
        gnu: "aarch64-linux-gnu",
        loader: "/lib/ld-linux-aarch64.so.1",
        qemu: "qemu-aarch64",
        pointer_width: 64,
        confined: Some(Confined {
            name: "512 GiB",
            bytes: "0x8000000000",
        }),
    },
    Machine {
        triple: "armv7-unknown-linux-gnueabihf",
        gnu: "arm-linux-gnueabihf",
        loader: "/lib/ld-linux-armhf.so.3",
        qemu: "qemu-arm",
        pointer_width: 32,
        confined: None,
    },
    Machine {
        triple: "i686-unknown-linux-gnu",
        gnu: "i686-linux-gnu",
        loader: "/lib/ld-linux.so.2",
        qemu: "qemu-i386",
        pointer_width: 32,
        confined: None,
    },
    Machine {
        triple: "powerpc64le-unknown-linux-gnu",
        gnu: "powerpc64le-linux-gnu",
        loader: "/lib64/ld64.so.2",
        qemu: "qemu-ppc64le",
        pointer_width: 64,
        confined: None,
    },
    Machine {
        triple: "s390x-unknown-linux-gnu",
        gnu: "s390x-linux-gnu",
        loader: "/lib/ld64.so.1",
        qemu: "qemu-s390x",
        pointer_width: 64,
        confined: None,
    },
    Machine {
        triple: "loongarch64-unknown-linux-gnu",
        gnu: "loongarch64-linux-gnu",
        loader: "/lib64/ld-linux-loongarch-lp64d.so.1",
        qemu: "qemu-loongarch64",
        pointer_width: 64,
        confined: None,
    },
];

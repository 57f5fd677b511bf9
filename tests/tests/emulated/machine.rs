//! Machines: the targets that the tests are built for, how an emulator plays each, and what cannot hold there.

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
    /// How it is told.
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

/// A test that cannot hold in an emulator of programs, whose layout is its own and whose kernel is the host's.
#[derive(Debug)]
pub struct Skip {
    /// The test program, such as `poolcfg-runtime/pool`.
    pub program: &'static str,
    /// The test in it.
    pub test: &'static str,
    /// Where it cannot hold.
    pub applies: fn(&Machine, Option<&Confined>) -> bool,
    /// Why.
    pub reason: &'static str,
}

/// What is left out, all of it. The host's kernel and those that are booted run the same tests, or hold the
/// same promises.
pub static SKIPS: [Skip; 7] = [
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test: "sys::tests::a_slot_that_cannot_be_cleared_is_never_handed_out_again",
        applies: |machine, confined| machine.pointer_width == 32 || confined.is_some(),
        reason: "with addresses set aside for it, the emulator's madvise does not say that pages are missing",
    },
    Skip {
        program: "poolcfg-runtime/pool",
        test: "live_slots_make_no_more_mappings_than_were_reckoned_with",
        applies: |_, _| true,
        reason: "the list of mappings is the emulator's own, not a kernel's",
    },
    Skip {
        program: "poolcfg-runtime/pool",
        test: "a_slot_that_cannot_be_opened_goes_back",
        applies: |_, _| true,
        reason: "a program cannot lower RLIMIT_DATA of the emulator that it shares a process with",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "rlimit_data_is_named_before_a_slot_is_used",
        applies: |machine, _| machine.pointer_width == 64,
        reason: "the data that the kernel counts are mostly the emulator's",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "rlimit_as_is_named_and_a_smaller_pool_starts",
        applies: |_, confined| confined.is_some(),
        reason: "under a lower RLIMIT_AS the emulator does not start",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "what_the_message_suggests_starts",
        applies: |_, confined| confined.is_some(),
        reason: "under a lower RLIMIT_AS the emulator does not start",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "a_pool_that_is_dropped_leaves_room_for_the_next",
        applies: |_, confined| confined.is_some(),
        reason: "60 TiB do not fit",
    },
];

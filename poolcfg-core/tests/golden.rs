//! Golden numbers: what the model must give, from real kernels and real reports.

use poolcfg_core::{
    AddressSpaceKeys, Arch, Aslr, Budget, Keep, Layout, OnMisfit, Os, Plan, PoolKeys,
    RelocationModel, Setting, Settings, Shape, Size, StackLimit, Target, VaProfile,
};

const RISCV64: Target = Target::new(Arch::Riscv64, Os::Linux, 64);
const AARCH64: Target = Target::new(Arch::Aarch64, Os::Linux, 64);
const X86_64: Target = Target::new(Arch::X86_64, Os::Linux, 64);
const LOONGARCH64: Target = Target::new(Arch::Loongarch64, Os::Linux, 64);
const ARM: Target = Target::new(Arch::Arm, Os::Linux, 32);
/// On a kernel whose ASLR reaches as far as Kconfig has it.
const PIE: Shape = Shape {
    aslr: Aslr::Minimum,
    ..Shape::DEFAULT
};
const STATIC: Shape = Shape {
    relocation_model: RelocationModel::Static,
    ..PIE
};
const MAXIMUM: Aslr = Aslr::Maximum;
const UNLIMITED: StackLimit = StackLimit::Unlimited;

fn holes(target: Target, profile: &str, shape: Shape) -> [Size; 2] {
    let profile = VaProfile::find(profile, target).unwrap();
    Budget::new(&profile, shape, None).holes()
}

fn first(target: Target, profile: &str, shape: Shape) -> String {
    holes(target, profile, shape)[0].available().to_string()
}

#[test]
fn largest_guaranteed_holes_of_a_pie() {
    assert_eq!(first(RISCV64, "sv39", PIE), "170.66 GiB");
    assert_eq!(first(AARCH64, "va39", PIE), "341.33 GiB");
    assert_eq!(first(X86_64, "va47", PIE), "85.33 TiB");
    assert_eq!(first(RISCV64, "sv48", PIE), "85.33 TiB");
    assert_eq!(first(AARCH64, "va47-16k", PIE), "85.33 TiB");
    assert_eq!(first(AARCH64, "va48", PIE), "170.66 TiB");
    assert_eq!(first(AARCH64, "va42-64k", PIE), "2.66 TiB");
}

/// The kernel's own maximum, as `vm.mmap_rnd_bits` takes it: bytes that ASLR may move things.
#[test]
fn reach_of_aslr_at_its_maximum() {
    for (target, name, largest) in [
        (RISCV64, "sv39", Size::gib(64)),
        (RISCV64, "sv48", Size::tib(32)),
        (RISCV64, "sv57", Size::tib(32)),
        (AARCH64, "va39", Size::gib(64)),
        (AARCH64, "va48", Size::tib(32)),
        // A 52-bit kernel has a window of 47 bits on these pages, and ASLR as if it were of 48.
        (AARCH64, "va47-16k", Size::tib(32)),
        (X86_64, "va47", Size::tib(16)),
        // Linux 7.2; 4 GiB up to 6.12 at least.
        (LOONGARCH64, "va39-16k", Size::gib(16)),
    ] {
        let profile = VaProfile::find(name, target).unwrap();
        let Layout::Linux(layout) = profile.layout else {
            panic!("{name} is no profile of Linux");
        };
        let bytes = profile.page_size.checked_mul(1 << layout.aslr_bits_max);
        assert_eq!(bytes, Some(largest), "{name}");
    }
}

/// By the sources of Linux 6.12 and 7.2: at the worst, where single architectures have the mmap base and
/// the end of the heap, and where the lower hole ends, when they do it in a way of their own.
#[test]
fn holes_keep_clear_of_what_single_architectures_put_there() {
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    let spans = |target, profile: &str, shape| {
        let profile = VaProfile::find(profile, target).unwrap();
        Budget::new(&profile, shape, Some(Size::ZERO)).spans
    };
    let maximum = Shape {
        aslr: MAXIMUM,
        ..PIE
    };
    let s390x = Target::new(Arch::S390x, Os::Linux, 64);
    let mips64 = Target::new(Arch::Mips64, Os::Linux, 64);
    let powerpc64 = Target::new(Arch::Powerpc64, Os::Linux, 64);
    let riscv32 = Target::new(Arch::Riscv32, Os::Linux, 32);
    let mips = Target::new(Arch::Mips, Os::Linux, 32);
    // The mmap base: below what the vDSO has, the gap to the stack and what ASLR takes.
    for (target, profile, shape, base) in [
        // MMAP_RND_MASK for the stack and for the base; a limit of 8 MiB and the guard's.
        (
            s390x,
            "va42",
            PIE,
            4096 * GIB - 2 * (0x3ff80 << 12) - 9 * MIB,
        ),
        (mips64, "va40", PIE, 1024 * GIB - (64 + 128 + 16) * MIB),
        (mips, "2g", PIE, 0x7fff_8000 - (1 + 128 + 1) * MIB),
        (
            LOONGARCH64,
            "va39-16k",
            maximum,
            (512 - 16) * GIB - (64 + 128) * MIB,
        ),
        (ARM, "4g", PIE, 0xffff_0000 - (128 + 8) * MIB),
        (riscv32, "sv32", PIE, 0x9c80_0000 - (128 + 1) * MIB),
    ] {
        let top = spans(target, profile, shape)[0].unwrap().top;
        // ASLR takes at least a page less than a power of two.
        assert!(
            top < base + Size::kib(16).get(),
            "{profile}: {top:#x}, {base:#x}"
        );
    }
    // The end of the heap, or where the search from the bottom up begins.
    let unlimited = Shape {
        stack_limit: UNLIMITED,
        ..PIE
    };
    for (target, profile, shape, end) in [
        // With the hash MMU.
        (powerpc64, "va46", PIE, 1024 * GIB + GIB),
        (powerpc64, "va47-64k", STATIC, 1024 * GIB + GIB),
        // Where the linker puts a program.
        (s390x, "va42", STATIC, 16 * MIB + GIB),
        (mips64, "va40", STATIC, 0x1_2000_0000 + GIB),
        (LOONGARCH64, "va47-16k", STATIC, 0x1_2000_0000 + GIB),
        (ARM, "3g", unlimited, 1024 * MIB + MIB),
    ] {
        let found = spans(target, profile, shape);
        let bottom = found.into_iter().flatten().next().unwrap().bottom;
        assert!(bottom >= end, "{profile}: {bottom:#x}, {end:#x}");
    }
    // ELF_ET_DYN_BASE is a multiple of 4 GiB there.
    let lower = spans(s390x, "va42", PIE)[1].unwrap();
    assert_eq!(lower.top, 2728 * GIB);
}

const fn shape(relocation_model: RelocationModel, stack_limit: StackLimit, aslr: Aslr) -> Shape {
    Shape {
        relocation_model,
        stack_limit,
        aslr,
        ..Shape::DEFAULT
    }
}

/// A measured hole, as far as its two decimals tell: anything below the next hundredth may be what was there.
const fn below(hundredths: u64, unit: u64) -> Size {
    match hundredths {
        0 => Size::ZERO,
        _ => Size::bytes((hundredths + 1) * unit / 100),
    }
}

const fn gib(hundredths: u64) -> Size {
    below(hundredths, 1 << 30)
}

const fn tib(hundredths: u64) -> Size {
    below(hundredths, 1 << 40)
}

const POSITION_INDEPENDENT: RelocationModel = RelocationModel::Pie;
const FIXED: RelocationModel = RelocationModel::Static;
const FINITE: StackLimit = StackLimit::Finite;
const DEFAULT: Aslr = Aslr::Minimum;

/// The least measured first and second hole.
const MEASURED: [(Target, &str, Shape, [Size; 2]); 15] = [
    (
        RISCV64,
        "sv39",
        shape(POSITION_INDEPENDENT, FINITE, DEFAULT),
        [gib(17_067), gib(8_190)],
    ),
    (
        RISCV64,
        "sv39",
        shape(POSITION_INDEPENDENT, FINITE, MAXIMUM),
        // Beside a mapping of what is promised first, which leaves three holes.
        [gib(17_095), gib(2_934)],
    ),
    (
        RISCV64,
        "sv39",
        shape(FIXED, FINITE, DEFAULT),
        [gib(25_320), gib(0)],
    ),
    (
        RISCV64,
        "sv39",
        shape(POSITION_INDEPENDENT, UNLIMITED, DEFAULT),
        [gib(8_250), gib(0)],
    ),
    (
        RISCV64,
        "sv39",
        shape(POSITION_INDEPENDENT, UNLIMITED, MAXIMUM),
        [gib(2_200), gib(0)],
    ),
    (
        RISCV64,
        "sv48",
        shape(FIXED, FINITE, DEFAULT),
        [tib(12_800), gib(0)],
    ),
    (
        RISCV64,
        "sv48",
        shape(POSITION_INDEPENDENT, UNLIMITED, DEFAULT),
        [tib(8_510), gib(0)],
    ),
    (
        AARCH64,
        "va39",
        shape(POSITION_INDEPENDENT, FINITE, DEFAULT),
        [gib(34_137), gib(0)],
    ),
    (
        AARCH64,
        "va39",
        shape(FIXED, FINITE, DEFAULT),
        [gib(50_920), gib(0)],
    ),
    (
        AARCH64,
        "va39",
        shape(POSITION_INDEPENDENT, UNLIMITED, DEFAULT),
        [gib(21_260), gib(0)],
    ),
    (
        AARCH64,
        "va39",
        shape(POSITION_INDEPENDENT, UNLIMITED, MAXIMUM),
        [gib(16_600), gib(0)],
    ),
    (
        AARCH64,
        "va48",
        shape(POSITION_INDEPENDENT, UNLIMITED, MAXIMUM),
        [tib(10_400), gib(0)],
    ),
    (
        X86_64,
        "va47",
        shape(POSITION_INDEPENDENT, UNLIMITED, DEFAULT),
        [tib(4_250), gib(0)],
    ),
    (
        X86_64,
        "va47",
        shape(FIXED, FINITE, DEFAULT),
        [tib(12_698), gib(0)],
    ),
    (
        X86_64,
        "va47",
        shape(FIXED, FINITE, MAXIMUM),
        [tib(11_198), gib(0)],
    ),
];

/// The least seen over many starts on real kernels, in hundredths of a GiB or TiB: the model may
/// promise no more, and not much less.
#[test]
fn promises_stay_just_below_what_real_kernels_gave() {
    for (target, profile, shape, seen) in MEASURED {
        let promised = holes(target, profile, shape);
        for (promised, seen) in promised.iter().zip(seen) {
            // A hole that was not measured says nothing; sv48's was given as "about".
            let measured = !seen.is_zero() && (profile != "sv48" || shape.stack_limit == FINITE);
            if measured {
                assert!(
                    *promised <= seen,
                    "{profile} {shape:?}: {promised} > {seen}"
                );
            }
        }
        let tight = shape.stack_limit == FINITE && shape.aslr == DEFAULT;
        if tight {
            let least = seen[0].get() / 100 * 98;
            assert!(promised[0].get() >= least, "{profile} {shape:?}");
        }
    }
}

#[test]
fn an_unlimited_stack_costs_half_of_sv39() {
    let shape = Shape {
        stack_limit: UNLIMITED,
        ..PIE
    };
    assert_eq!(first(RISCV64, "sv39", shape), "81.32 GiB");
}

#[test]
fn a_52_bit_kernel_counts_as_what_it_gives_without_a_hint() {
    let window = |name| VaProfile::find(name, AARCH64).unwrap().window;
    assert_eq!(window("va52"), Size::tib(256));
    assert_eq!(window("va52-16k"), Size::tib(128));
    assert_eq!(window("va52-64k"), Size::tib(256));
}

/// One pool of slots of 4 GiB with 32 MiB of guard, as Wasmtime 28 and later make them.
fn slots(target: Target, space: AddressSpaceKeys<'_>, keys: PoolKeys) -> Plan {
    let settings = Settings::new(&[], &[])
        .pooling_allocator(PoolKeys {
            max_instances: Some(Setting::given(1000)),
            memory_reservation: Some(Setting::given(Size::gib(4))),
            guard_size: Some(Setting::given(Size::mib(32))),
            ..PoolKeys::EMPTY
        })
        .pooling_allocator(keys)
        .address_space(space);
    Plan::new(&settings.resolve(target).unwrap())
}

fn guaranteed(target: Target, shape: Shape) -> u32 {
    let space = AddressSpaceKeys {
        relocation_model: Some(Setting::given(shape.relocation_model)),
        aslr: Some(Setting::given(shape.aslr)),
        ..AddressSpaceKeys::EMPTY
    };
    let shrink = PoolKeys {
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        ..PoolKeys::EMPTY
    };
    slots(target, space, shrink).guaranteed()[0].max_instances
}

#[test]
fn slots_of_4_gib_and_32_mib() {
    // In two pieces: 42 and 19 on sv39, 84 and 41 on va39.
    assert_eq!(guaranteed(RISCV64, PIE), 61);
    assert_eq!(guaranteed(AARCH64, PIE), 125);
    assert_eq!(guaranteed(RISCV64, STATIC), 62);
    let maximum = Shape {
        aslr: Aslr::Maximum,
        ..STATIC
    };
    // In two pieces, of which one holds 46 at the least.
    assert_eq!(guaranteed(RISCV64, maximum), 61);
    let maximum = Shape {
        aslr: Aslr::Maximum,
        ..PIE
    };
    assert_eq!(guaranteed(RISCV64, maximum), 60);
    assert_eq!(guaranteed(AARCH64, maximum), 124);
    assert_eq!(guaranteed(X86_64, PIE), 1000);
}

#[test]
fn the_default_pool_of_wasmtime_28_has_the_reported_size() {
    let plan = slots(X86_64, AddressSpaceKeys::EMPTY, PoolKeys::EMPTY);
    let footprint = plan.guaranteed()[0].footprint(Size::kib(4)).unwrap();
    // As in the report of wasmCloud #5066: "mmap failed to reserve 0x3efd2000000 bytes".
    assert_eq!(footprint.mappings[0].bytes, Size::bytes(0x3ef_d200_0000));
}

#[test]
fn slots_of_127_are_exactly_the_whole_of_va39_and_never_fit() {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(127)),
        ..PoolKeys::EMPTY
    };
    let plan = slots(AARCH64, AddressSpaceKeys::EMPTY, keys);
    let footprint = plan.guaranteed()[0].footprint(Size::kib(4)).unwrap();
    assert_eq!(footprint.mappings[0].bytes, Size::bytes(1 << 39));
    assert!(plan.misfit.is_some());
}

#[test]
fn defaults_are_smaller_everywhere_but_on_x86_64() {
    let default = |target| {
        let case = Settings::new(&[], &[]).resolve(target).unwrap();
        let plan = Plan::new(&case);
        assert_eq!(plan.misfit, None, "{target:?}");
        plan.guaranteed()[0]
    };
    let x86_64 = default(X86_64);
    assert_eq!(x86_64.max_instances, 1000);
    assert_eq!(x86_64.memory_reservation, Size::gib(4));
    for table in VaProfile::ALL {
        for profile in *table {
            let target = Target::new(profile.arch, profile.os, profile.pointer_width());
            let limits = default(target);
            if profile.arch != Arch::X86_64 {
                assert!(limits.max_instances <= 100, "{target:?}");
                assert!(
                    limits.memory_reservation < x86_64.memory_reservation,
                    "{target:?}"
                );
            }
        }
    }
}

/// The order of mappings matters: the kernel takes the highest hole that is large enough, and a
/// packing of one's own would promise too much.
#[test]
fn pools_of_20_47_and_40_tib_fail_where_40_20_and_47_succeed() {
    let fit = |order: [u64; 3]| {
        let mut settings = Settings::new(&["a", "b", "c"], &[]).address_space(AddressSpaceKeys {
            aslr: Some(Setting::given(Aslr::Minimum)),
            ..AddressSpaceKeys::EMPTY
        });
        for (index, tib) in order.into_iter().enumerate() {
            settings = settings.pool(
                index,
                PoolKeys {
                    max_instances: Some(Setting::given(1)),
                    memory_reservation: Some(Setting::given(Size::tib(tib))),
                    guard_size: Some(Setting::given(Size::ZERO)),
                    table_reservation: Some(Setting::given(Size::ZERO)),
                    stack_reservation: Some(Setting::given(Size::ZERO)),
                    ..PoolKeys::EMPTY
                },
            );
        }
        Plan::new(&settings.resolve(X86_64).unwrap())
            .misfit
            .is_none()
    };
    assert!(!fit([20, 47, 40]));
    assert!(fit([40, 20, 47]));
}

#[test]
fn the_sentence_of_a_misfit() {
    let keys = PoolKeys {
        max_instances: Some(Setting::at(1000, 6, 17)),
        on_misfit: Some(Setting::given(OnMisfit::Error)),
        keep: Some(Setting::given(Keep::MemoryReservation)),
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&[], &[])
        .pooling_allocator(keys)
        .pooling_allocator(PoolKeys {
            memory_reservation: Some(Setting::given(Size::gib(4))),
            ..PoolKeys::EMPTY
        });
    let case = settings.resolve(RISCV64).unwrap();
    let misfit = Plan::new(&case).misfit.unwrap();
    assert_eq!(
        misfit.sentence(&case, "poolcfg.toml").as_str(),
        "PC0001: pool needs 3.94 TiB in slots of 4.04 GiB; riscv64 sv39 (pie, measured profile) has 252.87 GiB \
         in three holes: max_instances = 60 fits (poolcfg.toml:6:17)\n\
         note: `cargo poolcfg --explain PC0001` says more"
    );
}

#[test]
fn live_slots_are_bounded_by_max_map_count() {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(60_000)),
        memory_reservation: Some(Setting::given(Size::mib(1))),
        guard_size: Some(Setting::given(Size::kib(64))),
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    let case = settings.resolve(X86_64).unwrap();
    let misfit = Plan::new(&case).misfit.unwrap();
    assert_eq!(misfit.limit, poolcfg_core::Limit::MaxMapCount);
    // Three mappings for a memory, two for a table and two for a stack; and the memories may lie in eight pieces.
    assert_eq!(misfit.need, (3 + 2 + 2) * 60_000 + 3 + 7);
}

/// A promise has to be cheap enough for the compiler: this is evaluated while the test is built, under
/// rustc's lint against long const evaluation.
#[test]
fn a_thousand_pools_are_arithmetic() {
    const PLAN: Plan = {
        let settings = Settings::new(&[], &[]).pooling_allocator(PoolKeys {
            max_instances: Some(Setting::given(u32::MAX)),
            memory_reservation: Some(Setting::given(Size::kib(64))),
            guard_size: Some(Setting::given(Size::kib(4))),
            on_misfit: Some(Setting::given(OnMisfit::Shrink)),
            pools: Some(Setting::given(1000)),
            ..PoolKeys::EMPTY
        });
        match settings.resolve(RISCV64) {
            Ok(case) => Plan::new(&case),
            Err(_) => panic!("the settings have a fault"),
        }
    };
    // 63,482 mappings are left to pools; n slots in each of 1000 pools take 7 n + 3 thousand of them, and
    // n - 1 thousand more where the memories lie in pieces.
    assert_eq!(PLAN.misfit, None);
    assert_eq!(PLAN.guaranteed()[0].max_instances, 7);
}

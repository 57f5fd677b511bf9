//! Wasmtime's pools, held to numbers that were seen in real failures and to its own rules by version.

use poolcfg_core::{
    AddressSpaceKeys, Arch, Code, Engine, HOLES, Hole, InstanceDefaults, Keep, Limits, MappingName,
    OnMisfit, Os, Plan, PlanWarning, PoolKeys, Pooling, ProtectionKeys, Room, Setting, Settings,
    Size, Switch, Target, Three, Totals, WasmtimeFeature, WasmtimeFeatures, WasmtimeKeys,
    WasmtimeVersion, WasmtimeVersionError, pooling,
};
use proptest::prelude::*;

const X86_64: Target = Target::new(Arch::X86_64, Os::Linux, 64);
const SV39: Target = Target::new(Arch::Riscv64, Os::Linux, 64);
const VA39: Target = Target::new(Arch::Aarch64, Os::Linux, 64);
const I686: Target = Target::new(Arch::X86, Os::Linux, 32);

fn keys(version: &str) -> PoolKeys {
    let version = version.parse().expect("a version");
    PoolKeys {
        engine: Some(Setting::given(Engine::Wasmtime)),
        wasmtime: WasmtimeKeys {
            version: Some(Setting::given(version)),
            ..WasmtimeKeys::EMPTY
        },
        ..PoolKeys::EMPTY
    }
}

fn settings(keys: PoolKeys) -> Settings<'static> {
    Settings::new(&[], &[]).pooling_allocator(keys)
}

/// Bytes of the memory, table and stack pool that is asked for.
fn asked(keys: PoolKeys, target: Target) -> [u64; 3] {
    let case = settings(keys).resolve(target).expect("no fault");
    let footprint = case.pools()[0].asked.footprint(case.budget.page_size);
    footprint
        .expect("no overflow")
        .mappings
        .map(|mapping| mapping.bytes.get())
}

/// The same of what a version takes by default.
fn of_itself(version: &str, target: Target) -> [u64; 3] {
    let version = version.parse().expect("a version");
    let own = Limits::of_wasmtime(version, target);
    let footprint = own.footprint(Size::kib(4)).expect("no overflow");
    footprint.mappings.map(|mapping| mapping.bytes.get())
}

/// What is guaranteed, and its totals.
fn guaranteed(settings: Settings<'_>, target: Target) -> (Limits, Totals) {
    let case = settings.resolve(target).expect("no fault");
    let plan = Plan::new(&case);
    assert_eq!(plan.misfit, None);
    let limits = plan.guaranteed()[0];
    let wasmtime = limits.wasmtime.expect("an engine");
    (limits, wasmtime.totals(&limits).expect("no overflow"))
}

fn codes(keys: PoolKeys, target: Target) -> Vec<Code> {
    match settings(keys).resolve(target) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(|fault| fault.code()).collect(),
    }
}

#[test]
fn the_defaults_of_each_version_map_what_real_machines_refused() {
    // wasmtime #8607 (21.0), runwasi #767.
    assert_eq!(
        of_itself("21", X86_64),
        [0x5dc_8000_0000, 163_840_000, 2_101_248_000]
    );
    // 10,000 elements up to 20.
    assert_eq!(of_itself("20", X86_64)[1], 81_920_000);
    for version in 22..=27 {
        let version = version.to_string();
        assert_eq!(of_itself(&version, X86_64)[0], 0x5dc_8000_0000, "{version}");
    }
    // wasmCloud #5066 (43.0.0), spin #2119 (the stacks).
    for version in 28..=51 {
        let version = version.to_string();
        let expected = [0x3ef_d200_0000, 163_840_000, 0x7d3e_8000];
        assert_eq!(of_itself(&version, X86_64), expected, "{version}");
    }
}

#[test]
fn the_defaults_of_32_bits_are_those_of_each_version() {
    // 100 slots of 10 MiB and no guard where code is interpreted, from 32 on; 1000 before.
    assert_eq!(
        of_itself("44", I686),
        [100 * (10 << 20), 100 * 81_920, 100 * ((2 << 20) + 4096)]
    );
    // The leak of 28 to 43 wants a guard.
    let slot = (10 << 20) + (64 << 10);
    assert_eq!(of_itself("32", I686)[0], (64 << 10) + 100 * slot);
    assert_eq!(of_itself("31", I686)[0], (64 << 10) + 1000 * slot);
    let case = settings(keys("44")).resolve(I686).expect("no fault");
    assert_eq!(case.pools()[0].asked.max_memory_size, Size::mib(10));
}

#[test]
fn default_slots_on_small_address_spaces() {
    for (target, slots) in [(SV39, 42), (VA39, 84), (X86_64, 1000)] {
        let case = settings(keys("48")).resolve(target).expect("no fault");
        assert_eq!(Plan::new(&case).warnings(&case).count(), 0);
        let (limits, totals) = guaranteed(settings(keys("48")), target);
        assert_eq!(limits.max_instances, slots);
        assert_eq!(limits.memory_reservation, Size::gib(4));
        assert_eq!((totals.memories, totals.stacks), (slots, slots));
        assert_eq!(
            (totals.component_instances, totals.gc_heaps),
            (slots, slots)
        );
        // A component has several of each.
        assert_eq!(
            (totals.tables, totals.core_instances),
            (slots * 3, slots * 5)
        );
        let counts = limits.wasmtime.expect("an engine").counts();
        assert_eq!(
            counts.to_string(),
            "up to 5 core instances, 1 memory, 3 tables"
        );
    }
}

#[test]
fn without_components_wasmtimes_own_totals_stay() {
    let mut keys = keys("48");
    keys.wasmtime.features = Some(Setting::given(
        WasmtimeFeatures::EMPTY.with(WasmtimeFeature::Async),
    ));
    let (limits, totals) = guaranteed(settings(keys), SV39);
    assert_eq!(limits.max_instances, 42);
    assert_eq!((totals.tables, totals.core_instances), (1000, 1000));
    let counts = limits.wasmtime.expect("an engine").counts();
    assert_eq!(
        counts.to_string(),
        "up to 1 core instance, 1 memory, 1 table"
    );
}

/// A profile with one hole, which a pool of Wasmtime's fills.
fn one_hole(bytes: u64) -> impl Fn(PoolKeys, Option<InstanceDefaults>) -> (Limits, Totals) {
    move |keys, instance| {
        let mut settings = settings(keys);
        if let Some(instance) = instance {
            settings = settings.instance_defaults(instance);
        }
        let case = settings.resolve(X86_64).expect("no fault");
        let mut budget = case.budget;
        budget.room = Room {
            holes: [Hole {
                least: bytes,
                most: bytes,
            }; HOLES],
            count: 1,
            knee: 0,
            total: 0,
            parts: 0,
            three: Three::NONE,
        };
        budget.huge_page = Size::ZERO;
        let case = case.with_budget(budget);
        let plan = Plan::new(&case);
        assert_eq!(plan.misfit, None);
        let limits = plan.guaranteed()[0];
        let wasmtime = limits.wasmtime.expect("an engine");
        (limits, wasmtime.totals(&limits).expect("no overflow"))
    }
}

/// Bytes of so many slots of Wasmtime's, each with one table of its own 20,000 elements and a stack.
const fn slots_with_one_table(slots: u64) -> u64 {
    let memory = (4 << 30) + (32 << 20);
    let stack = (2 << 20) + 4096;
    (32 << 20) + slots * (memory + TABLE + stack)
}

const TABLE: u64 = 160 << 10;

#[test]
fn tables_are_lowered_to_what_fits_and_instances_are_not() {
    for (left, tables) in [(0, 1), (9, 1), (10, 2), (19, 2), (20, 3), (30, 3)] {
        let place = one_hole(slots_with_one_table(10) + left * TABLE);
        let (limits, totals) = place(keys("48"), None);
        assert_eq!(limits.max_instances, 10, "{left}");
        assert_eq!(totals.tables, 10 * tables, "{left}");
        assert_eq!(totals.core_instances, 50, "{left}");
        // What somebody wrote is not lowered: there it costs an instance.
        let mut said = keys("48");
        said.wasmtime.tables_per_instance = Some(Setting::given(3));
        let (limits, totals) = place(said, None);
        assert_eq!(totals.tables, limits.max_instances * 3);
        assert_eq!(limits.max_instances, if left < 20 { 9 } else { 10 });
    }
}

#[test]
fn what_is_asked_with_more_tables_than_fit_is_no_misfit() {
    let place = one_hole(slots_with_one_table(10));
    let mut keys = keys("48");
    keys.max_instances = Some(Setting::given(10));
    let (limits, totals) = place(keys, None);
    assert_eq!((limits.max_instances, totals.tables), (10, 10));
}

/// Of what a host takes by default tables come first, and then larger ones.
#[test]
fn larger_tables_come_after_more_tables() {
    let host = InstanceDefaults {
        core_instances: 4,
        tables: 2,
        table_elements: Some(100_000),
    };
    let large = 100_000_u64.next_multiple_of(512) * 8;
    for (left, tables, elements) in [
        (0, 1, 20_480),
        (10, 2, 20_480),
        // Two pages more for each of twenty tables.
        (11, 2, 20_480 + 1024),
        (1000, 2, 100_000),
    ] {
        let (limits, totals) =
            one_hole(slots_with_one_table(10) + left * TABLE)(keys("48"), Some(host));
        assert_eq!(limits.max_instances, 10, "{left}");
        assert_eq!(totals.tables, 10 * tables, "{left}");
        assert_eq!(totals.core_instances, 40, "{left}");
        let wasmtime = limits.wasmtime.expect("an engine");
        assert_eq!(wasmtime.table_elements(&limits), elements, "{left}");
        assert!(limits.table_reservation.get() <= large);
    }
}

#[test]
fn pools_get_more_tables_in_turn() {
    let settings = Settings::new(&["a", "b"], &[]).pooling_allocator(keys("48"));
    let case = settings.resolve(X86_64).expect("no fault");
    let mut budget = case.budget;
    let bytes = 2 * slots_with_one_table(10) + 10 * TABLE + 5 * TABLE;
    budget.room = Room {
        holes: [Hole {
            least: bytes,
            most: bytes,
        }; HOLES],
        count: 1,
        knee: 0,
        total: 0,
        parts: 0,
        three: Three::NONE,
    };
    budget.huge_page = Size::ZERO;
    let plan = Plan::new(&case.with_budget(budget));
    let [a, b] = plan.guaranteed() else {
        panic!("two pools");
    };
    assert_eq!((a.max_instances, b.max_instances), (10, 10));
    let tables = |limits: &Limits| limits.wasmtime.expect("an engine").tables_per_instance;
    assert_eq!((tables(a), tables(b)), (Some(2), Some(1)));
    // What is told of an instance is told of those beyond the guarantee, too.
    let promise = plan.promise(&case.with_budget(budget), 1);
    assert_eq!(promise.asked.max_instances, 1000);
    assert_eq!(tables(&promise.asked), Some(1));
}

#[test]
fn memories_and_heaps_share_the_slots_from_33_on() {
    let with_heaps = |version: &str| {
        let mut keys = keys(version);
        keys.max_instances = Some(Setting::given(10));
        keys.wasmtime.memories_per_instance = Some(Setting::given(2));
        keys.wasmtime.tables_per_instance = Some(Setting::given(3));
        keys.wasmtime.core_instances_per_instance = Some(Setting::given(5));
        keys.wasmtime.gc_heaps_per_instance = Some(Setting::given(1));
        let case = settings(keys).resolve(X86_64).expect("no fault");
        let asked = case.pools()[0].asked;
        let totals = asked
            .wasmtime
            .expect("an engine")
            .totals(&asked)
            .expect("no overflow");
        (
            totals.memories,
            totals.tables,
            totals.core_instances,
            totals.gc_heaps,
        )
    };
    assert_eq!(with_heaps("33"), (30, 30, 50, 10));
    assert_eq!(with_heaps("32"), (20, 30, 50, 10));
}

#[test]
fn two_thousand_component_instances_when_two_thousand_are_asked_for() {
    let mut keys = keys("48");
    keys.max_instances = Some(Setting::given(2000));
    let case = settings(keys).resolve(X86_64).expect("no fault");
    let asked = case.pools()[0].asked;
    let totals = asked
        .wasmtime
        .expect("an engine")
        .totals(&asked)
        .expect("no overflow");
    assert_eq!(
        (totals.component_instances, totals.core_instances),
        (2000, 10_000)
    );
}

#[test]
fn without_async_there_are_no_stacks() {
    let mut keys = keys("48");
    keys.wasmtime.features = Some(Setting::given(
        WasmtimeFeatures::EMPTY.with(WasmtimeFeature::Gc),
    ));
    assert_eq!(asked(keys, X86_64)[2], 0);
    keys.stack_reservation = Some(Setting::at(Size::mib(1), 3, 1));
    assert_eq!(codes(keys, X86_64), [Code::LacksFeature]);
    // None at all is what it has.
    keys.stack_reservation = Some(Setting::at(Size::ZERO, 3, 1));
    assert_eq!(codes(keys, X86_64), []);
}

#[test]
fn on_windows_no_stack_is_mapped_when_the_engine_is_made() {
    let windows = Target::new(Arch::X86_64, Os::Windows, 64);
    assert_eq!(asked(keys("48"), windows)[2], 0);
}

type Change = fn(&mut PoolKeys);

/// Keys that `Engine::new` refuses in a version, and the code of what is wrong with them.
const REFUSED: [(&str, Target, Change, Code); 14] = [
    (
        "48",
        X86_64,
        |keys| keys.memory_reservation = Some(Setting::given(Size::gib(1))),
        Code::Misfit,
    ),
    (
        "48",
        X86_64,
        |keys| {
            keys.memory_reservation = Some(Setting::given(Size::gib(1)));
            keys.max_memory_size = Some(Setting::given(Size::gib(2)));
        },
        Code::MemoryAboveReservation,
    ),
    (
        "48",
        X86_64,
        |keys| keys.stack_reservation = Some(Setting::given(Size::kib(256))),
        Code::RefusedByWasmtime,
    ),
    (
        "48",
        X86_64,
        |keys| keys.wasmtime.max_wasm_stack = Some(Setting::given(Size::mib(3))),
        Code::RefusedByWasmtime,
    ),
    (
        "48",
        X86_64,
        |keys| keys.wasmtime.max_wasm_stack = Some(Setting::given(Size::ZERO)),
        Code::Zero,
    ),
    (
        "43",
        X86_64,
        |keys| {
            keys.memory_reservation = Some(Setting::given(Size::gib(1)));
            keys.guard_size = Some(Setting::given(Size::ZERO));
        },
        Code::GuardLeaks,
    ),
    (
        "26",
        X86_64,
        |keys| keys.guard_size = Some(Setting::given(Size::kib(32))),
        Code::RefusedByWasmtime,
    ),
    (
        "21",
        X86_64,
        |keys| {
            keys.memory_reservation = Some(Setting::given(Size::gib(8)));
            keys.max_memory_size = Some(Setting::given(Size::gib(8)));
        },
        Code::RefusedByWasmtime,
    ),
    (
        "48",
        X86_64,
        |keys| {
            keys.wasmtime.memory_protection_keys = Some(Setting::given(ProtectionKeys::Count(15)))
        },
        Code::LacksFeature,
    ),
    (
        "22",
        SV39,
        |keys| {
            keys.wasmtime.memory_protection_keys = Some(Setting::given(ProtectionKeys::Count(15)))
        },
        Code::LacksFeature,
    ),
    (
        "22",
        X86_64,
        |keys| {
            keys.wasmtime.memory_protection_keys = Some(Setting::given(ProtectionKeys::Count(16)))
        },
        Code::LacksFeature,
    ),
    (
        "19",
        X86_64,
        |keys| keys.wasmtime.gc_heaps_per_instance = Some(Setting::given(1)),
        Code::LacksFeature,
    ),
    (
        "48",
        X86_64,
        |keys| keys.table_reservation = Some(Setting::given(Size::kib(64))),
        Code::OtherEngine,
    ),
    (
        "48",
        X86_64,
        |keys| {
            keys.max_instances = Some(Setting::given(u32::MAX));
            keys.wasmtime.tables_per_instance = Some(Setting::given(2));
        },
        Code::Overflow,
    ),
];

#[test]
fn what_engine_new_refuses_is_a_fault() {
    for (index, (version, target, change, code)) in REFUSED.into_iter().enumerate() {
        let mut keys = keys(version);
        change(&mut keys);
        let expected = if code == Code::Misfit {
            Vec::new()
        } else {
            vec![code]
        };
        assert_eq!(codes(keys, target), expected, "case {index}");
    }
    for count in ["memories", "tables", "core_instances", "gc_heaps"] {
        let mut keys = keys("48");
        let zero = Some(Setting::given(0));
        match count {
            "memories" => keys.wasmtime.memories_per_instance = zero,
            "tables" => keys.wasmtime.tables_per_instance = zero,
            "core_instances" => keys.wasmtime.core_instances_per_instance = zero,
            _ => keys.wasmtime.gc_heaps_per_instance = zero,
        }
        assert_eq!(codes(keys, X86_64), [Code::Zero], "{count}");
    }
}

#[test]
fn the_leak_is_refused_in_the_releases_that_have_it() {
    let refused = |version: &str| {
        let mut keys = keys(version);
        keys.memory_reservation = Some(Setting::given(Size::gib(1)));
        keys.guard_size = Some(Setting::given(Size::ZERO));
        codes(keys, X86_64) == [Code::GuardLeaks]
    };
    for version in ["28", "35", "36", "36.0.6", "41", "42.0.1", "43.0.0"] {
        assert!(refused(version), "{version}");
    }
    for version in ["27", "36.0.7", "42.0.2", "43.0.1", "44", "48"] {
        assert!(!refused(version), "{version}");
    }
}

/// What is found wrong with `pagemap_scan`, whether it is on, and whether that is warned of.
fn scan(version: &str, said: Option<Switch>, keeps: bool) -> (Vec<Code>, bool, bool) {
    let mut keys = keys(version);
    keys.wasmtime.pagemap_scan = said.map(Setting::given);
    if keeps {
        keys.wasmtime.table_keep_resident = Some(Setting::given(Size::kib(4)));
    }
    let found = codes(keys, X86_64);
    if !found.is_empty() {
        return (found, false, false);
    }
    let case = settings(keys).resolve(X86_64).expect("no fault");
    let plan = Plan::new(&case);
    let warned = plan.warnings(&case).any(|warning| {
        let leaks = matches!(warning, PlanWarning::Leaks { .. });
        assert_eq!(leaks, warning.code() == Code::SwappedPages);
        leaks
    });
    let limits = plan.guaranteed()[0];
    (
        found,
        limits.wasmtime.expect("an engine").pagemap_scan,
        warned,
    )
}

#[test]
fn the_scan_is_on_by_itself_only_where_it_is_safe_and_of_use() {
    for (version, on) in [
        ("28", false),
        ("36.0.7", false),
        ("37", false),
        ("48", false),
        ("48.0.8", false),
        ("49.0.5", false),
        ("50", true),
        ("50.0.1", true),
        ("51", true),
    ] {
        for said in [None, Some(Switch::Auto)] {
            assert_eq!(scan(version, said, true), (vec![], on, false), "{version}");
            // Nothing stays resident that could be scanned.
            assert_eq!(
                scan(version, said, false),
                (vec![], false, false),
                "{version}"
            );
        }
    }
}

#[test]
fn the_scan_is_warned_of_where_somebody_wants_it_and_it_leaks() {
    for keeps in [false, true] {
        let on = |version| scan(version, Some(Switch::On), keeps);
        for version in ["28", "36.0.7"] {
            assert_eq!(on(version), (vec![Code::LacksFeature], false, false));
            assert_eq!(
                scan(version, Some(Switch::Off), keeps),
                (vec![], false, false)
            );
        }
        for version in ["37", "43.0.1", "48", "48.0.8", "49.0.5"] {
            assert_eq!(on(version), (vec![], true, true), "{version}");
            assert_eq!(
                scan(version, Some(Switch::Off), keeps),
                (vec![], false, false)
            );
        }
        for version in ["50", "50.0.1", "51"] {
            assert_eq!(on(version), (vec![], true, false), "{version}");
            assert_eq!(
                scan(version, Some(Switch::Off), keeps),
                (vec![], false, false)
            );
        }
    }
}

#[test]
fn an_engine_wants_its_version_and_settings_want_their_engine() {
    let mut no_version = keys("48");
    no_version.wasmtime.version = None;
    assert_eq!(codes(no_version, X86_64), [Code::BadVersion]);
    let mut no_engine = keys("48");
    no_engine.engine = None;
    assert_eq!(codes(no_engine, X86_64), [Code::OtherEngine]);
    // Somebody who says so means it: a common table may hold what another pool uses.
    no_engine.engine = Some(Setting::given(Engine::Native));
    assert_eq!(codes(no_engine, X86_64), []);
}

#[test]
fn slots_below_4_gib_are_warned_of_and_only_chosen_when_asked_for() {
    let warned = |version: &str, reservation: Size| {
        let mut keys = keys(version);
        keys.memory_reservation = Some(Setting::given(reservation));
        keys.max_instances = Some(Setting::given(4));
        let case = settings(keys).resolve(X86_64).expect("no fault");
        let plan = Plan::new(&case);
        let limits = plan.guaranteed()[0];
        let moves = limits.wasmtime.expect("an engine").memory_may_move(&limits);
        let warned = plan
            .warnings(&case)
            .any(|warning| matches!(warning, PlanWarning::BoundsChecks { .. }));
        assert_eq!(warned, !moves);
        warned
    };
    let almost = Size::bytes((4 << 30) - (64 << 10));
    assert!(!warned("48", Size::gib(4)) && !warned("28", Size::gib(4)));
    // From 39 on the guard counts too.
    assert!(!warned("39", almost) && warned("38", almost));
    assert!(warned("48", Size::gib(1)));

    let mut small = keys("48");
    small.keep = Some(Setting::given(Keep::MaxInstances));
    let case = settings(small).resolve(SV39).expect("no fault");
    let plan = Plan::new(&case);
    assert_eq!(plan.guaranteed()[0].max_instances, 1000);
    assert!(plan.guaranteed()[0].memory_reservation < Size::gib(4));
    assert!(
        plan.warnings(&case)
            .any(|warning| matches!(warning, PlanWarning::BoundsChecks { .. }))
    );
}

/// What is said of checks is true of the version and the machine: up to 38 the guard does not count, and no slot is named
/// that does not fit.
#[test]
fn the_warning_of_checks_names_what_counts_and_fits() {
    let warned = |version: &str, rlimit_as: Option<Size>| {
        let mut keys = keys(version);
        keys.memory_reservation = Some(Setting::given(Size::gib(1)));
        keys.guard_size = Some(Setting::given(Size::gib(2)));
        keys.max_instances = Some(Setting::given(1));
        let space = AddressSpaceKeys {
            headroom: Some(Setting::given(Size::gib(1))),
            rlimit_as: Some(Setting::given(rlimit_as)),
            ..AddressSpaceKeys::EMPTY
        };
        let settings = settings(keys).address_space(space);
        let case = settings.resolve(SV39).expect("no fault");
        let plan = Plan::new(&case);
        assert_eq!(plan.misfit, None);
        let mut warnings = plan.warnings(&case);
        warnings.next().expect("a warning").to_string()
    };
    let (old, new) = (warned("38", None), warned("48", None));
    assert!(old.starts_with("slots of 1 GiB are below 4 GiB"), "{old}");
    assert!(
        new.starts_with("slots of 1 GiB and a guard of 2 GiB are below 4 GiB"),
        "{new}"
    );
    let whole = "set `memory_reservation = \"4GiB\"`";
    assert!(old.contains(whole) && new.contains(whole), "{new}");
    // One slot of 1 GiB between its guards fits, and none of 4 GiB.
    let full = warned("48", Some(Size::gib(7)));
    assert!(
        full.ends_with(": slots of 4 GiB do not fit this target"),
        "{full}"
    );
}

#[test]
fn nothing_that_is_charged_is_no_warning() {
    let warnings = |stacks: u32| {
        let mut keys = keys("26");
        keys.max_instances = Some(Setting::given(10));
        keys.wasmtime.total_tables = Some(Setting::given(0));
        keys.wasmtime.total_stacks = Some(Setting::given(stacks));
        let case = settings(keys).resolve(X86_64).expect("no fault");
        let plan = Plan::new(&case);
        plan.warnings(&case).count()
    };
    assert_eq!((warnings(0), warnings(10)), (0, 1));
}

#[test]
fn a_newer_version_is_taken_as_the_newest_known_with_a_note() {
    let case = settings(keys("51")).resolve(X86_64).expect("no fault");
    let warnings: Vec<_> = Plan::new(&case).warnings(&case).collect();
    assert!(matches!(warnings[..], [PlanWarning::NewerVersion { .. }]));
}

#[test]
fn before_27_tables_and_stacks_are_held_to_ram_and_swap() {
    let with = |version: &str, memory| {
        let mut case = settings(keys(version)).resolve(X86_64).expect("no fault");
        case.budget.limits.memory = memory;
        let case = case.with_budget(case.budget);
        let plan = Plan::new(&case);
        (
            plan.guaranteed()[0].max_instances,
            plan.warnings(&case).count(),
        )
    };
    // spin #2119: 2 GiB of stacks on a machine of 1 GiB.
    let (instances, warnings) = with("26", Some(Size::gib(1)));
    assert_eq!((instances, warnings), (511, 0));
    assert_eq!(with("27", Some(Size::gib(1))), (1000, 0));
    // What is not measured is warned of.
    assert_eq!(with("26", None), (1000, 1));
}

#[test]
fn versions_are_read_as_they_are_written() {
    for text in ["48", "48.0", "48.0.2", "13", "100.1.2"] {
        assert_eq!(
            text.parse::<WasmtimeVersion>()
                .map(|version| version.to_string()),
            Ok(text.to_owned())
        );
    }
    for text in [
        "",
        "v48",
        "48.",
        ".48",
        "48.0.2.1",
        "48-rc1",
        "4294967296",
        "+48",
        " 48",
        "latest",
    ] {
        assert_eq!(
            text.parse::<WasmtimeVersion>(),
            Err(WasmtimeVersionError::NotVersion),
            "{text}"
        );
    }
    for text in ["12", "0.40", "1.0.0", "12.0.2"] {
        assert_eq!(
            text.parse::<WasmtimeVersion>(),
            Err(WasmtimeVersionError::TooOld),
            "{text}"
        );
    }
}

#[test]
fn striped_slots_are_as_large_as_the_real_code_makes_them() {
    let striped = |major, memory: u64| {
        let settings = Pooling {
            major,
            memories: 1000,
            tables: 0,
            stacks: 0,
            heaps: 0,
            reservation: 4 << 30,
            max_memory_size: memory,
            guard_size: 32 << 20,
            guard_before: true,
            keys: 15,
            keys_auto: false,
            table: 0,
            stack: 0,
            pools: 1,
        };
        pooling(&settings, 4096).expect("no overflow")
    };
    // Measured with `calculate` of Wasmtime 48: slots of 275 MiB in 272.6 GiB, of 512 MiB in 503.6 GiB.
    let mib = |mib: u64| mib << 20;
    let wide = mib(4096 + 32);
    assert_eq!(
        striped(48, mib(128)).sizes[0],
        mib(32) + 1000 * 288_571_392 + (wide - 288_571_392)
    );
    assert_eq!(
        striped(48, mib(512)).sizes[0],
        mib(32) + 1000 * mib(512) + (wide - mib(512))
    );
    assert_eq!(striped(48, mib(512)).maps_at_start, 1002);
}

/// The layout of one slot and the bytes of a pool are one rule.
#[test]
fn slots_of_the_layout_fill_the_pool() {
    const NAMES: [MappingName; 3] = [
        MappingName::Memories,
        MappingName::Tables,
        MappingName::Stacks,
    ];
    for (version, target) in [
        (13, X86_64),
        (27, X86_64),
        (48, X86_64),
        (48, SV39),
        (48, I686),
    ] {
        let own = Limits::of_wasmtime(WasmtimeVersion::major(version), target);
        let mut other = own.with_reservation(Size::bytes((5 << 20) + 1));
        other.table_reservation = Size::bytes(4097);
        other.stack_reservation = Size::ZERO;
        for limits in [own, other] {
            let wasmtime = limits.wasmtime.expect("an engine");
            let totals = wasmtime.totals(&limits).expect("no overflow");
            let counts = [totals.memories, totals.tables, totals.stacks];
            for page_size in [Size::kib(4), Size::kib(64)] {
                let footprint = limits.footprint(page_size).expect("no overflow");
                for (name, count) in NAMES.into_iter().zip(counts) {
                    let layout = limits.slot_layout(name, page_size).expect("no overflow");
                    let bytes = layout.before + layout.stride * u64::from(count);
                    assert_eq!(footprint.mappings[name as usize].bytes.get(), bytes);
                }
            }
        }
    }
    // 2 GiB up to 27.
    let old = Limits::of_wasmtime(WasmtimeVersion::major(27), X86_64);
    let layout = old.slot_layout(MappingName::Memories, Size::kib(4));
    assert_eq!(layout.map(|layout| layout.guard), Some(2 << 30));
}

/// With `"auto"` what is guaranteed is what fits without keys; where there are none for anybody, none are asked for.
#[test]
fn auto_keys_guarantee_what_fits_without() {
    let guaranteed = |keys, target| {
        let case = settings(keys).resolve(target).expect("no fault");
        Plan::new(&case).guaranteed()[0]
    };
    for version in [14, 15, 22, 23, 48, 50] {
        let wanted = |protection_keys| {
            let mut keys = keys_for(version, protection_keys);
            keys.max_memory_size = Some(Setting::given(Size::mib(128)));
            keys
        };
        let auto = guaranteed(wanted(ProtectionKeys::Auto), X86_64);
        let none = guaranteed(wanted(ProtectionKeys::Count(0)), X86_64);
        let all = guaranteed(wanted(ProtectionKeys::Count(15)), X86_64);
        let bytes = |limits: Limits| {
            limits
                .footprint(Size::kib(4))
                .expect("no overflow")
                .mappings[0]
                .bytes
        };
        assert_eq!(bytes(auto), bytes(none), "{version}");
        assert!(bytes(all) < bytes(auto), "{version}");
        let own = auto.wasmtime.expect("an engine");
        assert_eq!(own.memory_protection_keys, 15);
        assert!(own.memory_protection_keys_auto);

        let other = guaranteed(wanted(ProtectionKeys::Auto), VA39);
        let own = other.wasmtime.expect("an engine");
        assert_eq!(own.memory_protection_keys, 0);
        assert!(!own.memory_protection_keys_auto);
        assert_eq!(other, guaranteed(wanted(ProtectionKeys::Count(0)), VA39));
    }
}

#[test]
fn auto_keys_need_a_wasmtime_that_has_them() {
    for (version, target, found) in [
        ("13", X86_64, vec![Code::LacksFeature]),
        ("14", X86_64, vec![]),
        ("23", X86_64, vec![Code::LacksFeature]),
        ("48", X86_64, vec![Code::LacksFeature]),
        ("48", VA39, vec![]),
    ] {
        let mut keys = keys(version);
        keys.wasmtime.memory_protection_keys = Some(Setting::given(ProtectionKeys::Auto));
        keys.on_misfit = Some(Setting::given(OnMisfit::Shrink));
        assert_eq!(codes(keys, target), found, "{version}");
    }
}

proptest! {
    #[test]
    fn auto_keys_count_bytes_without_and_mappings_with(
        major in 13u64..52,
        memories in 0u64..3000,
        reservation in (1u64..70_000).prop_map(|grains| grains << 16),
        max in 0u64..70_000,
        guard in (0u64..600).prop_map(|grains| grains << 16),
        guard_before in any::<bool>(),
        found in 0u64..=15,
    ) {
        let auto = Pooling {
            major, memories, tables: 3, stacks: 5, heaps: 0, reservation, max_memory_size: (max << 16).min(reservation),
            guard_size: guard, guard_before, keys: 15, keys_auto: true, table: 4096, stack: 4096, pools: 1,
        };
        let of = |settings: Pooling| pooling(&settings, 4096).expect("no overflow");
        let counted = of(auto);
        let without = of(Pooling { keys: 0, keys_auto: false, ..auto });
        prop_assert_eq!(counted.sizes, without.sizes);
        // Whatever Wasmtime finds at start takes no more of anything.
        let made = of(Pooling { keys: found, keys_auto: false, ..auto });
        prop_assert!(made.sizes[0] <= counted.sizes[0]);
        prop_assert!(made.maps_at_start <= counted.maps_at_start);
        prop_assert!(made.maps_at_worst <= counted.maps_at_worst);
    }

    #[test]
    fn a_memory_never_reaches_one_of_its_own_key(
        memories in 1u64..3000,
        reservation in (1u64..70_000).prop_map(|grains| grains << 16),
        max in 1u64..70_000,
        guard in (0u64..600).prop_map(|grains| grains << 16),
        guard_before in any::<bool>(),
        keys in 0u64..=15,
    ) {
        let max_memory_size = (max << 16).min(reservation);
        let settings = Pooling {
            major: 48, memories, tables: 0, stacks: 0, heaps: 0, reservation, max_memory_size,
            guard_size: guard, guard_before, keys, keys_auto: false, table: 0, stack: 0, pools: 1,
        };
        let mapped = pooling(&settings, 4096).expect("no overflow");
        let plain = pooling(&Pooling { keys: 0, ..settings }, 4096).expect("no overflow");
        prop_assert!(mapped.sizes[0] <= plain.sizes[0]);
        // The last slot still has its whole reservation and guard before the end of the mapping.
        let before = if guard_before { guard } else { 0 };
        let unstriped = reservation + guard;
        let slot = (mapped.sizes[0] - before - unstriped).checked_div(memories - 1).unwrap_or(unstriped);
        prop_assert!(slot >= max_memory_size);
        // As many slots as there are keys cover what one memory's code may reach: the assertion that
        // Wasmtime makes when it allocates (memory_pool.rs:398, v48).
        prop_assert!(slot * keys.min(memories).max(1) >= unstriped);
        prop_assert!(mapped.maps_at_start <= mapped.maps_at_worst);
    }

    #[test]
    fn more_instances_never_map_less(
        version in 13u32..52,
        instances in 1u32..5000,
        reservation in 1u64..70_000,
        keys in 0u32..=15,
    ) {
        let mut wanted = keys_for(version, ProtectionKeys::Count(keys));
        wanted.max_instances = Some(Setting::given(instances));
        wanted.memory_reservation = Some(Setting::given(Size::bytes(reservation << 16)));
        let less = asked(wanted, X86_64);
        wanted.max_instances = Some(Setting::given(instances + 1));
        let more = asked(wanted, X86_64);
        for kind in 0..3 {
            prop_assert!(more[kind] >= less[kind]);
        }
    }
}

fn keys_for(version: u32, protection_keys: ProtectionKeys) -> PoolKeys {
    let mut keys = keys(&version.to_string());
    if version >= 14 {
        keys.wasmtime.memory_protection_keys = Some(Setting::given(protection_keys));
        let features = WasmtimeFeatures::DEFAULT.with(WasmtimeFeature::MemoryProtectionKeys);
        keys.wasmtime.features = Some(Setting::given(features));
    }
    keys
}

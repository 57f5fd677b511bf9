//! A pool whose first memory has no guard before it: `guard_before = false`.

use poolcfg_core::{
    AddressSpaceKeys, Arch, Engine, Fault, Keep, OnMisfit, Os, Plan, PoolKeys, Setting, Settings,
    Size, Target, WasmtimeVersion,
};

const TARGET: Target = Target::new(Arch::Riscv64, Os::Linux, 64);
const GUARD: Size = Size::gib(1);

fn given<T>(value: T) -> Option<Setting<T>> {
    Some(Setting::given(value))
}

fn plan(before: Option<bool>, keys: PoolKeys) -> Plan {
    plan_under(None, before, keys)
}

fn plan_under(rlimit_as: Option<Size>, before: Option<bool>, keys: PoolKeys) -> Plan {
    let pool = PoolKeys {
        guard_size: given(GUARD),
        table_reservation: given(Size::ZERO),
        stack_reservation: given(Size::ZERO),
        guard_before: before.map(Setting::given),
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&[], &[])
        .pooling_allocator(pool)
        .pooling_allocator(keys)
        .address_space(AddressSpaceKeys {
            va_profile: given("sv39"),
            headroom: given(Size::gib(1)),
            rlimit_as: given(rlimit_as),
            ..AddressSpaceKeys::EMPTY
        });
    Plan::new(&settings.resolve(TARGET).expect("no fault"))
}

/// The largest memory of a pool of one.
fn largest(before: Option<bool>) -> Size {
    let plan = plan(
        before,
        PoolKeys {
            max_instances: given(1),
            memory_reservation: given(Size::gib(200)),
            max_memory_size: given(Size::mib(1)),
            on_misfit: given(OnMisfit::Shrink),
            keep: given(Keep::MaxInstances),
            ..PoolKeys::EMPTY
        },
    );
    assert!(plan.misfit.is_none());
    plan.guaranteed()[0].memory_reservation
}

#[test]
fn the_first_guard_is_left_out_of_the_sum() {
    for slots in [1, 7, 1000] {
        let bytes = |before| {
            let keys = PoolKeys {
                max_instances: given(slots),
                memory_reservation: given(Size::mib(1)),
                on_misfit: given(OnMisfit::Error),
                guard_size: given(Size::bytes(5000)),
                table_reservation: given(Size::kib(160)),
                stack_reservation: given(Size::mib(2)),
                ..PoolKeys::EMPTY
            };
            let limits = plan(before, keys).guaranteed()[0];
            let footprint = limits.footprint(Size::kib(4)).expect("a sum");
            footprint.mappings.map(|mapping| mapping.bytes.get())
        };
        // A guard is whole pages. Tables and stacks keep theirs: a stack runs into the guard below it.
        let [memories, tables, stacks] = bytes(Some(true));
        assert_eq!(bytes(Some(false)), [memories - 8192, tables, stacks]);
        assert_eq!(bytes(None), [memories, tables, stacks]);
    }
}

#[test]
fn a_slot_more_fits_where_the_first_guard_was_what_was_missing() {
    let with = largest(None);
    let without = largest(Some(false));
    assert_eq!(without.get() - with.get(), GUARD.get());
    // Slots of 1 GiB and a guard as large, under a limit that rises by the half of that: every second time one slot more
    // fits without the first guard.
    let slots = |rlimit, before| {
        let keys = PoolKeys {
            max_instances: given(1000),
            memory_reservation: given(Size::gib(1)),
            max_memory_size: given(Size::mib(1)),
            on_misfit: given(OnMisfit::Shrink),
            ..PoolKeys::EMPTY
        };
        plan_under(Some(rlimit), before, keys).guaranteed()[0].max_instances
    };
    let more = [64, 65, 66, 67].map(|gib| {
        let rlimit = Size::gib(gib);
        slots(rlimit, Some(false)) - slots(rlimit, Some(true))
    });
    assert!(more == [0, 1, 0, 1] || more == [1, 0, 1, 0], "{more:?}");
}

/// On sv39 no hole holds 90 slots of 2 GiB: the memories lie in up to three pieces, and each has a first guard. Under a limit
/// that is the sum with one of them, two slots less are guaranteed.
#[test]
fn each_further_piece_has_a_first_guard() {
    let slots = |rlimit, before| {
        let keys = PoolKeys {
            max_instances: given(90),
            memory_reservation: given(Size::gib(1)),
            max_memory_size: given(Size::mib(1)),
            on_misfit: given(OnMisfit::Shrink),
            ..PoolKeys::EMPTY
        };
        let plan = plan_under(Some(rlimit), before, keys);
        assert_eq!(plan.misfit, None);
        plan.guaranteed()[0].max_instances
    };
    // The slots, the headroom, and what is written for the slots; then the first guard.
    let bytes = Size::gib(2 * 90 + 1 + 1).get();
    assert_eq!(slots(Size::bytes(bytes), Some(false)), 90);
    let with = |guards: u64| slots(Size::bytes(bytes + guards * GUARD.get()), Some(true));
    assert_eq!([with(1), with(2), with(3)], [89, 89, 90]);
}

#[test]
fn it_is_no_key_of_wasmtimes() {
    let mut keys = PoolKeys {
        engine: given(Engine::Wasmtime),
        guard_before: Some(Setting::at(false, 3, 16)),
        ..PoolKeys::EMPTY
    };
    keys.wasmtime.version = given(WasmtimeVersion::major(48));
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    let faults = settings.resolve(TARGET).expect_err("a fault");
    let faults: Vec<Fault<'_>> = faults.iter().collect();
    let [fault] = &faults[..] else {
        panic!("{faults:?}");
    };
    assert!(matches!(
        fault,
        Fault::OtherEngine {
            key: "guard_before",
            engine: Engine::Wasmtime,
            ..
        }
    ));
    let help = fault.help();
    assert!(
        help.as_str().contains("guard_before_linear_memory"),
        "{}",
        help.as_str()
    );
}

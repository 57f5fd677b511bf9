//! Pools of tables or stacks only: `memory_reservation = 0`.

use poolcfg_core::{
    AddressSpaceKeys, Arch, Engine, Fault, Keep, OnMisfit, Os, Plan, PoolKeys, Setting, Settings,
    Size, Target, WasmtimeVersion,
};

const TARGET: Target = Target::new(Arch::Riscv64, Os::Linux, 64);

fn given<T>(value: T) -> Option<Setting<T>> {
    Some(Setting::given(value))
}

fn keys(table: Size, stack: Size) -> PoolKeys {
    PoolKeys {
        max_instances: given(1000),
        memory_reservation: given(Size::ZERO),
        table_reservation: given(table),
        stack_reservation: given(stack),
        ..PoolKeys::EMPTY
    }
}

fn settings(keys: PoolKeys, rlimit_as: Option<Size>) -> Settings<'static> {
    Settings::new(&[], &[])
        .pooling_allocator(keys)
        .address_space(AddressSpaceKeys {
            max_map_count: given(1 << 20),
            rlimit_as: given(rlimit_as),
            ..AddressSpaceKeys::EMPTY
        })
}

fn plan(keys: PoolKeys) -> Plan {
    let case = settings(keys, None).resolve(TARGET).expect("no fault");
    Plan::new(&case)
}

fn faults(keys: PoolKeys) -> Vec<String> {
    let settings = settings(keys, None);
    let Err(faults) = settings.resolve(TARGET) else {
        return Vec::new();
    };
    let message = |fault: Fault<'_>| fault.message().as_str().to_owned();
    faults.iter().map(message).collect()
}

#[test]
fn only_what_is_there_is_summed_up() {
    let page = 4096;
    let row = |bytes: Size| page + 1000 * (bytes.get() + page);
    let (table, stack) = (Size::kib(160), Size::mib(2));
    for (keys, sizes, maps) in [
        (keys(Size::ZERO, stack), [0, 0, row(stack)], 2001),
        (keys(table, Size::ZERO), [0, row(table), 0], 2001),
        (keys(table, stack), [0, row(table), row(stack)], 4002),
    ] {
        let plan = plan(keys);
        assert_eq!(plan.misfit, None);
        let limits = plan.guaranteed()[0];
        let footprint = limits.footprint(Size::kib(4)).expect("a sum");
        assert_eq!(footprint.mappings.map(|of| of.bytes.get()), sizes);
        assert_eq!(footprint.maps_at_worst, maps);
        assert_eq!(limits.further_pieces(), 0);
        assert_eq!(limits.max_memory_size, Size::ZERO);
    }
}

#[test]
fn it_shrinks_by_instances() {
    for keep in [None, given(Keep::MemoryReservation)] {
        let keys = PoolKeys {
            on_misfit: given(OnMisfit::Shrink),
            keep,
            ..keys(Size::ZERO, Size::gib(1))
        };
        let plan = plan(keys);
        assert_eq!(plan.misfit, None);
        let limits = plan.guaranteed()[0];
        assert!((100..256).contains(&limits.max_instances), "{limits:?}");
        assert_eq!(limits.stack_reservation, Size::gib(1));
    }
}

/// Where the instances are to stay, there is nothing that could shrink.
#[test]
fn instances_that_are_to_be_kept_are_not_lowered() {
    let keys = PoolKeys {
        on_misfit: given(OnMisfit::Shrink),
        keep: given(Keep::MaxInstances),
        ..keys(Size::ZERO, Size::gib(1))
    };
    assert!(plan(keys).misfit.is_some());
}

#[test]
fn what_does_not_fit_has_no_reservation_as_its_way_out() {
    let keys = PoolKeys {
        on_misfit: given(OnMisfit::Error),
        ..keys(Size::ZERO, Size::gib(1))
    };
    let misfit = plan(keys).misfit.expect("a misfit");
    assert!(misfit.largest_fit.max_instances.is_some());
    assert_eq!(misfit.largest_fit.memory_reservation, None);
}

#[test]
fn a_pool_of_nothing_is_refused_and_a_memory_of_no_reservation() {
    let none = faults(keys(Size::ZERO, Size::ZERO));
    assert_eq!(none, ["`memory_reservation` is zero"]);
    let grows = PoolKeys {
        max_memory_size: given(Size::mib(1)),
        ..keys(Size::ZERO, Size::mib(1))
    };
    let [above] = &faults(grows)[..] else {
        panic!("one fault");
    };
    assert!(above.contains("is above `memory_reservation`"), "{above}");
    // Wasmtime's pool is one of memories.
    let mut wasmtime = PoolKeys {
        engine: given(Engine::Wasmtime),
        table_reservation: None,
        ..keys(Size::ZERO, Size::mib(2))
    };
    wasmtime.wasmtime.version = given(WasmtimeVersion::major(48));
    let none = faults(wasmtime);
    assert!(
        none.contains(&"`memory_reservation` is zero".to_owned()),
        "{none:?}"
    );
}

//! Pools of Wasmtime's.

use super::*;

#[test]
fn wasmtime_gets_its_memories_in_one_piece_or_not_at_all() {
    // The holes of an sv39 process: what lies in two pieces for the native pool does not here.
    let machine = Made::new(&[Size::gib(82), Size::mib(174_760)]);
    let taken = recheck(&machine, &of_wasmtime(48, 1000, 30), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 42);
    assert_eq!(taken.slabs.memories.len(), 1);
    assert!(taken.slabs.tables.is_some() && taken.slabs.stacks.is_some());
    drop(taken);
    let misfit = misfit(recheck(&machine, &of_wasmtime(48, 43, 43), GUARANTEED));
    assert_eq!(misfit.limit, RecheckLimit::Hole);
    assert_eq!(misfit.mapping, Some(MappingName::Memories));
    assert_eq!(misfit.largest_fit.max_instances, Some(42));
    let said = misfit.to_string();
    let counts = "; each instance has up to 5 core instances, 1 memory, 3 tables";
    assert!(said.contains(counts), "{said}");
}

/// What one instance may have is what the build says, and the totals follow the instances that are taken.
#[test]
fn the_totals_of_wasmtime_follow_the_instances() {
    let totals = |variable: Option<&str>, tables: Option<u32>| {
        let variable = variable.map(|value| ("POOLCFG_MAX_INSTANCES".to_owned(), value.into()));
        let machine = Made {
            variables: variable.into_iter().collect(),
            ..Made::new(&[Size::tib(1)])
        };
        let mut promise = of_wasmtime(48, 100, 30);
        for limits in [&mut promise.asked, &mut promise.guaranteed] {
            let wasmtime = limits.wasmtime.as_mut().unwrap();
            wasmtime.tables_per_instance = tables.or(wasmtime.tables_per_instance);
        }
        let taken = recheck(&machine, &promise, GUARANTEED).unwrap().limits;
        let totals = taken.wasmtime.unwrap().totals(&taken).unwrap();
        (totals.memories, totals.tables, totals.core_instances)
    };
    assert_eq!(totals(None, None), (100, 300, 500));
    assert_eq!(totals(Some("7"), None), (7, 21, 35));
    // A build whose floor has room for one table each.
    assert_eq!(totals(None, Some(1)), (100, 100, 500));
}

#[test]
fn the_reservation_of_wasmtime_is_the_guaranteed_one_wherever_it_runs() {
    // Kept are the instances: more reservation than guaranteed would be refused by precompiled code.
    let promise = of_wasmtime(48, 10, 10);
    let promise = Promise {
        guaranteed: promise.asked.with_reservation(Size::gib(1)),
        keep: Keep::MaxInstances,
        ..promise
    };
    let machine = Made::new(&[Size::tib(1)]);
    let taken = recheck(&machine, &promise, GUARANTEED).unwrap();
    assert_eq!(taken.limits.memory_reservation, Size::gib(1));
    assert_eq!(taken.limits.max_instances, 10);
}

#[test]
fn before_27_tables_and_stacks_are_held_to_ram_and_swap() {
    let machine = || {
        Made::new(&[Size::tib(90)])
            .with_text("/proc/sys/vm/overcommit_memory", "0\n")
            .with_text("/proc/meminfo", "MemTotal: 1048576 kB\nSwapTotal: 0 kB\n")
    };
    let error = misfit(recheck(
        &machine(),
        &of_wasmtime(26, 1000, 1000),
        GUARANTEED,
    ));
    assert_eq!(error.limit, RecheckLimit::RamAndSwap);
    assert_eq!((error.need, error.have), (0x7d3e_8000, 1 << 30));
    assert_eq!(error.largest_fit.max_instances, Some(511));
    let taken = recheck(&machine(), &of_wasmtime(26, 1000, 500), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 511);
    let taken = recheck(&machine(), &of_wasmtime(27, 1000, 1000), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 1000);
}

/// Guaranteed slots of a version that keep pages, with this switch for the scan for written ones.
fn keeping(major: u32, scan: Switch) -> Promise<'static> {
    let mut promise = of_wasmtime(major, 4, 4);
    for limits in [&mut promise.asked, &mut promise.guaranteed] {
        let mut keys = PoolKeys::EMPTY;
        keys.wasmtime.memory_keep_resident = Some(Setting::given(Size::mib(2)));
        keys.wasmtime.pagemap_scan = Some(Setting::given(scan));
        keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(major)));
        keys.engine = Some(Setting::given(Engine::Wasmtime));
        let settings = Settings::new(&[], &[]).pooling_allocator(keys);
        let case = settings.resolve(TARGET).unwrap();
        limits.wasmtime = case.pools()[0].asked.wasmtime;
    }
    promise
}

#[test]
fn swap_is_warned_of_where_wasmtime_does_not_clear_what_is_in_it() {
    let header = "Filename Type Size Used Priority\n";
    let with_swap = Made::new(&[]).with_text(
        "/proc/swaps",
        &format!("{header}/dev/zram0 partition 2048 0 100\n"),
    );
    let without = Made::new(&[]).with_text("/proc/swaps", header);
    let warned = |machine: &Made, promise: &Promise<'static>| {
        warnings(machine, promise, &promise.guaranteed, promise.page_size)
    };
    for major in [37, 43, 48, 49] {
        let on = keeping(major, Switch::On);
        let [
            Warning::SwappedPages {
                swap,
                version,
                advisory,
                pool: "",
            },
        ] = warned(&with_swap, &on)[..]
        else {
            panic!("{major}: {:?}", warned(&with_swap, &on));
        };
        assert_eq!((swap, version.major), (Size::mib(2), major));
        assert_eq!(advisory.fixed_in, "50.0.0");
        assert_eq!(warned(&without, &on), [], "{major}");
        assert_eq!(
            warned(&with_swap, &keeping(major, Switch::Auto)),
            [],
            "{major}"
        );
    }
    assert_eq!(warned(&with_swap, &keeping(50, Switch::On)), []);
    let text = warned(&with_swap, &keeping(48, Switch::On))[0].to_string();
    assert_eq!(
        text,
        "the process may use `2 MiB` of swap, but with `pagemap_scan = true` Wasmtime 48 misses pages that were \
         swapped out, so an instance can read what the one before it left: build without it or with 50.0.0 or \
         later, or start with `MemorySwapMax=0` (see `cargo poolcfg --explain PC0035`)"
    );
}

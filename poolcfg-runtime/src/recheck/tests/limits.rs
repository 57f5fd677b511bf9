//! Which limit of the process is named, and with which numbers.

use poolcfg_core::{Engine, PoolKeys, Setting, Settings, WasmtimeKeys, WasmtimeVersion};

use super::*;
use crate::machine::live_pools::Took;
use crate::recheck::misfit::PairedSize;
use crate::recheck::proc_facts::mapped_sizes;
use crate::recheck::process_bounds::demand;

#[test]
fn rlimit_as_is_named_with_what_the_process_has() {
    let machine = Made {
        address_space: Some(Size::gib(63).get()),
        limits: vec![(Resource::AddressSpace, Size::gib(64))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmSize:\t1048576 kB\n");
    let misfit = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(misfit.limit, RecheckLimit::RlimitAs);
    assert_eq!(misfit.have, Size::gib(64).get());
    // What the process has, and 1 KiB of bookkeeping for each slot and 1 MiB.
    let beside = Size::gib(1).get() + Size::kib(1000).get() + Size::mib(1).get();
    assert_eq!(misfit.need, 0x3ef_d200_0000 + beside);
    assert_eq!(misfit.largest_fit.max_instances, Some(15));
    assert_eq!(
        misfit.to_string(),
        "pool needs `3.94 TiB` of address space, including what the process already has, but \
         `RLIMIT_AS` allows `64 GiB`: start with `POOLCFG_MAX_INSTANCES=15`, or raise the limit with \
         `ulimit -v unlimited` or `LimitAS=infinity` (see `cargo poolcfg --explain PC0055`)"
    );
}

#[test]
fn rlimit_data_counts_what_is_written_at_worst() {
    let machine = Made {
        limits: vec![(Resource::Data, Size::mib(256))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmData:\t10240 kB\n");
    let error = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::RlimitData);
    assert_eq!(error.need, Size::mib(1011).get() + Size::kib(1000).get());
    assert_eq!(error.have, Size::mib(256).get());
    assert_eq!(error.largest_fit.max_instances, Some(244));
    // What is asked above the guarantee is lowered instead, and leaves what the process has not taken yet of its headroom.
    for (headroom, alone, beside) in [(10, 244, 233), (60, 194, 183), (500, 100, 100)] {
        let promise = Promise {
            headroom: Size::mib(headroom),
            ..promise(1000, 100)
        };
        let taken = recheck(&machine, &promise, GUARANTEED).unwrap();
        assert_eq!(taken.limits.max_instances, alone);
        // Where another pool is to come, that, too.
        let promise = Promise {
            process: ProcessPromise::new(&[("", slots(100)), ("other", slots(10))]),
            ..promise
        };
        let taken = recheck(&machine, &promise, GUARANTEED).unwrap();
        assert_eq!(taken.limits.max_instances, beside);
    }
}

/// What the limit holds in all goes to the slots when it is less than their guarantee.
#[test]
fn below_the_guarantee_slots_take_what_the_rest_was_promised() {
    let machine = Made {
        limits: vec![(Resource::Data, Size::mib(36))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmData:\t10240 kB\n");
    let promise = Promise {
        headroom: Size::mib(500),
        ..promise(1000, 100)
    };
    assert!(recheck(&machine, &promise, GUARANTEED).is_err());
    let taken = recheck(&machine, &promise, OR_SHRINK).unwrap();
    assert_eq!(taken.limits.max_instances, 24);
}

/// In fewer pieces a pool has fewer mappings than it may have when it starts again.
#[test]
fn what_a_pool_saves_by_fewer_pieces_is_left_to_it() {
    let other = slots(100);
    let maps = |limits: &Limits| demand(limits, Size::kib(4)).maps;
    let holding = |name, limits: &Limits, saved| Holding {
        took: Some(Took {
            limits: *limits,
            is_all: true,
        }),
        maps_at_worst: maps(limits) - saved,
        ..no_bytes_of(name)
    };
    let of = |name, asked| Promise {
        name,
        process: ProcessPromise::new(&[("", slots(100)), ("other", other)]),
        ..promise(asked, 100)
    };
    let mut machine = Made {
        holdings: vec![holding("other", &other, 7)],
        ..Made::new(&[Size::tib(600)])
    }
    .with_text("/proc/sys/vm/max_map_count", "65530\n");
    let taken = recheck(&machine, &of("", 100_000), GUARANTEED).unwrap();
    let most = taken.limits;
    assert!(most.max_instances > 20_000, "{most:?}");
    machine.holdings = vec![holding("", &most, 0)];
    let taken = recheck(&machine, &of("other", 100), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 100);
}

#[test]
fn what_other_pools_will_write_and_map_is_counted() {
    let holding = Holding {
        name: Some(""),
        took: None,
        unmapped: None,
        ranges: std::iter::once(0x1000..0x9000).collect(),
        maps_at_worst: 60_000,
        writable_at_worst: Size::mib(200),
    };
    let machine = Made {
        limits: vec![(Resource::Data, Size::mib(256))],
        holdings: vec![holding.clone()],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmData:\t1040 kB\n")
    .with_text("/proc/self/maps", "1000-5000 rw-p 0 0:0 0\n");
    // 1040 KiB in all, 16 KiB of them the other pool's, which may come to have 200 MiB.
    let all = Promise {
        headroom: Size::mib(1),
        ..promise(1000, 1)
    };
    let taken = recheck(&machine, &all, GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 53);
    let machine = Made {
        holdings: vec![holding],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/sys/vm/max_map_count", "65530\n")
    .with_text("/proc/self/maps", "1000-5000 rw-p 0 0:0 0\n");
    let error = misfit(recheck(&machine, &promise(2000, 2000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::MaxMapCount);
    assert_eq!(error.unit, Unit::Maps);
    // Three for each memory, which may lie in eight pieces.
    assert_eq!(error.need, 60_000 + 2048 + 6001 + 7);
    assert_eq!(error.have, 65_530);
    assert_eq!(error.largest_fit.max_instances, Some(1158));
}

#[test]
fn the_commit_limit_counts_in_mode_2_only() {
    let meminfo = "CommitLimit:    2097152 kB\nCommitted_AS:   1048576 kB\n";
    let machine = |mode| {
        Made::new(&[Size::tib(80)])
            .with_text("/proc/sys/vm/overcommit_memory", mode)
            .with_text("/proc/sys/vm/admin_reserve_kbytes", "8192\n")
            .with_text("/proc/sys/vm/user_reserve_kbytes", "131072\n")
            .with_text("/proc/meminfo", meminfo)
    };
    assert!(recheck(&machine("0\n"), &promise(1000, 1000), GUARANTEED).is_ok());
    let error = misfit(recheck(&machine("2\n"), &promise(1000, 1000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::CommitLimit);
    assert_eq!(error.need, Size::mib(1001).get() + Size::kib(1000).get());
    assert_eq!(error.have, Size::mib(1024 - 8 - 128).get());
    assert_eq!(error.largest_fit.max_instances, Some(886));
}

#[test]
fn locked_memory_is_named() {
    let machine = Made {
        refuses: Some(EAGAIN),
        limits: vec![(Resource::Memlock, Size::mib(8))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmLck:\t2048 kB\n");
    let error = misfit(recheck(&machine, &promise(1, 1), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::RlimitMemlock);
    assert_eq!(error.have, Size::mib(8).get());
    assert_eq!(error.need, Size::mib(2 + 4096 + 64 + 1).get() + 1024);
}

#[test]
fn a_filter_that_refuses_is_named_with_its_errno() {
    let machine = Made {
        refuses: Some(EPERM),
        ..Made::new(&[Size::tib(80)])
    };
    for least in [GUARANTEED, OR_SHRINK] {
        let error = misfit(recheck(&machine, &promise(9, 9), least));
        assert_eq!(error.limit, RecheckLimit::Refused);
        assert_eq!(
            error.source.as_ref().and_then(io::Error::raw_os_error),
            Some(EPERM)
        );
        assert_eq!(error.largest_fit.max_instances, None);
    }
}

#[test]
fn a_filter_that_refuses_for_want_of_memory_is_no_small_hole() {
    let machine = Made {
        refuses: Some(ENOMEM),
        ..Made::new(&[Size::tib(80)])
    };
    let error = misfit(recheck(&machine, &promise(9, 9), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::Refused);
    assert_eq!(error.have, 0);
}

/// The variables that a message says to start with.
fn advised(misfit: &Misfit) -> Vec<(String, String)> {
    let message = misfit.to_string();
    let words = message
        .split('`')
        .filter(|word| word.starts_with("POOLCFG_"));
    let pairs = words.filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn where_no_variable_alone_helps_two_do() {
    let small = |resource, limit| Made {
        limits: vec![(resource, limit)],
        ..Made::new(&[Size::tib(80)])
    };
    // Not one slot as it is asked for, nor all of them as small as they go.
    let written = Size::mib(1)
        .checked_add(Size::kib(513))
        .expect("it is small");
    for (resource, limit, paired) in [
        (
            Resource::AddressSpace,
            Size::gib(3),
            PairedSize::MemoryReservation,
        ),
        (Resource::Data, written, PairedSize::MaxMemorySize),
    ] {
        for min_instances in [1, 4] {
            let promise = Promise {
                min_instances,
                ..promise(1000, 1000)
            };
            let mut machine = small(resource, limit)
                .with_text("/proc/self/status", "VmSize:\t0 kB\nVmData:\t0 kB\n");
            let misfit = misfit(recheck(&machine, &promise, GUARANTEED));
            let pair = misfit.pair.expect("two numbers fit");
            assert_eq!(pair.paired, paired, "{misfit}");
            let variables = advised(&misfit);
            assert!(variables.len() >= 2, "{misfit}");
            machine.variables = variables.into_iter().collect();
            let taken = recheck(&machine, &promise, GUARANTEED)
                .unwrap_or_else(|error| panic!("{misfit}: {error}"));
            assert_eq!(taken.limits.max_instances, pair.max_instances);
        }
    }
}

#[test]
fn a_guard_that_was_raised_is_to_blame_where_the_builds_would_fit() {
    let mut machine = Made::new(&[Size::tib(80)]);
    machine.variables = [("POOLCFG_GUARD_SIZE".to_owned(), "1TiB".to_owned())].into();
    let of_guard = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(of_guard.built_guard, Some(Size::mib(32)));
    let message = of_guard.to_string();
    assert!(
        message.contains("lower `POOLCFG_GUARD_SIZE` to `32MiB`"),
        "{message}"
    );
    assert!(!message.contains("VA profile of this machine"), "{message}");
    // Where it would not, the machine is.
    let mut machine = Made::new(&[Size::tib(1)]);
    machine.variables = [("POOLCFG_GUARD_SIZE".to_owned(), "64MiB".to_owned())].into();
    let of_machine = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(of_machine.built_guard, None);
    assert!(
        of_machine
            .to_string()
            .contains("VA profile of this machine")
    );
}

/// An engine whose slots are 64 MiB, as it was rechecked.
fn engine(instances: u32) -> Holding {
    let keys = PoolKeys {
        engine: Some(Setting::given(Engine::Wasmtime)),
        max_instances: Some(Setting::given(instances)),
        memory_reservation: Some(Setting::given(Size::mib(64))),
        wasmtime: WasmtimeKeys {
            version: Some(Setting::given(WasmtimeVersion::major(48))),
            ..WasmtimeKeys::EMPTY
        },
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    let limits = settings.promise(TARGET, 0).asked;
    Holding {
        took: Some(Took {
            limits,
            is_all: true,
        }),
        unmapped: Some(limits),
        maps_at_worst: demand(&limits, Size::kib(4)).maps,
        ..no_bytes_of("engine")
    }
}

/// So many maps of a page each, without a gap between them.
fn row_of_pages(start: u64, maps: u64) -> String {
    let line = |at: u64| {
        let from = start + at * 0x1000;
        format!("{from:x}-{:x} ---p 0 0:0 0\n", from + 0x1000)
    };
    (0..maps).map(line).collect()
}

/// What a process has mapped is not taken for an engine's, and what an engine has mapped is not counted twice.
#[test]
fn the_maps_of_an_engine_are_told_from_those_of_the_process() {
    let engine = engine(3000);
    let limits = engine.took.unwrap().limits;
    let footprint = limits.footprint(Size::kib(4)).unwrap();
    let mut end = 0x10_0000_0000;
    let mapped: String = footprint
        .mappings
        .iter()
        .map(|mapping| {
            let start = end + 0x10_0000;
            end = start + mapping.bytes.get();
            format!("{start:x}-{end:x} ---p 0 0:0 0\n")
        })
        .collect();
    let needs = |maps: String, holding: &Holding| {
        let machine = Made {
            holdings: vec![holding.clone()],
            ..Made::new(&[Size::tib(80)])
        }
        .with_text("/proc/sys/vm/max_map_count", "65530\n")
        .with_text("/proc/self/maps", &maps);
        misfit(recheck(&machine, &promise(20_000, 20_000), GUARANTEED)).need
    };
    let of_pools = engine.maps_at_worst + demand(&slots(20_000), Size::kib(4)).maps;
    let pages = row_of_pages(0x1000_0000, 30_000);
    for (maps, of_process) in [
        (String::new(), 2048),
        (pages.clone(), 30_000),
        (format!("{pages}{mapped}"), 30_000),
        (mapped, 2048),
    ] {
        assert_eq!(needs(maps, &engine), of_pools + of_process);
    }
}

/// Nor does `RLIMIT_AS` hold an engine twice: what it will map, and what it has mapped.
#[test]
fn an_engine_that_is_not_mapped_yet_is_left_its_address_space() {
    let engine = engine(100);
    let limits = engine.took.unwrap().limits;
    let footprint = limits.footprint(Size::kib(4)).unwrap();
    let sizes = footprint.mappings.iter();
    let bytes: u64 = sizes.map(|mapping| mapping.bytes.get()).sum();
    let row = format!("1000000000-{:x} ---p 0 0:0 0\n", 0x10_0000_0000 + bytes);
    let machine = |kib: u64, maps: &str| {
        Made {
            limits: vec![(Resource::AddressSpace, Size::gib(100))],
            holdings: vec![engine.clone()],
            ..Made::new(&[Size::tib(80)])
        }
        .with_text("/proc/self/status", &format!("VmSize:\t{kib} kB\n"))
        .with_text("/proc/self/maps", maps)
    };
    let need = |kib, maps: &str| {
        misfit(recheck(
            &machine(kib, maps),
            &promise(1000, 1000),
            GUARANTEED,
        ))
        .need
    };
    let before = need(1024, "1000-2000 r--p 0 0:0 0\n");
    assert_eq!(need(1024 + bytes / 1024, &row), before);
}

/// A row of maps as long as an engine's is no sign of it where it is known to be that of another pool.
#[test]
fn what_other_pools_have_mapped_is_no_sign_of_an_engine() {
    let page_size = Size::kib(4);
    let waiting = engine(100);
    let bytes = |holding: &Holding| mapped_sizes(holding, page_size).iter().sum::<u64>();
    let (start, of_engine) = (0x10_0000_0000, bytes(&waiting));
    let told = Holding {
        unmapped: None,
        ..waiting.clone()
    };
    let native = |range| Holding {
        ranges: vec![range],
        ..no_bytes_of("native")
    };
    let seen = |holdings: &[Holding], end: u64| {
        let maps = format!("{start:x}-{end:x} ---p 0 0:0 0\n");
        let machine = Made::new(&[]).with_text("/proc/self/maps", &maps);
        ProcFacts::new(&machine, holdings).seen_engines(holdings, page_size)
    };
    let end = start + of_engine;
    assert_eq!(seen(std::slice::from_ref(&waiting), end), [0]);
    assert!(seen(&[told.clone(), waiting.clone()], end).is_empty());
    assert_eq!(seen(&[told, waiting.clone()], end + of_engine), [1]);
    // The kernel makes one map of what lies side by side.
    let above = native(start + 0x1000..end);
    assert!(seen(&[above, waiting.clone()], end).is_empty());
    let below = native(start..start + 0x1000);
    assert_eq!(seen(&[below, waiting], end + 0x1000), [1]);
}

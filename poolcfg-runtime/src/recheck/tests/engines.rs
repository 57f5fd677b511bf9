//! Engines that are rechecked or mapped, beside the pool that is rechecked.

use poolcfg_core::{Engine, PoolKeys, Setting, Settings, WasmtimeKeys, WasmtimeVersion};

use super::*;
use crate::machine::live_pools::Took;
use crate::recheck::proc_facts::mapped_sizes;
use crate::recheck::process_bounds::demand;

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
        ProcFacts::new(&machine, holdings)
            .seen_engines(holdings, page_size)
            .to_vec()
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

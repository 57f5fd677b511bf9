//! Ways to make a pool fit that gets less than is asked: each fits with its numbers, and not with the next larger ones.
#![cfg(feature = "file")]

use poolcfg_core::file::{ConfigFile, TargetFacts};
use poolcfg_core::{
    Fit, Keep, Limit, OnMisfit, Plan, PoolKeys, ResolvedProcess, Setting, Settings, Size, Way,
};

const X86_64: &str = "x86_64-unknown-linux-gnu";
const SV39: &str = "riscv64gc-unknown-linux-gnu";

fn planned<T>(
    target: &str,
    source: &str,
    look: impl FnOnce(&Settings<'_>, &ResolvedProcess<'_>, &Plan) -> T,
) -> T {
    let file = ConfigFile::parse(source).unwrap();
    let facts = TargetFacts::builtin(target).unwrap();
    let settings = file.settings(&facts);
    let case = settings.resolve(facts.target()).unwrap();
    look(&settings, &case, &Plan::new(&case))
}

/// A file of Wasmtime 48 with these keys of the pool, in so much address space.
fn wasmtime(pool: &str, rlimit_as: &str) -> String {
    format!(
        "[pooling_allocator]\nengine = \"wasmtime\"\n{pool}\n[pooling_allocator.wasmtime]\nversion = \"48\"\n\
         [address_space]\nrlimit_as = \"{rlimit_as}\"\n"
    )
}

/// The ways of the only pool, whether it needs one or not.
fn ways(target: &str, source: &str) -> [Option<Way>; 3] {
    planned(target, source, |_, case, plan| {
        [Fit::Fewer, Fit::Smaller, Fit::NoPool].map(|fit| plan.way(case, 0, fit))
    })
}

/// Instances, reservation and guard.
fn numbers(way: Option<Way>) -> Option<(u32, Size, Size)> {
    let way = way?;
    let limits = &way.limits;
    Some((way.instances, limits.memory_reservation, limits.guard_size))
}

/// Whether a way of these numbers fits, by a plan of its own that is asked for nothing else.
fn fits(
    settings: &Settings<'_>,
    case: &ResolvedProcess<'_>,
    fit: Fit,
    instances: u32,
    bytes: Size,
) -> bool {
    let guard_size = Setting::given(Size::kib(64));
    let sized = PoolKeys {
        memory_reservation: Some(Setting::given(bytes)),
        guard_size: Some(guard_size),
        max_instances: Some(Setting::given(instances)),
        ..PoolKeys::EMPTY
    };
    let keys = match fit {
        Fit::NoPool => PoolKeys {
            max_instances: Some(Setting::given(1)),
            pools: Some(Setting::given(instances)),
            ..sized
        },
        Fit::Fewer | Fit::Smaller => sized,
    };
    let case = settings.pool(0, keys).resolve(case.target).unwrap();
    Plan::new(&case).misfit.is_none()
}

#[test]
fn each_limit_has_the_numbers_that_were_tried_under_it() {
    let (gib4, mib32, kib64) = (Size::gib(4), Size::mib(32), Size::kib(64));
    let small = |instances, mib| Some((instances, Size::mib(mib), kib64));
    let fewer = |instances| Some((instances, gib4, mib32));
    for (limit, expected) in [
        ("171GiB", [fewer(42), small(1000, 128), small(1000, 128)]),
        ("64GiB", [fewer(15), small(974, 64), small(958, 64)]),
        ("4GiB", [None, small(46, 64), small(45, 64)]),
        ("1GiB", [None, small(11, 64), small(11, 64)]),
        // The headroom of 256 MiB leaves 34: not one slot of 64 MiB, nor of 32.
        ("290MiB", [None, small(1, 16), small(1, 16)]),
    ] {
        let found = ways(X86_64, &wasmtime("", limit));
        assert_eq!(found.map(numbers), expected, "{limit}");
        for way in found.iter().flatten() {
            assert_eq!(way.limit, Some(Limit::RlimitAs), "{limit} {way:?}");
            assert_eq!(way.is_checked(), way.fit != Fit::Fewer);
        }
    }
}

/// What fits does by a plan of its own, and the next larger does not.
#[test]
fn no_way_has_more_than_fits_or_less_than_could() {
    for mib in (280..20_000).step_by(331) {
        let source = wasmtime("max_instances = 100", &format!("{mib}MiB"));
        planned(X86_64, &source, |settings, case, plan| {
            for fit in [Fit::Smaller, Fit::NoPool] {
                let fits = |instances, bytes| fits(settings, case, fit, instances, bytes);
                let Some(way) = plan.way(case, 0, fit) else {
                    assert!(!fits(1, Size::mib(1)), "{mib} MiB {fit}");
                    continue;
                };
                let (instances, bytes) = (way.instances, way.limits.memory_reservation);
                let twice = Size::bytes(bytes.get() * 2);
                assert!(fits(instances, bytes), "{mib} MiB {way:?}");
                if instances == 100 {
                    assert!(!fits(100, twice), "{mib} MiB {way:?}");
                    continue;
                }
                assert!(bytes <= Size::mib(64), "{mib} MiB {way:?}");
                assert!(!fits(instances + 1, bytes), "{mib} MiB {way:?}");
                // Not even one instance has place in larger slots than would be told.
                assert!(
                    bytes == Size::mib(64) || !fits(1, twice),
                    "{mib} MiB {way:?}"
                );
            }
        });
    }
}

#[test]
fn a_native_pool_keeps_its_guard_and_has_no_way_without_a_pool() {
    let source = "[pooling_allocator]\nmax_instances = 1000\nmemory_reservation = \"4GiB\"\n";
    let found = ways(SV39, source);
    let mib32 = Size::mib(32);
    assert_eq!(
        found.map(numbers),
        [
            Some((60, Size::gib(4), mib32)),
            Some((1000, Size::mib(128), mib32)),
            None
        ]
    );
    assert!(found.iter().flatten().all(|way| !way.is_checked()));
}

#[test]
fn what_cannot_be_is_no_way() {
    // Before 28 what a memory reserves without a pool depends on its declared maximum.
    let old = wasmtime("", "64GiB").replace("\"48\"", "\"27\"");
    assert_eq!(ways(X86_64, &old)[2], None);
    let first = wasmtime("", "64GiB").replace("\"48\"", "\"28\"");
    assert!(ways(X86_64, &first)[2].is_some());
    // Totals that are written decide how many instances there are.
    let written = wasmtime("", "64GiB").replace("\"48\"", "\"48\"\ntotal_memories = 900");
    let [fewer, smaller, no_pool] = ways(X86_64, &written);
    assert_eq!(fewer, None);
    // Without a pool none counts, and as many are asked for.
    assert_eq!(numbers(no_pool), Some((200, Size::mib(256), Size::kib(64))));
    assert!(no_pool.unwrap().limits.wasmtime.unwrap().written.is_none());
    assert_eq!(numbers(smaller), Some((200, Size::mib(64), Size::kib(64))));
    // Fewer than are of use are none.
    let least = wasmtime("min_instances = 50", "4GiB");
    let [fewer, smaller, _] = ways(X86_64, &least);
    assert_eq!(fewer, None);
    assert_eq!(numbers(smaller), Some((89, Size::mib(32), Size::kib(64))));
}

/// Where it is the guard that is too large, the slots may stay.
#[test]
fn a_smaller_guard_alone_may_do() {
    let pool = "max_instances = 40\nmemory_reservation = \"64MiB\"";
    let [_, smaller, _] = ways(X86_64, &wasmtime(pool, "4GiB"));
    assert_eq!(numbers(smaller), Some((40, Size::mib(64), Size::kib(64))));
}

/// The way of each pool, and what a plan gives each that is asked for it.
fn with_several(target: &str, source: &str, fit: Fit) -> (Vec<Option<Way>>, Plan) {
    planned(target, source, |settings, case, plan| {
        let pools = 0..case.pools().len();
        let ways: Vec<_> = pools.map(|pool| plan.way(case, pool, fit)).collect();
        let mut settings = *settings;
        for (pool, way) in ways.iter().enumerate() {
            let Some(Way { limits, .. }) = way else {
                continue;
            };
            let shrinks = PoolKeys {
                on_misfit: Some(Setting::given(OnMisfit::Shrink)),
                keep: Some(Setting::given(Keep::MemoryReservation)),
                memory_reservation: Some(Setting::given(limits.memory_reservation)),
                max_memory_size: Some(Setting::given(limits.max_memory_size)),
                guard_size: Some(Setting::given(limits.guard_size)),
                ..PoolKeys::EMPTY
            };
            let keys = match fit {
                Fit::Fewer | Fit::Smaller => shrinks,
                Fit::NoPool => PoolKeys {
                    max_instances: Some(Setting::given(1)),
                    pools: Some(Setting::given(limits.pools)),
                    ..shrinks
                },
            };
            settings = settings.pool(pool, keys);
        }
        let case = settings.resolve(case.target).unwrap();
        (ways, Plan::new(&case))
    })
}

/// What is told of several pools is what they have together, and none is judged beside others that stay as large as
/// they are asked for.
#[test]
fn several_pools_are_made_to_fit_together() {
    let pools = |keys: &str, space: &str| {
        let pool = |name| {
            format!(
                "[pool.{name}]\nengine = \"wasmtime\"\n{keys}\n[pool.{name}.wasmtime]\nversion = \"48\"\n"
            )
        };
        let (a, b) = (pool("a"), pool("b"));
        format!("{a}{b}[address_space]\nrlimit_as = \"{space}\"\n")
    };
    let shrink = "max_instances = 10\non_misfit = \"shrink\"";
    let (gib4, gib1, mib512, mib64) = (Size::gib(4), Size::gib(1), Size::mib(512), Size::mib(64));
    let board = || (SV39, pools("max_instances = 100", "unlimited"));
    let shrinking = || (X86_64, pools(shrink, "16GiB"));
    let small = || (X86_64, pools("max_instances = 50", "4GiB"));
    for ((target, source), fit, expected) in [
        (board(), Fit::Fewer, [(21, gib4), (21, gib4)]),
        // What is left goes to the first.
        (board(), Fit::Smaller, [(100, gib1), (100, mib512)]),
        (board(), Fit::NoPool, [(100, gib1), (100, gib1)]),
        (shrinking(), Fit::Smaller, [(10, mib512), (10, mib512)]),
        (shrinking(), Fit::NoPool, [(10, mib512), (10, mib512)]),
        (small(), Fit::Smaller, [(23, mib64), (23, mib64)]),
        (small(), Fit::NoPool, [(23, mib64), (22, mib64)]),
    ] {
        let (ways, plan) = with_several(target, &source, fit);
        assert!(plan.misfit.is_none(), "{fit} {source}");
        for ((way, limits), expected) in ways.iter().zip(plan.guaranteed()).zip(expected) {
            let (instances, reservation, _) = numbers(*way).unwrap();
            assert_eq!((instances, reservation), expected, "{fit} {source}");
            let has = match fit {
                Fit::Fewer | Fit::Smaller => limits.max_instances,
                Fit::NoPool => limits.pools,
            };
            assert_eq!((has, limits.memory_reservation), expected, "{fit} {source}");
        }
    }
}

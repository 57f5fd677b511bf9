//! Ways to make a pool fit that gets less than is asked: each fits with its numbers, and not with the next larger ones.
#![cfg(feature = "file")]

use poolcfg_core::file::{ConfigFile, TargetFacts};
use poolcfg_core::{Fit, Limit, Plan, PoolKeys, ResolvedProcess, Setting, Settings, Size, Way};

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
    assert_eq!((fewer, no_pool), (None, None));
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

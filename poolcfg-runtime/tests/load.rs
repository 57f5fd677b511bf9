//! The pool under load: how many slots stay warm, who is served first, what is left of a pool that is gone, and
//! how long the texts are that logs are full of.

mod common;

use std::fmt::Debug;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::{limits, wasmtime_limits, with_keys};
use poolcfg_runtime::__private::{PoolKeys, Setting};
use poolcfg_runtime::{AcquireError, AcquireOptions, Pool, PoolOptions, Size, Slot};

/// A pool of so many slots, each of a page or a few.
fn tiny(instances: u32, options: PoolOptions) -> Pool {
    let limits = with_keys(PoolKeys {
        max_instances: Some(Setting::given(instances)),
        memory_reservation: Some(Setting::given(Size::kib(64))),
        guard_size: Some(Setting::given(Size::kib(64))),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        ..PoolKeys::EMPTY
    });
    let reserved = limits.recheck().expect("a small pool fits");
    Pool::with_options(reserved, options).expect("it opens")
}

/// Every slot of the pool, with one byte written.
fn all(pool: &Pool) -> Vec<Slot> {
    (0..pool.limits().max_instances)
        .map(|_| {
            let request = AcquireOptions::new().memory(1);
            let mut slot = pool.acquire_with(request).expect("one is left");
            slot.memory_mut().as_mut_slice()[0] = 1;
            slot
        })
        .collect()
}

/// Releases the slots, an equal number on each of so many threads, all of them at once.
fn release_at_once(mut slots: Vec<Slot>, threads: usize) {
    let each = slots.len() / threads;
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            let mine = slots.split_off(slots.len() - each);
            let start = &start;
            scope.spawn(move || {
                start.wait();
                drop(mine);
            });
        }
    });
    assert!(slots.is_empty());
}

#[test]
fn no_more_slots_stay_warm_than_may_however_many_threads_release_them() {
    for shards in [1, 4, 16] {
        let options = PoolOptions::new().shards(shards);
        let pool = tiny(1000, options);
        for _ in 0..3 {
            release_at_once(all(&pool), 50);
            let statistics = pool.statistics();
            assert_eq!((statistics.live, statistics.retired), (0, 0));
            // 100 that may be warm, and less than a batch of 16.
            assert!(statistics.warm <= 115, "{statistics:?}");
            // All threads and shards at once may close one too many each.
            assert!(statistics.warm >= 100 - 50 - 16, "{statistics:?}");
        }
    }
}

#[test]
fn where_no_slot_may_be_warm_none_is() {
    for shards in [1, 16] {
        let pool = tiny(64, PoolOptions::new().warm_slots(0).shards(shards));
        for _ in 0..5 {
            release_at_once(all(&pool), 16);
            let statistics = pool.statistics();
            assert_eq!((statistics.live, statistics.warm), (0, 0));
            assert_eq!(statistics.resident, Size::ZERO);
        }
        assert_eq!(all(&pool).len(), 64);
    }
}

/// Until so many owners wait.
fn until_waiting(pool: &Pool, owners: u32) {
    while pool.statistics().waiting != owners {
        thread::yield_now();
    }
}

fn for_ever() -> AcquireOptions {
    AcquireOptions::new().wait(Duration::MAX)
}

#[test]
fn who_has_waited_longest_is_served_first() {
    const OWNERS: u32 = 8;
    let pool = tiny(1, PoolOptions::new());
    for _ in 0..20 {
        let slot = pool.acquire().expect("a slot");
        let served = AtomicU32::new(0);
        thread::scope(|scope| {
            for number in 0..OWNERS {
                let (pool, served) = (&pool, &served);
                scope.spawn(move || {
                    let slot = pool.acquire_with(for_ever()).expect("released");
                    assert_eq!(served.fetch_add(1, Ordering::SeqCst), number);
                    drop(slot);
                });
                until_waiting(pool, number + 1);
            }
            drop(slot);
        });
        assert_eq!(served.load(Ordering::SeqCst), OWNERS);
    }
}

#[test]
fn nobody_gets_a_slot_before_one_who_waits() {
    let pool = tiny(1, PoolOptions::new());
    let mut overtaken = 0;
    for _ in 0..200 {
        let slot = pool.acquire().expect("a slot");
        let served = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let slot = pool.acquire_with(for_ever()).expect("released");
                served.store(true, Ordering::SeqCst);
                drop(slot);
            });
            until_waiting(&pool, 1);
            drop(slot);
            // One who does not wait gets nothing, however often it asks.
            loop {
                match pool.acquire() {
                    Ok(_) if served.load(Ordering::SeqCst) => break,
                    Ok(_) => overtaken += 1,
                    Err(AcquireError::Exhausted(_)) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    assert_eq!(overtaken, 0);
}

#[test]
fn a_greedy_owner_has_its_next_turn_after_all_who_wait() {
    const OWNERS: u32 = 6;
    let pool = tiny(1, PoolOptions::new());
    for _ in 0..50 {
        let slot = pool.acquire().expect("a slot");
        let served = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..OWNERS {
                scope.spawn(|| {
                    let slot = pool.acquire_with(for_ever()).expect("released");
                    served.fetch_add(1, Ordering::SeqCst);
                    drop(slot);
                });
            }
            until_waiting(&pool, OWNERS);
            drop(slot);
            let next = pool.acquire_with(for_ever()).expect("its turn comes");
            assert_eq!(served.load(Ordering::SeqCst), OWNERS);
            drop(next);
        });
    }
}

#[test]
fn beside_greedy_owners_nobody_waits_in_vain() {
    const OWNERS: usize = 6;
    for greedy in [1, 4] {
        let pool = tiny(1, PoolOptions::new());
        let (turnovers, in_vain) = (AtomicU32::new(0), AtomicU32::new(0));
        let is_over = || turnovers.load(Ordering::SeqCst) > 5_000;
        thread::scope(|scope| {
            for _ in 0..greedy {
                scope.spawn(|| {
                    while !is_over() {
                        drop(pool.acquire_with(for_ever()).expect("its turn comes"));
                        turnovers.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            for _ in 0..OWNERS {
                scope.spawn(|| {
                    while !is_over() {
                        let request = AcquireOptions::new().wait(Duration::from_secs(20));
                        if pool.acquire_with(request).is_err() {
                            in_vain.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!(in_vain.load(Ordering::SeqCst), 0);
        assert_eq!((pool.statistics().live, pool.statistics().waiting), (0, 0));
    }
}

#[test]
fn whose_time_is_over_leaves_and_no_slot_is_lost() {
    let pool = tiny(2, PoolOptions::new());
    thread::scope(|scope| {
        for number in 0..6 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..500 {
                    // About as long as the others hold one.
                    let most = Duration::from_micros((number * 7 + round) % 40);
                    drop(pool.acquire_with(AcquireOptions::new().wait(most)));
                }
            });
        }
    });
    let statistics = pool.statistics();
    assert_eq!((statistics.live, statistics.waiting), (0, 0));
    assert_eq!(all(&pool).len(), 2);
}

/// Bytes of address space of this process.
#[cfg(target_os = "linux")]
fn address_space() -> u64 {
    let text = std::fs::read_to_string("/proc/self/maps").expect("Linux has /proc");
    let bytes = |line: &str| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        address(end)?.checked_sub(address(start)?)
    };
    text.lines().filter_map(bytes).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn of_a_pool_that_is_gone_only_the_slots_that_live_are_left() {
    assert!(common::said(&common::child("count_what_is_left", "")).contains("done"));
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by the test above, in a process in which nobody else maps anything"]
fn count_what_is_left() {
    // As many as fit, where the address space is small.
    let sizes = if cfg!(target_pointer_width = "32") {
        [(20, Size::mib(8)); 2]
    } else {
        [(1000, Size::gib(4)), (20, Size::gib(4))]
    };
    let limits = sizes
        .map(|(instances, bytes)| limits(instances, bytes, bytes))
        .into_iter()
        .find(|limits| limits.recheck().is_ok())
        .expect("some fit");
    // On pages of any size.
    let bytes_of = |instances: u32| {
        let limits = limits.asked().with_instances(instances);
        let footprint = limits.footprint(Size::kib(64)).expect("it can be counted");
        let mappings = footprint.mappings.iter();
        mappings.map(|mapping| mapping.bytes.get()).sum::<u64>()
    };
    // The heap may grow meanwhile.
    const HEAP: u64 = 4 << 20;
    let before = address_space();
    for forgotten in [0u32, 1, 3] {
        let before_this = address_space();
        let pool = Pool::new(limits.recheck().expect("it fits")).expect("it opens");
        let mut slots: Vec<_> = (0..10).map(|_| pool.acquire().expect("a slot")).collect();
        for number in 0..forgotten {
            // None of them side by side.
            let place = 8 - 2 * usize::try_from(number).expect("few");
            std::mem::forget(slots.remove(place));
        }
        // Some are idle and some live when the pool ends.
        slots.truncate(5);
        drop(pool);
        for mut slot in slots {
            slot.memory_mut()
                .grow_to(1 << 16)
                .expect("it outlives its pool");
            slot.memory_mut().as_mut_slice().fill(1);
        }
        let left = address_space() - before_this;
        let most = bytes_of(1) * u64::from(forgotten) + HEAP;
        assert!(left <= most, "{left} bytes of {most}");
    }
    let left = address_space() - before;
    assert!(left <= 4 * bytes_of(1) + HEAP, "{left} bytes");
    eprintln!("done");
}

/// The lengths of a value's Debug texts, on one line and on many.
fn lengths(value: &(impl Debug + ?Sized)) -> [usize; 2] {
    [format!("{value:?}"), format!("{value:#?}")].map(|text| text.len())
}

#[test]
fn debug_texts_are_short_however_many_slots_there_are() {
    let mut longest = Vec::new();
    for instances in [1, 64, 10_000] {
        let limits = with_keys(PoolKeys {
            max_instances: Some(Setting::given(instances)),
            memory_reservation: Some(Setting::given(Size::kib(64))),
            guard_size: Some(Setting::given(Size::ZERO)),
            table_reservation: Some(Setting::given(Size::ZERO)),
            stack_reservation: Some(Setting::given(Size::kib(4))),
            ..PoolKeys::EMPTY
        });
        let reserved = limits.recheck().expect("a small pool fits");
        let mut texts = vec![lengths(&limits), lengths(&reserved)];
        let pool = Pool::new(reserved).expect("it opens");
        // Half of the slots are live, and the others idle.
        let mut slots: Vec<Slot> = (0..instances)
            .map(|_| pool.acquire().expect("one is left"))
            .collect();
        slots.truncate(slots.len().div_ceil(2));
        texts.extend([
            lengths(&pool),
            lengths(&slots[0]),
            lengths(slots[0].memory_mut()),
        ]);
        let error = pool.acquire_with(AcquireOptions::new().memory(usize::MAX));
        texts.push(lengths(&error.expect_err("no slot is as large")));
        longest.push(texts.into_iter().flatten().max().expect("some texts"));
    }
    assert!(longest.iter().all(|length| *length <= 400), "{longest:?}");
    let limits = wasmtime_limits(
        48,
        PoolKeys {
            max_instances: Some(Setting::given(4)),
            ..PoolKeys::EMPTY
        },
    );
    let checked = limits.recheck().expect("a small pool fits");
    for length in [lengths(&limits), lengths(&checked)].as_flattened() {
        assert!(*length <= 400, "{limits:#?} {checked:#?}");
    }
}

#[test]
fn debug_texts_say_what_there_is() {
    let pool = tiny(3, PoolOptions::new());
    let slot = pool
        .acquire_with(AcquireOptions::new().memory(1).key(7))
        .expect("a slot");
    let slot = format!("{slot:?}");
    for part in [
        "Slot {",
        "memory: Region {",
        "len: ",
        "capacity: 65536",
        "table: false",
        "key: Some(7)",
    ] {
        assert!(slot.contains(part), "{part}: {slot}");
    }
    let pool = format!("{pool:?}");
    for part in ["Pool {", "instances: 3", "live: 1", "warm: 0", "waiting: 0"] {
        assert!(pool.contains(part), "{part}: {pool}");
    }
}

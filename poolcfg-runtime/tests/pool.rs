//! The pool's promises: zero for every owner, an error when it is exhausted, and no more mappings than
//! were reckoned with.

mod common;

use std::time::Duration;

use common::{child, limits, said, with_keys};
use poolcfg_runtime::__private::{PoolKeys, Setting};
use poolcfg_runtime::{
    AcquireError, AcquireOptions, GrowError, Pool, PoolLimits, PoolOptions, Region, Reset, Size,
    Slot,
};
use proptest::prelude::*;

const MIB: usize = 1 << 20;

fn pool_of(limits: &PoolLimits) -> Pool {
    let reserved = limits.recheck().expect("a small pool fits");
    Pool::new(reserved).expect("a small pool opens")
}

fn small(instances: u32) -> Pool {
    pool_of(&limits(instances, Size::mib(4), Size::mib(2)))
}

fn is_zero(region: &Region) -> bool {
    region.as_slice().iter().all(|byte| *byte == 0)
}

#[test]
fn slots_are_had_until_there_are_none() {
    let pool = small(3);
    let mut slots: Vec<_> = (0..3).map(|_| pool.acquire().expect("a slot")).collect();
    let error = pool.acquire().expect_err("no fourth slot");
    assert!(matches!(&error, AcquireError::Exhausted(exhausted) if exhausted.instances == 3));
    assert_eq!(
        error.to_string(),
        "all `3` slots of the pool are in use: wait for one, or raise `max_instances` in \
         poolcfg.toml (see `cargo poolcfg --explain PC0056`)"
    );
    assert_eq!(pool.statistics().live, 3);
    slots.pop();
    assert!(pool.acquire().is_ok());
    assert_eq!(pool.statistics().retired, 0);
}

#[test]
fn a_memory_grows_from_nothing_to_its_maximum_and_no_further() {
    let pool = small(1);
    let mut slot = pool.acquire().expect("a slot");
    assert_eq!(slot.memory().len(), 0);
    assert_eq!(slot.memory().capacity(), 2 * MIB);
    slot.memory_mut().grow_to(1).expect("a page");
    assert!(!slot.memory().is_empty());
    slot.memory_mut().as_mut_slice().fill(1);
    slot.memory_mut().grow_to(2 * MIB).expect("the maximum");
    assert_eq!(slot.memory().len(), 2 * MIB);
    let error = slot.memory_mut().grow_to(2 * MIB + 1).expect_err("no more");
    assert!(matches!(error, GrowError::AboveCapacity { capacity, .. } if capacity == 2 * MIB));
    assert!(slot.memory_mut().grow_to(usize::MAX).is_err());
    // What was there stays, and it does not shrink.
    slot.memory_mut().grow_to(1).expect("no change");
    assert_eq!(slot.memory().as_slice()[0], 1);
    assert_eq!(slot.memory().len(), 2 * MIB);
}

#[test]
fn tables_and_stacks_are_open_unless_they_have_no_bytes() {
    let pool = small(1);
    let mut slot = pool.acquire().expect("a slot");
    // 20,000 elements of 8 bytes, in whole pages of any size.
    let table = slot.table_mut().expect("a table").len();
    assert!((160 << 10..=192 << 10).contains(&table), "{table}");
    assert_eq!(slot.stack_mut().map(|stack| stack.len()), Some(2 * MIB));
    let none = pool_of(&with_keys(PoolKeys {
        max_instances: Some(Setting::given(1)),
        memory_reservation: Some(Setting::given(Size::mib(1))),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        guard_size: Some(Setting::given(Size::ZERO)),
        ..PoolKeys::EMPTY
    }));
    let mut slot = none.acquire().expect("a slot");
    assert!(slot.table_mut().is_none() && slot.stack_mut().is_none());
    slot.memory_mut().grow_to(MIB).expect("all of it");
    slot.memory_mut().as_mut_slice().fill(1);
}

#[test]
fn a_slot_outlives_its_pool_and_may_be_forgotten() {
    let pool = small(2);
    let mut slot = pool.acquire().expect("a slot");
    std::mem::forget(pool.acquire().expect("a slot"));
    assert!(pool.acquire().is_err());
    drop(pool);
    slot.memory_mut()
        .grow_to(MIB)
        .expect("the mapping is alive");
    slot.memory_mut().as_mut_slice().fill(9);
    assert_eq!(slot.memory().as_slice()[MIB - 1], 9);
}

#[test]
fn slots_go_to_other_threads_and_survive_their_panics() {
    let pool = small(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut slot = pool.acquire().expect("a slot");
            let thread = scope.spawn(move || {
                slot.memory_mut().grow_to(MIB).expect("a mebibyte");
                slot.memory_mut().as_mut_slice().fill(3);
                // Unwinds without a message, past the slot.
                std::panic::resume_unwind(Box::new(()));
            });
            assert!(thread.join().is_err());
        }
    });
    assert_eq!(pool.statistics().live, 0);
    for _ in 0..4 {
        let mut slot = pool.acquire().expect("a slot");
        slot.memory_mut().grow_to(MIB).expect("a mebibyte");
        assert!(is_zero(slot.memory_mut()));
    }
}

#[test]
fn pages_of_threads_do_not_mix() {
    let pool = small(4);
    std::thread::scope(|scope| {
        for mark in 1..=4u8 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..200 {
                    let mut slot = pool.acquire().expect("one slot for each thread");
                    slot.memory_mut()
                        .grow_to(4096 * (1 + round % 7))
                        .expect("pages");
                    assert!(is_zero(slot.memory_mut()));
                    slot.memory_mut().as_mut_slice().fill(mark);
                    assert!(slot.memory().as_slice().iter().all(|byte| *byte == mark));
                }
            });
        }
    });
}

/// What an owner does with its slot.
#[derive(Clone, Debug)]
enum Step {
    Acquire,
    Grow { slot: usize, bytes: usize },
    Write { slot: usize, at: usize },
    Release { slot: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Acquire),
        3 => (any::<usize>(), 1..2 * MIB).prop_map(|(slot, bytes)| Step::Grow { slot, bytes }),
        6 => any::<(usize, usize)>().prop_map(|(slot, at)| Step::Write { slot, at }),
        2 => any::<usize>().prop_map(|slot| Step::Release { slot }),
    ];
    prop::collection::vec(step, 1..60)
}

fn regions(slot: &mut Slot, each: &mut impl FnMut(&mut Region)) {
    each(slot.memory_mut());
    slot.table_mut().into_iter().for_each(&mut *each);
    slot.stack_mut().into_iter().for_each(&mut *each);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_owners_do_the_next_one_reads_zeros(steps in steps()) {
        let pool = small(4);
        let mut slots: Vec<Slot> = Vec::new();
        for step in steps {
            let count = slots.len();
            match step {
                Step::Acquire => match pool.acquire() {
                    Ok(mut slot) => {
                        prop_assert_eq!(slot.memory().len(), 0);
                        let mut clean = true;
                        regions(&mut slot, &mut |region| clean &= is_zero(region));
                        prop_assert!(clean);
                        slots.push(slot);
                    }
                    Err(_) => prop_assert_eq!(count, 4),
                },
                Step::Release { slot } if count > 0 => drop(slots.swap_remove(slot % count)),
                Step::Grow { slot, bytes } if count > 0 => {
                    let memory = slots[slot % count].memory_mut();
                    let before = memory.len();
                    prop_assert!(memory.grow_to(bytes).is_ok());
                    prop_assert!(memory.as_slice()[before..].iter().all(|byte| *byte == 0));
                }
                Step::Write { slot, at } if count > 0 => {
                    regions(&mut slots[slot % count], &mut |region| {
                        let size = region.len();
                        if size > 0 {
                            region.as_mut_slice()[at % size] = 0xa5;
                        }
                    });
                }
                _ => {}
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn live_slots_make_no_more_mappings_than_were_reckoned_with() {
    assert!(said(&child("count_mappings", "")).contains("done"));
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by the test above, in a process in which nobody else maps anything"]
fn count_mappings() {
    let limits = limits(40, Size::mib(4), Size::mib(4));
    let footprint = limits
        .asked()
        .footprint(limits.page_size())
        .expect("it can be counted");
    let maps = || {
        let text = std::fs::read_to_string("/proc/self/maps").expect("Linux has /proc");
        u64::try_from(text.lines().count()).expect("a count")
    };
    let before = maps();
    let pool = pool_of(&limits);
    for round in 0..3 {
        let mut slots = Vec::new();
        while let Ok(mut slot) = pool.acquire() {
            for pages in 1..4 {
                let bytes = pages * (round + 1) * 65_536;
                slot.memory_mut()
                    .grow_to(bytes)
                    .expect("within the maximum");
                slot.memory_mut().as_mut_slice().fill(1);
            }
            slots.push(slot);
            // The heap may grow by a mapping or two.
            assert!(maps() <= before + footprint.maps_at_worst + 4);
        }
        // Every other slot is released first, so that live and idle ones lie side by side.
        let mut keep = false;
        slots.retain(|_| {
            keep = !keep;
            keep
        });
        assert!(maps() <= before + footprint.maps_at_worst + 4);
        drop(slots);
        pool.close_idle();
        // What is closed merges with the guards around it.
        assert!(
            maps() <= before + footprint.maps_at_start + 4,
            "{}",
            std::fs::read_to_string("/proc/self/maps").expect("Linux has /proc")
        );
    }
    eprintln!("done");
}

/// Lowers `RLIMIT_DATA` of this process to what it uses and so many bytes, and gives what it was.
#[cfg(target_os = "linux")]
fn leave_data(bytes: u64) -> rustix::process::Rlimit {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Data);
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let used = status
        .lines()
        .find_map(|line| line.strip_prefix("VmData:")?.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse::<u64>().ok())
        .expect("Linux tells VmData");
    let lower = Rlimit {
        current: Some((used << 10) + bytes),
        maximum: before.maximum,
    };
    setrlimit(Resource::Data, lower).expect("a limit may be lowered");
    before
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by the test below, in a process whose limit it may lower"]
fn run_out_of_writable_memory() {
    use rustix::process::{Resource, setrlimit};
    let pool = small(3);
    let mut slot = pool.acquire().expect("a slot");
    let before = leave_data(1 << 20);
    // A table and a stack of 2.2 MiB are too much, and so is a memory of 2 MiB.
    let error = pool.acquire().expect_err("no room for a stack");
    assert!(matches!(
        error,
        AcquireError::Open(GrowError::Refused { .. })
    ));
    assert_eq!((pool.statistics().live, pool.statistics().retired), (1, 0));
    slot.memory_mut()
        .grow_to(64 << 10)
        .expect("there is room for that");
    let size = slot.memory().len();
    let error = slot.memory_mut().grow_to(2 * MIB).expect_err("no room");
    assert!(matches!(error, GrowError::Refused { .. }), "{error}");
    assert_eq!(slot.memory().len(), size);
    slot.memory_mut().as_mut_slice().fill(1);
    setrlimit(Resource::Data, before).expect("and raised again");
    let others = [pool.acquire(), pool.acquire()];
    assert!(others.iter().all(Result::is_ok));
    slot.memory_mut()
        .grow_to(2 * MIB)
        .expect("there is room now");
    assert!(
        slot.memory().as_slice()[size..]
            .iter()
            .all(|byte| *byte == 0)
    );
    eprintln!("done");
}

#[cfg(target_os = "linux")]
#[test]
fn a_slot_that_cannot_be_opened_goes_back() {
    assert!(said(&child("run_out_of_writable_memory", "")).contains("done"));
}

#[test]
fn threads_that_recheck_at_once_all_get_what_was_guaranteed() {
    // All of them at once have to fit beside the pools of other tests, also where pointers have 32 bits.
    let slots = if cfg!(target_pointer_width = "32") {
        8
    } else {
        100
    };
    let limits = limits(slots, Size::mib(4), Size::mib(1));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(pool_of(&limits).limits(), limits.asked());
                }
            });
        }
    });
}

/// The slots' addresses, which tell them apart.
fn address(slot: &mut Slot) -> usize {
    slot.memory().as_ptr().addr()
}

#[test]
fn a_slot_is_taken_with_its_memory_and_is_as_large_as_asked() {
    let pool = small(1);
    for bytes in [3 * 65_536, 65_536, 0, 2 * MIB, 65_536] {
        let request = AcquireOptions::new().memory(bytes);
        let mut slot = pool.acquire_with(request).expect("a slot");
        assert_eq!(slot.memory().len(), bytes);
        assert!(is_zero(slot.memory_mut()));
        slot.memory_mut().as_mut_slice().fill(1);
    }
    let error = pool
        .acquire_with(AcquireOptions::new().memory(2 * MIB + 1))
        .expect_err("above the maximum");
    assert!(matches!(
        error,
        AcquireError::Open(GrowError::AboveCapacity { .. })
    ));
    assert_eq!((pool.statistics().live, pool.statistics().retired), (0, 0));
}

#[test]
fn a_memory_shrinks_and_what_was_cut_off_is_zero_when_it_grows_again() {
    for checks in [false, true] {
        let reserved = limits(1, Size::mib(4), Size::mib(2)).recheck();
        let options = PoolOptions::new().owner_checks_bounds(checks);
        let pool = Pool::with_options(reserved.expect("it fits"), options).expect("it opens");
        let mut slot = pool.acquire().expect("a slot");
        let memory = slot.memory_mut();
        memory.grow_to(MIB).expect("a mebibyte");
        memory.as_mut_slice().fill(1);
        memory.shrink_to(3 * 65_536).expect("less");
        assert_eq!(memory.len(), 3 * 65_536);
        memory.shrink_to(MIB).expect("it is smaller already");
        assert_eq!(memory.len(), 3 * 65_536);
        memory.grow_to(2 * MIB).expect("the maximum");
        let (kept, new) = memory.as_slice().split_at(3 * 65_536);
        assert!(kept.iter().all(|byte| *byte == 1));
        assert!(new.iter().all(|byte| *byte == 0));
        drop(slot);
        let mut slot = pool
            .acquire_with(AcquireOptions::new().memory(2 * MIB))
            .expect("a slot");
        assert!(is_zero(slot.memory_mut()));
    }
}

#[test]
fn a_module_gets_its_warm_slot_back() {
    let pool = small(3);
    let keyed = |key| {
        pool.acquire_with(AcquireOptions::new().key(key))
            .expect("a slot")
    };
    let (mut one, mut two) = (keyed(1), keyed(2));
    let (first, second) = (address(&mut one), address(&mut two));
    drop(one);
    drop(two);
    assert_eq!(address(&mut keyed(1)), first);
    assert_eq!(address(&mut keyed(1)), first);
    assert_eq!(address(&mut keyed(2)), second);
    let mut other = keyed(3);
    assert!(![first, second].contains(&address(&mut other)));
}

#[test]
fn who_waits_gets_what_is_released_and_who_does_not_gets_an_error() {
    let pool = small(1);
    let slot = pool.acquire().expect("a slot");
    for wait in [None, Some(Duration::ZERO)] {
        let request = wait.map_or(AcquireOptions::new(), |wait| {
            AcquireOptions::new().wait(wait)
        });
        let error = pool.acquire_with(request).expect_err("it is taken");
        assert!(matches!(error, AcquireError::Exhausted(_)), "{error}");
    }
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let request = AcquireOptions::new().wait(Duration::MAX);
                drop(pool.acquire_with(request).expect("one after the other"));
            });
        }
        drop(slot);
    });
    assert_eq!(pool.statistics().live, 0);
}

#[test]
fn statistics_tell_what_the_pool_holds() {
    let reserved = limits(6, Size::mib(4), Size::mib(2)).recheck();
    let options = PoolOptions::new().warm_slots(2).decommit_batch(2).shards(1);
    let pool = Pool::with_options(reserved.expect("it fits"), options).expect("it opens");
    let mut slots: Vec<_> = (0..6).map(|_| pool.acquire().expect("a slot")).collect();
    for slot in &mut slots {
        slot.memory_mut().grow_to(MIB).expect("a mebibyte");
        slot.memory_mut().as_mut_slice()[..65_536].fill(1);
    }
    let statistics = pool.statistics();
    assert_eq!((statistics.live, statistics.warm), (6, 0));
    assert_eq!(statistics.resident, Size::ZERO);
    drop(slots);
    let statistics = pool.statistics();
    assert_eq!((statistics.live, statistics.most_live), (0, 6));
    // Up to a batch more than may be warm, and no fewer than may.
    assert!((2..=4).contains(&statistics.warm), "{statistics:?}");
    let kept = match pool.reset_mode() {
        Reset::PagemapScan => Size::kib(64),
        _ => Size::ZERO,
    };
    let resident = kept.get() * u64::from(statistics.warm);
    assert_eq!(statistics.resident, Size::bytes(resident));
    pool.close_idle();
    let statistics = pool.statistics();
    assert_eq!((statistics.warm, statistics.resident), (0, Size::ZERO));
    assert_eq!(statistics.retired, 0);
}

#[test]
fn memory_that_idle_slots_hold_is_no_obstacle_to_others() {
    // A commit limit, or one on data, counts what idle slots keep open.
    #[cfg(target_os = "linux")]
    assert!(said(&child("grow_at_the_expense_of_idle_slots", "")).contains("done"));
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by the test above, in a process whose limit it may lower"]
fn grow_at_the_expense_of_idle_slots() {
    let pool = small(4);
    let whole = AcquireOptions::new().memory(2 * MIB);
    let slots: Vec<_> = (0..4)
        .map(|_| pool.acquire_with(whole).expect("a slot"))
        .collect();
    drop(slots);
    let mut slot = pool.acquire().expect("a slot");
    leave_data(0);
    slot.memory_mut()
        .grow_to(2 * MIB)
        .expect("the others give way");
    assert_eq!(pool.statistics().warm, 0);
    eprintln!("done");
}

#[test]
fn slots_go_to_other_threads_and_what_they_give_may_be_held_across_a_panic() {
    fn is_as_before<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    is_as_before::<Slot>();
    is_as_before::<Pool>();
}

#[test]
fn the_parts_of_a_slot_are_used_together_and_looked_at_through_a_shared_reference() {
    let pool = small(1);
    let mut slot = pool
        .acquire_with(AcquireOptions::new().memory(MIB))
        .expect("a slot");
    let parts = slot.parts_mut();
    let (table, stack) = (parts.table.expect("a table"), parts.stack.expect("a stack"));
    parts.memory.as_mut_slice()[0] = 1;
    table.as_mut_slice()[0] = 2;
    stack.as_mut_slice()[0] = 3;
    table.as_mut_slice()[1] = parts.memory.as_slice()[0];
    let looked_at = |slot: &Slot| {
        let regions = [Some(slot.memory()), slot.table(), slot.stack()];
        regions.map(|region| region.expect("one").as_slice()[0])
    };
    assert_eq!(looked_at(&slot), [1, 2, 3]);
    assert_eq!(slot.table().expect("a table").as_slice()[1], 1);
    assert!(!slot.memory().is_empty());
}

#[test]
fn a_region_tells_how_far_it_reaches_and_its_neighbours_lie_beyond() {
    let pool = small(2);
    let slots = [0, 1].map(|_| pool.acquire().expect("a slot"));
    let [one, two] = slots.each_ref().map(|slot| slot.memory());
    assert!(one.capacity_with_guard() >= 4 * MIB);
    assert_eq!(
        one.capacity_with_guard(),
        one.capacity() + one.guard_after()
    );
    let start = |region: &Region| region.as_ptr().addr();
    let (low, high) = if start(one) < start(two) {
        (one, two)
    } else {
        (two, one)
    };
    assert!(start(low) + low.capacity_with_guard() <= start(high));
    assert!(start(low) + low.capacity() <= start(high) - high.guard_before());
}

#[test]
fn the_debug_texts_of_a_slot_a_pool_and_what_is_reserved_are_short() {
    let pool = small(64);
    let slot = pool.acquire().expect("a slot");
    let reserved = limits(64, Size::mib(4), Size::mib(2)).recheck();
    let reserved = reserved.expect("a small pool fits");
    for text in [
        format!("{slot:?}"),
        format!("{pool:?}"),
        format!("{reserved:?}"),
    ] {
        assert!(text.len() < 200, "{} bytes: {text}", text.len());
    }
}

#[test]
fn the_debug_text_of_an_error_is_its_message_and_its_cause_is_told_once() {
    let pool = small(1);
    let mut slot = pool.acquire().expect("a slot");
    let error = slot.memory_mut().grow_to(usize::MAX).expect_err("too much");
    assert_eq!(format!("{error:?}"), error.to_string());
    let error = pool.acquire().expect_err("no second slot");
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(std::error::Error::source(&error).is_none());
}

#[test]
fn a_stack_is_left_as_it_is_only_where_the_owner_says_so_and_nothing_else_is() {
    for clear in [true, false] {
        let options = PoolOptions::new().clear_stacks(clear);
        let reserved = limits(1, Size::mib(4), Size::mib(2)).recheck();
        let pool = Pool::with_options(reserved.expect("it fits"), options).expect("it opens");
        let request = AcquireOptions::new().memory(MIB);
        let mut slot = pool.acquire_with(request).expect("a slot");
        let parts = slot.parts_mut();
        let stack = parts.stack.expect("a stack");
        for region in [parts.memory, parts.table.expect("a table"), stack] {
            region.as_mut_slice().fill(7);
        }
        drop(slot);
        let stack = Size::mib(2);
        assert!(clear || pool.statistics().resident >= stack);
        let slot = pool.acquire_with(request).expect("a slot");
        assert!(is_zero(slot.memory()) && is_zero(slot.table().expect("a table")));
        let expected = if clear { 0 } else { 7 };
        let left = slot.stack().expect("a stack").as_slice();
        assert!(left.iter().all(|byte| *byte == expected));
        drop(slot);
        // Closed, it holds nothing.
        pool.close_idle();
        assert_eq!(pool.statistics().resident, Size::ZERO);
        let slot = pool.acquire_with(request).expect("a slot");
        assert!(is_zero(slot.stack().expect("a stack")));
    }
}

#[test]
fn a_stack_that_was_mapped_over_is_new_also_where_stacks_are_left_as_they_are() {
    let options = PoolOptions::new().clear_stacks(false);
    let reserved = limits(1, Size::mib(4), Size::mib(2)).recheck();
    let pool = Pool::with_options(reserved.expect("it fits"), options).expect("it opens");
    let mut slot = pool.acquire().expect("a slot");
    let stack = slot.stack_mut().expect("a stack");
    stack.as_mut_slice().fill(7);
    stack.mapped_over();
    drop(slot);
    let slot = pool.acquire().expect("a slot");
    assert!(is_zero(slot.stack().expect("a stack")));
}

#[test]
fn a_pool_whose_memories_have_no_bytes_is_one_of_stacks() {
    let pool = pool_of(&with_keys(PoolKeys {
        max_instances: Some(Setting::given(2)),
        memory_reservation: Some(Setting::given(Size::kib(64))),
        max_memory_size: Some(Setting::given(Size::ZERO)),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::mib(1))),
        ..PoolKeys::EMPTY
    }));
    for _ in 0..2 {
        let mut slot = pool.acquire().expect("a slot");
        assert!(slot.memory().is_empty() && slot.memory().capacity() == 0);
        assert!(slot.memory_mut().grow_to(1).is_err());
        let stack = slot.stack_mut().expect("a stack");
        assert!(is_zero(stack));
        stack.as_mut_slice().fill(1);
    }
}

#[test]
fn the_guard_before_the_first_memory_can_be_left_out() {
    let guard = 1 << 20;
    let pool = |before| {
        let limits = with_keys(PoolKeys {
            max_instances: Some(Setting::given(3)),
            memory_reservation: Some(Setting::given(Size::mib(4))),
            max_memory_size: Some(Setting::given(Size::mib(2))),
            guard_size: Some(Setting::given(Size::mib(1))),
            guard_before: Some(Setting::given(before)),
            ..PoolKeys::EMPTY
        });
        let reserved = limits.recheck().expect("a small pool fits");
        let bytes = reserved.reserved_bytes();
        (bytes, Pool::new(reserved).expect("a small pool opens"))
    };
    let (more, with) = pool(true);
    let (less, without) = pool(false);
    assert_eq!(more.get() - less.get(), 1 << 20);
    for (pool, first) in [(with, guard), (without, 0)] {
        let mut slots: Vec<_> = (0..3).map(|_| pool.acquire().expect("a slot")).collect();
        for slot in &mut slots {
            slot.memory_mut().grow_to(2 * MIB).expect("all of it");
            slot.memory_mut().as_mut_slice().fill(1);
            // Half of the reservation is never opened.
            assert_eq!(slot.memory().guard_after(), 2 * MIB + guard);
            assert!(slot.stack().expect("a stack").guard_before() > 0);
        }
        let mut before: Vec<_> = slots
            .iter()
            .map(|slot| (slot.memory().as_ptr().addr(), slot.memory().guard_before()))
            .collect();
        before.sort_unstable();
        assert_eq!(
            before.iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>(),
            [first, guard, guard]
        );
        for pair in before.windows(2) {
            assert_eq!(pair[1].0 - pair[0].0, 4 * MIB + guard);
        }
    }
}

/// Keys of a pool that has no memories, and a table and a stack of so many bytes.
const fn without_memories(table: Size, stack: Size) -> PoolKeys {
    PoolKeys {
        max_instances: Some(Setting::given(3)),
        memory_reservation: Some(Setting::given(Size::ZERO)),
        table_reservation: Some(Setting::given(table)),
        stack_reservation: Some(Setting::given(stack)),
        ..PoolKeys::EMPTY
    }
}

#[test]
fn a_pool_may_have_stacks_only() {
    let limits = with_keys(without_memories(Size::ZERO, Size::mib(1)));
    let reserved = limits.recheck().expect("a small pool fits");
    assert_eq!(reserved.pieces(), 0);
    let page = poolcfg_runtime::probe().page_size;
    let stack = Size::mib(1).get() + page.get();
    assert_eq!(reserved.reserved_bytes().get(), page.get() + 3 * stack);
    for reset in [None, Some(Reset::Zero), Some(Reset::Discard)] {
        let mut options = PoolOptions::new().keep_resident(Size::kib(64));
        if let Some(reset) = reset {
            options = options.reset(reset);
        }
        let reserved = limits.recheck().expect("a small pool fits");
        let pool = Pool::with_options(reserved, options).expect("a small pool opens");
        for _ in 0..3 {
            let mut slots: Vec<_> = (0..3).map(|_| pool.acquire().expect("a slot")).collect();
            assert!(matches!(pool.acquire(), Err(AcquireError::Exhausted(_))));
            for slot in &mut slots {
                let parts = slot.parts_mut();
                assert!(parts.table.is_none());
                let stack = parts.stack.expect("a stack");
                assert_eq!(stack.len(), MIB);
                assert!(is_zero(stack));
                stack.as_mut_slice().fill(1);
                // A memory of no bytes, with which nothing can be done.
                let memory = parts.memory;
                assert_eq!(
                    (
                        memory.len(),
                        memory.capacity(),
                        memory.capacity_with_guard()
                    ),
                    (0, 0, 0)
                );
                assert!(memory.as_slice().is_empty() && memory.as_mut_slice().is_empty());
                assert!(memory.grow_to(0).is_ok() && memory.shrink_to(0).is_ok());
                assert!(matches!(
                    memory.grow_to(1),
                    Err(GrowError::AboveCapacity { capacity: 0, .. })
                ));
                memory.mapped_over();
            }
        }
        assert!(pool.acquire_with(AcquireOptions::new().memory(1)).is_err());
        pool.close_idle();
        let slot = pool.acquire().expect("a slot");
        assert!(is_zero(slot.stack().expect("a stack")));
        assert_eq!((pool.statistics().live, pool.statistics().retired), (1, 0));
        drop(pool);
        // A slot may outlive its pool, here as well.
        assert_eq!(slot.stack().map(|stack| stack.len()), Some(MIB));
    }
}

#[test]
fn a_pool_may_have_tables_only() {
    let pool = pool_of(&with_keys(without_memories(Size::kib(256), Size::ZERO)));
    let mut slot = pool.acquire().expect("a slot");
    assert!(slot.stack().is_none());
    let table = slot.table_mut().expect("a table");
    assert_eq!(table.len(), 256 << 10);
    table.as_mut_slice().fill(1);
    drop(slot);
    let slot = pool.acquire().expect("a slot");
    assert!(is_zero(slot.table().expect("a table")));
}

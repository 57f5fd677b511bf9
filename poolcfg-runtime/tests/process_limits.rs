//! Real processes under real limits: the error names the limit, what is needed and what there is, and
//! nothing stays reserved.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod common;

use std::ptr;

use common::{child, child_with, limits, said, under};
use poolcfg_runtime::__private::{AddressSpaceKeys, PoolKeys, Setting};
use poolcfg_runtime::{
    Limits, Pool, PoolLimits, RecheckError, RecheckLimit, RecheckOptions, Reserved, Size, Slot,
};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};

/// 3.94 TiB: what Wasmtime takes by default.
const SMALL_MEMORIES: PoolLimits = limits(1000, Size::gib(4), Size::mib(1));
/// 7.8 GiB that may all be written.
const WRITTEN: PoolLimits = limits(100, Size::mib(8), Size::mib(8));
/// One memory that only the normal layout of a 47-bit process holds.
const ONE_LARGE: PoolLimits = limits(1, Size::tib(80), Size::mib(1));
/// As much as lies free in pieces wherever the stack limit puts things.
const SPANNING: PoolLimits = limits(58, Size::tib(2), Size::mib(1));
/// More slots than a process may have mappings for.
const MANY: PoolLimits = limits(30_000, Size::kib(64), Size::kib(64));

/// Slots of 64 MiB, 16 of them to be written.
const ASKED: PoolKeys = PoolKeys {
    max_instances: Some(Setting::given(30_000)),
    memory_reservation: Some(Setting::given(Size::mib(64))),
    max_memory_size: Some(Setting::given(Size::mib(16))),
    guard_size: Some(Setting::given(Size::kib(64))),
    ..PoolKeys::EMPTY
};
/// Slots of which the maps decide how many there are.
const SMALL: PoolKeys = PoolKeys {
    memory_reservation: Some(Setting::given(Size::mib(1))),
    max_memory_size: Some(Setting::given(Size::kib(64))),
    ..ASKED
};
const SPACE: AddressSpaceKeys<'static> = AddressSpaceKeys::EMPTY;
/// What is guaranteed under `ulimit -v 4194304`.
const UNDER_RLIMIT_AS: PoolLimits = under(
    ASKED,
    AddressSpaceKeys {
        rlimit_as: Some(Setting::given(Some(Size::gib(4)))),
        ..SPACE
    },
);
/// What is guaranteed under `ulimit -d 1048576`.
const UNDER_RLIMIT_DATA: PoolLimits = under(
    ASKED,
    AddressSpaceKeys {
        rlimit_data: Some(Setting::given(Some(Size::gib(1)))),
        ..SPACE
    },
);
/// What is guaranteed under `vm.max_map_count` as it is everywhere.
const UNDER_MAX_MAP_COUNT: PoolLimits = under(SMALL, SPACE);

/// The same slots, so few that they need few maps.
const FEW_UNDER_MAX_MAP_COUNT: PoolLimits = under(
    PoolKeys {
        max_instances: Some(Setting::given(100)),
        ..SMALL
    },
    SPACE,
);

/// So many slots at once, each as far as it goes.
fn opened(pool: &Pool, limits: Limits) -> Vec<Slot> {
    let all = usize::try_from(limits.max_memory_size.get()).expect("it is mapped");
    (0..limits.max_instances)
        .map(|_| {
            let mut slot = pool.acquire().expect("a slot is free");
            slot.memory_mut().grow_to(all).expect("it may grow so far");
            slot
        })
        .collect()
}

/// Uses all slots that are guaranteed at once, as far as they go, and prints how many there were.
fn use_all(limits: &PoolLimits) {
    let guaranteed = limits.guaranteed();
    let reserved = limits.recheck().expect("what is guaranteed is there");
    assert!(reserved.instances() >= guaranteed.max_instances);
    let pool = Pool::new(reserved).expect("it opens");
    let slots = opened(&pool, guaranteed);
    eprintln!("{} at once of {}", slots.len(), pool.limits().max_instances);
}

#[test]
#[ignore = "run by the tests below"]
fn use_all_under_rlimit_as() {
    use_all(&UNDER_RLIMIT_AS);
}

#[test]
#[ignore = "run by the tests below"]
fn use_all_under_rlimit_data() {
    use_all(&UNDER_RLIMIT_DATA);
}

#[test]
#[ignore = "run by the tests below"]
fn use_all_under_max_map_count() {
    use_all(&UNDER_MAX_MAP_COUNT);
}

/// What is guaranteed under a limit that was said starts under it, and all of it can be used at once.
#[test]
fn what_is_guaranteed_under_a_limit_starts_under_it() {
    for (test, prepare, guaranteed) in [
        ("use_all_under_rlimit_as", "ulimit -v 4194304", 46),
        ("use_all_under_rlimit_data", "ulimit -d 1048576", 42),
        ("use_all_under_max_map_count", "", 9067),
    ] {
        let said = said(&child(test, prepare));
        let at_once = format!("{guaranteed} at once of ");
        assert!(said.contains(&at_once), "{test}: {said}");
    }
}

/// A recheck that succeeds has counted what the process has mapped before it: every slot it gives can be used, however
/// many maps there are.
#[test]
fn a_process_with_many_maps_gets_what_it_can_use() {
    let said = said(&child("use_beside_many_maps", ""));
    assert!(said.contains("0 before: got 9067 of 9067"), "{said}");
    assert!(said.contains("done"), "{said}");
}

#[test]
#[ignore = "run by the test above, in a process that makes so many maps"]
fn use_beside_many_maps() {
    const FULL: &str = "the map table is full";
    let mut before = 0;
    for further in [0, 3_000, 17_000, 30_000, 14_500, 700] {
        before += further;
        make_maps(further);
        for limits in [&UNDER_MAX_MAP_COUNT, &FEW_UNDER_MAX_MAP_COUNT] {
            let shrink = RecheckOptions::new().or_shrink(true);
            for (name, options) in [("got", RecheckOptions::new()), ("or_shrink", shrink)] {
                let all = limits.guaranteed().max_instances;
                match limits.recheck_with(options) {
                    Ok(reserved) => {
                        let instances = reserved.instances();
                        eprintln!("{before} before: {name} {instances} of {all}");
                        use_whole(reserved);
                    }
                    Err(RecheckError::Misfit(misfit)) => {
                        let full = misfit.limit.to_string();
                        assert_eq!(full, "max_map_count", "{before} before: {misfit}");
                        eprintln!("{before} before: {FULL}");
                    }
                    Err(error) => panic!("{before} before: {error}"),
                }
            }
        }
    }
    eprintln!("done");
}

/// Makes so many maps, for good.
fn make_maps(maps: usize) {
    let page = rustix::param::page_size();
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    let len = (maps + 1) * page;
    // SAFETY: a new map at an address of the system's choosing touches nothing that exists.
    let start = unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags) };
    let start = start.expect("there is room for a few pages");
    for at in (1..maps).step_by(2) {
        // SAFETY: the page is of the map that was made just now, and nobody refers to it.
        let split = unsafe {
            mprotect(
                start.wrapping_byte_add(at * page),
                page,
                MprotectFlags::READ,
            )
        };
        split.expect("there are maps left");
    }
}

/// Opens every slot as far as it goes.
fn use_whole(reserved: Reserved) {
    let pool = Pool::new(reserved).expect("it opens");
    let limits = pool.limits();
    let slots = opened(&pool, limits);
    assert_eq!(
        slots.len(),
        usize::try_from(limits.max_instances).expect("it fits")
    );
}

/// Prints what came of a recheck. A failed one must leave nothing mapped.
fn report(limits: &PoolLimits) {
    let before = inaccessible();
    match limits.recheck() {
        Ok(reserved) => eprintln!("recheck took {}", reserved.instances()),
        Err(error) => {
            eprintln!("recheck failed: {error}");
            // What a `main` prints that ends with it.
            assert_eq!(format!("{error:?}"), error.to_string());
            if let RecheckError::Misfit(misfit) = &error {
                eprintln!("limit={} unit={}", misfit.limit, misfit.unit);
                assert!(misfit.need > misfit.have);
            }
        }
    }
    assert_eq!(inaccessible(), before, "a recheck left mappings behind");
    match limits.recheck_with(RecheckOptions::new().or_shrink(true)) {
        Ok(reserved) => eprintln!("or_shrink took {}", reserved.instances()),
        Err(error) => eprintln!("or_shrink failed: {error}"),
    }
    assert_eq!(inaccessible(), before, "a recheck left mappings behind");
}

/// Number and bytes of the inaccessible mappings that have no name.
fn inaccessible() -> (usize, u64) {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has /proc");
    let sizes = maps.lines().filter_map(|line| {
        let mut parts = line.split_whitespace();
        let (start, end) = parts.next()?.split_once('-')?;
        let permissions = parts.next()?;
        (permissions == "---p" && parts.count() == 3).then(|| {
            let address = |text| u64::from_str_radix(text, 16).unwrap_or(0);
            address(end) - address(start)
        })
    });
    sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + size))
}

#[test]
#[ignore = "run by the tests below"]
fn report_small_memories() {
    report(&SMALL_MEMORIES);
}

#[test]
#[ignore = "run by the tests below"]
fn report_written() {
    report(&WRITTEN);
}

#[test]
#[ignore = "run by the tests below"]
fn report_one_large() {
    report(&ONE_LARGE);
}

#[test]
#[ignore = "run by the tests below"]
fn report_spanning() {
    let before = inaccessible();
    let reserved = SPANNING.recheck().expect("all of it is free");
    eprintln!("{} in {} pieces", reserved.instances(), reserved.pieces());
    drop(reserved);
    assert_eq!(inaccessible(), before, "a recheck left mappings behind");
}

#[test]
#[ignore = "run by the tests below"]
fn report_many() {
    report(&MANY);
}

#[test]
#[ignore = "run by the tests below"]
fn report_locked() {
    // A process that may lock all it wants is refused nothing.
    let sets = rustix::thread::capabilities(None).map(|mut sets| {
        sets.effective
            .remove(rustix::thread::CapabilitySet::IPC_LOCK);
        sets
    });
    let sets = sets.expect("own capabilities can be read");
    rustix::thread::set_capabilities(None, sets).expect("capabilities can be dropped");
    rustix::mm::mlockall(rustix::mm::MlockAllFlags::FUTURE).expect("the future may be locked");
    report(&WRITTEN);
}

#[test]
fn rlimit_as_is_named_and_a_smaller_pool_starts() {
    let said = said(&child("report_small_memories", "ulimit -v 67108864"));
    assert!(said.contains("limit=RLIMIT_AS unit=bytes"), "{said}");
    assert!(said.contains("pool needs `3.9"), "{said}");
    assert!(said.contains("`RLIMIT_AS` allows `64 GiB`"), "{said}");
    assert!(said.contains("`POOLCFG_MAX_INSTANCES=15`"), "{said}");
    assert!(said.contains("or_shrink took 15"), "{said}");
}

#[test]
fn what_the_message_suggests_starts() {
    let said = said(&child_with(
        "report_small_memories",
        "ulimit -v 67108864",
        &[("POOLCFG_MAX_INSTANCES", "15")],
    ));
    assert!(said.contains("recheck took 15"), "{said}");
}

#[test]
fn a_mistaken_variable_is_named() {
    let said = said(&child_with(
        "report_small_memories",
        "",
        &[("POOLCFG_MEMORY_RESERVATION", "4TB")],
    ));
    assert!(
        said.contains("environment variable `POOLCFG_MEMORY_RESERVATION` is `4TB`"),
        "{said}"
    );
}

#[test]
fn rlimit_data_is_named_before_a_slot_is_used() {
    let said = said(&child("report_written", "ulimit -d 262144"));
    assert!(said.contains("limit=RLIMIT_DATA unit=bytes"), "{said}");
    assert!(said.contains("`RLIMIT_DATA` allows `256 MiB`"), "{said}");
    assert!(said.contains("or_shrink took 2"), "{said}");
}

#[test]
fn rlimit_memlock_is_named_when_everything_is_locked() {
    let said = said(&child("report_locked", "ulimit -l 8192"));
    assert!(said.contains("limit=RLIMIT_MEMLOCK unit=bytes"), "{said}");
    assert!(said.contains("`RLIMIT_MEMLOCK` allows `8 MiB`"), "{said}");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn an_unlimited_stack_is_named_as_the_cause_of_small_holes() {
    let normal = said(&child("report_one_large", "ulimit -s 8192"));
    assert!(normal.contains("recheck took 1"), "{normal}");
    let said = said(&child("report_one_large", "ulimit -s unlimited"));
    assert!(said.contains("limit=hole unit=bytes"), "{said}");
    assert!(
        said.contains("pool needs `80.01 TiB` in one piece"),
        "{said}"
    );
    assert!(said.contains("the largest `hole` has `4"), "{said}");
    assert!(
        said.contains("the legacy layout that an unlimited stack limit gives"),
        "{said}"
    );
    assert!(said.contains("`ulimit -s 8192`"), "{said}");
}

/// In the layout of an unlimited stack limit, the kernel searches the lowest sixth of the window and what is
/// above a third of it, on either side of the program. What is between them is taken by address.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_pool_spans_what_the_kernel_does_not_search() {
    let normal = said(&child("report_spanning", "ulimit -s 8192"));
    assert!(normal.contains("58 in 2 pieces"), "{normal}");
    let said = said(&child("report_spanning", "ulimit -s unlimited"));
    assert!(said.contains("58 in 4 pieces"), "{said}");
}

#[test]
fn too_many_mappings_are_named() {
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").expect("Linux has /proc");
    let limit: u64 = limit.trim().parse().expect("a number");
    let said = said(&child("report_many", ""));
    // Three slabs of 30,000 slots are (3 + 2 + 2) x 30,000 + 3 mappings, and seven more in pieces.
    if limit < 210_003 {
        assert!(said.contains("limit=max_map_count unit=maps"), "{said}");
        assert!(
            said.contains("`sysctl -w vm.max_map_count=212058`"),
            "{said}"
        );
    } else {
        assert!(said.contains("recheck took 30000"), "{said}");
    }
    assert!(said.contains("or_shrink took "), "{said}");
}

#[test]
fn a_pool_that_is_dropped_leaves_room_for_the_next() {
    for _ in 0..100 {
        let reserved = ONE_LARGE.recheck().expect("the hole is free again");
        assert_eq!(reserved.instances(), 1);
        assert!(reserved.reserved_bytes() > Size::tib(80));
    }
}

/// More than a window of 48 bits, the largest that a process here is given unasked.
#[test]
fn what_no_hole_holds_is_refused() {
    assert!(matches!(
        limits(1, Size::tib(300), Size::mib(1)).recheck(),
        Err(RecheckError::Misfit(misfit)) if misfit.limit == RecheckLimit::Hole
    ));
}

/// On any machine, also one with the 256 GiB that a small kernel gives.
#[test]
fn a_pool_starts_whole_or_with_what_its_refusal_suggests() {
    let first = said(&child("report_small_memories", ""));
    if first.contains("recheck took 1000") {
        return;
    }
    assert!(first.contains("limit=hole unit=bytes"), "{first}");
    let suggested = first
        .split_once("`POOLCFG_MAX_INSTANCES=")
        .and_then(|(_, rest)| rest.split_once('`'))
        .map(|(number, _)| number);
    let number = suggested.unwrap_or_else(|| panic!("{first}"));
    let variables = [("POOLCFG_MAX_INSTANCES", number)];
    let second = said(&child_with("report_small_memories", "", &variables));
    assert!(
        second.contains(&format!("recheck took {number}")),
        "{second}"
    );
}

#[track_caller]
fn is_told(name: &str, value: &str, told: &str) {
    let said = said(&child_with("report_words", "", &[(name, value)]));
    assert!(said.contains(told), "{said:?}");
}

#[test]
fn values_of_variables_are_escaped_in_messages() {
    is_told(
        "POOLCFG_MAX_INSTANCES",
        "1\u{1b}[2J\n\u{202e}2",
        r"is `1\u{1b}[2J\n\u{202e}2`, but expected a whole number",
    );
}

#[test]
fn names_of_variables_are_escaped_in_messages() {
    is_told(
        "POOLCFG_NONE\u{1b}[2J",
        "1",
        r"unknown environment variable `POOLCFG_NONE\u{1b}[2J`",
    );
}

#[test]
#[ignore = "run by the test above"]
fn report_words() {
    match limits(3, Size::mib(1), Size::mib(1)).recheck() {
        Ok(reserved) => {
            for warning in reserved.warnings() {
                eprintln!("{warning}");
            }
        }
        Err(error) => eprintln!("{error}"),
    }
}

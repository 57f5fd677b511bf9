//! What is suggested to a process of the floor of this target.

use super::*;

/// The profile of this target's floor, of 4 KiB pages here, and a process of it that has these parts of its window in holes.
fn process_of_the_floor(holes: [u64; 2]) -> (poolcfg_core::VaProfile<'static>, Made) {
    let profile = poolcfg_core::VaProfile::floor(Target::CURRENT).unwrap();
    let part = |hundredths: u64| Size::bytes(profile.window.get() / 100 * hundredths);
    let machine = Made {
        stack_top: Some(profile.window.get() - 1),
        ..Made::new(&holes.map(part))
    }
    .with_text("/proc/sys/vm/mmap_rnd_bits", "18\n");
    (profile, machine)
}

// Where a profile matches both holes, the model answers, which knows that ASLR never takes from both: see `suggestions`.
#[cfg(target_arch = "x86_64")]
#[test]
fn what_is_suggested_for_want_of_a_hole_starts_where_aslr_leaves_less() {
    let (profile, machine) = process_of_the_floor([32, 66]);
    let poolcfg_core::Layout::Linux(layout) = profile.layout else {
        panic!("Linux has a layout");
    };
    // Both holes are as much smaller as ASLR can make them.
    let aslr_range = layout.aslr_range(machine.page_size(), 18).get();
    let (_, other) = process_of_the_floor([32, 66]);
    for hole in other.holes.borrow_mut().iter_mut() {
        *hole -= aslr_range;
    }
    let of = |parts: u64| {
        let reservation = Size::bytes(profile.window.get() / parts / 65_536 * 65_536);
        let limits = slots(u32::try_from(parts).unwrap()).with_reservation(reservation);
        Promise {
            asked: limits,
            guaranteed: limits,
            ..promise(1, 1)
        }
    };
    // In each of the two numbers, and at whatever size of the slots.
    for parts in [7, 14, 61, 250] {
        let promise = of(parts);
        let fit = misfit(recheck(&machine, &promise, GUARANTEED)).largest_fit;
        let instances = fit.max_instances.unwrap();
        let reservation = fit.memory_reservation.unwrap();
        for limits in [
            promise.asked.with_instances(instances),
            promise.asked.with_reservation(reservation),
        ] {
            let smaller = Promise {
                asked: limits,
                guaranteed: limits,
                ..promise
            };
            let taken = recheck(&other, &smaller, GUARANTEED).unwrap();
            assert_eq!(taken.limits, limits);
        }
    }
}

#[test]
fn what_is_guaranteed_is_suggested_to_an_operator_who_needs_more() {
    let (profile, mut machine) = process_of_the_floor([1, 1]);
    let reservation = profile.window.get() / 64;
    let exactly = 42 * (reservation + (32 << 20)) + (32 << 20);
    let of = |number| slots(number).with_reservation(Size::bytes(reservation));
    let promise = Promise {
        asked: of(1000),
        guaranteed: of(42),
        ..promise(1, 1)
    };
    machine.holes = Made::new(&[Size::bytes(exactly)]).holes;
    machine.variables = [("POOLCFG_MIN_INSTANCES".to_owned(), "43".to_owned())].into();
    let fit = |machine: &Made| {
        let result = recheck(machine, &promise, GUARANTEED);
        misfit(result).largest_fit.max_instances
    };
    assert_eq!(fit(&machine), Some(42));
    // Beside a pool that was not planned with it is not to be counted on.
    machine.holdings.push(no_bytes_of("another"));
    assert!(fit(&machine) < Some(42));
}

//! The probe on the machine that runs the tests: what it measures is there, and is what the profile and
//! the shape of the process guarantee.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use common::{child, limits, said};
use poolcfg_runtime::{Budget, Probe, RelocationModel, Size, UnlimitedStack, probe};

fn names(probe: &Probe) -> Vec<&str> {
    probe
        .va_profiles
        .iter()
        .map(|profile| profile.name)
        .collect()
}

#[test]
#[ignore = "run by the tests below"]
fn report_probe() {
    let probe = probe();
    let profile = probe.va_profiles.first().expect("a profile");
    let guaranteed = Budget::new(profile, probe.shape(), None).holes();
    assert!(probe.holes[0] >= guaranteed[0], "{:?}", probe.holes);
    assert!(probe.holes[1] >= guaranteed[1], "{:?}", probe.holes);
    eprintln!("{:?} {:?}", names(&probe), probe.unlimited_stack);
}

#[test]
fn both_layouts_are_told_and_hold_what_their_shape_guarantees() {
    let normal = said(&child("report_probe", "ulimit -s 8192"));
    assert_eq!(normal.trim(), "[\"va47\"] None");
    let unlimited = said(&child("report_probe", "ulimit -s unlimited"));
    assert_eq!(
        unlimited.trim(),
        format!("[\"va47\"] Some({:?})", UnlimitedStack::LargeGap)
    );
}

#[test]
#[ignore = "run by the test below, in a process that maps nothing meanwhile"]
fn reserve_what_was_measured() {
    let probe = probe();
    assert_eq!(probe.window, Some(Size::tib(128)));
    assert!(probe.gaps[0] >= probe.holes[0]);
    let holes = probe.budget(RelocationModel::Pie, None).holes();
    let guard = Size::mib(32).checked_mul(3).expect("96 MiB");
    let one = holes[0].saturating_sub(guard).round_down(Size::kib(64));
    let pool = limits(1, one, Size::mib(1));
    // What the budget allows is had, and much more than this process has by luck of ASLR is not.
    assert!(pool.recheck().is_ok(), "{one}");
    let more = one.checked_add(Size::tib(40)).expect("no overflow");
    assert!(limits(1, more, Size::mib(1)).recheck().is_err());
    eprintln!("done");
}

#[test]
fn what_is_measured_can_be_reserved() {
    assert!(said(&child("reserve_what_was_measured", "")).contains("done"));
}

#[test]
fn a_limit_of_address_space_is_what_the_holes_have() {
    let probe = said(&child("report_limited", "ulimit -v 67108864"));
    assert!(probe.contains("done"), "{probe}");
}

#[test]
#[ignore = "run by the test above"]
fn report_limited() {
    let probe = probe();
    assert_eq!(probe.limits.address_space, Some(Size::gib(64)));
    assert!(probe.holes[0] < Size::gib(64) && probe.holes[0] > Size::gib(60));
    eprintln!("done");
}

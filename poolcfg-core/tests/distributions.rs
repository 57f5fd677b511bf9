//! The default ASLR is the worst that any listed distribution ships.

#![allow(
    clippy::unwrap_used,
    reason = "clippy knows test functions and not their helpers"
)]

use std::collections::BTreeMap;

use poolcfg_core::{Arch, Distribution, Layout, Shape, Size};

/// The bits that a profile counts where nothing is said.
fn default_bits(row: &Distribution) -> u32 {
    let Layout::Linux(linux) = row.profile().unwrap().layout else {
        panic!("{} is no profile of Linux", row.va_profile);
    };
    Shape::DEFAULT.aslr.bits(&linux)
}

#[test]
fn nobody_ships_more_aslr_than_is_counted_by_default() {
    let mut worst: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
    for row in Distribution::ALL {
        let counted = default_bits(row);
        assert!(row.aslr_bits <= counted, "{row:?}");
        let (most, _) = worst
            .entry((row.arch.name(), row.va_profile))
            .or_insert((0, counted));
        *most = row.aslr_bits.max(*most);
    }
    // And the default is what somebody ships; of 16 KiB pages no such kernel is listed.
    for ((arch, profile), (most, counted)) in worst {
        assert!(
            most == counted || profile == "va47-16k",
            "{arch} {profile}: {most} bits of {counted}"
        );
    }
}

#[test]
fn rows_are_found_by_what_a_machine_tells() {
    let names = |window, bits, maps| -> Vec<&str> {
        let found = Distribution::matching(Arch::Aarch64, window, bits, maps);
        found.map(|row| row.name).collect()
    };
    assert_eq!(
        names(Size::gib(512), Some(24), Some(1_048_576)),
        ["NixOS, Raspberry Pi kernel"]
    );
    // What could not be read matches any.
    assert!(names(Size::tib(256), None, Some(65_530)).contains(&"Debian 12 and 13"));
    assert!(names(Size::tib(256), Some(33), None).contains(&"Ubuntu 22.04"));
    assert!(names(Size::gib(512), Some(18), None).is_empty());
}

//! The tables of all hosts.

use std::collections::BTreeSet;

use poolcfg_core::WasmtimeVersion;

use super::told::STAYS;
use super::*;

/// In every version each number has at most one name that says it whole, and each name one number. That there are
/// keys is not said beside "auto": a file with both is not TOML, which tests/hosts.rs reads.
#[test]
fn no_number_is_told_twice() {
    for host in HOSTS {
        for major in host.since..=WasmtimeVersion::NEWEST + 1 {
            let told = host.told.iter();
            let told: Vec<&Told> = told
                .filter(|told| (told.since..told.until).contains(&major))
                .filter(|told| !matches!(told.form, Form::There))
                .collect();
            let names: BTreeSet<&str> = told.iter().map(|told| told.name).collect();
            assert_eq!(names.len(), told.len(), "{} {major}", host.name);
            for number in Number::ALL.iter().copied() {
                let whole = |told: &&&Told| {
                    told.number == number && !matches!(told.form, Form::Again | Form::TwoThirds)
                };
                assert!(told.iter().filter(whole).count() <= 1, "{number:?} {major}");
            }
        }
    }
}

/// Every host has a setting in every version for what decides how much is mapped, but for what Wasmtime takes
/// of itself there.
#[test]
fn every_total_that_is_mapped_is_told() {
    let mapped = [
        Number::TotalMemories,
        Number::TotalTables,
        Number::TotalStacks,
    ];
    for host in HOSTS {
        for number in mapped {
            let told = host.told.iter().any(|told| {
                told.number == number
                    && told.since <= host.since
                    && told.until == STAYS
                    && matches!(told.form, Form::Plain | Form::Own)
            });
            assert!(told, "{} {number:?}", host.name);
        }
    }
}

/// Releases stand in their order, and none is before the first version that can be told.
#[test]
fn releases_are_in_order() {
    for host in HOSTS {
        assert!(host.releases.is_sorted_by_key(|(major, _)| *major));
        let first = host.releases.first();
        assert!(first.is_none_or(|(major, _)| *major == host.since));
    }
}

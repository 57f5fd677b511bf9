//! The variables that a misfit names: a process that is started with them has its pool.

use super::*;
use crate::recheck::misfit::PairedSize;

/// The variables that a message says to start with.
pub(super) fn advised(misfit: &Misfit) -> Vec<(String, String)> {
    variables_in(&misfit.to_string())
}

/// The same of any text.
pub(super) fn variables_in(message: &str) -> Vec<(String, String)> {
    let words = message
        .split('`')
        .filter(|word| word.starts_with("POOLCFG_"));
    let pairs = words.filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn where_no_variable_alone_helps_two_do() {
    let small = |resource, limit| Made {
        limits: vec![(resource, limit)],
        ..Made::new(&[Size::tib(80)])
    };
    // Not one slot as it is asked for, nor all of them as small as they go.
    let written = Size::mib(1)
        .checked_add(Size::kib(513))
        .expect("it is small");
    for (resource, limit, paired) in [
        (
            Resource::AddressSpace,
            Size::gib(3),
            PairedSize::MemoryReservation,
        ),
        (Resource::Data, written, PairedSize::MaxMemorySize),
    ] {
        for min_instances in [1, 4] {
            let promise = Promise {
                min_instances,
                ..promise(1000, 1000)
            };
            let mut machine = small(resource, limit)
                .with_text("/proc/self/status", "VmSize:\t0 kB\nVmData:\t0 kB\n");
            let misfit = misfit(recheck(&machine, &promise, GUARANTEED));
            let pair = misfit.pair.expect("two numbers fit");
            assert_eq!(pair.paired, paired, "{misfit}");
            let variables = advised(&misfit);
            assert!(variables.len() >= 2, "{misfit}");
            machine.variables = variables.into_iter().collect();
            let taken = recheck(&machine, &promise, GUARANTEED)
                .unwrap_or_else(|error| panic!("{misfit}: {error}"));
            assert_eq!(taken.limits.max_instances, pair.max_instances);
        }
    }
}

#[test]
fn a_guard_that_was_raised_is_to_blame_where_the_builds_would_fit() {
    let mut machine = Made::new(&[Size::tib(80)]);
    machine.variables = [("POOLCFG_GUARD_SIZE".to_owned(), "1TiB".to_owned())].into();
    let of_guard = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(of_guard.built_guard, Some(Size::mib(32)));
    let message = of_guard.to_string();
    assert!(
        message.contains("lower `POOLCFG_GUARD_SIZE` to `32MiB`"),
        "{message}"
    );
    assert!(!message.contains("VA profile of this machine"), "{message}");
    // Where it would not, the machine is.
    let mut machine = Made::new(&[Size::tib(1)]);
    machine.variables = [("POOLCFG_GUARD_SIZE".to_owned(), "64MiB".to_owned())].into();
    let of_machine = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(of_machine.built_guard, None);
    assert!(
        of_machine
            .to_string()
            .contains("VA profile of this machine")
    );
}

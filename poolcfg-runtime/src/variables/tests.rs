//! The variables, by an injected lookup.

use std::ffi::OsString;

use poolcfg_core::{Arch, Os, Promise, Settings, Size, Target};
use proptest::prelude::*;

use super::*;

/// The built-in defaults of this target, with a table and a stack.
fn promise() -> Promise<'static> {
    Settings::new(&[], &[]).promise(Target::CURRENT, 0)
}

fn read(variables: &[(&str, &str)]) -> Result<InForce, VariableError> {
    read_as(&promise(), variables)
}

fn read_as(
    promise: &Promise<'static>,
    variables: &[(&str, &str)],
) -> Result<InForce, VariableError> {
    InForce::read(promise, Size::kib(4), |name| {
        variables
            .iter()
            .find(|(variable, _)| *variable == name)
            .map(|(_, value)| OsString::from(value))
    })
}

#[test]
fn without_variables_the_promise_is_in_force() {
    let in_force = read(&[]).unwrap();
    assert_eq!(in_force.asked, promise().asked);
    assert_eq!(in_force.guaranteed, promise().guaranteed);
}

#[test]
fn variables_lower_what_is_asked_and_guaranteed() {
    let in_force = read(&[
        ("POOLCFG_MAX_INSTANCES", "3"),
        ("POOLCFG_MEMORY_RESERVATION", "1 MiB"),
        ("POOLCFG_STACK_RESERVATION", "65536"),
    ])
    .unwrap();
    for limits in [in_force.asked, in_force.guaranteed] {
        assert_eq!(limits.max_instances, 3);
        assert_eq!(limits.memory_reservation, Size::mib(1));
        assert_eq!(limits.max_memory_size, Size::mib(1));
        assert_eq!(limits.stack_reservation, Size::kib(64));
    }
}

#[test]
fn a_named_pool_reads_its_own_variables() {
    let named = Promise {
        name: "big-plugins",
        ..promise()
    };
    let variables = [
        ("POOLCFG_BIG_PLUGINS_MAX_INSTANCES", "2"),
        ("POOLCFG_MAX_INSTANCES", "1"),
    ];
    assert_eq!(read_as(&named, &variables).unwrap().asked.max_instances, 2);
}

#[test]
fn a_guard_may_be_raised_and_not_lowered() {
    assert_eq!(
        read(&[("POOLCFG_GUARD_SIZE", "64MiB")])
            .unwrap()
            .guaranteed
            .guard_size,
        Size::mib(64)
    );
    let error = read(&[("POOLCFG_GUARD_SIZE", "4KiB")]).unwrap_err();
    assert!(matches!(error.fault, VariableFault::BelowBuild { .. }));
}

#[test]
fn every_mistake_names_the_variable_the_value_and_what_is_allowed() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("POOLCFG_MAX_INSTANCES", "many")],
            "environment variable `POOLCFG_MAX_INSTANCES` is `many`, but expected a whole number: \
             set a number such as `1000`, or unset it",
        ),
        (
            &[("POOLCFG_MAX_INSTANCES", "")],
            "environment variable `POOLCFG_MAX_INSTANCES` is ``, but expected a whole number: \
             set a number such as `1000`, or unset it",
        ),
        (
            &[("POOLCFG_MAX_INSTANCES", "0")],
            "environment variable `POOLCFG_MAX_INSTANCES` is `0`, but it must be at least 1: set a number \
             such as `1000`, or unset it",
        ),
        (
            &[("POOLCFG_MAX_INSTANCES", "4000000000")],
            "environment variable `POOLCFG_MAX_INSTANCES` is `4000000000`, but the build asks \
             for `1000`, and variables can only lower limits: set at most `1000`, \
             or unset it",
        ),
        (
            &[
                ("POOLCFG_MIN_INSTANCES", "20"),
                ("POOLCFG_MAX_INSTANCES", "10"),
            ],
            "environment variable `POOLCFG_MIN_INSTANCES` is `20`, which is above \
             `max_instances`, now `10`: set at most `10`, or unset it",
        ),
        (
            &[("POOLCFG_MEMORY_RESERVATION", "4GB")],
            "environment variable `POOLCFG_MEMORY_RESERVATION` is `4GB`, an invalid size: \
             decimal units are not supported; write `GiB`: set a size such as `4GiB`, or unset it",
        ),
        (
            &[("POOLCFG_MEMORY_RESERVATION", "100000")],
            "environment variable `POOLCFG_MEMORY_RESERVATION` is `100000`, which is not a \
             multiple of 64 KiB: set `64KiB`",
        ),
        (
            &[
                ("POOLCFG_MEMORY_RESERVATION", "1MiB"),
                ("POOLCFG_MAX_MEMORY_SIZE", "2MiB"),
            ],
            "environment variable `POOLCFG_MAX_MEMORY_SIZE` is `2MiB`, which is above \
             `memory_reservation`, now `1MiB`: set at most `1MiB`, or unset it",
        ),
        (
            &[("POOLCFG_TABLE_RESERVATION", "1GiB")],
            "environment variable `POOLCFG_TABLE_RESERVATION` is `1GiB`, but the build asks for \
             `160KiB`, and variables can only lower limits: set at most \
             `160KiB`, or unset it",
        ),
        (
            &[("POOLCFG_GUARD_SIZE", "32PiB")],
            "environment variable `POOLCFG_GUARD_SIZE` is `32PiB`, which makes the pool larger \
             than 2^64 - 1 bytes: set a smaller value, or unset it",
        ),
    ];
    // The numbers in the messages are those of the x86_64 defaults.
    let board = Settings::new(&[], &[]).promise(Target::new(Arch::X86_64, Os::Linux, 64), 0);
    for (variables, message) in cases {
        assert_eq!(
            read_as(&board, variables).unwrap_err().to_string(),
            format!("{message} (see `cargo poolcfg --explain PC0054`)")
        );
    }
}

/// A size that the system would make larger is none that was meant.
#[test]
fn a_size_has_a_least_with_its_unit() {
    // The least stack is a page of the target, which is larger elsewhere.
    let target = Target::new(Arch::X86_64, Os::Linux, 64);
    let promise = Settings::new(&[], &[]).promise(target, 0);
    for (key, value, least) in [
        ("MEMORY_RESERVATION", "0", "64KiB"),
        ("MAX_MEMORY_SIZE", "100", "4KiB"),
        ("MAX_MEMORY_SIZE", "0", "4KiB"),
        ("STACK_RESERVATION", "1KiB", "4KiB"),
        ("STACK_RESERVATION", "0", "4KiB"),
    ] {
        let name = format!("POOLCFG_{key}");
        let error = read_as(&promise, &[(&name, value)]).unwrap_err();
        let message = error.to_string();
        let said = format!("`{name}` is `{value}`, but it must be at least `{least}`: ");
        assert!(message.contains(&said), "{message}");
        read_as(&promise, &[(&name, least)]).expect(&message);
    }
}

/// What a message gives as an example is not refused by the next one.
#[test]
fn a_value_that_a_message_names_is_possible() {
    let few = ("POOLCFG_MAX_INSTANCES", "4");
    let small = ("POOLCFG_MEMORY_RESERVATION", "192KiB");
    for (key, bad) in [
        ("POOLCFG_MIN_INSTANCES", "0"),
        ("POOLCFG_MIN_INSTANCES", "many"),
        ("POOLCFG_MAX_MEMORY_SIZE", "2MB"),
        ("POOLCFG_MAX_MEMORY_SIZE", "0"),
        ("POOLCFG_STACK_RESERVATION", "-1"),
    ] {
        let error = read(&[few, small, (key, bad)]).unwrap_err();
        let message = error.to_string();
        let (_, advice) = message.split_once("such as `").expect(&message);
        let (value, _) = advice.split_once('`').unwrap();
        read(&[few, small, (key, value)]).expect(&message);
    }
    // What the pool has nothing of, no value sets.
    let mut bare = promise();
    bare.asked.table_reservation = Size::ZERO;
    bare.guaranteed.table_reservation = Size::ZERO;
    for bad in ["0", "x", "64KiB"] {
        let error = read_as(&bare, &[("POOLCFG_TABLE_RESERVATION", bad)]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(": unset it (see"), "{message}");
    }
}

#[test]
fn fewer_instances_than_the_least_are_a_contradiction() {
    let picky = Promise {
        min_instances: 8,
        ..promise()
    };
    let error = read_as(&picky, &[("POOLCFG_MAX_INSTANCES", "4")]).unwrap_err();
    assert_eq!(error.fault, VariableFault::BelowMin { min_instances: 8 });
    assert!(error.to_string().contains("`POOLCFG_MIN_INSTANCES`"));
    let both = [
        ("POOLCFG_MAX_INSTANCES", "4"),
        ("POOLCFG_MIN_INSTANCES", "2"),
    ];
    assert_eq!(read_as(&picky, &both).unwrap().min_instances, 2);
}

#[test]
fn variables_that_nobody_reads_are_told() {
    let all: Vec<String> = [
        "PATH",
        "POOLCFG_VA_PROFILE",
        "POOLCFG_MAX_INSTANCES",
        "POOLCFG_MAX_INSTANCE",
        "POOLCFG_PLUGINS_GUARD_SIZE",
    ]
    .map(String::from)
    .to_vec();
    assert_eq!(
        stray("", &all),
        ["POOLCFG_MAX_INSTANCE", "POOLCFG_PLUGINS_GUARD_SIZE"]
    );
    assert_eq!(
        stray("plugins", &all),
        ["POOLCFG_MAX_INSTANCES", "POOLCFG_MAX_INSTANCE"]
    );
}

#[cfg(unix)]
#[test]
fn what_is_not_unicode_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let error = InForce::read(&promise(), Size::kib(4), |name| {
        (name == "POOLCFG_MAX_MEMORY_SIZE").then(|| OsString::from_vec(vec![b'1', 0xff]))
    })
    .unwrap_err();
    assert_eq!(error.fault, VariableFault::NotUnicode);
}

proptest! {
    #[test]
    fn any_value_lowers_or_is_an_error(key in 0usize..7, value in "\\PC{0,12}|[0-9]{1,22}( ?[KMGTP]i?B)?") {
        const KEYS: [&str; 7] = [
            "POOLCFG_MAX_INSTANCES",
            "POOLCFG_MIN_INSTANCES",
            "POOLCFG_MEMORY_RESERVATION",
            "POOLCFG_MAX_MEMORY_SIZE",
            "POOLCFG_GUARD_SIZE",
            "POOLCFG_TABLE_RESERVATION",
            "POOLCFG_STACK_RESERVATION",
        ];
        match read(&[(KEYS[key], &value)]) {
            Err(error) => {
                prop_assert_eq!(&error.variable, KEYS[key]);
                prop_assert!(error.to_string().contains(KEYS[key]));
                let possible = error.possible.to_string();
                prop_assert!(read(&[(KEYS[key], &possible)]).is_ok(), "{}", error);
            }
            Ok(in_force) => {
                let build = promise().asked;
                for limits in [in_force.asked, in_force.guaranteed] {
                    prop_assert!(limits.max_instances <= build.max_instances);
                    prop_assert!(limits.max_instances > 0);
                    prop_assert!(limits.memory_reservation <= build.memory_reservation);
                    prop_assert!(limits.max_memory_size <= limits.memory_reservation);
                    prop_assert!(limits.guard_size >= build.guard_size);
                    prop_assert!(limits.footprint(Size::kib(64)).is_ok());
                }
                prop_assert!(in_force.min_instances <= in_force.asked.max_instances);
            }
        }
    }
}

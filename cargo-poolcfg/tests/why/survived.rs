//! What is told of failures that did not end the command.

use serde_json::json;

use crate::common::ran;
use crate::{ADDRESS_SPACE, result, run, why, words};

#[test]
fn what_is_survived_is_a_note() {
    let ran = run("survives");
    ran.ends(5).says("went on without it");
    ran.says_nothing_of("error[");
    let result = result(&[], "survives", 5);
    assert_eq!(result["verdict"], json!(null), "{result:#}");
    assert_eq!(result["failures"][0]["survived"], true, "{result:#}");
}

#[test]
fn a_failure_is_not_blamed_for_an_end_that_comes_long_after() {
    let ran = run("works_on");
    ran.ends(3).says("went on without it");
    ran.says_nothing_of("error[");
}

#[test]
fn a_heap_that_glibc_does_without_is_not_blamed() {
    let words = words(ADDRESS_SPACE, "arena");
    let ran = ran(&mut why(&[], &words));
    ran.ends(3)
        .says("mmap of 128 MiB")
        .says("went on without it");
    ran.says_nothing_of("error[");
}

#[test]
fn a_child_that_died_is_a_note_where_the_command_ends_well() {
    let words = words(ADDRESS_SPACE, "address_space").join(" ");
    for script in [format!("{words}; exit 0"), format!("{words} | cat")] {
        let script = ["sh".to_owned(), "-c".to_owned(), script];
        let ran = ran(&mut why(&[], &script));
        ran.ends(0)
            .says("RLIMIT_AS; pid ")
            .says("ended with status 3, and the command with status 0")
            .says_nothing_of("error[");
    }
}

#[test]
fn a_child_that_died_is_a_note_where_another_one_decides() {
    let words = words(ADDRESS_SPACE, "address_space").join(" ");
    // Bash may become its last command.
    for last in [
        "ls /no-such-file",
        "(exit 2); exit",
        "exec ls /no-such-file",
    ] {
        let script = format!("{words}; {last}");
        let script = ["bash".to_owned(), "-c".to_owned(), script];
        let ran = ran(&mut why(&[], &script));
        ran.ends(2)
            .says("ended with status 3, and the command with status 2")
            .says_nothing_of("error[");
    }
    // What tidies up decides nothing.
    for last in ["true; exit 2", "exit 2"] {
        let script = format!("{words}; {last}");
        let script = ["bash".to_owned(), "-c".to_owned(), script];
        ran(&mut why(&[], &script)).ends(2).says("error[PC0050]");
    }
}

#[test]
fn equal_failures_are_one_with_a_count() {
    let result = result(&[], "often", 1);
    let failures = result["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{result:#}");
    assert_eq!(failures[0]["times"], 100, "{result:#}");
    assert_eq!(result["verdict"]["times"], 100, "{result:#}");
    run("often").ends(1).says("(100 times)");
}

#[test]
fn no_failure_of_many_threads_is_lost() {
    let result = result(&[], "at_once", 4);
    let failures = result["failures"].as_array().unwrap();
    let times = failures.iter().map(|failure| failure["times"].as_u64());
    assert_eq!(times.sum::<Option<u64>>(), Some(8 * 50), "{result:#}");
}

/// A runtime maps its own file to tell where it has come to.
#[test]
fn a_backtrace_that_is_not_told_is_not_blamed() {
    let words = words(ADDRESS_SPACE, "reads_itself");
    let ran = ran(&mut why(&[], &words));
    ran.ends(3)
        .says("went on without it")
        .says_nothing_of("error[");
}

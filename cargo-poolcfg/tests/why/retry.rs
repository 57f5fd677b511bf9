//! What `--retry` runs again, and what it leaves.

use std::process::Command;

use serde_json::json;

use crate::common::{Ran, ran};
use crate::{ADDRESS_SPACE, words};

#[test]
fn what_is_advised_starts() {
    // The soft limit alone, which may be raised again.
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    let words = words(&[], "address_space").join(" ");
    let flags = "--retry --message-format json";
    let script = format!("ulimit -S -v 1048576; exec {inner} why {flags} -- {words}");
    let ran = ran(Command::new("sh").args(["-c", &script]));
    let json = ran.ends(0).json();
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{json:#}");
    assert_eq!(results[0]["verdict"]["limit"], "rlimit_as");
    assert_eq!(results[1]["verdict"], json!(null));
}

/// `why --retry` behind a shell's words, of a program of `victim.py` behind a wrapper.
fn retried(before: &str, wrapper: &[&str], what: &str) -> Ran {
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    let words = words(wrapper, what).join(" ");
    let script = format!("{before} {inner} why --retry --message-format json -- {words}");
    ran(Command::new("sh").args(["-c", &script]))
}

#[test]
fn what_cannot_be_helped_is_not_run_again() {
    let without_root = "exec setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource";
    let hard = format!("ulimit -v 1048576; {without_root}");
    for (before, wrapper, what, note) in [
        (&*hard, &[][..], "address_space", "hard limit"),
        (
            "exec",
            ADDRESS_SPACE,
            "address_space",
            "only be raised there",
        ),
        ("exec", &[], "hole", "cannot be followed from here"),
    ] {
        let ran = retried(before, wrapper, what);
        let json = ran.ends(3).says("not run once more: ").says(note).json();
        assert_eq!(json["results"].as_array().unwrap().len(), 1, "{json:#}");
    }
}

#[test]
fn two_limits_in_the_way_are_both_raised() {
    let ran = retried(
        "ulimit -S -v 1048576; ulimit -S -d 1048576; exec",
        &[],
        "data",
    );
    let json = ran.ends(0).json();
    let first = &json["results"][0]["verdict"];
    assert_eq!(first["limit"], "rlimit_as", "{json:#}");
    let help = first["help"].to_string();
    assert!(help.contains("ulimit -v unlimited"), "{help}");
    assert!(
        help.contains("and raise the limit with `ulimit -d"),
        "{help}"
    );
    assert_eq!(json["results"][1]["verdict"], json!(null), "{json:#}");
}

//! What `--retry` runs again, and what it leaves.

use std::process::Command;

use serde_json::json;

use crate::common::{Folder, Ran, ran};
use crate::{ADDRESS_SPACE, python, words};

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

#[test]
fn a_stack_is_made_larger_and_not_unlimited() {
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    let deep = "n=0; f() { ((n++ < 3000)) && f; }; f; ulimit -s > \"$0\"; exit 0";
    let folder = Folder::new();
    let file = folder.path("stack");
    let script = format!(
        "ulimit -S -s 256; exec {inner} why --retry --message-format json -- bash -c '{deep}' {}",
        file.display()
    );
    let ran = ran(Command::new("sh").args(["-c", &script]));
    let json = ran
        .ends(0)
        .says("runs again with RLIMIT_STACK raised")
        .json();
    assert_eq!(
        json["results"][0]["verdict"]["limit"], "rlimit_stack",
        "{json:#}"
    );
    assert_eq!(json["results"][1]["verdict"], json!(null), "{json:#}");
    assert_eq!(folder.read("stack").trim(), "8192");
}

#[test]
fn the_second_run_reads_the_same_file() {
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    let folder = Folder::new();
    folder.write(
        "program",
        "import mmap\nprint(len(mmap.mmap(-1, 5 << 30)))\n",
    );
    let program = folder.path("program");
    let of = |input: String| {
        let script = format!(
            "ulimit -S -v 3000000; {input} {inner} why --retry -- {} -",
            python()
        );
        ran(Command::new("sh").args(["-c", &script]))
    };
    let from_file = of(format!("exec < {};", program.display()));
    assert_eq!(from_file.ends(0).stdout, "5368709120\n");
    from_file.says_nothing_of("of stdin");
    let piped = of(format!("cat {} |", program.display()));
    piped.says("note: the second run reads what is left of stdin");
}

//! Programs that are hard to follow.

use std::fs;

use crate::common::{Folder, ran};
use crate::{run, wait_for, why, words};

#[test]
fn programs_that_are_hard_to_follow_end_as_without() {
    for (what, status) in [
        ("traces_itself", 8),
        ("stops", 9),
        ("signals", 10),
        ("executes_from_thread", 12),
    ] {
        let ran = run(what);
        assert_eq!(ran.ends(status).stderr, "", "{what}");
    }
}

#[test]
fn ten_thousand_short_children_are_followed() {
    let script = "i=0; while [ $i -lt 10000 ]; do (exit 0); i=$((i+1)); done; exit 6";
    let words = ["sh", "-c", script].map(str::to_owned);
    assert_eq!(ran(&mut why(&[], &words)).ends(6).stderr, "");
}

#[test]
fn a_child_may_outlive_the_command() {
    let folder = Folder::new();
    let file = folder.path("left");
    let mut words = words(&[], "orphan");
    words.push(file.to_str().unwrap().to_owned());
    // The end of its pipes does not wait for the child either.
    ran(&mut why(&[], &words)).ends(7);
    assert!(!file.exists());
    wait_for("the child", || {
        fs::read_to_string(&file).is_ok_and(|text| text == "there")
    });
}

#[test]
fn a_tracer_in_a_tracer_is_refused() {
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    let words = [inner, "why", "--", "true"].map(str::to_owned);
    ran(&mut why(&[], &words))
        .ends(125)
        .says("error[PC0051]: cannot trace `true`: ptrace is refused")
        .says("ptrace_scope");
}

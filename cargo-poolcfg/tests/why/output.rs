//! Streams, status and the object are as without `why`, and where they are wanted.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::common::{self, Folder, program, ran};
use crate::{ADDRESS_SPACE, why, words};

#[test]
fn output_and_status_are_the_commands() {
    let shell = |script: &str| ["sh", "-c", script].map(str::to_owned);
    for (script, status) in [
        ("echo out; echo err >&2", 0),
        ("echo out; echo err >&2; exit 42", 42),
        ("echo out; echo err >&2; kill -9 $$", 137),
    ] {
        let ran = ran(&mut why(&[], &shell(script)));
        let ran = ran.ends(status);
        assert_eq!((&*ran.stdout, &*ran.stderr), ("out\n", "err\n"), "{script}");
    }
    for (program, status) in [("poolcfg-no-such-program", 127), ("/", 126)] {
        let ran = ran(&mut why(&[], &[program.to_owned()]));
        ran.ends(status)
            .says("error[PC0051]: cannot run")
            .says(program);
    }
    let ran = ran(program("poolcfg", &std::env::temp_dir()).arg("why"));
    ran.ends(2).says("error[PC0049]");
}

#[test]
fn stdin_is_the_commands() {
    let mut why = why(&[], &["cat".to_owned()]);
    let mut child = why
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"through").unwrap();
    drop(stdin);
    assert_eq!(child.wait_with_output().unwrap().stdout, b"through");
}

#[test]
fn closed_streams_do_no_harm() {
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    let words = words(ADDRESS_SPACE, "address_space").join(" ");
    let script = format!("{inner} why -- {words} <&- >&- 2>&-");
    let status = Command::new("sh").args(["-c", &script]).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn closed_streams_stay_closed() {
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    for (closed, open) in [("0", "1 2"), ("1", "0 2"), ("2", "0 1"), ("0 1 2", "")] {
        // What of them is there, as the status tells.
        let look = format!(
            "for i in {closed}; do [ ! -e /proc/$$/fd/$i ] || exit 8; done; \
             for i in {open}; do [ -e /proc/$$/fd/$i ] || exit 9; done; exit 4"
        );
        let shut = closed.split(' ').map(|stream| format!("{stream}>&-"));
        let shut = shut.collect::<Vec<_>>().join(" ");
        let script = format!("exec {inner} why -- sh -c '{look}' {shut}");
        let mut shell = Command::new("sh");
        let status = shell.args(["-c", &script]).stdin(Stdio::null()).status();
        assert_eq!(status.unwrap().code(), Some(4), "{closed}");
    }
}

#[test]
fn the_object_may_be_in_a_file() {
    let folder = Folder::new();
    let file = folder.path("why.json");
    let flags = [
        "--message-format",
        "json",
        "--output",
        file.to_str().unwrap(),
    ];
    let words = ["sh", "-c", "echo mine"].map(str::to_owned);
    for flags in [&flags[..], &flags[2..]] {
        let ran = ran(&mut why(flags, &words));
        assert_eq!(ran.ends(0).stdout, "mine\n");
        let json = common::json(&folder.read("why.json"));
        assert_eq!(json["results"][0]["failures"], json!([]));
        fs::remove_file(&file).unwrap();
    }
}

/// Only an object of ours is replaced, and the command does not run in vain.
#[test]
fn a_file_of_others_stays() {
    let folder = Folder::new();
    let file = folder.path("why.json");
    let words = ["sh", "-c", "echo mine"].map(str::to_owned);
    let flags = ["-o", file.to_str().unwrap()];
    for bytes in [&b"{\"name\": \"a\"}\n"[..], b"\xff"] {
        fs::write(&file, bytes).unwrap();
        let ran = ran(&mut why(&flags, &words));
        assert_eq!(ran.ends(125).says("error[PC0023]").stdout, "");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    fs::write(&file, "").unwrap();
    for _ in 0..2 {
        ran(&mut why(&flags, &words)).ends(0);
        common::json(&folder.read("why.json"));
    }
}

#[test]
fn stdout_has_what_the_command_prints_and_one_line_more() {
    for printed in ["", "one\ntwo\n", "\n", "no end"] {
        let words = ["printf", printed].map(str::to_owned);
        let ran = ran(&mut why(&["--message-format", "json"], &words));
        let object = ran.ends(0).stdout.strip_prefix(printed).unwrap();
        assert!(object.starts_with("{\"schema\":"), "{object}");
        assert_eq!(object.lines().count(), 1, "{object}");
        assert_eq!(common::json(object)["results"][0]["failures"], json!([]));
    }
}

#[test]
fn an_ignored_sigpipe_stays_ignored() {
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    // Of what writes into a pipe that nobody reads: killed by SIGPIPE, or told so by the call.
    for (before, status) in [("", "141"), ("trap '' PIPE;", "1")] {
        let script = format!(
            "{before} {inner} why -- bash -c 'while :; do echo y || exit 1; done' | head -1; \
             echo ${{PIPESTATUS[0]}}"
        );
        let ran = ran(Command::new("bash").args(["-c", &script]));
        assert_eq!(ran.ends(0).stdout, format!("y\n{status}\n"), "{before}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let words = ["sh", "-c", "echo ran >&2; exit 3"].map(str::to_owned);
    let there = ran(&mut why(&["-o", "/no/such/folder/why.json"], &words));
    there
        .ends(125)
        .says("/no/such/folder/why.json")
        .says_nothing_of("ran\n");
    let mut command = why(&["--message-format", "json"], &words);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = command.stdout(full).stderr(Stdio::null()).status();
    assert_eq!(status.unwrap().code(), Some(125));
}

//! Signals, stops, and what ends with what.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, WaitOptions, waitpid};

use crate::common::ran;
use crate::{python, wait_for, why, words};

/// A command under `why` that waits for a signal.
struct Waiting {
    front: Child,
    tracer: u32,
    command: u32,
}

impl Waiting {
    fn start() -> Self {
        Self::of("waits", Stdio::null())
    }

    fn of(what: &str, stderr: Stdio) -> Self {
        let mut front = why(&[], &words(&[], what))
            .stdout(Stdio::piped())
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = front.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "waits\n");
        let tracer = only_child(front.id());
        Self {
            command: only_child(tracer),
            front,
            tracer,
        }
    }

    fn status(mut self) -> std::process::ExitStatus {
        self.front.wait().unwrap()
    }
}

fn only_child(pid: u32) -> u32 {
    let file = format!("/proc/{pid}/task/{pid}/children");
    fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

/// The letter of its state; Z where it is gone.
fn state(pid: u32) -> char {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = text
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.filter(|state| *state != 'X').unwrap_or('Z')
}

fn kill(signal: &str, pid: u32) {
    let mut command = Command::new("kill");
    assert!(
        command
            .args([signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_signal_reaches_the_command() {
    let waiting = Waiting::start();
    kill("-TERM", waiting.front.id());
    assert_eq!(waiting.status().code(), Some(11));
}

#[test]
fn a_failure_is_not_blamed_for_an_end_that_was_asked_for() {
    for (signal, status) in [("-INT", 130), ("-TERM", 11)] {
        let mut waiting = Waiting::of("serves", Stdio::piped());
        kill(signal, waiting.command);
        let mut told = String::new();
        let stderr = waiting.front.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut BufReader::new(stderr), &mut told).unwrap();
        assert_eq!(waiting.status().code(), Some(status), "{told}");
        assert!(told.contains("went on without it"), "{told}");
        assert!(!told.contains("error["), "{told}");
    }
}

/// A shell ends its script where SIGINT has ended a command of it, and goes on where that has ended by itself.
#[test]
fn what_sigint_ends_ends_by_sigint() {
    // Whoever runs the tests may ignore it.
    let default = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])";
    let command = ["sh", "-c", "kill -INT $$"].map(str::to_owned);
    let why = why(&[], &command);
    let mut by_python = Command::new(python());
    by_python
        .args(["-c", default])
        .arg(why.get_program())
        .args(why.get_args());
    let ended = by_python.status().unwrap();
    assert_eq!((ended.code(), ended.signal()), (None, Some(2)));
}

#[test]
fn it_stops_and_goes_on_with_the_command() {
    let waiting = Waiting::start();
    let (front, command) = (waiting.front.id(), waiting.command);
    for wakes in [front, command] {
        kill("-STOP", command);
        wait_for("both stop", || state(front) == 'T' && state(command) == 't');
        kill("-CONT", wakes);
        wait_for("both go on", || {
            state(front) == 'S' && state(command) == 'S'
        });
    }
    kill("-TERM", command);
    assert_eq!(waiting.status().code(), Some(11));
}

/// As whoever waits for the command would see it.
#[test]
fn it_stops_by_the_signal_that_has_stopped_the_command() {
    for signal in [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU] {
        let waiting = Waiting::start();
        let (front, command) = (waiting.front.id(), waiting.command);
        kill(&format!("-{signal}"), command);
        let pid = Pid::from_raw(front.try_into().unwrap());
        let (_, stopped) = waitpid(pid, WaitOptions::UNTRACED).unwrap().unwrap();
        assert_eq!(stopped.stopping_signal(), Some(signal));
        kill("-CONT", command);
        wait_for("both go on", || {
            state(front) == 'S' && state(command) == 'S'
        });
        kill("-TERM", command);
        assert_eq!(waiting.status().code(), Some(11));
    }
}

#[test]
fn a_command_that_runs_gets_a_sigcont_that_it_can_handle() {
    let waiting = Waiting::of("continues", Stdio::null());
    kill("-CONT", waiting.front.id());
    assert_eq!(waiting.status().code(), Some(13));
}

#[test]
fn a_group_that_stops_and_goes_on_is_not_left_stopped() {
    let waiting = Waiting::start();
    let (front, command) = (waiting.front.id(), waiting.command);
    // Both have stopped when they are woken; and in between, before either has.
    let slow = "kill -STOP -- -$0; sleep 0.02; kill -CONT -- -$0; sleep 0.02; ";
    let signals = slow.repeat(100) + &"kill -STOP -- -$0; kill -CONT -- -$0; ".repeat(40);
    let group = front.to_string();
    let status = Command::new("bash").args(["-c", &signals, &group]).status();
    assert!(status.unwrap().success());
    wait_for("both go on", || {
        state(front) == 'S' && state(command) == 'S'
    });
    kill("-TERM", command);
    assert_eq!(waiting.status().code(), Some(11));
}

/// Ctrl-Z, `fg`, Ctrl-C, the background and the end of the input, as a shell sees them.
#[test]
fn the_keys_of_a_terminal_are_for_the_command() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/why/terminal.py");
    for wrapper in [&[][..], &[env!("CARGO_BIN_EXE_poolcfg"), "why", "--"]] {
        // Without an answer it would wait without an end.
        let mut command = Command::new("timeout");
        command.args(["120", python()]).arg(&script).args(wrapper);
        assert_eq!(ran(&mut command).status, 7, "{wrapper:?}");
    }
}

#[test]
fn nothing_is_left_without_a_tracer() {
    let waiting = Waiting::start();
    let command = waiting.command;
    kill("-KILL", waiting.tracer);
    assert_eq!(waiting.status().code(), Some(125));
    wait_for("the command ends", || state(command) == 'Z');

    let waiting = Waiting::start();
    let (tracer, command) = (waiting.tracer, waiting.command);
    kill("-KILL", waiting.front.id());
    waiting.status();
    wait_for("all end", || state(tracer) == 'Z' && state(command) == 'Z');
}

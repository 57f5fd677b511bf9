//! `why`: each limit is named by what it refuses, and a command runs as it does without it. The programs that meet limits
//! are in `why/victim.py`.
#![cfg(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
))]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{Folder, Ran, program, ran};
use serde_json::{Value, json};

/// A wrapper that sets a limit of 1 GiB.
const ADDRESS_SPACE: &[&str] = &["prlimit", "--as=1073741824"];
const DATA: &[&str] = &["prlimit", "--data=1073741824"];
/// Without the capability to lock any memory.
const MEMLOCK: &[&str] = &[
    "prlimit",
    "--memlock=65536",
    "setpriv",
    "--bounding-set=-ipc_lock",
    "--inh-caps=-ipc_lock",
];

/// The program that `python3` is, without a wrapper around it.
fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let mut command = Command::new("python3");
        let ran = ran(command.args(["-c", "import sys; print(sys.executable)"]));
        ran.ends(0).stdout.trim().to_owned()
    })
}

fn victim() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/why/victim.py")
}

/// The words that start a program of `victim.py`.
fn words<'a>(wrapper: &[&'a str], what: &'a str) -> Vec<String> {
    let mut words: Vec<String> = wrapper.iter().map(|word| (*word).to_owned()).collect();
    words.extend([python().to_owned(), victim().to_str().unwrap().to_owned()]);
    words.push(what.to_owned());
    words
}

/// `why` with these flags, of a command.
fn why(flags: &[&str], command: &[String]) -> Command {
    let mut why = program("poolcfg", &std::env::temp_dir());
    why.arg("why").args(flags).arg("--").args(command);
    why
}

/// The result of a run of a program of `victim.py`, which prints nothing on stdout.
fn result(wrapper: &[&str], what: &str, status: i32) -> Value {
    let flags = ["--message-format", "json"];
    let ran = ran(&mut why(&flags, &words(wrapper, what)));
    let mut json = ran.ends(status).json();
    json["results"][0].take()
}

fn run(what: &str) -> Ran {
    ran(&mut why(&[], &words(&[], what)))
}

/// Each limit that is named among the failures that were not survived.
fn limits(result: &Value) -> Vec<&str> {
    let failures = result["failures"].as_array().unwrap().iter();
    let mut limits: Vec<&str> = failures
        .filter(|failure| failure["survived"] == false)
        .map(|failure| failure["limit"].as_str().unwrap())
        .collect();
    limits.dedup();
    limits
}

#[test]
fn each_limit_is_named_and_no_other() {
    for (wrapper, what, call, limit) in [
        (ADDRESS_SPACE, "address_space", "mmap", "RLIMIT_AS"),
        (ADDRESS_SPACE, "heap", "brk", "RLIMIT_AS"),
        (ADDRESS_SPACE, "seccomp_then_limit", "mmap", "RLIMIT_AS"),
        (DATA, "data", "mmap", "RLIMIT_DATA"),
        (DATA, "data_by_mprotect", "mprotect", "RLIMIT_DATA"),
        (DATA, "heap", "brk", "RLIMIT_DATA"),
        (MEMLOCK, "memlock", "mlock", "RLIMIT_MEMLOCK"),
        (&[], "hole", "mmap", "hole"),
        (&[], "maps", "mprotect", "max_map_count"),
        (&[], "seccomp", "mmap", "seccomp"),
        (ADDRESS_SPACE, "without_first_thread", "mmap", "RLIMIT_AS"),
    ] {
        let result = result(wrapper, what, 3);
        let verdict = &result["verdict"];
        assert_eq!(verdict["limit"], limit, "{what}: {result:#}");
        assert_eq!(verdict["call"], call, "{what}: {result:#}");
        assert_eq!(limits(&result), [limit], "{what}: {result:#}");
        assert_eq!(verdict["survived"], false, "{what}");
        assert_ne!(verdict["help"], json!([]), "{what}");
        assert_ne!(verdict["program"], "", "{what}");
        let (need, have) = (verdict["need"].as_u64(), verdict["have"].as_u64());
        assert!(need > have, "{what}: {result:#}");
        assert_eq!(result["status"], json!({"code": 3, "signal": null}));
    }
}

#[test]
fn a_rule_against_writing_and_executing_is_named() {
    for (what, call) in [("write_and_execute", "mmap"), ("execute_later", "mprotect")] {
        let ran = ran(&mut why(&["--message-format", "json"], &words(&[], what)));
        if ran.status == 77 {
            eprintln!("{what}: the kernel has no PR_SET_MDWE");
            continue;
        }
        let json = ran.ends(3).json();
        let verdict = &json["results"][0]["verdict"];
        assert_eq!(verdict["limit"], "write and execute", "{json:#}");
        assert_eq!(verdict["call"], call, "{json:#}");
        assert_eq!(verdict["errno"], "EACCES");
    }
}

#[test]
fn a_signal_of_a_filter_is_named() {
    for (what, call) in [("sigsys", json!(null)), ("trap", json!("mmap"))] {
        let result = result(&[], what, 128 + libc_sigsys());
        assert_eq!(result["verdict"]["limit"], "seccomp", "{result:#}");
        assert_eq!(result["verdict"]["call"], call, "{result:#}");
        assert_eq!(result["status"]["signal"], libc_sigsys());
    }
}

#[test]
fn a_signal_of_no_filter_is_not_told_as_one() {
    let words = ["sh", "-c", "kill -SYS $$"].map(str::to_owned);
    let ran = ran(&mut why(&[], &words));
    assert_eq!(ran.ends(128 + libc_sigsys()).stderr, "");
}

const fn libc_sigsys() -> i32 {
    31
}

#[test]
fn a_kill_by_a_memory_cgroup_is_named() {
    // Only root makes one, and only where the controller is there.
    let folder = |root: &str| Path::new(root).join(format!("poolcfg-why-{}", std::process::id()));
    let places = [
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "memory.max"),
    ];
    let made = places.iter().find_map(|(root, file)| {
        let folder = folder(root);
        fs::create_dir(&folder).ok()?;
        let is_set = fs::write(folder.join(file), "33554432").is_ok();
        if !is_set {
            let _ = fs::remove_dir(&folder);
        }
        is_set.then_some(folder)
    });
    let Some(folder) = made else {
        eprintln!("no memory cgroup can be made here");
        return;
    };
    let mut words = words(&[], "out_of_cgroup");
    words.push(folder.to_str().unwrap().to_owned());
    let ran = ran(&mut why(&["--message-format", "json"], &words));
    fs::remove_dir(&folder).unwrap();
    let json = ran.ends(137).json();
    let verdict = &json["results"][0]["verdict"];
    assert_eq!(verdict["limit"], "memory cgroup", "{json:#}");
    assert_eq!(verdict["have"], 32 << 20, "{json:#}");
}

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

#[test]
fn closed_streams_do_no_harm() {
    let inner = env!("CARGO_BIN_EXE_poolcfg");
    let words = words(ADDRESS_SPACE, "address_space").join(" ");
    let script = format!("{inner} why -- {words} <&- >&- 2>&-");
    let status = Command::new("sh").args(["-c", &script]).status().unwrap();
    assert_eq!(status.code(), Some(3));
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
    assert_eq!(results[0]["verdict"]["limit"], "RLIMIT_AS");
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
        ("exec", ADDRESS_SPACE, "address_space", "within it"),
        ("exec", &[], "hole", "cannot be done from here"),
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
    assert_eq!(first["limit"], "RLIMIT_AS", "{json:#}");
    let help = first["help"].to_string();
    assert!(help.contains("ulimit -v unlimited"), "{help}");
    assert!(help.contains("and raise the limit: `ulimit -d"), "{help}");
    assert_eq!(json["results"][1]["verdict"], json!(null), "{json:#}");
}

/// Waits until something is so.
#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "{what}: waited in vain");
        sleep(Duration::from_millis(20));
    }
}

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

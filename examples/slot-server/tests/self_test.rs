//! The program as its users run it.

use std::process::{Command, Output};

fn server(prepare: &str, arguments: &str, variables: &[(&str, &str)]) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg(format!("{prepare} && exec \"$0\" {arguments}"))
        .arg(env!("CARGO_BIN_EXE_slot-server"))
        .envs(variables.iter().copied())
        .output()
        .expect("sh runs")
}

fn stdout(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    text
}

#[test]
fn requests_are_answered_from_slots() {
    let text = stdout(&server(":", "--self-test 200", &[]));
    assert!(text.contains("200 requests answered"), "{text}");
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn what_is_asked_is_taken_where_it_is_there() {
    let text = stdout(&server(":", "--self-test 1", &[]));
    assert!(
        text.starts_with("1000 slots of 4 GiB, 3.94 TiB of address space"),
        "{text}"
    );
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn it_starts_with_fewer_slots_under_a_limit() {
    let text = stdout(&server("ulimit -v 67108864", "--self-test 100", &[]));
    assert!(text.starts_with("15 slots of 4 GiB"), "{text}");
    assert!(text.contains("100 requests answered"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_cannot_be_started_are_an_error() {
    // Of 8 threads each has 2 MiB of stack: some of the server's or of the client's do not start.
    for limit in ["8192", "10240"] {
        let prepare = format!("ulimit -d {limit}");
        let variables = [("RUST_BACKTRACE", "1")];
        let output = server(&prepare, "--self-test 100", &variables);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{limit}: {text}");
        assert!(
            text.contains("slot-server: cannot start a"),
            "{limit}: {text}"
        );
    }
}

#[test]
fn an_operator_lowers_the_limits() {
    let variables = [
        ("POOLCFG_MAX_INSTANCES", "8"),
        ("POOLCFG_MEMORY_RESERVATION", "1MiB"),
    ];
    let text = stdout(&server(":", "--self-test 20", &variables));
    assert!(text.starts_with("8 slots of 1 MiB"), "{text}");
}

#[test]
fn a_mistake_is_told_and_nothing_starts() {
    let output = server(":", "--self-test 1", &[("POOLCFG_MAX_INSTANCES", "none")]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.starts_with("slot-server: environment variable `POOLCFG_MAX_INSTANCES` is `none`"),
        "{text}"
    );
    assert_eq!(server(":", "--selftest", &[]).status.code(), Some(2));
}

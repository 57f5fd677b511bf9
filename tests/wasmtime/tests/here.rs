//! What `--here` emits under a limit, started by real commands under the same limit: in every one of many fresh
//! processes. More than that does not start, or is refused by what the text names.

use std::fs;
use std::path::Path;
use std::process::Command;

use poolcfg_tests::{in_parallel, processes};
use poolcfg_tests_wasmtime::command::{Folder, number};
use poolcfg_tests_wasmtime::release::Release;
use serde_json::Value;

/// A limit that a process may put on itself without being root, and pools that it bounds.
#[derive(Debug)]
struct Case {
    /// As a shell says it.
    limit: &'static str,
    /// The keys of the pool.
    keys: &'static str,
    /// What is to be named.
    bound: &'static str,
}

const CASES: [Case; 6] = [
    Case {
        limit: "ulimit -v 67108864",
        keys: "",
        bound: "rlimit_as",
    },
    Case {
        limit: "ulimit -v 4194304",
        keys: "memory_reservation = \"64MiB\"\nguard_size = \"64KiB\"",
        bound: "rlimit_as",
    },
    Case {
        limit: "ulimit -v 1048576",
        keys: "memory_reservation = \"64MiB\"\nguard_size = \"64KiB\"",
        bound: "rlimit_as",
    },
    Case {
        limit: "ulimit -d 1048576",
        keys: "memory_reservation = \"64MiB\"\nmax_memory_size = \"1MiB\"",
        bound: "rlimit_data",
    },
    Case {
        limit: "ulimit -s unlimited",
        keys: "memory_reservation = \"256GiB\"",
        bound: "hole",
    },
    Case {
        limit: "ulimit -s 1048576",
        keys: "memory_reservation = \"256GiB\"",
        bound: "hole",
    },
];

const MODULE: &str = "(module (memory 1) (func (export \"_start\")))";

/// The command as a shell under the limit runs it.
fn under(limit: &str, command: &Command) -> Command {
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// What a command prints that has to succeed.
fn said_by(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    text
}

/// How many of so many fresh processes start with these settings, and what the last one says that does not.
fn starts(limit: &str, release: &Release, config: &Path, module: &Path) -> (usize, String) {
    let done = in_parallel(0..processes(), |_| {
        let mut run = release.command("run");
        run.arg("--config").arg(config).arg(module);
        under(limit, &run).output().unwrap()
    });
    let mut refusal = String::new();
    for (_, output) in &done {
        if !output.status.success() {
            refusal = String::from_utf8_lossy(&output.stderr).into_owned();
        }
    }
    let started = done.iter().filter(|(_, output)| output.status.success());
    (started.count(), refusal)
}

/// The same settings for another number of instances.
fn with_instances(text: &str, from: u64, to: u64) -> String {
    let lines = text.lines().map(|line| {
        let Some((name, value)) = line.split_once(" = ") else {
            return line.to_owned();
        };
        match value.parse::<u64>() {
            Ok(total) if name.starts_with("pooling-total-") => {
                format!("{name} = {}", (total * to).div_ceil(from))
            }
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn what_is_emitted_under_a_limit_starts_under_it() {
    for release in Release::all() {
        for case in &CASES {
            let toml = format!(
                "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 10000\non_misfit = \"shrink\"\n{}\n\
                 [pooling_allocator.wasmtime]\nversion = \"{}\"\n",
                case.keys, release.version
            );
            let folder = Folder::new(&toml, &["--here"]).unwrap();
            let text = said_by(&mut under(case.limit, &folder.emitting("wasmtime-toml")));
            let json = said_by(&mut under(case.limit, &folder.emitting("json")));
            let json: Value = serde_json::from_str(&json).unwrap();
            let result = &json["results"][0];
            let what = format!("wasmtime {} under {}", release.version, case.limit);
            assert_eq!(result["bound"]["limit"], case.bound, "{what}: {result}");
            let instances = number(result, "/limits/max_instances").unwrap();
            let module = folder.write("module.wat", MODULE).unwrap();
            let config = folder.write("wasmtime.toml", &text).unwrap();
            let all = processes();
            let (started, refusal) = starts(case.limit, &release, &config, &module);
            assert_eq!(started, all, "{what}: {instances} instances\n{refusal}");

            let one_more = with_instances(&text, instances, instances + 1);
            let config = folder.write("one-more.toml", &one_more).unwrap();
            let (one_more, _) = starts(case.limit, &release, &config, &module);
            // What more may start takes of what is named as left to the rest of the process, or of what ASLR
            // has left this time.
            assert!(
                text.contains("are reserved for the rest of the process"),
                "{text}"
            );
            assert!(text.contains("one more instance does not fit"), "{text}");

            let beyond = match case.bound {
                "hole" => instances * 2,
                // A memory counts when it is written to, tables and stacks at once.
                "rlimit_data" => {
                    let mappings = result["footprint"]["mappings"].as_array().unwrap();
                    let written = mappings
                        .iter()
                        .filter(|of| of["protection"] == "read-write");
                    let bytes: u64 = written.map(|of| number(of, "/bytes").unwrap()).sum();
                    ((1 << 30) * (instances + 1)).div_ceil(bytes)
                }
                _ => {
                    let have = number(result, "/bound/have").unwrap();
                    let headroom = number(result, "/budget/headroom_bytes").unwrap();
                    ((instances + 1) * (have + headroom)).div_ceil(have)
                }
            };
            let text = with_instances(&text, instances, beyond);
            let config = folder.write("beyond.toml", &text).unwrap();
            let (started, refusal) = starts(case.limit, &release, &config, &module);
            assert_eq!(started, 0, "{what}: {beyond} instances");
            assert!(
                refusal.contains("mmap failed") || refusal.contains("memory"),
                "{refusal}"
            );
            println!(
                "{what}: {instances} instances start in {all} of {all} processes, {} in {one_more}, {beyond} in none",
                instances + 1
            );
            let _ = fs::remove_file(config);
        }
    }
}

/// Where what is asked does not go in, what is suggested does.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn what_is_suggested_under_a_limit_starts_under_it() {
    let release = Release::of_embedder();
    for limit in [
        "ulimit -v 1048576",
        "ulimit -v 4194304",
        "ulimit -d 1048576",
    ] {
        let pool = "[pooling_allocator]\nengine = \"wasmtime\"\n";
        let version = format!(
            "[pooling_allocator.wasmtime]\nversion = \"{}\"\n",
            release.version
        );
        let folder = Folder::new(&format!("{pool}{version}"), &["--here"]).unwrap();
        let output = under(limit, &folder.emitting("wasmtime-toml"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(100), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, help) = said.split_once("help: ").unwrap();
        let (keys, _) = help.split_once(" (").unwrap();
        let toml = format!("{pool}{}\n{version}", keys.replace(" with ", "\n"));
        let folder = Folder::new(&toml, &["--here"]).unwrap();
        let text = said_by(&mut under(limit, &folder.emitting("wasmtime-toml")));
        let config = folder.write("wasmtime.toml", &text).unwrap();
        let module = folder.write("module.wat", MODULE).unwrap();
        let (started, refusal) = starts(limit, &release, &config, &module);
        assert_eq!(started, processes(), "{limit}: {keys}\n{refusal}");
    }
}

//! Flags: the command line of `wasmtime` that works, with what poolcfg works out for the limits that were in the way.

use std::path::{Path, PathBuf};
use std::process::Command;

use poolcfg_core::{GRAIN, LEAST_HEADROOM, Limit, Limits, Size, Target, Wasmtime, WasmtimeVersion};
use poolcfg_runtime::RecheckLimit;
use serde_json::Value;

use super::files::{Files, is_file};
use super::said::{self, CommandPart};
use super::shape::{HOST_STACK, KnownSize};
use super::who::Who;
use crate::target::waiting::{Ended, PATIENCE, output_within};
use crate::why::trace::obstacle::WhyLimit;
use crate::why::trace::told::MemoryFailure;

/// The most that is read of what is said of the flags.
const MOST: u64 = 1 << 20;

/// Flags that are worked out for the limits that were in the way.
pub(super) struct WorkedOut {
    /// The words: flags alone, or a command line with them.
    pub(super) words: Vec<String>,
    /// The limit that holds no more than these; `None` if they are all that was asked for.
    pub(super) bound: Option<Limit>,
}

/// The command line of the `wasmtime` command that should work.
pub(super) fn other_words(failure: &MemoryFailure, who: &Who) -> Option<WorkedOut> {
    let is_of_size = matches!(
        failure.obstacle.limit,
        WhyLimit::Recheck(RecheckLimit::RlimitAs | RecheckLimit::RlimitData | RecheckLimit::Hole)
    );
    if !who.is_wasmtime || !is_of_size {
        return None;
    }
    let mut words = failure.arguments.iter();
    let program = words.next()?;
    // Flags stand behind the subcommand; `wasmtime app.wasm` has none.
    let subcommand = match words.as_slice().first()?.as_str() {
        "run" => "run",
        "serve" => "serve",
        word if word.starts_with('-') || is_file(failure, word) => "",
        // Others run nothing, or what cannot be known.
        _ => return None,
    };
    let rest = words.as_slice();
    let rest = if subcommand.is_empty() {
        rest
    } else {
        &rest[1..]
    };
    let files = Files::of(failure);
    let is_pool = match who.shape {
        Some(KnownSize::Memories { .. } | KnownSize::Pool(_)) => true,
        Some(KnownSize::OneMemory) => false,
        _ => return None,
    };
    let ways = match is_pool {
        true => [
            Vec::from_iter(ways_as_said(&failure.arguments)),
            ways_of_pool(subcommand, files.most_memory(), files.least_memory()),
        ]
        .concat(),
        false => vec![way("no-pool")],
    };
    let least = files.least_memory();
    let holds = |WorkedOut { words: flags, .. }: &WorkedOut| {
        let most = said::number(flags, &["pooling-max-memory-size"]);
        let is_kept = |version| keeps_memories(version, flags, &failure.arguments);
        let is_kept = !files.is_compiled || who.version.is_some_and(is_kept);
        is_kept && most.is_none_or(|most| most >= least)
    };
    let stacks = stacks_as_said(&failure.arguments);
    let found = ways.into_iter().map(|way| [way, stacks.clone()].concat());
    let mut found = found.filter_map(|way| flags(failure, &way, &files.paths));
    let WorkedOut {
        words: flags,
        bound,
    } = found.find(holds)?;
    let subcommand = if subcommand.is_empty() {
        "run"
    } else {
        subcommand
    };
    let mut all = vec![program.clone(), subcommand.to_owned()];
    all.extend(flags.iter().cloned());
    all.extend(without_own(rest, &flags));
    Some(WorkedOut { words: all, bound })
}

/// Whether memories have the reservation and the guard for which code was compiled before: those that the command line
/// says, or those of this version of Wasmtime.
fn keeps_memories(version: WasmtimeVersion, flags: &[String], arguments: &[String]) -> bool {
    let own = Limits::of_wasmtime(version, Target::CURRENT);
    let own = [
        (&said::RESERVATION, own.memory_reservation),
        (&said::GUARD, own.guard_size),
    ];
    own.into_iter().all(|(names, own)| {
        let was = said::number(arguments, names).unwrap_or(own.get());
        said::number(flags, names) == Some(was)
    })
}

/// The stacks that the command line has, where it says so.
fn stacks_as_said(arguments: &[String]) -> Vec<String> {
    let number = |name: &str| said::number(arguments, &[name]);
    let said = |name: &str, bytes: Option<u64>| {
        let bytes = bytes.map(|bytes| format!("\"{}\"", Size::bytes(bytes).exact()));
        bytes.map(|bytes| key(name, &bytes))
    };
    let most = number("max-wasm-stack");
    let of_both = most.and_then(|most| most.checked_add(HOST_STACK));
    let all = number("async-stack-size").or(of_both);
    let keys = [
        said("stack_reservation", all),
        said("wasmtime.max_wasm_stack", most),
    ];
    keys.into_iter().flatten().flatten().collect()
}

fn way(fit: &str) -> Vec<String> {
    vec!["--fit".to_owned(), fit.to_owned()]
}

fn key(name: &str, value: &str) -> [String; 2] {
    [
        "--set".to_owned(),
        format!("pooling_allocator.{name}={value}"),
    ]
}

/// Whether the code of memories of so many bytes checks its accesses.
fn is_checked(bytes: u64) -> bool {
    (1..Wasmtime::ELIDED.get()).contains(&bytes)
}

fn reservation(bytes: u64) -> [String; 2] {
    let bytes = Size::bytes(bytes);
    let exact = bytes.round_up(GRAIN).unwrap_or(bytes).exact();
    key("memory_reservation", &format!("\"{exact}\""))
}

/// As few and as small as the command line has them, where it says so.
fn ways_as_said(arguments: &[String]) -> Option<Vec<String>> {
    let number = |name: &str| said::number(arguments, &[name]);
    let most = [
        number("pooling-max-memory-size"),
        said::number(arguments, &said::RESERVATION),
    ];
    let most = most.into_iter().flatten().min();
    let most = most.filter(|most| is_checked(*most));
    let count = number("pooling-total-memories").filter(|count| *count > 0);
    let most = most.map(reservation);
    let count = count.map(|count| key("max_instances", &count.to_string()));
    if most.is_none() && count.is_none() {
        return None;
    }
    let keys = most.into_iter().chain(count).flatten();
    Some(way("fewer").into_iter().chain(keys).collect())
}

/// What is tried, the best first: fewer slots of the usual size; as large as the files let their memories grow; one of
/// a program that is run alone, as large as it may be, or as the files have them at least; smaller ones; none.
fn ways_of_pool(subcommand: &str, most: Option<u64>, least: u64) -> Vec<Vec<String>> {
    let mut ways = vec![Vec::new()];
    if let Some(most) = most.filter(|most| is_checked(*most)) {
        ways.push([way("fewer"), reservation(most).to_vec()].concat());
    }
    if subcommand == "run" {
        let one = key("max_instances", "1").to_vec();
        ways.push([way("smaller"), one.clone()].concat());
        if is_checked(least) {
            let all = [way("fewer"), reservation(least).to_vec(), one];
            ways.push(all.concat());
        }
    }
    ways.extend(["smaller", "no-pool"].map(way));
    ways
}

/// The words without what the new flags say otherwise: the last that is said counts.
fn without_own(rest: &[String], flags: &[String]) -> Vec<String> {
    let new = said::names(flags);
    let is_own = |value: &str| {
        let name = value.split_once('=').map_or(value, |(name, _)| name);
        name.starts_with("pooling-") || name.starts_with("memory-") || new.contains(&name)
    };
    let mut kept = Vec::new();
    for part in said::parts(rest) {
        match part {
            CommandPart::Word(word) => kept.push(word.to_owned()),
            CommandPart::Group(letter, values) => {
                let values = values.split(',').filter(|value| !is_own(value));
                let values: Vec<&str> = values.collect();
                if !values.is_empty() {
                    kept.extend([letter.to_owned(), values.join(",")]);
                }
            }
        }
    }
    kept
}

/// The flags that `poolcfg --here` writes for the program and its files under the limits that were in the way.
fn flags(failure: &MemoryFailure, way: &[String], files: &[PathBuf]) -> Option<WorkedOut> {
    // A folder without a project.
    let folder = tempfile::tempdir().ok()?;
    let mut command = Command::new(std::env::current_exe().ok()?);
    let name = command.get_program().to_string_lossy().into_owned();
    if Path::new(&name)
        .file_name()
        .is_some_and(|name| name == "cargo-poolcfg")
    {
        command.arg("poolcfg");
    }
    command
        .current_dir(folder.path())
        .args(["--program", &failure.program])
        .args(["--here", "--emit", "wasmtime-flags", "-o", FLAGS])
        .args(["--message-format", "json"])
        .args(way);
    for file in files {
        command.arg("--workload").arg(file);
    }
    let mut least = u64::MAX;
    for also in failure.obstacle.all() {
        let key = match also.limit {
            WhyLimit::Recheck(RecheckLimit::RlimitAs) => "rlimit_as",
            WhyLimit::Recheck(RecheckLimit::RlimitData) => "rlimit_data",
            _ => continue,
        };
        least = least.min(also.have);
        let have = Size::bytes(also.have).exact();
        let set = format!("address_space.{key}=\"{have}\"");
        command.args(["--set", &set]);
    }
    if let Some(headroom) = headroom(failure, least) {
        let set = format!("address_space.headroom=\"{}\"", headroom.exact());
        command.args(["--set", &set]);
    }
    match output_within(&mut command, PATIENCE, MOST).ok()? {
        Ended::InTime(output) if output.status.success() => {
            let flags = std::fs::read_to_string(folder.path().join(FLAGS)).ok()?;
            let envelope: Value = serde_json::from_slice(&output.stdout).ok()?;
            let bound = envelope["results"][0]["bound"]["limit"].as_str();
            Some(WorkedOut {
                words: shlex::split(flags.trim())?,
                bound: bound.and_then(Limit::from_word),
            })
        }
        _ => None,
    }
}

/// The file in which they are.
const FLAGS: &str = "flags";

/// Of a small limit what the rest of the process had, and up to as much again for what it does from here on; `None` where
/// the usual headroom leaves something.
fn headroom(failure: &MemoryFailure, limit: u64) -> Option<Size> {
    let obstacle = &failure.obstacle;
    let used = obstacle.need.saturating_sub(failure.bytes);
    let is_small = limit < 2 * LEAST_HEADROOM.get();
    is_small.then(|| Size::bytes(used.saturating_mul(2).min(limit / 2).max(used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_may_grow_as_far_as_it_declares() {
        let ways = |subcommand, most| ways_of_pool(subcommand, most, 0).concat().join(" ");
        let said = "pooling_allocator.memory_reservation=\"1875MiB\"";
        assert!(ways("serve", Some(1875 << 20)).contains(said));
        assert!(!ways("serve", Some(4 << 30)).contains("reservation"));
        assert!(ways("run", None).contains("max_instances=1"));
        assert!(!ways("serve", None).contains("max_instances"));
        let said = ways_of_pool("run", None, 20_000 * GRAIN.get())
            .concat()
            .join(" ");
        assert!(said.contains("memory_reservation=\"1250MiB\""), "{said}");
    }

    #[test]
    fn what_the_command_line_has_is_kept() {
        let of = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            ways_as_said(&words).map(|way| way.join(" "))
        };
        let said = of("w -O pooling-total-memories=20,pooling-max-memory-size=1048576").unwrap();
        assert!(said.contains("memory_reservation=\"1MiB\""), "{said}");
        assert!(said.contains("max_instances=20"), "{said}");
        assert_eq!(of("w -O pooling-allocator=y"), None);
        assert_eq!(of("w -O memory-reservation=4294967296"), None);
    }

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_the_new_flags_say_is_said_once() {
        let line = "-O pooling-allocator=y -Omemory-reservation=1 -O opt-level=2 -S cli app.wasm";
        let flags = words("-O pooling-allocator=y -W max-wasm-stack=5");
        let kept = |line: &str| without_own(&words(line), &flags).join(" ");
        assert_eq!(kept(line), "-O opt-level=2 -S cli app.wasm");
        let line = "-O=pooling-total-memories=9,opt-level=2 --wasm max-wasm-stack=6 app.wasm";
        assert_eq!(kept(line), "-O opt-level=2 app.wasm");
    }

    #[test]
    fn stacks_are_as_large_as_they_were() {
        let of = |line: &str| stacks_as_said(&words(line)).join(" ");
        let both = of("w -W async-stack-size=8388608,max-wasm-stack=4194304 app.wasm");
        assert!(both.contains("stack_reservation=\"8MiB\""), "{both}");
        assert!(both.contains("wasmtime.max_wasm_stack=\"4MiB\""), "{both}");
        let one = of("w -W max-wasm-stack=524288");
        assert!(one.contains("stack_reservation=\"1MiB\""), "{one}");
        assert_eq!(of("w app.wasm"), "");
    }

    #[test]
    fn code_that_was_compiled_before_keeps_its_memories() {
        let keeps = |major, flags: &str, line: &str| {
            keeps_memories(WasmtimeVersion::major(major), &words(flags), &words(line))
        };
        let usual = "-O memory-reservation=4294967296,memory-guard-size=33554432";
        assert!(keeps(48, usual, "w app.cwasm"));
        assert!(!keeps(48, usual, "w -O memory-reservation=65536 app.cwasm"));
        let small = "-O memory-reservation=4294967296,memory-guard-size=65536";
        assert!(!keeps(48, small, "w app.cwasm"));
        // Versions up to 27 have guards of 2 GiB, and other names.
        assert!(!keeps(27, usual, "w app.cwasm"));
        let old = "-O static-memory-maximum-size=4294967296,memory-guard-size=2147483648";
        assert!(keeps(27, old, "w app.cwasm"));
        let old = "-O static-memory-maximum-size=4294967296,static-memory-guard-size=2147483648";
        assert!(keeps(14, old, "w app.cwasm"));
    }
}

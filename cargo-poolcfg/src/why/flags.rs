//! Flags: the command line of `wasmtime` that works, with what poolcfg works out for the limits that were in the way.

use std::path::{Path, PathBuf};
use std::process::Command;

use poolcfg_core::Size;
use poolcfg_runtime::RecheckLimit;

use super::said;
use super::shape::KnownSize;
use super::who::Who;
use crate::target::waiting::{Ended, PATIENCE, output_within};
use crate::why::trace::obstacle::WhyLimit;
use crate::why::trace::told::MemoryFailure;

/// The most that is read of a line of flags.
const MOST: u64 = 64 << 10;

/// What the rest of a process has, where nobody says so.
const HEADROOM: u64 = 256 << 20;

/// The command line of the `wasmtime` command that works.
pub(super) fn other_words(failure: &MemoryFailure, who: &Who) -> Option<Vec<String>> {
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
    let subcommand = words
        .clone()
        .next()
        .filter(|word| ["run", "serve"].contains(&word.as_str()));
    let rest: Vec<&String> = match subcommand {
        Some(_) => words.skip(1).collect(),
        None => words.collect(),
    };
    let subcommand = subcommand.map_or("run", String::as_str);
    let files = said::files(failure);
    let is_pool = match who.shape {
        Some(KnownSize::Memories { .. } | KnownSize::Pool(_)) => true,
        Some(KnownSize::OneMemory) => false,
        _ => return None,
    };
    let ways = match is_pool {
        true => ways_of_pool(subcommand, said::most_memory(&files)),
        false => vec![way("no-pool")],
    };
    let flags = ways.iter().find_map(|way| flags(failure, way, &files))?;
    let mut all = vec![program.clone(), subcommand.to_owned()];
    all.extend(flags);
    all.extend(without_own(&rest));
    Some(all)
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

/// What is tried, the best first: fewer slots of the usual size; as large as the files let their memories grow; one of
/// a program that is run alone, as large as it may be; smaller ones; none.
fn ways_of_pool(subcommand: &str, most: Option<u64>) -> Vec<Vec<String>> {
    const WHOLE: u64 = 4 << 30;
    let mut ways = vec![Vec::new()];
    if let Some(most) = most.filter(|most| (1..WHOLE).contains(most)) {
        let most = format!("\"{}\"", Size::bytes(most).exact());
        ways.push([way("fewer"), key("memory_reservation", &most).to_vec()].concat());
    }
    if subcommand == "run" {
        ways.push([way("smaller"), key("max_instances", "1").to_vec()].concat());
    }
    ways.extend(["smaller", "no-pool"].map(way));
    ways
}

/// Flags that say what the new ones say.
fn without_own(rest: &[&String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut rest = rest.iter();
    let is_own = |value: &str| {
        value
            .split(',')
            .all(|one| one.starts_with("pooling-") || one.starts_with("memory-"))
    };
    while let Some(word) = rest.next() {
        match word.strip_prefix("-O") {
            Some("") => {
                if let Some(value) = rest.next()
                    && !is_own(value)
                {
                    kept.extend([(*word).clone(), (*value).clone()]);
                }
            }
            Some(value) if is_own(value) => {}
            _ => kept.push((*word).clone()),
        }
    }
    kept
}

/// The flags that `poolcfg --here` writes for the program and its files under the limits that were in the way.
fn flags(failure: &MemoryFailure, way: &[String], files: &[PathBuf]) -> Option<Vec<String>> {
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
        .args(["--here", "--emit", "wasmtime-flags"])
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
            shlex::split(String::from_utf8(output.stdout).ok()?.trim())
        }
        _ => None,
    }
}

/// Of a small limit what the rest of the process had, and as much again for what it does from here on; `None` where the
/// usual headroom leaves something.
fn headroom(failure: &MemoryFailure, limit: u64) -> Option<Size> {
    let obstacle = &failure.obstacle;
    let used = obstacle.need.saturating_sub(failure.bytes);
    let is_small = limit < 2 * HEADROOM;
    is_small.then(|| Size::bytes(used.saturating_mul(2).min(limit / 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_may_grow_as_far_as_it_declares() {
        let ways = |subcommand, most| ways_of_pool(subcommand, most).concat().join(" ");
        let said = "pooling_allocator.memory_reservation=\"1875MiB\"";
        assert!(ways("serve", Some(1875 << 20)).contains(said));
        assert!(!ways("serve", Some(4 << 30)).contains("reservation"));
        assert!(ways("run", None).contains("max_instances=1"));
        assert!(!ways("serve", None).contains("max_instances"));
    }

    #[test]
    fn what_the_new_flags_say_is_said_once() {
        let line = "-O pooling-allocator=y -Omemory-reservation=1 -O opt-level=2 -S cli app.wasm";
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let kept = without_own(&words.iter().collect::<Vec<_>>());
        assert_eq!(kept.join(" "), "-O opt-level=2 -S cli app.wasm");
    }
}

//! Advice: what would fit, and what to type or to write for it.

use std::ffi::OsString;
use std::path::Path;

use poolcfg_core::Size;
use poolcfg_runtime::RecheckLimit;

use super::who::{KnownSize, Who};
use crate::target::waiting::{Ended, PATIENCE, output_within};
use crate::why::trace::obstacle::{AlsoLimit, Obstacle, WhyLimit};
use crate::why::trace::told::{CallName, MemoryFailure};

/// The most that is read of a line of flags.
const MOST: u64 = 64 << 10;

/// What helps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advice {
    /// How many slots of the pool fit, as its size tells.
    pub(crate) slots: Option<u64>,
    /// Sentences and command lines, the best first.
    pub(crate) help: Vec<String>,
    /// What `--retry` does.
    pub(crate) retry: Option<Retry>,
}

/// What makes the next run another one.
#[derive(Clone, Debug)]
pub(crate) enum Retry {
    /// Limits of the process are raised.
    Raised(Vec<RaisedLimit>),
    /// The same command with other words.
    Words(Vec<OsString>),
}

/// A limit to raise: what it is, and what is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RaisedLimit {
    pub(crate) limit: RecheckLimit,
    pub(crate) need: u64,
    pub(crate) have: u64,
}

/// What helps against a failure of a command.
pub(crate) fn advice(failure: &MemoryFailure, who: &Who, command: &[OsString]) -> Advice {
    let obstacle = &failure.obstacle;
    let mut advice = Advice {
        slots: slots(failure, who),
        ..Advice::default()
    };
    if let Some(words) = other_words(failure, who) {
        // What the flags say is what was worked out for this machine, and not by one size.
        advice.slots = total_memories(&words).or(advice.slots);
        let quoted = words.iter().map(|word| shlex::try_quote(word));
        if let Ok(quoted) = quoted.collect::<Result<Vec<_>, _>>() {
            advice.help.push(quoted.join(" "));
            advice.retry = in_command(failure, words, command).map(Retry::Words);
        }
    }
    let raised = raised(obstacle);
    if let Some(retry) = raised
        && advice.retry.is_none()
    {
        advice.retry = Some(retry);
    }
    let word = if advice.help.is_empty() { "" } else { "or " };
    let more = of_limit(obstacle.limit, obstacle);
    advice.help.extend(more.map(|help| format!("{word}{help}")));
    let also = obstacle.also.iter();
    let also = also.filter_map(|also| of_limit(also.limit, obstacle));
    advice.help.extend(also.map(|help| format!("and {help}")));
    advice.help.extend(of_java(failure, who));
    advice
}

/// The limits that are in the way: the first, and those that are as well.
fn all_limits(obstacle: &Obstacle) -> impl Iterator<Item = AlsoLimit> {
    let first = AlsoLimit {
        limit: obstacle.limit,
        need: obstacle.need,
        have: obstacle.have,
    };
    std::iter::once(first).chain(obstacle.also.iter().copied())
}

/// The command with other words of the program that failed, which may stand behind a wrapper such as prlimit.
fn in_command(
    failure: &MemoryFailure,
    words: Vec<String>,
    command: &[OsString],
) -> Option<Vec<OsString>> {
    let own = failure.arguments.iter().map(OsString::from);
    let own: Vec<OsString> = own.collect();
    let wrapper = command.strip_suffix(&own[..])?;
    let words = words.into_iter().map(OsString::from);
    Some(wrapper.iter().cloned().chain(words).collect())
}

/// What is left of a limit for the call.
fn left(failure: &MemoryFailure) -> u64 {
    let obstacle = &failure.obstacle;
    let used = obstacle.need.saturating_sub(failure.bytes);
    obstacle.have.saturating_sub(used)
}

fn slots(failure: &MemoryFailure, who: &Who) -> Option<u64> {
    let Some(KnownSize::Memories { slot, guard, .. }) = &who.shape else {
        return None;
    };
    let is_of_bytes = matches!(
        failure.obstacle.limit,
        WhyLimit::Recheck(RecheckLimit::RlimitAs | RecheckLimit::Hole)
    );
    let left = left(failure).saturating_sub(guard.get());
    is_of_bytes.then(|| left / slot.get())
}

/// The limits of the process, where they are all that is in the way: the next run may have others.
fn raised(obstacle: &Obstacle) -> Option<Retry> {
    let limits = all_limits(obstacle).map(|also| match also.limit {
        WhyLimit::Recheck(
            limit @ (RecheckLimit::RlimitAs
            | RecheckLimit::RlimitData
            | RecheckLimit::RlimitMemlock),
        ) => Some(RaisedLimit {
            limit,
            need: also.need,
            have: also.have,
        }),
        _ => None,
    });
    limits.collect::<Option<Vec<_>>>().map(Retry::Raised)
}

/// The command line of the `wasmtime` command that works, with what poolcfg works out for these limits.
fn other_words(failure: &MemoryFailure, who: &Who) -> Option<Vec<String>> {
    let is_of_size = matches!(
        failure.obstacle.limit,
        WhyLimit::Recheck(RecheckLimit::RlimitAs | RecheckLimit::RlimitData | RecheckLimit::Hole)
    );
    let fits: &[&str] = match who.shape {
        _ if who.name != "wasmtime" || !is_of_size => return None,
        Some(KnownSize::Memories { .. } | KnownSize::Pool(_)) => &["", "smaller", "no-pool"],
        Some(KnownSize::OneMemory) => &["no-pool"],
        _ => return None,
    };
    let flags = fits.iter().find_map(|fit| flags(failure, fit))?;
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
    let mut all = vec![program.clone(), subcommand.to_owned()];
    all.extend(flags);
    all.extend(without_own(&rest));
    Some(all)
}

/// The slots of the pool that flags ask for.
fn total_memories(words: &[String]) -> Option<u64> {
    let mut values = words.iter().flat_map(|word| word.split(','));
    let found = values.find_map(|value| value.strip_prefix("pooling-total-memories="));
    found?.parse().ok()
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

/// The flags that `poolcfg --here` writes for the program under the limit that was in the way.
fn flags(failure: &MemoryFailure, fit: &str) -> Option<Vec<String>> {
    // A folder without a project.
    let folder = tempfile::tempdir().ok()?;
    let mut command = std::process::Command::new(std::env::current_exe().ok()?);
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
        .args(["--here", "--emit", "wasmtime-flags"]);
    if !fit.is_empty() {
        command.args(["--fit", fit]);
    }
    for also in all_limits(&failure.obstacle) {
        let key = match also.limit {
            WhyLimit::Recheck(RecheckLimit::RlimitAs) => "rlimit_as",
            WhyLimit::Recheck(RecheckLimit::RlimitData) => "rlimit_data",
            _ => continue,
        };
        let have = Size::bytes(also.have).exact();
        let set = format!("address_space.{key}=\"{have}\"");
        command.args(["--set", &set]);
    }
    match output_within(&mut command, PATIENCE, MOST).ok()? {
        Ended::InTime(output) if output.status.success() => {
            shlex::split(String::from_utf8(output.stdout).ok()?.trim())
        }
        _ => None,
    }
}

/// What to do about a limit.
fn of_limit(limit: WhyLimit, obstacle: &Obstacle) -> Option<String> {
    let text = match limit {
        WhyLimit::Recheck(RecheckLimit::RlimitAs) => {
            "raise the limit: `ulimit -v unlimited`, or `LimitAS=infinity` in the unit"
        }
        WhyLimit::Recheck(RecheckLimit::RlimitData) => {
            "raise the limit: `ulimit -d unlimited`, or `LimitDATA=infinity` in the unit"
        }
        WhyLimit::Recheck(RecheckLimit::RlimitMemlock) => {
            "raise the limit: `ulimit -l unlimited`, or `LimitMEMLOCK=infinity` in the unit"
        }
        WhyLimit::Recheck(RecheckLimit::MaxMapCount) => {
            let have = all_limits(obstacle).find(|also| also.limit == limit)?.have;
            let more = have.saturating_mul(4).max(262_144);
            return Some(format!(
                "allow more mappings: `sysctl -w vm.max_map_count={more}`, and the same line in /etc/sysctl.d"
            ));
        }
        WhyLimit::Recheck(RecheckLimit::CommitLimit) => {
            "raise the commit limit: `sysctl -w vm.overcommit_ratio=100`, or `vm.overcommit_memory=0` for none, or add swap"
        }
        WhyLimit::Recheck(RecheckLimit::RamAndSwap) => {
            "ask for less, add swap, or `sysctl -w vm.overcommit_memory=1`: one call wants more than RAM and swap"
        }
        WhyLimit::Recheck(RecheckLimit::Hole) if obstacle.legacy.is_some() => {
            "start it with `ulimit -s 8192`, or `LimitSTACK=8M` in the unit, without `setarch -L` and with `vm.legacy_va_layout=0`: \
              the legacy layout leaves a smaller hole"
        }
        WhyLimit::Recheck(RecheckLimit::Hole) => {
            "ask for less at once: no setting of the system makes the hole larger"
        }
        WhyLimit::MemoryCgroup => {
            "raise `MemoryMax=` of the unit, or `--memory` of the container, or use less"
        }
        WhyLimit::WriteAndExecute => {
            "allow it: `MemoryDenyWriteExecute=no` in the unit, no `PR_SET_MDWE` before it, or SELinux's boolean for execmem"
        }
        WhyLimit::Seccomp => {
            "let the filter pass the call: `SystemCallFilter=` and `MemoryDenyWriteExecute=no` in the unit, or the container's seccomp profile"
        }
        WhyLimit::Recheck(_) => return None,
    };
    Some(text.to_owned())
}

/// What a JVM can do with less.
fn of_java(failure: &MemoryFailure, who: &Who) -> Option<String> {
    let obstacle = &failure.obstacle;
    match (who.name.as_str(), obstacle.limit, failure.call) {
        ("java", WhyLimit::Recheck(limit), Some(CallName::Mmap))
            if limit != RecheckLimit::MaxMapCount =>
        {
            let quarter = obstacle.have / 4 / (1 << 20);
            Some(format!(
                "or let it take less: `-Xmx{quarter}m -XX:ReservedCodeCacheSize=48m -XX:CompressedClassSpaceSize=64m`"
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_slots_fit_as_the_flags_ask_for() {
        let words = |flags: &str| ["wasmtime".to_owned(), "-O".to_owned(), flags.to_owned()];
        let pool = words("pooling-allocator=y,pooling-total-memories=13,pooling-max=2");
        assert_eq!(total_memories(&pool), Some(13));
        assert_eq!(total_memories(&words("pooling-allocator=n")), None);
    }
}

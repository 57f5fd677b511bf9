//! Advice: what would fit, and what to type or to write for it.

use std::borrow::Cow;
use std::ffi::OsString;

use poolcfg_core::{Size, Wasmtime};
use poolcfg_runtime::RecheckLimit;

use super::flags::other_words;
use super::shape::KnownSize;
use super::who::Who;
use super::{java, pages, said};
use crate::why::trace::obstacle::{Obstacle, WhyLimit};
use crate::why::trace::told::{CallName, MemoryFailure};

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
        let asked_for = |name: &str| said::number(&words, &[name]);
        advice.slots = asked_for("pooling-total-memories").or(advice.slots);
        let most = asked_for("pooling-max-memory-size");
        let quoted = words.iter().map(|word| shlex::try_quote(word));
        if let Ok(quoted) = quoted.collect::<Result<Vec<_>, _>>() {
            advice.help.push(quoted.join(" "));
            advice.help.extend(most.and_then(capped));
            advice.retry = in_command(failure, words, command).map(Retry::Words);
        }
    }
    advice.help.extend(of_embedder(who, advice.slots));
    let raised = raised(obstacle);
    if let Some(retry) = raised
        && advice.retry.is_none()
    {
        advice.retry = Some(retry);
    }
    let word = if advice.help.is_empty() { "" } else { "or " };
    let more = of_limit(obstacle.limit, failure);
    advice.help.extend(more.map(|help| format!("{word}{help}")));
    let also = obstacle.also.iter();
    let also = also.filter_map(|also| of_limit(also.limit, failure));
    advice.help.extend(also.map(|help| format!("and {help}")));
    advice.help.extend(java::less(failure, who));
    advice
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
    let limits = obstacle.all().map(|also| match also.limit {
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

/// What the flags take from a program.
fn capped(most: u64) -> Option<String> {
    let most = Some(Size::bytes(most)).filter(|most| *most < Wasmtime::ELIDED)?;
    Some(format!(
        "with which a memory grows to {most} at most, and Wasmtime's code checks every access"
    ))
}

/// How a program with a Wasmtime in it has as many slots as fit.
fn of_embedder(who: &Who, slots: Option<u64>) -> Option<String> {
    let is_of_pool = matches!(who.shape, Some(KnownSize::Memories { .. }));
    let slots = slots.filter(|slots| *slots > 0 && is_of_pool && !who.is_wasmtime)?;
    Some(format!(
        "let its pool have {slots} slots: `max_instances = {slots}` in poolcfg.toml, \
         `POOLCFG_MAX_INSTANCES={slots} POOLCFG_MIN_INSTANCES={slots}` where it reads those, \
         or `PoolingAllocationConfig::total_memories({slots})`"
    ))
}

/// What to do about a limit.
fn of_limit(limit: WhyLimit, failure: &MemoryFailure) -> Option<String> {
    let obstacle = &failure.obstacle;
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
        WhyLimit::Stack => return Some(of_stack(obstacle)),
        WhyLimit::Recheck(RecheckLimit::MaxMapCount) => {
            let have = obstacle.all().find(|also| also.limit == limit)?.have;
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
        WhyLimit::HugePages => {
            let also = obstacle.all().find(|also| also.limit == limit)?;
            return Some(pages::help(obstacle.few, also.need));
        }
        WhyLimit::MemoryCgroup => {
            "raise `MemoryMax=` of the unit, or `--memory` of the container, or use less"
        }
        WhyLimit::Tmpfs => {
            "mount it larger: `mount -o remount,size=...` and its folder, `--shm-size` of the container for /dev/shm, or remove files there"
        }
        WhyLimit::WriteAndExecute => {
            "allow it: `MemoryDenyWriteExecute=no` in the unit, no `PR_SET_MDWE` before it, or SELinux's boolean for execmem"
        }
        WhyLimit::Seccomp => return Some(of_filter(failure.call)),
        WhyLimit::Recheck(_) => return None,
    };
    Some(text.to_owned())
}

/// What to do about a filter of seccomp.
fn of_filter(call: Option<CallName>) -> String {
    let text = call.map_or(Cow::Borrowed("the call"), |call| {
        Cow::Owned(format!("`{}`", call.text()))
    });
    // Filters of such units refuse memory that is both writable and executable.
    let unit = match call.is_some_and(CallName::is_traced) {
        true => "`SystemCallFilter=` and `MemoryDenyWriteExecute=no` in the unit",
        false => "`SystemCallFilter=` in the unit",
    };
    format!("let the filter pass {text}: {unit}, or the container's seccomp profile")
}

/// What to do about a stack: the usual one, or a larger one.
fn of_stack(obstacle: &Obstacle) -> String {
    const USUAL: u64 = 8 << 20;
    const LARGE: u64 = 1 << 30;
    let circles = "a function that calls itself without an end fills any stack";
    if obstacle.have >= LARGE {
        return circles.to_owned();
    }
    let more = obstacle.have.saturating_mul(4).max(USUAL);
    let more = more.max(obstacle.need.saturating_mul(2));
    let (kib, mib) = (more.div_ceil(1 << 10), more.div_ceil(1 << 20));
    format!("raise the limit: `ulimit -s {kib}`, or `LimitSTACK={mib}M` in the unit; {circles}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_advised_to_be_larger_than_it_is() {
        let of = |have| of_stack(&Obstacle::of(WhyLimit::Stack, have + 4096, have));
        assert!(of(4096).contains("`ulimit -s 8192`, or `LimitSTACK=8M`"));
        assert!(of(8 << 20).contains("`ulimit -s 32768`"));
        let large = Obstacle::of(WhyLimit::Stack, 72 << 20, 8 << 20);
        assert!(of_stack(&large).contains("`ulimit -s 147456`"));
        assert!(!of(1 << 30).contains("ulimit"));
    }
}

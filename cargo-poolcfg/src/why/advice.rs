//! Advice: what would fit, and what to type or to write for it.

use std::borrow::Cow;
use std::ffi::OsString;

use poolcfg_core::{Limit, Raise, Size, StackLimit, Variable, Wasmtime};
use poolcfg_runtime::RecheckLimit;

use super::flags::{WorkedOut, other_words};
use super::shape::KnownSize;
use super::who::Who;
use super::{java, pages, said};
use crate::why::trace::obstacle::{Obstacle, WhyLimit};
use crate::why::trace::told::{CallName, MemoryFailure};

/// What helps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advice {
    /// How many slots of the pool fit, as its size tells.
    pub(crate) slots: Option<FittingSlots>,
    /// Sentences and command lines, the best first.
    pub(crate) help: Vec<String>,
    /// What `--retry` does.
    pub(crate) retry: Option<Retry>,
}

/// How many slots fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FittingSlots {
    pub(crate) count: u64,
    /// The limit that holds no more; `None` if they are all that was asked for.
    pub(crate) bound: Option<Limit>,
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
    pub(crate) limit: WhyLimit,
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
    if let Some(WorkedOut { words, bound }) = other_words(failure, who) {
        // What the flags say is what was worked out for this machine, and not by one size.
        let asked_for = |name: &str| said::number(&words, &[name]);
        let slots = asked_for("pooling-total-memories");
        let slots = slots.map(|count| FittingSlots { count, bound });
        advice.slots = slots.or(advice.slots);
        let most = asked_for("pooling-max-memory-size");
        let quoted = words.iter().map(|word| shlex::try_quote(word));
        if let Ok(quoted) = quoted.collect::<Result<Vec<_>, _>>() {
            advice.help.push(quoted.join(" "));
            advice.help.extend(most.and_then(capped));
            advice.retry = in_command(failure, words, command).map(Retry::Words);
            // What the program needs beside its pool is known when it runs.
            let how = match advice.retry {
                Some(_) => ": `--retry` runs it",
                None => "",
            };
            advice.help.push(format!("which was not tried{how}"));
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

fn slots(failure: &MemoryFailure, who: &Who) -> Option<FittingSlots> {
    let Some(KnownSize::Memories { slot, guard, .. }) = &who.shape else {
        return None;
    };
    let limit = failure.obstacle.limit;
    let is_of_bytes = matches!(
        limit,
        WhyLimit::Recheck(RecheckLimit::RlimitAs | RecheckLimit::Hole)
    );
    let left = left(failure).saturating_sub(guard.get());
    is_of_bytes.then(|| FittingSlots {
        count: left / slot.get(),
        bound: Limit::from_word(limit.word()),
    })
}

/// The limits of the process, where they are all that is in the way: the next run may have others.
fn raised(obstacle: &Obstacle) -> Option<Retry> {
    let limits = obstacle.all().map(|also| match also.limit {
        WhyLimit::Recheck(
            RecheckLimit::RlimitAs | RecheckLimit::RlimitData | RecheckLimit::RlimitMemlock,
        ) => Some(RaisedLimit {
            limit: also.limit,
            need: also.need,
            have: also.have,
        }),
        WhyLimit::Stack => Some(RaisedLimit {
            limit: also.limit,
            need: larger_stack(obstacle)?.get(),
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
fn of_embedder(who: &Who, slots: Option<FittingSlots>) -> Option<String> {
    let is_of_pool = matches!(who.shape, Some(KnownSize::Memories { .. }));
    let slots = slots.map(|slots| slots.count);
    let slots = slots.filter(|slots| *slots > 0 && is_of_pool && !who.is_wasmtime)?;
    let keys = [Variable::MAX_INSTANCES, Variable::MIN_INSTANCES];
    let [most, least] = keys.map(|key| Variable { pool: "", key });
    let [most_of, least_of] = keys.map(|key| Variable { pool: "name", key });
    Some(format!(
        "give its pool {slots} slots: `max_instances = {slots}` in poolcfg.toml, \
         `PoolingAllocationConfig::total_memories({slots})`, or, if it uses poolcfg-runtime, \
         `{most}={slots} {least}={slots}` (`{most_of}` and `{least_of}` for a pool `name`)"
    ))
}

/// What to do about a limit.
fn of_limit(limit: WhyLimit, failure: &MemoryFailure) -> Option<String> {
    let obstacle = &failure.obstacle;
    let text = match limit {
        WhyLimit::Stack => return Some(of_stack(obstacle)),
        WhyLimit::Recheck(RecheckLimit::MaxMapCount) => {
            // The program stopped at the first that was too many.
            let have = obstacle.all().find(|also| also.limit == limit)?.have;
            let raise = Raise::MaxMapCount(have.saturating_mul(4).max(262_144));
            return Some(format!(
                "raise the limit with {raise}, and add the same setting to /etc/sysctl.d"
            ));
        }
        WhyLimit::Recheck(RecheckLimit::CommitLimit) => {
            let raise = Raise::CommitLimit;
            return Some(format!(
                "raise the limit with {raise}, or remove it with `sysctl -w vm.overcommit_memory=0`"
            ));
        }
        WhyLimit::Recheck(RecheckLimit::RamAndSwap) => {
            let raise = Raise::RamAndSwap;
            return Some(format!(
                "ask for less, since one call asks for more than RAM and swap together, or raise the limit with {raise}"
            ));
        }
        WhyLimit::Recheck(RecheckLimit::Hole) if obstacle.legacy.is_some() => {
            let finite = Raise::Stack(StackLimit::USUAL);
            return Some(format!(
                "start it with {finite}, without `setarch -L`, and with `sysctl -w vm.legacy_va_layout=0`: \
                 the legacy layout leaves a smaller hole"
            ));
        }
        WhyLimit::Recheck(RecheckLimit::Hole) => {
            "ask for less at once: no setting of the system makes the hole larger"
        }
        WhyLimit::HugePages => {
            let also = obstacle.all().find(|also| also.limit == limit)?;
            return Some(pages::help(obstacle.few, also.need));
        }
        WhyLimit::MemoryCgroup => {
            "raise `MemoryMax=` of the unit or `--memory` of the container, or use less"
        }
        WhyLimit::Tmpfs => {
            "enlarge it with `mount -o remount,size=SIZE FOLDER`, or `--shm-size` of the container for /dev/shm, or remove files from it"
        }
        WhyLimit::WriteAndExecute => {
            "allow it: with `MemoryDenyWriteExecute=no` in the unit, without `PR_SET_MDWE`, or with SELinux's boolean for execmem"
        }
        WhyLimit::Seccomp => return Some(of_filter(failure.call)),
        WhyLimit::Recheck(other) => {
            let raise = other.raise(obstacle.need)?;
            return Some(format!("raise the limit with {raise}"));
        }
    };
    Some(text.to_owned())
}

/// What to do about a seccomp filter.
fn of_filter(call: Option<CallName>) -> String {
    let text = call.map_or(Cow::Borrowed("the call"), |call| {
        Cow::Owned(format!("`{}`", call.text()))
    });
    // Filters of such units refuse memory that is both writable and executable.
    let unit = match call.is_some_and(CallName::is_traced) {
        true => "`SystemCallFilter=` and `MemoryDenyWriteExecute=no` in the unit",
        false => "`SystemCallFilter=` in the unit",
    };
    format!("allow {text} in the filter: {unit}, or the container's seccomp profile")
}

/// What to do about a stack: the usual one, or a larger one.
fn of_stack(obstacle: &Obstacle) -> String {
    let circles = "a function that calls itself without end fills any stack";
    match larger_stack(obstacle).map(Raise::Stack) {
        Some(raise) => format!("raise the limit with {raise}; {circles}"),
        None => circles.to_owned(),
    }
}

/// `None` where a larger one hardly helps.
fn larger_stack(obstacle: &Obstacle) -> Option<Size> {
    const LARGE: u64 = 1 << 30;
    let more = obstacle.have.saturating_mul(4);
    let more = more.max(obstacle.need.saturating_mul(2));
    (obstacle.have < LARGE).then(|| StackLimit::USUAL.max(Size::bytes(more)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_advised_to_be_larger_than_it_is() {
        let of = |have| of_stack(&Obstacle::of(WhyLimit::Stack, have + 4096, have));
        assert!(of(4096).contains("`ulimit -s 8192` or `LimitSTACK=8M`"));
        assert!(of(8 << 20).contains("`ulimit -s 32768`"));
        let large = Obstacle::of(WhyLimit::Stack, 72 << 20, 8 << 20);
        assert!(of_stack(&large).contains("`ulimit -s 147456`"));
        assert!(!of(1 << 30).contains("ulimit"));
    }
}

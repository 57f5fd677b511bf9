//! The result of `why`, for people.

use std::borrow::Cow;
use std::collections::BTreeMap;

use poolcfg_core::Size;
use poolcfg_runtime::RecheckLimit;

use super::advice::FittingSlots;
use super::errno::errno_name;
use super::report::WhyVerdict;
use super::{is_followed, pages, survived};
use crate::why::trace::obstacle::{Obstacle, WhyLimit};
use crate::why::trace::told::{CallName, MemoryFailure, Status, Traced};

fn size(bytes: u64) -> String {
    Size::bytes(bytes).needed().to_string()
}

/// One sentence: what failed, and for lack of what.
pub(crate) fn title(failure: &MemoryFailure) -> String {
    let errno = errno_name(failure.errno);
    let limit = short(failure.obstacle.limit, &failure.obstacle);
    match failure.call {
        Some(CallName::Execve) => {
            format!("killed by SIGSEGV before the program began: {limit}")
        }
        Some(call) if failure.bytes > 0 => {
            let (call, bytes) = (call.text(), size(failure.bytes));
            format!("{call} of {bytes} failed with {errno}: {limit}")
        }
        Some(call) if failure.errno == libc::ENOSYS => {
            let call = call.text();
            match failure.ended {
                Some(Status::Killed(libc::SIGSYS)) => {
                    format!("killed by SIGSYS at `{call}`: {limit}")
                }
                _ => format!("`{call}` was answered with SIGSYS: {limit}"),
            }
        }
        Some(call) => format!("{} failed with {errno}: {limit}", call.text()),
        None if failure.errno == libc::ENOSYS => format!("killed by SIGSYS: {limit}"),
        None if is_of_bus(failure) => match failure.ended {
            Some(Status::Killed(libc::SIGBUS)) => format!("killed by SIGBUS: {limit}"),
            _ => format!("got a SIGBUS: {limit}"),
        },
        None if is_of_stack(failure) => format!("its stack cannot grow: {limit}"),
        None => format!("killed because memory ran out: {limit}"),
    }
}

/// Whether a process got a SIGSEGV for lack of stack: who is killed is killed for other limits.
fn is_of_stack(failure: &MemoryFailure) -> bool {
    let limits = [WhyLimit::Stack, WhyLimit::Recheck(RecheckLimit::RlimitAs)];
    failure.call.is_none() && limits.contains(&failure.obstacle.limit)
}

/// Whether it got a SIGBUS for lack of what is behind a mapping.
fn is_of_bus(failure: &MemoryFailure) -> bool {
    let limits = [WhyLimit::HugePages, WhyLimit::Tmpfs];
    limits.contains(&failure.obstacle.limit)
}

fn short(limit: WhyLimit, obstacle: &Obstacle) -> Cow<'static, str> {
    if limit == WhyLimit::HugePages {
        return Cow::Owned(pages::short(obstacle.few));
    }
    Cow::Borrowed(match limit {
        WhyLimit::Recheck(RecheckLimit::Hole) => "no hole is large enough",
        WhyLimit::Recheck(RecheckLimit::MaxMapCount) => "vm.max_map_count",
        WhyLimit::Recheck(RecheckLimit::CommitLimit) => "the commit limit",
        WhyLimit::Recheck(RecheckLimit::RamAndSwap) => "RAM and swap",
        WhyLimit::Recheck(RecheckLimit::Refused) => "the cause is unknown",
        WhyLimit::MemoryCgroup => "the limit of its memory cgroup",
        WhyLimit::Tmpfs => "the tmpfs of its mapping is full",
        WhyLimit::WriteAndExecute => "memory may not be both writable and executable",
        WhyLimit::Seccomp => "a seccomp filter refuses it",
        WhyLimit::HugePages | WhyLimit::Stack => limit.name(),
        WhyLimit::Recheck(limit) => limit.name(),
    })
}

/// The lines under the title.
pub(crate) fn lines(verdict: &WhyVerdict<'_>) -> Vec<String> {
    let mut lines = vec![row("who", &verdict.who.text)];
    let failure = verdict.failure;
    if let Some(text) = limit(failure) {
        lines.push(row("limit", &text));
    }
    for also in &failure.obstacle.also {
        lines.push(row(
            "also",
            &format!(
                "{} is in the way as well",
                short(also.limit, &failure.obstacle)
            ),
        ));
    }
    if let Some(FittingSlots { count, bound }) = verdict.advice.slots {
        let slots = if count == 1 { "slot" } else { "slots" };
        let bound = bound.map(|bound| format!("; limited by {}", bound.describe()));
        let text = format!("{count} {slots}{}", bound.unwrap_or_default());
        lines.push(row("fits", &text));
    }
    let mut name = "help";
    for help in &verdict.advice.help {
        lines.push(row(name, help));
        name = "";
    }
    lines
}

fn row(name: &str, text: &str) -> String {
    format!("  {name:<7} {text}")
}

/// The numbers of a limit.
fn limit(failure: &MemoryFailure) -> Option<String> {
    let Obstacle {
        limit, need, have, ..
    } = &failure.obstacle;
    let used = need.saturating_sub(failure.bytes);
    Some(match limit {
        WhyLimit::Recheck(RecheckLimit::Hole) => {
            format!(
                "hole: {} in one piece, {} needed",
                Size::bytes(*have).available(),
                size(*need)
            )
        }
        WhyLimit::Recheck(RecheckLimit::MaxMapCount) => {
            format!("vm.max_map_count: {have} allowed, {need} needed")
        }
        WhyLimit::Recheck(RecheckLimit::CommitLimit) => format!(
            "vm.overcommit_memory=2: {} left, {} needed",
            Size::bytes(*have).available(),
            size(*need)
        ),
        WhyLimit::Recheck(RecheckLimit::RamAndSwap) => {
            format!("RAM and swap: {} in all", Size::bytes(*have).available())
        }
        WhyLimit::Recheck(RecheckLimit::Refused)
        | WhyLimit::WriteAndExecute
        | WhyLimit::Seccomp => {
            return None;
        }
        WhyLimit::Tmpfs => format!("tmpfs: {} in all", Size::bytes(*have)),
        WhyLimit::MemoryCgroup => format!("memory cgroup: {} allowed", size(*have)),
        WhyLimit::Stack | WhyLimit::Recheck(_)
            if matches!(
                failure.call,
                None | Some(CallName::Execve | CallName::Mlockall)
            ) =>
        {
            let allowed = Size::bytes(*have);
            format!(
                "{}: {allowed} allowed, {} needed",
                limit.name(),
                size(*need)
            )
        }
        WhyLimit::HugePages => pages::row(&failure.obstacle),
        WhyLimit::Stack => return None,
        WhyLimit::Recheck(limit) => {
            let allowed = Size::bytes(*have);
            format!("{}: {allowed} allowed, {} in use", limit.name(), size(used))
        }
    })
}

/// The sentence, and how often.
pub(crate) fn counted(failure: &MemoryFailure) -> String {
    let times = match failure.times {
        1 => String::new(),
        times => format!(" ({times} times)"),
    };
    title(failure) + &times
}

/// What ended a process, and not the command.
pub(crate) fn deaths(traced: &Traced) -> Vec<String> {
    let is_well = traced.status == Status::Exited(0);
    let is_told =
        |failure: &&MemoryFailure| !survived(failure) && (is_well || is_followed(failure, traced));
    let mut largest: BTreeMap<i32, &MemoryFailure> = BTreeMap::new();
    for failure in traced.failures.iter().filter(is_told) {
        let kept = largest.entry(failure.pid).or_insert(failure);
        if failure.bytes > kept.bytes {
            *kept = failure;
        }
    }
    let lines = largest.values().map(|failure| {
        let how = match failure.ended {
            Some(Status::Killed(signal)) => format!("was killed by signal {signal}"),
            Some(ended) => format!("ended with status {}", ended.code()),
            None => "goes on".to_owned(),
        };
        let (what, pid) = (counted(failure), failure.pid);
        let status = traced.status.code();
        format!("{what}; pid {pid} {how}, and the command with status {status}")
    });
    shortened(
        lines.collect(),
        "processes failed because memory was refused",
    )
}

/// What was survived, in a few lines.
pub(crate) fn survivals(traced: &Traced, verdict: Option<&MemoryFailure>) -> Vec<String> {
    let is_verdict =
        |failure: &MemoryFailure| verdict.is_some_and(|verdict| std::ptr::eq(verdict, failure));
    let told = traced
        .failures
        .iter()
        .filter(|failure| !is_verdict(failure) && survived(failure));
    let lines = told.map(|failure| {
        let title = counted(failure);
        format!("{title}; pid {} went on without it", failure.pid)
    });
    shortened(lines.collect(), "calls failed, and their processes went on")
}

/// The first of many lines, and how many more there are. One more is no longer than that it is there.
fn shortened(mut lines: Vec<String>, what: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST);
    if more > 1 {
        lines.truncate(MOST);
        lines.push(format!("{more} more {what}"));
    }
    lines
}

/// How many failures that did not end the command are printed as text.
const MOST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_says_that_there_is_one_more() {
        for (count, told, last) in [(4, 4, "3"), (5, 5, "4"), (6, 5, "2 more calls failed")] {
            let lines = (0..count).map(|line: usize| line.to_string()).collect();
            let lines = shortened(lines, "calls failed");
            assert_eq!(lines.len(), told);
            assert_eq!(lines.last().unwrap(), last);
        }
    }
}

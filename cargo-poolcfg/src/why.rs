//! What traced failures mean: the one that ended the command, who asked, and what helps.
//!
//! - here: the verdict
//! - `who`: the program, and what it wanted the memory for; `shape`: what Wasmtime maps; `said`: what the command line says;
//!   `files`: what it runs
//! - `advice`: what fits, and what to do; `flags`: the command line of `wasmtime` that works; `java`: flags of a JVM;
//!   `pages`: of huge pages
//! - `trace`: what the command did
//! - `report`: the same for programs; `text`: for people; `errno`: the names of errors

pub(crate) mod advice;
mod errno;
mod files;
mod flags;
mod java;
mod pages;
pub(crate) mod report;
mod said;
mod shape;
pub(crate) mod text;
pub(crate) mod trace;
pub(crate) mod who;

use crate::why::trace::told::{ASKS_TO_END, MemoryFailure, Status, Traced};

/// A call that is made so often in vain is why a command does not do what it should.
const OFTEN: u64 = 3;

/// A process that has got memory so often after a failure did not end for it. To tell of it and to end takes fewer.
const MANY: u64 = 256;

/// The failure that ended the command, or that repeats until it was told to end; `None` if none did.
pub(crate) fn verdict(traced: &Traced) -> Option<usize> {
    let failures = &traced.failures;
    if traced.status == Status::Exited(0) {
        return None;
    }
    let ended = failures
        .iter()
        .filter(|failure| !survived(failure) && !is_followed(failure, traced));
    // The first of several processes, however they were scheduled.
    let process = ended.min_by_key(|failure| distance(failure, traced));
    let often = |failure: &MemoryFailure| {
        failure.times >= OFTEN && !failure.is_optional && !is_followed(failure, traced)
    };
    match process {
        Some(failure) => largest(failures, failure.pid),
        None => first_with_most(failures, often, |failure| failure.times),
    }
}

/// How far the end of a process that failed is from that of the command: it is the command itself; it ended as the command
/// did, and no process did after it; it ended as the command did; it ended otherwise.
fn distance(failure: &MemoryFailure, traced: &Traced) -> u8 {
    let is_as_command =
        |status: Option<Status>| status.map(Status::code) == Some(traced.status.code());
    match is_as_command(failure.ended) {
        _ if failure.pid == traced.command => 0,
        true if !is_as_command(failure.followed_by) => 1,
        true => 2,
        false => 3,
    }
}

/// Whether a process ended as the command did, and as the one that failed did not, that began after that had ended: a shell
/// returns the status of its last command.
pub(crate) fn is_followed(failure: &MemoryFailure, traced: &Traced) -> bool {
    let code = Some(traced.status.code());
    failure.followed_by.map(Status::code) == code && failure.ended.map(Status::code) != code
}

/// What a process that ended for lack of memory wanted. Who is refused a size may look for one that is not, and who ends may
/// ask for a little more: of what the last limit refused, the largest is what was wanted.
fn largest(failures: &[MemoryFailure], process: i32) -> Option<usize> {
    let is_fatal = |failure: &MemoryFailure| failure.pid == process && !survived(failure);
    let last = failures.iter().rfind(|failure| is_fatal(failure))?;
    let is_same = |failure: &MemoryFailure| {
        is_fatal(failure) && failure.obstacle.limit == last.obstacle.limit
    };
    first_with_most(failures, is_same, |failure| failure.bytes)
}

/// The first of those failures that have the most of something.
fn first_with_most(
    failures: &[MemoryFailure],
    is_one: impl Fn(&MemoryFailure) -> bool,
    of: impl Fn(&MemoryFailure) -> u64,
) -> Option<usize> {
    let all = failures.iter().enumerate().rev();
    let all = all.filter(|(_, failure)| is_one(failure));
    // The last of equal ones counts, and that is the first here.
    all.max_by_key(|(_, failure)| of(failure))
        .map(|(index, _)| index)
}

/// Whether the process went on without what it asked for: it did something else, or ended well, or was told to end.
pub(crate) fn survived(failure: &MemoryFailure) -> bool {
    let is_asked = |signal| signal == libc::SIGPIPE || ASKS_TO_END.contains(&signal);
    failure.went_on
        || failure.later >= MANY
        || failure.is_optional
        || match failure.ended {
            None | Some(Status::Exited(0)) => true,
            Some(Status::Exited(_)) => false,
            Some(Status::Killed(signal)) => is_asked(signal),
        }
}

#[cfg(test)]
mod tests {
    use poolcfg_runtime::RecheckLimit;

    use super::*;
    use crate::why::trace::obstacle::{Obstacle, WhyLimit};
    use crate::why::trace::told::CallName;

    fn failure(bytes: u64, ended: Option<Status>) -> MemoryFailure {
        MemoryFailure {
            call: Some(CallName::Mmap),
            bytes,
            protection: 0,
            address: 0,
            errno: libc::ENOMEM,
            pid: 7,
            program: String::new(),
            folder: String::new(),
            arguments: Vec::new(),
            mapping: None,
            obstacle: Obstacle {
                limit: WhyLimit::Recheck(RecheckLimit::RlimitAs),
                need: bytes,
                have: 1,
                also: Vec::new(),
                legacy: None,
                few: None,
            },
            times: 1,
            went_on: false,
            is_optional: false,
            later: 0,
            ended,
            followed_by: None,
        }
    }

    fn traced(status: Status, failures: Vec<MemoryFailure>) -> Traced {
        Traced {
            command: 1,
            status,
            failures,
            unlisted: 0,
            stops_at_every_call: false,
            no_new_privileges: false,
            unprivileged: None,
        }
    }

    #[test]
    fn the_last_failure_that_was_not_survived_is_the_verdict() {
        let end = Some(Status::Killed(libc::SIGABRT));
        let probe = MemoryFailure {
            went_on: true,
            ..failure(1 << 42, end)
        };
        let failures = vec![probe.clone(), failure(1 << 30, end)];
        assert_eq!(
            verdict(&traced(Status::Killed(libc::SIGABRT), failures.clone())),
            Some(1)
        );
        assert_eq!(verdict(&traced(Status::Exited(0), failures)), None);
        assert_eq!(verdict(&traced(Status::Exited(1), vec![probe])), None);
    }

    #[test]
    fn a_later_process_that_ended_as_the_command_did_decides() {
        let followed = |by| MemoryFailure {
            followed_by: Some(Status::Exited(by)),
            ..failure(1 << 30, Some(Status::Exited(1)))
        };
        let of = |by| verdict(&traced(Status::Exited(2), vec![followed(by)]));
        assert_eq!(of(2), None);
        // Such as a removed file.
        assert_eq!(of(0), Some(0));
    }

    #[test]
    fn of_equal_failures_the_first_process_with_the_status_is_the_verdict() {
        let of = |pid, status, followed: Option<u8>| MemoryFailure {
            pid,
            followed_by: followed.map(Status::Exited),
            ..failure(1 << 30, Some(Status::Exited(status)))
        };
        let verdict = |failures: Vec<MemoryFailure>| verdict(&traced(Status::Exited(3), failures));
        assert_eq!(verdict(vec![of(8, 3, None), of(9, 3, None)]), Some(0));
        // Whichever began before another had ended.
        assert_eq!(verdict(vec![of(8, 3, Some(3)), of(9, 3, Some(3))]), Some(0));
        assert_eq!(verdict(vec![of(8, 3, Some(3)), of(9, 3, None)]), Some(1));
        assert_eq!(verdict(vec![of(8, 4, None), of(9, 3, None)]), Some(1));
        assert_eq!(verdict(vec![of(8, 3, None), of(9, 4, None)]), Some(0));
        // The command itself.
        assert_eq!(verdict(vec![of(8, 3, None), of(1, 3, None)]), Some(1));
    }

    #[test]
    fn what_is_asked_for_while_it_ends_is_not_the_verdict() {
        let end = Some(Status::Exited(1));
        let brk = MemoryFailure {
            call: Some(CallName::Brk),
            ..failure(1 << 17, end)
        };
        let failures = vec![failure(1 << 40, end), brk];
        assert_eq!(verdict(&traced(Status::Exited(1), failures)), Some(0));
    }

    #[test]
    fn of_a_search_for_a_size_the_largest_is_the_verdict() {
        let end = Some(Status::Exited(1));
        let search = [1 << 41, 1 << 40, 1 << 39].map(|bytes| failure(bytes, end));
        let found = verdict(&traced(Status::Exited(1), search.to_vec()));
        assert_eq!(found, Some(0));
    }

    #[test]
    fn what_repeats_until_the_end_is_the_verdict() {
        let end = Some(Status::Killed(libc::SIGINT));
        let often = MemoryFailure {
            times: 8,
            ..failure(1 << 32, end)
        };
        let failures = vec![failure(1, end), often];
        assert_eq!(
            verdict(&traced(Status::Killed(libc::SIGINT), failures)),
            Some(1)
        );
    }
}

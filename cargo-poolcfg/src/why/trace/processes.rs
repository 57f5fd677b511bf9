//! What the tracer knows of threads and processes.

use std::collections::{BTreeMap, VecDeque};
use std::fs;

use poolcfg_runtime::__private::proc;

use super::calls::{BegunCall, CallName, TracedCall};
use super::limit::WhyLimit;
use super::proc_file::text;
use super::status::Status;
use super::told::MemoryFailure;

/// So many failures are kept of the first, and so many of the last.
const KEPT: usize = 64;

/// A thread, by its own number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Thread {
    /// Its process.
    pub(super) process: i32,
    /// Whether a call has begun.
    pub(super) is_in_call: bool,
    /// The call, if it is one of ours.
    pub(super) call: Option<TracedCall>,
    /// The last call, be it one of ours or another: a filter that ends a process may do so behind the call.
    pub(super) begun: Option<BegunCall>,
    /// The last call that a filter has answered with a signal.
    pub(super) refused: Option<CallName>,
    /// Whether our filter has seen it, so that no other has refused it.
    pub(super) is_passed: bool,
}

/// A process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    /// Whether it has a filter that hides calls from ours.
    pub(super) has_filter: bool,
    /// Whether it has a rule against memory that is writable and executable.
    pub(super) has_rule: bool,
    /// Whether it was sent a SIGSYS that is of no filter.
    pub(super) was_sent_sigsys: bool,
    /// Whether a filter has ended it.
    pub(super) is_filtered: bool,
    /// How many mappings it has at most.
    pub(super) mappings: TracedMappings,
    /// How many processes had ended when it began.
    began: u64,
}

impl Process {
    /// What a child has of it.
    const fn child(&self, began: u64) -> Self {
        Self {
            was_sent_sigsys: false,
            is_filtered: false,
            began,
            ..*self
        }
    }
}

/// How many mappings a process has at most: those that were counted, and as many as its calls since then may have made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TracedMappings {
    counted: u64,
    calls: u64,
    /// Whether it had so many that they are not counted again.
    are_many: bool,
}

impl TracedMappings {
    /// What a program begins with, before its first call.
    const FIRST: u64 = 256;
    /// What a call makes at most: mremap, which moves what lies within another mapping.
    const OF_CALL: u64 = 4;

    /// A call may make some.
    pub(super) fn called(&mut self) {
        self.calls = self.calls.saturating_add(1);
    }

    /// Whether one more may be one too many, of so many that there may be.
    pub(super) fn may_be_full(&mut self, most: u64, count: impl Fn() -> u64) -> bool {
        let least = most / 2;
        let made = self.calls.saturating_mul(Self::OF_CALL);
        let all = self
            .counted
            .saturating_add(made)
            .saturating_add(Self::FIRST);
        if !self.are_many && all >= least {
            self.counted = count();
            self.calls = 0;
            self.are_many = self.counted >= least / 2;
        }
        self.are_many
    }
}

/// All that live.
#[derive(Debug, Default)]
pub(super) struct Processes {
    pub(super) threads: BTreeMap<i32, Thread>,
    pub(super) processes: BTreeMap<i32, Process>,
    /// How many processes have ended.
    ended: u64,
    /// `vm.max_map_count`, once it is needed.
    most_mappings: Option<u64>,
}

impl Processes {
    /// A thread; one that was not known has just begun, in a process that is as its parent.
    pub(super) fn thread(&mut self, id: i32) -> &mut Thread {
        self.threads.entry(id).or_insert_with(|| {
            let status = text(&format!("/proc/{id}/status"));
            let process = number(&status, "Tgid:").unwrap_or(id);
            if !self.processes.contains_key(&process) {
                let parent = number(&status, "PPid:");
                let parent = parent.and_then(|parent| self.processes.get(&parent));
                let parent = parent.copied().unwrap_or_default();
                self.processes.insert(process, parent.child(self.ended));
            }
            Thread {
                process,
                ..Thread::default()
            }
        })
    }

    /// A process has ended; how many others had when it began, and which one it is.
    pub(super) fn ended(&mut self, process: i32) -> Option<[u64; 2]> {
        let process = self.processes.remove(&process)?;
        self.ended = self.ended.saturating_add(1);
        Some([process.began, self.ended])
    }

    /// A process begins anew as another program.
    pub(super) fn begins(&mut self, process: i32) {
        if let Some(process) = self.processes.get_mut(&process) {
            process.began = self.ended;
        }
    }

    /// Whether a process may have as many mappings as it may have, as far as its calls tell.
    pub(super) fn may_be_full(&mut self, process: i32, thread: i32) -> bool {
        let most = *self.most_mappings.get_or_insert_with(|| {
            let most = proc::number(&text("/proc/sys/vm/max_map_count"));
            most.unwrap_or(0)
        });
        let count = || {
            let maps = text(&format!("/proc/{thread}/maps"));
            u64::try_from(maps.lines().count()).unwrap_or(u64::MAX)
        };
        let process = self.processes.get_mut(&process);
        process.is_none_or(|process| process.mappings.may_be_full(most, count))
    }

    /// A process becomes another program: of its threads one is left, which may have been another.
    pub(super) fn executed(&mut self, process: i32) {
        if let Some(process) = self.processes.get_mut(&process) {
            process.mappings = TracedMappings::default();
        }
        self.threads
            .retain(|id, thread| thread.process != process || *id == process);
        self.threads.insert(
            process,
            Thread {
                process,
                is_in_call: true,
                ..Thread::default()
            },
        );
    }
}

/// A number of a status.
fn number(status: &str, key: &str) -> Option<i32> {
    let mut lines = status.lines();
    lines
        .find_map(|line| line.strip_prefix(key))?
        .trim()
        .parse()
        .ok()
}

/// What a process executes.
pub(super) struct Executed {
    /// Its file.
    pub(super) file: String,
    /// The folder in which the process is.
    pub(super) folder: String,
    pub(super) arguments: Vec<String>,
}

impl Executed {
    /// Of a thread, by its number.
    pub(super) fn of(pid: i32) -> Self {
        let link = |name: &str| {
            let path = fs::read_link(format!("/proc/{pid}/{name}")).unwrap_or_default();
            path.to_string_lossy().into_owned()
        };
        let words = text(&format!("/proc/{pid}/cmdline"));
        let words = words.trim_end_matches('\0').split('\0');
        Self {
            file: link("exe"),
            folder: link("cwd"),
            arguments: words.map(str::to_owned).collect(),
        }
    }
}

/// The failures up to now.
#[derive(Debug, Default)]
pub(super) struct Failures {
    first: Vec<MemoryFailure>,
    last: VecDeque<MemoryFailure>,
    pub(super) unlisted: u64,
    /// Of processes that failed and have ended: how many had when they had.
    ends: BTreeMap<i32, u64>,
}

impl Failures {
    fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut MemoryFailure> {
        self.first.iter_mut().chain(&mut self.last)
    }

    pub(super) fn list(&self) -> Vec<MemoryFailure> {
        self.first.iter().chain(&self.last).cloned().collect()
    }

    /// The last failure of a kind.
    pub(super) fn find(
        &mut self,
        is_it: impl Fn(&MemoryFailure) -> bool,
    ) -> Option<&mut MemoryFailure> {
        self.iter_mut().rev().find(|failure| is_it(failure))
    }

    /// Counts a failure that is as one before it, and gives the limit that was in the way of that; `None` if there is none.
    pub(super) fn folds(&mut self, is_same: impl Fn(&MemoryFailure) -> bool) -> Option<WhyLimit> {
        let failure = self.find(is_same)?;
        failure.times = failure.times.saturating_add(1);
        failure.went_on = false;
        failure.later = 0;
        Some(failure.obstacle.limit)
    }

    pub(super) fn push(&mut self, failure: MemoryFailure) {
        if self.first.len() < KEPT {
            self.first.push(failure);
            return;
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
            self.unlisted = self.unlisted.saturating_add(1);
        }
        self.last.push_back(failure);
    }

    /// A process has gone on after those of its failures that this is a sign for.
    pub(super) fn went_on(&mut self, process: i32, is_sign: impl Fn(&MemoryFailure) -> bool) {
        for failure in self.iter_mut() {
            if failure.pid == process && failure.ended.is_none() && is_sign(failure) {
                failure.went_on = true;
            }
        }
    }

    /// A process has got other memory.
    pub(super) fn got_memory(&mut self, process: i32) {
        for failure in self.iter_mut() {
            if failure.pid == process && failure.ended.is_none() {
                failure.later = failure.later.saturating_add(1);
            }
        }
    }

    /// A process has ended as the one of this number, and began when so many had ended.
    pub(super) fn ended(&mut self, process: i32, status: Status, [began, number]: [u64; 2]) {
        for failure in self.first.iter_mut().chain(&mut self.last) {
            if failure.pid == process && failure.ended.is_none() {
                failure.ended = Some(status);
                self.ends.insert(process, number);
            } else if self.ends.get(&failure.pid).is_some_and(|end| *end <= began) {
                failure.followed_by = Some(status);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_counted_where_there_may_be_many() {
        let mut mappings = TracedMappings::default();
        let never = || panic!("it is counted in vain");
        assert!(!mappings.may_be_full(65_530, never));
        for _ in 0..8000 {
            mappings.called();
        }
        assert!(!mappings.may_be_full(65_530, never));
        for _ in 0..200 {
            mappings.called();
        }
        // Few of them are there still.
        assert!(!mappings.may_be_full(65_530, || 100));
        assert!(!mappings.may_be_full(65_530, never));
        for _ in 0..8200 {
            mappings.called();
        }
        assert!(mappings.may_be_full(65_530, || 30_000));
        assert!(mappings.may_be_full(65_530, never));
        // Where only few are allowed, or it is not known how many.
        assert!(TracedMappings::default().may_be_full(100, || 90));
        assert!(TracedMappings::default().may_be_full(0, || 90));
    }
}

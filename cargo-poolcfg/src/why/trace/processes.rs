//! What the tracer knows of threads and processes.

use std::collections::{BTreeMap, VecDeque};
use std::fs;

use super::calls::{CallName, TracedCall};
use super::facts::text;
use super::status::Status;
use super::stops::BegunCall;
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

/// All that live.
#[derive(Debug, Default)]
pub(super) struct Processes {
    pub(super) threads: BTreeMap<i32, Thread>,
    pub(super) processes: BTreeMap<i32, Process>,
    /// How many processes have ended.
    ended: u64,
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

    /// A process becomes another program: of its threads one is left, which may have been another.
    pub(super) fn executed(&mut self, process: i32) {
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
pub(super) struct Program {
    /// Its file.
    pub(super) file: String,
    /// The folder in which the process is.
    pub(super) folder: String,
    pub(super) arguments: Vec<String>,
}

impl Program {
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

    /// Counts a failure that is as one before it; whether there is one.
    pub(super) fn folds(&mut self, is_same: impl Fn(&MemoryFailure) -> bool) -> bool {
        let found = self.find(is_same);
        match found {
            Some(failure) => {
                failure.times = failure.times.saturating_add(1);
                failure.went_on = false;
                failure.later = 0;
                true
            }
            None => false,
        }
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

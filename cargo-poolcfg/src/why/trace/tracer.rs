//! The tracer: follows every thread of a command, and looks at each call for memory that fails.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;

use rustix::fs::getxattr;
use rustix::process::Pid;

use super::calls::{CallName, RESTART, TracedCall, errno};
use super::failing::{Watched, is_of_memory};
use super::huge;
use super::obstacle::Failed;
use super::proc_file::text;
use super::processes::{Executed, Process};
use super::status::{ASKS_TO_END, Event, Status, next};
use super::stops::{self, At};
use super::sys::{self, Resume};
use super::told::{Teller, Traced, TracerLine};

/// How the tracer begins.
pub(super) struct TracerStart {
    pub(super) command: Pid,
    /// The process that waits for the command.
    pub(super) front: Pid,
    /// Where the command tells why it cannot be executed.
    pub(super) errors: OwnedFd,
    /// Whether the kernel takes ours.
    pub(super) has_filter: bool,
    /// Whether there is one already.
    pub(super) was_filtered: bool,
}

/// The tracer.
pub(super) struct Tracer<'a> {
    command: i32,
    front: i32,
    errors: Option<OwnedFd>,
    teller: &'a mut Teller,
    watched: Watched,
    /// Whether a filter was there before ours.
    was_filtered: bool,
    /// For that reason, or because the kernel takes none.
    stops_at_every_call: bool,
    /// Whether a filter came later.
    has_later_filter: bool,
    no_new_privileges: bool,
    /// The first program that would have got privileges.
    unprivileged: Option<String>,
    /// Whether the command has become the program.
    is_executed: bool,
    is_stopped: bool,
}

impl<'a> Tracer<'a> {
    pub(super) fn new(start: TracerStart, teller: &'a mut Teller) -> Self {
        Self {
            command: start.command.as_raw_nonzero().get(),
            front: start.front.as_raw_nonzero().get(),
            errors: Some(start.errors),
            teller,
            watched: Watched::default(),
            was_filtered: start.was_filtered,
            stops_at_every_call: start.was_filtered || !start.has_filter,
            has_later_filter: false,
            no_new_privileges: false,
            unprivileged: None,
            is_executed: false,
            is_stopped: false,
        }
    }

    /// Follows all that lives, until nothing does.
    ///
    /// # Errors
    /// Where the system does not let it wait.
    pub(super) fn run(mut self) -> io::Result<()> {
        while let Some((pid, event)) = next()? {
            let id = pid.as_raw_nonzero().get();
            match event {
                Event::Ended(status) => self.ended(id, status),
                event => self.stopped(pid, id, event),
            }
        }
        Ok(())
    }

    fn ended(&mut self, id: i32, status: Status) {
        self.watched.processes.threads.remove(&id);
        if let Some(order) = self.watched.processes.ended(id) {
            self.watched.failures.ended(id, status, order);
        }
        if id != self.command {
            return;
        }
        let mut number = [0; 4];
        let errors = self.errors.take().map(File::from);
        let reads = |mut errors: File| errors.read_exact(&mut number).is_ok();
        if !self.is_executed && errors.is_some_and(reads) {
            let number = i32::from_ne_bytes(number);
            self.teller.tell(&TracerLine::NotExecuted(number));
            return;
        }
        // From here on nobody waits for this process.
        let _ = rustix::process::set_parent_process_death_signal(None);
        self.teller.tell(&TracerLine::Ended(Box::new(Traced {
            command: self.command,
            status,
            failures: self.watched.failures.list(),
            unlisted: self.watched.failures.unlisted,
            stops_at_every_call: self.stops_at_every_call || self.has_later_filter,
            no_new_privileges: self.no_new_privileges,
            unprivileged: self.unprivileged.take(),
        })));
    }

    /// Lets a thread go on after an event.
    fn stopped(&mut self, pid: Pid, id: i32, event: Event) {
        let thread = self.watched.processes.thread(id);
        let process = thread.process;
        let mut signal = 0;
        match event {
            Event::Filtered => {
                if let Some(At::Begin(call)) = stops::at(pid, false) {
                    thread.call = call.and_then(TracedCall::of);
                    thread.is_in_call = true;
                    thread.is_passed = true;
                    self.filtered(id, process);
                }
            }
            Event::Call => {
                let is_end = thread.is_in_call;
                self.call(pid, id, is_end);
            }
            Event::Forked => self.watched.failures.went_on(process, |_| true),
            Event::Executed => self.executed(id),
            Event::Exits => self.watched.exits(pid, id, process),
            Event::GroupStop(signal) => {
                if process == self.command && !self.is_stopped {
                    self.is_stopped = true;
                    self.teller.tell(&TracerLine::Stopped(signal));
                    // From here, as the signal that ends it: of two processes that send one each, either may be last. Those
                    // that can be blocked the other process sends itself.
                    if signal == libc::SIGSTOP {
                        sys::kill(self.front, libc::SIGSTOP);
                    }
                }
                let _ = sys::resume(pid, Resume::Listen, 0);
                return;
            }
            Event::Trapped => {
                if process == self.command && self.is_stopped {
                    self.is_stopped = false;
                    self.teller.tell(&TracerLine::Continued);
                    sys::kill(self.front, libc::SIGCONT);
                }
            }
            Event::Signal(number) => {
                if number == libc::SIGSYS {
                    self.watched.refused_by_signal(pid, id, process);
                } else if number == libc::SIGSEGV {
                    self.watched.faulted(pid, id, process);
                } else if number == libc::SIGBUS {
                    self.watched.not_backed(pid, id, process);
                } else if ASKS_TO_END.contains(&number) {
                    self.watched.told_to_end(pid, process);
                } else if number == libc::SIGCONT && process == self.command {
                    self.teller.tell(&TracerLine::Continued);
                }
                signal = number;
            }
            Event::Ended(_) => return,
        }
        // One that is gone meanwhile tells so itself.
        let _ = sys::resume(pid, self.how(id), signal);
    }

    /// A call of ours has begun. Its end is not looked at where it cannot fail.
    fn filtered(&mut self, id: i32, process: i32) {
        let Some(call) = self.watched.processes.thread(id).call else {
            return;
        };
        if let Some(process) = self.watched.processes.processes.get_mut(&process) {
            process.mappings.called();
        }
        let stops_anyway = self.stops_at_every_call || self.has_later_filter;
        if call.only_splits() && !stops_anyway && !self.watched.processes.may_be_full(process, id) {
            let thread = self.watched.processes.thread(id);
            thread.call = None;
            thread.is_in_call = false;
        }
    }

    /// Whether a thread is to stop at its next call.
    fn how(&self, id: i32) -> Resume {
        let thread = self.watched.processes.threads.get(&id);
        let process =
            thread.and_then(|thread| self.watched.processes.processes.get(&thread.process));
        let is_in_call = thread.is_some_and(|thread| thread.call.is_some());
        let has_filter = process.is_some_and(|process| process.has_filter);
        match is_in_call || self.stops_at_every_call || has_filter {
            true => Resume::Syscall,
            false => Resume::Cont,
        }
    }

    /// At the beginning or the end of a call.
    fn call(&mut self, pid: Pid, id: i32, is_end: bool) {
        let at = stops::at(pid, is_end);
        let thread = self.watched.processes.thread(id);
        match at {
            Some(At::Begin(call)) => {
                thread.begun = call;
                thread.call = call.and_then(TracedCall::of);
                thread.is_in_call = true;
                thread.is_passed = false;
            }
            Some(At::End(returned)) => {
                thread.is_in_call = false;
                let is_passed = thread.is_passed;
                let process = thread.process;
                if let Some(call) = thread.call.take()
                    && self.is_executed
                {
                    self.ends(id, process, call, returned, is_passed);
                }
            }
            None => {}
        }
    }

    /// A call has come to its end.
    fn ends(&mut self, id: i32, process: i32, call: TracedCall, returned: i64, is_passed: bool) {
        let [first, second, third, ..] = call.arguments;
        let bytes = match call.name {
            // What it returns is the end of the heap, the old one where it fails.
            CallName::Brk => first.saturating_sub(returned.cast_unsigned()),
            CallName::Mremap => third.saturating_sub(second),
            CallName::Mlockall => 0,
            _ => second,
        };
        let number = match call.name {
            CallName::Brk if first > 0 && bytes > 0 => Some(libc::ENOMEM),
            CallName::Brk => None,
            _ => errno(returned).filter(|number| *number < RESTART),
        };
        let process_has = |process: &Process| process.has_filter;
        let has_filter = self.was_filtered
            || self
                .watched
                .processes
                .processes
                .get(&process)
                .is_some_and(process_has);
        // Ours stops at it unless another one, which outranks it, answers.
        let is_filtered = has_filter && !is_passed;
        match number {
            None => self.succeeded(id, process, &call, bytes),
            Some(number) if is_filtered || is_of_memory(&call, number) => {
                let failed = Failed {
                    call: &call,
                    bytes,
                    errno: number,
                    is_filtered,
                    file: call.file().and_then(|file| huge::file(id, file)),
                    has_rule: self.has_rule(process),
                };
                self.watched.failed(id, process, failed);
            }
            Some(_) => {}
        }
    }

    fn has_rule(&self, process: i32) -> bool {
        let process = self.watched.processes.processes.get(&process);
        process.is_some_and(|process| process.has_rule)
    }

    fn succeeded(&mut self, id: i32, process: i32, call: &TracedCall, bytes: u64) {
        let first = call.arguments[0];
        if call.installs_filter() {
            if let Some(process) = self.watched.processes.processes.get_mut(&process) {
                process.has_filter = true;
            }
            self.has_later_filter = true;
            // Its other threads may be under the filter as well, and stop at nothing yet.
            for (other, thread) in &self.watched.processes.threads {
                if thread.process == process
                    && *other != id
                    && let Some(pid) = Pid::from_raw(*other)
                {
                    let _ = sys::interrupt(pid);
                }
            }
            return;
        }
        if call.name == CallName::Prctl {
            if let Some(process) = self.watched.processes.processes.get_mut(&process) {
                process.has_rule = true;
            }
            return;
        }
        if bytes > 0 && !matches!(call.name, CallName::Munmap | CallName::Madvise) {
            self.watched.failures.got_memory(process);
        }
        let protection = call.protection();
        self.watched.failures.went_on(process, |failure| {
            // New memory may lie anywhere, and serves for a heap, too. What is asked of memory that is there is had there.
            let is_same = match call.name {
                CallName::Mmap => matches!(failure.call, Some(CallName::Mmap | CallName::Brk)),
                name => failure.call == Some(name) && failure.address == first,
            };
            let is_all = bytes >= failure.bytes;
            is_same && is_all && protection & failure.protection == failure.protection
        });
    }

    fn executed(&mut self, id: i32) {
        self.watched.processes.executed(id);
        self.watched.cgroups.begins(id);
        if self.is_executed && id == self.command {
            self.watched.processes.begins(id);
        }
        if !self.is_executed {
            self.is_executed = true;
            let status = text(&format!("/proc/{id}/status"));
            let own = text("/proc/self/status");
            let is_set = |status: &str| status.lines().any(|line| line == "NoNewPrivs:\t1");
            self.no_new_privileges = is_set(&status) && !is_set(&own);
        }
        if self.no_new_privileges && self.unprivileged.is_none() {
            self.unprivileged = privileged(id);
        }
    }
}

/// The program that a process executes, where its file gives privileges: those of its owner or its group, or capabilities.
fn privileged(id: i32) -> Option<String> {
    const SET_USER_OR_GROUP: u32 = 0o6000;
    let exe = format!("/proc/{id}/exe");
    let mode = fs::metadata(&exe).ok()?.permissions().mode();
    let has_capabilities = || getxattr(&exe, "security.capability", &mut [0u8; 0]).is_ok();
    let gives = mode & SET_USER_OR_GROUP != 0 || has_capabilities();
    gives.then(|| Executed::of(id).file)
}

//! Failures: what is kept of a call that failed, and of a process that is ended for it.

use std::fs;
use std::mem;
use std::path::Path;

use poolcfg_runtime::__private::proc;
use poolcfg_runtime::RecheckLimit;
use rustix::process::Pid;

use super::backing::obstacle_at;
use super::calls::{CallName, TracedCall};
use super::facts::Facts;
use super::memcg::Cgroups;
use super::obstacle::{Failed, Obstacle, WhyLimit, has_flag, obstacle, of_exec, of_stack};
use super::proc_file::text;
use super::processes::{Executed, Failures, Processes};
use super::status::Status;
use super::stops;
use super::sys;
use super::told::MemoryFailure;

/// `SYS_SECCOMP`: the code of a SIGSYS that a filter sends.
const SYS_SECCOMP: u64 = 1;

/// The code of a SIGSEGV at an address where nothing is, and of one that the kernel sends without an address.
const SEGV_MAPERR: u64 = 1;
const SI_KERNEL: u64 = 0x80;

/// The code of a SIGBUS at an address that is mapped, and where nothing is.
const BUS_ADRERR: u64 = 2;

/// More than a stack has.
const FAR: u64 = 16 << 30;

/// What is known of the processes of a command, and of the calls of theirs that failed.
#[derive(Default)]
pub(super) struct Watched {
    pub(super) processes: Processes,
    pub(super) failures: Failures,
    pub(super) cgroups: Cgroups,
}

impl Watched {
    /// A call has failed: the first time, the system is asked why.
    pub(super) fn failed(&mut self, thread: i32, process: i32, failed: Failed<'_>) {
        let call = failed.call;
        let protection = call.protection();
        let address = call.arguments[0];
        let is_optional = call.is_arena() || reads_running_code(thread, call);
        let is_same = |other: &MemoryFailure| {
            (other.pid, other.call, other.bytes) == (process, Some(call.name), failed.bytes)
                && (other.protection, other.errno) == (protection, failed.errno)
                && other.is_optional == is_optional
        };
        if let Some(cause) = self.failures.folds(is_same) {
            // What another thread has given back in between is free again when the system is asked.
            if cause == WhyLimit::Recheck(RecheckLimit::Refused) {
                let now = obstacle(failed, &Facts::read(thread));
                let known = now.filter(|now| now.limit != cause);
                if let (Some(known), Some(first)) = (known, self.failures.find(is_same)) {
                    first.obstacle = known;
                }
            }
            return;
        }
        // The first thread of its process may have ended, and has no memory then.
        let facts = Facts::read(thread);
        let Some(obstacle) = obstacle(failed, &facts) else {
            return;
        };
        let is_there = call.is_protect() || call.is_lock() || call.is_of_mapping();
        let Executed {
            file: program,
            folder,
            arguments,
        } = Executed::of(thread);
        self.failures.push(MemoryFailure {
            call: Some(call.name),
            bytes: failed.bytes,
            protection,
            address,
            errno: failed.errno,
            pid: process,
            program,
            folder,
            arguments,
            mapping: is_there.then(|| facts.name_at(call.arguments[0])).flatten(),
            obstacle,
            times: 1,
            went_on: false,
            is_optional,
            later: 0,
            ended: None,
            followed_by: None,
        });
    }

    /// What no call tells: a process that the system ends, or a signal in place of a call.
    fn push(
        &mut self,
        [thread, process]: [i32; 2],
        call: Option<CallName>,
        errno: i32,
        obstacle: Obstacle,
    ) {
        let Executed {
            file: program,
            folder,
            arguments,
        } = Executed::of(thread);
        self.failures.push(MemoryFailure {
            call,
            bytes: obstacle.need,
            protection: 0,
            address: 0,
            errno,
            pid: process,
            program,
            folder,
            arguments,
            mapping: None,
            obstacle,
            times: 1,
            went_on: false,
            is_optional: false,
            later: 0,
            ended: None,
            followed_by: None,
        });
    }

    /// A thread is about to end.
    pub(super) fn exits(&mut self, pid: Pid, id: i32, process: i32) {
        let raw = sys::event_message(pid).ok();
        let raw = raw.and_then(|raw| i32::try_from(raw).ok());
        if raw.map(Status::of_raw) == Some(Status::Killed(libc::SIGSYS)) {
            self.killed_by_filter(pid, id, process);
        }
        if raw.map(Status::of_raw) == Some(Status::Killed(libc::SIGSEGV)) {
            self.killed_in_exec(id, process);
        }
        if raw.map(Status::of_raw) == Some(Status::Killed(libc::SIGKILL))
            && let Some(obstacle) = self.cgroups.obstacle(id, process)
        {
            self.push([id, process], None, 0, obstacle);
        }
    }

    /// Another process, or a terminal, ends a process: what failed before did not end it.
    pub(super) fn told_to_end(&mut self, pid: Pid, process: i32) {
        // struct siginfo: the sender's number in the third word, where there is one.
        let sender = sys::signal(pid).ok().map(|words| words[2] & 0xffff_ffff);
        if sender.is_some_and(|sender| u64::try_from(process) != Ok(sender)) {
            self.failures.went_on(process, |_| true);
        }
    }

    /// A filter has answered with SIGSYS, which the process may expect. Of calls that are not for memory the end tells.
    pub(super) fn refused_by_signal(&mut self, pid: Pid, id: i32, process: i32) {
        // struct siginfo: code in the second word.
        let Ok(words) = sys::signal(pid) else {
            return;
        };
        if words[1] & 0xffff_ffff != SYS_SECCOMP {
            if let Some(process) = self.processes.processes.get_mut(&process) {
                process.was_sent_sigsys = true;
            }
            return;
        }
        let call = stops::of_signal(&words);
        self.processes.thread(id).refused = call;
        let is_same =
            |other: &MemoryFailure| is_refused_by_signal(other, process) && other.call == call;
        if call.is_some_and(CallName::is_traced) && self.failures.folds(is_same).is_none() {
            let obstacle = Obstacle::of(WhyLimit::Seccomp, 0, 0);
            self.push([id, process], call, libc::ENOSYS, obstacle);
        }
    }

    /// A filter has ended a process, with a signal that was told of or without one.
    fn killed_by_filter(&mut self, pid: Pid, id: i32, process: i32) {
        let thread = *self.processes.thread(id);
        let Some(known) = self.processes.processes.get_mut(&process) else {
            return;
        };
        if known.was_sent_sigsys {
            return;
        }
        let is_first = !mem::replace(&mut known.is_filtered, true);
        // Under such a filter every call is stopped at.
        let ended_in = || stops::ended_in(pid, thread.begun?);
        let refused = thread.refused.map(|call| (call, true));
        let call = refused.or_else(ended_in);
        let (call, is_certain) =
            call.map_or((None, false), |(call, is_certain)| (Some(call), is_certain));
        // Each of its threads ends, in any order, for the call of one.
        let is_told = |other: &MemoryFailure| {
            is_refused_by_signal(other, process) && (!is_first || other.call == call)
        };
        match self.failures.find(is_told) {
            Some(told) if is_certain => told.call = call,
            Some(told) => told.call = told.call.or(call),
            None => {
                let obstacle = Obstacle::of(WhyLimit::Seccomp, 0, 0);
                self.push([id, process], call, libc::ENOSYS, obstacle);
            }
        }
    }

    /// A process has got a SIGSEGV: its stack may be as large as it may be.
    pub(super) fn faulted(&mut self, pid: Pid, id: i32, process: i32) {
        // struct siginfo: code in the second word; the address that was not there in the third.
        let Ok([_, code, address, ..]) = sys::signal(pid) else {
            return;
        };
        match code & 0xffff_ffff {
            SEGV_MAPERR if is_near_stack(id, address) => {}
            SI_KERNEL => return self.killed_in_exec(id, process),
            // Many programs have such faults as a part of what they do.
            _ => return,
        }
        let pointer = stops::stack_pointer(pid);
        if let Some(obstacle) = of_stack(address, pointer, &Facts::read(id)) {
            self.push([id, process], None, 0, obstacle);
        }
    }

    /// A process has got a SIGBUS: there is nothing behind what it has mapped.
    pub(super) fn not_backed(&mut self, pid: Pid, id: i32, process: i32) {
        // struct siginfo, as above.
        let Ok([_, code, address, ..]) = sys::signal(pid) else {
            return;
        };
        if code & 0xffff_ffff != BUS_ADRERR {
            return;
        }
        let Some((obstacle, mapping)) = obstacle_at(id, address, &Facts::read(id)) else {
            return;
        };
        let is_same = |other: &MemoryFailure| {
            (other.pid, other.call, other.obstacle.limit) == (process, None, obstacle.limit)
        };
        if self.failures.folds(is_same).is_none() {
            self.push([id, process], None, 0, obstacle);
            if let Some(failure) = self.failures.find(|failure| failure.pid == process) {
                failure.mapping = Some(mapping);
            }
        }
    }

    /// A process is killed while it becomes another program, which is too late for exec to fail.
    fn killed_in_exec(&mut self, id: i32, process: i32) {
        let call = Some(CallName::Execve);
        let is_told = |failure: &MemoryFailure| failure.pid == process && failure.call == call;
        if !is_new(id) || self.failures.list().iter().any(is_told) {
            return;
        }
        let file = fs::metadata(format!("/proc/{id}/exe")).map_or(0, |file| file.len());
        let obstacle = of_exec(file, &Facts::read(id));
        self.push([id, process], call, 0, obstacle);
    }
}

/// Whether a failure is a call of a process that a filter has answered with a signal.
fn is_refused_by_signal(failure: &MemoryFailure, process: i32) -> bool {
    (failure.pid, failure.obstacle.limit) == (process, WhyLimit::Seccomp)
        && failure.errno == libc::ENOSYS
}

/// The place of the code in what `/proc/PID/stat` has behind the name, and that of the beginning of the stack.
const START_CODE: usize = 23;
const START_STACK: usize = 25;

/// Whether a process has the memory of a program that has not begun: the kernel knows no code of it yet.
fn is_new(id: i32) -> bool {
    // What is about to end may have none either, and no vector of facts then.
    let vector = fs::read(format!("/proc/{id}/auxv")).unwrap_or_default();
    !vector.is_empty() && field(&text(&format!("/proc/{id}/stat")), START_CODE) == Some(0)
}

/// Whether an address may be one of the first thread's stack.
fn is_near_stack(id: i32, address: u64) -> bool {
    let begin = field(&text(&format!("/proc/{id}/stat")), START_STACK);
    let below = begin.and_then(|begin| begin.checked_sub(address));
    below.is_some_and(|below| below < FAR)
}

/// A number behind the name of a process, which may have any character.
fn field(stat: &str, place: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(place)?.parse().ok()
}

/// Whether an error is about memory, and not about the arguments of the call.
pub(super) fn is_of_memory(call: &TracedCall, errno: i32) -> bool {
    match call.name {
        CallName::Seccomp | CallName::Prctl => false,
        CallName::Munmap => errno == libc::ENOMEM,
        // ENOMEM is for a range that is not mapped.
        CallName::Madvise => errno == libc::EAGAIN,
        // EINVAL is for huge pages of a size that the kernel does not have, and for much else.
        CallName::Mmap if errno == libc::EINVAL => has_flag(call),
        _ => [libc::ENOMEM, libc::EAGAIN, libc::EPERM, libc::EACCES].contains(&errno),
    }
}

/// Whether a call maps a file to read it whose code the process runs: that is for a backtrace, and nothing comes of it.
fn reads_running_code(thread: i32, call: &TracedCall) -> bool {
    let Some(descriptor) = call.file().filter(|_| call.only_reads()) else {
        return false;
    };
    let Ok(file) = fs::read_link(format!("/proc/{thread}/fd/{descriptor}")) else {
        return false;
    };
    let maps = text(&format!("/proc/{thread}/maps"));
    proc::maps(&maps).any(|map| map.executable && Path::new(map.name) == file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_the_name() {
        let stat = "5601 (a ) name) t 5600 5129 14247 0 -1 4194560 171 0 0 0 0 0 0 0 20 0 1 0 \
                    100912 294912 0 18446744073709551615 0 0 140725049002715 0 0\n";
        assert_eq!(field(stat, START_CODE), Some(0));
        assert_eq!(field(stat, START_STACK), Some(140_725_049_002_715));
        assert_eq!(field(stat, 99), None);
    }
}

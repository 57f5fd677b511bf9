//! What wait(2) tells of a thread.

use std::io;

use rustix::process::{Pid, WaitOptions, wait};
use serde::{Deserialize, Serialize};

/// Threads, too.
const WALL: u32 = 0x4000_0000;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    /// With this exit status.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

impl Status {
    /// As a shell tells it: 128 and the signal.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => u8::try_from(signal).map_or(u8::MAX, |signal| 128 | signal),
        }
    }

    /// Of the bits that the kernel tells.
    pub(super) fn of_raw(raw: i32) -> Self {
        match raw & 0x7f {
            0 => Self::Exited(byte(raw >> 8)),
            signal => Self::Killed(signal),
        }
    }
}

fn byte(value: i32) -> u8 {
    u8::try_from(value & 0xff).unwrap_or(u8::MAX)
}

/// Signals that tell a process to end.
pub(crate) const ASKS_TO_END: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

/// An event of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Ended(Status),
    /// It has begun a call at which the filter stops.
    Filtered,
    /// It is at the beginning or the end of a call.
    Call,
    /// It has started a thread or a process.
    Forked,
    Executed,
    /// It is about to end.
    Exits,
    /// A signal of this number has stopped its process.
    GroupStop(i32),
    /// It is new, goes on after it was stopped, or was interrupted by the tracer.
    Trapped,
    /// It gets a signal.
    Signal(i32),
}

/// Waits for the next event of any thread; `None` when there are no more threads.
pub(super) fn next() -> io::Result<Option<(Pid, Event)>> {
    loop {
        return match wait(WaitOptions::from_bits_retain(WALL)) {
            Ok(Some((pid, status))) => match event(status.as_raw()) {
                Some(event) => Ok(Some((pid, event))),
                None => continue,
            },
            Ok(None) | Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::CHILD) => Ok(None),
            Err(error) => Err(error.into()),
        };
    }
}

fn event(raw: i32) -> Option<Event> {
    if raw & 0xff != 0x7f {
        // Not of a process that goes on, which is not asked for.
        return (raw != 0xffff).then(|| Event::Ended(Status::of_raw(raw)));
    }
    let signal = (raw >> 8) & 0xff;
    Some(match raw >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Event::Call,
        0 => Event::Signal(signal),
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
            Event::Forked
        }
        libc::PTRACE_EVENT_EXEC => Event::Executed,
        libc::PTRACE_EVENT_EXIT => Event::Exits,
        libc::PTRACE_EVENT_SECCOMP => Event::Filtered,
        libc::PTRACE_EVENT_STOP => match signal {
            libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => {
                Event::GroupStop(signal)
            }
            _ => Event::Trapped,
        },
        _ => Event::Trapped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wait_tells_is_read() {
        for (raw, expected) in [
            (0x0300, Event::Ended(Status::Exited(3))),
            (0x0009, Event::Ended(Status::Killed(9))),
            (0x008b, Event::Ended(Status::Killed(11))),
            (0x0b7f, Event::Signal(11)),
            (0x057f, Event::Signal(5)),
            (0x857f, Event::Call),
            (7 << 16 | 0x057f, Event::Filtered),
            (128 << 16 | 0x137f, Event::GroupStop(libc::SIGSTOP)),
            (128 << 16 | 0x147f, Event::GroupStop(libc::SIGTSTP)),
            (128 << 16 | 0x057f, Event::Trapped),
            (3 << 16 | 0x057f, Event::Forked),
            // A real-time signal.
            (0x2a7f, Event::Signal(42)),
        ] {
            assert_eq!(event(raw), Some(expected), "{raw:#x}");
        }
        assert_eq!(event(0xffff), None);
        assert_eq!(Status::Killed(9).code(), 137);
        assert_eq!(Status::Exited(3).code(), 3);
    }
}

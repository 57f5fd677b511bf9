//! What the tracer tells the process that started it: a line of JSON each.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd};

use serde::{Deserialize, Serialize};

pub(crate) use super::calls::CallName;
use super::obstacle::Obstacle;
pub(crate) use super::status::{ASKS_TO_END, Status};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum TracerLine {
    /// The command is this process.
    Started(i32),
    /// A signal of this number has stopped it.
    Stopped(i32),
    /// It goes on, or has got a SIGCONT.
    Continued,
    /// It cannot be traced; why, and the error's number.
    NotTraced(String, Option<i32>),
    /// It cannot be executed, for an error of this number.
    NotExecuted(i32),
    /// It has ended. The tracer goes on, and tells no more.
    Ended(Box<Traced>),
}

/// What is known when the command has ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Traced {
    /// The process of the command.
    pub(crate) command: i32,
    pub(crate) status: Status,
    /// Every failed call, in order; of many the first and the last.
    pub(crate) failures: Vec<MemoryFailure>,
    /// How many more there were.
    pub(crate) unlisted: u64,
    /// Whether every call of a process was stopped at, because of a filter that is not ours.
    pub(crate) stops_at_every_call: bool,
    /// Whether setuid programs run without privileges.
    pub(crate) no_new_privileges: bool,
    /// The first of them that did.
    pub(crate) unprivileged: Option<String>,
}

/// A failed call, or a process that was killed because memory ran out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MemoryFailure {
    /// `None` of a process that was killed, and of a call that a filter ended and that is none of ours.
    pub(crate) call: Option<CallName>,
    /// The bytes that it asks for; of brk those that are added.
    pub(crate) bytes: u64,
    /// As `PROT_…` says.
    pub(crate) protection: u32,
    /// Its first argument: of memory that is there, where it is.
    pub(crate) address: u64,
    pub(crate) errno: i32,
    pub(crate) pid: i32,
    /// The file that the process executes.
    pub(crate) program: String,
    /// The folder in which it is.
    pub(crate) folder: String,
    pub(crate) arguments: Vec<String>,
    /// Of memory that is there: its name in /proc/PID/maps.
    pub(crate) mapping: Option<String>,
    pub(crate) obstacle: Obstacle,
    /// How often the process made the same call in vain.
    pub(crate) times: u64,
    /// Whether it went on: with other threads or processes, or with what it asked for in vain.
    pub(crate) went_on: bool,
    /// Whether who asks so does without it where it is refused: glibc asks for a heap of a thread, and a runtime reads the
    /// file of code that runs, to tell where in it the program has come to.
    pub(crate) is_optional: bool,
    /// How many calls of the process for memory have succeeded after it.
    pub(crate) later: u64,
    /// How the process ended; `None` while it runs.
    pub(crate) ended: Option<Status>,
    /// How the last process ended that began after this one had ended; `None` if there was none.
    pub(crate) followed_by: Option<Status>,
}

/// The writing end.
#[derive(Debug)]
pub(super) struct Teller(File);

impl Teller {
    pub(super) fn new(file: File) -> Self {
        Self(file)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Tells; where nobody listens any more, nothing.
    pub(super) fn tell(&mut self, told: &TracerLine) {
        if let Ok(mut line) = serde_json::to_vec(told) {
            line.push(b'\n');
            let _ = self.0.write_all(&line);
        }
    }
}

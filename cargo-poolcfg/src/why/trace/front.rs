//! The process that was started by name: it passes signals on to the command, is stopped by the tracer when that is, and
//! waits for what the tracer tells.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, getpid, waitpid};

use super::error::TraceError;
use super::sys;
use super::told::{Traced, TracerLine};

/// The bytes of `struct signalfd_siginfo`.
const SIGNAL: usize = 128;

/// How long a command may take to get the SIGCONT itself that this process has got.
const PATIENCE: Duration = Duration::from_millis(100);

struct Front {
    tracer: i32,
    /// The command, once it runs.
    command: Option<i32>,
    /// The signal with which this process is to stop, as the command has.
    stops: Option<i32>,
    /// Whether this process has got a SIGCONT, and the command is to get one, too, unless it does by itself.
    wakes: bool,
    /// When the command has got the last one.
    continued: Option<Instant>,
    told: Vec<u8>,
}

/// Waits for the end of the command, or of the tracer.
pub(super) fn wait(tracer: Pid, reads: OwnedFd, signals: &OwnedFd) -> Result<Traced, TraceError> {
    let mut front = Front {
        tracer: tracer.as_raw_nonzero().get(),
        command: None,
        stops: None,
        wakes: false,
        continued: None,
        told: Vec::new(),
    };
    let traced = front.run(File::from(reads), signals);
    if !matches!(traced, Ok(Some(_))) {
        // It is at its end, so that this takes no time.
        let _ = waitpid(Some(tracer), WaitOptions::empty());
    }
    match traced {
        Ok(Some(traced)) => traced,
        Ok(None) => Err(TraceError::TracerKilled),
        Err(error) => Err(TraceError::System(
            format!("cannot wait for the command: {error}"),
            error.raw_os_error(),
        )),
    }
}

impl Front {
    /// `None` where the tracer has gone before the command.
    fn run(
        &mut self,
        mut reads: File,
        signals: &OwnedFd,
    ) -> io::Result<Option<Result<Traced, TraceError>>> {
        let mut signals = File::from(signals.try_clone()?);
        loop {
            let [has_told, has_signal] = self.ready(&reads, &signals)?;
            if !has_told && !has_signal && self.wakes {
                self.wakes = false;
                self.send(libc::SIGCONT);
            }
            // What the tracer has told before it stopped this process comes before the signal that ended the stop.
            if has_told {
                let mut buffer = [0; 4096];
                let read = match reads.read(&mut buffer) {
                    Ok(0) => return Ok(None),
                    Ok(read) => read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                self.told.extend_from_slice(&buffer[..read]);
                if let Some(end) = self.listen() {
                    return Ok(Some(end));
                }
            }
            if has_signal {
                self.signal(&mut signals)?;
            }
            if let Some(signal) = self.stops {
                self.stop(signal, &reads)?;
            }
        }
    }

    /// Stops this process by the signal that has stopped the command, so that whoever waits for it sees the same.
    fn stop(&mut self, signal: i32, reads: &File) -> io::Result<()> {
        // It is blocked, and waits until it is let through. The tracer tells that the command goes on before it sends the
        // signal that takes this one back: what was told by now is read first, and what is told later takes it back.
        sys::kill(getpid().as_raw_nonzero().get(), signal);
        let mut files = [PollFd::from_borrowed_fd(reads.as_fd(), PollFlags::IN)];
        let now = Timespec::try_from(Duration::ZERO).map_err(io::Error::other)?;
        match poll(&mut files, Some(&now)) {
            Ok(0) => {
                self.stops = None;
                sys::let_through(signal);
                Ok(())
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn ready(&self, reads: &File, signals: &File) -> io::Result<[bool; 2]> {
        let timeout = self.wakes.then(|| Timespec::try_from(PATIENCE));
        let timeout = timeout.transpose().map_err(io::Error::other)?;
        let mut files = [
            PollFd::from_borrowed_fd(reads.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        match poll(&mut files, timeout.as_ref()) {
            Ok(_) => Ok(files.map(|file| !file.revents().is_empty())),
            Err(rustix::io::Errno::INTR) => Ok([false; 2]),
            Err(error) => Err(error.into()),
        }
    }

    /// What lines have come to their end.
    fn listen(&mut self) -> Option<Result<Traced, TraceError>> {
        while let Some(end) = self.told.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.told.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(TracerLine::Started(command)) => self.command = Some(command),
                Ok(TracerLine::Stopped(signal)) => {
                    // The tracer sends what cannot be blocked.
                    self.stops = Some(signal).filter(|signal| *signal != libc::SIGSTOP);
                    self.wakes = false;
                }
                Ok(TracerLine::Continued) => {
                    self.stops = None;
                    self.wakes = false;
                    self.continued = Some(Instant::now());
                }
                Ok(TracerLine::NotTraced(text, errno)) => {
                    return Some(Err(TraceError::System(text, errno)));
                }
                Ok(TracerLine::NotExecuted(errno)) => {
                    let error = io::Error::from_raw_os_error(errno);
                    return Some(Err(TraceError::NotExecuted(error)));
                }
                Ok(TracerLine::Ended(traced)) => return Some(Ok(*traced)),
                // Our own lines can be read.
                Err(_) => {}
            }
        }
        None
    }

    /// Passes a signal on that was sent to this process alone.
    fn signal(&mut self, signals: &mut File) -> io::Result<()> {
        let mut signal = [0; SIGNAL];
        signals.read_exact(&mut signal)?;
        let word = |at: usize| {
            let bytes = [0, 1, 2, 3].map(|byte| signal[at + byte]);
            i32::from_ne_bytes(bytes)
        };
        let (number, code, sender) = (word(0), word(8), word(12));
        match number {
            libc::SIGCHLD => {}
            // Its own, with which it stops.
            _ if sender == getpid().as_raw_nonzero().get() => {}
            libc::SIGCONT => {
                let is_told = |at: Instant| at.elapsed() < PATIENCE;
                self.wakes |= sender != self.tracer && !self.continued.is_some_and(is_told);
            }
            // The kernel sends what a terminal's keys mean to the command as well.
            _ if code > 0 => {}
            _ => self.send(number),
        }
        Ok(())
    }

    fn send(&self, signal: i32) {
        if let Some(command) = self.command {
            sys::kill(command, signal);
        }
    }
}

//! Pipes: the outputs of a program are read as far as it has written them, and no further than to its end.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Output};
use std::thread::sleep;
use std::time::Instant;

use rustix::io::ioctl_fionbio;

use super::ended::{Ended, PAUSE};

/// The most that a pipe holds: `fs.pipe-max-size` of whoever is not root.
const PIPE: u64 = 1 << 20;

/// What a program prints until it ends. What it has started may have its outputs for longer.
pub(super) fn wait(child: &mut Child, deadline: Instant, most: u64) -> io::Result<Ended> {
    let pipes = [
        child.stdout.take().map(OwnedFd::from),
        child.stderr.take().map(OwnedFd::from),
    ];
    let [mut stdout, mut stderr] = pipes.map(|pipe| Printed::new(pipe, most));
    loop {
        // All that it has written is in the pipes by the time that it has ended.
        let status = child.try_wait()?;
        let is_more = stdout.read()? | stderr.read()?;
        if let Some(status) = status {
            return Ok(Ended::InTime(Output {
                status,
                stdout: stdout.bytes,
                stderr: stderr.bytes,
            }));
        }
        if Instant::now() >= deadline {
            return Ok(Ended::TooLate);
        }
        if !is_more {
            sleep(PAUSE);
        }
    }
}

/// What is read of one output.
struct Printed {
    /// `None` where no more is read.
    pipe: Option<File>,
    bytes: Vec<u8>,
    /// How much more may be.
    left: u64,
}

impl Printed {
    fn new(pipe: Option<OwnedFd>, most: u64) -> Self {
        Self {
            pipe: pipe.map(File::from),
            bytes: Vec::new(),
            left: most,
        }
    }

    /// Reads what is there, and says whether that was anything. Who writes beyond the most that is read finds a closed
    /// pipe.
    fn read(&mut self) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(false);
        };
        ioctl_fionbio(&*pipe, true)?;
        let before = self.bytes.len();
        let most = self.left.min(PIPE);
        let ended = pipe.take(most).read_to_end(&mut self.bytes);
        let read = u64::try_from(self.bytes.len() - before).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(read);
        match ended {
            // A pipe that has more than is read at once is not at its end.
            Ok(_) if read < most || self.left == 0 => self.pipe = None,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(read > 0)
    }
}

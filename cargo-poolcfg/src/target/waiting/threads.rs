//! Threads: each output of a program is read to its end beside the caller.

use std::io::{self, Read};
use std::process::{Child, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Builder, sleep};
use std::time::Instant;

use super::ended::{Ended, PAUSE};

/// The stack of a thread that only reads: under a small limit there is no room for more.
const STACK: usize = 64 << 10;

/// What a program prints until all that has its outputs has ended.
pub(super) fn wait(child: &mut Child, deadline: Instant, most: u64) -> io::Result<Ended> {
    let stdout = reader(child.stdout.take(), most)?;
    let stderr = reader(child.stderr.take(), most)?;
    let mut outputs = [Vec::new(), Vec::new()];
    for (output, reader) in outputs.iter_mut().zip([stdout, stderr]) {
        let left = deadline.saturating_duration_since(Instant::now());
        match reader.recv_timeout(left) {
            Ok(read) => *output = read?,
            Err(_) => return Ok(Ended::TooLate),
        }
    }
    let [stdout, stderr] = outputs;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::InTime(Output {
                status,
                stdout,
                stderr,
            }));
        }
        if Instant::now() >= deadline {
            return Ok(Ended::TooLate);
        }
        sleep(PAUSE);
    }
}

/// Reads a pipe beside the caller.
fn reader(
    pipe: Option<impl Read + Send + 'static>,
    most: u64,
) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = channel();
    Builder::new().stack_size(STACK).spawn(move || {
        let mut bytes = Vec::new();
        let read = match pipe {
            Some(pipe) => pipe.take(most).read_to_end(&mut bytes),
            None => Ok(0),
        };
        // Who has stopped waiting does not want it.
        let _ = sender.send(read.map(|_| bytes));
    })?;
    Ok(receiver)
}

//! The three processes: this one, the tracer, and the command.

use std::ffi::{CString, OsString, c_long};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal, setsid,
};

use super::error::TraceError;
use super::filter::filter;
use super::front;
use super::sys::{self, SignalMask};
use super::told::{Teller, Traced, TracerLine};
use super::tracer::{Tracer, TracerStart};

/// TRACESYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE, TRACEEXEC, TRACEEXIT, TRACESECCOMP, EXITKILL.
const OPTIONS: c_long = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x40 | 0x80 | 0x10_0000;

/// Runs a command to its end, and tells what failed.
///
/// # Errors
/// Where it is not executed, not traced, or no more.
pub(crate) fn trace(words: &[OsString]) -> Result<Traced, TraceError> {
    let word = |word: &OsString| CString::new(word.clone().into_vec());
    let words: Result<Vec<CString>, _> = words.iter().map(word).collect();
    let words = words.map_err(|_| TraceError::Nul)?;
    let failed = |error: io::Error| TraceError::system("cannot start a process", &error);
    let (reads, writes) = pipe().map_err(failed)?;
    let before = sys::block_signals();
    let traced = start(&words, reads, writes, &before).map_err(failed);
    sys::set_mask(&before);
    traced?
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

fn start(
    words: &[CString],
    reads: OwnedFd,
    writes: OwnedFd,
    before: &SignalMask,
) -> io::Result<Result<Traced, TraceError>> {
    let signals = match sys::signal_file() {
        Ok(signals) => signals,
        Err(error) => return Ok(Err(TraceError::system("signalfd is refused", &error))),
    };
    let this = getpid();
    match sys::fork()? {
        Some(tracer) => {
            drop(writes);
            Ok(front::wait(tracer, reads, &signals))
        }
        None => {
            let mut teller = Teller::new(File::from(writes));
            if let Err((what, error)) = follow(words, before, this, &mut teller) {
                let text = format!("{what}: {error}");
                teller.tell(&TracerLine::NotTraced(text, error.raw_os_error()));
            }
            sys::exit_now(0);
        }
    }
}

/// The tracer, from its beginning to its end.
fn follow(
    words: &[CString],
    before: &SignalMask,
    front: Pid,
    teller: &mut Teller,
) -> Result<(), (&'static str, io::Error)> {
    let failed = |error| ("cannot start a process", error);
    let (may_go, go) = pipe().map_err(failed)?;
    let (errors, error) = pipe().map_err(failed)?;
    let has_filter = sys::takes_filters();
    let Some(command) = sys::fork().map_err(failed)? else {
        drop((go, errors));
        execute(words, before, has_filter, may_go, error);
    };
    drop((may_go, error));
    // Where this process is killed, so is the tracer, and with it what it traces.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid() != Some(front) {
        return Ok(());
    }
    // What a terminal sends to its processes is for the command.
    let _ = setsid();
    detach(teller, [&go, &errors]);
    if let Err(error) = sys::seize(command, OPTIONS) {
        let _ = kill_process(command, Signal::KILL);
        return Err(("ptrace is refused", error));
    }
    teller.tell(&TracerLine::Started(command.as_raw_nonzero().get()));
    let _ = File::from(go).write_all(b"!");
    let start = TracerStart {
        command,
        front,
        errors,
        has_filter,
        was_filtered: is_filtered(),
    };
    let followed = Tracer::new(start, teller).run();
    followed.map_err(|error| ("cannot wait for the command", error))
}

/// Whether this process, and so the command, is under a filter already.
fn is_filtered() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mode = lines.find_map(|line| line.strip_prefix("Seccomp:"));
    mode.is_some_and(|mode| mode.trim() != "0")
}

/// Lets go of every file, so that who waits for the end of a pipe waits for the command alone.
fn detach(teller: &Teller, kept: [&OwnedFd; 2]) {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
    sys::close_others(&[teller.as_fd(), kept[0].as_fd(), kept[1].as_fd()]);
    // It keeps no folder from being unmounted.
    let _ = std::env::set_current_dir("/");
}

/// The command: waits until it is traced, and becomes the program.
fn execute(
    words: &[CString],
    before: &SignalMask,
    has_filter: bool,
    may_go: OwnedFd,
    error: OwnedFd,
) -> ! {
    let mut byte = [0];
    if File::from(may_go).read_exact(&mut byte).is_err() {
        sys::exit_now(125);
    }
    if has_filter {
        let mut filter = filter();
        if sys::install(&mut filter).is_err() {
            // Without privileges a filter is for programs that get none.
            let _ = rustix::thread::set_no_new_privs(true);
            if let Err(why) = sys::install(&mut filter) {
                report(error, &why);
            }
        }
    }
    sys::restore_sigpipe();
    sys::close_again();
    sys::set_mask(before);
    let why = sys::exec(words);
    report(error, &why)
}

fn report(error: OwnedFd, why: &io::Error) -> ! {
    let number = why.raw_os_error().unwrap_or(libc::EINVAL);
    let _ = File::from(error).write_all(&number.to_ne_bytes());
    sys::exit_now(if number == libc::ENOENT { 127 } else { 126 });
}

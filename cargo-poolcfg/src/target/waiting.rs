//! Waiting: what another program prints, and no longer than it is worth.
//!
//! - here: the program, its start and its end
//! - `ended`: how it ended
//! - `pipes`: what it prints until it ends, whoever else keeps its outputs open; `threads`: the same to the end of its
//!   outputs, where a pipe is not read without waiting

mod ended;
#[cfg(unix)]
mod pipes;
#[cfg(not(unix))]
mod threads;

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use ended::Ended;
#[cfg(unix)]
use pipes::wait;
#[cfg(not(unix))]
use threads::wait;

/// How long cargo and rustc are waited for. One that has no memory may never end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program as [`Command::output`] does, for so long at the most, and reads no more than so many bytes of each of its
/// outputs.
///
/// # Errors
/// When it cannot be started, read or waited for.
pub(crate) fn output_within(
    command: &mut Command,
    patience: Duration,
    most: u64,
) -> io::Result<Ended> {
    let deadline = Instant::now() + patience;
    command.stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let ended = wait(&mut child, deadline, most);
    if !matches!(ended, Ok(Ended::InTime(_))) {
        // What has ended by itself is not there to be killed.
        kill_group(&child);
        let _ = child.kill();
        let _ = child.wait();
    }
    ended
}

/// Gives a program a group of its own, which is killed with it where it does not end: what it has started, too.
pub(crate) fn in_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Kills the group that a program leads; there is none of its number if it does not.
fn kill_group(child: &Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};

        let number = i32::try_from(child.id()).ok();
        if let Some(group) = number.and_then(Pid::from_raw) {
            // Nobody has waited for it, so the number is still its own.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    #[cfg(not(unix))]
    let _ = child;
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read as _;

    use rustix::io::{FdFlags, fcntl_setfd};

    use super::*;

    fn shell(script: &str, patience: Duration) -> Ended {
        output_within(Command::new("sh").args(["-c", script]), patience, u64::MAX).unwrap()
    }

    #[test]
    fn what_ends_is_read_to_its_end() {
        // More than a pipe holds, on both.
        let script = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; exit 3";
        let Ended::InTime(output) = shell(script, Duration::from_secs(600)) else {
            panic!("it ends");
        };
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(
            (output.stdout.len(), output.stderr.len()),
            (300_000, 300_000)
        );
    }

    #[test]
    fn what_never_ends_is_given_up() {
        for script in ["exec sleep 100000", "exec >&- 2>&-; exec sleep 100000"] {
            assert!(
                matches!(shell(script, Duration::from_millis(50)), Ended::TooLate),
                "{script}"
            );
        }
    }

    /// What a program leaves behind may have its outputs for as long as it likes.
    #[test]
    fn what_has_ended_is_not_waited_for_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let script = "mkfifo fifo; cat fifo & cat fifo >&2 & head -c 300000 /dev/zero; exit 3";
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(folder.path());
        let ended = output_within(&mut command, Duration::from_secs(60), u64::MAX).unwrap();
        // Nobody waits for the fifo any more.
        drop(
            std::fs::File::options()
                .write(true)
                .open(folder.path().join("fifo")),
        );
        let Ended::InTime(output) = ended else {
            panic!("it ends");
        };
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout.len(), 300_000);
    }

    /// What is beyond the most that is read is not, and who writes it does not wait.
    #[test]
    fn no_more_is_read_than_is_asked_for() {
        let mut command = Command::new("yes");
        let ended = output_within(&mut command, Duration::from_secs(60), 70_000).unwrap();
        let Ended::InTime(output) = ended else {
            panic!("it ends");
        };
        assert_eq!(output.stdout.len(), 70_000);
        assert!(!output.status.success());
    }

    /// The pipe closes when the last program that has it ends: killed, or after it has left a file.
    #[test]
    fn what_a_program_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        for closes in ["", "exec >&- 2>&-; "] {
            let (mut reads, writes) = io::pipe().unwrap();
            fcntl_setfd(&writes, FdFlags::empty()).unwrap();
            let script = format!("{closes}(sleep 60; : >late) & wait");
            let mut command = Command::new("sh");
            command.args(["-c", &script]).current_dir(folder.path());
            in_group(&mut command);
            let ended = output_within(&mut command, Duration::from_millis(50), u64::MAX).unwrap();
            assert!(matches!(ended, Ended::TooLate), "{script}");
            drop(writes);
            reads.read_to_end(&mut Vec::new()).unwrap();
            assert!(!folder.path().join("late").exists(), "{script}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let missing = output_within(
            &mut Command::new("/nowhere/rustc"),
            Duration::from_secs(600),
            u64::MAX,
        );
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

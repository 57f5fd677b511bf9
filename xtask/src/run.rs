//! Running a command, and saying which.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    // The manifest of xtask lies one folder below it.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// Whether commands run beside each other.
static BESIDE: AtomicBool = AtomicBool::new(false);

/// How many jobs run at a time. Two keep two processors busy when one of them waits or has one thread.
const AT_A_TIME: usize = 2;

/// What is to be done.
pub(crate) type Job<'a> = Box<dyn FnOnce() -> Result<(), String> + Send + 'a>;

/// Does jobs beside each other, in this order, and no more of them when one has failed. What a command of theirs prints
/// is shown in one piece, when it ends.
pub(crate) fn beside_each_other(jobs: Vec<Job<'_>>) -> Result<(), String> {
    fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
    BESIDE.store(true, Ordering::Relaxed);
    let left = Mutex::new(jobs.into_iter());
    let done = Mutex::new(Ok(()));
    let work = || {
        while held(&done).is_ok() {
            let Some(job) = held(&left).next() else { break };
            if let Err(error) = job() {
                eprintln!("error: {error}");
                *held(&done) = Err(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    BESIDE.store(false, Ordering::Relaxed);
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Says what runs, runs it, and turns a failure into a sentence.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let status = if BESIDE.load(Ordering::Relaxed) {
        status_at_the_end(command, &shown)
    } else {
        command.status()
    };
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed: {status}")),
        Err(error) => Err(format!("`{shown}` could not be run: {error}")),
    }
}

/// Runs it, and shows what it has printed when it ends. A file keeps that meanwhile: a pipe would wait for whatever the
/// command leaves behind.
fn status_at_the_end(command: &mut Command, shown: &str) -> io::Result<ExitStatus> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let folder = root().join("target/xtask");
    fs::create_dir_all(&folder)?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let log = folder.join(format!("{number}.log"));
    let file = File::create(&log)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()?;
    let said = fs::read(&log)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "$ {shown}: {status}")?;
    stdout.write_all(&said)?;
    stdout.flush()?;
    Ok(status)
}

/// What a command prints on its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let shown = shown(command);
    let output = command
        .output()
        .map_err(|error| format!("`{shown}` could not be run: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "`{shown}` failed: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{shown}` did not print UTF-8"))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_done_beside_each_other_until_one_fails() {
        let (send, receive) = std::sync::mpsc::channel();
        let receive = Mutex::new(receive);
        // Each waits for the other.
        let jobs: Vec<Job<'_>> = vec![
            Box::new(|| {
                let said = receive.lock().map_err(|error| error.to_string())?;
                said.recv().map_err(|error| error.to_string())
            }),
            Box::new(move || send.send(()).map_err(|error| error.to_string())),
        ];
        assert_eq!(beside_each_other(jobs), Ok(()));

        let count = AtomicUsize::new(0);
        let mut jobs: Vec<Job<'_>> = Vec::new();
        for _ in 0..9 {
            jobs.push(Box::new(|| {
                count.fetch_add(1, Ordering::Relaxed);
                Err("it fails".to_owned())
            }));
        }
        assert_eq!(beside_each_other(jobs), Err("it fails".to_owned()));
        assert!(count.into_inner() <= AT_A_TIME);
    }
}

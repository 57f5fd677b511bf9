//! Booting a kernel and reading what it says on its serial console: strictly, and only while our
//! programs get on.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use poolcfg_tests::root;

use crate::kernel::Kernel;

/// What lines of ours begin with: all others are the kernel's own.
const OURS: &str = "poolcfg: ";

/// How long a kernel may take from one line of ours to the next, and to power off. It is a minute or two of one
/// processor, and the machine may do other things, too; how long all of it takes is no promise. What a kernel
/// says by itself does not count: one that is stuck complains of it again and again.
const SILENCE: Duration = Duration::from_secs(15 * 60);

/// Boots a kernel with an archive, has its init do a job, and gives what `read` makes of its lines. The log
/// of the console is kept under this name; a failure names it.
pub(crate) fn boot<T>(
    kernel: &Kernel,
    name: &str,
    archive: &Path,
    job: &str,
    read: impl FnOnce(&str, Vec<&str>) -> Result<T, String>,
) -> Result<T, String> {
    let folder = root().join("target/kernels");
    let log = folder.join(format!("{}-{name}.log", kernel.id()));
    let fails = |error: String| format!("{error}; the console's log is `{}`", log.display());
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lines = run(kernel, archive, job, &log).map_err(fails)?;
    let (release, lines) = ours(&lines).map_err(fails)?;
    read(release, lines).map_err(fails)
}

/// What a kernel prints.
fn run(kernel: &Kernel, archive: &Path, job: &str, log: &Path) -> Result<Vec<String>, String> {
    let architecture = kernel.architecture;
    let mut qemu = Command::new(architecture.emulator())
        .args(["-M", architecture.machine, "-cpu", kernel.cpu])
        .args(["-m", "1G"])
        .args([
            "-nodefaults",
            "-display",
            "none",
            "-no-reboot",
            "-serial",
            "stdio",
        ])
        .arg("-kernel")
        .arg(kernel.file())
        .arg("-initrd")
        .arg(archive)
        .arg("-append")
        // Huge pages for whoever does not refuse them, as some distributions have it.
        .arg(format!(
            "console={} quiet panic=-1 transparent_hugepage=always -- {job}",
            architecture.console
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("qemu-system-{}: {error}", architecture.name))?;
    let mut file = File::create(log).map_err(|error| error.to_string())?;
    let console = qemu.stdout.take().ok_or("no console")?;
    let (send, receive) = channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(console).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if send.send(line).is_err() {
                break;
            }
        }
    });
    let mut lines = Vec::new();
    let mut end = Instant::now() + SILENCE;
    let ended = loop {
        match receive.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if line.starts_with(OURS) {
                    end = Instant::now() + SILENCE;
                }
                if let Err(error) = writeln!(file, "{line}") {
                    break Err(error.to_string());
                }
                lines.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => break Ok(lines),
            Err(RecvTimeoutError::Timeout) => {
                let minutes = SILENCE.as_secs() / 60;
                break Err(format!("no line of ours for {minutes} minutes"));
            }
        }
    };
    if ended.is_err() {
        let _ = qemu.kill();
    }
    let status = qemu.wait().map_err(|error| error.to_string())?;
    let _ = reader.join();
    match ended {
        Ok(_) if !status.success() => Err(format!("the emulator ended with {status}")),
        ended => ended,
    }
}

/// The kernel's release, and the lines that are ours up to the verdict.
fn ours(lines: &[String]) -> Result<(&str, Vec<&str>), String> {
    if let Some(panic) = lines.iter().find(|line| line.contains("Kernel panic")) {
        return Err(panic.clone());
    }
    let mut ours = lines.iter().filter_map(|line| line.strip_prefix(OURS));
    let Some(("kernel", release)) = ours.next().and_then(|line| line.split_once(' ')) else {
        return Err("no release".to_owned());
    };
    let ours: Vec<&str> = ours.collect();
    if let Some(error) = ours.iter().find(|line| line.starts_with("error ")) {
        return Err((*error).to_owned());
    }
    match ours.iter().position(|line| line.starts_with("end ")) {
        None => Err("no verdict".to_owned()),
        Some(last) if last + 1 < ours.len() => {
            Err(format!("line `{}` after the end", ours[last + 1]))
        }
        Some(_) => Ok((release, ours)),
    }
}

/// What a console shows around lines of ours.
#[cfg(test)]
pub(crate) fn console(ours: &[String]) -> Vec<String> {
    let mut lines = vec!["[    0.000000] Linux version".to_owned()];
    lines.extend(["kernel 6.12.0"].iter().map(|line| format!("{OURS}{line}")));
    lines.extend(ours.iter().map(|line| format!("{OURS}{line}")));
    lines.push("[    5.000000] reboot: Power down".to_owned());
    lines
}

#[test]
fn a_console_is_believed_only_when_it_comes_to_a_verdict() {
    let said = ["out 1", "out 2", "end 2"].map(str::to_owned);
    let whole = console(&said);
    let (release, lines) = ours(&whole).unwrap();
    assert_eq!(
        (release, lines),
        ("6.12.0", vec!["out 1", "out 2", "end 2"])
    );
    // Without its release or its verdict.
    for missing in [1, 4] {
        let mut lines = whole.clone();
        lines.remove(missing);
        assert!(ours(&lines).is_err(), "{missing}");
    }
    for line in [
        "poolcfg: error static-pie finite minimum 1: exit status 11",
        "Kernel panic - not syncing: Attempted to kill init!",
    ] {
        for place in 1..=whole.len() {
            let mut lines = whole.clone();
            lines.insert(place, line.to_owned());
            assert!(ours(&lines).is_err(), "{line}");
        }
    }
    assert!(ours(&[]).is_err());
}

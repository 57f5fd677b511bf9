//! Booting a kernel and reading what it says on its serial console: strictly, and for so long only.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use poolcfg_tests::root;
use poolcfg_tests_kernels::{Cell, CellReport};

use crate::kernel::Kernel;
use crate::table::Judged;
use crate::variable;

/// How long a kernel may take from power on to power off. It takes two or three minutes of one processor.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Boots a kernel with an archive. The log of the console is kept; a failure names it.
pub fn boot(kernel: &Kernel, archive: &Path, starts: u32) -> Result<Judged, String> {
    let folder = root().join("target/kernels");
    let log = folder.join(format!("{}.log", kernel.profile));
    let fails = |error: String| format!("{error}; the console's log is `{}`", log.display());
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lines = run(kernel, archive, starts, &log).map_err(fails)?;
    judge(&lines, starts).map_err(fails)
}

/// What a kernel prints.
fn run(kernel: &Kernel, archive: &Path, starts: u32, log: &Path) -> Result<Vec<String>, String> {
    let architecture = kernel.architecture;
    let program = format!("bin/qemu-system-{}", architecture.name);
    let mut qemu = Command::new(variable("POOLCFG_QEMU").join(program))
        .args(["-M", "virt", "-cpu", kernel.cpu, "-m", "1G"])
        .args([
            "-nodefaults",
            "-nographic",
            "-no-reboot",
            "-serial",
            "stdio",
        ])
        .arg("-kernel")
        .arg(variable("POOLCFG_KERNELS").join(kernel.image))
        .arg("-initrd")
        .arg(archive)
        .arg("-append")
        .arg(format!(
            "console={} quiet panic=-1 -- {} {starts}",
            architecture.console, kernel.profile
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
    let end = Instant::now() + LIMIT;
    let mut lines = Vec::new();
    let ended = loop {
        match receive.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Err(error) = writeln!(file, "{line}") {
                    break Err(error.to_string());
                }
                lines.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => break Ok(lines),
            Err(RecvTimeoutError::Timeout) => {
                break Err(format!("no end after {} minutes", LIMIT.as_secs() / 60));
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

/// Reads the lines that are ours; all others are the kernel's own.
fn judge(lines: &[String], starts: u32) -> Result<Judged, String> {
    if let Some(panic) = lines.iter().find(|line| line.contains("Kernel panic")) {
        return Err(panic.clone());
    }
    let mut ours = lines
        .iter()
        .filter_map(|line| line.strip_prefix("poolcfg: "));
    let Some(("kernel", release)) = ours.next().and_then(|line| line.split_once(' ')) else {
        return Err("no release".to_owned());
    };
    let mut judged = Judged {
        release: release.to_owned(),
        cells: Vec::new(),
        broken: Vec::new(),
    };
    for line in ours.by_ref() {
        match line.split_once(' ') {
            Some(("broken", broken)) => judged.broken.push(broken.to_owned()),
            Some(("cell", _)) => {
                let report = CellReport::read(line).ok_or_else(|| format!("line `{line}`"))?;
                judged.cells.push(report);
            }
            Some(("end", broken)) if broken == judged.broken.len().to_string() => {
                let cells = judged.cells.iter().map(|report| report.cell);
                if !cells.eq(Cell::all()) || judged.cells.iter().any(|of| of.starts != starts) {
                    return Err("not every cell was judged".to_owned());
                }
                return match ours.next() {
                    None => Ok(judged),
                    Some(line) => Err(format!("line `{line}` after the end")),
                };
            }
            _ => return Err(format!("line `{line}`")),
        }
    }
    Err("no verdict".to_owned())
}

/// The console of a kernel in which all went well.
#[cfg(test)]
fn console(starts: u32) -> Vec<String> {
    let mut lines = vec![
        "[    0.000000] Linux version".to_owned(),
        "poolcfg: kernel 6.12.0".to_owned(),
    ];
    lines.extend(
        Cell::all()
            .map(|cell| format!("poolcfg: cell {cell} {starts} 0 1 1 2 2 3 3 990 1 1 14 14")),
    );
    lines.extend([
        "poolcfg: end 0".to_owned(),
        "[    5.000000] reboot: Power down".to_owned(),
    ]);
    lines
}

#[test]
fn a_console_is_believed_only_when_all_of_it_is_there() {
    let judged = judge(&console(140), 140).unwrap();
    assert_eq!((judged.cells.len(), judged.broken.len()), (12, 0));
    assert_eq!(judged.release, "6.12.0");
    for missing in 1..14 {
        let mut lines = console(140);
        lines.remove(missing);
        assert!(judge(&lines, 140).is_err(), "{missing}");
    }
    assert!(judge(&console(139), 140).is_err());
    for line in [
        "poolcfg: error static-pie finite default 1: exit status 11",
        "poolcfg: cell pie finite default 140 0",
        "poolcfg: broken but not counted",
        "Kernel panic - not syncing: Attempted to kill init!",
    ] {
        for place in [2, 5, 14] {
            let mut lines = console(140);
            lines.insert(place, line.to_owned());
            assert!(judge(&lines, 140).is_err(), "{line}");
        }
    }
    assert!(judge(&[], 140).is_err());
}

#[test]
fn a_broken_promise_is_told() {
    let mut lines = console(140);
    lines.insert(2, "poolcfg: broken the first hole has less".to_owned());
    lines[15] = "poolcfg: end 1".to_owned();
    let judged = judge(&lines, 140).unwrap();
    assert_eq!(judged.broken, ["the first hole has less"]);
}

//! The mappings that a real command makes for its pools, as the kernel sees them.
//!
//! The command is given a named pipe for its module. It opens that when its engine is made, and stands
//! still until something is written: there the kernel's list of its mappings is read, and then the module is
//! handed over, so that the run ends as any other.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::command::number;
use crate::release::Release;
use crate::setup::{output, variable};

/// A module that does nothing.
const MODULE: &str = "(module (func (export \"_start\")))";

/// One mapping of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// How large it is.
    pub bytes: u64,
    /// Its protection, in the words of our own command: `none` or `read-write`.
    pub protection: String,
}

/// What a run maps for its pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The mappings, in the order in which they are made.
    pub pools: Vec<Pool>,
    /// How many mappings the kernel keeps in the ranges of the pools once all are made; one that reaches
    /// into two pools counts in each.
    pub maps: u64,
}

impl Trace {
    /// What our command says that the pools are.
    ///
    /// # Errors
    /// When the result names no mappings, or several allocators.
    pub fn said(result: &Value) -> Result<Self, String> {
        let mappings = result["footprint"]["mappings"].as_array();
        let pools = mappings.ok_or_else(|| format!("no mappings in {result}"))?;
        let pool = |mapping: &Value| {
            if number(mapping, "/count")? != 1 {
                return Err(format!("more than one allocator: {mapping}"));
            }
            Ok(Pool {
                bytes: number(mapping, "/bytes")?,
                protection: mapping["protection"].as_str().unwrap_or("").to_owned(),
            })
        };
        Ok(Self {
            pools: pools.iter().map(pool).collect::<Result<_, _>>()?,
            maps: number(result, "/footprint/maps_at_start")?,
        })
    }
}

/// Runs a module that does nothing, with `settings` on the command line.
///
/// # Errors
/// What the command says when it fails, or what of its trace is not understood.
pub fn trace(release: &Release, settings: &[OsString]) -> Result<Trace, String> {
    trace_of(release.command("run").args(settings))
}

/// Runs a program with a file as its last argument, which it opens when all is mapped.
///
/// # Errors
/// The same.
pub fn trace_of(program: &Command) -> Result<Trace, String> {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let log = folder.path().join("log");
    let pipe = folder.path().join("module.wat");
    output(Command::new("mkfifo").arg(&pipe))?;

    let mut strace = Command::new(variable("POOLCFG_STRACE"));
    // With -D the child is the command itself, and strace watches from the side.
    strace
        .args(["-D", "-f", "-qq", "-e", "trace=mmap,openat", "-o"])
        .arg(&log)
        .arg("--")
        .arg(program.get_program())
        .args(program.get_args())
        .arg(&pipe)
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let (process, output, maps) = stand_still(&mut strace, &pipe)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}\n{said}", output.status));
    }
    let maps = maps.map_err(|error| format!("process {process}: {error}\n{said}"))?;
    let log = fs::read_to_string(&log).map_err(|error| format!("strace's log: {error}"))?;
    read(&log, process, &pipe, &maps)
}

/// Runs `command` up to its module in `pipe`, reads its mappings, and lets it finish.
fn stand_still(
    command: &mut Command,
    pipe: &Path,
) -> Result<(u32, Output, std::io::Result<String>), String> {
    let failed = |error| format!("{}: {error}", pipe.display());
    let child = command
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let process = child.id();
    let stood = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = scope.spawn(|| {
            // Until the last one with its standard error has ended: the command and strace.
            let output = child.wait_with_output();
            if !stood.load(Ordering::SeqCst) {
                // It never asked for its module: the pipe is opened in its place.
                let _ = File::open(pipe);
            }
            output
        });
        // Returns when the other side opens it too.
        let mut writer = OpenOptions::new().write(true).open(pipe).map_err(failed)?;
        stood.store(true, Ordering::SeqCst);
        let maps = fs::read_to_string(format!("/proc/{process}/maps"));
        // It opens its module twice, since a pipe cannot be mapped. The second time it may find the pipe,
        // which is written now, or the file in its place.
        let file = pipe.with_extension("file");
        fs::write(&file, MODULE)
            .and_then(|()| fs::rename(&file, pipe))
            .map_err(failed)?;
        let _ = writer.write_all(MODULE.as_bytes());
        drop(writer);
        match end.join() {
            Ok(Ok(output)) => Ok((process, output, maps)),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err("the thread that waits ended early".to_owned()),
        }
    })
}

/// Reads strace's log and the kernel's list of mappings.
fn read(log: &str, process: u32, module: &Path, maps: &str) -> Result<Trace, String> {
    let mut pools = Vec::new();
    let mut starts = Vec::new();
    let mut begun = String::new();
    for line in log.lines() {
        // Worker threads map their own stacks; the pools are made by the thread that began.
        let Some(call) = line
            .strip_prefix(&process.to_string())
            .and_then(|rest| rest.strip_prefix(' '))
            .map(str::trim_start)
        else {
            continue;
        };
        // A call that another thread's came between is on two lines.
        if let Some(first) = call.strip_suffix(" <unfinished ...>") {
            first.clone_into(&mut begun);
            if !begun.contains(&*module.to_string_lossy()) {
                continue;
            }
        }
        let whole = match call.split_once(" resumed>") {
            Some((_, rest)) => format!("{begun}{rest}"),
            None => call.to_owned(),
        };
        if whole.starts_with("openat(") && whole.contains(&*module.to_string_lossy()) {
            return Ok(Trace {
                maps: inside(&starts, maps)?,
                pools,
            });
        }
        let Some((arguments, result)) = whole
            .strip_prefix("mmap(")
            .and_then(|rest| rest.split_once(')'))
        else {
            continue;
        };
        let arguments: Vec<&str> = arguments.split(", ").collect();
        let [_, bytes, protection, flags, ..] = arguments[..] else {
            return Err(format!("not a mapping: {line}"));
        };
        if !flags.contains("MAP_NORESERVE") {
            continue;
        }
        let protection = match protection {
            "PROT_NONE" => "none",
            "PROT_READ|PROT_WRITE" => "read-write",
            other => other,
        };
        let bytes = bytes.parse().map_err(|_| format!("no size: {line}"))?;
        let start = hexadecimal(result.trim_start_matches([' ', '=', '0', 'x']))
            .ok_or_else(|| format!("no address: {line}"))?;
        pools.push(Pool {
            bytes,
            protection: protection.to_owned(),
        });
        starts.push(start..start + bytes);
    }
    Err(format!("the module is never opened:\n{log}"))
}

/// How many of the kernel's mappings lie in the ranges, or reach into them.
fn inside(ranges: &[Range<u64>], maps: &str) -> Result<u64, String> {
    let mut inside = 0;
    for line in maps.lines() {
        let map = || {
            let (start, rest) = line.split_once('-')?;
            let (end, _) = rest.split_once(' ')?;
            Some(hexadecimal(start)?..hexadecimal(end)?)
        };
        let map = map().ok_or_else(|| format!("not a mapping: {line}"))?;
        for range in ranges {
            if map.start < range.end && range.start < map.end {
                inside += 1;
            }
        }
    }
    Ok(inside)
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

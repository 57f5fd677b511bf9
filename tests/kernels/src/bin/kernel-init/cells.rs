//! Cells: starts the judged program many times in each, and prints what came of it.

use std::fs;
use std::io;
use std::process::{Command, Output};

use poolcfg_core::{Layout, PoolKeys, Size, StackLimit};
use poolcfg_tests_kernels::{Cell, CellReport, PromisedSlots, Start};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::read;

/// Of so many processes of a cell one makes pools as well: that takes ten times as long.
const POOLS: u32 = 10;

const ASLR_BITS: &str = "/proc/sys/vm/mmap_rnd_bits";

/// Starts so many processes in every cell of a profile.
pub(crate) fn judge(profile: &str, starts: &str) -> Result<(), String> {
    let starts: u32 = starts.parse().map_err(|_| format!("number `{starts}`"))?;
    let mut broken = aslr_bits(profile)?;
    for cell in Cell::all() {
        prepare(profile, cell)?;
        let report = run(profile, cell, starts)?;
        println!("poolcfg: {report}");
        broken += report.broken;
    }
    println!("poolcfg: end {broken}");
    Ok(())
}

/// Whether the kernel's default and maximum of ASLR are those of the profile.
fn aslr_bits(profile: &str) -> Result<u32, String> {
    let Some(first) = Cell::all().next() else {
        return Err("no cell".to_owned());
    };
    let case = first.case(profile, PoolKeys::EMPTY);
    let Layout::Linux(layout) = case.profile.layout else {
        return Err(format!("`{profile}` is no profile of Linux"));
    };
    let default = read(ASLR_BITS)?;
    let more = layout.aslr_bits_max + 1;
    let mut broken = 0;
    if default.trim() != layout.aslr_bits_default.to_string() {
        println!(
            "poolcfg: broken aslr bits are {} by default, {} in the profile",
            default.trim(),
            layout.aslr_bits_default
        );
        broken += 1;
    }
    if fs::write(ASLR_BITS, more.to_string()).is_ok() {
        println!("poolcfg: broken the kernel takes {more} aslr bits, above the profile's maximum");
        broken += 1;
    }
    Ok(broken)
}

/// Sets what the processes of a cell inherit.
fn prepare(profile: &str, cell: Cell) -> Result<(), String> {
    if let Layout::Linux(layout) = cell.case(profile, PoolKeys::EMPTY).profile.layout {
        let bits = cell.aslr.bits(&layout);
        fs::write(ASLR_BITS, bits.to_string())
            .map_err(|error| format!("{bits} aslr bits: {error}"))?;
    }
    let current = match cell.stack_limit {
        StackLimit::Finite => Some(Size::mib(8).get()),
        StackLimit::UpTo(size) | StackLimit::AsUnlimited(size) => Some(size.get()),
        StackLimit::Unlimited => None,
    };
    let limit = Rlimit {
        current,
        maximum: None,
    };
    setrlimit(Resource::Stack, limit).map_err(|error| format!("stack limit: {error}"))
}

fn run(profile: &str, cell: Cell, starts: u32) -> Result<CellReport, String> {
    let text = cell.to_string();
    let mut report: Option<CellReport> = None;
    for number in 1..=starts {
        let output = Command::new(format!("/{}", cell.program.word()))
            .arg(profile)
            .args(text.split(' '))
            .arg(if number % POOLS == 1 {
                "pools"
            } else {
                "holes"
            })
            .output()
            .map_err(|error: io::Error| format!("{text}: {error}"))?;
        let (promised, start, faults) = said(&output)
            .ok_or_else(|| format!("{text} {number}: {output:?}").replace('\n', " "))?;
        let report = report.get_or_insert(CellReport::new(cell, promised.0, promised.1));
        report.starts += 1;
        report.add(&start);
        for fault in faults {
            println!("poolcfg: broken {text} {number}: {fault}");
            report.broken += 1;
        }
    }
    report.ok_or_else(|| "no process was to be started".to_owned())
}

type Said<'a> = (([Size; 2], PromisedSlots), Start, Vec<&'a str>);

/// What a process said: a line of promises, what it measured, and each promise that was not kept.
fn said(output: &Output) -> Option<Said<'_>> {
    if !output.status.success() {
        return None;
    }
    let mut lines = std::str::from_utf8(&output.stdout).ok()?.lines();
    let promised: Vec<&str> = lines.next()?.split(' ').collect();
    let ["promised", first, second, wasmtime, native] = promised.as_slice() else {
        return None;
    };
    let size = |word: &str| word.parse().ok().map(Size::bytes);
    let slots = PromisedSlots {
        wasmtime: wasmtime.parse().ok()?,
        native: native.parse().ok()?,
    };
    let promised = ([size(first)?, size(second)?], slots);
    let start = Start::read(lines.next()?)?;
    let mut faults = Vec::new();
    loop {
        let line = lines.next()?;
        if line == "end" {
            return lines.next().is_none().then_some((promised, start, faults));
        }
        faults.push(line.strip_prefix("broken ")?);
    }
}

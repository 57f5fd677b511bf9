//! Cells: the ways to link and to start a process. In every one of them, on every kernel, fresh processes look
//! for what is promised of theirs.

use std::path::PathBuf;

use poolcfg_tests::in_parallel;
use poolcfg_tests_kernels::{Cell, CellReport, Program};

use crate::initramfs::Image;
use crate::kernel::{self, Architecture, KERNELS, Kernel};
use crate::table::{self, Judged};
use crate::{boot, programs};

/// Fresh processes in each cell; ASLR places each anew. `cargo xtask kernels` starts 140, which makes 15,120 of nine
/// kernels with twelve cells.
fn starts_of_a_cell() -> u32 {
    std::env::var("POOLCFG_STARTS").map_or(10, |starts| starts.parse().unwrap())
}

/// The archive with the judged program in its three ways of linking.
fn archive(architecture: &'static Architecture) -> PathBuf {
    let image = Program::ALL
        .into_iter()
        .fold(Image::new(architecture), |image, program| {
            let bytes = programs::build(architecture, "cell", program);
            image.file(program.word(), &bytes)
        });
    image.write("cells")
}

/// Boots the kernels, two at a time where there are two processors.
fn judge_all() -> Vec<(&'static Kernel, Result<Judged, String>)> {
    let archives: Vec<_> = kernel::ARCHITECTURES
        .iter()
        .map(|architecture| (architecture.name, archive(architecture)))
        .collect();
    let each = starts_of_a_cell();
    let kernels = KERNELS.iter().filter(|kernel| kernel.held());
    let mut judged = in_parallel(kernels, |kernel| {
        let (_, archive) = archives
            .iter()
            .find(|(name, _)| *name == kernel.architecture.name)
            .unwrap();
        let job = format!("cells {} {each}", kernel.profile);
        boot::boot(kernel, "cells", archive, &job, |release, lines| {
            read(release, &lines, each)
        })
    });
    judged.sort_by_key(|(kernel, _)| KERNELS.iter().position(|of| of.id() == kernel.id()));
    judged
}

#[test]
#[ignore = "needs compilers, emulators and kernels: cargo xtask kernels"]
fn every_promise_is_kept_by_every_kernel() {
    let mut failures = Vec::new();
    let mut judged = Vec::new();
    for (kernel, result) in judge_all() {
        match result {
            Ok(result) => judged.push((kernel, result)),
            Err(error) => failures.push(format!("{}: {error}", kernel.id())),
        }
    }
    let text = table::write(&judged);
    failures.extend(table::out_of_date(&text));
    let mut starts = 0;
    for (kernel, result) in &judged {
        failures.extend(
            result
                .broken
                .iter()
                .map(|broken| format!("{}: {broken}", kernel.id())),
        );
        for cell in &result.cells {
            starts += cell.starts;
            if let Some(low) = table::too_low(cell) {
                failures.push(format!("{}: {low}", kernel.id()));
            }
        }
    }
    // Slots of 1/64 of the window are Wasmtime's default of 4 GiB there: 42 are promised, 43 are refused. In two
    // pieces it is 61.
    let default_slots = judged
        .iter()
        .filter(|(kernel, _)| kernel.profile == "sv39")
        .flat_map(|(_, result)| &result.cells)
        .find(|report| report.cell.to_string() == "pie finite minimum");
    let Some(report) = default_slots else {
        panic!("sv39 has no cell of a PIE: {failures:?}");
    };
    if (report.slots_promised, report.slots_least, report.refused) != (42, 42, report.pools) {
        failures.push(format!("sv39: not 42 default slots: {report}"));
    }
    if report.native_promised != 61 || report.native_least < 61 {
        failures.push(format!("sv39: not 61 slots in pieces: {report}"));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let kernels = KERNELS.iter().filter(|kernel| kernel.held()).count();
    let expected = 12 * starts_of_a_cell() * u32::try_from(kernels).unwrap();
    assert_eq!(starts, expected, "processes");
}

/// Reads what a kernel says of its cells.
fn read(release: &str, lines: &[&str], starts: u32) -> Result<Judged, String> {
    let mut judged = Judged {
        release: release.to_owned(),
        cells: Vec::new(),
        broken: Vec::new(),
    };
    for line in lines {
        match line.split_once(' ') {
            Some(("broken", broken)) => judged.broken.push(broken.to_owned()),
            Some(("cell", _)) => {
                let report = CellReport::read(line).ok_or_else(|| format!("line `{line}`"))?;
                judged.cells.push(report);
            }
            Some(("end", broken)) if broken == judged.broken.len().to_string() => {}
            _ => return Err(format!("line `{line}`")),
        }
    }
    let cells = judged.cells.iter().map(|report| report.cell);
    if !cells.eq(Cell::all()) || judged.cells.iter().any(|of| of.starts != starts) {
        return Err("not every cell was judged".to_owned());
    }
    Ok(judged)
}

/// What a kernel says in which all went well.
#[cfg(test)]
fn said(starts: u32) -> Vec<String> {
    let mut lines: Vec<String> = Cell::all()
        .map(|cell| format!("cell {cell} {starts} 0 1 1 2 2 3 3 990 1 1 14 14 1 1 990"))
        .collect();
    lines.push("end 0".to_owned());
    lines
}

#[cfg(test)]
fn read_lines(lines: &[String]) -> Result<Judged, String> {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    read("6.12.0", &lines, 140)
}

#[test]
fn a_kernel_is_believed_only_when_every_cell_is_there() {
    let judged = read_lines(&said(140)).unwrap();
    assert_eq!((judged.cells.len(), judged.broken.len()), (12, 0));
    for missing in 0..12 {
        let mut lines = said(140);
        lines.remove(missing);
        assert!(read_lines(&lines).is_err(), "{missing}");
    }
    assert!(read_lines(&said(139)).is_err());
    for line in ["cell pie finite minimum 140 0", "broken but not counted"] {
        for place in [0, 5, 12] {
            let mut lines = said(140);
            lines.insert(place, line.to_owned());
            assert!(read_lines(&lines).is_err(), "{line}");
        }
    }
}

#[test]
fn a_broken_promise_is_told() {
    let mut lines = said(140);
    lines.insert(0, "broken the first hole has less".to_owned());
    lines[13] = "end 1".to_owned();
    let judged = read_lines(&lines).unwrap();
    assert_eq!(judged.broken, ["the first hole has less"]);
}

//! Real kernels as the judges of the model: each is booted once in emulation, and in every one of its twelve
//! cells many fresh processes look for what is promised of theirs.
//!
//! These need cross compilers, emulators and kernels: `cargo xtask kernels` fetches them and runs this.
#![forbid(unsafe_code)]

mod boot;
mod initramfs;
mod kernel;
mod programs;
mod table;

use std::env;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use kernel::{KERNELS, Kernel};
use table::Judged;

/// Fresh processes in each cell; ASLR places each anew. Six kernels of twelve cells make 10,080.
const STARTS: u32 = 140;

/// A folder or file that `cargo xtask kernels` names.
fn variable(name: &str) -> PathBuf {
    match env::var_os(name) {
        Some(value) => value.into(),
        None => panic!("`{name}` is set by `cargo xtask kernels`"),
    }
}

/// Boots the kernels, two at a time where there are two processors.
fn judge_all() -> Vec<(&'static Kernel, Result<Judged, String>)> {
    let archives: Vec<_> = kernel::ARCHITECTURES
        .iter()
        .map(|architecture| (architecture.name, initramfs::make(architecture)))
        .collect();
    let next = Mutex::new(KERNELS.iter());
    let judged = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let kernel = next.lock().unwrap().next();
                    let Some(kernel) = kernel else { break };
                    let (_, archive) = archives
                        .iter()
                        .find(|(name, _)| *name == kernel.architecture.name)
                        .unwrap();
                    let result = boot::boot(kernel, archive, STARTS);
                    judged.lock().unwrap().push((kernel, result));
                }
            });
        }
    });
    let mut judged = judged.into_inner().unwrap();
    judged.sort_by_key(|(kernel, _)| KERNELS.iter().position(|of| of.profile == kernel.profile));
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
            Err(error) => failures.push(format!("{}: {error}", kernel.profile)),
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
                .map(|broken| format!("{}: {broken}", kernel.profile)),
        );
        for cell in &result.cells {
            starts += cell.starts;
            if let Some(low) = table::too_low(cell) {
                failures.push(format!("{}: {low}", kernel.profile));
            }
        }
    }
    // Slots of 1/64 of the window are Wasmtime's default of 4 GiB there: 42 are promised, 43 are refused.
    let default_slots = judged
        .iter()
        .filter(|(kernel, _)| kernel.profile == "sv39")
        .flat_map(|(_, result)| &result.cells)
        .find(|report| report.cell.to_string() == "pie finite default");
    if let Some(report) = default_slots
        && (report.slots_promised, report.slots_least, report.refused) != (42, 42, report.pools)
    {
        failures.push(format!("sv39: not 42 default slots: {report}"));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(starts >= 10_000, "{starts} processes");
}

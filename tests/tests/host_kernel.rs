//! The kernel of this machine as the judge of the model: what is promised of a process shape is there, in
//! every one of many fresh processes.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use poolcfg_core::{Aslr, SearchLayout, Shape, StackLimit};
use poolcfg_tests::root;

/// Fresh processes for each shape; ASLR places each anew.
const PROCESSES: usize = 25;

/// The program, linked in one way, under a name of its own: cargo gives every way the same, and what the program depends
/// on is built once for all.
fn program(name: &str, flags: &[&str]) -> PathBuf {
    let target = root().join("target/host-kernel");
    let status = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([
            "rustc",
            "--quiet",
            "-p",
            "poolcfg-tests",
            "--bin",
            "fill-holes",
        ])
        .arg("--target-dir")
        .arg(&target)
        .arg("--")
        .args(flags)
        .status()
        .unwrap();
    assert!(status.success(), "{name}");
    let program = target.join(name);
    fs::copy(target.join("debug/fill-holes"), &program).unwrap();
    program
}

/// The range of ASLR in force here, where it can be read; else only the largest one is certain.
fn aslr() -> Vec<Aslr> {
    let bits = fs::read_to_string("/proc/sys/vm/mmap_rnd_bits");
    let default = match std::env::consts::ARCH {
        "x86_64" => "28",
        _ => "18",
    };
    match bits {
        Ok(bits) if bits.trim() == default => Aslr::NAMED.to_vec(),
        _ => vec![Aslr::Maximum],
    }
}

#[test]
fn every_promise_is_kept_by_this_kernel() {
    let probe = poolcfg_runtime::probe();
    let Some(profile) = probe.va_profiles.first() else {
        panic!("no profile matches this machine: {probe:?}");
    };
    let programs = [
        ("pie", "pie", program("pie", &[])),
        (
            "static-pie",
            "pie",
            program("static-pie", &["-Ctarget-feature=+crt-static"]),
        ),
        (
            "fixed",
            "static",
            program("fixed", &["-Crelocation-model=static"]),
        ),
        (
            "static",
            "static",
            program(
                "static",
                &["-Crelocation-model=static", "-Ctarget-feature=+crt-static"],
            ),
        ),
    ];
    let mut starts = 0;
    for (name, relocation_model, program) in programs {
        for shape in Shape::NAMED {
            if shape.relocation_model.word() != relocation_model || !aslr().contains(&shape.aslr) {
                continue;
            }
            if shape.layout.is_legacy() && shape.stack_limit.is_unlimited() {
                // The limit makes no difference to it.
                continue;
            }
            let limit = match shape.stack_limit {
                StackLimit::Finite => "ulimit -s 8192",
                StackLimit::Unlimited => "ulimit -s unlimited",
                StackLimit::UpTo(size) | StackLimit::AsUnlimited(size) => {
                    panic!("{size} has no word")
                }
            };
            // util-linux's command sets ADDR_COMPAT_LAYOUT.
            let personality = match shape.layout {
                SearchLayout::Standard => "",
                SearchLayout::Legacy => "setarch --addr-compat-layout",
            };
            for _ in 0..PROCESSES {
                let output = Command::new("bash")
                    .args([
                        "-c",
                        &format!("{limit} && exec {personality} \"$0\" \"$@\""),
                    ])
                    .arg(&program)
                    .args([
                        profile.name,
                        relocation_model,
                        shape.stack_limit.text().as_str(),
                        shape.aslr.text().as_str(),
                        shape.layout.word(),
                    ])
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&output.stdout);
                assert!(
                    output.status.success(),
                    "{name} {}: {said}",
                    shape.describe()
                );
                starts += 1;
            }
        }
    }
    assert!(starts >= 4 * 2 * PROCESSES);
}

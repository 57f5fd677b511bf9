//! The first process of an emulated kernel: does what its arguments say, prints what came of it over the
//! console, and powers off.
//!
//! - `cells PROFILE NUMBER`: so many processes in every cell of a VA profile
//! - `commands`: the commands of the file /commands, one after the other
//! - `fill MEBIBYTES`: not as the first process, but as a command: takes so much memory, and ends
#![forbid(unsafe_code)]

mod cells;
mod commands;

use std::fs;
use std::process::ExitCode;

use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [job, size] = words.as_slice()
        && job == "fill"
    {
        return fill(size);
    }
    if let Err(error) = run(&words) {
        println!("poolcfg: error {error}");
    }
    // What the serial line has not sent yet may be lost with the power: seen with Linux 7.2 on riscv64. A kernel that
    // cannot power off panics when its first process ends, which ends the emulation too.
    let _ = rustix::termios::tcdrain(std::io::stdout());
    let off = reboot(RebootCommand::PowerOff);
    println!("poolcfg: error power off: {off:?}");
    ExitCode::FAILURE
}

fn fill(mebibytes: &str) -> ExitCode {
    match mebibytes.parse::<usize>() {
        Ok(mebibytes) => {
            let taken = std::hint::black_box(vec![1u8; mebibytes << 20]);
            ExitCode::from(taken[0] - 1)
        }
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(words: &[String]) -> Result<(), String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    mount_on("proc", "/proc")?;
    let release = read("/proc/sys/kernel/osrelease")?;
    println!("poolcfg: kernel {}", release.trim());
    match words.as_slice() {
        ["cells", profile, starts] => cells::judge(profile, starts),
        ["commands"] => {
            mount_on("sysfs", "/sys")?;
            mount_on("cgroup2", "/sys/fs/cgroup")?;
            // IFF_UP of netdevice(7); the kernel gives the interface its address.
            fs::write("/sys/class/net/lo/flags", "0x1").map_err(|error| format!("lo: {error}"))?;
            commands::run()
        }
        words => Err(format!("arguments {words:?}")),
    }
}

fn mount_on(kind: &str, folder: &str) -> Result<(), String> {
    mount(kind, folder, kind, MountFlags::empty(), None)
        .map_err(|error| format!("mount {folder}: {error}"))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("`{path}`: {error}"))
}

//! The file that tells which pages have been written: of another process after a fork, closed, or another
//! one's number.

use std::fs::{self, File};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::{child, pool_with};
use crate::{AcquireOptions, Pool, PoolOptions, Reset};

/// More than are zeroed whole.
const PAGES: usize = 64;

/// Writes to one page of a slot, releases it, and looks for what the next owner can read.
fn leaves_nothing(pool: &Pool, page: usize) -> bool {
    let size = crate::sys::page_size();
    let request = AcquireOptions::new().memory(PAGES * size);
    let Ok(mut slot) = pool.acquire_with(request) else {
        return false;
    };
    let address = slot.memory_mut().as_mut_ptr();
    slot.memory_mut().as_mut_slice()[page * size] = 0xa5;
    drop(slot);
    let Ok(mut slot) = pool.acquire_with(request) else {
        return false;
    };
    slot.memory_mut().as_mut_ptr() == address
        && slot.memory().as_slice().iter().all(|byte| *byte == 0)
}

/// A pool that scans, unless the kernel is older than 6.7.
fn scanning() -> Option<Pool> {
    let pool = pool_with(PoolOptions::new());
    (pool.reset_mode() == Reset::PagemapScan).then_some(pool)
}

#[test]
fn the_kernel_that_can_scan_is_found() {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    let version = (number().unwrap_or(0), number().unwrap_or(0));
    assert_eq!(scanning().is_some(), version >= (6, 7), "{release}");
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn fork_with_a_pool() {
    let pool = scanning().unwrap_or_else(|| pool_with(PoolOptions::new()));
    assert!(leaves_nothing(&pool, 1));
    let mut command = Command::new("is never started");
    let in_child = move || -> io::Result<()> {
        // A page that the parent has never touched, so its file does not show it.
        let zeros = leaves_nothing(&pool, 7) && leaves_nothing(&pool, 8);
        std::process::exit(if zeros { 0 } else { 1 })
    };
    // SAFETY: this thread alone uses the pool and allocates.
    let command = unsafe { command.pre_exec(in_child) };
    let status = command.status().expect("a child that reads zeros");
    assert!(status.success());
}

#[test]
fn a_child_of_fork_reads_nothing_stale() {
    let output = child("pagemap::fork_with_a_pool", "");
    assert!(output.status.success(), "{output:?}");
}

/// The number of this process's file.
fn number() -> Option<RawFd> {
    let files = fs::read_dir("/proc/self/fd").expect("Linux has /proc");
    files.filter_map(Result::ok).find_map(|file| {
        let target = fs::read_link(file.path()).ok()?;
        let name = file.file_name().into_string().ok()?;
        target.ends_with("pagemap").then(|| name.parse().ok())?
    })
}

#[test]
#[ignore = "run by the test below, in a process whose files it closes"]
fn close_the_file() {
    let Some(pool) = scanning() else { return };
    assert!(leaves_nothing(&pool, 1));
    for other in [
        None,
        Some(File::open("/proc/self/exe").expect("Linux has /proc")),
    ] {
        let number = number().expect("it is open");
        match other {
            // SAFETY: whoever closes all files that it does not know closes this one too.
            None => unsafe { rustix::io::close(number) },
            Some(other) => {
                // SAFETY: as above; the number is of another file then.
                let mut number =
                    unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(number) };
                rustix::io::dup2(other, &mut number).expect("the number is taken over");
                std::mem::forget(number);
            }
        }
        // The first round discards, and the next ones scan with a file opened again.
        for page in 2..5 {
            assert!(leaves_nothing(&pool, page));
        }
        let opened = self::number().expect("it is open again");
        // SAFETY: the file is open.
        let opened = unsafe { BorrowedFd::borrow_raw(opened) };
        rustix::fs::fstat(opened).expect("a file");
    }
}

#[test]
fn a_file_that_others_close_is_missed_by_nobody() {
    let output = child("pagemap::close_the_file", "");
    assert!(output.status.success(), "{output:?}");
}

//! The swap of a kernel, which is in its memory: sets it up, puts pages of a process into it, and confines a process
//! so that others can push its pages out.
//!
//! - `set-up MIB`: loads the modules of /modules and switches on a swap of so many MiB
//! - `confined MIB PROGRAM ARGUMENTS…`: becomes the program, in a memory cgroup of so many MiB
//! - `page-out PROCESS`: asks the kernel to page out all that a process has written
//! - `pressure PROCESS`: takes more memory than the cgroup has, so that the kernel pages out what is older

use std::ffi::{CString, c_void};
use std::fs::{self, File};
use std::io::{self, Error, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["set-up", mib] => set_up(mib),
        ["confined", mib, program, arguments @ ..] => confined(mib, program, arguments),
        ["page-out", process] => page_out(process),
        ["pressure", _] => pressure(),
        words => Err(format!("arguments {words:?}")),
    };
    if let Err(error) = done {
        eprintln!("swap: {error}");
        std::process::exit(1);
    }
}

const PAGE: usize = 4096;

fn set_up(mib: &str) -> Result<(), String> {
    let mib: u64 = mib.parse().map_err(|_| format!("size `{mib}`"))?;
    load_modules()?;
    let bytes = mib << 20;
    write("/sys/block/zram0/disksize", &bytes.to_string())?;
    let number = read("/sys/block/zram0/dev")?;
    let number = number
        .trim()
        .split_once(':')
        .and_then(|(major, minor)| Some(makedev(major.parse().ok()?, minor.parse().ok()?)));
    let number = number.ok_or("the number of zram0")?;
    let device = "/dev/zram0";
    mknodat(
        CWD,
        device,
        FileType::BlockDevice,
        Mode::RUSR | Mode::WUSR,
        number,
    )
    .map_err(|error| format!("`{device}`: {error}"))?;
    let failed = |error| format!("`{device}`: {error}");
    let mut file = File::options().write(true).open(device).map_err(failed)?;
    file.write_all(&header(bytes)?).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    drop(file);
    let path = CString::new(device).map_err(|error| error.to_string())?;
    // SAFETY: the path is a text with an end, and a swap that is switched on changes no memory of this process.
    let on = unsafe { libc::swapon(path.as_ptr(), 0) };
    if on != 0 {
        return Err(format!("swapon: {}", Error::last_os_error()));
    }
    print!("{}", read("/proc/swaps")?);
    Ok(())
}

/// Loads every module that can be: one that needs another is tried again after it, and what another kernel has
/// inside is not needed.
fn load_modules() -> Result<(), String> {
    let entries = fs::read_dir("/modules").map_err(|error| format!("`/modules`: {error}"))?;
    let mut left: Vec<_> = entries.filter_map(Result::ok).collect();
    let mut errors;
    loop {
        let before = left.len();
        errors = Vec::new();
        left.retain(|module| match load(&module.path()) {
            Ok(()) => false,
            Err(error) => {
                errors.push(format!("{}: {error}", module.path().display()));
                true
            }
        });
        if left.is_empty() || left.len() == before {
            break;
        }
    }
    match fs::metadata("/sys/block/zram0") {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("no zram: {}", errors.join("; "))),
    }
}

fn load(module: &std::path::Path) -> io::Result<()> {
    // include/uapi/linux/module.h: MODULE_INIT_COMPRESSED_FILE.
    const COMPRESSED: libc::c_int = 4;
    let file = File::open(module)?;
    let plain = module
        .extension()
        .is_some_and(|extension| extension == "ko");
    let flags = if plain { 0 } else { COMPRESSED };
    // SAFETY: the file is open, the text of no parameters has an end, and the call touches no memory of ours.
    let loaded = unsafe {
        libc::syscall(
            libc::SYS_finit_module,
            file.as_raw_fd(),
            c"".as_ptr(),
            flags,
        )
    };
    match loaded {
        0 => Ok(()),
        _ if Error::last_os_error().raw_os_error() == Some(libc::EEXIST) => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

/// The first page of a swap: include/linux/swap.h, `union swap_header` (6.12).
fn header(bytes: u64) -> Result<Vec<u8>, String> {
    let last_page = u32::try_from(bytes >> 12).map_err(|_| "too large a swap")? - 1;
    let mut page = vec![0; PAGE];
    page[1024..1028].copy_from_slice(&1_u32.to_ne_bytes());
    page[1028..1032].copy_from_slice(&last_page.to_ne_bytes());
    page[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
    Ok(page)
}

const CGROUP: &str = "/sys/fs/cgroup/confined";

fn confined(mib: &str, program: &str, arguments: &[&str]) -> Result<(), String> {
    let mib: u64 = mib.parse().map_err(|_| format!("size `{mib}`"))?;
    write("/sys/fs/cgroup/cgroup.subtree_control", "+memory")?;
    match fs::create_dir(CGROUP) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(format!("`{CGROUP}`: {error}"));
        }
        _ => {}
    }
    write(&format!("{CGROUP}/memory.max"), &(mib << 20).to_string())?;
    write(&format!("{CGROUP}/cgroup.procs"), "0")?;
    let error = Command::new(program).args(arguments).exec();
    Err(format!("`{program}`: {error}"))
}

/// Pages out every private mapping of a process that can be written to.
fn page_out(process: &str) -> Result<(), String> {
    let maps = read(&format!("/proc/{process}/maps"))?;
    let process: libc::pid_t = process
        .parse()
        .map_err(|_| format!("process `{process}`"))?;
    // SAFETY: the call touches no memory of ours.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) };
    let pidfd = libc::c_int::try_from(pidfd).map_err(|error| error.to_string())?;
    if pidfd < 0 {
        return Err(format!("pidfd_open: {}", Error::last_os_error()));
    }
    // SAFETY: the descriptor was just opened and is nobody else's.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    for line in maps.lines() {
        let mut words = line.split(' ');
        let range = words.next().and_then(|range| range.split_once('-'));
        let (Some((start, end)), Some("rw-p")) = (range, words.next()) else {
            continue;
        };
        let address = |text| usize::from_str_radix(text, 16).map_err(|_| format!("line `{line}`"));
        let (start, end) = (address(start)?, address(end)?);
        let range = libc::iovec {
            iov_base: std::ptr::without_provenance_mut::<c_void>(start),
            iov_len: end - start,
        };
        // SAFETY: paging out changes nothing that a program sees, in whatever process.
        let advised = unsafe {
            libc::syscall(
                libc::SYS_process_madvise,
                pidfd.as_raw_fd(),
                &raw const range,
                1,
                libc::MADV_PAGEOUT,
                0,
            )
        };
        let error = Error::last_os_error();
        // A thread that ends takes its stack along.
        if advised < 0 && error.raw_os_error() != Some(libc::ENOMEM) {
            return Err(format!("process_madvise: {error}: {line}"));
        }
    }
    Ok(())
}

/// Writes to half as much again as the cgroup may have in memory.
fn pressure() -> Result<(), String> {
    let limit = read(&format!("{CGROUP}/memory.max"))?;
    let limit: usize = limit.trim().parse().map_err(|_| format!("limit {limit}"))?;
    let len = (limit + limit / 2).next_multiple_of(PAGE);
    let flags = MapFlags::PRIVATE;
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new private map at an address of the kernel's choosing touches nothing that exists.
    let base = unsafe { mmap_anonymous(std::ptr::null_mut(), len, protection, flags) }
        .map_err(|error| format!("mmap of {len} bytes: {error}"))?;
    for offset in (0..len).step_by(PAGE) {
        let word: *mut usize = base.wrapping_byte_add(offset).cast();
        // SAFETY: the word lies within the map, which is ours alone, can be written and is never unmapped.
        unsafe { word.write_volatile(offset + 1) };
    }
    Ok(())
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("`{path}`: {error}"))
}

fn write(path: &str, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("`{path}`: {text}: {error}"))
}

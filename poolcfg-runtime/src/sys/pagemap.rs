//! Which pages of a range hold something, as Linux tells: the ioctl `PAGEMAP_SCAN` (6.7 and later).
//!
//! The file is opened once in a process. A child of fork() inherits one that shows the pages of its parent,
//! and would leave what the child has written. So its number stands in a page that reads as zero in a
//! child, which then opens its own.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{BorrowedFd, IntoRawFd};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, opcode};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::os::{self, Call};
use super::page;

// Sources: include/uapi/linux/fs.h, `PAGE_IS_*`; what they mean for a page in fs/proc/task_mmu.c,
// pagemap_page_category (Linux 6.12 and 7.2).
/// The page is in memory.
const PRESENT: u64 = 1 << 3;
/// The page is in swap, is just being moved, or is a mark.
const SWAPPED: u64 = 1 << 4;
/// The page is the one of zeros that all share until they write.
const SHARED_ZERO: u64 = 1 << 5;

/// Ranges that one call reports at most.
const RANGES: usize = 32;

/// `struct pm_scan_arg`, include/uapi/linux/fs.h.
#[repr(C)]
#[derive(Debug)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region`, include/uapi/linux/fs.h.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Found {
    start: u64,
    end: u64,
    categories: u64,
}

// SAFETY: the operation is `_IOWR('f', 16, struct pm_scan_arg)`: it reads and writes the struct, writes
// `vec_len` ranges to `vec` at most, which whoever makes a `Scan` answers for, and returns their number.
unsafe impl Ioctl for &mut Scan {
    type Output = usize;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Scan>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut::<Scan>(self).cast()
    }

    unsafe fn output_from_ptr(found: IoctlOutput, _: *mut c_void) -> rustix::io::Result<usize> {
        usize::try_from(found).map_err(|_| Errno::RANGE)
    }
}

/// What has been zeroed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zeroed {
    /// Bytes of the pages that were zeroed.
    pub(super) kept: usize,
    /// Up to where everything is zero.
    pub(super) upto: usize,
}

/// Zeroes the pages that hold something, from the first on until they are `keep` bytes; those in swap are
/// given back instead of being fetched.
///
/// # Errors
/// When the system does not tell. Some pages may have been zeroed.
///
/// # Safety
/// The range, of whole pages, is open and the caller's own, and nobody refers to it.
pub(super) unsafe fn zero_written(
    start: NonNull<u8>,
    len: usize,
    keep: usize,
) -> io::Result<Zeroed> {
    let page = os::page_size();
    let file = file()?;
    let mut zeroed = Zeroed { kept: 0, upto: 0 };
    // A limit of 0 pages is none for the kernel.
    while zeroed.upto < len && keep.saturating_sub(zeroed.kept) >= page {
        let mut found = [const { MaybeUninit::<Found>::uninit() }; RANGES];
        let from = wide(start.addr().get() + zeroed.upto);
        let mut scan = Scan {
            size: wide(size_of::<Scan>()),
            flags: 0,
            start: from,
            end: wide(start.addr().get() + len),
            walk_end: 0,
            vec: wide(found.as_mut_ptr().expose_provenance()),
            vec_len: wide(RANGES),
            max_pages: wide((keep - zeroed.kept) / page),
            // Not the shared page of zeros; there, or somewhere else. Pages that userfaultfd protects
            // from writing are left out of `PAGE_IS_WRITTEN`, so that is not asked for.
            category_inverted: SHARED_ZERO,
            category_mask: SHARED_ZERO,
            category_anyof_mask: PRESENT | SWAPPED,
            return_mask: SWAPPED,
        };
        // SAFETY: `vec` is `vec_len` ranges of our own.
        let count = os::call(Call::Scan, 0, |_| unsafe {
            rustix::ioctl::ioctl(file, &mut scan)
        });
        let count = match count {
            Ok(count) => count.min(RANGES),
            Err(error) => {
                forget(file, &error);
                return Err(error);
            }
        };
        for range in &found[..count] {
            // SAFETY: the kernel has filled in the first `count` ranges, and any bits are a valid one.
            let range = unsafe { range.assume_init_read() };
            let bytes = within(&range, start, zeroed.upto..len)?;
            // SAFETY: the bytes are within the caller's range.
            let first = unsafe { start.add(bytes.start) };
            if range.categories & SWAPPED == 0 {
                // SAFETY: the caller's promise.
                unsafe { ptr::write_bytes(first.as_ptr(), 0, bytes.len()) };
                zeroed.kept += bytes.len();
            } else {
                // SAFETY: the caller's promise.
                unsafe { os::discard(first, bytes.len()) }?;
            }
            zeroed.upto = bytes.end;
        }
        let walked = Found {
            start: from,
            end: scan.walk_end,
            categories: 0,
        };
        let walked = within(&walked, start, 0..len)?;
        if walked.is_empty() || walked.end < zeroed.upto {
            return Err(io::ErrorKind::InvalidData.into());
        }
        zeroed.upto = walked.end;
    }
    Ok(zeroed)
}

/// What was reported, as offsets, if it is whole pages of what was asked about: the file may have been closed
/// by others and its number may be of another file.
fn within(found: &Found, start: NonNull<u8>, asked: Range<usize>) -> io::Result<Range<usize>> {
    let offset = |address: u64| {
        usize::try_from(address)
            .ok()?
            .checked_sub(start.addr().get())
            .filter(|offset| page::is_whole(*offset))
    };
    match (offset(found.start), offset(found.end)) {
        (Some(from), Some(to)) if asked.start <= from && from <= to && to <= asked.end => {
            Ok(from..to)
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The number of the process's own file, plus one; 0 when it has none, or is a child of the process that
/// had.
fn number() -> io::Result<&'static AtomicI32> {
    static NUMBER: OnceLock<Option<&'static AtomicI32>> = OnceLock::new();
    NUMBER
        .get_or_init(|| {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            let len = os::page_size();
            // SAFETY: a new private map at an address of the system's choosing touches nothing that exists.
            let page = unsafe {
                rustix::mm::mmap_anonymous(ptr::null_mut(), len, access, MapFlags::PRIVATE)
            };
            let page = page.ok()?;
            // SAFETY: the page is our own, and holds nothing yet.
            let wiped = unsafe { rustix::mm::madvise(page, len, Advice::LinuxWipeOnFork) };
            if wiped.is_err() {
                // SAFETY: the page is our own, and nobody refers to it.
                let _ = unsafe { rustix::mm::munmap(page, len) };
                return None;
            }
            // SAFETY: the page begins with zeros, which are a number, and stays mapped for good.
            Some(unsafe { AtomicI32::from_ptr(page.cast()) })
        })
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

fn file() -> io::Result<BorrowedFd<'static>> {
    let number = number()?;
    let mut known = number.load(Ordering::Acquire);
    if known == 0 {
        let file = os::call(Call::OpenPagemap, 0, |_| {
            File::open("/proc/self/pagemap")
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })?
        .into_raw_fd();
        known = match number.compare_exchange(0, file + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => file + 1,
            Err(other) => {
                // SAFETY: nobody else knows of this one.
                drop(unsafe { <File as std::os::fd::FromRawFd>::from_raw_fd(file) });
                other
            }
        };
    }
    // SAFETY: the number is not -1. If somebody else has closed the file, the call below is an error or one
    // on a file that does not know it.
    Ok(unsafe { BorrowedFd::borrow_raw(known - 1) })
}

/// A file that others have closed is opened anew next time; its number is no longer ours to close.
fn forget(file: BorrowedFd<'_>, error: &io::Error) {
    use std::os::fd::AsRawFd;
    let gone = [Errno::BADF, Errno::NOTTY].map(Errno::raw_os_error);
    if error
        .raw_os_error()
        .is_some_and(|error| gone.contains(&error))
        && let Ok(number) = number()
    {
        let known = file.as_raw_fd() + 1;
        let _ = number.compare_exchange(known, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

fn wide(number: usize) -> u64 {
    crate::machine::wide(number)
}

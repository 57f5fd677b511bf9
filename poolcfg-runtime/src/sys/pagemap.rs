//! Which pages of a range hold something, as Linux tells: the ioctl `PAGEMAP_SCAN` (6.7 and later).
//!
//! The file is opened once in a process. A child of fork() inherits one that shows the pages of its parent,
//! and would leave what the child has written. So its number stands in a page that reads as zero in a
//! child, which then opens its own.
//!
//! Others can close a number that they do not know, and the next file that is opened gets it: it may be the
//! pagemap of another process, which shows that nothing has been written. Nothing in the answer of a scan tells
//! the two apart. So the file's own position, which only opening it again resets, is set to a random number of
//! this process, and each scan is followed by a look at it. A file that is still ours after the scan has been
//! ours during it: what was closed is not opened again.

use std::ffi::c_void;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Seek, SeekFrom};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::process;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, opcode};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::left::Cleared;
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

/// The least number that the file is to have, the first that `RLIMIT_NOFILE` allows. Programs that close what
/// they do not know begin at 3, and a new file gets the lowest number that is free. A much higher one would
/// cost memory: the kernel's table of files has a place for each number below.
const NUMBERS: [i32; 2] = [1000, 200];

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

/// Zeroes the pages that hold something, from the first on until those that are mapped are `keep` bytes; those
/// that show the shared page of zeros count as well, so that no more is walked through than is kept. Ends
/// before the first page in swap: where memory is short, what comes next is better given back than fetched.
/// Without `keep` everything is zeroed.
///
/// # Errors
/// When the system does not tell. Some pages may have been zeroed.
///
/// # Safety
/// The range, of whole pages, is open and the caller's own, and nobody refers to it.
pub(super) unsafe fn zero_written(
    start: NonNull<u8>,
    len: usize,
    keep: Option<usize>,
) -> io::Result<Cleared> {
    let file = file()?;
    // SAFETY: the caller's promise.
    let cleared = unsafe { zero_reported(&file, start, len, keep) };
    prove(&file)?;
    cleared
}

/// The same, as far as the file is to be believed.
///
/// # Errors
/// # Safety
/// As above.
unsafe fn zero_reported(
    file: &Pagemap,
    start: NonNull<u8>,
    len: usize,
    keep: Option<usize>,
) -> io::Result<Cleared> {
    let page = os::page_size();
    let mut cleared = Cleared::default();
    let left = |cleared: &Cleared| keep.map(|keep| keep.saturating_sub(cleared.mapped) / page);
    'scan: while cleared.upto < len && left(&cleared) != Some(0) {
        let mut found = [const { MaybeUninit::<Found>::uninit() }; RANGES];
        let from = wide(start.addr().get() + cleared.upto);
        let mut scan = Scan {
            size: wide(size_of::<Scan>()),
            flags: 0,
            start: from,
            end: wide(start.addr().get() + len),
            walk_end: 0,
            vec: wide(found.as_mut_ptr().expose_provenance()),
            vec_len: wide(RANGES),
            // 0 is no limit.
            max_pages: wide(left(&cleared).unwrap_or(0)),
            category_inverted: 0,
            category_mask: 0,
            // Pages that userfaultfd protects from writing are left out of `PAGE_IS_WRITTEN`, so that is not
            // asked for.
            category_anyof_mask: PRESENT | SWAPPED,
            return_mask: SWAPPED | SHARED_ZERO,
        };
        // SAFETY: `vec` is `vec_len` ranges of our own.
        let count = os::call(Call::Scan, 0, |_| unsafe {
            rustix::ioctl::ioctl(file.number, &mut scan)
        });
        for range in &found[..count?.min(RANGES)] {
            // SAFETY: the kernel has filled in the first `count` ranges, and any bits are a valid one.
            let range = unsafe { range.assume_init_read() };
            let bytes = within(&range, start, cleared.upto..len)?;
            let swapped = range.categories & SWAPPED != 0;
            if swapped && keep.is_some() {
                cleared.upto = bytes.start;
                break 'scan;
            }
            let first = start.addr().get();
            cleared.tables.add(first + bytes.start..first + bytes.end);
            cleared.mapped += bytes.len();
            if range.categories & SHARED_ZERO == 0 {
                // SAFETY: the bytes are within the caller's range.
                let first = unsafe { start.add(bytes.start) };
                // SAFETY: the caller's promise.
                unsafe { zero(first, bytes.len(), &mut cleared) };
                cleared.last = bytes.end;
                cleared.behind = 0;
            } else {
                cleared.behind += bytes.len();
            }
            cleared.upto = bytes.end;
        }
        let walked = Found {
            start: from,
            end: scan.walk_end,
            categories: 0,
        };
        let walked = within(&walked, start, 0..len)?;
        if walked.is_empty() || walked.end < cleared.upto {
            return Err(io::ErrorKind::InvalidData.into());
        }
        cleared.upto = walked.end;
    }
    Ok(cleared)
}

/// Zeroes those of the pages that are not zero, and counts them: a page that is zero was kept for an owner who has
/// not written to it.
///
/// # Safety
/// The bytes, of whole pages, are open and the caller's own, and nobody refers to them.
unsafe fn zero(first: NonNull<u8>, len: usize, cleared: &mut Cleared) {
    // SAFETY: the caller's promise.
    let bytes = unsafe { slice::from_raw_parts_mut(first.as_ptr(), len) };
    for page in bytes.chunks_mut(os::page_size()) {
        let holds_something = |bytes: &[u8]| bytes.iter().fold(0, |any, byte| any | byte) != 0;
        if page.chunks(128).any(holds_something) {
            page.fill(0);
            cleared.written += page.len();
            let address = page.as_ptr().addr();
            cleared.written_tables.add(address..address + page.len());
        }
    }
}

/// What was reported, as offsets, if it is whole pages of what was asked about: the number may be that of
/// another file, which understands the call in its own way.
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

/// What a process knows of its own file, all 0 when it has none.
struct Known {
    /// The file's number, plus one.
    number: AtomicI32,
    /// Its position.
    position: AtomicUsize,
}

/// An open file that was this process's own when it was looked up.
struct Pagemap {
    number: BorrowedFd<'static>,
    position: u64,
}

/// What this process knows; a child of the process that has written it reads zeros.
fn known() -> io::Result<&'static Known> {
    static KNOWN: OnceLock<Option<&'static Known>> = OnceLock::new();
    KNOWN
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
            // SAFETY: the page begins with zeros, which are two numbers, and stays mapped for good.
            Some(unsafe { &*page.cast::<Known>() })
        })
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

impl Known {
    /// Where this process's files stand: a random number, never 0.
    fn position(&self) -> usize {
        match self.position.load(Ordering::Acquire) {
            0 => {
                let mut hasher = RandomState::new().build_hasher();
                // A child may have its parent's random state.
                hasher.write_u32(process::id());
                let bytes = hasher.finish().to_ne_bytes();
                let mut half = [0; size_of::<usize>()];
                half.copy_from_slice(&bytes[..size_of::<usize>()]);
                // A position has a sign, and 0 is that of any file.
                let position = (usize::from_ne_bytes(half) >> 2) + 1;
                let first = self.position.compare_exchange(
                    0,
                    position,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                );
                first.map_or_else(|other| other, |_| position)
            }
            position => position,
        }
    }
}

fn file() -> io::Result<Pagemap> {
    let known = known()?;
    let position = wide(known.position());
    let mut number = known.number.load(Ordering::Acquire);
    if number == 0 {
        let file = open(position)?;
        let opened = file.as_raw_fd() + 1;
        let first = known
            .number
            .compare_exchange(0, opened, Ordering::AcqRel, Ordering::Acquire);
        number = match first {
            Ok(_) => file.into_raw_fd() + 1,
            Err(other) => other,
        };
    }
    Ok(Pagemap {
        // SAFETY: the number is not -1. If somebody else has closed the file, `prove` finds it out.
        number: unsafe { BorrowedFd::borrow_raw(number - 1) },
        position,
    })
}

/// Opens the file of this process, with a number that others are unlikely to close or to be given.
fn open(position: u64) -> io::Result<OwnedFd> {
    let file = os::call(Call::OpenPagemap, 0, |_| {
        let mut file = File::open("/proc/self/pagemap").map_err(errno)?;
        file.seek(SeekFrom::Start(position)).map_err(errno)?;
        Ok(OwnedFd::from(file))
    })?;
    let high = NUMBERS
        .iter()
        .find_map(|least| rustix::io::fcntl_dupfd_cloexec(&file, *least).ok());
    Ok(high.unwrap_or(file))
}

/// That the file is still the one that this process has opened. If it is not, one is opened again next time;
/// the number is not ours to close any more.
///
/// # Errors
/// `EBADF` and `ESPIPE` when it is not; what the system says when it does not tell.
fn prove(file: &Pagemap) -> io::Result<()> {
    let stands = os::call(Call::Prove, 0, |_| {
        // SAFETY: it is not dropped, so the number stays as it is, whosever it may be.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(file.number.as_raw_fd()) });
        (&*file).stream_position().map_err(errno)
    });
    let lost = |error: &io::Error| {
        let gone = [Errno::BADF, Errno::SPIPE].map(Errno::raw_os_error);
        error
            .raw_os_error()
            .is_some_and(|error| gone.contains(&error))
    };
    let ours = stands.and_then(|stands| match stands == file.position {
        true => Ok(()),
        false => Err(Errno::BADF.into()),
    });
    if ours.as_ref().is_err_and(lost) {
        let number = file.number.as_raw_fd() + 1;
        let _ = known()?
            .number
            .compare_exchange(number, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
    ours
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

fn wide(number: usize) -> u64 {
    crate::sys::wide(number)
}

//! Which pages of a range hold something, as Linux tells: the ioctl `PAGEMAP_SCAN` (6.7 and later).

mod file;

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::slice;

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, opcode};

use super::left::Cleared;
use super::os::{self, Call};
use super::{page, wide};
use file::{Pagemap, file, prove};

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
struct PageRegion {
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
        let mut found = [const { MaybeUninit::<PageRegion>::uninit() }; RANGES];
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
        let walked = PageRegion {
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
fn within(found: &PageRegion, start: NonNull<u8>, asked: Range<usize>) -> io::Result<Range<usize>> {
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

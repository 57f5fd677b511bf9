//! The process's own pagemap, which is read only as long as it is certain to be that.
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

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Seek, SeekFrom};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::process;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::sys::os::{self, Call};
use crate::sys::wide;

/// The least number that the file is to have, the first that `RLIMIT_NOFILE` allows. Programs that close what
/// they do not know begin at 3, and a new file gets the lowest number that is free. A much higher one would
/// cost memory: the kernel's table of files has a place for each number below.
const NUMBERS: [i32; 2] = [1000, 200];

/// What a process knows of its own file, all 0 when it has none.
struct KnownFile {
    /// The file's number, plus one.
    number: AtomicI32,
    /// Its position.
    position: AtomicUsize,
}

/// An open file that was this process's own when it was looked up.
pub(super) struct Pagemap {
    pub(super) number: BorrowedFd<'static>,
    position: u64,
}

/// What this process knows; a child of the process that has written it reads zeros.
fn known() -> io::Result<&'static KnownFile> {
    static KNOWN: OnceLock<Option<&'static KnownFile>> = OnceLock::new();
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
            Some(unsafe { &*page.cast::<KnownFile>() })
        })
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

impl KnownFile {
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

/// The file, opened if this process has none yet.
pub(super) fn file() -> io::Result<Pagemap> {
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
pub(super) fn prove(file: &Pagemap) -> io::Result<()> {
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

//! Regions: the parts of a slot. A region is owned by one holder at a time, so the bytes that it has
//! opened are nobody else's.

use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use poolcfg_core::Size;

use super::mapping::Mapping;
use super::os;

/// One part of a slot: a memory, a table or a stack. Its first [`size`](Self::size) bytes can be read
/// and written, all else up to its guards is inaccessible.
///
/// A memory begins with no bytes and grows; a table and a stack are open whole from the start.
#[derive(Debug)]
pub struct Region {
    mapping: Arc<Mapping>,
    offset: usize,
    /// Whole pages, like everything here.
    max: usize,
    size: usize,
    /// How far an open has tried to get since the last close: at least `size`.
    reach: usize,
}

impl Region {
    /// Bytes that are accessible: whole pages.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Bytes that it may grow to: `max_memory_size` for a memory, in whole pages.
    #[must_use]
    pub fn max(&self) -> usize {
        self.max
    }

    /// Makes at least the first `bytes` accessible, in whole pages; what is new reads as zero. A region
    /// never shrinks while it is held.
    ///
    /// # Errors
    /// [`GrowError::AboveMax`] above [`max`](Self::max); [`GrowError::Refused`] when the system does
    /// not make the pages writable, such as under a commit limit. The size is then as before.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), GrowError> {
        if bytes <= self.size {
            return Ok(());
        }
        let size = bytes
            .checked_next_multiple_of(os::page_size())
            .filter(|size| *size <= self.max)
            .ok_or(GrowError::AboveMax {
                bytes,
                max: self.max,
            })?;
        self.reach = self.reach.max(size);
        let start = self.mapping.at(self.offset + self.size);
        let added = size - self.size;
        // SAFETY: the range lies within this region's part of the mapping, since `size` is at most
        // `max`; it starts and ends on pages; and nobody refers to it, since it was not open.
        match unsafe { os::open(start, added) } {
            Ok(()) => {
                self.size = size;
                Ok(())
            }
            Err(source) => {
                // Some of the pages may be open now.
                // SAFETY: the same range, still unknown to anybody.
                let _ = unsafe { os::shut(start, added) };
                Err(GrowError::Refused { bytes, source })
            }
        }
    }

    /// Where it begins; valid for reads of [`size`](Self::size) bytes.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.start().as_ptr()
    }

    /// Where it begins; valid for reads and writes of [`size`](Self::size) bytes.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start().as_ptr()
    }

    /// Its accessible bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the first `size` bytes are open, zero or written since, in one mapping that this
        // region keeps alive, and fit an isize; they change only through `&mut self`.
        unsafe { slice::from_raw_parts(self.start().as_ptr(), self.size) }
    }

    /// Its accessible bytes, to be written.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`; the region owns the bytes and `&mut self` is its only user.
        unsafe { slice::from_raw_parts_mut(self.start().as_ptr(), self.size) }
    }

    fn start(&self) -> NonNull<u8> {
        self.mapping.at(self.offset)
    }

    /// Makes all of it inaccessible, and zero for the next who opens it.
    ///
    /// # Errors
    /// What the system says. The bytes may then be as they were: the region must not be used again.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        if self.reach == 0 {
            return Ok(());
        }
        let (start, size, reach) = (self.start(), self.size, self.reach);
        self.size = 0;
        // SAFETY: `reach` is at most `max`, so the range is this region's own, in whole pages, of which
        // the first `size` are open; `&mut self` proves that no slice of it lives.
        let closed = unsafe { os::close(start, size, reach) };
        match closed {
            Ok(()) => self.reach = 0,
            Err(_) if os::CLOSE_MAY_TEAR => self.mapping.tear(),
            Err(_) => {}
        }
        closed
    }
}

/// Why a region does not grow.
#[derive(Debug)]
#[non_exhaustive]
pub enum GrowError {
    /// More than the region may have.
    AboveMax {
        /// The bytes that were asked for.
        bytes: usize,
        /// The most it may have.
        max: usize,
    },
    /// The system does not make the pages writable.
    Refused {
        /// The bytes that were asked for.
        bytes: usize,
        /// What the system says.
        source: io::Error,
    },
}

impl fmt::Display for GrowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AboveMax { bytes, max } => write!(
                f,
                "cannot grow to {bytes} bytes, the slot holds {max}: ask for less, or raise \
                 `max_memory_size` in poolcfg.toml"
            ),
            Self::Refused { bytes, source } => write!(
                f,
                "cannot make {bytes} bytes writable, the system says `{source}`: release other \
                 slots, or raise the limit on data or commit"
            ),
        }
    }
}

impl std::error::Error for GrowError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AboveMax { .. } => None,
            Self::Refused { source, .. } => Some(source),
        }
    }
}

/// Where the regions of a slab lie: a guard, then a region every `stride` bytes, whose rest is guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Before the first region.
    pub(crate) guard: Size,
    /// From one region to the next.
    pub(crate) stride: Size,
    /// How much of a region may ever be opened.
    pub(crate) max: Size,
}

/// Hands out the regions of one mapping, each of them once.
#[derive(Debug)]
pub(crate) struct Carver {
    mapping: Arc<Mapping>,
    stride: usize,
    max: usize,
    /// Where the next region begins.
    next: usize,
}

impl Carver {
    /// Cuts a mapping. What does not lie on pages or overlaps yields no region at all.
    pub(crate) fn new(mapping: Mapping, cut: Cut) -> Self {
        let page = os::page_size();
        let whole = |size: Size| {
            usize::try_from(size.get())
                .ok()
                .filter(|size| size.is_multiple_of(page))
        };
        let (stride, max, next) = match (whole(cut.stride), whole(cut.max), whole(cut.guard)) {
            (Some(stride), Some(max), Some(guard)) if stride > 0 && max <= stride => {
                (stride, max, guard)
            }
            _ => (1, 0, mapping.len()),
        };
        Self {
            mapping: Arc::new(mapping),
            stride,
            max,
            next,
        }
    }

    /// The next region, closed; nothing when there is none left.
    pub(crate) fn carve(&mut self) -> Option<Region> {
        let end = self.next.checked_add(self.stride)?;
        if end > self.mapping.len() {
            return None;
        }
        let offset = self.next;
        self.next = end;
        Some(Region {
            mapping: Arc::clone(&self.mapping),
            offset,
            max: self.max,
            size: 0,
            reach: 0,
        })
    }
}

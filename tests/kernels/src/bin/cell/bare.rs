//! The judge: address space by bare mmap, with nothing of poolcfg in between.

use std::ptr;

use poolcfg_core::Size;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A reservation, given back on drop.
pub(crate) struct Bare {
    base: *mut std::ffi::c_void,
    len: usize,
}

impl Bare {
    /// Reserves inaccessible address space below `end`; nothing where the kernel refuses it or puts it
    /// elsewhere.
    pub(crate) fn reserve(bytes: Size, end: u64) -> Option<Self> {
        let len = usize::try_from(bytes.get()).ok()?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new private map at an address of the kernel's choosing touches nothing that exists.
        let base =
            unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags) }.ok()?;
        let bare = Self { base, len };
        let start = u64::try_from(base.addr()).ok()?;
        (start.checked_add(bytes.get())? <= end).then_some(bare)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: the range is the whole of a map that `reserve` made, and nothing refers to it.
        let released = unsafe { munmap(self.base, self.len) };
        assert_eq!(released, Ok(()));
    }
}

/// The largest mapping below `end` that can be made now, in whole pages.
pub(crate) fn largest(end: u64, page: Size) -> Size {
    let page = page.get();
    let (mut fits, mut misfit) = (0, end / page + 1);
    while misfit - fits > 1 {
        let middle = fits + (misfit - fits) / 2;
        if Bare::reserve(Size::bytes(middle * page), end).is_some() {
            fits = middle;
        } else {
            misfit = middle;
        }
    }
    Size::bytes(fits * page)
}

/// What is there in so many pieces, the largest first, beside a mapping of `headroom`.
pub(crate) fn total(pieces: usize, headroom: Size, end: u64, page: Size) -> Option<Size> {
    let _headroom = Bare::reserve(headroom, end)?;
    let holes = largest_beside_each_other(pieces, end, page);
    let total = holes
        .iter()
        .try_fold(0u64, |total, hole| total.checked_add(hole.get()))?;
    Some(Size::bytes(total))
}

/// The largest mappings below `end` that can be made beside each other.
pub(crate) fn largest_beside_each_other(pieces: usize, end: u64, page: Size) -> Vec<Size> {
    let mut held = Vec::with_capacity(pieces);
    let mut holes = Vec::with_capacity(pieces);
    while holes.len() < pieces {
        let bytes = largest(end, page);
        let Some(hole) = Bare::reserve(bytes, end).filter(|_| !bytes.is_zero()) else {
            break;
        };
        held.push(hole);
        holes.push(bytes);
    }
    holes
}

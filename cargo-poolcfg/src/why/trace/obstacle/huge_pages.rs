//! Huge pages: of a flag of mmap, with a size or without one, or of a file.

use super::asked::{Failed, MAP_ANONYMOUS, Obstacles};
use crate::why::trace::calls::{CallName, TracedCall};
use crate::why::trace::huge::FewPages;
use crate::why::trace::limit::WhyLimit;

/// With the power of two of their size from this bit on, or 0.
pub(super) const MAP_HUGETLB: u64 = 0x4_0000;
pub(super) const HUGE_SHIFT: u32 = 26;

/// The size of the pages that a flag asks for; `None` of the usual one.
fn said(flags: u64) -> Option<u64> {
    let shift = flags >> HUGE_SHIFT & 0x3f;
    (shift > 0).then(|| 1 << shift)
}

/// Whether a call has a flag for huge pages; with a file it has none.
pub(in crate::why::trace) fn has_flag(call: &TracedCall) -> bool {
    let flags = call.arguments[3];
    call.name == CallName::Mmap && flags & MAP_ANONYMOUS != 0 && flags & MAP_HUGETLB != 0
}

/// Whether memory is of huge pages, which count for no limit of what is committed.
pub(super) fn is_huge(failed: &Failed<'_>) -> bool {
    failed.file.is_some() || has_flag(failed.call)
}

impl Obstacles<'_> {
    /// `hugetlb_reserve_pages`: what a mount has, and then what the machine has. `is_last` where nothing else was in the
    /// way: pages that may be had above those that are reserved may not be found.
    pub(super) fn huge_pages(&mut self, failed: &Failed<'_>, is_last: bool) {
        if !is_huge(failed) {
            return;
        }
        let said = match failed.file {
            Some(file) => Some(file.bytes),
            None => said(failed.call.arguments[3]),
        };
        let is_it = |size: u64, is_usual: bool| said.map_or(is_usual, |said| said == size);
        let mut sizes = self.facts.huge_pages.iter();
        let Some(size) = sizes.find(|size| is_it(size.bytes, size.is_usual)) else {
            return;
        };
        let pages = failed.bytes.div_ceil(size.bytes.max(1));
        let room = failed.file.and_then(|file| file.room);
        if let Some([all, left]) = room.filter(|[_, left]| pages > *left) {
            let need = all.saturating_sub(left).saturating_add(pages);
            self.few(FewPages::Mount(size.bytes), need, all);
        }
        let need = size.used.saturating_add(pages);
        let have = if is_last { size.all } else { size.most };
        if need > have {
            let few = match size.is_usual {
                true => FewPages::Usual,
                false => FewPages::Other(size.bytes),
            };
            self.few(few, need, have);
        }
    }

    /// The kernel has no pages of a size.
    pub(super) fn huge_pages_of_no_size(&mut self, call: &TracedCall, bytes: u64) {
        let size = said(call.arguments[3]).filter(|_| has_flag(call));
        let mut sizes = self.facts.huge_pages.iter();
        if let Some(size) = size.filter(|size| !sizes.any(|known| known.bytes == *size)) {
            self.few(FewPages::Unknown(size), bytes.div_ceil(size), 0);
        }
    }

    /// The first that are too few.
    fn few(&mut self, few: FewPages, need: u64, have: u64) {
        if self.few.is_none() {
            self.few = Some(few);
            self.found.push((WhyLimit::HugePages, need, have));
        }
    }
}

//! What a call asks of limits, and those that are in the way.

use poolcfg_core::LinuxLayout;
use poolcfg_runtime::RecheckLimit;
use serde::{Deserialize, Serialize};

use crate::why::trace::calls::TracedCall;
use crate::why::trace::facts::{Facts, Legacy};
use crate::why::trace::huge::{FewPages, HugeFile};
use crate::why::trace::limit::WhyLimit;

pub(super) const PROT_WRITE: u64 = 2;
pub(super) const PROT_EXEC: u64 = 4;
pub(super) const MAP_SHARED: u64 = 0x1;
pub(super) const MAP_FIXED: u64 = 0x10;
pub(super) const MAP_ANONYMOUS: u64 = 0x20;
pub(super) const MAP_LOCKED: u64 = 0x2000;
pub(super) const MAP_NORESERVE: u64 = 0x4000;
pub(super) const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;

/// A limit that is in the way as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlsoLimit {
    pub(crate) limit: WhyLimit,
    pub(crate) need: u64,
    pub(crate) have: u64,
}

/// A limit that is in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Obstacle {
    pub(crate) limit: WhyLimit,
    /// Of limits of the whole process, with what it has already.
    pub(crate) need: u64,
    pub(crate) have: u64,
    /// Limits that the kernel would ask next, and that are in the way as well.
    pub(crate) also: Vec<AlsoLimit>,
    /// Of a hole: why it is smaller than it could be.
    pub(crate) legacy: Option<Legacy>,
    /// Which huge pages are too few, where they are.
    pub(crate) few: Option<FewPages>,
}

impl Obstacle {
    pub(crate) const fn of(limit: WhyLimit, need: u64, have: u64) -> Self {
        Self {
            limit,
            need,
            have,
            also: Vec::new(),
            legacy: None,
            few: None,
        }
    }

    /// The limits that are in the way: the first, and those that are as well.
    pub(crate) fn all(&self) -> impl Iterator<Item = AlsoLimit> {
        let first = AlsoLimit {
            limit: self.limit,
            need: self.need,
            have: self.have,
        };
        std::iter::once(first).chain(self.also.iter().copied())
    }
}

/// How a call failed.
#[derive(Clone, Copy, Debug)]
pub(in crate::why::trace) struct Failed<'a> {
    pub(in crate::why::trace) call: &'a TracedCall,
    pub(in crate::why::trace) bytes: u64,
    /// Of brk none.
    pub(in crate::why::trace) errno: i32,
    /// Whether a filter that is not ours has refused it.
    pub(in crate::why::trace) is_filtered: bool,
    /// Of mmap: its file, if that is one of huge pages.
    pub(in crate::why::trace) file: Option<HugeFile>,
    /// Whether its process has asked for a rule against memory that is writable and executable.
    pub(in crate::why::trace) has_rule: bool,
}

/// Limits that may be in the way, in the kernel's order.
pub(super) struct Obstacles<'a> {
    pub(super) facts: &'a Facts,
    pub(super) found: Vec<(WhyLimit, u64, u64)>,
    pub(super) few: Option<FewPages>,
}

impl<'a> Obstacles<'a> {
    pub(super) const fn new(facts: &'a Facts) -> Self {
        Self {
            facts,
            found: Vec::new(),
            few: None,
        }
    }

    pub(super) fn ask(&mut self, limit: RecheckLimit, need: u64, have: Option<u64>) -> &mut Self {
        if let Some(have) = have.filter(|have| need > *have) {
            self.found.push((WhyLimit::Recheck(limit), need, have));
        }
        self
    }

    /// `may_expand_vm`: so many more bytes, and so many of them private and writable.
    pub(super) fn expand(&mut self, bytes: u64, data: Option<u64>) -> &mut Self {
        let facts = self.facts;
        let size = facts.vm_size.saturating_add(bytes);
        self.ask(RecheckLimit::RlimitAs, size, facts.rlimit_as);
        self.data(data)
    }

    /// `None` where nothing becomes private and writable. What takes the place of as many pages is refused as well where
    /// the process has more than it may already.
    pub(super) fn data(&mut self, bytes: Option<u64>) -> &mut Self {
        let facts = self.facts;
        if let Some(bytes) = bytes {
            let data = facts.vm_data.saturating_add(bytes);
            self.ask(RecheckLimit::RlimitData, data, facts.rlimit_data);
        }
        self
    }

    /// `__vm_enough_memory`.
    pub(super) fn commit(&mut self, bytes: u64, is_reserved: bool) -> &mut Self {
        let facts = self.facts;
        match facts.overcommit {
            2 => self.ask(RecheckLimit::CommitLimit, bytes, facts.commit_left),
            0 if is_reserved => self.ask(RecheckLimit::RamAndSwap, bytes, facts.ram_and_swap),
            _ => self,
        }
    }

    /// Mappings, where so many more are one too many.
    pub(super) fn maps(&mut self, more: u64) -> &mut Self {
        let need = self.facts.map_count().saturating_add(more);
        self.ask(RecheckLimit::MaxMapCount, need, self.facts.max_map_count)
    }

    pub(super) fn hole(&mut self, bytes: u64) -> &mut Self {
        self.ask(RecheckLimit::Hole, bytes, Some(self.facts.largest_gap()))
    }

    /// The first of them, with the others; none is known to be in the way of so many bytes if there is none.
    pub(super) fn into_first(self, bytes: u64) -> Obstacle {
        let Some((limit, need, have)) = self.found.first().copied() else {
            return Obstacle::of(WhyLimit::Recheck(RecheckLimit::Refused), bytes, 0);
        };
        let also = self.found.iter().skip(1);
        let also = also.map(|(limit, need, have)| AlsoLimit {
            limit: *limit,
            need: *need,
            have: *have,
        });
        let legacy = self.facts.legacy;
        Obstacle {
            also: also.collect(),
            legacy: legacy.filter(|_| limit == WhyLimit::Recheck(RecheckLimit::Hole)),
            few: self.few,
            ..Obstacle::of(limit, need, have)
        }
    }

    /// Where nothing else is in the way: the kernel uses no hole to its last page. It keeps pages free below a stack, and
    /// on riscv64 a few were missing at another hole, too.
    pub(super) fn hole_with_margin(&mut self, bytes: u64) {
        let gap = self.facts.largest_gap();
        let margin = LinuxLayout::STACK_GUARD_PAGES.saturating_mul(self.facts.page);
        if self.found.is_empty() && bytes > gap.saturating_sub(margin) {
            let have = gap.min(bytes.saturating_sub(1));
            let hole = WhyLimit::Recheck(RecheckLimit::Hole);
            self.found.push((hole, bytes, have));
        }
    }

    pub(super) fn lock(&mut self, bytes: u64) -> &mut Self {
        let facts = self.facts;
        let limit = facts.rlimit_memlock.filter(|_| !facts.locks_all);
        let locked = facts.vm_locked.saturating_add(bytes);
        self.ask(RecheckLimit::RlimitMemlock, locked, limit)
    }
}

//! The obstacle: which limit is in the way of a call, by the order in which the kernel asks.
//!
//! - here: limits, and what a call asks of them; `of_call`: which limits, of each call; `huge_pages`: those of them
//! - `killed`: why a process is killed
//!
//! Source: mm/mmap.c, mm/vma.c, mm/mprotect.c, mm/mremap.c, mm/mlock.c and mm/util.c of Linux 4.9 to 6.18. mmap: mappings
//! (`do_mmap`), hole (`get_unmapped_area`), locked memory (`mlock_future_ok`), RLIMIT_AS and RLIMIT_DATA
//! (`may_expand_vm`), huge pages (`hugetlb_reserve_pages`), what is committed (`__vm_enough_memory`). mprotect: RLIMIT_DATA, what is committed, mappings.

use poolcfg_runtime::__private::proc;
use poolcfg_runtime::RecheckLimit;
use serde::{Deserialize, Serialize};

use super::calls::{CallName, TracedCall};
use super::facts::{Facts, Legacy};
use super::huge::{FewPages, HugeFile};
pub(crate) use super::limit::WhyLimit;

mod huge_pages;
mod killed;
mod of_call;

pub(super) use huge_pages::has_flag;
pub(super) use killed::{of_exec, of_stack};
use of_call::{of_brk, of_mmap, of_mprotect, of_mremap};

const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;
const MAP_SHARED: u64 = 0x1;
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_LOCKED: u64 = 0x2000;
const MAP_NORESERVE: u64 = 0x4000;
const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;

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
pub(super) struct Failed<'a> {
    pub(super) call: &'a TracedCall,
    pub(super) bytes: u64,
    /// Of brk none.
    pub(super) errno: i32,
    /// Whether a filter that is not ours has refused it.
    pub(super) is_filtered: bool,
    /// Of mmap: its file, if that is one of huge pages.
    pub(super) file: Option<HugeFile>,
    /// Whether its process has asked for a rule against memory that is writable and executable.
    pub(super) has_rule: bool,
}

/// What a hole has beside what mmap gives of it: the pages that are kept free below a stack (`stack_guard_gap`). In a
/// kernel of riscv64 some pages more than none were seen at another hole.
const MARGIN: u64 = 1 << 20;

/// Limits that may be in the way, in the kernel's order.
struct Obstacles<'a> {
    facts: &'a Facts,
    found: Vec<(WhyLimit, u64, u64)>,
    few: Option<FewPages>,
}

impl<'a> Obstacles<'a> {
    const fn new(facts: &'a Facts) -> Self {
        Self {
            facts,
            found: Vec::new(),
            few: None,
        }
    }

    fn ask(&mut self, limit: RecheckLimit, need: u64, have: Option<u64>) -> &mut Self {
        if let Some(have) = have.filter(|have| need > *have) {
            self.found.push((WhyLimit::Recheck(limit), need, have));
        }
        self
    }

    /// `may_expand_vm`: so many more bytes, and so many of them private and writable.
    fn expand(&mut self, bytes: u64, data: Option<u64>) -> &mut Self {
        let facts = self.facts;
        let size = facts.vm_size.saturating_add(bytes);
        self.ask(RecheckLimit::RlimitAs, size, facts.rlimit_as);
        self.data(data)
    }

    /// `None` where nothing becomes private and writable. What takes the place of as many pages is refused as well where
    /// the process has more than it may already.
    fn data(&mut self, bytes: Option<u64>) -> &mut Self {
        let facts = self.facts;
        if let Some(bytes) = bytes {
            let data = facts.vm_data.saturating_add(bytes);
            self.ask(RecheckLimit::RlimitData, data, facts.rlimit_data);
        }
        self
    }

    /// `__vm_enough_memory`.
    fn commit(&mut self, bytes: u64, is_reserved: bool) -> &mut Self {
        let facts = self.facts;
        match facts.overcommit {
            2 => self.ask(RecheckLimit::CommitLimit, bytes, facts.commit_left),
            0 if is_reserved => self.ask(RecheckLimit::RamAndSwap, bytes, facts.ram_and_swap),
            _ => self,
        }
    }

    /// Mappings, where so many more are one too many.
    fn maps(&mut self, more: u64) -> &mut Self {
        let need = self.facts.map_count().saturating_add(more);
        self.ask(RecheckLimit::MaxMapCount, need, self.facts.max_map_count)
    }

    fn hole(&mut self, bytes: u64) -> &mut Self {
        self.ask(RecheckLimit::Hole, bytes, Some(self.facts.largest_gap()))
    }

    /// The first of them, with the others; none is known to be in the way of so many bytes if there is none.
    fn into_first(self, bytes: u64) -> Obstacle {
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

    /// Where nothing else is in the way: the kernel uses no hole to its last page.
    fn hole_with_margin(&mut self, bytes: u64) {
        let gap = self.facts.largest_gap();
        if self.found.is_empty() && bytes > gap.saturating_sub(MARGIN) {
            let have = gap.min(bytes.saturating_sub(1));
            let hole = WhyLimit::Recheck(RecheckLimit::Hole);
            self.found.push((hole, bytes, have));
        }
    }

    fn lock(&mut self, bytes: u64) -> &mut Self {
        let facts = self.facts;
        let limit = facts.rlimit_memlock.filter(|_| !facts.locks_all);
        let locked = facts.vm_locked.saturating_add(bytes);
        self.ask(RecheckLimit::RlimitMemlock, locked, limit)
    }
}

/// Why a call failed; `None` if it could not succeed under any limit.
pub(super) fn obstacle(failed: Failed<'_>, facts: &Facts) -> Option<Obstacle> {
    let Failed { call, errno, .. } = failed;
    let bytes = failed.bytes;
    if failed.is_filtered {
        return Some(Obstacle::of(WhyLimit::Seccomp, bytes, 0));
    }
    if errno == libc::EACCES && breaks_rule(&failed, facts) {
        return Some(Obstacle::of(WhyLimit::WriteAndExecute, bytes, 0));
    }
    if is_wrong(call, errno, facts) {
        return None;
    }
    let mut asked = Obstacles::new(facts);
    if errno == libc::EINVAL {
        asked.huge_pages_of_no_size(call, bytes);
        return (!asked.found.is_empty()).then(|| asked.into_first(bytes));
    }
    match (call.name, errno) {
        (CallName::Mmap, libc::EAGAIN | libc::EPERM) | (CallName::Mremap, libc::EAGAIN) => {
            asked.lock(bytes);
        }
        (CallName::Mlockall, _) => {
            asked.lock(facts.vm_size);
        }
        (CallName::Mlock | CallName::Mlock2, _) => {
            asked.lock(bytes).maps(1);
        }
        (CallName::Munmap | CallName::Madvise, _) => {
            // Where a mapping is split.
            asked.maps(1);
        }
        (CallName::Mmap, libc::ENOMEM) => of_mmap(&failed, &mut asked),
        (CallName::Mprotect | CallName::PkeyMprotect, libc::ENOMEM) => {
            of_mprotect(call, bytes, &mut asked);
        }
        (CallName::Mremap, libc::ENOMEM) => of_mremap(call, bytes, &mut asked),
        (CallName::Brk, _) => of_brk(call, bytes, &mut asked),
        _ => {}
    }
    Some(asked.into_first(bytes))
}

/// Whether a call asks for what no limit is about: to write to a file that may not be written, or of what is not mapped.
fn is_wrong(call: &TracedCall, errno: i32, facts: &Facts) -> bool {
    let [address, bytes, _, flags, ..] = call.arguments;
    let is_locked = call.name == CallName::Mmap && flags & MAP_LOCKED != 0;
    match errno {
        libc::EACCES => true,
        libc::EPERM => !call.is_lock() && !is_locked,
        libc::ENOMEM => match call.name {
            CallName::Mprotect | CallName::PkeyMprotect | CallName::Mlock | CallName::Mlock2 => {
                !facts.is_mapped(address, bytes)
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether a call wants memory that is or was writable to be executable. SELinux answers so as well.
fn breaks_rule(failed: &Failed<'_>, facts: &Facts) -> bool {
    let TracedCall { name, arguments } = failed.call;
    let [address, bytes, protection, flags, ..] = *arguments;
    let is_both = protection & (PROT_WRITE | PROT_EXEC) == PROT_WRITE | PROT_EXEC;
    match name {
        CallName::Mmap => is_both && (failed.has_rule || flags & MAP_ANONYMOUS != 0),
        CallName::Mprotect | CallName::PkeyMprotect => {
            // What is of a file may be refused for the way in which that is open.
            let anonymous = |map: &proc::Map<'_>| !map.name.starts_with('/');
            protection & PROT_EXEC != 0
                && (failed.has_rule || facts.mapped(address, bytes, anonymous) > 0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;

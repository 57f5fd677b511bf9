//! The obstacle: which limit is in the way of a call, by the order in which the kernel asks.
//!
//! - here: why a call failed; `asked`: limits, and what is asked of them; `of_call`: which limits, of each call; `huge_pages`: those of them
//! - `killed`: why a process is killed
//!
//! Source: mm/mmap.c, mm/vma.c, mm/mprotect.c, mm/mremap.c, mm/mlock.c and mm/util.c of Linux 4.9 to 6.18. mmap: mappings
//! (`do_mmap`), hole (`get_unmapped_area`), locked memory (`mlock_future_ok`), RLIMIT_AS and RLIMIT_DATA
//! (`may_expand_vm`), huge pages (`hugetlb_reserve_pages`), what is committed (`__vm_enough_memory`). mprotect: RLIMIT_DATA, what is committed, mappings.

use poolcfg_runtime::__private::proc;

use super::calls::{CallName, TracedCall};
use super::facts::Facts;
pub(crate) use super::limit::WhyLimit;

mod asked;
mod huge_pages;
mod killed;
mod of_call;

pub(super) use asked::Failed;
pub(crate) use asked::Obstacle;
use asked::{MAP_ANONYMOUS, MAP_LOCKED, Obstacles, PROT_EXEC, PROT_WRITE};
pub(super) use huge_pages::has_flag;
pub(super) use killed::{of_exec, of_stack};
use of_call::{of_brk, of_mmap, of_mprotect, of_mremap};

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

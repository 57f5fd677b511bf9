//! What each call for memory asks, in the kernel's order.

use poolcfg_runtime::__private::proc;
use poolcfg_runtime::RecheckLimit;

use super::WhyLimit;
use super::asked::{
    Failed, MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_NORESERVE, MAP_SHARED, Obstacles,
    PROT_WRITE,
};
use super::huge_pages::is_huge;
use crate::why::trace::calls::TracedCall;

pub(super) fn of_mmap(failed: &Failed<'_>, asked: &mut Obstacles<'_>) {
    let Failed { call, bytes, .. } = *failed;
    let [address, _, protection, flags, ..] = call.arguments;
    let facts = asked.facts;
    let is_fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0;
    let is_data = protection & PROT_WRITE != 0 && flags & MAP_SHARED == 0;
    // What was there is taken away first.
    let replaced = match is_fixed {
        true => facts.mapped(address, bytes, |_| true),
        false => 0,
    };
    let more = bytes.saturating_sub(replaced);
    // So many there may be and one. Kernels that refuse it as well are asked at last.
    asked.maps(0);
    if !is_fixed {
        asked.hole(bytes);
    }
    asked.expand(more, is_data.then_some(more));
    if is_fixed {
        asked.maps(1);
    }
    asked.huge_pages(failed, false);
    if !is_fixed {
        asked.hole_with_margin(bytes);
    }
    let is_shared_memory = flags & MAP_SHARED != 0 && flags & MAP_ANONYMOUS != 0;
    if (is_data || is_shared_memory) && !is_huge(failed) {
        asked.commit(bytes, flags & MAP_NORESERVE == 0);
    }
    if asked.found.is_empty() {
        asked.maps(1);
    }
    if asked.found.is_empty() {
        asked.huge_pages(failed, true);
    }
}

pub(super) fn of_mprotect(call: &TracedCall, bytes: u64, asked: &mut Obstacles<'_>) {
    let [address, _, protection, ..] = call.arguments;
    if protection & PROT_WRITE != 0 {
        let is_new = |map: &proc::Map<'_>| !map.writable;
        let new = asked.facts.mapped(address, bytes, is_new);
        asked.data(Some(new)).commit(new, true);
    }
    // Where a mapping is split.
    asked.maps(1);
}

pub(super) fn of_mremap(call: &TracedCall, bytes: u64, asked: &mut Obstacles<'_>) {
    let [address, old, ..] = call.arguments;
    let is_data = asked.facts.mapped(address, old.max(1), |map| map.writable) > 0;
    let data = if is_data { bytes } else { 0 };
    let moved = old.saturating_add(bytes);
    // A move may split a mapping in three.
    asked
        .maps(4)
        .expand(bytes, is_data.then_some(bytes))
        .commit(data, true)
        .hole(moved);
}

pub(super) fn of_brk(call: &TracedCall, bytes: u64, asked: &mut Obstacles<'_>) {
    let end = call.arguments[0].saturating_sub(bytes);
    let end = end.next_multiple_of(asked.facts.page);
    let facts = asked.facts;
    let free = facts.free_behind(end);
    // The heap with the program's data: `check_data_rlimit`.
    let heap = facts.heap.map_or(0, |heap| {
        let end = end.saturating_add(bytes);
        end.saturating_sub(heap.start).saturating_add(heap.data)
    });
    asked
        .ask(RecheckLimit::RlimitData, heap, facts.rlimit_data)
        .ask(RecheckLimit::Hole, bytes, Some(free));
    // What counts for all that is writable may be less, where some of the data is read-only by now.
    match asked.found.first() {
        Some((WhyLimit::Recheck(RecheckLimit::RlimitData), ..)) => asked.expand(bytes, None),
        _ => asked.expand(bytes, Some(bytes)),
    };
    asked.maps(0).commit(bytes, true);
}

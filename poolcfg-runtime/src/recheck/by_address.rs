//! By address: where one slot of a native pool lies in each process whose kernel does not search all that is free.
//! ```text
//!  0     bottom-up from a base, or below a sixth of the window:                        stack  window
//!  |-----|  below  | libraries |      between      | program | heap |      above      |------|
//! ```

use poolcfg_core::{GRAIN, LinuxLayout, RelocationModel, Shape, Size, UnlimitedStack, VaProfile};

use crate::recheck::allowed_addresses::LOWEST;

/// What each process has.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByAddress {
    /// Bytes of the largest hole that is there whatever ASLR does.
    certain: u64,
    /// Bytes that all three holes have together.
    total: u64,
    /// Bytes that the kernel searches, at the least and at the most.
    searched: [u64; 2],
    headroom: u64,
}

impl ByAddress {
    /// `None` if the kernel searches all there is, or the program lies low. The stack is left so much.
    pub(super) fn new(
        profile: &VaProfile<'_>,
        linux: &LinuxLayout,
        shape: Shape,
        headroom: Size,
        stack: Size,
    ) -> Option<Self> {
        let is_pie = shape.relocation_model == RelocationModel::Pie;
        if !is_pie || !(shape.stack_limit.is_unlimited() || shape.layout.is_legacy()) {
            return None;
        }
        let page = profile.page_size.get();
        let window = profile.window.get();
        let aslr = page.checked_mul(1u64.checked_shl(shape.aslr.bits(linux))?)?;
        let guard = page.saturating_mul(LinuxLayout::STACK_GUARD_PAGES);
        let headroom = headroom.get();
        let kept = [linux.above_stack, linux.stack_randomization, stack];
        let top = kept
            .iter()
            .fold(window - guard, |top, kept| top.saturating_sub(kept.get()));
        let brk = linux.brk_randomization.get();
        let base = linux.legacy_base.get();
        let bottom_up = top.saturating_sub(base.saturating_add(aslr));
        let sixth = window / 6;
        let large_gap =
            linux.unlimited_stack == UnlimitedStack::LargeGap && !shape.layout.is_legacy();
        let (libraries, searched) = if large_gap {
            let low = sixth.saturating_sub(aslr);
            let least = low.saturating_add(bottom_up);
            (
                [low.saturating_sub(headroom), sixth],
                [least, sixth + window - base],
            )
        } else {
            let highest = base.saturating_add(aslr).saturating_add(headroom);
            ([base, highest], [bottom_up, window - base])
        };
        let program = linux.pie_base.round_down(Size::mib(2)).get();
        let heap_end = linux
            .pie_base
            .get()
            .saturating_add(aslr)
            .saturating_add(brk);
        let holes = [
            libraries[0].min(program).saturating_sub(LOWEST),
            // Behind a file there may be a heap: see `AllowedAddresses::unsearched`.
            program
                .saturating_sub(libraries[1])
                .saturating_sub(headroom),
            top.saturating_sub(heap_end.max(libraries[1]))
                .saturating_sub(headroom),
        ];
        let lost = guard.saturating_add(GRAIN.get().max(page));
        Some(Self {
            certain: holes.into_iter().max()?.saturating_sub(lost),
            total: top
                .saturating_sub(LOWEST + brk)
                .saturating_sub(headroom.saturating_mul(3))
                .saturating_sub(lost.saturating_mul(3)),
            searched: [searched[0].saturating_sub(brk), searched[1]],
            headroom,
        })
    }

    /// Whether each process has a place for one slot, and for what has to lie where the kernel searches beside it: small
    /// mappings of so many bytes, and the headroom.
    pub(super) fn holds(&self, slot: u64, beside: u64) -> bool {
        let [least, most] = self.searched;
        // What is free there is in two holes.
        let rest = self.headroom.saturating_add(beside).saturating_mul(2);
        let is_left = slot.saturating_add(rest) <= least || (slot > most && rest <= least);
        let is_there = slot <= self.certain || slot.saturating_mul(3) <= self.total;
        is_left && is_there
    }
}

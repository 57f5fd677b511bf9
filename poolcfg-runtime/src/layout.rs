//! The layout of the process: how large its window is, and what an unlimited stack limit has made of it.
//! Judged by where things are, not by getrlimit: the limit counts when a program starts, and may have
//! been changed since.

use poolcfg_core::{Arch, Target, UnlimitedStack, VaProfile};

use crate::machine::Machine;
use crate::proc;

/// The end of what mmap searches without a hint: the smallest window of a VA profile that holds the top
/// of the stack, or else the next power of two.
pub(crate) fn window<M: Machine>(machine: &M) -> Option<u64> {
    let top = machine.stack_top()?;
    VaProfile::ALL
        .iter()
        .flat_map(|table| table.iter())
        .filter(|profile| profile.os.has_linux_kernel() && profile.serves(Target::CURRENT))
        .map(|profile| profile.window.get())
        .filter(|window| *window > top)
        .min()
        .or_else(|| top.checked_next_power_of_two())
}

/// What an unlimited stack limit has done; nothing when the layout is the normal one or cannot be told.
pub(crate) fn unlimited_stack<M: Machine>(machine: &M) -> Option<UnlimitedStack> {
    let window = window(machine)?;
    let page = machine.page_size();
    // A search from the top down finds the second page below the first one, from the bottom up above.
    let first = machine.reserve(page).ok()?;
    let second = machine.reserve(page).ok()?;
    let (first, second) = (machine.address(&first), machine.address(&second));
    if second > first {
        return Some(UnlimitedStack::Legacy);
    }
    // On x86 the search goes on from the top down, below a sixth of the window: arch/x86/mm/mmap.c.
    let maps = machine.text("/proc/self/maps")?;
    let top = proc::highest(&maps)?;
    let is_x86 = matches!(Target::CURRENT.arch, Arch::X86 | Arch::X86_64);
    (is_x86 && top < window / 4).then_some(UnlimitedStack::LargeGap)
}

//! Why a process was killed: a new program, or one whose stack cannot grow.

use super::asked::{Obstacle, Obstacles};
use crate::why::trace::facts::Facts;
use crate::why::trace::limit::WhyLimit;

/// What the kernel adds at once to the stack of a new program, beside its words (`setup_arg_pages` of fs/exec.c).
const NEW_STACK: u64 = 128 << 10;

/// What the loader of a dynamic program takes, beside the program.
const LOADER: u64 = 256 << 10;

/// How far below a stack an access may be that is one of its: a page, where nobody skips any.
const BELOW: u64 = 1 << 20;

/// Why a program was killed before it began: `setup_arg_pages`, then `load_elf_binary` of fs/binfmt_elf.c, which
/// maps the file, of so many bytes, and its loader.
pub(in crate::why::trace) fn of_exec(file: u64, facts: &Facts) -> Obstacle {
    let stack = facts.vm_stack.saturating_add(NEW_STACK);
    if let Some(have) = facts.rlimit_stack.filter(|have| stack > *have) {
        return Obstacle::of(WhyLimit::Stack, stack, have);
    }
    let mut asked = Obstacles::new(facts);
    let mapped = file.saturating_add(NEW_STACK).saturating_add(LOADER);
    asked.expand(mapped, Some(file));
    asked.into_first(file)
}

/// Why a stack cannot grow to an address; `None` if the address is none of a stack that is at its limit
/// (`acct_stack_growth` of mm/vma.c).
pub(in crate::why::trace) fn of_stack(
    address: u64,
    pointer: Option<u64>,
    facts: &Facts,
) -> Option<Obstacle> {
    let (start, end) = facts.stack()?;
    // A large variable is there at once, and may be written from either end.
    let is_variable = pointer.is_some_and(|pointer| {
        (pointer.saturating_sub(BELOW)..start).contains(&address)
            && pointer < start
            && !facts.is_mapped(pointer, 1)
    });
    let more = start.checked_sub(address);
    let more = more.filter(|more| *more <= BELOW || is_variable)?;
    let more = more.next_multiple_of(facts.page);
    let size = (end - start).saturating_add(more);
    if let Some(have) = facts.rlimit_stack.filter(|have| size > *have) {
        return Some(Obstacle::of(WhyLimit::Stack, size, have));
    }
    let mut asked = Obstacles::new(facts);
    asked.expand(more, None);
    (!asked.found.is_empty()).then(|| asked.into_first(more))
}

//! The shape that a running process is seen to have.

use poolcfg_core::{Arch, Os, SearchLayout, Size, StackLimit, Target, UnlimitedStack};

use crate::recheck::layout::Seen;

/// What of the shape the stack limit decides, on x86_64.
fn seen(
    unlimited_stack: Option<UnlimitedStack>,
    stack: Option<Size>,
) -> (StackLimit, SearchLayout) {
    let seen = Seen {
        target: Target::new(Arch::X86_64, Os::Linux, 64),
        unlimited_stack,
        stack,
        relocation_model: None,
        aslr_bits: None,
        window: Some(Size::tib(128)),
    };
    let shape = seen.shape();
    (shape.stack_limit, shape.layout)
}

/// The kernel leaves a stack five sixths of the window at most: a limit above that is laid out as none, and named.
#[test]
fn a_limit_that_is_laid_out_as_none_is_named() {
    let large_gap = |stack| {
        let (stack_limit, layout) = seen(Some(UnlimitedStack::LargeGap), stack);
        assert_eq!(layout, SearchLayout::Standard);
        stack_limit
    };
    assert_eq!(large_gap(None), StackLimit::Unlimited);
    for limit in [Size::tib(107), Size::tib(128), Size::tib(4096)] {
        assert_eq!(large_gap(Some(limit)), StackLimit::AsUnlimited(limit));
    }
    // These were set when the process had started.
    for limit in [Size::mib(8), Size::gib(1), Size::tib(64)] {
        assert_eq!(large_gap(Some(limit)), StackLimit::Unlimited);
    }
}

/// A limit that moves the mmap base and no more is one of its size.
#[test]
fn a_limit_that_is_laid_out_as_one_is_a_size() {
    let standard = |stack| seen(None, Some(stack)).0;
    assert_eq!(standard(Size::mib(8)), StackLimit::Finite);
    assert_eq!(standard(Size::gib(1)), StackLimit::UpTo(Size::gib(1)));
    let legacy = seen(Some(UnlimitedStack::Legacy), Some(Size::tib(128)));
    assert_eq!(legacy, (StackLimit::Finite, SearchLayout::Legacy));
}

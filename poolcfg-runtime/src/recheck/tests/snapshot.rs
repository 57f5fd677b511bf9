//! Where a snapshot says that the kernel maps next.

use poolcfg_core::{Arch, RelocationModel, Size};

use super::super::space::ProcessLayout;
use super::process::FakeProcess;
use super::promises::linux;
use crate::machine::Machine;
use crate::recheck::layout;
use crate::recheck::moment::Moment;
use crate::recheck::snapshot::Snapshot;

/// A process on x86 without a stack limit.
fn without_stack_limit() -> FakeProcess {
    let (profile, linux) = linux()
        .into_iter()
        .find(|(of, _)| of.arch == Arch::X86_64)
        .expect("it is known");
    let made = ProcessLayout {
        program: RelocationModel::Pie,
        stack_limit: None,
        legacy: false,
        moved: [0, Size::tib(8).get(), 0, 0],
        aligned: false,
    };
    FakeProcess::new(&profile, &linux, &made, &[Size::mib(3)])
}

/// On x86 without a stack limit the search begins 5/6 of the window below the stack, less what ASLR takes. A program may
/// ask for addresses in between, which are not searched from the top down.
#[test]
fn what_lies_apart_above_the_mmap_base_is_not_below_it() {
    let process = without_stack_limit();
    let first = process.reserve(process.page_size()).unwrap();
    let above = process.address(&first) + Size::tib(1).get();
    drop(first);
    let _asked_for = process.reserve_at(above, Size::mib(1)).unwrap();
    let snapshot = Snapshot::of(&process, Moment::of(&process).unwrap()).unwrap();
    let planned = snapshot.reserve(Size::gib(1)).unwrap();
    let real = process.reserve(Size::gib(1)).unwrap();
    assert_eq!(snapshot.address(&planned), process.address(&real));
}

/// Where nothing large is free below the mmap base, large mappings lie one above the other. What is free right above the base
/// is not searched all the same.
#[test]
fn what_lies_right_above_the_mmap_base_is_not_searched_when_all_below_it_is_full() {
    for smallest in [Size::mib(1), Size::kib(4)] {
        let process = without_stack_limit();
        let snapshot = || Snapshot::of(&process, Moment::of(&process).unwrap()).unwrap();
        drop(snapshot());
        let sixth = layout::window(&process).unwrap() / 6;
        let mut full = Vec::new();
        let mut bytes = sixth;
        while bytes >= smallest.get() {
            let mapped = process.reserve(Size::bytes(bytes)).unwrap();
            if process.address(&mapped) < sixth {
                full.push(mapped);
            } else {
                bytes /= 2;
            }
        }
        let snapshot = snapshot();
        for bytes in [Size::kib(4), Size::mib(64), Size::tib(1)] {
            let planned = snapshot.reserve(bytes).unwrap();
            let real = process.reserve(bytes).unwrap();
            assert_eq!(
                snapshot.address(&planned),
                process.address(&real),
                "{bytes} where all but {smallest} is full"
            );
        }
    }
}

//! Where a snapshot says that the kernel maps next.

use poolcfg_core::{Arch, RelocationModel, Size};

use super::super::space::ProcessLayout;
use super::process::FakeProcess;
use super::promises::linux;
use crate::machine::Machine;
use crate::recheck::moment::Moment;
use crate::recheck::snapshot::Snapshot;

/// On x86 without a stack limit the search begins 5/6 of the window below the stack, less what ASLR takes. A program may
/// ask for addresses in between, which are not searched from the top down.
#[test]
fn what_lies_apart_above_the_mmap_base_is_not_below_it() {
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
    let process = FakeProcess::new(&profile, &linux, &made, &[Size::mib(3)]);
    let first = process.reserve(profile.page_size).unwrap();
    let above = process.address(&first) + Size::tib(1).get();
    drop(first);
    let _asked_for = process.reserve_at(above, Size::mib(1)).unwrap();
    let snapshot = Snapshot::of(&process, Moment::of(&process).unwrap()).unwrap();
    let planned = snapshot.reserve(Size::gib(1)).unwrap();
    let real = process.reserve(Size::gib(1)).unwrap();
    assert_eq!(snapshot.address(&planned), process.address(&real));
}

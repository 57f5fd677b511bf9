use super::super::huge_pages::{HUGE_SHIFT, MAP_HUGETLB};
use super::*;
use crate::why::trace::huge::HugePages;

/// 2 and 3 of each size are there, or may be had; one is used.
fn with_huge_pages() -> Facts {
    let of = |bytes, is_usual| HugePages {
        bytes,
        is_usual,
        all: 2,
        most: 3,
        used: 1,
    };
    Facts {
        huge_pages: vec![of(2 << 20, true), of(GIB, false)],
        ..facts()
    }
}

#[test]
fn huge_pages_are_named_where_they_are_too_few() {
    let facts = with_huge_pages();
    let huge = PRIVATE | MAP_HUGETLB;
    let of = |bytes, flags| mmap(bytes, 3, flags, &facts);
    let few = |found: &Obstacle| (found.few, found.need, found.have);
    let usual = of(6 << 20, huge);
    assert_eq!(usual.limit, WhyLimit::HugePages);
    assert_eq!(few(&usual), (Some(FewPages::Usual), 4, 3));
    let said = of(6 << 20, huge | 21 << HUGE_SHIFT);
    assert_eq!(few(&said), few(&usual));
    let other = of(3 * GIB, huge | 30 << HUGE_SHIFT);
    assert_eq!(few(&other), (Some(FewPages::Other(GIB)), 4, 3));
    // More than are reserved are not always found.
    assert_eq!(few(&of(4 << 20, huge)), (Some(FewPages::Usual), 3, 2));
    assert_ne!(of(2 << 20, huge).limit, WhyLimit::HugePages);
    assert_ne!(of(6 << 20, PRIVATE).limit, WhyLimit::HugePages);
    // The kernel asks for address space first.
    let small = Facts {
        rlimit_as: Some(GIB),
        ..facts.clone()
    };
    let first = mmap(6 << 20, 3, huge, &small);
    let space = WhyLimit::Recheck(RecheckLimit::RlimitAs);
    assert_eq!(
        (first.limit, first.also[0].limit),
        (space, WhyLimit::HugePages)
    );
}

#[test]
fn huge_pages_of_a_file_are_those_of_its_mount() {
    let facts = with_huge_pages();
    let of = |room| {
        let call = TracedCall {
            name: CallName::Mmap,
            arguments: [0, 3 * GIB, 3, MAP_SHARED, 5, 0],
        };
        let failed = Failed {
            call: &call,
            bytes: 3 * GIB,
            errno: libc::ENOMEM,
            is_filtered: false,
            file: Some(HugeFile { bytes: GIB, room }),
            has_rule: false,
        };
        let found = obstacle(failed, &facts).unwrap();
        (found.few, found.need, found.have)
    };
    assert_eq!(of(None), (Some(FewPages::Other(GIB)), 4, 3));
    assert_eq!(of(Some([8, 3])), (Some(FewPages::Other(GIB)), 4, 3));
    assert_eq!(of(Some([8, 2])), (Some(FewPages::Mount(GIB)), 9, 8));
}

#[test]
fn huge_pages_that_the_kernel_does_not_have_are_told() {
    let facts = with_huge_pages();
    let of = |flags| {
        let call = TracedCall {
            name: CallName::Mmap,
            arguments: [0, 16 * GIB, 3, PRIVATE | flags, u64::MAX, 0],
        };
        let failed = Failed {
            call: &call,
            bytes: 16 * GIB,
            errno: libc::EINVAL,
            is_filtered: false,
            file: None,
            has_rule: false,
        };
        obstacle(failed, &facts)
    };
    let found = of(MAP_HUGETLB | 34 << HUGE_SHIFT).unwrap();
    assert_eq!(found.few, Some(FewPages::Unknown(16 * GIB)));
    // Such a call is wrong for another reason.
    assert_eq!(of(MAP_HUGETLB | 30 << HUGE_SHIFT), None);
    assert_eq!(of(0), None);
}

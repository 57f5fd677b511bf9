mod huge;

use poolcfg_runtime::RecheckLimit;

use super::asked::{AlsoLimit, MAP_FIXED, MAP_NORESERVE, MAP_SHARED};
use super::*;
use crate::why::trace::facts::HeapStart;
use crate::why::trace::huge::{FewPages, HugeFile};

const GIB: u64 = 1 << 30;
const MAPS: &str = "\
10000000-10001000 r-xp 00000000 fe:00 1 /bin/x
10001000-10002000 rw-p 00000000 00:00 0 [heap]
20000000-30000000 ---p 00000000 00:00 0
4000000000-4000001000 rw-p 00000000 00:00 0
8000000000-8000001000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
";

fn facts() -> Facts {
    Facts {
        maps: MAPS.to_owned(),
        max_map_count: Some(65_530),
        ram_and_swap: Some(8 * GIB),
        vm_size: GIB,
        vm_data: 1 << 20,
        page: 4096,
        ..Facts::default()
    }
}

fn ask(name: CallName, arguments: [u64; 6], errno: i32, facts: &Facts) -> Obstacle {
    let call = TracedCall { name, arguments };
    let bytes = match name {
        CallName::Brk => GIB,
        CallName::Mremap => arguments[2] - arguments[1],
        _ => arguments[1],
    };
    let failed = Failed {
        call: &call,
        bytes,
        errno,
        is_filtered: false,
        file: None,
        has_rule: false,
    };
    obstacle(failed, facts).unwrap()
}

/// Whether no limit is about it.
fn is_wrong(name: CallName, arguments: [u64; 6], errno: i32, facts: &Facts) -> bool {
    let call = TracedCall { name, arguments };
    super::is_wrong(&call, errno, facts)
}

fn mmap(bytes: u64, protection: u64, flags: u64, facts: &Facts) -> Obstacle {
    let arguments = [0, bytes, protection, flags, u64::MAX, 0];
    ask(CallName::Mmap, arguments, libc::ENOMEM, facts)
}

const PRIVATE: u64 = 0x2 | MAP_ANONYMOUS | MAP_NORESERVE;

#[test]
fn of_several_limits_the_kernels_first_is_named() {
    let small = Facts {
        rlimit_as: Some(2 * GIB),
        ..facts()
    };
    let found = mmap(1 << 40, 0, PRIVATE, &small);
    assert_eq!(found.limit, WhyLimit::Recheck(RecheckLimit::Hole));
    let also = AlsoLimit {
        limit: WhyLimit::Recheck(RecheckLimit::RlimitAs),
        need: GIB + (1 << 40),
        have: 2 * GIB,
    };
    assert_eq!(found.also, [also]);
    // A hole holds so much.
    let found = mmap(2 * GIB, 0, PRIVATE, &small);
    assert_eq!(found.limit, WhyLimit::Recheck(RecheckLimit::RlimitAs));
    assert_eq!((found.need, found.have), (3 * GIB, 2 * GIB));
    assert_eq!(found.also, []);
}

#[test]
fn what_is_not_writable_counts_for_no_data() {
    let small = Facts {
        rlimit_data: Some(1 << 20),
        ..facts()
    };
    let refused = WhyLimit::Recheck(RecheckLimit::Refused);
    let data = WhyLimit::Recheck(RecheckLimit::RlimitData);
    assert_eq!(mmap(GIB, 0, PRIVATE, &small).limit, refused);
    assert_eq!(mmap(GIB, PROT_WRITE, PRIVATE, &small).limit, data);
    assert_eq!(mmap(GIB, PROT_WRITE, MAP_SHARED, &small).limit, refused);
    let protect = |start| {
        let arguments = [start, 0x1000, PROT_WRITE, 0, 0, 0];
        ask(CallName::Mprotect, arguments, libc::ENOMEM, &small).limit
    };
    assert_eq!(protect(0x2000_0000), data);
    // Already writable.
    assert_eq!(protect(0x1000_1000), refused);
}

#[test]
fn a_mapping_in_the_place_of_another_takes_no_more() {
    let full = Facts {
        rlimit_as: Some(GIB),
        rlimit_data: Some(1 << 19),
        ..facts()
    };
    let place = |protection| {
        let flags = PRIVATE | MAP_FIXED;
        let arguments = [0x2000_0000, 0x1000, protection, flags, u64::MAX, 0];
        ask(CallName::Mmap, arguments, libc::ENOMEM, &full).limit
    };
    assert_eq!(place(0), WhyLimit::Recheck(RecheckLimit::Refused));
    // The process has more than it may, by mappings such as this one.
    assert_eq!(
        place(PROT_WRITE),
        WhyLimit::Recheck(RecheckLimit::RlimitData)
    );
}

#[test]
fn mappings_are_counted_as_the_kernel_does() {
    // 5, since vsyscall is none.
    let with = |most| Facts {
        max_map_count: Some(most),
        ..facts()
    };
    let maps = WhyLimit::Recheck(RecheckLimit::MaxMapCount);
    let full = mmap(GIB, 0, PRIVATE, &with(4));
    assert_eq!((full.limit, full.need, full.have), (maps, 5, 4));
    assert_ne!(mmap(GIB, 0, PRIVATE, &with(6)).limit, maps);
    // So many there may be and one, unless nothing else is in the way.
    assert_eq!(mmap(GIB, 0, PRIVATE, &with(5)).limit, maps);
    let small = Facts {
        rlimit_as: Some(GIB),
        ..with(5)
    };
    let space = WhyLimit::Recheck(RecheckLimit::RlimitAs);
    assert_eq!(mmap(GIB, 0, PRIVATE, &small).limit, space);
    for (name, errno) in [
        (CallName::Munmap, libc::ENOMEM),
        (CallName::Mlock, libc::ENOMEM),
        (CallName::Madvise, libc::EAGAIN),
    ] {
        let arguments = [0x2000_1000, 0x1000, 10, 0, 0, 0];
        let limit = |most| ask(name, arguments, errno, &with(most)).limit;
        assert_eq!(limit(5), maps, "{name:?}");
        assert_ne!(limit(6), maps, "{name:?}");
    }
    let split = |most| {
        let arguments = [0x2000_1000, 0x1000, 1, 0, 0, 0];
        ask(CallName::Mprotect, arguments, libc::ENOMEM, &with(most))
    };
    assert_eq!(split(5).limit, maps);
    assert_eq!((split(5).need, split(5).have), (6, 5));
    assert_ne!(split(6).limit, maps);
}

#[test]
fn what_is_committed_depends_on_the_mode() {
    let with = |overcommit, commit_left| Facts {
        overcommit,
        commit_left,
        ..facts()
    };
    let reserve = PRIVATE & !MAP_NORESERVE;
    let limit = |flags, facts: &Facts| mmap(16 * GIB, PROT_WRITE, flags, facts).limit;
    let all = WhyLimit::Recheck(RecheckLimit::RamAndSwap);
    let refused = WhyLimit::Recheck(RecheckLimit::Refused);
    let commit = WhyLimit::Recheck(RecheckLimit::CommitLimit);
    assert_eq!(limit(reserve, &with(0, None)), all);
    assert_eq!(limit(PRIVATE, &with(0, None)), refused);
    assert_eq!(limit(reserve, &with(1, None)), refused);
    assert_eq!(limit(PRIVATE, &with(2, Some(GIB))), commit);
}

#[test]
fn locked_memory_is_bounded_without_the_capability() {
    let with = |locks_all| Facts {
        rlimit_memlock: Some(1 << 16),
        locks_all,
        ..facts()
    };
    let arguments = [0x2000_0000, 1 << 20, 0, 0, 0, 0];
    let limit = |facts: &Facts| ask(CallName::Mlock, arguments, libc::ENOMEM, facts).limit;
    assert_eq!(
        limit(&with(false)),
        WhyLimit::Recheck(RecheckLimit::RlimitMemlock)
    );
    assert_eq!(limit(&with(true)), WhyLimit::Recheck(RecheckLimit::Refused));
}

#[test]
fn the_heap_grows_as_far_as_the_next_mapping() {
    let arguments = [0x1000_2000 + GIB, 0, 0, 0, 0, 0];
    let found = ask(CallName::Brk, arguments, libc::ENOMEM, &facts());
    assert_eq!(found.limit, WhyLimit::Recheck(RecheckLimit::Hole));
    assert_eq!(found.have, 0x2000_0000 - 0x1000_2000);
}

/// What of the program's data is read-only by now counts for its heap, and for nothing else.
#[test]
fn the_heap_counts_with_the_data_of_the_program() {
    let limited = |heap| {
        Facts {
        rlimit_data: Some(3 << 20),
        vm_data: 1 << 20,
        heap,
        maps: "10000000-10001000 rw-p 00000000 fe:00 1 /bin/x\n7f0000000000-7f0000001000 rw-p 0 00:00 0 [stack]\n".to_owned(),
        ..facts()
    }
    };
    let arguments = [0x1000_1000 + GIB, 0, 0, 0, 0, 0];
    let start = 0x1000_1000;
    let small = HeapStart {
        start,
        data: 4 << 20,
    };
    let found = ask(
        CallName::Brk,
        arguments,
        libc::ENOMEM,
        &limited(Some(small)),
    );
    assert_eq!(found.limit, WhyLimit::Recheck(RecheckLimit::RlimitData));
    assert_eq!((found.need, found.have), (GIB + (4 << 20), 3 << 20));
}

#[test]
fn a_stack_grows_as_far_as_its_limit() {
    let with = |stack: Option<u64>, space: Option<u64>| Facts {
        rlimit_stack: stack,
        rlimit_as: space,
        ..facts()
    };
    let at = 0x80_0000_0000 - 8;
    let full = of_stack(at, None, &with(Some(4096), None)).unwrap();
    assert_eq!(
        (full.limit, full.need, full.have),
        (WhyLimit::Stack, 8192, 4096)
    );
    let space = of_stack(at, None, &with(Some(8192), Some(GIB))).unwrap();
    assert_eq!(space.limit, WhyLimit::Recheck(RecheckLimit::RlimitAs));
    assert_eq!(of_stack(at, None, &with(Some(8192), None)), None);
    // A variable of 64 MiB, whose first byte is written; and one of a thread that has its stack elsewhere.
    let (far, elsewhere) = (0x7f_fc00_0000, 0x40_0000_0800);
    let of = |pointer| of_stack(far + 8, Some(pointer), &with(Some(4096), None));
    let large = of(far).unwrap();
    assert_eq!(
        (large.limit, large.need),
        (WhyLimit::Stack, (64 << 20) + 4096)
    );
    assert_eq!(of(elsewhere), None);
    // A wild address.
    assert_eq!(
        of_stack(0x7f_0000_0000, None, &with(Some(4096), None)),
        None
    );
    assert_eq!(
        of_stack(0x90_0000_0000, None, &with(Some(4096), None)),
        None
    );
}

#[test]
fn a_program_begins_where_its_stack_and_its_file_fit() {
    let new = Facts {
        rlimit_stack: Some(8 << 20),
        vm_size: 8192,
        vm_data: 0,
        vm_stack: 8192,
        ..facts()
    };
    let little = |stack, space, data| {
        let facts = Facts {
            rlimit_stack: Some(stack),
            rlimit_as: space,
            rlimit_data: data,
            ..new.clone()
        };
        of_exec(35_664, &facts).limit
    };
    let recheck = WhyLimit::Recheck;
    assert_eq!(little(4096, Some(4096), None), WhyLimit::Stack);
    let space = little(8 << 20, Some(100_000), Some(1000));
    assert_eq!(space, recheck(RecheckLimit::RlimitAs));
    let data = little(8 << 20, None, Some(1000));
    assert_eq!(data, recheck(RecheckLimit::RlimitData));
    assert_eq!(little(8 << 20, None, None), recheck(RecheckLimit::Refused));
}

#[test]
fn no_hole_is_used_to_its_last_page() {
    let gap = facts().largest_gap();
    let found = |bytes: u64| {
        let arguments = [0, bytes, 0, MAP_ANONYMOUS, 0, 0];
        ask(CallName::Mmap, arguments, libc::ENOMEM, &facts())
    };
    let nearly = found(gap);
    assert_eq!(nearly.limit, WhyLimit::Recheck(RecheckLimit::Hole));
    assert!(nearly.have < nearly.need, "{nearly:?}");
    let smaller = found(gap - (2 << 20)).limit;
    assert_eq!(smaller, WhyLimit::Recheck(RecheckLimit::Refused));
}

#[test]
fn what_no_limit_is_about_is_not_told() {
    let of = |name, arguments, errno| is_wrong(name, arguments, errno, &facts());
    // A file that may be read alone.
    let shared = [0, 0x1000, PROT_WRITE, MAP_SHARED, 3, 0];
    assert!(of(CallName::Mmap, shared, libc::EACCES));
    for name in [CallName::Mprotect, CallName::Mlock] {
        let within = |start, bytes| of(name, [start, bytes, 1, 0, 0, 0], libc::ENOMEM);
        assert!(!within(0x2000_0800, 0x1000), "{name:?}");
        assert!(!within(0x1000_0000, 0x2000), "{name:?}");
        assert!(within(0x1000_1000, 0x1001), "{name:?}");
        assert!(within(0x5000_0000, 0x1000), "{name:?}");
    }
    let locked = [0, 0x1000, 0, PRIVATE | MAP_LOCKED, u64::MAX, 0];
    assert!(!of(CallName::Mmap, locked, libc::EPERM));
}

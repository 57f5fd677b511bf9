//! Which limit of the process is named, and with which numbers.

use super::*;
use crate::machine::live_pools::Took;
use crate::recheck::process_bounds::demand;

#[test]
fn rlimit_as_is_named_with_what_the_process_has() {
    let machine = Made {
        address_space: Some(Size::gib(63).get()),
        limits: vec![(Resource::AddressSpace, Size::gib(64))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmSize:\t1048576 kB\n");
    let misfit = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(misfit.limit, RecheckLimit::RlimitAs);
    assert_eq!(misfit.have, Size::gib(64).get());
    // What the process has, and 1 KiB of bookkeeping for each slot and 1 MiB.
    let beside = Size::gib(1).get() + Size::kib(1000).get() + Size::mib(1).get();
    assert_eq!(misfit.need, 0x3ef_d200_0000 + beside);
    assert_eq!(misfit.largest_fit.max_instances, Some(15));
    assert_eq!(
        misfit.to_string(),
        "pool needs `3.94 TiB` of address space, including what the process already has, but \
         `RLIMIT_AS` allows `64 GiB`: start with `POOLCFG_MAX_INSTANCES=15`, or raise the limit with \
         `ulimit -v unlimited` or `LimitAS=infinity` (see `cargo poolcfg --explain PC0055`)"
    );
}

#[test]
fn rlimit_data_counts_what_is_written_at_worst() {
    let machine = Made {
        limits: vec![(Resource::Data, Size::mib(256))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmData:\t10240 kB\n");
    let error = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::RlimitData);
    assert_eq!(error.need, Size::mib(1011).get() + Size::kib(1000).get());
    assert_eq!(error.have, Size::mib(256).get());
    assert_eq!(error.largest_fit.max_instances, Some(244));
    // What is asked above the guarantee is lowered instead, and leaves what the process has not taken yet of its headroom.
    for (headroom, alone, beside) in [(10, 244, 233), (60, 194, 183), (500, 100, 100)] {
        let promise = Promise {
            headroom: Size::mib(headroom),
            ..promise(1000, 100)
        };
        let taken = recheck(&machine, &promise, GUARANTEED).unwrap();
        assert_eq!(taken.limits.max_instances, alone);
        // Where another pool is to come, that, too.
        let promise = Promise {
            process: ProcessPromise::new(&[("", slots(100)), ("other", slots(10))]),
            ..promise
        };
        let taken = recheck(&machine, &promise, GUARANTEED).unwrap();
        assert_eq!(taken.limits.max_instances, beside);
    }
}

/// What the limit holds in all goes to the slots when it is less than their guarantee.
#[test]
fn below_the_guarantee_slots_take_what_the_rest_was_promised() {
    let machine = Made {
        limits: vec![(Resource::Data, Size::mib(36))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmData:\t10240 kB\n");
    let promise = Promise {
        headroom: Size::mib(500),
        ..promise(1000, 100)
    };
    assert!(recheck(&machine, &promise, GUARANTEED).is_err());
    let taken = recheck(&machine, &promise, OR_SHRINK).unwrap();
    assert_eq!(taken.limits.max_instances, 24);
}

/// In fewer pieces a pool has fewer mappings than it may have when it starts again.
#[test]
fn what_a_pool_saves_by_fewer_pieces_is_left_to_it() {
    let other = slots(100);
    let maps = |limits: &Limits| demand(limits, Size::kib(4)).maps;
    let holding = |name, limits: &Limits, saved| Holding {
        took: Some(Took {
            limits: *limits,
            is_all: true,
        }),
        maps_at_worst: maps(limits) - saved,
        ..no_bytes_of(name)
    };
    let of = |name, asked| Promise {
        name,
        process: ProcessPromise::new(&[("", slots(100)), ("other", other)]),
        ..promise(asked, 100)
    };
    let mut machine = Made {
        holdings: vec![holding("other", &other, 7)],
        ..Made::new(&[Size::tib(600)])
    }
    .with_text("/proc/sys/vm/max_map_count", "65530\n");
    let taken = recheck(&machine, &of("", 100_000), GUARANTEED).unwrap();
    let most = taken.limits;
    assert!(most.max_instances > 20_000, "{most:?}");
    machine.holdings = vec![holding("", &most, 0)];
    let taken = recheck(&machine, &of("other", 100), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 100);
}

#[test]
fn what_other_pools_will_write_and_map_is_counted() {
    let holding = Holding {
        name: Some(""),
        took: None,
        unmapped: None,
        ranges: std::iter::once(0x1000..0x9000).collect(),
        maps_at_worst: 60_000,
        writable_at_worst: Size::mib(200),
    };
    let machine = Made {
        limits: vec![(Resource::Data, Size::mib(256))],
        holdings: vec![holding.clone()],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmData:\t1040 kB\n")
    .with_text("/proc/self/maps", "1000-5000 rw-p 0 0:0 0\n");
    // 1040 KiB in all, 16 KiB of them the other pool's, which may come to have 200 MiB.
    let all = Promise {
        headroom: Size::mib(1),
        ..promise(1000, 1)
    };
    let taken = recheck(&machine, &all, GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 53);
    let machine = Made {
        holdings: vec![holding],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/sys/vm/max_map_count", "65530\n")
    .with_text("/proc/self/maps", "1000-5000 rw-p 0 0:0 0\n");
    let error = misfit(recheck(&machine, &promise(2000, 2000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::MaxMapCount);
    assert_eq!(error.unit, Unit::Maps);
    // Three for each memory, which may lie in eight pieces.
    assert_eq!(error.need, 60_000 + 2048 + 6001 + 7);
    assert_eq!(error.have, 65_530);
    assert_eq!(error.largest_fit.max_instances, Some(1158));
}

#[test]
fn the_commit_limit_counts_in_mode_2_only() {
    let meminfo = "CommitLimit:    2097152 kB\nCommitted_AS:   1048576 kB\n";
    let machine = |mode| {
        Made::new(&[Size::tib(80)])
            .with_text("/proc/sys/vm/overcommit_memory", mode)
            .with_text("/proc/sys/vm/admin_reserve_kbytes", "8192\n")
            .with_text("/proc/sys/vm/user_reserve_kbytes", "131072\n")
            .with_text("/proc/meminfo", meminfo)
    };
    assert!(recheck(&machine("0\n"), &promise(1000, 1000), GUARANTEED).is_ok());
    let error = misfit(recheck(&machine("2\n"), &promise(1000, 1000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::CommitLimit);
    assert_eq!(error.need, Size::mib(1001).get() + Size::kib(1000).get());
    assert_eq!(error.have, Size::mib(1024 - 8 - 128).get());
    assert_eq!(error.largest_fit.max_instances, Some(886));
}

#[test]
fn locked_memory_is_named() {
    let machine = Made {
        refuses: Some(EAGAIN),
        limits: vec![(Resource::Memlock, Size::mib(8))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmLck:\t2048 kB\n");
    let error = misfit(recheck(&machine, &promise(1, 1), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::RlimitMemlock);
    assert_eq!(error.have, Size::mib(8).get());
    assert_eq!(error.need, Size::mib(2 + 4096 + 64 + 1).get() + 1024);
}

#[test]
fn a_filter_that_refuses_is_named_with_its_errno() {
    let machine = Made {
        refuses: Some(EPERM),
        ..Made::new(&[Size::tib(80)])
    };
    for least in [GUARANTEED, OR_SHRINK] {
        let error = misfit(recheck(&machine, &promise(9, 9), least));
        assert_eq!(error.limit, RecheckLimit::Refused);
        assert_eq!(
            error.source.as_ref().and_then(io::Error::raw_os_error),
            Some(EPERM)
        );
        assert_eq!(error.largest_fit.max_instances, None);
    }
}

#[test]
fn a_filter_that_refuses_for_want_of_memory_is_no_small_hole() {
    let machine = Made {
        refuses: Some(ENOMEM),
        ..Made::new(&[Size::tib(80)])
    };
    let error = misfit(recheck(&machine, &promise(9, 9), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::Refused);
    assert_eq!(error.have, 0);
}

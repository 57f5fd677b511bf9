//! The soak: owners on two threads who grow, shrink and write at random, and read nothing but zeros of those
//! before them, in every reset.

mod common;

use common::with_keys;
use poolcfg_runtime::__private::{PoolKeys, Setting};
use poolcfg_runtime::{AcquireOptions, Pool, PoolError, PoolOptions, Region, Reset, Size, Slot};

/// Any number after the other (xorshift, Marsaglia 2003), the same ones in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        for shift in [(13, false), (7, true), (17, false)] {
            self.0 ^= match shift {
                (by, true) => self.0 >> by,
                (by, false) => self.0 << by,
            };
        }
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}

fn assert_zero(bytes: &[u8]) {
    const ZEROS: [u8; 4096] = [0; 4096];
    for bytes in bytes.chunks(ZEROS.len()) {
        assert!(bytes == &ZEROS[..bytes.len()], "bytes of another owner");
    }
}

fn write(region: &mut Region, random: &mut Random) {
    let size = region.len();
    for _ in 0..random.below(6) {
        if size > 0 {
            region.as_mut_slice()[random.below(size)] = 0xa5;
        }
    }
}

fn regions(slot: &mut Slot, each: &mut impl FnMut(&mut Region)) {
    each(slot.memory_mut());
    slot.table_mut().into_iter().for_each(&mut *each);
    slot.stack_mut().into_iter().for_each(&mut *each);
}

fn owner(pool: &Pool, held: &mut Vec<Slot>, random: &mut Random) {
    // Most owners are small, so that there are many.
    let most = if random.below(16) == 0 {
        64 << 12
    } else {
        6 << 12
    };
    let mut request = AcquireOptions::new().memory(random.below(most));
    if random.below(3) > 0 {
        request = request.key(u64::from(random.below(4) > 1));
    }
    // Each of the two threads holds two of the four slots at most.
    let mut slot = pool.acquire_with(request).expect("a slot for each");
    regions(&mut slot, &mut |region| assert_zero(region.as_slice()));
    regions(&mut slot, &mut |region| write(region, random));
    let memory = slot.memory_mut();
    for _ in 0..random.below(3) {
        let before = memory.len();
        if random.below(3) == 0 {
            memory.shrink_to(random.below(before + 1)).expect("less");
        } else {
            memory
                .grow_to(before + random.below(most))
                .expect("less than its maximum");
            assert_zero(&memory.as_slice()[before..]);
        }
        write(memory, random);
    }
    held.push(slot);
    if held.len() > 1 || random.below(2) == 0 {
        held.swap_remove(random.below(held.len()));
    }
}

fn soak(reset: Reset, checks: bool, cycles: usize) {
    let limits = with_keys(PoolKeys {
        max_instances: Some(Setting::given(4)),
        memory_reservation: Some(Setting::given(Size::mib(1))),
        table_reservation: Some(Setting::given(Size::kib(8))),
        stack_reservation: Some(Setting::given(Size::kib(8))),
        ..PoolKeys::EMPTY
    });
    // Everything happens often: pages are kept and given back, slots closed and opened.
    let options = PoolOptions::new()
        .reset(reset)
        .keep_resident(Size::kib(32))
        .warm_slots(1)
        .decommit_batch(2)
        .owner_checks_bounds(checks);
    let reserved = limits.recheck().expect("a small pool fits");
    let pool = match Pool::with_options(reserved, options) {
        Ok(pool) => pool,
        Err(PoolError::Reset { reset, source }) => {
            assert_eq!(reset, Reset::PagemapScan, "{source}");
            eprintln!("not on this system: {reset}, {source}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    std::thread::scope(|scope| {
        for thread in 1..3 {
            let pool = &pool;
            scope.spawn(move || {
                let mut random = Random(0x9e37_79b9 * thread);
                let mut held = Vec::new();
                for _ in 0..cycles / 2 {
                    owner(pool, &mut held, &mut random);
                }
            });
        }
    });
    assert_eq!((pool.statistics().live, pool.statistics().retired), (0, 0));
}

#[test]
fn owners_read_zeros_in_every_reset() {
    // Every call of the system takes ten times as long in an emulator, and there are as many kinds of owners.
    let emulated = std::env::var_os("POOLCFG_TEST_EMULATED").is_some();
    let cycles = if emulated { 1_000 } else { 5_000 };
    for reset in [Reset::PagemapScan, Reset::Zero, Reset::Discard] {
        for checks in [false, true] {
            soak(reset, checks, cycles);
        }
    }
}

/// A million rounds, half of them for owners who check every access.
fn a_million(reset: Reset) {
    soak(reset, false, 500_000);
    soak(reset, true, 500_000);
}

#[test]
#[ignore = "a million rounds: cargo xtask test"]
fn a_million_owners_read_zeros_after_scans() {
    a_million(Reset::PagemapScan);
}

#[test]
#[ignore = "a million rounds: cargo xtask test"]
fn a_million_owners_read_zeros_after_zeroing() {
    a_million(Reset::Zero);
}

#[test]
#[ignore = "a million rounds: cargo xtask test"]
fn a_million_owners_read_zeros_after_discarding() {
    a_million(Reset::Discard);
}

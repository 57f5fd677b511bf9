//! Every system call fails once, and for good, at every place of a pool's life; each life is then looked
//! over: no slot is lost, no byte is stale, nothing is accessible that should not be, nothing leaks.

use std::fs::{self, File};
use std::ops::Range;

use poolcfg_core::{PoolKeys, Setting, Settings, Size, Target};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap};

use super::child;
use crate::sys::Region;
use crate::sys::faults::{self, Call, FailurePlan};
use crate::{AcquireError, AcquireOptions, Pool, PoolLimits, PoolOptions, Reset, Slot};

const SLOTS: u32 = 3;

const CALLS: [Call; 14] = [
    Call::Reserve,
    Call::Release,
    Call::Advise,
    Call::Open,
    Call::Shut,
    Call::Discard,
    Call::DiscardLocked,
    Call::FindLocks,
    Call::Unlock,
    Call::Renew,
    Call::TryMap,
    Call::OpenPagemap,
    Call::Scan,
    Call::Prove,
];

/// What a call answers, whether it does half of its work before, and whether all later calls fail too.
const WAYS: [(Errno, bool, bool); 6] = [
    (Errno::NOMEM, false, false),
    (Errno::NOMEM, true, false),
    (Errno::INVAL, true, false),
    (Errno::BADF, false, false),
    (Errno::NOMEM, true, true),
    (Errno::PERM, false, true),
];

fn limits() -> PoolLimits {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(SLOTS)),
        memory_reservation: Some(Setting::given(Size::bytes(memory()))),
        table_reservation: Some(Setting::given(Size::kib(64))),
        stack_reservation: Some(Setting::given(Size::kib(64))),
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    PoolLimits::new(settings.promise(Target::CURRENT, 0))
}

fn page() -> usize {
    crate::sys::page_size()
}

/// The memory of a slot: more than its owners grow to, and little, since every life ends with a look at all of it.
fn memory() -> u64 {
    u64::try_from(16 * page()).expect("a megabyte at most")
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes
        .chunks(4096)
        .all(|chunk| chunk == &[0; 4096][..chunk.len()])
}

fn regions(slot: &mut Slot, each: &mut impl FnMut(&mut Region)) {
    each(slot.memory_mut());
    slot.table_mut().into_iter().for_each(&mut *each);
    slot.stack_mut().into_iter().for_each(&mut *each);
}

/// A map of the process: where it lies, and whether it is accessible.
fn maps() -> Vec<(Range<usize>, bool)> {
    let text = fs::read_to_string("/proc/self/maps").expect("Linux has /proc");
    let map = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some((address(start)?..address(end)?, !rest.starts_with("---")))
    };
    text.lines().filter_map(map).collect()
}

/// Address space of the process.
fn bytes() -> usize {
    maps().iter().map(|(map, _)| map.len()).sum()
}

/// Whether the bytes beyond the region's size are closed.
fn is_guarded(region: &Region) -> bool {
    let start = region.as_ptr().addr();
    let beyond = start + region.len()..start + region.capacity() + page();
    maps()
        .iter()
        .filter(|(map, _)| map.start < beyond.end && beyond.start < map.end)
        .all(|(_, accessible)| !accessible)
}

/// An owner, who may be refused anything.
fn own(pool: &Pool, pages: usize, checks: bool) -> Option<Slot> {
    let request = AcquireOptions::new().memory(pages * page()).key(7);
    let mut slot = match pool.acquire_with(request) {
        Ok(slot) => slot,
        Err(AcquireError::Exhausted(_)) => {
            assert_eq!(pool.statistics().live + pool.statistics().retired, SLOTS);
            return None;
        }
        Err(AcquireError::Open(_)) => return None,
    };
    assert_eq!(slot.memory().len(), pages * page());
    assert!(checks || is_guarded(slot.memory_mut()));
    regions(&mut slot, &mut |region| {
        assert!(is_zero(region.as_slice()));
        region.as_mut_slice().fill(0xa5);
    });
    Some(slot)
}

/// Grows, and finds zeros.
fn grow(region: &mut Region, pages: usize) {
    let before = region.len();
    if region.grow_to(pages * page()).is_ok() {
        assert!(is_zero(&region.as_slice()[before..]));
        region.as_mut_slice().fill(0xa5);
    } else {
        assert_eq!(region.len(), before);
    }
}

fn map_over(region: &mut Region, file: &File) {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::FIXED;
    let start = region.as_mut_ptr().cast();
    // SAFETY: the page is the region's own, and nobody refers to it.
    unsafe { mmap(start, page(), access, flags, file, 0) }.expect("a file can be mapped");
    region.mapped_over();
}

/// A pool and its owners, from the beginning to where all slots are released.
fn life(options: PoolOptions, checks: bool, file: &File) -> Option<Pool> {
    let pool = Pool::with_options(limits().recheck().ok()?, options).ok()?;
    for round in 0..2 {
        let mut slots = Vec::new();
        for pages in [3, 1, 6] {
            slots.extend(own(&pool, pages + round, checks));
        }
        for (number, slot) in slots.iter_mut().enumerate() {
            let memory = slot.memory_mut();
            match number {
                0 => grow(memory, 9),
                1 => {
                    let shrunk = memory.shrink_to(page());
                    assert!(shrunk.is_err() || memory.len() <= page());
                    assert!(checks || shrunk.is_err() || is_guarded(memory));
                    grow(memory, 5);
                }
                _ => map_over(memory, file),
            }
        }
        // The first two go back, and one owner follows on each before the last one does.
        slots.drain(..slots.len().min(2));
        slots.extend(own(&pool, 2, checks));
        slots.extend(own(&pool, 9, checks));
    }
    pool.close_idle();
    drop(own(&pool, 4, checks));
    outlive(options, checks);
    Some(pool)
}

/// A pool that ends before two of its slots, between which there is another one.
fn outlive(options: PoolOptions, checks: bool) {
    let Ok(reserved) = limits().recheck() else {
        return;
    };
    let Ok(pool) = Pool::with_options(reserved, options) else {
        return;
    };
    let mut slots: Vec<_> = (0..3)
        .filter_map(|pages| own(&pool, pages, checks))
        .collect();
    if slots.len() == 3 {
        slots.remove(1);
    }
    drop(pool);
    for slot in &mut slots {
        grow(slot.memory_mut(), 9);
    }
}

/// After everything: what is not in service is counted, and the rest is had and zero.
fn look_over(pool: &Pool) {
    assert_eq!(pool.statistics().live, 0);
    let mut slots = Vec::new();
    while let Ok(mut slot) = pool.acquire() {
        let memory = slot.memory_mut();
        memory
            .grow_to(memory.capacity())
            .expect("nothing fails any more");
        regions(&mut slot, &mut |region| assert!(is_zero(region.as_slice())));
        slots.push(slot);
    }
    let had = u32::try_from(slots.len()).expect("three at most");
    assert_eq!(had + pool.statistics().retired, SLOTS);
}

#[test]
#[ignore = "run by the test below, in a process in which nobody else maps anything"]
fn fail_everywhere() {
    let file = File::open("/proc/self/exe").expect("Linux has /proc");
    let mut lives = 0;
    let every = [
        None,
        Some(Reset::PagemapScan),
        Some(Reset::Zero),
        Some(Reset::Discard),
    ];
    let options = every.map(|reset| {
        let options = PoolOptions::new()
            .keep_resident(Size::kib(16))
            .warm_slots(1)
            .decommit_batch(1)
            .shards(2);
        reset.map_or(options, |reset| options.reset(reset))
    });
    // What is made once in a process is made before it is counted.
    let works = |options| life(options, false, &file).map(|pool| look_over(&pool));
    let options: Vec<_> = options
        .into_iter()
        .filter(|options| works(*options).is_some())
        .collect();
    // A scan works on some kernels only.
    assert!(options.len() >= every.len() - 1);
    // An emulator takes minutes for all ways: there each call fails in one of them, and each way comes up.
    let emulated = std::env::var_os("POOLCFG_TEST_EMULATED").is_some();
    for (turn, call) in CALLS.into_iter().enumerate() {
        let first = if emulated { turn % WAYS.len() } else { 0 };
        let count = if emulated { 1 } else { WAYS.len() };
        for (errno, half, for_good) in WAYS.into_iter().skip(first).take(count) {
            for (number, options) in options.iter().enumerate() {
                let checks = number % 2 == 0;
                let options = options.owner_checks_bounds(checks);
                for after in 0.. {
                    let plan = FailurePlan {
                        call,
                        after,
                        for_good,
                        half,
                        errno,
                    };
                    let before = bytes();
                    let (pool, failed) = faults::with(plan, || {
                        // Only where the end is what fails, it comes before the calls succeed again.
                        life(options, checks, &file).filter(|_| call != Call::Release)
                    });
                    if let Some(pool) = pool {
                        look_over(&pool);
                    }
                    lives += 1;
                    let kept = bytes() - before;
                    let excused = match call {
                        // Address space stays where the system does not take it back, and what may be
                        // somebody else's by now is not given back.
                        Call::Release if for_good => usize::MAX,
                        Call::Renew => usize::try_from(u64::from(failed) * memory()).expect("few"),
                        _ => 0,
                    };
                    assert!(kept <= excused, "{plan:?} {options:?}: {kept} bytes");
                    if failed == 0 {
                        break;
                    }
                }
            }
        }
    }
    let least = if emulated { 400 } else { 2000 };
    assert!(lives > least, "{lives}");
    eprintln!("lives: {lives}");
}

#[test]
fn whatever_call_fails_no_slot_is_lost_no_byte_is_stale_and_nothing_leaks() {
    let output = child("faults::fail_everywhere", "");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

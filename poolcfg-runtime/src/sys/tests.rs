//! Guards: a process that touches what it must not dies of it. Each case runs in a child, the same test
//! program with another test.

#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod pagemap;
#[cfg(target_os = "linux")]
mod pages;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use poolcfg_core::{PoolKeys, Setting, Settings, Size, Target};

use super::Region;
use crate::{AcquireOptions, Pool, PoolError, PoolLimits, PoolOptions, Reset, Slot};

const VARIABLE: &str = "POOLCFG_TEST_TOUCH";

/// Which byte of a region a child touches: before it, the last one of its size, behind that.
const BYTES: [&str; 3] = ["before", "last", "behind"];

fn pool() -> Pool {
    pool_with(PoolOptions::new())
}

fn pool_with(options: PoolOptions) -> Pool {
    try_pool(options).expect("it opens")
}

fn try_pool(options: PoolOptions) -> Result<Pool, PoolError> {
    // 64 of the largest pages.
    try_pool_of(Size::mib(4), options)
}

fn try_pool_of(memory: Size, options: PoolOptions) -> Result<Pool, PoolError> {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(3)),
        memory_reservation: Some(Setting::given(memory)),
        ..PoolKeys::EMPTY
    };
    let promise = Settings::new(&[], &[])
        .pooling_allocator(keys)
        .promise(Target::CURRENT, 0);
    let reserved = PoolLimits::new(promise).recheck().expect("it fits");
    Pool::with_options(reserved, options)
}

/// All slots with a memory of 64 KiB, of which the last owners had `before`.
fn slots(before: usize) -> Vec<Slot> {
    let pool = pool();
    let all = |bytes| {
        let request = AcquireOptions::new().memory(bytes);
        std::iter::from_fn(|| pool.acquire_with(request).ok()).collect::<Vec<_>>()
    };
    drop(all(before));
    all(64 << 10)
}

fn touch(region: &Region, byte: &str) -> u8 {
    let start = region.as_ptr();
    let address = match byte {
        "before" => start.wrapping_sub(1),
        "last" => start.wrapping_add(region.len()).wrapping_sub(1),
        _ => start.wrapping_add(region.len()),
    };
    // SAFETY: none for two of the three: they lie in this pool's own mapping, where nothing is mapped
    // accessibly, and that the process dies of the read is what is tested.
    unsafe { address.read_volatile() }
}

/// Far from what programs and the kernel choose, on every 64-bit window.
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    target_pointer_width = "64"
))]
#[test]
fn a_reservation_by_address_lies_there_or_is_none() {
    let (start, bytes) = (1 << 36, Size::mib(1));
    let first = super::OwnedMapping::reserve_at(start, bytes).expect("nothing is there");
    assert_eq!(u64::try_from(first.address()), Ok(start));
    for (start, bytes) in [
        (start, bytes),
        (start - (512 << 10), bytes),
        (start + (512 << 10), Size::mib(4)),
    ] {
        let error = super::OwnedMapping::reserve_at(start, bytes).expect_err("something is there");
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    }
    // What was in the way is still there: nobody else is given it.
    let other = super::OwnedMapping::reserve(bytes).expect("there is room elsewhere");
    assert_ne!(other.address(), first.address());
    drop(first);
    let again = super::OwnedMapping::reserve_at(start, bytes).expect("it was given back");
    assert_eq!(u64::try_from(again.address()), Ok(start));
}

/// Whether anybody could map something there.
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    target_pointer_width = "64"
))]
fn is_free(address: usize) -> bool {
    let address = u64::try_from(address).expect("64 bits");
    let page = Size::bytes(u64::try_from(super::page_size()).expect("64 bits"));
    super::OwnedMapping::reserve_at(address, page).is_ok()
}

#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    target_pointer_width = "64"
))]
#[test]
#[ignore = "run by the test below, in a process in which nobody else maps anything"]
fn map_beside_what_is_left() {
    let page = super::page_size();
    for (left, gone) in [
        ([0].as_slice(), [1, 2].as_slice()),
        (&[1], &[0, 2]),
        (&[0, 1], &[2]),
    ] {
        let pool = pool();
        let mut slots: Vec<_> = (0..3).map(|_| pool.acquire().ok()).collect();
        let start = |slot: &mut Option<Slot>| {
            let slot = slot.as_mut().expect("three slots");
            slot.memory().as_ptr().addr()
        };
        let starts: Vec<_> = slots.iter_mut().map(start).collect();
        let stride = starts[1] - starts[0];
        let guard = stride - slots[0].as_mut().expect("a slot").memory().capacity();
        // One before the pool ends, and the others after it.
        slots[gone[0]] = None;
        drop(pool);
        for number in gone {
            slots[*number] = None;
            assert!(is_free(starts[*number]));
        }
        for number in left {
            let start = starts[*number];
            for used in [start - guard, start - page, start, start + stride - page] {
                assert!(!is_free(used), "{left:?} {number}");
            }
            let slot = slots[*number].as_mut().expect("it lives");
            slot.memory_mut().grow_to(1 << 20).expect("it grows");
        }
        let (first, last) = (starts[left[0]], starts[left[left.len() - 1]]);
        // What lies before the first slot of all was never the pool's.
        assert!(left[0] == 0 || is_free(first - guard - page));
        assert!(is_free(last + stride));
        slots.clear();
        assert!(starts.iter().all(|start| is_free(*start)));
    }
}

#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    target_pointer_width = "64"
))]
#[test]
fn a_slot_whose_pool_is_gone_keeps_its_guards_and_nothing_else() {
    let output = child("map_beside_what_is_left", "");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
}

#[test]
#[ignore = "run by the test below"]
fn touch_one_byte() {
    let asked = std::env::var(VARIABLE).expect("the parent says what to touch");
    let parts: Vec<_> = asked.split(' ').collect();
    let [region, slot, byte] = parts[..] else {
        panic!("{asked}");
    };
    let mut slots = slots(if region == "reused" { 1 << 20 } else { 0 });
    let number = slot.parse::<usize>().expect("a number");
    if region == "alone" {
        // The pool is gone, and so is what lay beside it.
        slots = vec![slots.swap_remove(number)];
    }
    let number = number.min(slots.len() - 1);
    let slot = &mut slots[number];
    let region: &Region = match region {
        "memory" | "reused" | "alone" => slot.memory_mut(),
        "table" => slot.table_mut().expect("it has one"),
        "stack" => slot.stack_mut().expect("it has one"),
        "shrunk" => {
            let memory = slot.memory_mut();
            memory.as_mut_slice().fill(1);
            memory.shrink_to(16 << 10).expect("it shrinks");
            memory
        }
        // A memory that is grown as far as it goes, so that the guard is next.
        _ => {
            let memory = slot.memory_mut();
            memory.grow_to(memory.capacity()).expect("it grows");
            memory
        }
    };
    touch(region, byte);
}

fn child(test: &str, asked: &str) -> Output {
    let program = std::env::current_exe().expect("a test knows its own program");
    // An emulator starts no program of its machine's.
    let mut command = match std::env::var_os("POOLCFG_TEST_RUNNER") {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command
        .args([&format!("sys::tests::{test}"), "--exact", "--ignored"])
        .env(VARIABLE, asked)
        .output()
        .expect("it runs again")
}

#[test]
fn a_byte_beyond_a_region_on_either_side_ends_the_process() {
    const SIGSEGV: i32 = 11;
    const SIGBUS: i32 = 10;
    for region in [
        "memory", "reused", "shrunk", "whole", "alone", "table", "stack",
    ] {
        for slot in 0..3 {
            for byte in BYTES {
                let asked = format!("{region} {slot} {byte}");
                let status = child("touch_one_byte", &asked).status;
                if byte == "last" {
                    assert!(status.success(), "{asked}: {status}");
                } else {
                    let signal = status.signal();
                    let is_fault = signal == Some(SIGSEGV)
                        || (cfg!(target_vendor = "apple") && signal == Some(SIGBUS));
                    assert!(is_fault, "{asked}: {status}");
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn locked_pages_are_zero_for_the_next_owner_too() {
    let pool = pool();
    let mut slot = pool.acquire().expect("a slot");
    slot.memory_mut().grow_to(64 << 10).expect("it grows");
    slot.memory_mut().as_mut_slice().fill(7);
    let address = slot.memory_mut().as_mut_ptr();
    // SAFETY: the pages are this slot's own.
    unsafe { rustix::mm::mlock(address.cast(), 64 << 10) }.expect("so little may be locked");
    drop(slot);
    let mut slot = pool.acquire().expect("a slot");
    slot.memory_mut().grow_to(64 << 10).expect("it grows");
    assert_eq!(slot.memory_mut().as_mut_ptr(), address);
    assert!(slot.memory().as_slice().iter().all(|byte| *byte == 0));
    assert_eq!(pool.statistics().retired, 0);
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by the test below: it leaves a hole that another test may map into"]
fn lose_a_page() {
    let pool = pool_with(PoolOptions::new().reset(Reset::Discard));
    let mut slot = pool.acquire().expect("a slot");
    slot.memory_mut().grow_to(128 << 10).expect("it grows");
    slot.memory_mut().as_mut_slice().fill(7);
    let lost = slot.memory_mut().as_mut_ptr().wrapping_add(64 << 10);
    // SAFETY: the page is this slot's own, and nothing reads it any more.
    unsafe { rustix::mm::munmap(lost.cast(), 64 << 10) }.expect("it unmaps");
    let kept = slot.memory().as_ptr();
    drop(slot);
    assert_eq!((pool.statistics().live, pool.statistics().retired), (0, 1));
    let mut others = Vec::new();
    while let Ok(slot) = pool.acquire() {
        assert_ne!(slot.memory().as_ptr(), kept);
        others.push(slot);
    }
    assert_eq!(others.len(), 2);
    let error = pool.acquire().expect_err("one slot less").to_string();
    assert!(error.contains("`1` of them out of service"), "{error}");
    // The hole may be somebody else's by now.
    std::mem::forget(pool);
    std::mem::forget(others);
}

#[cfg(target_os = "linux")]
#[test]
fn a_slot_that_cannot_be_cleared_is_never_handed_out_again() {
    let status = child("lose_a_page", "").status;
    assert!(status.success(), "{status}");
}

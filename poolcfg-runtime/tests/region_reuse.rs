//! What one owner of a slot can do to the next: nothing is left to read, no page table, no lock, nothing in memory
//! that the statistics do not say. In counts of pages, page tables and mappings, as Linux tells them.

#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::ptr;

use common::{child, child_with, said, with_keys};
use poolcfg_runtime::__private::{PoolKeys, Setting};
use poolcfg_runtime::{AcquireOptions, GrowError, Pool, PoolOptions, Region, Reset, Size, Slot};
use rustix::mm::{
    MapFlags, MlockAllFlags, MlockFlags, MprotectFlags, ProtFlags, mlock_with, mlockall,
    mmap_anonymous, mprotect,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

/// How the system maps what is only reserved.
const NORESERVE: MapFlags = MapFlags::PRIVATE.union(MapFlags::NORESERVE);
/// More pages than are zeroed whole.
const PAGES: usize = 64;

fn page() -> usize {
    rustix::param::page_size()
}

/// Bytes for which one page table has the entries.
fn table() -> usize {
    page() * (page() / 8)
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("it fits")
}

/// A pool of memories alone, if there is room for it and this reset works here.
fn pool_of(instances: u32, memory: usize, options: PoolOptions) -> Option<Pool> {
    let limits = with_keys(PoolKeys {
        max_instances: Some(Setting::given(instances)),
        memory_reservation: Some(Setting::given(Size::bytes(wide(memory)))),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        ..PoolKeys::EMPTY
    });
    Pool::with_options(limits.recheck().ok()?, options).ok()
}

/// A pool that keeps so many pages of a memory, and asks which hold something; none on an older kernel.
fn scanning(memory: usize) -> Option<Pool> {
    let keep = Size::bytes(wide(PAGES * page()));
    let pool = pool_of(1, memory, PoolOptions::new().keep_resident(keep)).expect("it fits");
    (pool.reset_mode() == Reset::PagemapScan).then_some(pool)
}

/// One for each reset that works here.
fn each_reset(memory: usize, keep: usize) -> Vec<Pool> {
    [Reset::PagemapScan, Reset::Zero, Reset::Discard]
        .into_iter()
        .filter_map(|reset| {
            let keep = Size::bytes(wide(keep));
            pool_of(
                1,
                memory,
                PoolOptions::new().reset(reset).keep_resident(keep),
            )
        })
        .collect()
}

fn owner(pool: &Pool, memory: usize) -> Slot {
    let request = AcquireOptions::new().memory(memory);
    pool.acquire_with(request).expect("a slot")
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes
        .chunks(4096)
        .all(|bytes| bytes == &[0; 4096][..bytes.len()])
}

/// A number of KiB in a file of /proc/self, in bytes.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<u64>().ok()).expect(name) << 10
}

/// Bytes of a region in memory: of all maps that have a byte of it.
fn resident(start: usize, max: usize) -> u64 {
    let text = fs::read_to_string("/proc/self/smaps").expect("Linux has /proc");
    let (mut within, mut sum) = (false, 0);
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some((from, to)) = first.split_once('-') {
            let address = |text| usize::from_str_radix(text, 16).expect("an address");
            within = address(from) < start + max && start < address(to);
        } else if within && first == "Rss:" {
            sum += words
                .next()
                .and_then(|kib| kib.parse::<u64>().ok())
                .expect("KiB")
                << 10;
        }
    }
    sum
}

/// Bytes of a region that are mapped, as mincore(2) counts them: in memory, or to the page of zeros that all share.
fn mapped(start: usize, max: usize) -> u64 {
    let pagemap = File::open("/proc/self/pagemap").expect("Linux has /proc");
    let mut entries = vec![0; max / page() * 8];
    let offset = wide(start / page() * 8);
    pagemap
        .read_exact_at(&mut entries, offset)
        .expect("our own");
    // Bit 63 of each entry; see Documentation/admin-guide/mm/pagemap.rst.
    let is_present = |entry: &&[u8]| {
        let entry: [u8; 8] = (**entry).try_into().expect("8 bytes");
        u64::from_ne_bytes(entry) >> 63 == 1
    };
    wide(entries.chunks_exact(8).filter(is_present).count() * page())
}

fn maps() -> usize {
    let text = fs::read_to_string("/proc/self/maps").expect("Linux has /proc");
    text.lines().count()
}

/// Where a memory lies.
fn place(memory: &Region) -> (usize, usize) {
    (memory.as_ptr().addr(), memory.capacity())
}

/// The number of this process's pagemap.
fn number() -> Option<RawFd> {
    let files = fs::read_dir("/proc/self/fd").expect("Linux has /proc");
    let own = format!("/proc/{}/pagemap", std::process::id());
    files.filter_map(Result::ok).find_map(|file| {
        let target = fs::read_link(file.path()).ok()?;
        let name = file.file_name().into_string().ok()?;
        (target.to_str() == Some(&own)).then(|| name.parse().ok())?
    })
}

/// Has another file take the place of this process's pagemap, as a program may that closes all files it does not
/// know and opens others.
fn replace(number: RawFd, other: &File) {
    // SAFETY: this is a process of its own, and what comes of it is the test.
    let mut number = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::dup2(other, &mut number).expect("the number is taken over");
    std::mem::forget(number);
}

/// How many owners in a row read a byte of the one before. Each writes to one page, another one each time.
fn stale(pool: &Pool, owners: usize) -> usize {
    let request = AcquireOptions::new().memory(PAGES * page());
    (0..owners)
        .filter(|owner| {
            let mut slot = pool.acquire_with(request).expect("a slot");
            let memory = slot.memory_mut().as_mut_slice();
            let zero = is_zero(memory);
            memory[owner * 7 % PAGES * page()] = 0xa5;
            !zero
        })
        .count()
}

#[test]
#[ignore = "run by the test below, as another process, which ends when that one does"]
fn read_to_the_end() {
    let read = io::copy(&mut io::stdin(), &mut io::sink());
    assert_eq!(read.expect("the parent closes it"), 0);
}

#[test]
fn a_number_that_shows_another_process_is_not_believed() {
    assert!(said(&child("scan_with_the_pagemap_of_another_process", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process whose files it replaces"]
fn scan_with_the_pagemap_of_another_process() {
    let Some(pool) = scanning(PAGES * page()) else {
        eprintln!("done: no scan");
        return;
    };
    assert_eq!(stale(&pool, 20), 0);
    let program = std::env::current_exe().expect("a test knows its own program");
    let mut stranger = Command::new(program);
    stranger
        .args(["read_to_the_end", "--exact", "--ignored"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut stranger = stranger.spawn().expect("it waits");
    let other = File::open(format!("/proc/{}/pagemap", stranger.id())).expect("our own child");
    for _ in 0..5 {
        let number = number().expect("it is open");
        // Where programs do not look that close what they do not know.
        assert!(number >= 200, "{number}");
        replace(number, &other);
        assert_eq!(stale(&pool, 20), 0);
    }
    drop(stranger.stdin.take());
    stranger.wait().expect("it ends");
    // A child has everything where its parent has it, so what its parent's file shows looks right.
    let parent = File::open("/proc/self/pagemap").expect("Linux has /proc");
    let mut command = Command::new("is never started");
    let in_child = move || -> io::Result<()> {
        let mut wrong = stale(&pool, 3);
        for _ in 0..3 {
            replace(number().expect("it is open"), &parent);
            wrong += stale(&pool, 20);
        }
        std::process::exit(i32::from(wrong > 0))
    };
    // SAFETY: this thread alone uses the pool and allocates.
    let status = unsafe { command.pre_exec(in_child) }.status();
    assert!(status.expect("a child that reads zeros").success());
    eprintln!("done");
}

/// So many tables that the rest of the process does not matter.
const TABLES: usize = if cfg!(target_pointer_width = "64") {
    512
} else {
    64
};

/// Bytes of page tables that may remain: at the edges of a region, and of what the test needs for itself.
fn rest() -> u64 {
    wide(16 * page())
}

/// Reads one byte of each page table's range: as many tables as for all pages.
fn read_everywhere(memory: &mut Region) {
    memory.grow_to(memory.capacity()).expect("it grows");
    let sum: u8 = memory.as_slice().iter().step_by(table()).sum();
    assert_eq!(sum, 0);
}

#[test]
fn page_tables_of_readers_go_back() {
    assert!(said(&child("read_far_and_wide", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process whose page tables it counts"]
fn read_far_and_wide() {
    let most = TABLES * table();
    let keep = 16 * page();
    for pool in each_reset(most, keep) {
        drop(owner(&pool, page()));
        let (tables, mappings) = (status("VmPTE:"), maps());
        for round in 0..8 {
            let mut slot = owner(&pool, page());
            read_everywhere(slot.memory_mut());
            let grown = status("VmPTE:").saturating_sub(tables);
            assert!(grown >= wide(TABLES * page()) / 2, "{grown}");
            match round {
                // Also those of what is cut off.
                7 => slot.memory_mut().shrink_to(page()).expect("it shrinks"),
                // Also those of an owner who has written.
                6 => slot.memory_mut().as_mut_slice()[most / 2] = 1,
                _ => {}
            }
            drop(slot);
            let left = status("VmPTE:").saturating_sub(tables);
            let said = pool.statistics().page_tables;
            assert!(left <= said.get() + rest(), "{left}: {said}");
            if round % 2 == 1 {
                pool.close_idle();
                let left = status("VmPTE:").saturating_sub(tables);
                let said = pool.statistics().page_tables;
                assert!(left <= rest(), "{:?}: {left}", pool.reset_mode());
                assert!(said.get() <= rest(), "{said}");
                // What was mapped anew is one with the guards around it.
                assert!(maps() <= mappings, "{} {mappings}", maps());
            }
        }
        assert_eq!(pool.statistics().retired, 0);
    }
    eprintln!("done");
}

#[test]
fn what_is_kept_is_whole_pages() {
    for pool in each_reset(PAGES * page(), 8 * page() + 100) {
        let mut slot = owner(&pool, PAGES * page());
        let place = place(slot.memory_mut());
        slot.memory_mut().as_mut_slice().fill(1);
        drop(slot);
        let kept = if pool.reset_mode() == Reset::Discard {
            0
        } else {
            8
        };
        assert_eq!(pool.statistics().resident.get(), wide(kept * page()));
        assert_eq!(mapped(place.0, place.1), wide(kept * page()));
    }
}

/// Any number after the other (xorshift, Marsaglia 2003), the same ones in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}

#[test]
fn statistics_never_say_less_than_what_is_there() {
    assert!(said(&child("own_at_random", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process whose page tables it counts"]
fn own_at_random() {
    let most = 4 * table();
    for pool in each_reset(most, 8 * page() + 100) {
        let mut random = Random(0x9e37_79b9);
        let place = place(owner(&pool, page()).memory_mut());
        let tables = status("VmPTE:");
        let mut kept = 0;
        for round in 0..300 {
            let size = [page(), 4 * page(), 16 * page(), 40 * page(), most][random.below(5)];
            let mut slot = owner(&pool, size);
            let memory = slot.memory_mut();
            for _ in 0..random.below(3) {
                let within = memory.len();
                let at = random.below(within);
                match random.below(4) {
                    0 => assert_eq!(memory.as_slice()[at] & 0xfe, 0),
                    1 => memory.as_mut_slice()[at] = 0,
                    2 => memory.as_mut_slice()[at..]
                        .iter_mut()
                        .take(5 * page())
                        .for_each(|byte| *byte = 1),
                    _ => memory
                        .as_mut_slice()
                        .iter_mut()
                        .step_by(page())
                        .take(12)
                        .for_each(|byte| *byte = 1),
                }
                if random.below(6) == 0 {
                    memory
                        .grow_to(random.below(most))
                        .expect("within its maximum");
                } else if random.below(4) == 0 {
                    memory.shrink_to(random.below(within).max(1)).expect("less");
                }
            }
            drop(slot);
            if random.below(20) == 0 {
                pool.close_idle();
            }
            let (there, said) = (mapped(place.0, place.1), pool.statistics());
            assert!(resident(place.0, place.1) <= there);
            assert!(there <= said.resident.get(), "{round}: {there} {said:?}");
            assert!(said.resident.get() <= wide(8 * page()), "{round}: {said:?}");
            kept += there;
            let left = status("VmPTE:").saturating_sub(tables);
            assert!(
                left <= said.page_tables.get() + rest(),
                "{round}: {left} {said:?}"
            );
        }
        assert_eq!(pool.reset_mode() == Reset::Discard, kept == 0);
        assert_eq!(pool.statistics().retired, 0);
    }
    eprintln!("done");
}

#[test]
fn after_readers_there_is_nothing_more_to_walk_over() {
    assert!(said(&child("read_between_rounds", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process whose page tables it counts"]
fn read_between_rounds() {
    let most = TABLES * table();
    for place in 0..4 {
        // In what a table of the next level spans, at different places, and without a neighbour.
        let space = most + place * most / 4;
        // SAFETY: a new map touches nothing that exists.
        unsafe { mmap_anonymous(ptr::null_mut(), space, ProtFlags::empty(), NORESERVE) }
            .expect("there is room");
        let options = PoolOptions::new().keep_resident(Size::bytes(wide(16 * page())));
        let pool = pool_of(1, most, options).expect("it fits");
        let one_page = || owner(&pool, most).memory_mut().as_mut_slice()[0] = 1;
        one_page();
        let tables = status("VmPTE:");
        for _ in 0..8 {
            read_everywhere(owner(&pool, most).memory_mut());
            one_page();
            let left = status("VmPTE:");
            assert!(left <= tables, "{:?}: {left} {tables}", pool.reset_mode());
        }
    }
    eprintln!("done");
}

/// Tables that one slot may keep, as its pages are kept.
const KEPT_TABLES: usize = 16;

#[test]
fn page_tables_of_pages_that_are_kept_are_in_the_statistics() {
    assert!(said(&child("keep_far_and_wide", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process whose page tables it counts"]
fn keep_far_and_wide() {
    let most = KEPT_TABLES * table();
    let keep = Size::bytes(wide(PAGES * page()));
    let pool = pool_of(8, most, PoolOptions::new().keep_resident(keep)).expect("it fits");
    if pool.reset_mode() != Reset::PagemapScan || page() > 4096 {
        eprintln!("done: no scan, or not as far");
        return;
    }
    drop(owner(&pool, page()));
    let tables = status("VmPTE:");
    let mut slots: Vec<_> = (0..8).map(|_| owner(&pool, most)).collect();
    for slot in &mut slots {
        let pages = slot.memory_mut().as_mut_slice().iter_mut();
        pages.step_by(table()).for_each(|byte| *byte = 1);
    }
    drop(slots);
    let (there, said) = (status("VmPTE:") - tables, pool.statistics());
    assert!(there >= wide(8 * (KEPT_TABLES - 1) * page()), "{there}");
    assert!(said.page_tables.get() >= there, "{there} {said:?}");
    assert!(said.page_tables.get() <= 2 * there, "{there} {said:?}");
    assert_eq!(said.resident.get(), wide(8 * KEPT_TABLES * page()));
    pool.close_idle();
    let (there, said) = (status("VmPTE:").saturating_sub(tables), pool.statistics());
    assert!(there <= rest(), "{there}");
    assert!(
        (there..=there + 4 * rest()).contains(&said.page_tables.get()),
        "{there} {said:?}"
    );
    eprintln!("done");
}

/// What idle slots hold is in the statistics, and is no more than is kept.
fn is_told(pool: &Pool, (start, max): (usize, usize), keep: usize) {
    let (there, said) = (resident(start, max), pool.statistics().resident);
    assert!(
        there <= said.get(),
        "{:?}: {there} {said}",
        pool.reset_mode()
    );
    assert!(said.get() <= wide(keep), "{:?}: {said}", pool.reset_mode());
    assert_eq!(pool.statistics().retired, 0);
}

#[test]
fn a_process_that_locks_everything_keeps_no_more_than_what_is_kept() {
    assert!(said(&child("lock_everything_that_is_touched", "")).contains("done"));
    assert!(said(&child("lock_everything_that_is_mapped", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process that locks its memory"]
fn lock_everything_that_is_touched() {
    let most = if cfg!(target_pointer_width = "64") {
        1 << 30
    } else {
        64 << 20
    };
    let (written, keep) = (80 * page(), PAGES * page());
    // Before there is a pool, and while there is one.
    let mut pools = each_reset(most, keep);
    assert!(!pools.is_empty());
    let locked = mlockall(MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok();
    // None where not as much may be locked.
    pools.extend(each_reset(most, keep));
    for pool in pools {
        for size in [most, written, most] {
            let mut slot = owner(&pool, size);
            let place = place(slot.memory_mut());
            assert!(is_zero(&slot.memory().as_slice()[..written]));
            slot.memory_mut().as_mut_slice()[..written].fill(1);
            drop(slot);
            is_told(&pool, place, keep);
        }
    }
    eprintln!("done: {locked}");
}

#[test]
#[ignore = "run by the test above, in a process that locks its memory"]
fn lock_everything_that_is_mapped() {
    let (most, keep) = (4 * table(), PAGES * page());
    // On a machine with large pages that is more than there is.
    if page() > 4096 {
        eprintln!("done: no");
        return;
    }
    let mut pools = each_reset(most, keep);
    let locked = mlockall(MlockAllFlags::FUTURE).is_ok();
    pools.extend(each_reset(most, keep));
    for pool in pools {
        let mut slot = owner(&pool, most);
        let place = place(slot.memory_mut());
        slot.memory_mut().as_mut_slice()[..100 * page()].fill(1);
        drop(slot);
        is_told(&pool, place, keep);
        for round in 0..4 {
            // The system fetches all that is opened, whether it is touched or not.
            drop(owner(&pool, most));
            is_told(&pool, place, keep);
            if round % 2 == 0 {
                pool.close_idle();
                is_told(&pool, place, 0);
            }
        }
    }
    eprintln!("done: {locked}");
}

#[test]
fn what_an_owner_locks_is_locked_no_more_when_its_slot_is_closed() {
    assert!(said(&child("lock_some", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process that counts what it has locked"]
fn lock_some() {
    let locked = 64 << 10;
    for keep in [page(), 2 * locked] {
        for pool in each_reset(4 * locked, keep) {
            let before = (status("VmLck:"), maps());
            for (written, flags) in [
                (0, MlockFlags::ONFAULT),
                (0, MlockFlags::empty()),
                (2, MlockFlags::ONFAULT),
                (2, MlockFlags::empty()),
            ] {
                let mut slot = owner(&pool, locked.max(page()) * 2);
                let (start, max) = place(slot.memory_mut());
                // SAFETY: the pages are this slot's own.
                unsafe { mlock_with(slot.memory_mut().as_mut_ptr().cast(), locked, flags) }
                    .expect("so little may be");
                assert_eq!(status("VmLck:"), before.0 + wide(locked));
                // Some are zeroed, and others have nothing to be zeroed.
                slot.memory_mut().as_mut_slice()[..written * page()].fill(1);
                drop(slot);
                // Also a page that is locked without having been written is there.
                if keep < locked && (written > 0 || flags.is_empty()) {
                    // Who gives back pages finds out that they are locked.
                    assert_eq!(status("VmLck:"), before.0, "{:?}", pool.reset_mode());
                }
                // An owner who is smaller, and sees nothing of what was locked.
                let slot = owner(&pool, page());
                assert_eq!(slot.memory().as_slice()[0], 0);
                drop(slot);
                assert!(resident(start, max) <= pool.statistics().resident.get());
                pool.close_idle();
                assert_eq!(status("VmLck:"), before.0, "{:?}", pool.reset_mode());
                assert_eq!(resident(start, max), 0);
                assert!(maps() <= before.1 + 2);
            }
            assert_eq!(pool.statistics().retired, 0);
        }
    }
    eprintln!("done");
}

#[test]
fn small_memories_are_zeroed_whole_and_others_where_they_were_written() {
    assert!(said(&child("close_the_pagemap", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process whose files it closes"]
fn close_the_pagemap() {
    let Some(pool) = scanning(PAGES * page()) else {
        eprintln!("done: no scan");
        return;
    };
    let small = page().max(64 << 10);
    // The first owner's pages are asked for, so that those that it has not touched do not come.
    let mut slot = owner(&pool, small);
    let (start, max) = place(slot.memory_mut());
    slot.memory_mut().as_mut_slice()[0] = 1;
    drop(slot);
    assert_eq!(resident(start, max), wide(page()));
    // SAFETY: this is a process of its own, and what comes of it is the test.
    unsafe { rustix::io::close(number().expect("it is open")) };
    for round in 0..20 {
        let mut slot = owner(&pool, small);
        assert!(is_zero(slot.memory().as_slice()));
        slot.memory_mut().as_mut_slice()[round * 997 % small] = 1;
    }
    // Nobody has asked for anything.
    assert_eq!(number(), None);
    assert_eq!(resident(start, max), wide(small));
    assert_eq!(pool.statistics().resident.get(), wide(small));
    for _ in 0..2 {
        let mut slot = owner(&pool, small + page());
        assert!(is_zero(slot.memory().as_slice()));
        slot.memory_mut().as_mut_slice()[small] = 1;
    }
    assert!(number().is_some());
    eprintln!("done");
}

#[test]
fn page_tables_that_later_owners_do_not_write_to_are_given_back() {
    let Some(pool) = scanning(8 * table()) else {
        return;
    };
    // So few pages that to zero them would be no matter.
    let mut slot = owner(&pool, 8 * table());
    let (start, max) = place(slot.memory_mut());
    let bytes = slot.memory_mut().as_mut_slice().iter_mut();
    bytes.step_by(table()).for_each(|byte| *byte = 1);
    drop(slot);
    for round in 0..12 {
        owner(&pool, 8 * table()).memory_mut().as_mut_slice()[0] = 1;
        let there = mapped(start, max);
        assert!(round < 8 || there <= wide(page()), "{round}: {there}");
    }
}

#[test]
fn pages_that_later_owners_do_not_write_are_given_back() {
    let Some(pool) = scanning(PAGES * page()) else {
        return;
    };
    let all = PAGES * page();
    let mut slot = owner(&pool, all);
    let (start, max) = place(slot.memory_mut());
    let fill = |pool: &Pool| owner(pool, all).memory_mut().as_mut_slice().fill(1);
    drop(slot);
    for size in [all, all / 2, page()] {
        // Who uses all of them finds them there.
        for _ in 0..20 {
            fill(&pool);
            assert_eq!(resident(start, max), wide(all));
        }
        // Also when others use less in between.
        for _ in 0..20 {
            owner(&pool, size).memory_mut().as_mut_slice()[0] = 1;
            fill(&pool);
            assert_eq!(resident(start, max), wide(all));
        }
        // After eight owners of one page those are left that the last ones may have used.
        for round in 0..30 {
            owner(&pool, size).memory_mut().as_mut_slice()[0] = 1;
            let there = mapped(start, max);
            assert!(there <= pool.statistics().resident.get());
            assert!(
                round < 8 || there <= wide(16 * page()),
                "{size}: {round}: {there}"
            );
        }
        slot = owner(&pool, all);
        assert!(is_zero(slot.memory().as_slice()));
        drop(slot);
    }
}

#[test]
fn a_process_without_maps_for_a_moment_keeps_its_slots() {
    assert!(said(&child("use_up_all_maps", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process that uses up its maps"]
fn use_up_all_maps() {
    const SLOTS: u32 = 8;
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").expect("Linux has /proc");
    let limit: usize = limit.trim().parse().expect("a number");
    // Programs that count on very many maps raise it so far that a test cannot use them up.
    if limit > 300_000 {
        eprintln!("done: no");
        return;
    }
    let most = 8 * table();
    for closes in [false, true] {
        let pool = pool_of(SLOTS, most, PoolOptions::new()).expect("it fits");
        let mut slots: Vec<_> = (0..SLOTS).map(|_| owner(&pool, most)).collect();
        for slot in &mut slots {
            // So many pages that giving them back takes long, on machines with small pages; of large ones that would be
            // all the memory of a small machine.
            let pages = slot.memory_mut().as_mut_slice().iter_mut();
            let many = (8 << 20) / page();
            pages.step_by(page()).take(many).for_each(|byte| *byte = 1);
            slot.memory_mut().as_mut_slice()[most - 1] = 1;
        }
        let small = pool_of(2, most, PoolOptions::new()).expect("it fits");
        let mut slot = owner(&small, 0);
        let used = use_up(limit);
        // What is in the way is named.
        let error = slot
            .memory_mut()
            .grow_to(page())
            .expect_err("no map is left");
        assert!(matches!(error, GrowError::TooManyMaps { .. }), "{error}");
        drop(slots);
        if closes {
            pool.close_idle();
        }
        for (start, len) in used {
            // SAFETY: it is what `use_up` has mapped, and nobody refers to it.
            unsafe { rustix::mm::munmap(ptr::with_exposed_provenance_mut(start), len) }
                .expect("it unmaps");
        }
        assert_eq!(pool.statistics().retired, 0);
        let slots: Vec<_> = (0..SLOTS).map(|_| owner(&pool, most)).collect();
        for slot in slots {
            assert!(is_zero(slot.memory().as_slice()));
        }
    }
    eprintln!("done");
}

/// Maps until the process may have no more maps.
fn use_up(limit: usize) -> Vec<(usize, usize)> {
    let len = 2 * limit * page();
    let map = |len, access| {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new map at an address of the system's choosing.
        unsafe { mmap_anonymous(ptr::null_mut(), len, access, flags) }
    };
    let access = ProtFlags::READ | ProtFlags::WRITE;
    let first = map(len, access).expect("there is room");
    let mut used = vec![(first.expose_provenance(), len)];
    // Every other page is another map.
    for number in (1..2 * limit).step_by(2) {
        let page_of = first.wrapping_byte_add(number * page());
        // SAFETY: the page has just been mapped, and nobody refers to it.
        if unsafe { mprotect(page_of, page(), MprotectFlags::READ) }.is_err() {
            break;
        }
    }
    // Neighbours that differ do not merge.
    for number in 0..64 {
        let access = [ProtFlags::READ, ProtFlags::READ | ProtFlags::WRITE][number % 2];
        match map(page(), access) {
            Ok(map) => used.push((map.expose_provenance(), page())),
            Err(_) => return used,
        }
    }
    panic!("maps do not end");
}

/// Whether this process may lock no more than so many bytes, from now on.
fn locks_at_most(bytes: u64) -> bool {
    // Who may do everything has no limit.
    let _ = set_capabilities(
        None,
        CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        },
    );
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    setrlimit(Resource::Memlock, limit).is_ok()
}

#[test]
fn locks_that_an_owner_forgets_are_gone_for_the_next() {
    assert!(said(&child("forget_many_locks", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process that counts what it has locked"]
fn forget_many_locks() {
    let most = 64 * PAGES * page();
    for pool in each_reset(most, PAGES * page()) {
        drop(owner(&pool, most));
        let before = (status("VmLck:"), maps());
        for _ in 0..3 {
            let mut slot = owner(&pool, most);
            let start = slot.memory_mut().as_mut_ptr();
            for number in (0..256).step_by(2) {
                let page_of = start.wrapping_add(number * page());
                // SAFETY: the page is this slot's own.
                unsafe { mlock_with(page_of.cast(), page(), MlockFlags::ONFAULT) }
                    .expect("so little may be");
            }
            assert!(maps() >= before.1 + 200);
            // One page that is kept, so that nothing is to be given back.
            slot.memory_mut().as_mut_slice()[0] = 1;
            drop(slot);
            assert_eq!(status("VmLck:"), before.0, "{:?}", pool.reset_mode());
            assert!(
                maps() <= before.1 + 2,
                "{:?}: {}",
                pool.reset_mode(),
                maps()
            );
        }
    }
    eprintln!("done");
}

#[test]
fn a_process_that_locks_what_it_maps_within_a_limit_loses_no_slot_and_no_lock() {
    assert!(said(&child("lock_what_is_mapped_within_a_limit", "")).contains("done"));
    assert!(said(&child("map_over_within_a_limit_on_locks", "")).contains("done"));
}

#[test]
#[ignore = "run by the test above, in a process that may lock little"]
fn lock_what_is_mapped_within_a_limit() {
    let (most, locked) = (8 * table(), 32 * page());
    let pools = each_reset(most, PAGES * page());
    if !locks_at_most(wide(64 * page())) || mlockall(MlockAllFlags::FUTURE).is_err() {
        eprintln!("done: no");
        return;
    }
    for pool in pools {
        let before = status("VmLck:");
        for size in [locked, page(), 2 * locked] {
            let locked = locked.min(size);
            let mut slot = owner(&pool, size);
            let start = slot.memory_mut().as_mut_ptr();
            // SAFETY: the pages are this slot's own.
            unsafe { mlock_with(start.cast(), locked, MlockFlags::empty()) }.expect("as allowed");
            slot.memory_mut().as_mut_slice()[..locked].fill(1);
            drop(slot);
            if size > page() {
                assert!(status("VmLck:") <= before, "{:?}", pool.reset_mode());
            }
            pool.close_idle();
            assert!(status("VmLck:") <= before, "{:?}", pool.reset_mode());
        }
        assert_eq!(pool.statistics().retired, 0);
    }
    eprintln!("done");
}

#[test]
#[ignore = "run by the test above, in a process that may lock little"]
fn map_over_within_a_limit_on_locks() {
    let most = 8 * table();
    let pools = each_reset(most, PAGES * page());
    if !locks_at_most(wide(64 * page())) || mlockall(MlockAllFlags::FUTURE).is_err() {
        eprintln!("done: no");
        return;
    }
    for pool in pools {
        let before = status("VmLck:");
        for _ in 0..4 {
            let mut slot = owner(&pool, 16 * page());
            let memory = slot.memory_mut();
            assert!(is_zero(memory.as_slice()));
            memory.as_mut_slice().fill(1);
            let second = memory.as_mut_ptr().wrapping_add(page());
            memory.mapped_over();
            // SAFETY: the page is this slot's own, and nobody refers to it.
            unsafe { mprotect(second.cast(), page(), MprotectFlags::READ) }.expect("it is allowed");
            drop(slot);
            assert_eq!(pool.statistics().retired, 0, "{:?}", pool.reset_mode());
            assert!(status("VmLck:") <= before, "{:?}", pool.reset_mode());
        }
    }
    eprintln!("done");
}

#[test]
fn what_a_process_locks_that_nobody_touches_is_told_and_given_back() {
    let future = [("POOLCFG_TEST_FUTURE", "1")];
    for variables in [&[], future.as_slice()] {
        let child = child_with("lock_what_is_there", "", variables);
        assert!(said(&child).contains("done"));
    }
}

#[test]
#[ignore = "run by the test above, in a process that locks its memory"]
fn lock_what_is_there() {
    // On a machine with large pages that is more than there is.
    if page() > 4096 {
        eprintln!("done: no");
        return;
    }
    let (most, keep) = (4 * table(), PAGES * page());
    let pools = each_reset(most, keep);
    let mut opened = each_reset(most, keep);
    // Open before it is locked, and shut for the owner that follows after.
    opened.iter().for_each(|pool| drop(owner(pool, most)));
    let flags = match std::env::var_os("POOLCFG_TEST_FUTURE") {
        Some(_) => MlockAllFlags::CURRENT | MlockAllFlags::FUTURE,
        None => MlockAllFlags::CURRENT,
    };
    if mlockall(flags).is_err() {
        eprintln!("done: no");
        return;
    }
    for pool in &pools {
        for _ in 0..3 {
            // The system fetches all that is opened; the owner touches nothing.
            drop(owner(pool, most));
            let start = locate(pool);
            is_told(pool, start, keep);
            drop(owner(pool, most));
            is_told(pool, start, keep);
            pool.close_idle();
            is_told(pool, start, 0);
        }
    }
    for pool in opened.drain(..) {
        drop(owner(&pool, page()));
        let start = locate(&pool);
        pool.close_idle();
        is_told(&pool, start, 0);
    }
    eprintln!("done");
}

/// Where the only memory lies, which is touched for it.
fn locate(pool: &Pool) -> (usize, usize) {
    place(owner(pool, page()).memory_mut())
}

#[test]
fn an_owner_that_checks_bounds_pays_for_its_own_size() {
    let keep = Size::bytes(wide(PAGES * page()));
    let options = PoolOptions::new()
        .keep_resident(keep)
        .owner_checks_bounds(true)
        .reset(Reset::PagemapScan);
    let small = page().max(64 << 10);
    let Some(pool) = pool_of(1, 64 * small, options) else {
        return;
    };
    // One that has all of it, so that all stays open.
    let mut slot = owner(&pool, 64 * small);
    let (start, max) = place(slot.memory_mut());
    slot.memory_mut().as_mut_slice()[0] = 1;
    drop(slot);
    for _ in 0..3 {
        owner(&pool, small).memory_mut().as_mut_slice()[0] = 1;
    }
    // Memories as small are zeroed whole, without a scan, which leaves all of their pages in memory.
    assert_eq!(resident(start, max), wide(small));
    assert!(pool.statistics().resident.get() >= wide(small));
    // Who grows has all of what it has had cleared.
    let mut slot = owner(&pool, page());
    slot.memory_mut().grow_to(64 * small).expect("it grows");
    slot.memory_mut().as_mut_slice()[50 * small] = 1;
    slot.memory_mut().shrink_to(page()).expect("it shrinks");
    slot.memory_mut().grow_to(64 * small).expect("it grows");
    assert!(is_zero(slot.memory().as_slice()));
    slot.memory_mut().as_mut_slice()[50 * small] = 1;
    drop(slot);
    drop(owner(&pool, small));
    assert!(is_zero(owner(&pool, 64 * small).memory().as_slice()));
}

#[test]
fn a_memory_that_nobody_touched_may_be_mapped_anew() {
    let pool = pool_of(2, PAGES * page(), PoolOptions::new()).expect("it fits");
    // The pool itself has tried the other one.
    let mut slots = [owner(&pool, page()), owner(&pool, page())];
    slots
        .iter_mut()
        .for_each(|slot| slot.memory_mut().mapped_over());
    drop(slots);
    assert_eq!(pool.statistics().retired, 0);
    assert!(pool.statistics().page_tables.get() <= 2 * rest());
    assert!(is_zero(owner(&pool, page()).memory().as_slice()));
}

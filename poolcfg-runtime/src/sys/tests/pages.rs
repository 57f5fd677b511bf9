//! Pages: what one touched byte costs, what is kept, what is left of an owner's own mappings, and of page tables
//! where the kernel frees none.

use std::fs::{self, File};
use std::path::Path;

use poolcfg_core::Size;
use rustix::mm::{MapFlags, ProtFlags, mmap};

use super::{child, pool_with};
use crate::sys::{Region, faults};
use crate::{AcquireOptions, PoolOptions, Reset};

const ALL: [Option<Reset>; 4] = [
    None,
    Some(Reset::PagemapScan),
    Some(Reset::Zero),
    Some(Reset::Discard),
];

fn page() -> usize {
    crate::sys::page_size()
}

/// Bytes in memory, and whether huge pages are off, of each map that has a byte of a region.
fn maps(region: &Region) -> Vec<(usize, bool)> {
    let text = fs::read_to_string("/proc/self/smaps").expect("Linux has /proc");
    let start = region.as_ptr().addr();
    let mut maps = Vec::new();
    let mut within = false;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some((from, to)) = first.split_once('-') {
            let address = |text| usize::from_str_radix(text, 16).expect("an address");
            within = address(from) < start + region.capacity() && start < address(to);
        } else if within && first == "Rss:" {
            let kib: usize = words.next().and_then(|kib| kib.parse().ok()).expect("KiB");
            maps.push((kib << 10, false));
        } else if within && first == "VmFlags:" {
            let last = maps.last_mut().expect("Rss comes first");
            last.1 = words.any(|flag| flag == "nh");
        }
    }
    assert!(!maps.is_empty());
    maps
}

fn resident(region: &Region) -> usize {
    maps(region).iter().map(|(bytes, _)| bytes).sum()
}

/// Bytes of the largest page that is given without being asked for: a level of the page tables is one page of
/// entries of 8 bytes (include/linux/huge_mm.h: HPAGE_PMD_SIZE).
fn huge_page() -> usize {
    page() * (page() / 8)
}

/// Grows it, and touches a byte in the first huge page that lies in it whole.
fn touch_huge_page(memory: &mut Region) {
    memory.grow_to(memory.capacity()).expect("it grows");
    let misaligned = memory.as_ptr().addr() % huge_page();
    let bytes = memory.as_mut_slice();
    bytes[huge_page() - misaligned..][..huge_page()][5] = 1;
}

#[test]
fn one_touched_byte_costs_one_page_also_with_huge_pages_always_on() {
    let has_huge_pages = Path::new("/sys/kernel/mm/transparent_hugepage").exists();
    let memory = Size::bytes(crate::sys::wide(2 * huge_page()));
    let pool = super::try_pool_of(memory, PoolOptions::new()).expect("it opens");
    // Also for what takes the place of an owner's own mappings.
    for mapped_over in [true, false] {
        let mut slot = pool.acquire().expect("a slot");
        let memory = slot.memory_mut();
        touch_huge_page(memory);
        assert_eq!(resident(memory), page());
        assert!(maps(memory).iter().all(|(_, off)| *off == has_huge_pages));
        if mapped_over {
            memory.mapped_over();
        }
    }
    drop(pool);
}

#[test]
fn pages_beyond_keep_resident_go_back_and_the_others_stay() {
    let keep = 8 * page();
    let size = Size::bytes(crate::sys::wide(keep));
    let pool = pool_with(PoolOptions::new().keep_resident(size));
    let all = AcquireOptions::new().memory(64 * page());
    let mut slot = pool.acquire_with(all).expect("a slot");
    // Every other page, so that they are many ranges.
    let memory = slot.memory_mut().as_mut_slice();
    memory.chunks_mut(2 * page()).for_each(|pages| pages[0] = 1);
    drop(slot);
    let kept = if pool.reset_mode() == Reset::PagemapScan {
        keep
    } else {
        0
    };
    assert_eq!(
        pool.statistics().resident,
        Size::bytes(crate::sys::wide(kept))
    );
    let mut slot = pool.acquire_with(all).expect("a slot");
    assert_eq!(resident(slot.memory_mut()), kept);
    drop(slot);
    pool.close_idle();
    assert_eq!(pool.statistics().resident, Size::ZERO);
    let mut slot = pool.acquire_with(all).expect("a slot");
    assert_eq!(resident(slot.memory_mut()), 0);
}

#[test]
fn a_file_that_the_owner_maps_over_its_memory_is_gone_for_the_next() {
    let file = File::open("/proc/self/exe").expect("Linux has /proc");
    for reset in ALL {
        let options = reset.map_or(PoolOptions::new(), |reset| PoolOptions::new().reset(reset));
        let Ok(pool) = super::try_pool(options) else {
            assert_eq!(reset, Some(Reset::PagemapScan));
            continue;
        };
        let request = AcquireOptions::new().memory(4 * page());
        for write in [false, true] {
            let mut slot = pool.acquire_with(request).expect("a slot");
            let memory = slot.memory_mut();
            let second = memory.as_mut_ptr().wrapping_add(page());
            let access = ProtFlags::READ | ProtFlags::WRITE;
            let flags = MapFlags::PRIVATE | MapFlags::FIXED;
            // SAFETY: the page is the slot's own, and nobody refers to it.
            unsafe { mmap(second.cast(), page(), access, flags, &file, 0) }.expect("it maps");
            memory.mapped_over();
            assert_ne!(
                memory.as_slice()[page()],
                0,
                "programs begin with a magic number"
            );
            if write {
                memory.as_mut_slice()[page()] = 7;
            }
            drop(slot);
            let mut slot = pool.acquire_with(request).expect("a slot");
            let memory = slot.memory_mut();
            assert_eq!(memory.as_ptr().wrapping_add(page()), second.cast_const());
            assert!(memory.as_slice().iter().all(|byte| *byte == 0));
            memory.as_mut_slice().fill(1);
        }
        assert_eq!(pool.statistics().retired, 0);
    }
}

/// Bytes of this process's page tables.
fn page_tables() -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let line = text.lines().find_map(|line| line.strip_prefix("VmPTE:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<usize>().ok()).expect("KiB") << 10
}

#[test]
#[ignore = "run by the test below, in a process whose page tables it counts"]
fn read_where_tables_stay() {
    const TABLES: usize = 256;
    let rest = 16 * page();
    for reset in ALL {
        let options = reset.map_or(PoolOptions::new(), |reset| PoolOptions::new().reset(reset));
        // As many tables as there are bytes for one table more.
        let memory = Size::bytes(crate::sys::wide((TABLES + 1) * huge_page()));
        let Ok(pool) = super::try_pool_of(memory, options) else {
            assert_eq!(reset, Some(Reset::PagemapScan));
            continue;
        };
        drop(pool.acquire().expect("a slot"));
        let before = page_tables();
        for shrinks in [false, true] {
            let mut slot = pool.acquire().expect("a slot");
            let memory = slot.memory_mut();
            memory.grow_to(memory.capacity()).expect("it grows");
            let sum: u8 = memory.as_slice().iter().step_by(huge_page()).sum();
            assert_eq!(sum, 0);
            assert!(page_tables() >= before + TABLES * page());
            if shrinks {
                memory.shrink_to(page()).expect("it shrinks");
                let left = page_tables().saturating_sub(before);
                assert!(left <= rest, "{reset:?}: {left}");
            }
            drop(slot);
            let left = page_tables().saturating_sub(before);
            assert!(left <= rest, "{reset:?}: {left}");
            let said = pool.statistics().page_tables.get();
            assert!(said >= crate::sys::wide(left), "{said}: {left}");
        }
        // So few that giving them back takes no time are gone when the slot is closed, but at its edges.
        let mut slot = pool.acquire().expect("a slot");
        slot.memory_mut()
            .grow_to(huge_page() * 10)
            .expect("it grows");
        let _ = slot.memory().as_slice().iter().step_by(huge_page()).max();
        drop(slot);
        pool.close_idle();
        let left = page_tables().saturating_sub(before);
        assert!(left <= 6 * page(), "{reset:?}: {left}");
        assert_eq!(pool.statistics().retired, 0);
    }
}

#[test]
#[ignore = "run by the test below, in a process whose page tables it counts"]
fn read_as_on_older_kernels() {
    faults::where_tables_stay(read_where_tables_stay);
}

#[test]
fn page_tables_go_back_where_the_kernel_leaves_them_too() {
    for test in ["read_where_tables_stay", "read_as_on_older_kernels"] {
        let output = child(&format!("pages::{test}"), "");
        assert!(output.status.success(), "{output:?}");
    }
}

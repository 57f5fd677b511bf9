//! What is behind the mapping of a file: memory of a tmpfs, or huge pages. A process gets a SIGBUS where there is no more.

use std::path::Path;

use poolcfg_runtime::__private::proc;
use rustix::fs::{FsWord, statfs};

use super::facts::Facts;
use super::huge::FewPages;
use super::obstacle::{Obstacle, WhyLimit};
use super::proc_file::text;

/// The kind of a tmpfs, as statfs(2) tells it.
const TMPFS: FsWord = 0x0102_1994;

/// A tmpfs is full with fewer blocks than that: not every kernel counts to the last one.
const FULL: u64 = 32;

/// Why there is nothing at an address that is mapped, and the name of the mapping; `None` if the file is too short.
pub(super) fn obstacle_at(thread: i32, address: u64, facts: &Facts) -> Option<(Obstacle, String)> {
    let map = proc::maps(&facts.maps).find(|map| (map.start..map.end).contains(&address))?;
    let name = map.name.strip_suffix(" (deleted)").unwrap_or(map.name);
    let page = page_bytes(&text(&format!("/proc/{thread}/smaps")), map.start);
    let obstacle = match page.filter(|page| *page > facts.page) {
        Some(page) => of_huge_pages(page, facts),
        None => of_folder(thread, Path::new(name).parent()?, facts.page),
    };
    Some((obstacle?, name.to_owned()))
}

/// The bytes of the pages of a mapping, as /proc/PID/smaps tells them.
fn page_bytes(smaps: &str, start: u64) -> Option<u64> {
    let begin = format!("{start:08x}-");
    let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&begin));
    let line = lines.find_map(|line| line.strip_prefix("KernelPageSize:"))?;
    let kib = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    kib.checked_mul(1 << 10)
}

/// No huge page is free.
fn of_huge_pages(bytes: u64, facts: &Facts) -> Option<Obstacle> {
    let mut sizes = facts.huge_pages.iter();
    let size = sizes.find(|size| size.bytes == bytes && size.used >= size.all)?;
    let few = match size.is_usual {
        true => FewPages::Usual,
        false => FewPages::Other(bytes),
    };
    Some(Obstacle {
        few: Some(few),
        ..Obstacle::of(WhyLimit::HugePages, size.used.saturating_add(1), size.all)
    })
}

/// The file may be removed already: its folder is on the same file system.
fn of_folder(thread: i32, folder: &Path, page: u64) -> Option<Obstacle> {
    let folder = folder.strip_prefix("/").ok()?;
    let found = statfs(Path::new(&format!("/proc/{thread}/root")).join(folder)).ok()?;
    let block = u64::try_from(found.f_bsize).ok()?;
    let is_full = found.f_type == TMPFS && found.f_blocks > 0 && found.f_bavail < FULL;
    let all = found.f_blocks.saturating_mul(block);
    is_full.then(|| Obstacle::of(WhyLimit::Tmpfs, all.saturating_add(page), all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_a_mapping_are_read() {
        let smaps = "00010000-00020000 r-xp 00000000 fe:00 1 /bin/x\nSize: 64 kB\nKernelPageSize:        4 kB\n\
                     7f0000000000-7f0040000000 rw-p 00000000 00:0f 1 /anon_hugepage (deleted)\n\
                     Size: 1048576 kB\nKernelPageSize:  1048576 kB\n";
        assert_eq!(page_bytes(smaps, 0x1_0000), Some(4096));
        assert_eq!(page_bytes(smaps, 0x7f00_0000_0000), Some(1 << 30));
        assert_eq!(page_bytes(smaps, 0x2_0000), None);
    }
}

//! Huge pages: how many there are of each size, and which size a mapping has.

use std::fs;

use poolcfg_runtime::__private::proc;
use rustix::fs::FsWord;
use serde::{Deserialize, Serialize};

use super::proc_file::text;

/// The folder of each size.
pub(crate) const FOLDER: &str = "/sys/kernel/mm/hugepages";

/// The kind of the file systems of huge pages, as statfs(2) tells it.
const HUGETLBFS: FsWord = 0x9584_58f6;

/// Huge pages of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HugePages {
    pub(super) bytes: u64,
    /// Whether `MAP_HUGETLB` means this size by itself.
    pub(super) is_usual: bool,
    /// How many there are.
    pub(super) all: u64,
    /// How many may be had at most, `nr_overcommit_hugepages` with them.
    pub(super) most: u64,
    /// How many are used or promised.
    pub(super) used: u64,
}

/// A file of a file system of huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HugeFile {
    /// The bytes of its pages.
    pub(super) bytes: u64,
    /// The pages of its file system, and those that are left, where it was mounted with a size.
    pub(super) room: Option<[u64; 2]>,
}

/// Which huge pages are too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FewPages {
    /// Those of the size that `vm.nr_hugepages` is about.
    Usual,
    /// Those of another size.
    Other(u64),
    /// Those of a mount, of this size each.
    Mount(u64),
    /// The kernel has none of this size.
    Unknown(u64),
}

impl FewPages {
    /// The file that tells how many there are.
    pub(crate) fn file(bytes: u64) -> String {
        format!("{FOLDER}/hugepages-{}kB/nr_hugepages", bytes >> 10)
    }
}

/// The huge pages of the machine, of every size.
pub(super) fn sizes() -> Vec<HugePages> {
    let usual = proc::size_of(&text("/proc/meminfo"), "Hugepagesize").map(|size| size.get());
    let folders = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    names
        .filter_map(|name| {
            size(&name, usual, |file| {
                text(&format!("{FOLDER}/{name}/{file}"))
            })
        })
        .collect()
}

/// The pages of a folder by its name, such as `hugepages-2048kB`.
fn size(name: &str, usual: Option<u64>, read: impl Fn(&str) -> String) -> Option<HugePages> {
    let kib = name.strip_prefix("hugepages-")?.strip_suffix("kB")?;
    let bytes = kib.parse::<u64>().ok()?.checked_mul(1 << 10)?;
    let of = |name: &str| proc::number(&read(name)).unwrap_or(0);
    let all = of("nr_hugepages");
    // Those above what is reserved are of the overcommit.
    let reserved = all.saturating_sub(of("surplus_hugepages"));
    let free = of("free_hugepages").saturating_sub(of("resv_hugepages"));
    Some(HugePages {
        bytes,
        is_usual: usual == Some(bytes),
        all,
        most: reserved.saturating_add(of("nr_overcommit_hugepages")),
        used: all.saturating_sub(free),
    })
}

/// The file of a descriptor of a thread, if it is one of huge pages.
pub(super) fn file(thread: i32, descriptor: u64) -> Option<HugeFile> {
    // The kernel takes the low half of the word.
    let descriptor = u32::try_from(descriptor & 0xffff_ffff).ok()?;
    let path = format!("/proc/{thread}/fd/{descriptor}");
    let found = rustix::fs::statfs(path).ok()?;
    let known = |number: u64| Some(number).filter(|number| (1..u64::MAX).contains(number));
    (found.f_type == HUGETLBFS).then(|| HugeFile {
        bytes: u64::try_from(found.f_bsize).unwrap_or(0),
        room: known(found.f_blocks).map(|all| [all, found.f_bfree]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_of_each_size_are_counted() {
        let read = |file: &str| {
            let number = match file {
                "nr_hugepages" => 12,
                "free_hugepages" => 7,
                "resv_hugepages" => 3,
                "surplus_hugepages" => 2,
                _ => 5,
            };
            format!("{number}\n")
        };
        let of = |name: &str| size(name, Some(2 << 20), read);
        let usual = HugePages {
            bytes: 2 << 20,
            is_usual: true,
            all: 12,
            most: 15,
            used: 8,
        };
        assert_eq!(of("hugepages-2048kB"), Some(usual));
        let other = HugePages {
            bytes: 1 << 30,
            is_usual: false,
            ..usual
        };
        assert_eq!(of("hugepages-1048576kB"), Some(other));
        assert_eq!(of("power"), None);
        assert!(FewPages::file(1 << 30).ends_with("/hugepages-1048576kB/nr_hugepages"));
    }
}

//! The texts of /proc, read by pure functions: total on any text, and what they do not understand they
//! leave out.

use poolcfg_core::Size;

/// One line of /proc/self/maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map<'a> {
    /// Its first address.
    pub start: u64,
    /// The address behind it, above `start`.
    pub end: u64,
    /// Whether it can be written.
    pub writable: bool,
    /// Whether it can be executed.
    pub executable: bool,
    /// The file, or a name in brackets; empty when it is anonymous.
    pub name: &'a str,
}

/// The lines of /proc/self/maps; see proc_pid_maps(5).
pub fn maps(text: &str) -> impl Iterator<Item = Map<'_>> {
    text.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let end = u64::from_str_radix(end, 16).ok()?;
        let permissions = rest.split(' ').next()?;
        // Permissions, offset, device, inode, and then the name after spaces.
        let name = rest.splitn(5, ' ').nth(4).unwrap_or("").trim();
        (start < end).then_some(Map {
            start,
            end,
            writable: permissions.as_bytes().get(1) == Some(&b'w'),
            executable: permissions.as_bytes().get(2) == Some(&b'x'),
            name,
        })
    })
}

/// A free range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its first address.
    pub start: u64,
    /// Its bytes, at least one.
    pub bytes: Size,
}

/// Where the stack begins; what lies above it is beside the window that mmap searches.
fn stack(text: &str) -> u64 {
    maps(text)
        .find(|map| map.name == "[stack]")
        .map_or(u64::MAX, |map| map.start)
}

/// What is free from `lowest` up to the stack, the largest first.
pub fn gaps(text: &str, lowest: u64) -> Vec<Gap> {
    let stack = stack(text);
    let mut taken: Vec<(u64, u64)> = maps(text)
        .map(|map| (map.start, map.end))
        .filter(|(start, _)| *start <= stack)
        .collect();
    taken.sort_unstable();
    let mut gaps = Vec::new();
    let mut free = lowest;
    for (start, end) in taken {
        if start > free {
            gaps.push(Gap {
                start: free,
                bytes: Size::bytes(start - free),
            });
        }
        free = free.max(end);
    }
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.bytes));
    gaps
}

/// `MemTotal` and `SwapTotal` of /proc/meminfo together.
pub fn ram_and_swap(meminfo: &str) -> Option<Size> {
    size_of(meminfo, "MemTotal")?.checked_add(size_of(meminfo, "SwapTotal")?)
}

/// The value of a line such as `VmSize:  1234 kB` in /proc/self/status or /proc/meminfo.
pub fn size_of(text: &str, key: &str) -> Option<Size> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?;
        let value = value.trim().strip_suffix("kB")?.trim();
        Size::kib(1).checked_mul(value.parse().ok()?)
    })
}

/// The number that is all of a file, such as /proc/sys/vm/max_map_count.
pub fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// From here on the number of a cgroup is no limit: version 1 writes the largest whole page below 2^63 where nothing is
/// set (mm/page_counter.h, `PAGE_COUNTER_MAX`), version 2 `max`.
const NO_LIMIT: u64 = 1 << 62;

/// The limit that a file of [`cgroup_limit_files`] holds; `None` if it sets none.
pub fn cgroup_limit(text: &str) -> Option<Size> {
    number(text)
        .filter(|bytes| *bytes < NO_LIMIT)
        .map(Size::bytes)
}

/// Whether /proc/PID/personality asks for the legacy layout: `ADDR_COMPAT_LAYOUT` of
/// include/uapi/linux/personality.h.
pub fn is_compat_layout(personality: &str) -> bool {
    const ADDR_COMPAT_LAYOUT: u64 = 0x020_0000;
    let flags = u64::from_str_radix(personality.trim(), 16);
    flags.is_ok_and(|flags| flags & ADDR_COMPAT_LAYOUT != 0)
}

/// All of /proc/swaps together: a line for each file or partition, with its size in KiB behind its name and
/// its kind. A name has no spaces: they are written as `\040`.
pub(crate) fn swaps(text: &str) -> Size {
    let sizes = text.lines().skip(1).filter_map(|line| {
        let kib = line.split_whitespace().nth(2)?.parse().ok()?;
        Size::kib(1).checked_mul(kib)
    });
    sizes.fold(Size::ZERO, |sum, size| {
        sum.checked_add(size).unwrap_or(Size::bytes(u64::MAX))
    })
}

/// The files that bound the memory of the process, its own cgroup first and then those above it, by
/// /proc/self/cgroup: version 2, and version 1 with its memory controller in the usual place.
pub fn cgroup_limit_files(text: &str) -> Vec<String> {
    cgroup_files(text, "memory.max", Some("memory.limit_in_bytes"))
}

/// The same of the files that bound its swap, which only version 2 has.
pub(crate) fn cgroup_swap_files(text: &str) -> Vec<String> {
    cgroup_files(text, "memory.swap.max", None)
}

/// The files of these names, of version 2 and of version 1.
fn cgroup_files(text: &str, v2: &str, v1: Option<&str>) -> Vec<String> {
    let mut files = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (root, file) = match v1 {
            _ if controllers.is_empty() => ("/sys/fs/cgroup", v2),
            Some(v1) if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", v1)
            }
            _ => continue,
        };
        let mut path = path.trim_matches('/');
        if path.split('/').any(|part| part == "..") {
            // The cgroup lies outside of the namespace: only its root can be seen.
            path = "";
        }
        loop {
            if path.is_empty() {
                files.push(format!("{root}/{file}"));
                break;
            }
            files.push(format!("{root}/{path}/{file}"));
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAPS: &str = "\
555555554000-555555558000 r--p 00000000 fe:00 123   /usr/bin/cat
555555558000-555555579000 rw-p 00000000 00:00 0     [heap]
7ffff7d00000-7ffff7f00000 r-xp 00000000 fe:00 456   /usr/lib/a name with spaces.so
7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0     [vdso]
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0     [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]
";

    #[test]
    fn maps_are_read_with_their_names() {
        let maps: Vec<_> = maps(MAPS).collect();
        assert_eq!(maps.len(), 6);
        assert_eq!(maps[0].start, 0x5555_5555_4000);
        assert!(!maps[0].writable && maps[1].writable);
        assert_eq!(maps[1].name, "[heap]");
        assert_eq!(maps[2].name, "/usr/lib/a name with spaces.so");
    }

    #[test]
    fn gaps_are_below_the_stack() {
        let gaps = gaps(MAPS, 0x10000);
        let starts: Vec<_> = gaps.iter().map(|gap| gap.start).collect();
        assert_eq!(
            starts,
            [
                0x10000,
                0x5555_5557_9000,
                0x7fff_f7ff_f000,
                0x7fff_f7f0_0000
            ]
        );
        assert_eq!(gaps[0].bytes.get(), 0x5555_5555_4000 - 0x10000);
    }

    #[test]
    fn sizes_and_numbers_are_read_by_their_whole_key() {
        let status = "VmSizeX:\t 1 kB\nVmSize:\t   2048 kB\nVmLck:\t 0 kB\n";
        assert_eq!(size_of(status, "VmSize"), Some(Size::mib(2)));
        assert_eq!(size_of(status, "VmData"), None);
        assert_eq!(number("65530\n"), Some(65_530));
        assert_eq!(number("max\n"), None);
    }

    #[test]
    fn cgroups_of_both_versions_are_found_up_to_the_root() {
        assert_eq!(
            cgroup_limit_files("0::/system.slice/a.service\n"),
            [
                "/sys/fs/cgroup/system.slice/a.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            cgroup_limit_files("5:cpu,memory:/../x\n4:pids:/x\n"),
            ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
    }

    #[test]
    fn swap_is_of_cgroups_of_version_2_only() {
        let both = "5:cpu,memory:/x\n0::/a/b\n";
        assert_eq!(
            cgroup_swap_files(both),
            [
                "/sys/fs/cgroup/a/b/memory.swap.max",
                "/sys/fs/cgroup/a/memory.swap.max",
                "/sys/fs/cgroup/memory.swap.max"
            ]
        );
    }

    #[test]
    fn swap_above_64_bits_is_the_most_there_can_be() {
        let line = "/swap\\040file file 18014398509481983 0 -2\n";
        assert_eq!(swaps(line), Size::ZERO, "the first line is a header");
        assert_eq!(
            swaps(&format!("Filename\n{line}{line}")),
            Size::bytes(u64::MAX)
        );
        assert_eq!(swaps("Filename\nno size at all\n"), Size::ZERO);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>(), lowest in any::<u64>()) {
            let _ = maps(&text).count();
            let _ = gaps(&text, lowest);
            let _ = size_of(&text, "VmSize");
            let _ = number(&text);
            let _ = swaps(&text);
            let _ = cgroup_limit_files(&text);
            let _ = cgroup_swap_files(&text);
        }

        #[test]
        fn any_text_of_the_right_shape_is_read_without_a_panic(
            text in "([0-9a-f]{0,20}-[0-9a-f]{0,20} [rw-]{0,4} [0-9a-f :]{0,20}(/x|\\[stack\\]|)\n|[0-9]{0,3}:[a-z,]{0,9}:[/.a-z]{0,20}\n|VmSize: *[0-9]{0,22} *(kB|)\n){0,8}",
            lowest in any::<u64>(),
        ) {
            for gap in gaps(&text, lowest) {
                prop_assert!(gap.start >= lowest && !gap.bytes.is_zero());
            }
            for map in maps(&text) {
                prop_assert!(map.start < map.end);
            }
            let _ = size_of(&text, "VmSize");
            let _ = cgroup_limit_files(&text);
        }
    }
}

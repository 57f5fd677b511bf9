//! Facts: what the system tells of a process, each read when a call has failed, while its thread is stopped.

use poolcfg_core::{Target, VaProfile};
use poolcfg_runtime::__private::{commit_left, proc};
use rustix::param::page_size;

use super::huge::{self, HugePages};
use super::proc_file::text;

/// The capability to lock any memory.
const CAP_IPC_LOCK: u32 = 14;

/// What decides whether a call for memory succeeds.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) rlimit_as: Option<u64>,
    pub(super) rlimit_data: Option<u64>,
    pub(super) rlimit_memlock: Option<u64>,
    pub(super) rlimit_stack: Option<u64>,
    pub(super) vm_size: u64,
    pub(super) vm_data: u64,
    pub(super) vm_locked: u64,
    pub(super) vm_stack: u64,
    /// Whether it may lock as much as it likes.
    pub(super) locks_all: bool,
    /// The text of /proc/PID/maps.
    pub(super) maps: String,
    pub(super) max_map_count: Option<u64>,
    /// Where mmap begins to search.
    pub(super) lowest: u64,
    /// Where the heap begins, and the bytes of the program's data, which count for `RLIMIT_DATA` as the heap does.
    pub(super) heap: Option<HeapStart>,
    /// `vm.overcommit_memory`.
    pub(super) overcommit: u64,
    /// With 2, what is left of the commit limit.
    pub(super) commit_left: Option<u64>,
    pub(super) ram_and_swap: Option<u64>,
    /// Of each size.
    pub(super) huge_pages: Vec<HugePages>,
    /// Why mmap searches in the legacy layout.
    pub(super) legacy: Option<Legacy>,
    pub(super) page: u64,
}

/// Where the heap begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeapStart {
    pub(super) start: u64,
    /// Bytes of the program's data, those that are read-only by now among them.
    pub(super) data: u64,
}

/// Why mmap searches upwards from a third of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Legacy {
    /// `RLIMIT_STACK` is unlimited.
    UnlimitedStack,
    /// `setarch --addr-compat-layout`.
    Personality,
    /// `vm.legacy_va_layout`.
    Setting,
}

fn number(path: &str) -> Option<u64> {
    proc::number(&text(path))
}

impl Facts {
    /// Of a thread, by its number.
    pub(super) fn read(pid: i32) -> Self {
        let of = |file: &str| text(&format!("/proc/{pid}/{file}"));
        let limits = of("limits");
        let status = of("status");
        let size = |name: &str| proc::size_of(&status, name).map_or(0, |size| size.get());
        let rlimit_stack = limit(&limits, "Max stack size");
        let meminfo = text("/proc/meminfo");
        let legacy = match () {
            () if proc::is_compat_layout(&of("personality")) => Some(Legacy::Personality),
            () if number("/proc/sys/vm/legacy_va_layout") == Some(1) => Some(Legacy::Setting),
            () if rlimit_stack.is_none() => Some(Legacy::UnlimitedStack),
            () => None,
        };
        Self {
            rlimit_as: limit(&limits, "Max address space"),
            rlimit_data: limit(&limits, "Max data size"),
            rlimit_memlock: limit(&limits, "Max locked memory"),
            rlimit_stack,
            vm_size: size("VmSize"),
            vm_data: size("VmData"),
            vm_locked: size("VmLck"),
            vm_stack: size("VmStk"),
            locks_all: has_capability(&status, CAP_IPC_LOCK),
            maps: of("maps"),
            max_map_count: number("/proc/sys/vm/max_map_count"),
            lowest: number("/proc/sys/vm/mmap_min_addr").unwrap_or(0),
            heap: HeapStart::of(&of("stat")),
            overcommit: number("/proc/sys/vm/overcommit_memory").unwrap_or(0),
            commit_left: commit_left(|path| Some(text(path))).map(|left| left.get()),
            ram_and_swap: proc::ram_and_swap(&meminfo).map(|size| size.get()),
            huge_pages: huge::sizes(),
            legacy,
            page: u64::try_from(page_size()).unwrap_or(4096),
        }
    }

    /// How many mappings count for `vm.max_map_count`.
    pub(super) fn map_count(&self) -> u64 {
        let counted = proc::maps(&self.maps).filter(|map| map.name != "[vsyscall]");
        u64::try_from(counted.count()).unwrap_or(u64::MAX)
    }

    /// The largest free range of those that mmap searches.
    pub(super) fn largest_gap(&self) -> u64 {
        let (from, to) = self.unsearched().unwrap_or((0, 0));
        let parts = proc::gaps(&self.maps, self.lowest)
            .into_iter()
            .flat_map(|gap| {
                let (start, end) = (gap.start, gap.start.saturating_add(gap.bytes.get()));
                [
                    from.min(end).saturating_sub(start),
                    end.saturating_sub(to.max(start)),
                ]
            });
        parts.max().unwrap_or(0)
    }

    /// The range in which mmap does not search: below where it begins, from there upwards; or between the beginning of
    /// its search down and that of the one up, which comes after it. `None` where it searches everywhere.
    ///
    /// What is mapped there first, mostly libraries, tells where it begins: the stack limit may have changed since the
    /// start. At most ASLR it is still above an eighth of the sixth, and below the program at 2/3. Source: mm/util.c, arch/x86/mm/mmap.c (`mmap_base`,
    /// `arch_pick_mmap_layout`) and arch/x86/kernel/sys_x86_64.c (`arch_get_unmapped_area_topdown`).
    fn unsearched(&self) -> Option<(u64, u64)> {
        let legacy = self.legacy?;
        let window = self.window()?;
        let third = window / 3;
        let all = || proc::maps(&self.maps);
        if legacy == Legacy::UnlimitedStack && cfg!(target_arch = "x86_64") {
            let sixth = window / 6;
            let ends = all().map(|map| map.end);
            let down = ends.filter(|end| (sixth / 8..=sixth).contains(end)).max()?;
            return Some((down, third.saturating_add(sixth - down)));
        }
        let starts = all().map(|map| map.start);
        let up = starts
            .filter(|start| (third..window / 3 * 2).contains(start))
            .min()?;
        Some((0, up))
    }

    /// The end of what mmap searches without a hint.
    fn window(&self) -> Option<u64> {
        let (_, top) = self.stack()?;
        let profiles = VaProfile::ALL.iter().flat_map(|table| table.iter());
        let windows = profiles
            .filter(|profile| profile.os.is(Target::CURRENT.os) && profile.serves(Target::CURRENT))
            .map(|profile| profile.window.get());
        windows.filter(|window| *window >= top).min()
    }

    /// The sum over what is mapped of a range, of mappings that count.
    pub(super) fn mapped(
        &self,
        start: u64,
        bytes: u64,
        counts: impl Fn(&proc::Map<'_>) -> bool,
    ) -> u64 {
        let end = start.saturating_add(bytes);
        proc::maps(&self.maps)
            .filter(counts)
            .map(|map| map.end.min(end).saturating_sub(map.start.max(start)))
            .fold(0, u64::saturating_add)
    }

    /// Whether each page of a range is mapped.
    pub(super) fn is_mapped(&self, start: u64, bytes: u64) -> bool {
        let page = self.page.max(1);
        let first = start - start % page;
        let end = start.saturating_add(bytes).checked_next_multiple_of(page);
        let length = end.unwrap_or(u64::MAX).saturating_sub(first);
        self.mapped(first, length, |_| true) >= length
    }

    /// What is free right behind an address.
    pub(super) fn free_behind(&self, address: u64) -> u64 {
        let next = proc::maps(&self.maps)
            .map(|map| map.start)
            .filter(|start| *start >= address)
            .min();
        next.map_or(0, |next| next - address)
    }

    /// The range of the stack of the first thread, whose pages the kernel adds as they are used.
    pub(super) fn stack(&self) -> Option<(u64, u64)> {
        let mut maps = proc::maps(&self.maps);
        let stack = maps.find(|map| map.name == "[stack]");
        stack.map(|stack| (stack.start, stack.end))
    }

    /// The name of the mapping at an address, where it has one: its file, or what its program calls it.
    pub(super) fn name_at(&self, address: u64) -> Option<String> {
        let map = proc::maps(&self.maps).find(|map| map.start <= address && address < map.end)?;
        let given = ["[anon:", "[anon_shmem:"].iter().find_map(|kind| {
            let name = map.name.strip_prefix(kind)?;
            name.strip_suffix(']')
        });
        let name = given.unwrap_or(map.name);
        (!name.is_empty()).then(|| name.to_owned())
    }
}

impl HeapStart {
    /// From the text of /proc/PID/stat; see proc_pid_stat(5).
    fn of(stat: &str) -> Option<Self> {
        // Behind the name, which may have anything in it; the first field there is the third.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(45 - 3);
        let mut next = || fields.next()?.parse().ok();
        let (start_data, end_data, start): (u64, u64, u64) = (next()?, next()?, next()?);
        // 0 for who may not read it.
        (start > 0).then(|| Self {
            start,
            data: end_data.saturating_sub(start_data),
        })
    }
}

/// The soft limit in a line of /proc/PID/limits; `None` if it is unlimited, or not told.
fn limit(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn has_capability(status: &str, number: u32) -> bool {
    let mut lines = status.lines();
    let bits = lines.find_map(|line| line.strip_prefix("CapEff:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .is_some_and(|bits| bits >> number & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_by_their_names() {
        let text = "WhyLimit  Soft WhyLimit  Hard WhyLimit  Units\n\
                    Max data size             unlimited            unlimited            bytes\n\
                    Max stack size            8388608              unlimited            bytes\n\
                    Max address space         68719476736          68719476736          bytes\n";
        assert_eq!(limit(text, "Max address space"), Some(64 << 30));
        assert_eq!(limit(text, "Max stack size"), Some(8 << 20));
        assert_eq!(limit(text, "Max data size"), None);
        assert!(proc::is_compat_layout("00200000\n") && !proc::is_compat_layout("00040000\n"));
        let caps = "CapPrm:\t0\nCapEff:\t0000000000004000\n";
        assert!(has_capability(caps, CAP_IPC_LOCK) && !has_capability(caps, 13));
    }

    /// The maps of a process whose libraries end at `library` and whose program lies at 2/3 of a window of 47 bits.
    fn with_library_at(library: u64) -> String {
        let stack = (1u64 << 47) - (1 << 20);
        format!(
            "{:x}-{library:x} r-xp 00000000 fe:00 1 /lib/c\n555555554000-555555555000 r-xp 00000000 fe:00 2 /bin/x\n\
             {:x}-{stack:x} rw-p 00000000 00:00 0 [stack]\n",
            library - 0x1000,
            stack - 0x1000
        )
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn what_mmap_does_not_search_is_no_hole() {
        let window = 1u64 << 47;
        let aslr = 1 << 39;
        let of = |maps: String, legacy| Facts {
            maps,
            legacy,
            ..Facts::default()
        };
        let program = 0x5555_5555_4000;
        // From the libraries below a sixth of the window down to 0; then up from a third to the program, or from there to
        // the stack. In between nothing is ever found.
        let library = window / 6 - aslr;
        let unlimited = of(with_library_at(library), Some(Legacy::UnlimitedStack));
        let stack = window - (1 << 20) - 0x1000;
        assert_eq!(unlimited.largest_gap(), stack - program - 0x1000);
        // In the legacy layout from the libraries above a third.
        let library = window / 3 + aslr;
        let legacy = of(with_library_at(library), Some(Legacy::Personality));
        assert_eq!(legacy.largest_gap(), stack - program - 0x1000);
        let usual = of(with_library_at(library), None);
        assert_eq!(usual.largest_gap(), library - 0x1000);
    }

    #[test]
    fn the_start_of_the_heap_is_read_behind_any_name() {
        let fields: Vec<String> = (3..=52).map(|field| (field * 0x1000).to_string()).collect();
        let stat = format!("7 (a ) 1 b) {}", fields.join(" "));
        let heap = HeapStart::of(&stat).unwrap();
        assert_eq!((heap.start, heap.data), (47 * 0x1000, 0x1000));
        assert_eq!(HeapStart::of("7 (a) S 1"), None);
    }

    #[test]
    fn the_name_that_a_program_gives_is_read() {
        let maps = "\
10000-20000 ---p 00000000 00:00 0                          [anon:poolcfg: memories]
20000-30000 rw-p 00000000 00:00 0                          [anon:a [name] of its own]
30000-40000 rw-s 00000000 00:01 7                          [anon_shmem:shared]
40000-50000 rw-p 00000000 00:00 0                          [heap]
50000-60000 r-xp 00000000 fe:00 9                          /usr/lib/a name.so
60000-70000 rw-p 00000000 00:00 0
";
        let facts = Facts {
            maps: maps.to_owned(),
            ..Facts::default()
        };
        for (address, name) in [
            (0x10000, Some("poolcfg: memories")),
            (0x2ffff, Some("a [name] of its own")),
            (0x30000, Some("shared")),
            (0x40000, Some("[heap]")),
            (0x50000, Some("/usr/lib/a name.so")),
            (0x60000, None),
            (0x70000, None),
        ] {
            assert_eq!(facts.name_at(address).as_deref(), name, "{address:#x}");
        }
    }
}

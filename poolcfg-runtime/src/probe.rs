//! The probe: what this process has in fact of what VA profiles and shapes tell of processes like it.

pub(crate) mod basis;

use poolcfg_core::{HOLES, RelocationModel, Size, UnlimitedStack, VaProfile};

use crate::machine::cgroup;
use crate::machine::overcommit;
use crate::machine::proc;
use crate::machine::{Machine, Resource, ThisMachine};
use crate::recheck::layout::{self, Search};
use crate::recheck::reservation::largest_single;

/// What was measured of this process and of the machine under it.
///
/// ```
/// use poolcfg_runtime::probe;
/// let probe = probe();
/// println!("{:?} of addresses, pages of {}", probe.window, probe.page_size);
/// for hole in &probe.holes {
///     println!("a hole of {}", hole.available());
/// }
/// println!("processes like this one: {}", probe.shape().describe());
/// println!("what counts of it: {:?}", probe.basis());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// The end of what mmap searches without a hint; `None` if the system does not tell.
    pub window: Option<Size>,
    /// The holes, the largest first: each was reserved beside those before it and given back.
    pub holes: Vec<Size>,
    /// The free ranges up to the stack that /proc/self/maps shows, the largest first and as many as there
    /// are [`holes`](Self::holes): where a range is much larger than its hole, the kernel does not search
    /// all of it.
    pub gaps: Vec<Size>,
    /// Bytes of a page.
    pub page_size: Size,
    /// The VA profiles of this target with this window and page size.
    pub va_profiles: Vec<&'static VaProfile<'static>>,
    /// How an unlimited stack limit has changed the layout; `None` if it is the normal one.
    pub unlimited_stack: Option<UnlimitedStack>,
    /// Whether the program is a PIE; `None` if its file cannot be read.
    pub relocation_model: Option<RelocationModel>,
    /// The range of ASLR, as a number of bits of pages: `vm.mmap_rnd_bits`, or of a 32-bit process on a
    /// 64-bit kernel `vm.mmap_rnd_compat_bits`. `None` if it cannot be read: it is for root (mode 0600 in
    /// kernel/sysctl.c).
    pub aslr_bits: Option<u32>,
    /// The limits of the process and of the machine.
    pub limits: ProbeLimits,
    /// The holes in the order in which the kernel searches them.
    pub(crate) in_order: [Size; HOLES],
    /// Whether `RLIMIT_AS` ended the measuring, so that the holes may be larger.
    pub(crate) is_cut_short: bool,
}

/// The limits that bear on pools. `None` if there is no limit, or none that can be read.
///
/// ```
/// use poolcfg_runtime::probe;
/// let limits = probe().limits;
/// if let (Some(bytes), Some(ram)) = (limits.ram_and_swap(), limits.ram) {
///     println!("{ram} of RAM, {bytes} with swap");
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeLimits {
    /// `RLIMIT_AS`
    pub address_space: Option<Size>,
    /// `RLIMIT_DATA`; read on Linux, where it counts what becomes writable.
    pub data: Option<Size>,
    /// `RLIMIT_STACK`, as it is now; the layout was chosen by what it was at start.
    pub stack: Option<Size>,
    /// `RLIMIT_MEMLOCK`
    pub memlock: Option<Size>,
    /// `vm.max_map_count`
    pub max_map_count: Option<u64>,
    /// `vm.overcommit_memory`: 0, 1, or 2 for a commit limit.
    pub overcommit_memory: Option<u64>,
    /// `CommitLimit`, which counts in mode 2.
    pub commit_limit: Option<Size>,
    /// What of it is left in mode 2: less what is committed, and what is kept for the administrator and for the
    /// user's other processes. `None` in other modes.
    pub commit_left: Option<Size>,
    /// `MemTotal`: RAM.
    pub ram: Option<Size>,
    /// `SwapTotal`: swap of the machine.
    pub swap: Option<Size>,
    /// How much of it is in use: `SwapTotal` less `SwapFree`.
    pub swap_used: Option<Size>,
    /// The least that a memory cgroup of the process allows it of RAM: `memory.max`, of version 1
    /// `memory.limit_in_bytes`. `None` if none bounds it.
    pub cgroup: Option<Size>,
}

impl ProbeLimits {
    /// RAM and swap of the machine: the most that one mapping may charge in mode 0 of overcommit.
    #[must_use]
    pub fn ram_and_swap(&self) -> Option<Size> {
        self.ram?.checked_add(self.swap?)
    }
}

/// Measures this process. The reservations are held for some microseconds only, but a thread that maps
/// very much in that time may be refused.
///
/// ```
/// let probe = poolcfg_runtime::probe();
/// println!("{} in one piece", probe.holes[0].available());
/// ```
#[must_use]
pub fn probe() -> Probe {
    Probe::of(&ThisMachine)
}

impl Probe {
    pub(crate) fn of<M: Machine>(machine: &M) -> Self {
        let page_size = machine.page_size();
        let window = layout::window(machine).map(Size::bytes);
        let search = layout::search(machine);
        let maps = machine.text("/proc/self/maps").unwrap_or_default();
        let status = machine.text("/proc/self/status").unwrap_or_default();
        let measured = measure(machine, page_size, window);
        let mut holes: Vec<Size> = measured.iter().map(|(_, bytes)| *bytes).collect();
        holes.sort_by_key(|bytes| std::cmp::Reverse(*bytes));
        let mut gaps: Vec<Size> = proc::gaps(&maps, 0).iter().map(|gap| gap.bytes).collect();
        gaps.truncate(holes.len());
        Self {
            window,
            gaps,
            page_size,
            va_profiles: layout::matching(machine).collect(),
            unlimited_stack: search.and_then(|search| search.unlimited_stack),
            relocation_model: machine.relocation_model(),
            aslr_bits: layout::aslr_bits(machine),
            is_cut_short: is_cut_short(machine.limit(Resource::AddressSpace), &holes, &status),
            holes,
            limits: ProbeLimits::of(machine),
            in_order: in_order(&measured, search),
        }
    }
}

/// Reserves the largest mapping that goes, beside it the next, and so on; the address and bytes of each.
fn measure<M: Machine>(machine: &M, page_size: Size, window: Option<Size>) -> Vec<(u64, Size)> {
    // Where the window is not known it is found by doubling: huge reservations are slow on some systems.
    let window = window.unwrap_or_else(|| {
        let mut bytes = 1 << 30;
        while bytes < 1 << 62 && machine.reserve(Size::bytes(bytes)).is_ok() {
            bytes <<= 1;
        }
        Size::bytes(bytes)
    });
    let mut held = Vec::with_capacity(HOLES);
    let mut misfit = window;
    for _ in 0..HOLES {
        let bytes = largest_single(machine, misfit, page_size);
        if bytes.is_zero() {
            break;
        }
        // Another thread may have taken some of it meanwhile: then it is no hole.
        let Ok(mapping) = machine.reserve(bytes) else {
            break;
        };
        held.push((machine.address(&mapping), bytes, mapping));
        // The next one is at most as large.
        misfit = bytes.checked_add(page_size).unwrap_or(bytes);
    }
    held.iter()
        .map(|(address, bytes, _)| (*address, *bytes))
        .collect()
}

/// Whether the holes end where `RLIMIT_AS` does, but for what maps a little meanwhile.
fn is_cut_short(limit: Option<Size>, holes: &[Size], status: &str) -> bool {
    const SLACK: Size = Size::mib(16);
    let used = proc::size_of(status, "VmSize").unwrap_or(Size::ZERO);
    let all = holes.iter().chain([&used, &SLACK]);
    let all = all.fold(0u64, |sum, bytes| sum.saturating_add(bytes.get()));
    limit.is_some_and(|limit| all >= limit.get())
}

/// Sorts holes into the kernel's order of search: from the top down, and when all of that is too small
/// from the bottom up in what is above (mm/mmap.c, generic_get_unmapped_area_topdown); in the legacy layout
/// from the bottom up at once.
fn in_order(measured: &[(u64, Size)], search: Option<Search>) -> [Size; HOLES] {
    let mut holes = measured.to_vec();
    holes.sort_by_key(|(address, _)| match search {
        Some(Search {
            unlimited_stack: Some(UnlimitedStack::Legacy),
            ..
        }) => (true, *address),
        Some(Search { first, .. }) if *address > first => (true, *address),
        _ => (false, u64::MAX - *address),
    });
    let mut sizes = [Size::ZERO; HOLES];
    for (size, (_, bytes)) in sizes.iter_mut().zip(holes) {
        *size = bytes;
    }
    sizes
}

impl ProbeLimits {
    fn of<M: Machine>(machine: &M) -> Self {
        let number = |path| proc::number(&machine.text(path)?);
        let meminfo = machine.text("/proc/meminfo").unwrap_or_default();
        Self {
            address_space: machine.limit(Resource::AddressSpace),
            data: machine.limit(Resource::Data),
            stack: machine.limit(Resource::Stack),
            memlock: machine.limit(Resource::Memlock),
            max_map_count: number("/proc/sys/vm/max_map_count"),
            overcommit_memory: number("/proc/sys/vm/overcommit_memory"),
            commit_limit: proc::size_of(&meminfo, "CommitLimit"),
            commit_left: overcommit::left(|path| machine.text(path)),
            ram: proc::size_of(&meminfo, "MemTotal"),
            swap: proc::size_of(&meminfo, "SwapTotal"),
            swap_used: proc::size_of(&meminfo, "SwapTotal")
                .zip(proc::size_of(&meminfo, "SwapFree"))
                .map(|(all, free)| all.saturating_sub(free)),
            cgroup: cgroup::memory_limit(machine),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_sorted_as_the_kernel_searches() {
        let holes = [
            (0x10000, Size::gib(3)),
            (0x9000_0000_0000, Size::gib(2)),
            (0x4000_0000_0000, Size::gib(1)),
        ];
        let gib = |order: [u64; 3]| order.map(Size::gib);
        assert_eq!(in_order(&holes, None), gib([2, 1, 3]));
        let search = |first, unlimited_stack| {
            Some(Search {
                first,
                unlimited_stack,
            })
        };
        // What is above the first page that is found is searched last.
        let normal = search(0x8000_0000_0000, None);
        assert_eq!(in_order(&holes, normal), gib([1, 3, 2]));
        let legacy = search(0x8000_0000_0000, Some(UnlimitedStack::Legacy));
        assert_eq!(in_order(&holes, legacy), gib([3, 1, 2]));
        let large_gap = search(0x1000_0000_0000, Some(UnlimitedStack::LargeGap));
        assert_eq!(in_order(&holes, large_gap), gib([3, 1, 2]));
    }
}

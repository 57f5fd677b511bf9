//! Facts: what /proc tells of the process, and how much of that is of pools.

use std::cell::OnceCell;

use poolcfg_core::Size;

use crate::machine::live_pools::{HeldAddresses, Holding};
use crate::machine::{Machine, proc};
use crate::sys::wide;

/// What /proc tells of the process and of what pools hold in it, each file read once and not before it is needed.
pub(crate) struct ProcFacts<'a, M> {
    pub(crate) machine: &'a M,
    status: OnceCell<String>,
    maps: OnceCell<String>,
    held: HeldAddresses,
}

impl<'a, M: Machine> ProcFacts<'a, M> {
    pub(crate) fn new(machine: &'a M, holdings: &[Holding]) -> Self {
        Self {
            machine,
            status: OnceCell::new(),
            maps: OnceCell::new(),
            held: HeldAddresses::of(holdings),
        }
    }

    /// A size in /proc/self/status.
    pub(crate) fn status(&self, name: &str) -> Size {
        let read = || self.machine.text("/proc/self/status").unwrap_or_default();
        proc::size_of(self.status.get_or_init(read), name).unwrap_or(Size::ZERO)
    }

    /// More maps than the process has, without counting them: each has a page at least. Counting takes twice as long as the
    /// rest of a recheck.
    ///
    /// The first number of /proc/self/statm is `total_vm`, the pages of all maps (proc_pid_statm(5), `vm_stat_account` of
    /// mm/mmap.c).
    pub(crate) fn maps_at_most(&self) -> u64 {
        let text = self.machine.text("/proc/self/statm");
        let pages = text.as_deref().and_then(|text| text.split(' ').next());
        pages.and_then(proc::number).unwrap_or(u64::MAX)
    }

    /// Reads the maps first: the list of many makes the heap grow, which is writable.
    pub(crate) fn read_maps_first(&self) {
        let _ = self.maps();
    }

    /// The maps of the process.
    fn maps(&self) -> impl Iterator<Item = proc::Map<'_>> {
        let read = || self.machine.text("/proc/self/maps").unwrap_or_default();
        proc::maps(self.maps.get_or_init(read))
    }

    /// Bytes that live slots have opened.
    pub(crate) fn open_bytes(&self) -> Size {
        if self.held.is_empty() {
            return Size::ZERO;
        }
        let open = self
            .maps()
            .filter(|map| map.writable && self.held.contain(map.start))
            .fold(0u64, |sum, map| sum.saturating_add(map.end - map.start));
        Size::bytes(open)
    }

    /// The maps that are of no pool whose place is known; `None` if they cannot be read, as where the process may have no
    /// map more, in which the list would be put.
    fn others(&self) -> Option<impl Iterator<Item = proc::Map<'_>>> {
        let mut maps = self.maps().peekable();
        maps.peek()?;
        Some(maps.filter(|map| !self.held.contain(map.start)))
    }

    /// How many maps of the process are of no pool, beside engines that map for themselves, each up to what it has at
    /// worst.
    pub(crate) fn maps_of_no_pool<'e>(
        &self,
        engines: impl Iterator<Item = &'e Holding>,
        page_size: Size,
    ) -> Option<u64> {
        let all = wide(self.others()?.count());
        let mut least = u64::MAX;
        let mut at_worst = 0u64;
        for engine in engines {
            let sizes = mapped_sizes(engine, page_size);
            least = sizes.iter().fold(least, |least, bytes| least.min(*bytes));
            at_worst = at_worst.saturating_add(engine.maps_at_worst);
        }
        if at_worst == 0 {
            return Some(all);
        }
        // What is mapped otherwise mostly lies in shorter rows.
        let rows = self.rows();
        let long = rows.iter().filter(|row| row.bytes >= least);
        let of_engines = long.fold(0u64, |sum, row| sum.saturating_add(row.maps));
        Some(all.saturating_sub(of_engines.min(at_worst)))
    }

    /// Bytes of engines that have been rechecked and are not mapped yet. Whoever made one without telling shows a row of
    /// maps as long as its longest mapping.
    pub(crate) fn unmapped_bytes(&self, holdings: &[Holding], page_size: Size) -> u64 {
        let unmapped = holdings.iter().filter(|holding| holding.unmapped.is_some());
        let mut rows: Option<Vec<Row>> = None;
        unmapped.fold(0u64, |sum, engine| {
            let sizes = mapped_sizes(engine, page_size);
            let longest = sizes.iter().copied().max().unwrap_or(0);
            let rows = rows.get_or_insert_with(|| self.rows());
            if let Some(row) = rows.iter_mut().find(|row| row.bytes >= longest) {
                row.bytes -= longest;
                return sum;
            }
            sizes.into_iter().fold(sum, u64::saturating_add)
        })
    }

    /// Rows of maps without a gap between them, which are of no pool whose place is known.
    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut end = None;
        for map in self.others().into_iter().flatten() {
            let bytes = map.end.saturating_sub(map.start);
            match rows.last_mut() {
                Some(row) if end == Some(map.start) => {
                    row.bytes = row.bytes.saturating_add(bytes);
                    row.maps = row.maps.saturating_add(1);
                }
                _ => rows.push(Row { bytes, maps: 1 }),
            }
            end = Some(map.end);
        }
        rows
    }
}

/// Maps without a gap between them.
#[derive(Clone, Copy, Debug)]
struct Row {
    bytes: u64,
    maps: u64,
}

/// The sizes of the mappings that an engine makes.
pub(crate) fn mapped_sizes(engine: &Holding, page_size: Size) -> Vec<u64> {
    let footprint = engine
        .took
        .and_then(|took| took.limits.footprint(page_size).ok());
    let mappings = footprint
        .into_iter()
        .flat_map(|footprint| footprint.mappings);
    mappings.map(|mapping| mapping.bytes.get()).collect()
}

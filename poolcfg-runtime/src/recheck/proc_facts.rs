//! Facts: what /proc tells of the process, and how much of that is of pools.

use std::cell::OnceCell;
use std::cmp::Reverse;

use poolcfg_core::Size;

use crate::machine::live_pools::{HeldAddresses, Holding};
use crate::machine::{Machine, proc};
use crate::recheck::rows::{Row, hold_all, take_from};
use crate::sys::wide;

/// What /proc tells of the process and of what pools hold in it, each file read once and not before it is needed.
pub(crate) struct ProcFacts<'a, M> {
    pub(crate) machine: &'a M,
    status: OnceCell<String>,
    maps: OnceCell<String>,
    pages: OnceCell<Option<u64>>,
    seen: OnceCell<Vec<usize>>,
    held: HeldAddresses,
}

impl<'a, M: Machine> ProcFacts<'a, M> {
    pub(crate) fn new(machine: &'a M, holdings: &[Holding]) -> Self {
        Self {
            machine,
            status: OnceCell::new(),
            maps: OnceCell::new(),
            pages: OnceCell::new(),
            seen: OnceCell::new(),
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
        self.pages().unwrap_or(u64::MAX)
    }

    /// The pages of all maps; `None` if they are not told.
    pub(crate) fn pages(&self) -> Option<u64> {
        let read = || {
            let text = self.machine.text("/proc/self/statm")?;
            proc::number(text.split(' ').next()?)
        };
        *self.pages.get_or_init(read)
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

    /// Which holdings are engines that have been rechecked and seem to be mapped: whoever made one without telling shows
    /// a row of maps as long as its longest mapping, beside those of engines that have told. Looked for once: the list of many
    /// maps is long.
    pub(crate) fn seen_engines(&self, holdings: &[Holding], page_size: Size) -> &[usize] {
        let look = || self.look_for_engines(holdings, page_size);
        self.seen.get_or_init(look)
    }

    fn look_for_engines(&self, holdings: &[Holding], page_size: Size) -> Vec<usize> {
        if holdings.iter().all(|holding| holding.unmapped.is_none()) {
            return Vec::new();
        }
        // Native pools have ranges.
        let mut wanted: Vec<(u64, Option<usize>)> = Vec::new();
        for (at, engine) in holdings.iter().enumerate() {
            let sizes = mapped_sizes(engine, page_size).into_iter();
            if engine.unmapped.is_some() {
                wanted.push((sizes.max().unwrap_or(0), Some(at)));
            } else if engine.ranges.is_empty() {
                wanted.extend(sizes.map(|bytes| (bytes, None)));
            }
        }
        // The longest first, so that none is looked for in what a shorter one has left.
        wanted.sort_by_key(|(bytes, engine)| (Reverse(*bytes), *engine));
        let last = wanted.iter().rposition(|(_, engine)| engine.is_some());
        wanted.truncate(last.map_or(0, |last| last + 1));
        let sizes: Vec<u64> = wanted.iter().map(|(bytes, _)| *bytes).collect();
        let mut rows = self.rows();
        if !hold_all(&rows, &sizes) {
            wanted.retain(|(bytes, _)| take_from(&mut rows, *bytes));
        }
        let engines = wanted.into_iter();
        engines.filter_map(|(_, engine)| engine).collect()
    }

    /// Bytes of engines that have been rechecked and are not mapped yet.
    pub(crate) fn unmapped_bytes(&self, holdings: &[Holding], page_size: Size) -> u64 {
        let seen = self.seen_engines(holdings, page_size);
        let each = holdings.iter().enumerate();
        let unmapped =
            each.filter(|(at, holding)| holding.unmapped.is_some() && !seen.contains(at));
        let sizes = unmapped.flat_map(|(_, engine)| mapped_sizes(engine, page_size));
        sizes.fold(0, u64::saturating_add)
    }

    /// Rows of maps without a gap between them, as far as they are of no pool whose place is known: the kernel makes one map
    /// of those side by side.
    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut last = None;
        for map in self.maps() {
            for part in self.held.outside(map.start..map.end) {
                let bytes = part.end - part.start;
                let maps = u64::from(part.start == map.start);
                match rows.last_mut() {
                    Some(row) if last == Some(part.start) => {
                        row.bytes = row.bytes.saturating_add(bytes);
                        row.maps = row.maps.saturating_add(maps);
                    }
                    _ => rows.push(Row { bytes, maps }),
                }
                last = Some(part.end);
            }
        }
        rows
    }
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

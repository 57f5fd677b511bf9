//! Reports: lines of words and numbers, read as strictly as they are written.

use std::fmt;

use poolcfg_core::Size;

use crate::cell::Cell;

/// What one process measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The largest single mapping, and the largest beside one of what is promised first.
    pub holes: [Size; 2],
    /// What came of pools, in a process that makes some.
    pub pools: Option<Pools>,
}

/// What one process had of pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pools {
    /// What a recheck took of a pool that asks for more than there is.
    pub taken: Size,
    /// What a search by bare mmap finds for the same.
    pub found: Size,
    /// Slots of 1/64 of the window that a recheck for Wasmtime took.
    pub slots: u32,
    /// Whether the process had no room for one slot more than is promised, and a recheck said so.
    pub refused: bool,
    /// Slots of the same size that a recheck took for a native pool, in pieces, when it was asked for more than
    /// there are.
    pub native: u32,
    /// Slots that the largest holes have room for.
    pub physical: u32,
}

impl Start {
    /// Reads the line.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let ["start", first, second, pools @ ..] = words.as_slice() else {
            return None;
        };
        Some(Self {
            holes: [size(first)?, size(second)?],
            pools: match pools {
                [] => None,
                [taken, found, slots, refused, native, physical] => Some(Pools {
                    taken: size(taken)?,
                    found: size(found)?,
                    slots: slots.parse().ok()?,
                    refused: refused.parse().ok()?,
                    native: native.parse().ok()?,
                    physical: physical.parse().ok()?,
                }),
                _ => return None,
            },
        })
    }
}

impl Pools {
    /// What was taken, in thousandths of what was found, rounded down.
    #[must_use]
    pub fn share(&self) -> u64 {
        thousandths(self.taken.get(), self.found.get())
    }

    /// The slots of a native pool, in thousandths of those that there is room for.
    #[must_use]
    pub fn native_share(&self) -> u64 {
        thousandths(self.native.into(), self.physical.into())
    }
}

fn thousandths(part: u64, whole: u64) -> u64 {
    match whole {
        0 => 1000,
        whole => {
            let share = u128::from(part) * 1000 / u128::from(whole);
            u64::try_from(share).unwrap_or(u64::MAX)
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.holes;
        write!(f, "start {} {}", first.get(), second.get())?;
        match self.pools {
            None => Ok(()),
            Some(Pools {
                taken,
                found,
                slots,
                refused,
                native,
                physical,
            }) => write!(
                f,
                " {} {} {slots} {refused} {native} {physical}",
                taken.get(),
                found.get()
            ),
        }
    }
}

/// What came of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellReport {
    /// The cell.
    pub cell: Cell,
    /// Processes that were started.
    pub starts: u32,
    /// Promises that were not kept; each has a line of its own.
    pub broken: u32,
    /// The two holes that are promised.
    pub promised: [Size; 2],
    /// The least that any process measured of them.
    pub least: [Size; 2],
    /// The most.
    pub most: [Size; 2],
    /// The least share of what is there that a recheck took, in thousandths.
    pub share: u64,
    /// Slots of 1/64 of the window that are promised to Wasmtime, with its own guards.
    pub slots_promised: u32,
    /// The fewest that a recheck took when it was asked for 64.
    pub slots_least: u32,
    /// Processes that made pools.
    pub pools: u32,
    /// Those of them that had no room for one slot more than is promised, and were told so.
    pub refused: u32,
    /// Slots of the same size that are promised to a native pool, in pieces.
    pub native_promised: u32,
    /// The fewest that a recheck took when it was asked for more than there are.
    pub native_least: u32,
    /// The least share of those that there is room for, in thousandths.
    pub native_share: u64,
}

/// Slots that are promised in a cell: to Wasmtime and to a native pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromisedSlots {
    /// In one piece.
    pub wasmtime: u32,
    /// In as many pieces as there are holes.
    pub native: u32,
}

impl CellReport {
    /// A cell in which nothing has been started yet.
    #[must_use]
    pub const fn new(cell: Cell, promised: [Size; 2], slots: PromisedSlots) -> Self {
        Self {
            cell,
            starts: 0,
            broken: 0,
            promised,
            least: [Size::bytes(u64::MAX); 2],
            most: [Size::ZERO; 2],
            share: u64::MAX,
            slots_promised: slots.wasmtime,
            slots_least: u32::MAX,
            pools: 0,
            refused: 0,
            native_promised: slots.native,
            native_least: u32::MAX,
            native_share: u64::MAX,
        }
    }

    /// Adds what one process measured.
    pub fn add(&mut self, start: &Start) {
        for (i, hole) in start.holes.into_iter().enumerate() {
            self.least[i] = self.least[i].min(hole);
            self.most[i] = self.most[i].max(hole);
        }
        if let Some(pools) = start.pools {
            self.share = self.share.min(pools.share());
            self.slots_least = self.slots_least.min(pools.slots);
            self.pools += 1;
            self.refused += u32::from(pools.refused);
            self.native_least = self.native_least.min(pools.native);
            self.native_share = self.native_share.min(pools.native_share());
        }
    }

    /// Reads the line.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let ["cell", a, b, c, numbers @ ..] = words.as_slice() else {
            return None;
        };
        let numbers: Option<Vec<u64>> = numbers.iter().map(|word| word.parse().ok()).collect();
        let numbers = numbers?;
        let [
            starts,
            broken,
            promised_first,
            promised_second,
            least_first,
            least_second,
            most_first,
            most_second,
            share,
            slots_promised,
            slots_least,
            pools,
            refused,
            native_promised,
            native_least,
            native_share,
        ] = *numbers.as_slice()
        else {
            return None;
        };
        let sizes = |first, second| [Size::bytes(first), Size::bytes(second)];
        Some(Self {
            cell: Cell::of_words(&[a, b, c])?,
            starts: starts.try_into().ok()?,
            broken: broken.try_into().ok()?,
            promised: sizes(promised_first, promised_second),
            least: sizes(least_first, least_second),
            most: sizes(most_first, most_second),
            share,
            slots_promised: slots_promised.try_into().ok()?,
            slots_least: slots_least.try_into().ok()?,
            pools: pools.try_into().ok()?,
            refused: refused.try_into().ok()?,
            native_promised: native_promised.try_into().ok()?,
            native_least: native_least.try_into().ok()?,
            native_share,
        })
    }
}

impl fmt::Display for CellReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cell {} {} {}", self.cell, self.starts, self.broken)?;
        for size in [self.promised, self.least, self.most].as_flattened() {
            write!(f, " {}", size.get())?;
        }
        write!(
            f,
            " {} {} {} {} {} {} {} {}",
            self.share,
            self.slots_promised,
            self.slots_least,
            self.pools,
            self.refused,
            self.native_promised,
            self.native_least,
            self.native_share
        )
    }
}

fn size(word: &str) -> Option<Size> {
    word.parse().ok().map(Size::bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_is_written_and_not_otherwise() {
        let start = Start {
            holes: [Size::gib(171), Size::gib(82)],
            pools: None,
        };
        assert_eq!(Start::read(&start.to_string()), Some(start));
        let pools = Pools {
            taken: Size::gib(250),
            found: Size::gib(251),
            slots: 42,
            refused: true,
            native: 61,
            physical: 62,
        };
        assert_eq!(pools.share(), 996);
        assert_eq!(pools.native_share(), 983);
        let start = Start {
            pools: Some(pools),
            ..start
        };
        assert_eq!(Start::read(&start.to_string()), Some(start));
        for cell in Cell::all() {
            let slots = PromisedSlots {
                wasmtime: 42,
                native: 61,
            };
            let mut report = CellReport::new(cell, [Size::gib(170), Size::gib(80)], slots);
            report.add(&start);
            report.starts = 1;
            let line = report.to_string();
            assert_eq!(CellReport::read(&line), Some(report));
            for mistake in ["", "x", " 1", " "] {
                assert_eq!(CellReport::read(&format!("{line}{mistake}x")), None);
            }
        }
    }
}

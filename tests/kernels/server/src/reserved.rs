//! The address space that the pool has taken, as the kernel tells it.

use std::fs;
use std::ops::Range;

use wasmtime::{Result, format_err};

const MAPS: &str = "/proc/self/maps";

/// The range of the largest mapping that nothing may access: the pool's memories, as long as none is used.
pub struct Reserved {
    range: Range<u64>,
}

impl Reserved {
    /// Looks it up.
    pub fn read() -> Result<Self> {
        let range = mappings()?
            .into_iter()
            .filter(|mapping| mapping.protection == "---p")
            .map(|mapping| mapping.range)
            .max_by_key(bytes)
            .ok_or_else(|| format_err!("`{MAPS}` has no reserved range"))?;
        Ok(Self { range })
    }

    /// How large it is.
    pub fn bytes(&self) -> u64 {
        bytes(&self.range)
    }

    /// How many pieces of it may be accessed by now: what instances have or had.
    pub fn pieces(&self) -> Result<usize> {
        let inside =
            |range: &Range<u64>| self.range.start <= range.start && range.end <= self.range.end;
        let accessible = mappings()?
            .into_iter()
            .filter(|mapping| mapping.protection != "---p" && inside(&mapping.range));
        Ok(accessible.count())
    }
}

fn bytes(range: &Range<u64>) -> u64 {
    range.end - range.start
}

struct Mapping {
    range: Range<u64>,
    protection: String,
}

/// The format is described in the kernel's Documentation/filesystems/proc.rst.
fn mappings() -> Result<Vec<Mapping>> {
    let text = fs::read_to_string(MAPS)?;
    let mapping = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let address = |digits| u64::from_str_radix(digits, 16).ok();
        Some(Mapping {
            range: address(start)?..address(end)?,
            protection: rest.split(' ').next()?.to_owned(),
        })
    };
    text.lines()
        .map(|line| mapping(line).ok_or_else(|| format_err!("`{MAPS}`: {line}")))
        .collect()
}

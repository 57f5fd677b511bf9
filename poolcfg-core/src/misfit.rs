//! Misfits: why pools do not fit, and what would.

use crate::case::Case;
use crate::code::Code;
use crate::fault::at;
use crate::limits::MappingName;
use crate::plan::counts_with;
use crate::room::HOLES;
use crate::setting::{Keep, Place};
use crate::size::Size;
use crate::text::Text;

/// Which limit of the machine is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// No hole is large enough.
    Hole,
    /// More mappings than `vm.max_map_count`.
    MaxMapCount,
    /// One mapping that is charged when it is made, above RAM and swap.
    RamAndSwap,
}

crate::shape::words! {
    Limit { Hole = "hole", MaxMapCount = "max_map_count", RamAndSwap = "ram_and_swap" }
}

/// The largest values that fit, each with the other number as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargestFit {
    /// Most instances at the asked reservation.
    pub max_instances: Option<u32>,
    /// Largest reservation at the asked instances.
    pub memory_reservation: Option<Size>,
}

/// Why the pools do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Index of the pool whose mapping finds no place.
    pub pool: usize,
    /// That mapping; the first of the pool when there are too many mappings in all.
    pub mapping: MappingName,
    /// The limit in the way.
    pub limit: Limit,
    /// What is needed: bytes, or mappings.
    pub need: u64,
    /// What there is of it: bytes of the largest hole that is left, or of the slots that all holes
    /// have room for, or mappings.
    pub have: u64,
    /// The holes that are left when it is the turn of that mapping, the largest first.
    pub holes: [Size; HOLES],
    /// Bytes of one slot, where the mapping may lie in pieces of whole slots; nothing where it lies in
    /// one piece.
    pub slot: Option<Size>,
    /// What would fit.
    pub largest_fit: LargestFit,
}

/// A value that fits.
#[derive(Clone, Copy)]
enum Suggested {
    Instances(u32),
    Reservation(Size),
}

impl Misfit {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self.limit {
            Limit::Hole => Code::Misfit,
            Limit::MaxMapCount => Code::TooManyMaps,
            Limit::RamAndSwap => Code::TooMuchMemory,
        }
    }

    /// What is needed and what there is, such as `pool needs 3.94 TiB in slots of 4.04 GiB; riscv64 sv39
    /// (pie, measured profile) has 170.66 GiB and 27.40 GiB`, or for a pool of Wasmtime's `pool needs 3.94 TiB in one
    /// piece; riscv64 sv39 (pie, measured profile) has 170.66 GiB`.
    #[must_use]
    pub const fn message(&self, case: &Case<'_>) -> Text {
        let mut text = Text::new().str("pool ");
        if !case.pools[self.pool].name.is_empty() {
            text = text.str("`").str(case.pools[self.pool].name).str("` ");
        }
        text = text.str("needs ");
        text = match self.limit {
            Limit::Hole => {
                let text = Size::bytes(self.need).needed().write(text);
                match (self.mapping, self.slot) {
                    (_, Some(slot)) => slot.needed().write(text.str(" in slots of ")).str("; "),
                    (MappingName::Memories, None) => text.str(" in one piece; "),
                    (MappingName::Tables, None) => text.str(" in one piece for its tables; "),
                    (MappingName::Stacks, None) => text.str(" in one piece for its stacks; "),
                }
            }
            Limit::MaxMapCount => text.u64(self.need).str(" mappings; "),
            Limit::RamAndSwap => Size::bytes(self.need)
                .needed()
                .write(text)
                .str(" charged at once for its ")
                .str(self.mapping.word())
                .str("; "),
        };
        text = text
            .str(case.target.arch.name())
            .str(" ")
            .text(&case.machine())
            .str(" has ");
        match self.limit {
            Limit::Hole => self.write_holes(text, case),
            Limit::MaxMapCount => text.u64(self.have),
            Limit::RamAndSwap => Size::bytes(self.have)
                .available()
                .write(text)
                .str(" of RAM and swap"),
        }
    }

    /// The holes that have room for a slot, or the largest.
    const fn write_holes(&self, text: Text, case: &Case<'_>) -> Text {
        let whole = case.budget.holes();
        // After other mappings it is what they leave, not what the profile has.
        let left = self.holes[0].get() < whole[0].get()
            || (self.slot.is_some() && self.holes[1].get() < whole[1].get());
        let mut count = 1;
        if let Some(slot) = self.slot {
            while count < HOLES && self.holes[count].get() >= slot.get() {
                count += 1;
            }
        }
        let mut text = text;
        let mut i = 0;
        while i < count {
            let mut hole = self.holes[i];
            if i < whole.len() {
                hole = hole.min(whole[i]);
            }
            if i > 0 {
                text = text.str(if i + 1 == count { " and " } else { ", " });
            }
            text = hole.available().write(text);
            i += 1;
        }
        if left { text.str(" left") } else { text }
    }

    /// What would fit, such as `max_instances = 42`, as it may be written in poolcfg.toml; empty when no
    /// value of this pool does.
    #[must_use]
    pub const fn suggestion(&self, case: &Case<'_>) -> Text {
        let text = Text::new();
        match self.suggested(case) {
            Some(Suggested::Instances(instances)) => text.str("max_instances = ").number(instances),
            Some(Suggested::Reservation(reservation)) => text
                .str("memory_reservation = \"")
                .text(&reservation.exact())
                .str("\""),
            None => text,
        }
    }

    /// The number that is not kept, where it helps, or else the other one.
    const fn suggested(&self, case: &Case<'_>) -> Option<Suggested> {
        match (
            case.pools[self.pool].keep,
            self.largest_fit.max_instances,
            self.largest_fit.memory_reservation,
        ) {
            (Keep::MemoryReservation, Some(instances), _)
            | (Keep::MaxInstances, Some(instances), None) => Some(Suggested::Instances(instances)),
            (_, _, Some(reservation)) => Some(Suggested::Reservation(reservation)),
            (_, None, None) => None,
        }
    }

    /// What would fit, as advice: `max_instances = 42 fits`.
    #[must_use]
    pub const fn advice(&self, case: &Case<'_>) -> Text {
        let text = self.suggestion(case);
        let least = case.pools[self.pool].min_instances;
        match self.suggested(case) {
            None if case.count == 1 => Text::new().str("no size of this pool fits"),
            None => Text::new().str("no size of this pool fits beside the others"),
            Some(Suggested::Instances(instances)) if instances < least => {
                text.str(" fits, below min_instances = ").number(least)
            }
            Some(Suggested::Instances(instances)) => {
                match counts_with(case, self.pool, instances) {
                    Some(counts) => counts.write(text.str(" fits, each of ")),
                    None => text.str(" fits"),
                }
            }
            // The exact value is in a unit that nobody reads.
            Some(Suggested::Reservation(reservation)) => {
                reservation.available().write(text.str(" (")).str(") fits")
            }
        }
    }

    /// The whole sentence of a compile error, with the line of the file.
    #[must_use]
    pub const fn sentence(&self, case: &Case<'_>, file: &str) -> Text {
        let text = self.message(case).str(": ").text(&self.advice(case));
        at(text, file, self.place(case))
    }

    /// Where the number stands that has to change, or else the other one.
    #[must_use]
    pub const fn place(&self, case: &Case<'_>) -> Place {
        let pool = &case.pools[self.pool];
        let (first, second) = match self.suggested(case) {
            Some(Suggested::Reservation(_)) => (pool.memory_reservation_at, pool.max_instances_at),
            Some(Suggested::Instances(_)) | None => {
                (pool.max_instances_at, pool.memory_reservation_at)
            }
        };
        if first.line > 0 { first } else { second }
    }
}

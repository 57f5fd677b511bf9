//! Misfits: why pools do not fit, and what would.
//!
//! - here: what is needed, and what there is
//! - `advice`: what fits in place of what is asked; `levers`: which number of a pool is lowered for that, and how far;
//!   `together`: instances of all pools; `nothing`: what is in the way where nothing fits
//! - `step`: the numbers that a help says to write

mod advice;
mod levers;
mod nothing;
mod step;
mod together;

use crate::base::code::Code;
use crate::base::consts::wide;
use crate::base::size::{GRAIN, Size};
use crate::base::text::{Text, say};
use crate::engine::footprint::MappingName;
use crate::fault::at;
use crate::model::limit::Limit;
use crate::model::room::HOLES;
use crate::plan::search::LargestFit;
use crate::resolved::ResolvedProcess;
use crate::setting::Keep;
use crate::target::budget::{Budget, HEADROOM_MAPS};

/// Why the pools do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanMisfit {
    /// Index of the pool whose mapping finds no place, or which takes the most of another limit.
    pub pool: usize,
    /// That mapping; the memories if the limit in the way is not a hole or RAM and swap.
    pub mapping: MappingName,
    /// The limit in the way; of several, the one that decides what fits.
    pub limit: Limit,
    /// What is needed: bytes, or mappings. Of limits of the whole process, what all pools need together, and of the holes
    /// where the number of equal pools decides, what all of these do.
    pub need: u64,
    /// What there is of it, as the message says it. Of holes, bytes of the largest piece, or for slots of all holes that
    /// the message lists; where those have as much as is needed, of the slots that fit them. Of limits of the whole
    /// process, what the process itself leaves to the pools.
    pub have: u64,
    /// The holes that are left when it is the turn of that mapping, the largest first.
    pub holes: [Size; HOLES],
    /// Bytes of one slot, where the mapping may lie in pieces of whole slots; `None` if it lies in
    /// one piece.
    pub slot: Option<Size>,
    /// Bytes of all holes together and how many there may be, where that decides how many slots fit and not what each
    /// hole has at the least.
    pub together: Option<(Size, u64)>,
    /// How many of several equal pools find their places, where one does and not all.
    pub pools: Option<u32>,
    /// What would fit.
    pub largest_fit: LargestFit,
    /// Whether no other limit is in the way of what is asked.
    pub(crate) is_only: bool,
}

/// A value that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suggested {
    Instances(u32),
    Reservation(Size),
}

impl Suggested {
    /// The number that is not kept, where it helps, or else the other one.
    pub(crate) const fn of(keep: Keep, fit: &LargestFit) -> Option<Self> {
        match (keep, fit.max_instances, fit.memory_reservation) {
            (Keep::MemoryReservation, Some(instances), _)
            | (Keep::MaxInstances, Some(instances), None) => Some(Self::Instances(instances)),
            (_, _, Some(reservation)) => Some(Self::Reservation(reservation)),
            (_, None, None) => None,
        }
    }

    /// Which number is kept where it is followed, and the other one, a reservation in grains.
    pub(crate) const fn value(self) -> (Keep, u64) {
        match self {
            Self::Instances(instances) => (Keep::MemoryReservation, wide(instances)),
            Self::Reservation(bytes) => (Keep::MaxInstances, bytes.get() / GRAIN.get()),
        }
    }
}

impl PlanMisfit {
    /// How the headroom is changed where it is in the way.
    #[doc(hidden)]
    pub const CHANGES_HEADROOM: &'static str =
        "; `headroom` in [address_space] or `--set address_space.headroom=SIZE` changes it";

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self.limit {
            Limit::Hole => Code::Misfit,
            Limit::MaxMapCount => Code::TooManyMaps,
            Limit::RlimitAs | Limit::RlimitData | Limit::CommitLimit | Limit::RamAndSwap => {
                Code::TooMuchMemory
            }
        }
    }

    /// What is needed and what there is, such as `pool needs 3.94 TiB in slots of 4.04 GiB; riscv64 sv39
    /// (pie, measured profile) has 170.66 GiB and 80.20 GiB`, for a pool of Wasmtime's `pool needs 3.94 TiB in one
    /// piece; riscv64 sv39 (pie, measured profile) has 170.66 GiB`, or `pool needs 3.94 TiB of address space;
    /// \`RLIMIT_AS\` of 64 GiB leaves 63 GiB after the headroom of 1 GiB`.
    #[must_use]
    pub const fn message(&self, case: &ResolvedProcess<'_>) -> Text {
        self.write_pool(case).text(&self.needs(case))
    }

    /// The message without who needs it: `3.94 TiB in one piece; riscv64 sv39 (pie, measured profile) has 170.66 GiB`.
    #[must_use]
    pub const fn needs(&self, case: &ResolvedProcess<'_>) -> Text {
        let text = Text::new();
        let (need, have) = (Size::bytes(self.need), Size::bytes(self.have));
        let limits = &case.budget.limits;
        match self.limit {
            Limit::Hole => {
                let text = text.needed(need);
                let text = match (self.mapping, self.slot) {
                    _ if self.pools.is_some() => text.str(" of address space; "),
                    (_, Some(slot)) => say!(text; " in slots of ", needed(slot), "; "),
                    (MappingName::Memories, None) => text.str(" in one piece; "),
                    (MappingName::Tables, None) => text.str(" in one piece for its tables; "),
                    (MappingName::Stacks, None) => text.str(" in one piece for its stacks; "),
                };
                self.write_holes(write_machine(text, case), case)
            }
            Limit::MaxMapCount => {
                let text = say!(text; u64(self.need), " maps when every slot is in use; ");
                let text = text.str(self.limit.describe());
                let text = match limits.max_map_count {
                    Some(maps) => say!(text; " of ", u64(maps)),
                    None => text,
                };
                let text = say!(text; " leaves ", u64(self.have), " after the ");
                say!(text; u64(HEADROOM_MAPS), " reserved for the rest of the process")
            }
            Limit::RlimitAs => {
                let text = say!(text; needed(need), " of address space; ");
                self.write_left(text, limits.rlimit_as, case)
            }
            Limit::RlimitData => {
                let what = " of writable memory when every slot is in use; ";
                self.write_left(
                    say!(text; needed(need), str(what)),
                    limits.rlimit_data,
                    case,
                )
            }
            Limit::CommitLimit => {
                let what = " of committed memory when every slot is in use; ";
                self.write_left(
                    say!(text; needed(need), str(what)),
                    limits.commit_limit,
                    case,
                )
            }
            Limit::RamAndSwap => {
                let text = say!(text; needed(need), " charged at once for its ");
                let text = write_machine(say!(text; str(self.mapping.word()), "; "), case);
                say!(text; available(have), " of RAM and swap")
            }
        }
    }

    /// Whether what is needed is of all pools together, or of all equal ones, and not of a single mapping.
    #[must_use]
    pub const fn is_of_all(&self) -> bool {
        self.pools.is_some() || !matches!(self.limit, Limit::Hole | Limit::RamAndSwap)
    }

    /// Who needs something, such as `pool needs ` or ``pool `a` and the others need ``.
    const fn write_pool(&self, case: &ResolvedProcess<'_>) -> Text {
        let pool = &case.pools[self.pool];
        let all = self.is_of_all();
        let is_one = case.count == 1 || !all || self.pools.is_some();
        if is_one && pool.asked.pools > 1 {
            let text = Text::new().str(if all { "the " } else { "each of the " });
            let text = text.number(pool.asked.pools).str(" pools ");
            let text = if pool.name.is_empty() {
                text
            } else {
                text.str("`").str(pool.name).str("` ")
            };
            return text.str(if all { "need " } else { "needs " });
        }
        let mut text = Text::new().str("pool ");
        if !pool.name.is_empty() {
            text = text.str("`").str(pool.name).str("` ");
        }
        text.str(if all && case.count > 1 {
            "and the others need "
        } else {
            "needs "
        })
    }

    /// What a limit leaves beside the headroom.
    const fn write_left(
        &self,
        text: Text,
        limit: Option<Size>,
        case: &ResolvedProcess<'_>,
    ) -> Text {
        let mut text = text.str(self.limit.describe());
        if let Some(limit) = limit {
            text = say!(text; " of ", available(limit));
        }
        let text = say!(text; " leaves ", available(Size::bytes(self.have)));
        say!(text; " after the headroom of ", needed(case.budget.headroom))
    }

    /// How many holes the message lists, those that have room for a slot or the largest, and what they have.
    pub(super) const fn listed(&self, budget: &Budget) -> (usize, u64) {
        let mut count = 1;
        let mut bytes = self.hole(0, budget).get();
        if let Some(slot) = self.slot {
            while count < HOLES && self.holes[count].get() >= slot.get() {
                bytes = bytes.saturating_add(self.hole(count, budget).get());
                count += 1;
            }
        }
        (count, bytes)
    }

    /// A hole as the message lists it.
    const fn hole(&self, index: usize, budget: &Budget) -> Size {
        let whole = budget.holes();
        if index < whole.len() {
            return self.holes[index].min(whole[index]);
        }
        self.holes[index]
    }

    /// The holes that have room for a slot, or the largest.
    const fn write_holes(&self, text: Text, case: &ResolvedProcess<'_>) -> Text {
        let budget = &case.budget;
        if let Some((bytes, holes)) = self.together {
            let text = text.available(Size::bytes(self.have));
            let is_all = self.have == bytes.get();
            let text = match self.largest_fit.max_instances {
                _ if self.pools.is_some() && !is_all => match self.pools {
                    Some(pools) => say!(text; " for ", number(pools), " of them"),
                    None => text,
                },
                Some(slots) if !is_all => {
                    let text = text.str(" for ").number(slots).str(" slots");
                    if case.pools[self.pool].asked.pools > 1 {
                        text.str(" of each")
                    } else {
                        text
                    }
                }
                _ if bytes.get() < budget.room.total => text.str(" left"),
                _ => text,
            };
            return text.str(match holes {
                1 => " in one hole",
                2 => " in two holes",
                _ => " in three holes",
            });
        }
        let whole = budget.holes();
        // After other mappings it is what they leave, not what the profile has.
        let left = self.holes[0].get() < whole[0].get()
            || (self.slot.is_some() && self.holes[1].get() < whole[1].get());
        let (count, _) = self.listed(budget);
        let mut text = text;
        let mut i = 0;
        while i < count {
            if i > 0 {
                text = text.str(if i + 1 == count { " and " } else { ", " });
            }
            text = text.available(self.hole(i, budget));
            i += 1;
        }
        let text = if left { text.str(" left") } else { text };
        // Other holes may have more, in pieces.
        if count == 1 && (left || self.slot.is_some()) && budget.room.most_holes() > 1 {
            text.str(" in one piece")
        } else {
            text
        }
    }

    /// The whole text of a compile error: code, sentence, the place in the file, and where to read more.
    #[must_use]
    pub const fn sentence(&self, case: &ResolvedProcess<'_>, file: &str) -> Text {
        let text = self.code().begin(Text::new()).text(&self.message(case));
        let text = text.str(": ").text(&self.advice(case));
        self.code().note(at(text, file, self.place(case)))
    }
}

/// The machine that the pools are fitted to, such as `riscv64 sv39 (pie, measured profile) has `.
const fn write_machine(text: Text, case: &ResolvedProcess<'_>) -> Text {
    text.str(case.target.arch.name())
        .str(" ")
        .text(&case.machine())
        .str(" has ")
}

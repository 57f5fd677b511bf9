//! What a generated file says of a process, in a program that links poolcfg-runtime: its pools, made of the consts
//! beside them, and the budget that they have to fit.

mod pool;

use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::model::fit::{MAX_POOLS, Mappings, Verdict, fit};
use crate::model::room::{HOLES, Hole, Room, Three};
use crate::plan::promise::{ProcessPromise, Promise};
use crate::plan::refusal::Refusal;
use crate::target::budget::Budget;
use crate::target::process::ProcessLimits;
use crate::target::shape::Shape;

pub use pool::{WrittenEngine, WrittenPool};

/// One process as the file says it: the pools in the order in which they are made, and the machine.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Its pools.
    pub pools: &'static [WrittenPool],
    /// The least and the most bytes of each hole, in the order in which the kernel searches them.
    pub holes: &'static [(u64, u64)],
    /// As in [`Room`].
    pub knee: u64,
    /// As in [`Room`].
    pub total: u64,
    /// As in [`Room`].
    pub parts: usize,
    /// The least and the most bytes of three holes and of their sum, where the program lies below the mmap base and
    /// where it lies above; empty where nothing is known of three holes.
    pub spreads: &'static [[(u64, u64); HOLES + 1]],
    /// What other holes may have together.
    pub small: u64,
    /// Bytes of a page.
    pub page_size: u64,
    /// Bytes to which the kernel aligns large mappings.
    pub huge_page: u64,
    /// Bytes that are left to the rest of the process.
    pub headroom: u64,
    /// What bounds the process beside its holes.
    pub limits: ProcessLimits,
    /// The VA profile that all this is of.
    pub va_profile: &'static str,
    /// The process shape that all this is of.
    pub shape: Shape,
    /// The machine, as messages call it.
    pub machine: &'static str,
    /// The command that writes the file.
    pub command: &'static str,
}

impl Written {
    /// What the file promises of the pool with this index.
    ///
    /// # Panics
    /// When the numbers do not hold, as [`must_hold`](Self::must_hold).
    #[must_use]
    #[track_caller]
    pub const fn promise(&self, pool: usize) -> Promise<'static> {
        let guaranteed = match self.guaranteed() {
            Ok(guaranteed) => guaranteed,
            Err(refusal) => self.refuse(refusal),
        };
        let of = &self.pools[pool];
        let mut process = [("", guaranteed[pool]); MAX_POOLS];
        let mut i = 0;
        while i < self.pools.len() && i < MAX_POOLS {
            process[i] = (self.pools[i].name, guaranteed[i]);
            i += 1;
        }
        Promise {
            name: of.name,
            asked: Limits {
                max_instances: of.ASKED_MAX_INSTANCES,
                memory_reservation: Size::bytes(of.ASKED_MEMORY_RESERVATION),
                max_memory_size: Size::bytes(of.ASKED_MAX_MEMORY_SIZE),
                ..guaranteed[pool]
            },
            guaranteed: guaranteed[pool],
            min_instances: of.MIN_INSTANCES,
            keep: of.keep,
            page_size: Size::bytes(self.page_size),
            va_profile: self.va_profile,
            shape: self.shape,
            headroom: Size::bytes(self.headroom),
            process: ProcessPromise::new(process.split_at(i).0),
        }
    }

    /// Asserts that the numbers of every pool agree with each other, and that all pools fit.
    ///
    /// # Panics
    /// With the reason, when they do not: in a const that is a compile error with its arrow on the caller.
    #[track_caller]
    pub const fn must_hold(&self) {
        let guaranteed = match self.guaranteed() {
            Ok(guaranteed) => guaranteed,
            Err(refusal) => self.refuse(refusal),
        };
        if let Some(refusal) = self.refusal(&guaranteed) {
            self.refuse(refusal);
        }
    }

    #[track_caller]
    const fn refuse(&self, refusal: Refusal) -> ! {
        let text = refusal.text(self.machine, self.command);
        panic!("{}", text.as_str());
    }

    /// What is guaranteed of every pool.
    const fn guaranteed(&self) -> Result<[Limits; MAX_POOLS], Refusal> {
        let Some(first) = self.pools[0].guaranteed() else {
            return Err(Refusal::Overflow);
        };
        let mut all = [first; MAX_POOLS];
        let mut i = 1;
        while i < self.pools.len() && i < MAX_POOLS {
            all[i] = match self.pools[i].guaranteed() {
                Some(limits) => limits,
                None => return Err(Refusal::Overflow),
            };
            i += 1;
        }
        Ok(all)
    }

    const fn refusal(&self, guaranteed: &[Limits; MAX_POOLS]) -> Option<Refusal> {
        let budget = self.budget();
        let mut mappings = [Mappings::NONE; MAX_POOLS];
        let mut i = 0;
        while i < self.pools.len() && i < MAX_POOLS {
            mappings[i] = match guaranteed[i].mappings(budget.page_size) {
                Some(mappings) => mappings,
                None => return Some(Refusal::Overflow),
            };
            if let Some(refusal) = self.pools[i].refusal(&guaranteed[i]) {
                return Some(refusal);
            }
            i += 1;
        }
        let verdict = fit(
            &budget.room,
            mappings.split_at(i).0,
            budget.huge_page.get(),
            &budget.own(),
            &budget.limits.most(),
        );
        match verdict {
            Verdict::Fits => None,
            Verdict::Hole { .. } => Some(Refusal::Hole),
            Verdict::Exceeded(exceeded) => Some(Refusal::Exceeded(exceeded.bound)),
        }
    }

    const fn three(&self) -> Three {
        let mut three = Three {
            headroom: self.headroom,
            small: self.small,
            huge_page: self.huge_page,
            ..Three::NONE
        };
        while three.count < self.spreads.len() && three.count < three.spreads.len() {
            let said = &self.spreads[three.count];
            let spread = &mut three.spreads[three.count];
            let mut i = 0;
            while i < HOLES {
                let (least, most) = said[i];
                spread.holes[i] = Hole { least, most };
                i += 1;
            }
            let (least, most) = said[HOLES];
            spread.sum = Hole { least, most };
            three.count += 1;
        }
        three
    }

    const fn budget(&self) -> Budget {
        let mut holes = [Hole { least: 0, most: 0 }; HOLES];
        let mut i = 0;
        while i < self.holes.len() && i < HOLES {
            let (least, most) = self.holes[i];
            holes[i] = Hole { least, most };
            i += 1;
        }
        Budget {
            room: Room {
                holes,
                count: i,
                knee: self.knee,
                total: self.total,
                parts: self.parts,
                three: self.three(),
            },
            spans: [None; HOLES],
            page_size: Size::bytes(self.page_size),
            headroom: Size::bytes(self.headroom),
            limits: self.limits,
            huge_page: Size::bytes(self.huge_page),
        }
    }
}

//! What a generated file says of a process, in a program that links poolcfg-runtime: its pools, made of the consts
//! beside them, and the budget that they have to fit.

use crate::base::consts::wide;
use crate::base::size::{GRAIN, Size};
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{Totals, Wasmtime, WasmtimeFeatures, WasmtimeVersion, WrittenTotals};
use crate::model::fit::{MAX_POOLS, Mappings, Verdict, fit};
use crate::model::room::{HOLES, Hole, Room, Three};
use crate::plan::promise::{ProcessPromise, Promise};
use crate::plan::refusal::Refusal;
use crate::setting::Keep;
use crate::target::budget::Budget;
use crate::target::process::ProcessLimits;
use crate::target::shape::Shape;

/// One pool as the file says it, made of its consts.
#[allow(
    missing_docs,
    non_snake_case,
    reason = "a field is the const of its name, which the file then has to name once"
)]
#[derive(Clone, Copy, Debug)]
pub struct WrittenPool {
    /// Its name; empty if poolcfg.toml names none.
    pub name: &'static str,
    /// Which number stays when the pool shrinks.
    pub keep: Keep,
    pub MAX_INSTANCES: u32,
    pub ASKED_MAX_INSTANCES: u32,
    pub MIN_INSTANCES: u32,
    pub POOLS: u32,
    pub MEMORY_RESERVATION: u64,
    pub ASKED_MEMORY_RESERVATION: u64,
    pub MAX_MEMORY_SIZE: u64,
    pub ASKED_MAX_MEMORY_SIZE: u64,
    pub GUARD_SIZE: u64,
    /// What it has besides.
    pub engine: WrittenEngine,
}

/// The consts that a pool of one engine has besides.
#[allow(missing_docs, non_snake_case, reason = "as those of the pool")]
#[derive(Clone, Copy, Debug)]
pub enum WrittenEngine {
    /// Our own pool.
    Native {
        GUARD_BEFORE: bool,
        TABLE_RESERVATION: u64,
        STACK_RESERVATION: u64,
    },
    /// Wasmtime's.
    Wasmtime {
        version: WasmtimeVersion,
        features: WasmtimeFeatures,
        tables_per_instance: Option<u32>,
        core_instances_per_instance: Option<u32>,
        gc_heaps_per_instance: Option<u32>,
        /// How many instances the totals give; `None` if these follow from the instances.
        totals_for: Option<u32>,
        element_bytes: u32,
        maps_stacks: bool,
        TOTAL_MEMORIES: u32,
        TOTAL_TABLES: u32,
        TOTAL_STACKS: u32,
        TOTAL_CORE_INSTANCES: u32,
        TOTAL_COMPONENT_INSTANCES: u32,
        TOTAL_GC_HEAPS: u32,
        MAX_MEMORIES_PER_MODULE: u32,
        MEMORY_PROTECTION_KEYS: u32,
        TABLE_ELEMENTS: u64,
        ASYNC_STACK_SIZE: u64,
        MAX_WASM_STACK: u64,
        MAX_CORE_INSTANCE_SIZE: u64,
        MAX_COMPONENT_INSTANCE_SIZE: u64,
        LINEAR_MEMORY_KEEP_RESIDENT: u64,
        TABLE_KEEP_RESIDENT: u64,
        GUARD_BEFORE_LINEAR_MEMORY: bool,
        MEMORY_PROTECTION_KEYS_AUTO: bool,
        PAGEMAP_SCAN: bool,
    },
}

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

impl WrittenPool {
    /// What is guaranteed; `None` if a sum is above 2^64 - 1.
    const fn guaranteed(&self) -> Option<Limits> {
        let (before, table, stack, wasmtime) = match self.engine {
            WrittenEngine::Native {
                GUARD_BEFORE,
                TABLE_RESERVATION,
                STACK_RESERVATION,
            } => (
                GUARD_BEFORE,
                Some(TABLE_RESERVATION),
                STACK_RESERVATION,
                None,
            ),
            WrittenEngine::Wasmtime {
                version,
                features,
                tables_per_instance,
                core_instances_per_instance,
                gc_heaps_per_instance,
                totals_for,
                element_bytes,
                maps_stacks,
                TOTAL_STACKS,
                MAX_MEMORIES_PER_MODULE,
                MEMORY_PROTECTION_KEYS,
                TABLE_ELEMENTS,
                ASYNC_STACK_SIZE,
                MAX_WASM_STACK,
                MAX_CORE_INSTANCE_SIZE,
                MAX_COMPONENT_INSTANCE_SIZE,
                LINEAR_MEMORY_KEEP_RESIDENT,
                TABLE_KEEP_RESIDENT,
                GUARD_BEFORE_LINEAR_MEMORY,
                MEMORY_PROTECTION_KEYS_AUTO,
                PAGEMAP_SCAN,
                ..
            } => (
                true,
                TABLE_ELEMENTS.checked_mul(wide(element_bytes)),
                if TOTAL_STACKS > 0 {
                    ASYNC_STACK_SIZE
                } else {
                    0
                },
                Some(Wasmtime {
                    version,
                    features,
                    memories_per_instance: MAX_MEMORIES_PER_MODULE,
                    tables_per_instance,
                    core_instances_per_instance,
                    gc_heaps_per_instance,
                    written: self.engine.written_totals(totals_for),
                    guard_before_linear_memory: GUARD_BEFORE_LINEAR_MEMORY,
                    memory_protection_keys: MEMORY_PROTECTION_KEYS,
                    memory_protection_keys_auto: MEMORY_PROTECTION_KEYS_AUTO,
                    max_wasm_stack: Size::bytes(MAX_WASM_STACK),
                    max_core_instance_size: Size::bytes(MAX_CORE_INSTANCE_SIZE),
                    max_component_instance_size: Size::bytes(MAX_COMPONENT_INSTANCE_SIZE),
                    memory_keep_resident: Size::bytes(LINEAR_MEMORY_KEEP_RESIDENT),
                    table_keep_resident: Size::bytes(TABLE_KEEP_RESIDENT),
                    pagemap_scan: PAGEMAP_SCAN,
                    element_size: Size::bytes(wide(element_bytes)),
                    maps_stacks,
                }),
            ),
        };
        let Some(table) = table else {
            return None;
        };
        Some(Limits {
            max_instances: self.MAX_INSTANCES,
            memory_reservation: Size::bytes(self.MEMORY_RESERVATION),
            max_memory_size: Size::bytes(self.MAX_MEMORY_SIZE),
            guard_size: Size::bytes(self.GUARD_SIZE),
            guard_before: before,
            table_reservation: Size::bytes(table),
            stack_reservation: Size::bytes(stack),
            pools: self.POOLS,
            wasmtime,
        })
    }

    /// Why the numbers do not agree with each other; `None` if they do.
    const fn refusal(&self, guaranteed: &Limits) -> Option<Refusal> {
        if self.MAX_MEMORY_SIZE > self.MEMORY_RESERVATION {
            return Some(Refusal::MemoryAboveReservation);
        }
        if !guaranteed.memory_reservation.is_multiple_of(GRAIN) {
            return Some(Refusal::NotMultiple);
        }
        let Some(written) = self.engine.totals() else {
            return None;
        };
        if let WrittenEngine::Wasmtime {
            ASYNC_STACK_SIZE,
            MAX_WASM_STACK,
            ..
        } = self.engine
        {
            if MAX_WASM_STACK > ASYNC_STACK_SIZE {
                return Some(Refusal::StackTooSmall);
            }
        }
        let of_instances = match &guaranteed.wasmtime {
            Some(wasmtime) => wasmtime.totals(guaranteed),
            None => None,
        };
        match of_instances {
            Some(totals) if totals.are(&written) => None,
            _ => Some(Refusal::Changed),
        }
    }
}

impl WrittenEngine {
    /// The totals where poolcfg.toml writes some, for so many instances; `None` if they follow from the instances.
    const fn written_totals(&self, instances: Option<u32>) -> Option<WrittenTotals> {
        match (instances, self.totals()) {
            (Some(instances), Some(totals)) => Some(WrittenTotals { instances, totals }),
            _ => None,
        }
    }

    /// The totals of a pool of Wasmtime's; `None` for a native one.
    const fn totals(&self) -> Option<Totals> {
        match *self {
            Self::Native { .. } => None,
            Self::Wasmtime {
                TOTAL_MEMORIES,
                TOTAL_TABLES,
                TOTAL_STACKS,
                TOTAL_CORE_INSTANCES,
                TOTAL_COMPONENT_INSTANCES,
                TOTAL_GC_HEAPS,
                ..
            } => Some(Totals {
                memories: TOTAL_MEMORIES,
                tables: TOTAL_TABLES,
                stacks: TOTAL_STACKS,
                core_instances: TOTAL_CORE_INSTANCES,
                component_instances: TOTAL_COMPONENT_INSTANCES,
                gc_heaps: TOTAL_GC_HEAPS,
            }),
        }
    }
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

impl Totals {
    /// Whether they are the same as these.
    const fn are(&self, other: &Self) -> bool {
        self.memories == other.memories
            && self.tables == other.tables
            && self.stacks == other.stacks
            && self.core_instances == other.core_instances
            && self.component_instances == other.component_instances
            && self.gc_heaps == other.gc_heaps
    }
}

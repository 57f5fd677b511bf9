//! What a process has for its pools, for programs and templates.

use poolcfg_core::{HEADROOM_MAPS, ProcessLimits, ResolvedProcess, Size};
use serde::Serialize;

/// What a process has.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct BudgetReport {
    window_bytes: u64,
    page_size: u64,
    /// The largest mapping, and the largest beside it.
    holes: Vec<u64>,
    all_holes: Option<AllHoles>,
    headroom_bytes: u64,
    headroom_maps: u64,
    limits: ProcessLimitsReport,
}

/// What smaller mappings find in all holes together.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct AllHoles {
    bytes: u64,
    count: usize,
}

/// The limits that count: mappings, and bytes of the others; null if there is no limit.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct ProcessLimitsReport {
    max_map_count: Option<u64>,
    rlimit_as: Option<u64>,
    rlimit_data: Option<u64>,
    commit_limit: Option<u64>,
    ram_and_swap: Option<u64>,
}

impl ProcessLimitsReport {
    fn new(limits: &ProcessLimits) -> Self {
        let bytes = |limit: Option<Size>| limit.map(Size::get);
        let ProcessLimits {
            max_map_count,
            rlimit_as,
            rlimit_data,
            commit_limit,
            memory,
        } = *limits;
        Self {
            max_map_count,
            rlimit_as: bytes(rlimit_as),
            rlimit_data: bytes(rlimit_data),
            commit_limit: bytes(commit_limit),
            ram_and_swap: bytes(memory),
        }
    }
}

impl BudgetReport {
    pub(super) fn new(case: &ResolvedProcess<'_>) -> Self {
        let budget = &case.budget;
        Self {
            window_bytes: case.profile.window.get(),
            page_size: budget.page_size.get(),
            holes: budget
                .holes()
                .iter()
                .map(|hole| hole.get())
                .filter(|hole| *hole > 0)
                .collect(),
            all_holes: (budget.room.parts > 0).then_some(AllHoles {
                bytes: budget.room.total,
                count: budget.room.parts,
            }),
            headroom_bytes: budget.headroom.get(),
            headroom_maps: HEADROOM_MAPS,
            limits: ProcessLimitsReport::new(&budget.limits),
        }
    }
}

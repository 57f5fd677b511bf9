//! The JSON that `--emit json` and `--message-format json` print: schema 1, committed as
//! `schema/poolcfg-1.schema.json`. Templates render the same data.

use poolcfg_core::{Case, Code, LargestFit, Limit, Limits, Misfit, Plan, Pool};
use serde::Serialize;

use crate::error::Error;

/// The version of the schema; it changes when a field is taken away or changes its meaning.
pub const SCHEMA: u32 = 1;

/// Everything that one run found out.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// One for each target and pool.
    pub results: Vec<PoolResult>,
}

impl Report {
    /// A report of these results.
    #[must_use]
    pub fn new(results: Vec<PoolResult>) -> Self {
        Self {
            schema: SCHEMA,
            results,
        }
    }
}

/// JSON for people to read too: indented, with a newline at its end.
///
/// # Errors
/// When a value cannot be said in JSON, which none of ours is.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value).map_err(|error| {
        let message = format!("cannot write JSON: {error}");
        Error::new(Code::Io, message, "this is a fault of poolcfg: report it")
    })?;
    Ok(text + "\n")
}

/// One pool on one target.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct PoolResult {
    /// The triple, or the name of a target specification.
    pub target: String,
    /// The architecture.
    pub arch: &'static str,
    /// The operating system.
    pub os: &'static str,
    /// The pool's name; null for the one that has none.
    pub pool: Option<String>,
    /// Whose pool it is.
    pub engine: &'static str,
    /// The VA profile; null where the budget was measured on this machine.
    pub va_profile: Option<String>,
    /// The process shape.
    pub shape: ShapeReport,
    /// Whether all pools of the file fit together.
    pub fits: bool,
    /// What is asked.
    pub asked: LimitsReport,
    /// What is guaranteed; as asked where it does not fit.
    pub limits: LimitsReport,
    /// What these limits map.
    pub footprint: FootprintReport,
    /// What there is.
    pub budget: BudgetReport,
    /// The largest values that fit, each with the other as asked; null when none does.
    pub largest_fit: Option<LargestFitReport>,
    /// Why it does not fit; null where it does, or where it is another pool that does not.
    pub misfit: Option<MisfitReport>,
}

/// The process shape, in the words of poolcfg.toml.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ShapeReport {
    relocation_model: &'static str,
    stack_limit: &'static str,
    aslr: &'static str,
}

/// The keys of a pool; sizes are bytes.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct LimitsReport {
    max_instances: u32,
    min_instances: u32,
    on_misfit: &'static str,
    keep: &'static str,
    memory_reservation: u64,
    max_memory_size: u64,
    guard_size: u64,
    table_reservation: u64,
    stack_reservation: u64,
    pools: u32,
}

impl LimitsReport {
    fn new(pool: &Pool<'_>, limits: &Limits) -> Self {
        Self {
            max_instances: limits.max_instances,
            min_instances: pool.min_instances,
            on_misfit: pool.on_misfit.word(),
            keep: pool.keep.word(),
            memory_reservation: limits.memory_reservation.get(),
            max_memory_size: limits.max_memory_size.get(),
            guard_size: limits.guard_size.get(),
            table_reservation: limits.table_reservation.get(),
            stack_reservation: limits.stack_reservation.get(),
            pools: limits.pools,
        }
    }
}

/// One mapping, made `count` times.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct MappingReport {
    name: &'static str,
    bytes: u64,
    protection: &'static str,
    count: u32,
}

/// What limits map.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct FootprintReport {
    mappings: Vec<MappingReport>,
    reserved_bytes: u64,
    writable_bytes: u64,
    maps_at_start: u64,
    maps_at_worst: u64,
}

impl FootprintReport {
    fn new(case: &Case<'_>, limits: &Limits) -> Option<Self> {
        let footprint = limits.footprint(case.budget.page_size).ok()?;
        let writable = limits.writable_at_worst(case.budget.page_size).ok()?;
        Some(Self {
            mappings: footprint
                .mappings
                .iter()
                .filter(|mapping| !mapping.bytes.is_zero())
                .map(|mapping| MappingReport {
                    name: mapping.name.word(),
                    bytes: mapping.bytes.get(),
                    // The native engine opens a slot's part when the slot comes to life.
                    protection: "none",
                    count: footprint.pools,
                })
                .collect(),
            reserved_bytes: footprint.reserved_bytes().get(),
            writable_bytes: writable.get(),
            maps_at_start: footprint.maps_at_start,
            maps_at_worst: footprint.maps_at_worst,
        })
    }
}

/// What a process has.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct BudgetReport {
    window_bytes: u64,
    page_size: u64,
    holes: Vec<u64>,
    headroom_bytes: u64,
    max_maps: Option<u64>,
}

impl BudgetReport {
    fn new(case: &Case<'_>) -> Self {
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
            headroom_bytes: budget.headroom.get(),
            max_maps: (budget.max_maps != u64::MAX).then_some(budget.max_maps),
        }
    }
}

/// The largest values that fit.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct LargestFitReport {
    max_instances: Option<u32>,
    memory_reservation: Option<u64>,
}

impl LargestFitReport {
    fn new(fit: &LargestFit) -> Option<Self> {
        (fit.max_instances.is_some() || fit.memory_reservation.is_some()).then(|| Self {
            max_instances: fit.max_instances,
            memory_reservation: fit.memory_reservation.map(|size| size.get()),
        })
    }
}

/// Why a pool does not fit.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct MisfitReport {
    limit: &'static str,
    need: u64,
    have: u64,
    unit: &'static str,
}

impl MisfitReport {
    fn new(misfit: &Misfit) -> Self {
        Self {
            limit: misfit.limit.word(),
            need: misfit.need,
            have: misfit.have,
            unit: match misfit.limit {
                Limit::Hole => "bytes",
                Limit::MaxMapCount => "maps",
            },
        }
    }
}

/// The results of every pool of one target. `here` says that the budget was measured.
#[must_use]
pub fn results(target: &str, case: &Case<'_>, plan: &Plan, here: bool) -> Vec<PoolResult> {
    let pools = case.pools().iter().zip(plan.guaranteed()).enumerate();
    pools
        .filter_map(|(index, (pool, limits))| {
            Some(PoolResult {
                target: target.to_owned(),
                arch: case.target.arch.name(),
                os: case.target.os.name(),
                pool: (!pool.name.is_empty()).then(|| pool.name.to_owned()),
                engine: "native",
                va_profile: (!here).then(|| case.profile.name.to_owned()),
                shape: ShapeReport {
                    relocation_model: case.shape.relocation_model.word(),
                    stack_limit: case.shape.stack_limit.word(),
                    aslr: case.shape.aslr.word(),
                },
                fits: plan.misfit.is_none(),
                asked: LimitsReport::new(pool, &pool.asked),
                limits: LimitsReport::new(pool, limits),
                // A sum above 64 bits is a fault of the case, found before any plan is made.
                footprint: FootprintReport::new(case, limits)?,
                budget: BudgetReport::new(case),
                largest_fit: LargestFitReport::new(&plan.largest_fit(case, index)),
                misfit: plan
                    .misfit
                    .as_ref()
                    .filter(|misfit| misfit.pool == index)
                    .map(MisfitReport::new),
            })
        })
        .collect()
}

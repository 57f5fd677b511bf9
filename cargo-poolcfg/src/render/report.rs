//! The results of pools, for programs and templates.

mod limits;

use poolcfg_core::{
    Engine, Fit, Layout, LeastTotal, Limit, Limits, MappingName, Plan, PlanMisfit, ResolvedPool,
    ResolvedProcess, Size,
};
use serde::Serialize;

use crate::render::budget::BudgetReport;
use crate::render::footprint::{ShapeFootprint, footprints};
use crate::render::owner::Owner;
use crate::render::ways::{self, WayReport};
use limits::LimitsReport;

/// One pool on one target.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct PoolResult {
    /// The package; null without one.
    pub package: Option<String>,
    /// Its Cargo.toml; null without a package.
    pub manifest: Option<String>,
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
    /// The VA profile; `here` for a machine that none matches.
    pub va_profile: String,
    /// How well the profile is known: `measured`, `source`, `derived` or `unconfirmed`.
    pub known: &'static str,
    /// The process shape.
    pub shape: ShapeReport,
    /// Whether all pools of the file fit together.
    pub fits: bool,
    /// Which way was chosen where less fits than is asked: `no-pool` where each instance is reserved on demand; null where
    /// poolcfg.toml decides.
    pub fit: Option<&'static str>,
    /// What is asked.
    pub asked: LimitsReport,
    /// What is guaranteed; as asked where it does not fit.
    pub limits: LimitsReport,
    /// What these limits map; without a pool, all instances on demand at once.
    pub footprint: FootprintReport,
    /// What there is.
    pub budget: BudgetReport,
    /// The total that gives no more instances than are asked; null where no total decides that.
    pub least_total: Option<LeastTotalReport>,
    /// The largest values that fit, each with the other as asked; null when none does, or no pool is made.
    pub largest_fit: Option<LargestFitReport>,
    /// Why it does not fit; null where it does, or where it is another pool that does not.
    pub misfit: Option<MisfitReport>,
    /// What is in the way of more where less is guaranteed than is asked; null where all of it is, or nothing fits.
    pub bound: Option<MisfitReport>,
    /// What fits where less does than is asked: fewer instances, smaller slots, no pool; empty where all that is asked fits,
    /// and where a file records instances on demand, of which it is not known what was asked.
    pub ways: Vec<WayReport>,
}

impl PoolResult {
    /// The same where each instance is reserved on demand: what was counted as pools of one instance stands for the
    /// instances of so many pools.
    pub(crate) fn reserved_on_demand(&mut self, pools: u32) {
        self.fit = Some(Fit::NoPool.word());
        self.limits.count_instances(pools);
        self.largest_fit = None;
    }

    /// The same as it is recorded, where what was asked before is not known.
    pub(crate) fn recorded_on_demand(&mut self) {
        self.reserved_on_demand(1);
        self.asked.count_instances(1);
        self.ways = Vec::new();
    }

    /// The same with what was asked before the way was taken, and what is in the way of one more instance on demand.
    pub(crate) fn asks(&mut self, pool: &ResolvedPool<'_>, bound: Option<&PlanMisfit>) {
        self.asked = LimitsReport::new(pool, &pool.asked);
        self.bound = bound.map(MisfitReport::new);
    }
}

/// The process shape, in the words of poolcfg.toml.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct ShapeReport {
    relocation_model: &'static str,
    /// `finite`, `unlimited`, or a size.
    stack_limit: String,
    /// `maximum`, `minimum`, or a number of bits.
    aslr: String,
    /// The bits of a number of pages that are counted; null on systems that are not modelled.
    aslr_bits: Option<u32>,
    layout: &'static str,
}

impl ShapeReport {
    fn new(case: &ResolvedProcess<'_>) -> Self {
        let shape = case.shape;
        Self {
            relocation_model: shape.relocation_model.word(),
            stack_limit: shape.stack_limit.to_string(),
            aslr: shape.aslr.to_string(),
            aslr_bits: match &case.profile.layout {
                Layout::Linux(linux) => Some(shape.aslr.bits(linux)),
                Layout::OneHole(_) => None,
            },
            layout: shape.layout.word(),
        }
    }
}

/// A total that gives fewer instances than the others do.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct LeastTotalReport {
    /// The key of poolcfg.toml; where it is not written, the total is Wasmtime's own.
    key: &'static str,
    total: u32,
    /// How many of them one instance takes.
    each: u32,
}

impl LeastTotalReport {
    const fn new(total: LeastTotal) -> Self {
        let LeastTotal { key, total, each } = total;
        Self { key, total, each }
    }
}

/// One mapping, made `count` times. Memories that lie in several pieces have one for each size of piece.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct MappingReport {
    name: &'static str,
    bytes: u64,
    protection: &'static str,
    count: u32,
}

/// How a mapping is protected when it is made.
fn protection(engine: Engine, mapping: MappingName) -> &'static str {
    match (engine, mapping) {
        // A slot's part is opened when the slot comes to life.
        (Engine::Native, _) | (Engine::Wasmtime, MappingName::Memories) => "none",
        (Engine::Wasmtime, MappingName::Tables | MappingName::Stacks) => "read-write",
    }
}

/// What limits map.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct FootprintReport {
    mappings: Vec<MappingReport>,
    reserved_bytes: u64,
    writable_bytes: u64,
    bookkeeping_bytes: u64,
    maps_at_start: u64,
    maps_at_worst: u64,
}

impl FootprintReport {
    fn new(footprint: &ShapeFootprint, limits: &Limits) -> Self {
        Self {
            mappings: footprint
                .mappings
                .iter()
                .map(|mapping| MappingReport {
                    name: mapping.name.word(),
                    bytes: mapping.bytes.get(),
                    protection: protection(limits.engine(), mapping.name),
                    count: mapping.count,
                })
                .collect(),
            reserved_bytes: footprint.reserved.get(),
            writable_bytes: footprint.writable.get(),
            bookkeeping_bytes: footprint.bookkeeping.get(),
            maps_at_start: footprint.maps_at_start,
            maps_at_worst: footprint.maps_at_worst,
        }
    }
}

/// The largest values that fit, and the limit that refuses more of each; null where nothing does.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct LargestFitReport {
    max_instances: Option<u32>,
    max_instances_limit: Option<&'static str>,
    memory_reservation: Option<u64>,
    memory_reservation_limit: Option<&'static str>,
    /// How far a memory may then grow: what `max_memory_size` has to say where it says more; null without such a reservation.
    max_memory_size: Option<u64>,
}

impl LargestFitReport {
    fn new(case: &ResolvedProcess<'_>, plan: &Plan, pool: usize) -> Option<Self> {
        let fit = plan.largest_fit(case, pool);
        let [instances, reservation] = plan.decided(case, pool, &fit);
        (fit.max_instances.is_some() || fit.memory_reservation.is_some()).then(|| Self {
            max_instances: fit.max_instances,
            max_instances_limit: instances.map(Limit::word),
            memory_reservation: fit.memory_reservation.map(Size::get),
            memory_reservation_limit: reservation.map(Limit::word),
            max_memory_size: fit
                .memory_reservation
                .map(|reservation| case.pools()[pool].max_memory_size(reservation).get()),
        })
    }
}

/// Why a pool does not fit.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct MisfitReport {
    limit: &'static str,
    need: u64,
    have: u64,
    unit: &'static str,
}

impl MisfitReport {
    fn new(misfit: &PlanMisfit) -> Self {
        Self {
            limit: misfit.limit.word(),
            need: misfit.need,
            have: misfit.have,
            unit: match misfit.limit {
                Limit::MaxMapCount => "maps",
                _ => "bytes",
            },
        }
    }
}

/// The results of every pool of one target.
#[must_use]
pub(crate) fn results(
    owner: &Owner,
    target: &str,
    case: &ResolvedProcess<'_>,
    plan: &Plan,
) -> Vec<PoolResult> {
    let footprints = footprints(case, plan.guaranteed());
    let pools = case.pools().iter().zip(plan.guaranteed()).zip(footprints);
    pools
        .zip(ways::reports(case, plan))
        .enumerate()
        .filter_map(|(index, (((pool, limits), footprint), ways))| {
            Some(PoolResult {
                package: owner.package.clone(),
                manifest: owner.manifest.clone(),
                target: target.to_owned(),
                arch: case.target.arch.name(),
                os: case.target.os.name(),
                pool: (!pool.name.is_empty()).then(|| pool.name.to_owned()),
                engine: pool.asked.engine().word(),
                va_profile: case.profile.name.to_owned(),
                known: case.profile.known.word(),
                shape: ShapeReport::new(case),
                fits: plan.misfit.is_none(),
                fit: None,
                asked: LimitsReport::new(pool, &pool.asked),
                limits: LimitsReport::new(pool, limits),
                // A sum above 64 bits is a fault of the case, found before any plan is made.
                footprint: FootprintReport::new(&footprint?, limits),
                budget: BudgetReport::new(case),
                least_total: pool.least_total.map(LeastTotalReport::new),
                largest_fit: LargestFitReport::new(case, plan, index),
                bound: plan.bound(case, index).as_ref().map(MisfitReport::new),
                ways,
                misfit: plan
                    .misfit
                    .as_ref()
                    .filter(|misfit| misfit.pool == index)
                    .map(MisfitReport::new),
            })
        })
        .collect()
}

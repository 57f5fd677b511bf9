//! The results of pools, for programs and templates.

use poolcfg_core::{
    Engine, Layout, LeastTotal, Limit, Limits, MappingName, Plan, PlanMisfit, ResolvedPool,
    ResolvedProcess, Size,
};
use serde::Serialize;

use crate::render::budget::BudgetReport;
use crate::render::footprint::{ShapeFootprint, footprints};
use crate::render::owner::Owner;
use crate::render::ways::{self, WayReport};

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
    /// What is asked.
    pub asked: LimitsReport,
    /// What is guaranteed; as asked where it does not fit.
    pub limits: LimitsReport,
    /// What these limits map.
    pub footprint: FootprintReport,
    /// What there is.
    pub budget: BudgetReport,
    /// The total that gives no more instances than are asked; null where no total decides that.
    pub least_total: Option<LeastTotalReport>,
    /// The largest values that fit, each with the other as asked; null when none does.
    pub largest_fit: Option<LargestFitReport>,
    /// Why it does not fit; null where it does, or where it is another pool that does not.
    pub misfit: Option<MisfitReport>,
    /// What is in the way of more where less is guaranteed than is asked; null where all of it is, or nothing fits.
    pub bound: Option<MisfitReport>,
    /// What fits where less does than is asked: fewer instances, smaller slots, no pool; empty where all that is asked fits.
    pub ways: Vec<WayReport>,
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

/// The keys of a pool; sizes are bytes.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct LimitsReport {
    max_instances: u32,
    min_instances: u32,
    on_misfit: &'static str,
    keep: &'static str,
    memory_reservation: u64,
    max_memory_size: u64,
    guard_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    guard_before: Option<bool>,
    table_reservation: u64,
    stack_reservation: u64,
    pools: u32,
    #[serde(flatten)]
    totals: Option<TotalsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wasmtime: Option<WasmtimeReport>,
}

/// Wasmtime's totals: how many there are of each in all.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct TotalsReport {
    total_memories: u32,
    total_tables: u32,
    total_stacks: u32,
    total_core_instances: u32,
    total_component_instances: u32,
    total_gc_heaps: u32,
}

impl TotalsReport {
    fn new(limits: &Limits) -> Option<Self> {
        // A total above 32 bits is a fault of the case, found before any plan is made.
        let totals = limits.wasmtime?.totals(limits)?;
        Some(Self {
            total_memories: totals.memories,
            total_tables: totals.tables,
            total_stacks: totals.stacks,
            total_core_instances: totals.core_instances,
            total_component_instances: totals.component_instances,
            total_gc_heaps: totals.gc_heaps,
        })
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

/// The keys of the pool's `wasmtime` table, and what follows from them; sizes are bytes.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct WasmtimeReport {
    version: String,
    major: u32,
    features: Vec<&'static str>,
    memories_per_instance: u32,
    tables_per_instance: u32,
    core_instances_per_instance: u32,
    gc_heaps_per_instance: Option<u32>,
    table_elements: u64,
    guard_before_linear_memory: bool,
    memory_protection_keys: u32,
    memory_protection_keys_auto: bool,
    max_wasm_stack: u64,
    async_stack_size: u64,
    memory_may_move: bool,
    max_memories_per_module: u32,
    max_tables_per_module: u32,
    max_core_instance_size: u64,
    max_component_instance_size: u64,
    memory_keep_resident: u64,
    table_keep_resident: u64,
    pagemap_scan: bool,
}

impl WasmtimeReport {
    fn new(limits: &Limits) -> Option<Self> {
        let wasmtime = limits.wasmtime.as_ref()?;
        let counts = wasmtime.counts();
        Some(Self {
            version: wasmtime.version.to_string(),
            major: wasmtime.version.major,
            features: wasmtime
                .features
                .iter()
                .map(|feature| feature.word())
                .collect(),
            memories_per_instance: wasmtime.memories_per_instance,
            tables_per_instance: counts.tables,
            core_instances_per_instance: counts.core_instances,
            gc_heaps_per_instance: wasmtime.gc_heaps_per_instance,
            table_elements: wasmtime.table_elements(limits),
            guard_before_linear_memory: wasmtime.guard_before_linear_memory,
            memory_protection_keys: wasmtime.memory_protection_keys,
            memory_protection_keys_auto: wasmtime.memory_protection_keys_auto,
            max_wasm_stack: wasmtime.max_wasm_stack.get(),
            async_stack_size: wasmtime.async_stack_size(limits).get(),
            memory_may_move: wasmtime.memory_may_move(limits),
            max_memories_per_module: wasmtime.memories_per_instance,
            max_tables_per_module: wasmtime.max_tables_per_module(),
            max_core_instance_size: wasmtime.max_core_instance_size.get(),
            max_component_instance_size: wasmtime.max_component_instance_size.get(),
            memory_keep_resident: wasmtime.memory_keep_resident.get(),
            table_keep_resident: wasmtime.table_keep_resident.get(),
            pagemap_scan: wasmtime.pagemap_scan,
        })
    }
}

impl LimitsReport {
    fn new(pool: &ResolvedPool<'_>, limits: &Limits) -> Self {
        Self {
            max_instances: limits.max_instances,
            min_instances: pool.min_instances,
            on_misfit: pool.on_misfit.word(),
            keep: pool.keep.word(),
            memory_reservation: limits.memory_reservation.get(),
            max_memory_size: limits.max_memory_size.get(),
            guard_size: limits.guard_size.get(),
            guard_before: limits.wasmtime.is_none().then_some(limits.guard_before),
            table_reservation: limits.table_reservation.get(),
            stack_reservation: limits.stack_reservation.get(),
            pools: limits.pools,
            totals: TotalsReport::new(limits),
            wasmtime: WasmtimeReport::new(limits),
        }
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
        .enumerate()
        .filter_map(|(index, ((pool, limits), footprint))| {
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
                asked: LimitsReport::new(pool, &pool.asked),
                limits: LimitsReport::new(pool, limits),
                // A sum above 64 bits is a fault of the case, found before any plan is made.
                footprint: FootprintReport::new(&footprint?, limits),
                budget: BudgetReport::new(case),
                least_total: pool.least_total.map(LeastTotalReport::new),
                largest_fit: LargestFitReport::new(case, plan, index),
                bound: plan.bound(case, index).as_ref().map(MisfitReport::new),
                ways: ways::reports(case, plan, index),
                misfit: plan
                    .misfit
                    .as_ref()
                    .filter(|misfit| misfit.pool == index)
                    .map(MisfitReport::new),
            })
        })
        .collect()
}

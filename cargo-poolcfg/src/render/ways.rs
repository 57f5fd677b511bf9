//! Ways: what fits where less does than is asked, said to people and programs, and put in the place of what is asked.

mod no_help;

use poolcfg_core::file::TargetFacts;
use poolcfg_core::{
    Fit, Keep, Limit, OnMisfit, Plan, PoolKeys, ResolvedPool, ResolvedProcess, Setting, Settings,
    WasmtimeFeature, WasmtimeKeys, Way,
};
use serde::Serialize;

use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::host::{Host, WASMTIME};
use crate::render::footprint::{self, in_slots};
use no_help::{fits, has_totals, no_help, of};

/// One way, for programs; sizes are bytes.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct WayReport {
    /// The value of `--fit`.
    fit: &'static str,
    /// How many instances fit.
    max_instances: u32,
    memory_reservation: u64,
    guard_size: u64,
    /// Whether code checks every access; null for the native engine, whose owner knows.
    checks_accesses: Option<bool>,
    /// What refuses one more instance, or where all that are asked fit, twice the reservation; null if nothing does.
    limit: Option<&'static str>,
}

impl WayReport {
    fn new(way: &Way) -> Self {
        Self {
            fit: way.fit.word(),
            max_instances: way.instances,
            memory_reservation: way.limits.memory_reservation.get(),
            guard_size: way.limits.guard_size.get(),
            checks_accesses: way.limits.wasmtime.map(|_| way.is_checked()),
            limit: way.limit.map(Limit::word),
        }
    }
}

/// Every way that pools have where they get less than is asked, by pool: what `--fit` then gives each. The other two
/// are of use only where some pool has more instances than in slots as asked. What stays as it is asked is no way.
fn ways(case: &ResolvedProcess<'_>, plan: &Plan) -> Vec<Vec<Way>> {
    let pools = || case.pools().iter().enumerate();
    let with = |fit| -> Vec<Option<Way>> {
        let of_pool = |index| {
            plan.way(case, index, fit)
                .filter(|_| plan.has_less(case, index))
        };
        pools().map(|(index, _)| of_pool(index)).collect()
    };
    let fewer = with(Fit::Fewer);
    let has_more = |ways: &Vec<Option<Way>>| {
        let mut both = ways.iter().zip(&fewer);
        both.any(|(way, fewer)| instances(*way) > instances(*fewer))
    };
    let others = [Fit::Smaller, Fit::NoPool].map(with);
    let others: Vec<_> = others.iter().filter(|ways| has_more(ways)).collect();
    let of_pool = |(index, pool): (usize, &ResolvedPool<'_>)| {
        let all = std::iter::once(&fewer).chain(others.iter().copied());
        let all = all.filter_map(|ways| *ways.get(index)?);
        all.filter(|way| changes(way, pool)).collect()
    };
    pools().map(of_pool).collect()
}

fn instances(way: Option<Way>) -> u32 {
    way.map_or(0, |way| way.instances)
}

/// Whether a way gives a pool anything else than it asks for.
fn changes(way: &Way, pool: &ResolvedPool<'_>) -> bool {
    let (limits, asked) = (&way.limits, &pool.asked);
    way.fit == Fit::NoPool
        || way.instances < way.asked
        || limits.memory_reservation != asked.memory_reservation
        || limits.guard_size != asked.guard_size
}

/// The same of each pool for programs.
pub(crate) fn reports(case: &ResolvedProcess<'_>, plan: &Plan) -> Vec<Vec<WayReport>> {
    let reports = |ways: Vec<Way>| ways.iter().map(WayReport::new).collect();
    ways(case, plan).into_iter().map(reports).collect()
}

/// A line for each way that is not taken already, and that a host can be told where the text is for one; what follows
/// the target. Where one was chosen, nothing, unless it does not help.
pub(crate) fn lines(
    case: &ResolvedProcess<'_>,
    plan: &Plan,
    chosen: Option<Fit>,
    host: Option<&Host>,
) -> Vec<String> {
    if chosen.is_some() && plan.misfit.is_none() {
        return Vec::new();
    }
    let can_size = host.is_none_or(|host| host.on_demand.is_some());
    let mut all = ways(case, plan);
    for (pool, ways) in case.pools().iter().zip(&mut all) {
        let taken = match (plan.misfit, pool.keep) {
            (None, Keep::MemoryReservation) => Some(Fit::Fewer),
            _ => chosen,
        };
        ways.retain(|way| Some(way.fit) != taken && (can_size || way.fit == Fit::Fewer));
    }
    let nor = match all.iter().all(Vec::is_empty) {
        true => ", and no other way does",
        false => "",
    };
    let no_help = chosen.map(|fit| format!("{}{nor}", no_help(fit, case, plan).1));
    let lines = case.pools().iter().zip(&all).flat_map(|(pool, ways)| {
        let name = of(pool);
        ways.iter().map(move |way| format!("{name}: {}", line(way)))
    });
    no_help.into_iter().chain(lines).collect()
}

/// One way with its numbers, what bounds it, and what to type.
fn line(way: &Way) -> String {
    let slots = way.limits.memory_reservation.available();
    let guard = way.limits.guard_size.available();
    let (what, flags) = match way.fit {
        Fit::Fewer => (in_slots(&way.limits), ""),
        Fit::Smaller => (format!("in slots of {slots} with guards of {guard}"), ""),
        Fit::NoPool => (
            format!("without a pool, each memory with {slots} and guards of {guard} on demand"),
            emitting(way),
        ),
    };
    let checked = match (way.fit, way.is_checked()) {
        (Fit::Smaller | Fit::NoPool, true) => ", every access checked",
        _ => "",
    };
    let more = way.limit.map_or_else(String::new, |limit| {
        format!("; limited by {}", limit.describe())
    });
    let (fit, count, asked) = (way.fit, way.instances, footprint::instances(way.asked));
    let verb = if count == 1 { "fits" } else { "fit" };
    format!("`{flags}--fit {fit}`: {count} of {asked} {verb} {what}{checked}{more}")
}

/// What tells the `wasmtime` command to make no pool: a file where its version reads one.
fn emitting(way: &Way) -> &'static str {
    match way.limits.wasmtime {
        Some(wasmtime) if wasmtime.version.major < WASMTIME.since => "--emit wasmtime-flags ",
        _ => "--emit wasmtime-toml ",
    }
}

/// What is asked where a way is taken: these settings with its numbers; `None` if nothing has to change.
///
/// # Errors
/// When there is no such way.
pub(crate) fn taken<'a>(
    fit: Fit,
    settings: &Settings<'a>,
    case: &ResolvedProcess<'_>,
    plan: &Plan,
    facts: &TargetFacts,
) -> Result<Option<Settings<'a>>, Error> {
    let mut changed = None;
    let mut has_less = false;
    for (index, pool) in case.pools().iter().enumerate() {
        has_less = has_less || plan.has_less(case, index);
        if let Some(way) = plan.way(case, index, fit) {
            let now = changed.unwrap_or(*settings);
            changed = Some(now.pool(index, keys(&way, pool)));
        }
    }
    // What is said of the misfit says this, too.
    let is_said = plan.misfit.is_some() && fit != Fit::NoPool;
    let is_needed = has_less || fit == Fit::NoPool;
    match changed {
        None if is_needed && !is_said => Err(no_way(fit, case, plan, facts)),
        changed => Ok(changed),
    }
}

/// The settings with one more instance on demand of each pool than a plan without pools has; `None` if it has all that
/// are asked.
pub(crate) fn one_more<'a>(
    settings: &Settings<'a>,
    asked: &ResolvedProcess<'_>,
    plan: &Plan,
) -> impl Iterator<Item = Option<Settings<'a>>> {
    let pools = asked.pools().iter().zip(plan.guaranteed());
    pools.enumerate().map(|(index, (pool, limits))| {
        let all = pool.asked.max_instances.checked_mul(pool.asked.pools)?;
        let more = limits.pools.checked_add(pool.asked.pools)?;
        let keys = PoolKeys {
            pools: Some(Setting::given(more)),
            ..PoolKeys::EMPTY
        };
        (more <= all).then(|| settings.pool(index, keys))
    })
}

/// What a way says over the keys of its pool.
fn keys(way: &Way, pool: &ResolvedPool<'_>) -> PoolKeys {
    let limits = &way.limits;
    let shrinks = PoolKeys {
        // Totals that are written are not lowered unless the file says so.
        on_misfit: Some(Setting::given(match has_totals(pool) {
            true => pool.on_misfit,
            false => OnMisfit::Shrink,
        })),
        keep: Some(Setting::given(Keep::MemoryReservation)),
        ..PoolKeys::EMPTY
    };
    let sized = PoolKeys {
        memory_reservation: Some(Setting::given(limits.memory_reservation)),
        max_memory_size: Some(Setting::given(limits.max_memory_size)),
        guard_size: Some(Setting::given(limits.guard_size)),
        ..shrinks
    };
    match (way.fit, &limits.wasmtime) {
        (Fit::Fewer, _) => shrinks,
        (Fit::Smaller, _) | (Fit::NoPool, None) => sized,
        (Fit::NoPool, Some(wasmtime)) => PoolKeys {
            max_instances: Some(Setting::given(limits.max_instances)),
            min_instances: Some(Setting::given(1)),
            pools: Some(Setting::given(limits.pools)),
            wasmtime: WasmtimeKeys {
                // None is what a total of none says, and may not be said of an instance.
                tables_per_instance: wasmtime
                    .tables_per_instance
                    .filter(|tables| *tables > 0)
                    .map(Setting::given),
                core_instances_per_instance: wasmtime
                    .core_instances_per_instance
                    .map(Setting::given),
                ..totals_of_one(way, pool)
            },
            ..sized
        },
    }
}

/// In the place of the totals that are written, what one instance needs: without a pool, no total counts. Nothing where
/// none is written.
fn totals_of_one(way: &Way, pool: &ResolvedPool<'_>) -> WasmtimeKeys {
    let wasmtime = way.limits.wasmtime.filter(|_| has_totals(pool));
    let totals = wasmtime.and_then(|wasmtime| wasmtime.totals(&way.limits));
    // Only with its feature may this one be written.
    let has_components = wasmtime.is_some_and(|it| it.has(WasmtimeFeature::ComponentModel));
    totals.map_or(WasmtimeKeys::EMPTY, |totals| WasmtimeKeys {
        total_memories: Some(Setting::given(totals.memories)),
        total_tables: Some(Setting::given(totals.tables)),
        total_stacks: Some(Setting::given(totals.stacks)),
        total_core_instances: Some(Setting::given(totals.core_instances)),
        total_component_instances: has_components
            .then(|| Setting::given(totals.component_instances)),
        total_gc_heaps: Some(Setting::given(totals.gc_heaps)),
        ..WasmtimeKeys::EMPTY
    })
}

/// Why a way cannot be taken, and those that can.
fn no_way(fit: Fit, case: &ResolvedProcess<'_>, plan: &Plan, facts: &TargetFacts) -> Error {
    let (code, no_help) = no_help(fit, case, plan);
    let message = format!("{}{no_help}", facts.triple());
    let all = ways(case, plan);
    let pools = case.pools().iter().zip(&all);
    let others = pools.flat_map(|(pool, ways)| {
        let name = match pool.name {
            "" => String::new(),
            name => format!("pool `{name}`: "),
        };
        let others = ways.iter().filter(move |way| way.fit != fit);
        others.map(move |way| format!("{name}{}", line(way)))
    });
    let others: Vec<_> = others.collect();
    let help = match (others.is_empty(), case.pools()) {
        (_, [_]) if fits(case, plan) => {
            "leave `--fit` out: the pool fits as it is asked".to_owned()
        }
        _ if fits(case, plan) => "leave `--fit` out: the pools fit as they are asked".to_owned(),
        (true, _) => "no other way does: leave `--fit` out to see what is needed and what there is"
            .to_owned(),
        (false, _) => others.join(", or "),
    };
    Error::new(code, message, help).exiting(Exit::Misfit)
}

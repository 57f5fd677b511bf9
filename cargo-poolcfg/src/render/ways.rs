//! Ways: what fits where less does than is asked, said to people and programs, and put in the place of what is asked.

use poolcfg_core::file::TargetFacts;
use poolcfg_core::{
    Code, Fit, Keep, Limit, OnMisfit, Plan, PoolKeys, ResolvedPool, ResolvedProcess, Setting,
    Settings, WasmtimeKeys, Way,
};
use serde::Serialize;

use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::host::{Host, WASMTIME};

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

/// Every way of one pool, where it gets less than is asked of it. The other two are of use only where they hold more
/// instances than slots as asked.
pub(crate) fn ways(case: &ResolvedProcess<'_>, plan: &Plan, pool: usize) -> Vec<Way> {
    if !plan.has_less(case, pool) {
        return Vec::new();
    }
    let fewer = plan.way(case, pool, Fit::Fewer);
    let least = fewer.map_or(0, |way| way.instances);
    let others = [Fit::Smaller, Fit::NoPool];
    let others = others
        .into_iter()
        .filter_map(|fit| plan.way(case, pool, fit))
        .filter(|way| way.instances > least);
    fewer.into_iter().chain(others).collect()
}

/// The same for programs.
pub(crate) fn reports(case: &ResolvedProcess<'_>, plan: &Plan, pool: usize) -> Vec<WayReport> {
    let ways = ways(case, plan, pool);
    ways.iter().map(WayReport::new).collect()
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
    let of_pool = |(index, pool): (usize, &ResolvedPool<'_>)| -> Vec<String> {
        let taken = match (plan.misfit, pool.keep) {
            (None, Keep::MemoryReservation) => Some(Fit::Fewer),
            _ => chosen,
        };
        let mut ways = ways(case, plan, index);
        ways.retain(|way| Some(way.fit) != taken && (can_size || way.fit == Fit::Fewer));
        let mut lines: Vec<_> = ways.iter().map(line).collect();
        if let Some(fit) = chosen.filter(|_| plan.has_less(case, index)) {
            let nor = match lines.is_empty() {
                true => ", and no other way does",
                false => "",
            };
            lines.insert(0, format!("{}{nor}", no_help(fit, pool)));
        }
        let name = of(pool);
        lines.iter().map(|line| format!("{name}: {line}")).collect()
    };
    case.pools().iter().enumerate().flat_map(of_pool).collect()
}

/// A pool as a line names it, behind the target; empty for the one without a name.
fn of(pool: &ResolvedPool<'_>) -> String {
    match pool.name {
        "" => String::new(),
        name => format!(", pool `{name}`"),
    }
}

/// That a way makes nothing fit, and why.
fn no_help(fit: Fit, pool: &ResolvedPool<'_>) -> String {
    let asked = &pool.asked;
    let written = asked.wasmtime.and_then(|wasmtime| wasmtime.written);
    let version = asked.wasmtime.map(|wasmtime| wasmtime.version);
    let least = match pool.min_instances {
        1 => "not even one instance fits".to_owned(),
        least => format!("not even the {least} of `min_instances` fit"),
    };
    let minimum = match pool.memory_minimum {
        minimum if minimum.is_zero() => String::new(),
        minimum => format!(
            " of at least {}, which the workload begins with",
            minimum.needed()
        ),
    };
    let why = match (fit, version) {
        (Fit::NoPool, None) => {
            "it is about Wasmtime, but this pool uses the `native` engine".to_owned()
        }
        (Fit::NoPool, Some(version)) if version.major < Fit::ON_DEMAND_SINCE => {
            format!(
                "expected Wasmtime {} or later, found {version}",
                Fit::ON_DEMAND_SINCE
            )
        }
        (Fit::Fewer | Fit::NoPool, _) if written.is_some() => {
            "totals such as `total_memories` decide how many instances there are".to_owned()
        }
        _ if !asked.has_memories() => "the pool has no memories".to_owned(),
        (Fit::Fewer, _) => {
            let slots = asked.memory_reservation.available();
            format!("{least} in slots of {slots}")
        }
        (Fit::Smaller, _) if written.is_some() => {
            "the totals that are written do not fit in smaller slots either".to_owned()
        }
        (Fit::Smaller, _) => format!("{least} in smaller slots{minimum}"),
        (Fit::NoPool, _) => format!("{least} with smaller reservations{minimum}"),
    };
    format!("`--fit {fit}` does not help: {why}")
}

/// One way with its numbers, what bounds it, and what to type.
fn line(way: &Way) -> String {
    let slots = way.limits.memory_reservation.available();
    let guard = way.limits.guard_size.available();
    let (what, flags) = match way.fit {
        Fit::Fewer => (format!("in slots of {slots}"), ""),
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
    let (fit, instances, asked) = (way.fit, way.instances, way.asked);
    format!("`{flags}--fit {fit}`: {instances} of {asked} instances fit {what}{checked}{more}")
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
    for (index, pool) in case.pools().iter().enumerate() {
        if !plan.has_less(case, index) && fit != Fit::NoPool {
            continue;
        }
        match plan.way(case, index, fit) {
            Some(way) => {
                let now = changed.unwrap_or(*settings);
                changed = Some(now.pool(index, keys(&way)));
            }
            // What is said of the misfit says this, too.
            None if plan.misfit.is_some() && fit != Fit::NoPool => {}
            None => return Err(no_way(fit, pool, &ways(case, plan, index), facts)),
        }
    }
    Ok(changed)
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
fn keys(way: &Way) -> PoolKeys {
    let limits = &way.limits;
    let shrinks = PoolKeys {
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
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
                tables_per_instance: wasmtime.tables_per_instance.map(Setting::given),
                core_instances_per_instance: wasmtime
                    .core_instances_per_instance
                    .map(Setting::given),
                ..WasmtimeKeys::EMPTY
            },
            ..sized
        },
    }
}

/// Why a way cannot be taken, and those that can.
fn no_way(fit: Fit, pool: &ResolvedPool<'_>, ways: &[Way], facts: &TargetFacts) -> Error {
    let message = format!("{}{}: {}", facts.triple(), of(pool), no_help(fit, pool));
    let others = ways.iter().filter(|way| way.fit != fit);
    let others: Vec<_> = others.map(line).collect();
    let help = match others.is_empty() {
        true => "no other way does: leave `--fit` out to see what is needed and what there is"
            .to_owned(),
        false => others.join(", or "),
    };
    Error::new(Code::Misfit, message, help).exiting(Exit::Misfit)
}

//! Ways that make nothing fit, and why.

use poolcfg_core::{Code, Fit, OnMisfit, Plan, ResolvedPool, ResolvedProcess};

use crate::render::footprint::in_slots;

/// A pool as a line names it, behind the target; empty for the one without a name.
pub(super) fn of(pool: &ResolvedPool<'_>) -> String {
    match pool.name {
        "" => String::new(),
        name => format!(", pool `{name}`"),
    }
}

/// Whether all pools have all that is asked, so that none needs a way.
pub(super) fn fits(case: &ResolvedProcess<'_>, plan: &Plan) -> bool {
    plan.misfit.is_none() && (0..case.pools().len()).all(|index| !plan.has_less(case, index))
}

/// That a way makes nothing fit, or is none for pools that do, and why; what follows the target, and its code.
pub(super) fn no_help(fit: Fit, case: &ResolvedProcess<'_>, plan: &Plan) -> (Code, String) {
    let misfit = plan.misfit.map_or(Code::Misfit, |misfit| misfit.code());
    let less = (0..case.pools().len()).find(|index| plan.has_less(case, *index));
    let blamed = plan.misfit.map_or(less, |misfit| Some(misfit.pool));
    let blamed = blamed.unwrap_or_default();
    let (blamed, others) = match case.pools().split_at_checked(blamed) {
        Some((before, [blamed, after @ ..])) => (blamed, before.iter().chain(after)),
        _ => return (misfit, format!(": `--fit {fit}` does not help")),
    };
    // Without a pool there is none of any.
    let asked = |pool: &&ResolvedPool<'_>| fit == Fit::NoPool || pool.name == blamed.name;
    let mut pools = std::iter::once(blamed).chain(others).filter(asked);
    let (pool, (code, why)) = pools
        .find_map(|pool| Some((pool, cannot(fit, pool)?)))
        .unwrap_or_else(|| (blamed, (misfit, too_few(fit, blamed, case))));
    let what = match fits(case, plan) {
        true => "is not possible",
        false => "does not help",
    };
    let text = format!("{}: `--fit {fit}` {what}: {why}", of(pool));
    (code, text)
}

/// Why a way is none for a pool, whatever fits, and the code of that; `None` if it may be one.
fn cannot(fit: Fit, pool: &ResolvedPool<'_>) -> Option<(Code, String)> {
    let asked = &pool.asked;
    let version = asked.wasmtime.map(|wasmtime| wasmtime.version);
    Some(match (fit, version) {
        (Fit::NoPool, None) => (
            Code::OtherEngine,
            "it is about Wasmtime, but this pool uses the `native` engine".to_owned(),
        ),
        (Fit::NoPool, Some(version)) if version.major < Fit::ON_DEMAND_SINCE => (
            Code::LacksFeature,
            format!(
                "expected Wasmtime {} or later, found {version}",
                Fit::ON_DEMAND_SINCE
            ),
        ),
        (Fit::Fewer, _) if has_totals(pool) && pool.on_misfit == OnMisfit::Error => (
            Code::Misfit,
            "totals such as `total_memories` decide how many instances there are".to_owned(),
        ),
        (Fit::Smaller | Fit::NoPool, _) if !asked.has_memories() => {
            (Code::Misfit, "the pool has no memories".to_owned())
        }
        _ => return None,
    })
}

/// That not even the fewest instances fit.
fn too_few(fit: Fit, pool: &ResolvedPool<'_>, case: &ResolvedProcess<'_>) -> String {
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
    let beside = match case.pools() {
        [_] => "",
        _ => ", beside the fewest instances of the other pools",
    };
    match fit {
        Fit::Fewer => {
            format!("{least} {}{beside}", in_slots(&pool.asked))
        }
        Fit::Smaller if has_totals(pool) => {
            "the totals that are written do not fit in smaller slots either".to_owned()
        }
        Fit::Smaller => format!("{least} in smaller slots{minimum}{beside}"),
        Fit::NoPool => format!("{least} with smaller reservations{minimum}{beside}"),
    }
}

/// Whether totals say how many instances a pool has.
pub(super) fn has_totals(pool: &ResolvedPool<'_>) -> bool {
    let wasmtime = pool.asked.wasmtime;
    wasmtime.is_some_and(|wasmtime| wasmtime.written.is_some())
}

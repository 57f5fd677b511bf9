//! What poolcfg.toml allows this server.

use poolcfg_runtime::{Limits, PoolLimits, pool_limits};

/// The slots that requests are kept in.
#[pool_limits]
pub(crate) const POOL: PoolLimits;

/// What this program was built with, whatever the machine it runs on.
pub(crate) fn built() -> String {
    let line = |word, limits: Limits| {
        let Limits {
            max_instances,
            memory_reservation,
            guard_size,
            ..
        } = limits;
        format!(
            "{word}: {max_instances} slots of {memory_reservation}, {guard_size} between them\n"
        )
    };
    line("guaranteed", POOL.guaranteed()) + &line("asked", POOL.asked())
}

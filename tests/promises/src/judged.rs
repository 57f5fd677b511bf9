//! Judged: what the build says of a file, by the const code of the attribute and of the command.

use poolcfg_core::file::ConfigFile;
use poolcfg_core::{Limits, Plan, ResolvedProcess};
use poolcfg_runtime::{PoolLimits, WasmtimeLimits};

use crate::machine::Machine;
use crate::start::Limit;

/// A file that the build accepts.
pub struct Judged {
    /// What the attribute makes of each pool.
    pub limits: Vec<Limit>,
    /// How many of each there are.
    pub pools: Vec<u32>,
    /// What was judged.
    pub case: ResolvedProcess<'static>,
    /// What is guaranteed.
    pub plan: Plan,
}

impl Judged {
    /// What is guaranteed to each pool, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let pools = self.case.pools().iter().zip(self.plan.guaranteed());
        let pools = pools.map(|(pool, limits)| guaranteed(pool.name, limits, pool.asked));
        pools.collect::<Vec<_>>().join("; ")
    }
}

fn guaranteed(name: &str, limits: &Limits, asked: Limits) -> String {
    format!(
        "{} {name}: {} x {} of {} x {} x {}",
        limits.engine().word(),
        limits.pools,
        limits.max_instances,
        asked.max_instances,
        limits.memory_reservation,
        asked.memory_reservation,
    )
}

/// Judges a file for a machine's target. What it is judged by lives as long as the program.
///
/// # Errors
/// What the build says of a file that it refuses.
pub fn judge(text: &str, machine: &Machine) -> Result<Judged, String> {
    let file = ConfigFile::parse(text).map_err(|mistakes| {
        let texts = mistakes.iter().map(|mistake| mistake.message.clone());
        texts.collect::<Vec<_>>().join("; ")
    })?;
    let file: &'static ConfigFile = Box::leak(Box::new(file));
    let settings = file.settings(&machine.facts);
    let case = settings
        .resolve(machine.facts.target())
        .map_err(|faults| faults.message("poolcfg.toml").as_str().to_owned())?;
    let plan = Plan::new(&case);
    if let Some(misfit) = &plan.misfit {
        return Err(misfit.sentence(&case, "poolcfg.toml").as_str().to_owned());
    }
    let limits = (0..case.pools().len()).map(|pool| {
        let promise = plan.promise(&case, pool);
        match promise.guaranteed.wasmtime {
            None => Limit::Native(PoolLimits::new(promise)),
            Some(_) => Limit::Wasmtime(WasmtimeLimits::new(promise)),
        }
    });
    Ok(Judged {
        limits: limits.collect(),
        pools: plan.guaranteed().iter().map(|of| of.pools).collect(),
        case,
        plan,
    })
}

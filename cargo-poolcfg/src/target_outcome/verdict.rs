//! The verdict on a pool: one line.

use poolcfg_core::{Fit, Limits, ResolvedPool, ResolvedProcess, VaProfile};

use super::TargetOutcome;
use crate::render::footprint::{counts, each, instances};

impl TargetOutcome<'_> {
    /// Whether a pool fits, what is guaranteed, on which machine, and which limit decided.
    pub(super) fn verdict(&self, index: usize, pool: &ResolvedPool<'_>, limits: &Limits) -> String {
        let asked = &pool.asked;
        let engine = match &limits.wasmtime {
            Some(wasmtime) => format!("Wasmtime {}", wasmtime.version),
            None => "native".to_owned(),
        };
        let who = match asked.pools {
            1 => format!("{engine} pool,"),
            pools => format!("{pools} {engine} pools, each"),
        };
        let kernel = self.kernel();
        if self.fit == Some(Fit::NoPool) && self.plan.misfit.is_none() {
            return self.on_demand(index, limits, &kernel);
        }
        if self.plan.misfit.is_some() {
            return format!(
                "does not fit: {who} {} × {} asked ({kernel})",
                instances(asked.max_instances),
                each(asked)
            );
        }
        let mut line = format!(
            "ok: {who} {} of {} × {}",
            limits.max_instances,
            instances(asked.max_instances),
            each(limits),
        );
        if limits.memory_reservation != asked.memory_reservation {
            line += &format!(" of {}", asked.memory_reservation.available());
        }
        line += &format!(" guaranteed ({kernel}");
        if let Some(bound) = self.plan.bound(&self.case, index) {
            line += &format!("; limited by {}", bound.limit.describe());
            // A host's pool takes the settings, and no more.
            if self.here.is_none() && limits.wasmtime.is_none() {
                return line + "); the rest is tried at start";
            }
        }
        line += ")";
        match counts(limits, pool) {
            Some(counts) => format!("{line}, each of {counts}"),
            None => line,
        }
    }

    /// The verdict where no pool is made.
    fn on_demand(&self, index: usize, limits: &Limits, kernel: &str) -> String {
        let before = self.before.as_ref();
        let asked = before.and_then(|before| before.asked.pools().get(index));
        let bound = before.and_then(|before| before.on_demand.as_ref()?.get(index));
        let asked = asked.map_or(limits.pools, |pool| {
            pool.asked.max_instances.saturating_mul(pool.asked.pools)
        });
        let bound = bound.and_then(Option::as_ref);
        let bound = bound.map_or_else(String::new, |bound| {
            format!("; limited by {}", bound.limit.describe())
        });
        format!(
            "ok: no pool, {} of {} × {} on demand fit at once ({kernel}{bound})",
            limits.pools,
            instances(asked),
            each(limits)
        )
    }

    /// The kernel that the pools are fitted to, such as `worst kernel: sv39, pie, measured`.
    fn kernel(&self) -> String {
        let ResolvedProcess { profile, shape, .. } = &self.case;
        let is_floor = VaProfile::floor(self.facts.target()).map(|floor| floor.name);
        let what = match (self.here, is_floor == Some(profile.name)) {
            (Some(here), _) => return here.name(&self.case),
            (None, true) => "worst kernel",
            (None, false) => "kernel",
        };
        let (shape, known) = (shape.describe(), profile.known.word());
        format!("{what}: {}, {}, {known}", profile.name, shape.as_str())
    }
}

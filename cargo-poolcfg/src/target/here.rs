//! `--here`: the machine that the command runs on, measured once, as what pools are fitted to.

pub(crate) mod record;

use poolcfg_core::{
    AddressSpaceKeys, Limit, PlanMisfit, ProcessLimits, RelocationModel, ResolvedProcess, Size,
};
use poolcfg_runtime::{Basis, Probe, probe};
use serde::Serialize;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Here {
    probe: Probe,
    basis: Basis,
}

impl Here {
    pub(crate) fn measure() -> Self {
        let probe = probe();
        Self {
            basis: probe.basis(),
            probe,
        }
    }

    /// The same pools on this machine. What is said of the process holds: how its program is loaded, its headroom,
    /// and limits below those in force here. `least` is the headroom that the program needs at least under these limits,
    /// where the usual one is less.
    pub(crate) fn case<'a>(
        &self,
        mut case: ResolvedProcess<'a>,
        said: &AddressSpaceKeys<'_>,
        least: impl FnOnce(&ProcessLimits, Size) -> Option<Size>,
    ) -> ResolvedProcess<'a> {
        let said_limits = said.limits(ProcessLimits::NONE, case.target.os);
        let limits = self.probe.process_limits().tighter(said_limits);
        // How this command is linked says nothing of the program.
        let said_model = said.relocation_model.map(|setting| setting.value);
        let model = said_model.unwrap_or(RelocationModel::Pie);
        let (usual, headroom) = match said.headroom {
            Some(setting) => (None, setting.value),
            None => {
                let usual = self.probe.budget(model, None).headroom;
                let headroom = limits.headroom(usual);
                match least(&limits, headroom) {
                    Some(least) => (None, least),
                    None => (Some(usual), headroom),
                }
            }
        };
        let budget = self.probe.budget(model, Some(headroom));
        let own = self.probe.own_profile().map(|own| own.profile());
        if let Some(profile) = self.basis.va_profile().copied().or(own) {
            case.profile = profile;
        }
        case.shape = self.probe.shape();
        case.shape.relocation_model = model;
        case.with_usual_headroom(usual)
            .with_budget(budget.with_limits(limits))
    }

    /// What the numbers rest on, in a sentence each, without the point at its end.
    pub(crate) fn conditions(&self, case: &ResolvedProcess<'_>) -> Vec<String> {
        let mut said = vec![
            self.holes(),
            format!("the limits are {}", self.limits(&case.budget.limits)),
        ];
        said.push(format!(
            "{} are reserved for the rest of the process",
            case.budget.headroom
        ));
        said
    }

    /// What the holes are.
    fn holes(&self) -> String {
        let bits = match self.probe.aslr_bits {
            Some(bits) => format!("{bits} bits of ASLR"),
            None => "the maximum bits of ASLR (only root can read `vm.mmap_rnd_bits`)".to_owned(),
        };
        match self.basis {
            Basis::Profile(profile) => format!(
                "the holes are those that the VA profile `{}` guarantees with {bits}",
                profile.name
            ),
            Basis::BelowProfile { profile, aslr } => format!(
                "this process has less than the VA profile `{}` guarantees: each hole is what it has, less {} \
                 for ASLR in other processes, and at most what the profile has",
                profile.name,
                aslr.needed()
            ),
            Basis::Measured { aslr } => format!(
                "no VA profile matches: each hole has the size that it has in this process, less {} for ASLR in other processes",
                aslr.needed()
            ),
            _ => "the holes are those of this process".to_owned(),
        }
    }

    /// What should be known where no profile decides.
    pub(crate) fn warning(&self) -> Option<String> {
        self.basis.aslr().map(|_| self.holes())
    }

    /// The limits that count: those in force, or what is said where that is less, beside what is in force.
    fn limits(&self, limits: &ProcessLimits) -> String {
        let measured = &self.probe.limits;
        let size = |limit: Option<Size>| limit.map_or("unlimited".to_owned(), |it| it.to_string());
        let counted = |name: &str, counts: String, in_force: String| match counts == in_force {
            true => format!("{name} {counts}"),
            false => format!("{name} {counts} as set ({in_force} in force)"),
        };
        let sizes = [
            ("RLIMIT_AS", limits.rlimit_as, measured.address_space),
            ("RLIMIT_DATA", limits.rlimit_data, measured.data),
            ("RLIMIT_STACK", measured.stack, measured.stack),
        ];
        let sizes = sizes.map(|(name, counts, there)| counted(name, size(counts), size(there)));
        let mut list = sizes.to_vec();
        if let Some(maps) = limits.max_map_count {
            let there = measured.max_map_count.map(|maps| maps.to_string());
            let there = there.unwrap_or_else(|| "unknown".to_owned());
            list.push(counted("vm.max_map_count", maps.to_string(), there));
        }
        if let Some(left) = limits.commit_limit {
            list.push(format!("commit limit {} left", left.available()));
        }
        if let Some(memory) = limits.memory {
            let there = measured.ram_and_swap().map(|it| it.available().to_string());
            let there = there.unwrap_or_else(|| "unknown".to_owned());
            let memory = memory.available().to_string();
            list.push(counted("RAM and swap", memory, there));
        }
        list.join(", ")
    }

    /// The same for programs.
    pub(crate) fn report(&self, records: Vec<String>) -> HereReport {
        let bytes = |size: Option<Size>| size.map(Size::get);
        let limits = &self.probe.limits;
        let profile = self.basis.va_profile();
        HereReport {
            va_profile: profile.map(|profile| profile.name),
            known: profile.map(|profile| profile.known.word()),
            basis: match self.basis {
                Basis::Profile(_) => "profile",
                Basis::BelowProfile { .. } => "below profile",
                _ => "measured",
            },
            aslr_bits: self.probe.aslr_bits,
            taken_by_aslr: bytes(self.basis.aslr()),
            rlimit_as: bytes(limits.address_space),
            rlimit_data: bytes(limits.data),
            rlimit_stack: bytes(limits.stack),
            max_map_count: limits.max_map_count,
            overcommit_memory: limits.overcommit_memory,
            commit_left: bytes(limits.commit_left),
            ram_and_swap: bytes(limits.ram_and_swap()),
            records,
        }
    }

    /// How the verdict calls the machine.
    pub(crate) fn name(&self, case: &ResolvedProcess<'_>) -> String {
        match self.basis.va_profile() {
            Some(profile) => format!(
                "this machine, {}, {}, {}",
                profile.name,
                case.shape.describe().as_str(),
                profile.known.word()
            ),
            None => format!(
                "this machine, {}, no VA profile matches",
                case.shape.describe().as_str()
            ),
        }
    }
}

/// What would fit, how the headroom is changed where it is in the way, and how the limit is raised, which no key of
/// poolcfg.toml does for a limit that is in force.
pub(crate) fn advice(misfit: &PlanMisfit, case: &ResolvedProcess<'_>) -> String {
    let headroom = match misfit.is_helped_by_headroom(case) {
        true => PlanMisfit::CHANGES_HEADROOM,
        false => "",
    };
    format!("{}{headroom}{}", misfit.fitting(case), raised(misfit, case))
}

/// How the limit in the way is raised, behind what would fit under it; empty for holes.
pub(crate) fn raised(misfit: &PlanMisfit, case: &ResolvedProcess<'_>) -> String {
    let Some(raise) = misfit.limit.raise(misfit.limit_needed(case)) else {
        return String::new();
    };
    let or = match misfit.limit {
        Limit::RamAndSwap => ", or use Wasmtime 27 or later",
        _ => "",
    };
    format!("; raise the limit with {raise}{or}")
}

/// What was measured, for programs; sizes are bytes, and null means no limit.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct HereReport {
    va_profile: Option<&'static str>,
    known: Option<&'static str>,
    /// `profile` where the VA profile decides; `below profile` where this process has less than it guarantees,
    /// and `measured` where none matches: then `taken_by_aslr` bytes were taken off each hole.
    basis: &'static str,
    /// Null where it cannot be read: then the most bits count.
    aslr_bits: Option<u32>,
    taken_by_aslr: Option<u64>,
    rlimit_as: Option<u64>,
    rlimit_data: Option<u64>,
    rlimit_stack: Option<u64>,
    max_map_count: Option<u64>,
    overcommit_memory: Option<u64>,
    commit_left: Option<u64>,
    ram_and_swap: Option<u64>,
    /// The records of the results, one for each process: `--here --check FILE` judges them again.
    records: Vec<String>,
}

#[cfg(test)]
mod tests {
    use poolcfg_core::{Setting, Settings, Target};

    use super::*;

    #[test]
    fn the_other_program_is_a_pie_unless_somebody_says_otherwise() {
        let here = Here::measure();
        let settings = Settings::new(&[], &[]);
        let mut case = settings.resolve(Target::CURRENT).unwrap();
        // As of a target whose programs, this command among them, are static.
        case.shape.relocation_model = RelocationModel::Static;
        let of_nobody = here.case(case, &AddressSpaceKeys::EMPTY, |_, _| None);
        assert_eq!(of_nobody.shape.relocation_model, RelocationModel::Pie);
        let said = AddressSpaceKeys {
            relocation_model: Some(Setting::given(RelocationModel::Static)),
            ..AddressSpaceKeys::EMPTY
        };
        let of_somebody = here.case(case, &said, |_, _| None);
        assert_eq!(of_somebody.shape.relocation_model, RelocationModel::Static);
    }
}

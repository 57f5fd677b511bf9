//! This machine, as `probe` measures it, for programs.

use poolcfg_core::{Distribution, Size, Target};
use poolcfg_runtime::Probe;
use serde::Serialize;

/// The distributions whose kernels have this window, these bits of ASLR and this `vm.max_map_count`, as far as they can
/// be read.
pub(crate) fn distributions(probe: &Probe, window: Size) -> Vec<&'static str> {
    let maps = probe.limits.max_map_count;
    Distribution::matching(Target::CURRENT.arch, window, probe.aslr_bits, maps)
        .map(|row| row.name)
        .collect()
}

/// What was measured; sizes are bytes, and null means no limit.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct ProbeReport {
    arch: &'static str,
    os: &'static str,
    window_bytes: Option<u64>,
    holes: Vec<u64>,
    page_size: u64,
    relocation_model: Option<&'static str>,
    stack_limit: String,
    va_profiles: Vec<&'static str>,
    aslr_bits: Option<u32>,
    distributions: Vec<&'static str>,
    ram_bytes: Option<u64>,
    swap_bytes: Option<u64>,
    swap_used_bytes: Option<u64>,
    cgroup_bytes: Option<u64>,
    rlimit_as: Option<u64>,
    rlimit_data: Option<u64>,
    rlimit_stack: Option<u64>,
    rlimit_memlock: Option<u64>,
    max_map_count: Option<u64>,
    overcommit_memory: Option<u64>,
    commit_limit_bytes: Option<u64>,
    commit_left_bytes: Option<u64>,
}

impl ProbeReport {
    pub(crate) fn new(probe: &Probe) -> Self {
        let bytes = |size: Option<Size>| size.map(Size::get);
        Self {
            arch: Target::CURRENT.arch.name(),
            os: Target::CURRENT.os.name(),
            window_bytes: bytes(probe.window),
            holes: probe.holes.iter().map(|hole| hole.get()).collect(),
            page_size: probe.page_size.get(),
            relocation_model: probe.relocation_model.map(|model| model.word()),
            stack_limit: probe.shape().stack_limit.to_string(),
            va_profiles: probe
                .va_profiles
                .iter()
                .map(|profile| profile.name)
                .collect(),
            aslr_bits: probe.aslr_bits,
            distributions: probe
                .window
                .map_or_else(Vec::new, |window| distributions(probe, window)),
            ram_bytes: bytes(probe.limits.ram),
            swap_bytes: bytes(probe.limits.swap),
            swap_used_bytes: bytes(probe.limits.swap_used),
            cgroup_bytes: bytes(probe.limits.cgroup),
            rlimit_as: bytes(probe.limits.address_space),
            rlimit_data: bytes(probe.limits.data),
            rlimit_stack: bytes(probe.limits.stack),
            rlimit_memlock: bytes(probe.limits.memlock),
            max_map_count: probe.limits.max_map_count,
            overcommit_memory: probe.limits.overcommit_memory,
            commit_limit_bytes: bytes(probe.limits.commit_limit),
            commit_left_bytes: bytes(probe.limits.commit_left),
        }
    }
}

//! Limits: what a file names of them, and under which its process is started.

use fastrand::Rng;
use poolcfg_core::{MAX_MAP_COUNT, Size};

use crate::file::{magnitude, one_in};
use crate::machine::Machine;

/// Limits of a process beside its stack's; `None` if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `RLIMIT_AS`
    pub address_space: Option<Size>,
    /// `RLIMIT_DATA`
    pub data: Option<Size>,
    /// `vm.max_map_count`, at most what every kernel has.
    pub max_map_count: Option<u64>,
}

impl Limits {
    /// Of one file in three or so.
    pub(crate) fn new(random: &mut Rng, machine: &Machine) -> Self {
        let mut size = |most: u64| {
            let least = Size::mib(512).get().min(most / 4);
            one_in(random, 8).then(|| Size::bytes(magnitude(random, least, most)))
        };
        Self {
            address_space: size(machine.window().get()),
            data: size(Size::gib(64).get().min(machine.window().get())),
            max_map_count: one_in(random, 8).then(|| magnitude(random, 2500, MAX_MAP_COUNT)),
        }
    }

    /// What the file says of them.
    pub(crate) fn text(&self) -> String {
        let sizes = [
            ("rlimit_as", self.address_space.map(Size::get)),
            ("rlimit_data", self.data.map(Size::get)),
            ("max_map_count", self.max_map_count),
        ];
        let said = sizes
            .iter()
            .filter_map(|(key, limit)| Some(format!("{key} = {}\n", (*limit)?)));
        said.collect()
    }
}

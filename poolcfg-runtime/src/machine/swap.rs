//! How much of the process may be in swap.

use poolcfg_core::Size;

use crate::machine::Machine;
use crate::machine::proc;

/// How much swap the process may use: that of the machine, or what its cgroup or one above it allows, if
/// that is less. `None` if there is none, or the system does not tell.
///
/// Source: Linux 6.12, mm/swapfile.c (`swap_show`, /proc/swaps) and Documentation/admin-guide/cgroup-v2.rst
/// (`memory.swap.max`). Cgroups of version 1 bound memory and swap only together, so they are not asked.
pub(crate) fn swap<M: Machine>(machine: &M) -> Option<Size> {
    let of_machine = proc::swaps(&machine.text("/proc/swaps")?);
    let cgroups = machine.text("/proc/self/cgroup").unwrap_or_default();
    let allowed = proc::cgroup_swap_files(&cgroups)
        .iter()
        .filter_map(|file| proc::number(&machine.text(file)?))
        .map(Size::bytes)
        .min();
    let swap = allowed.map_or(of_machine, |allowed| allowed.min(of_machine));
    (!swap.is_zero()).then_some(swap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recheck::tests::Made;

    const HEADER: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const PARTITION: &str =
        "/dev/sda2                               partition\t2097148\t\t0\t\t-2\n";
    const ZRAM: &str = "/dev/zram0                              partition\t1024\t\t8\t\t100\n";
    const OWN: &str = "/sys/fs/cgroup/system.slice/a.service/memory.swap.max";
    const ABOVE: &str = "/sys/fs/cgroup/system.slice/memory.swap.max";

    fn machine(swaps: &str) -> Made {
        Made::new(&[])
            .with_text("/proc/swaps", &format!("{HEADER}{swaps}"))
            .with_text("/proc/self/cgroup", "0::/system.slice/a.service\n")
    }

    #[test]
    fn all_swap_of_the_machine_counts_where_no_cgroup_bounds_it() {
        assert_eq!(swap(&Made::new(&[])), None);
        assert_eq!(swap(&machine("")), None);
        assert_eq!(swap(&machine(PARTITION)), Some(Size::kib(2_097_148)));
        let both = machine(&format!("{PARTITION}{ZRAM}"));
        assert_eq!(swap(&both), Some(Size::kib(2_098_172)));
        let unbounded = machine(ZRAM)
            .with_text(OWN, "max\n")
            .with_text(ABOVE, "max\n");
        assert_eq!(swap(&unbounded), Some(Size::kib(1024)));
    }

    #[test]
    fn the_least_that_a_cgroup_allows_counts() {
        let bounded = machine(ZRAM)
            .with_text(OWN, "max\n")
            .with_text(ABOVE, "65536\n");
        assert_eq!(swap(&bounded), Some(Size::kib(64)));
        let none = machine(ZRAM)
            .with_text(OWN, "0\n")
            .with_text(ABOVE, "max\n");
        assert_eq!(swap(&none), None);
        let more = machine(ZRAM).with_text(OWN, "1099511627776\n");
        assert_eq!(swap(&more), Some(Size::kib(1024)));
    }
}

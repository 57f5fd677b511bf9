//! The memory cgroup of the process.

use poolcfg_core::Size;

use crate::machine::Machine;
use crate::machine::proc;

/// The least that a cgroup of the process, or one above it, allows it of RAM; `None` if none bounds it.
pub(crate) fn memory_limit<M: Machine>(machine: &M) -> Option<Size> {
    let cgroups = machine.text("/proc/self/cgroup").unwrap_or_default();
    proc::cgroup_limit_files(&cgroups)
        .iter()
        .filter_map(|file| proc::cgroup_limit(&machine.text(file)?))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recheck::tests::Made;

    #[test]
    fn the_least_limit_on_the_way_to_the_root_counts() {
        let machine = |own: &str, above: &str| {
            Made::new(&[])
                .with_text("/proc/self/cgroup", "0::/system.slice/a.service\n")
                .with_text("/sys/fs/cgroup/system.slice/a.service/memory.max", own)
                .with_text("/sys/fs/cgroup/system.slice/memory.max", above)
        };
        assert_eq!(memory_limit(&Made::new(&[])), None);
        assert_eq!(memory_limit(&machine("max\n", "max\n")), None);
        assert_eq!(
            memory_limit(&machine("max\n", "4096\n")),
            Some(Size::kib(4))
        );
        assert_eq!(
            memory_limit(&machine("8192\n", "4096\n")),
            Some(Size::kib(4))
        );
        assert_eq!(
            memory_limit(&machine("9223372036854771712\n", "max\n")),
            None
        );
    }
}

//! The commit limit: `vm.overcommit_memory = 2`, in which every writable page is charged, also of a mapping with
//! MAP_NORESERVE. Source: mm/util.c, `__vm_enough_memory`.

use poolcfg_core::Size;

use crate::machine::proc;

/// What is left of it to an ordinary user's process, by the texts of /proc; `None` in other modes, or if the system does not tell.
pub fn left(text: impl Fn(&str) -> Option<String>) -> Option<Size> {
    let mode = text("/proc/sys/vm/overcommit_memory")?;
    if proc::number(&mode) != Some(2) {
        return None;
    }
    let meminfo = text("/proc/meminfo")?;
    let limit = proc::size_of(&meminfo, "CommitLimit")?;
    let committed = proc::size_of(&meminfo, "Committed_AS")?;
    // What is kept back for the administrator, and for the user's other processes.
    let kept = ["admin_reserve_kbytes", "user_reserve_kbytes"]
        .iter()
        .filter_map(|name| proc::number(&text(&format!("/proc/sys/vm/{name}"))?))
        .fold(0u64, |sum, kib| {
            sum.saturating_add(kib.saturating_mul(1024))
        });
    Some(
        limit
            .saturating_sub(committed)
            .saturating_sub(Size::bytes(kept)),
    )
}

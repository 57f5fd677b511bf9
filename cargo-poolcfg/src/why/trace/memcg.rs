//! Memory cgroups: whether the kernel has killed a process because one was full.

use std::collections::HashMap;

use poolcfg_runtime::__private::proc;
use poolcfg_runtime::RecheckLimit;

use super::facts::text;
use super::obstacle::{Obstacle, WhyLimit};

/// From here on a number is no limit: version 1 writes the largest whole page below 2^63.
const NO_LIMIT: u64 = 1 << 62;

/// How often processes of a cgroup had been killed when it was first seen.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    kills: HashMap<String, u64>,
}

/// The files that bound a process, its own cgroup's first.
fn limit_files(pid: i32) -> Vec<String> {
    proc::cgroup_limit_files(&text(&format!("/proc/{pid}/cgroup")))
}

/// The file with the number of kills beside that of a limit: of version 2, or of version 1.
fn kills_file(limit: &str) -> Option<String> {
    let (folder, name) = limit.rsplit_once('/')?;
    let name = match name {
        "memory.max" => "memory.events",
        _ => "memory.oom_control",
    };
    Some(format!("{folder}/{name}"))
}

fn kills(file: &str) -> u64 {
    let text = text(file);
    let mut lines = text.lines();
    let kills = lines.find_map(|line| line.strip_prefix("oom_kill "));
    kills.and_then(proc::number).unwrap_or(0)
}

impl Cgroups {
    /// Remembers what was before, of the cgroup of a process that has become another program.
    pub(super) fn begins(&mut self, pid: i32) {
        if let Some(file) = limit_files(pid).first().and_then(|file| kills_file(file))
            && !self.kills.contains_key(&file)
        {
            let before = kills(&file);
            self.kills.insert(file, before);
        }
    }

    /// Why a process was killed, if it was for want of memory.
    pub(super) fn obstacle(&mut self, pid: i32) -> Option<Obstacle> {
        let files = limit_files(pid);
        let file = kills_file(files.first()?)?;
        let now = kills(&file);
        let before = self.kills.insert(file, now).unwrap_or(0);
        if now <= before {
            return None;
        }
        let limits = files.iter().filter_map(|file| proc::number(&text(file)));
        let limit = limits.filter(|limit| *limit < NO_LIMIT).min();
        let rss = proc::size_of(&text(&format!("/proc/{pid}/status")), "VmHWM");
        let rss = rss.map_or(0, |rss| rss.get());
        Some(match limit {
            Some(limit) => Obstacle::of(
                WhyLimit::MemoryCgroup,
                rss.max(limit.saturating_add(1)),
                limit,
            ),
            None => {
                let all = proc::ram_and_swap(&text("/proc/meminfo"));
                let have = all.map_or(0, |all| all.get());
                let limit = WhyLimit::Recheck(RecheckLimit::RamAndSwap);
                Obstacle::of(limit, have.saturating_add(1), have)
            }
        })
    }
}

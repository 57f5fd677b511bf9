//! Memory cgroups: whether the kernel has killed a process because one was full, its own or one above it.
//!
//! Version 2 counts in `memory.events` (`oom_kill`, and `oom` of the cgroup that was full and of those above it), version 1 in
//! `memory.oom_control` and, of the one that was full alone, in `memory.failcnt`.

use std::collections::{HashMap, HashSet};

use poolcfg_core::Size;
use poolcfg_runtime::__private::proc;
use poolcfg_runtime::RecheckLimit;

use super::obstacle::{Obstacle, WhyLimit};
use super::proc_file::text;

/// Where version 2 is beside the controllers of version 1.
const UNIFIED: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// A cgroup that bounds a process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Level {
    folder: String,
    limit: Option<u64>,
    /// How often a process of it has been killed because memory ran out.
    kills: u64,
    /// How often it was full.
    full: u64,
}

/// What was before, of each cgroup since it was first seen.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    before: HashMap<String, Level>,
    /// The processes whose kills have been told: each of their threads ends.
    told: HashSet<i32>,
}

/// The cgroups that bound a process, its own first; a container sees those alone that are its own.
fn levels(cgroups: &str, read: &impl Fn(&str) -> Option<String>) -> Vec<Level> {
    let level = |file: &String| {
        let (folder, name) = file.rsplit_once('/')?;
        let is_second = name == "memory.max";
        let [usual, beside] = UNIFIED;
        let folder = match is_second && read(file).is_none() {
            true => folder.replacen(usual, beside, 1),
            false => folder.to_owned(),
        };
        let limit = read(&format!("{folder}/{name}"));
        let limit = limit.and_then(|limit| proc::cgroup_limit(&limit));
        let (kills, full) = if is_second {
            let events = read(&format!("{folder}/memory.events"))?;
            (counter(&events, "oom_kill "), counter(&events, "oom "))
        } else {
            let control = read(&format!("{folder}/memory.oom_control"))?;
            let failures = read(&format!("{folder}/memory.failcnt"));
            let failures = failures.and_then(|failures| proc::number(&failures));
            (counter(&control, "oom_kill "), failures.unwrap_or(0))
        };
        Some(Level {
            folder,
            limit: limit.map(Size::get),
            kills,
            full,
        })
    };
    let files = proc::cgroup_limit_files(cgroups);
    files.iter().filter_map(level).collect()
}

fn counter(text: &str, name: &str) -> u64 {
    let mut lines = text.lines();
    let counter = lines.find_map(|line| line.strip_prefix(name));
    counter.and_then(proc::number).unwrap_or(0)
}

fn of_system(path: &str) -> Option<String> {
    Some(text(path)).filter(|text| !text.is_empty())
}

impl Cgroups {
    /// Remembers what was before, of the cgroups of a process that has become another program.
    pub(super) fn begins(&mut self, pid: i32) {
        let cgroups = text(&format!("/proc/{pid}/cgroup"));
        self.sees(levels(&cgroups, &of_system));
    }

    fn sees(&mut self, levels: Vec<Level>) {
        for level in levels {
            let folder = level.folder.clone();
            self.before.entry(folder).or_insert(level);
        }
    }

    /// Why a thread of a process was killed, if it was for lack of memory and is not told yet.
    pub(super) fn obstacle(&mut self, thread: i32, process: i32) -> Option<Obstacle> {
        let cgroups = text(&format!("/proc/{thread}/cgroup"));
        let resident = proc::size_of(&text(&format!("/proc/{thread}/status")), "VmHWM");
        let resident = resident.map_or(0, |size| size.get());
        let limit = self.kill(&levels(&cgroups, &of_system), process, resident)?;
        Some(match limit {
            Some(limit) => {
                let need = resident.max(limit.saturating_add(1));
                Obstacle::of(WhyLimit::MemoryCgroup, need, limit)
            }
            None => {
                let all = proc::ram_and_swap(&text("/proc/meminfo"));
                let have = all.map_or(0, |all| all.get());
                let limit = WhyLimit::Recheck(RecheckLimit::RamAndSwap);
                Obstacle::of(limit, have.saturating_add(1), have)
            }
        })
    }

    /// The limit for which a process was killed, where a cgroup had one; `None` if it was killed for something else.
    fn kill(&mut self, levels: &[Level], process: i32, resident: u64) -> Option<Option<u64>> {
        let own = levels.first()?;
        let smallest = levels.iter().filter_map(|level| level.limit).min();
        let Some(before) = self.before.get_mut(&own.folder) else {
            // It has moved there: it may have been there that others were killed before.
            let is_large = smallest.is_some_and(|limit| resident >= limit / 2);
            let is_killed = own.kills > 0 && is_large && self.told.insert(process);
            self.sees(levels.to_vec());
            return is_killed.then_some(smallest);
        };
        if own.kills <= before.kills || !self.told.insert(process) {
            return None;
        }
        // One of several that were killed at once: the next may not be looked at yet.
        before.kills = before.kills.saturating_add(1);
        let was = |level: &Level| self.before.get(&level.folder).map(|before| before.full);
        let is_full = |level: &&Level| was(level).is_some_and(|full| level.full > full);
        let full = levels.iter().filter(is_full);
        let full = full.filter_map(|level| level.limit).next();
        Some(full.or(smallest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels that files such as `FOLDER/FILE: TEXT` tell.
    fn of(cgroups: &str, files: &[(&str, &str)]) -> Vec<Level> {
        let read = |path: &str| {
            let found = files.iter().find(|(file, _)| *file == path);
            found.map(|(_, text)| (*text).to_owned())
        };
        levels(cgroups, &read)
    }

    fn level(folder: &str, limit: Option<u64>, kills: u64, full: u64) -> Level {
        let folder = folder.to_owned();
        Level {
            folder,
            limit,
            kills,
            full,
        }
    }

    #[test]
    fn both_versions_are_read_wherever_they_are() {
        let events = "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n";
        let unified = [
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.events", events),
            ("/sys/fs/cgroup/a/memory.max", "33554432\n"),
            ("/sys/fs/cgroup/a/memory.events", events),
        ];
        let expected = [
            level("/sys/fs/cgroup/a/b", None, 1, 2),
            level("/sys/fs/cgroup/a", Some(32 << 20), 1, 2),
        ];
        // The root of the machine has no files.
        assert_eq!(of("0::/a/b\n", &unified), expected);
        let beside = [
            ("/sys/fs/cgroup/unified/a/memory.max", "4096\n"),
            ("/sys/fs/cgroup/unified/a/memory.events", events),
        ];
        let expected = [level("/sys/fs/cgroup/unified/a", Some(4096), 1, 2)];
        assert_eq!(of("1:name=systemd:/a\n0::/a\n", &beside), expected);
        // A container that sees only its own cgroup, under the name that it has outside.
        let first = [
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "8192\n"),
            (
                "/sys/fs/cgroup/memory/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
            ),
            ("/sys/fs/cgroup/memory/memory.failcnt", "7\n"),
        ];
        let expected = [level("/sys/fs/cgroup/memory", Some(8192), 3, 7)];
        assert_eq!(of("4:memory:/docker/1f\n0::/\n", &first), expected);
    }

    #[test]
    fn the_cgroup_that_was_full_is_found_among_those_above() {
        let at = |kills, full: [u64; 2]| {
            [
                level("/a/b", Some(100), kills, full[0]),
                level("/a", Some(200), kills, full[1]),
            ]
        };
        let mut cgroups = Cgroups::default();
        cgroups.sees(at(5, [1, 1]).to_vec());
        // Killed by somebody, and not for lack of memory.
        assert_eq!(cgroups.kill(&at(5, [1, 1]), 7, 100), None);
        // Two at once, of which one has two threads.
        let after = at(7, [1, 2]);
        assert_eq!(cgroups.kill(&after, 7, 100), Some(Some(200)));
        assert_eq!(cgroups.kill(&after, 7, 100), None);
        assert_eq!(cgroups.kill(&after, 8, 100), Some(Some(200)));
        assert_eq!(cgroups.kill(&after, 9, 100), None);
    }

    #[test]
    fn kills_of_others_before_a_process_came_are_not_its_own() {
        let there = [level("/a", Some(100), 5, 1)];
        assert_eq!(Cgroups::default().kill(&there, 7, 10), None);
        assert_eq!(Cgroups::default().kill(&there, 7, 99), Some(Some(100)));
    }
}

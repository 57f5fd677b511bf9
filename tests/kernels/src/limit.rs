//! Limits that are injected into a process on purpose, and the report of what a recheck says of each.

use std::fmt;

use poolcfg_core::Engine;
use poolcfg_runtime::RecheckLimit;

/// What stands in the way of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// `RLIMIT_AS` below what is reserved.
    RlimitAs,
    /// `RLIMIT_DATA` below what becomes writable.
    RlimitData,
    /// `RLIMIT_MEMLOCK` below what is reserved, in a process that locks all that it maps.
    RlimitMemlock,
    /// An unlimited stack limit at start, whose layout has no hole that is large enough.
    UnlimitedStack,
    /// Another pool, which has left one hole.
    SecondPool,
    /// A seccomp filter that refuses mmap with EPERM.
    Seccomp,
    /// `vm.max_map_count`, lowered.
    MaxMapCount,
    /// `vm.overcommit_memory = 2`.
    Overcommit,
}

impl Obstacle {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::RlimitAs,
        Self::RlimitData,
        Self::RlimitMemlock,
        Self::UnlimitedStack,
        Self::SecondPool,
        Self::Seccomp,
        Self::MaxMapCount,
        Self::Overcommit,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RlimitAs => "rlimit-as",
            Self::RlimitData => "rlimit-data",
            Self::RlimitMemlock => "rlimit-memlock",
            Self::UnlimitedStack => "unlimited-stack",
            Self::SecondPool => "second-pool",
            Self::Seccomp => "seccomp",
            Self::MaxMapCount => "max-map-count",
            Self::Overcommit => "overcommit",
        }
    }

    /// The limit that a recheck has to name.
    #[must_use]
    pub const fn limit(self) -> RecheckLimit {
        match self {
            Self::RlimitAs => RecheckLimit::RlimitAs,
            Self::RlimitData => RecheckLimit::RlimitData,
            Self::RlimitMemlock => RecheckLimit::RlimitMemlock,
            Self::UnlimitedStack | Self::SecondPool => RecheckLimit::Hole,
            Self::Seccomp => RecheckLimit::Refused,
            Self::MaxMapCount => RecheckLimit::MaxMapCount,
            Self::Overcommit => RecheckLimit::CommitLimit,
        }
    }
}

/// What stands in the way of nothing and deserves a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A memory cgroup that allows less than what the slots may touch.
    MemoryCgroup,
    /// Pages of another size than the build planned with.
    PageSize,
}

impl Oddity {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::MemoryCgroup, Self::PageSize];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MemoryCgroup => "memory-cgroup",
            Self::PageSize => "page-size",
        }
    }
}

/// What a process is made to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// A limit that refuses.
    Obstacle(Obstacle),
    /// What is warned of.
    Oddity(Oddity),
}

impl Injected {
    /// What has this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let obstacles = Obstacle::ALL.into_iter().map(Self::Obstacle);
        let oddities = Oddity::ALL.into_iter().map(Self::Oddity);
        obstacles.chain(oddities).find(|of| of.word() == word)
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Obstacle(obstacle) => obstacle.word(),
            Self::Oddity(oddity) => oddity.word(),
        }
    }
}

/// How a pool starts although a limit is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The variables or, in words, what is done to the limit: without spaces.
    pub what: String,
    /// Fresh processes in which the pool started: every slot was acquired, touched and released.
    pub starts: u32,
    /// What was refused with the same limit, in as many processes; nothing where there is no more of it.
    pub refused: Option<String>,
}

/// What came of one obstacle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReport {
    /// What was in the way.
    pub injected: Injected,
    /// Whose pool it was.
    pub engine: Engine,
    /// The limit that was named; `warning` for an oddity, `none` where all was taken under an obstacle.
    pub limit: String,
    /// What is needed.
    pub need: u64,
    /// What there is.
    pub have: u64,
    /// What makes the pool start.
    pub suggestions: Vec<Suggestion>,
    /// The message, or the warning.
    pub message: String,
    /// What is not as it should be.
    pub broken: Vec<String>,
}

impl fmt::Display for LimitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit.replace(' ', "-");
        writeln!(
            f,
            "limit {} {} {limit} {} {}",
            self.injected.word(),
            self.engine.word(),
            self.need,
            self.have
        )?;
        for Suggestion {
            what,
            starts,
            refused,
        } in &self.suggestions
        {
            let refused = refused.as_deref().unwrap_or("-");
            writeln!(f, "starts {what} {starts} {refused}")?;
        }
        writeln!(f, "message {}", self.message)?;
        for broken in &self.broken {
            writeln!(f, "broken {}", broken.replace('\n', " "))?;
        }
        f.write_str("end")
    }
}

impl LimitReport {
    /// Reads the lines, all of them.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let words: Vec<&str> = lines.next()?.split(' ').collect();
        let ["limit", injected, engine, limit, need, have] = words.as_slice() else {
            return None;
        };
        let mut report = Self {
            injected: Injected::from_word(injected)?,
            engine: Engine::from_word(engine)?,
            limit: limit.replace('-', " "),
            need: need.parse().ok()?,
            have: have.parse().ok()?,
            suggestions: Vec::new(),
            message: String::new(),
            broken: Vec::new(),
        };
        loop {
            let (word, rest) = lines.next()?.split_once(' ')?;
            if word == "message" {
                rest.clone_into(&mut report.message);
                break;
            }
            let words: Vec<&str> = rest.split(' ').collect();
            let ("starts", [what, starts, refused]) = (word, words.as_slice()) else {
                return None;
            };
            report.suggestions.push(Suggestion {
                what: (*what).to_owned(),
                starts: starts.parse().ok()?,
                refused: (*refused != "-").then(|| (*refused).to_owned()),
            });
        }
        loop {
            let line = lines.next()?;
            if line == "end" {
                return lines.next().is_none().then_some(report);
            }
            report.broken.push(line.strip_prefix("broken ")?.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_is_written_and_only_whole() {
        let report = LimitReport {
            injected: Injected::Obstacle(Obstacle::Overcommit),
            engine: Engine::Wasmtime,
            limit: RecheckLimit::CommitLimit.name().to_owned(),
            need: 9,
            have: 8,
            suggestions: vec![
                Suggestion {
                    what: "POOLCFG_MAX_INSTANCES=4".to_owned(),
                    starts: 2,
                    refused: Some("POOLCFG_MAX_INSTANCES=5".to_owned()),
                },
                Suggestion {
                    what: "raised".to_owned(),
                    starts: 2,
                    refused: None,
                },
            ],
            message: "pool needs more".to_owned(),
            broken: vec!["it does not start".to_owned()],
        };
        let text = report.to_string();
        for missing in 0..text.lines().count() {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.remove(missing);
            assert_ne!(LimitReport::read(&lines.join("\n")).as_ref(), Some(&report));
        }
        assert_eq!(LimitReport::read(&text), Some(report));
        assert_eq!(LimitReport::read(&format!("{text}\nmore")), None);
    }
}

//! What may be in the way, by its name.

use poolcfg_runtime::RecheckLimit;
use serde::{Deserialize, Serialize};

/// What is in the way: a limit of those that a recheck names, or another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub(crate) enum WhyLimit {
    Recheck(RecheckLimit),
    /// The limit of a memory cgroup.
    MemoryCgroup,
    /// A rule that memory is not both writable and executable.
    WriteAndExecute,
    /// A filter of seccomp.
    Seccomp,
    /// `RLIMIT_STACK`.
    Stack,
    /// `vm.nr_hugepages`, or what there is of another size.
    HugePages,
    /// The size of a tmpfs.
    Tmpfs,
}

pub(crate) const LIMITS: [WhyLimit; 14] = [
    WhyLimit::Recheck(RecheckLimit::RlimitAs),
    WhyLimit::Recheck(RecheckLimit::RlimitData),
    WhyLimit::Recheck(RecheckLimit::RlimitMemlock),
    WhyLimit::Recheck(RecheckLimit::Hole),
    WhyLimit::Recheck(RecheckLimit::MaxMapCount),
    WhyLimit::Recheck(RecheckLimit::CommitLimit),
    WhyLimit::Recheck(RecheckLimit::RamAndSwap),
    WhyLimit::Recheck(RecheckLimit::Refused),
    WhyLimit::MemoryCgroup,
    WhyLimit::WriteAndExecute,
    WhyLimit::Seccomp,
    WhyLimit::Stack,
    WhyLimit::HugePages,
    WhyLimit::Tmpfs,
];

impl WhyLimit {
    /// Its word in JSON, which is that of a build where it is one of a build's.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Recheck(limit) => limit.word(),
            Self::MemoryCgroup => "memory_cgroup",
            Self::WriteAndExecute => "write_and_execute",
            Self::Seccomp => "seccomp",
            Self::Stack => "rlimit_stack",
            Self::HugePages => "huge_pages",
            Self::Tmpfs => "tmpfs",
        }
    }

    /// Its unit.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Recheck(RecheckLimit::MaxMapCount) => "maps",
            Self::HugePages => "pages",
            _ => "bytes",
        }
    }

    /// Its name in a message.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Recheck(limit) => limit.name(),
            Self::MemoryCgroup => "memory cgroup",
            Self::WriteAndExecute => "write and execute",
            Self::Seccomp => "seccomp",
            Self::Stack => "RLIMIT_STACK",
            Self::HugePages => "huge pages",
            Self::Tmpfs => "tmpfs",
        }
    }
}

impl From<WhyLimit> for &'static str {
    fn from(limit: WhyLimit) -> Self {
        limit.word()
    }
}

impl TryFrom<String> for WhyLimit {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let found = LIMITS.into_iter().find(|limit| limit.word() == word);
        found.ok_or(word)
    }
}

#[cfg(test)]
mod tests {
    use poolcfg_core::Limit;
    use serde_json::Value;

    use super::*;

    /// What `why` names and what `check` names are the same words, and docs/json.md has them all.
    #[test]
    fn every_command_has_the_same_words() {
        let schema = include_str!("../../../schema/poolcfg-2.schema.json");
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        let words = |name: &str| {
            let list = schema["$defs"][name]["enum"].as_array().expect("words");
            let words = list.iter().map(|word| word.as_str().expect("a word"));
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let all = words("limit");
        assert_eq!(all, LIMITS.map(WhyLimit::word));
        let of_build = Limit::ALL.iter().map(|limit| limit.word());
        let of_build = Vec::from_iter(of_build);
        assert_eq!(words("build_limit"), of_build);
        assert!(of_build.iter().all(|word| all.iter().any(|of| of == word)));
        let page = include_str!("../../../../docs/json.md");
        for word in all {
            assert!(page.contains(&format!("| `{word}` |")), "{word}");
        }
    }

    #[test]
    fn every_limit_is_read_as_it_is_written() {
        for limit in LIMITS {
            assert_eq!(WhyLimit::try_from(limit.word().to_owned()), Ok(limit));
        }
        assert!(WhyLimit::try_from("none".to_owned()).is_err());
    }
}

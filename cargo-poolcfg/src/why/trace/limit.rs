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

const LIMITS: [WhyLimit; 14] = [
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
    /// Its name, as in JSON.
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
        limit.name()
    }
}

impl TryFrom<String> for WhyLimit {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let found = LIMITS.into_iter().find(|limit| limit.name() == name);
        found.ok_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_read_as_it_is_written() {
        for limit in LIMITS {
            assert_eq!(WhyLimit::try_from(limit.name().to_owned()), Ok(limit));
        }
        assert!(WhyLimit::try_from("none".to_owned()).is_err());
    }
}

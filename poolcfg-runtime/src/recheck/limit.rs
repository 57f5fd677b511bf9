//! Limits: what of the process or of the machine is in the way at start, its words and its unit.

use std::fmt;

use poolcfg_core::{Limit, Raise};

/// The limit of the process or of the machine that is in the way.
///
/// ```
/// use poolcfg_runtime::{RecheckLimit, Unit};
/// let limit = RecheckLimit::MaxMapCount;
/// assert_eq!((limit.name(), limit.unit()), ("max_map_count", Unit::Maps));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecheckLimit {
    /// `ulimit -v`: all address space counts, accessible or not.
    RlimitAs,
    /// `ulimit -d`: what is writable counts, when it becomes so.
    RlimitData,
    /// `ulimit -l`, for a process that locks all that it maps (mlockall).
    RlimitMemlock,
    /// No hole is large enough.
    Hole,
    /// `vm.max_map_count`: every live slot splits its slab's mapping.
    MaxMapCount,
    /// `vm.overcommit_memory = 2`: what is writable is charged.
    CommitLimit,
    /// RAM and swap: one mapping that is charged when it is made is larger, as tables and stacks of
    /// Wasmtime up to 26 are.
    RamAndSwap,
    /// The system refuses for another reason, such as a seccomp filter.
    Refused,
}

impl RecheckLimit {
    /// Its name, as in the messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RlimitAs => "RLIMIT_AS",
            Self::RlimitData => "RLIMIT_DATA",
            Self::RlimitMemlock => "RLIMIT_MEMLOCK",
            Self::Hole => "hole",
            Self::MaxMapCount => "max_map_count",
            Self::CommitLimit => "commit limit",
            Self::RamAndSwap => "ram and swap",
            Self::Refused => "refused",
        }
    }

    /// The limit of a build that it is; `None` if no build counts on it.
    const fn planned(self) -> Option<Limit> {
        Some(match self {
            Self::RlimitAs => Limit::RlimitAs,
            Self::RlimitData => Limit::RlimitData,
            Self::Hole => Limit::Hole,
            Self::MaxMapCount => Limit::MaxMapCount,
            Self::CommitLimit => Limit::CommitLimit,
            Self::RamAndSwap => Limit::RamAndSwap,
            Self::RlimitMemlock | Self::Refused => return None,
        })
    }

    /// Its word in JSON: that of a build's limit, where it is one.
    #[doc(hidden)]
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self.planned() {
            Some(limit) => limit.word(),
            None if matches!(self, Self::RlimitMemlock) => "rlimit_memlock",
            None => "refused",
        }
    }

    /// How an operator raises it to so much; `None` if nothing raises it.
    #[doc(hidden)]
    #[must_use]
    pub const fn raise(self, need: u64) -> Option<Raise> {
        match self.planned() {
            Some(limit) => limit.raise(need),
            None if matches!(self, Self::RlimitMemlock) => Some(Raise::LockedMemory),
            None => None,
        }
    }

    /// Its unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::MaxMapCount => Unit::Maps,
            _ => Unit::Bytes,
        }
    }
}

impl fmt::Display for RecheckLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The unit of `need` and `have`.
///
/// ```
/// use poolcfg_runtime::{RecheckLimit, Unit};
/// assert_eq!(RecheckLimit::Hole.unit(), Unit::Bytes);
/// assert_eq!(Unit::Maps.to_string(), "maps");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes of address space or of memory.
    Bytes,
    /// Mappings of the process.
    Maps,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bytes => "bytes",
            Self::Maps => "maps",
        })
    }
}

//! Limits: what of the process or of the machine may be in the way of pools.

use super::sum::Bound;
use crate::base::raise::Raise;

/// Which limit of the process or of the machine is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// No hole is large enough.
    Hole,
    /// `vm.max_map_count`: more mappings.
    MaxMapCount,
    /// `RLIMIT_AS`: more address space, accessible or not.
    RlimitAs,
    /// `RLIMIT_DATA`: more writable memory.
    RlimitData,
    /// The commit limit of `vm.overcommit_memory = 2`: more writable memory.
    CommitLimit,
    /// RAM and swap: one mapping that is charged when it is made is larger.
    RamAndSwap,
}

crate::base::consts::words! {
    Limit {
        Hole = "hole",
        MaxMapCount = "max_map_count",
        RlimitAs = "rlimit_as",
        RlimitData = "rlimit_data",
        CommitLimit = "commit_limit",
        RamAndSwap = "ram_and_swap",
    }
}

impl Limit {
    /// Its name in a sentence.
    ///
    /// ```
    /// assert_eq!(poolcfg_core::Limit::MaxMapCount.describe(), "`vm.max_map_count`");
    /// ```
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Hole => "address space",
            Self::MaxMapCount => "`vm.max_map_count`",
            Self::RlimitAs => "`RLIMIT_AS`",
            Self::RlimitData => "`RLIMIT_DATA`",
            Self::CommitLimit => "the commit limit",
            Self::RamAndSwap => "RAM and swap",
        }
    }

    /// How an operator raises it to so much; `None` for holes.
    #[must_use]
    pub const fn raise(self, need: u64) -> Option<Raise> {
        Some(match self {
            Self::Hole => return None,
            Self::MaxMapCount => Raise::MaxMapCount(need),
            Self::RlimitAs => Raise::AddressSpace,
            Self::RlimitData => Raise::Data,
            Self::CommitLimit => Raise::CommitLimit,
            Self::RamAndSwap => Raise::RamAndSwap,
        })
    }

    /// Equality for const code.
    pub(crate) const fn is(self, other: Self) -> bool {
        self as u8 == other as u8
    }

    pub(crate) const fn of_bound(bound: Bound) -> Self {
        match bound {
            Bound::Maps => Self::MaxMapCount,
            Bound::AddressSpace => Self::RlimitAs,
            Bound::Writable => Self::RlimitData,
            Bound::Committed => Self::CommitLimit,
            Bound::Charged => Self::RamAndSwap,
        }
    }

    /// What of the sum it bounds; `None` for holes.
    pub(crate) const fn bound(self) -> Option<Bound> {
        match self {
            Self::Hole => None,
            Self::MaxMapCount => Some(Bound::Maps),
            Self::RlimitAs => Some(Bound::AddressSpace),
            Self::RlimitData => Some(Bound::Writable),
            Self::CommitLimit => Some(Bound::Committed),
            Self::RamAndSwap => Some(Bound::Charged),
        }
    }
}

//! Raising a limit: what an operator types into a shell, or writes into the unit of a service.

use core::fmt;

use super::size::Size;

/// A limit that an operator can raise; printed as what raises it.
///
/// ```
/// use poolcfg_core::{Raise, Size};
/// assert_eq!(Raise::AddressSpace.to_string(), "`ulimit -v unlimited` or `LimitAS=infinity`");
/// assert_eq!(Raise::Stack(Size::mib(8)).to_string(), "`ulimit -s 8192` or `LimitSTACK=8M`");
/// assert_eq!(Raise::MaxMapCount(262_144).to_string(), "`sysctl -w vm.max_map_count=262144`");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raise {
    /// `RLIMIT_AS`
    AddressSpace,
    /// `RLIMIT_DATA`
    Data,
    /// `RLIMIT_MEMLOCK`
    LockedMemory,
    /// `RLIMIT_STACK`, to this many bytes.
    Stack(Size),
    /// `vm.max_map_count`, to this many mappings.
    MaxMapCount(u64),
    /// The commit limit of `vm.overcommit_memory = 2`.
    CommitLimit,
    /// RAM and swap, as `vm.overcommit_memory = 0` holds each mapping against them.
    RamAndSwap,
}

impl fmt::Display for Raise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (option, setting) = match self {
            Self::AddressSpace => ("v", "AS"),
            Self::Data => ("d", "DATA"),
            Self::LockedMemory => ("l", "MEMLOCK"),
            Self::Stack(size) => {
                let (kib, mib) = (size.get().div_ceil(1 << 10), size.get().div_ceil(1 << 20));
                return write!(f, "`ulimit -s {kib}` or `LimitSTACK={mib}M`");
            }
            Self::MaxMapCount(maps) => return write!(f, "`sysctl -w vm.max_map_count={maps}`"),
            Self::CommitLimit => {
                return f.write_str("`sysctl -w vm.overcommit_ratio=100` or more swap");
            }
            Self::RamAndSwap => {
                return f.write_str("`sysctl -w vm.overcommit_memory=1` or more swap");
            }
        };
        write!(
            f,
            "`ulimit -{option} unlimited` or `Limit{setting}=infinity`"
        )
    }
}

//! Process limits: what bounds a process as a whole, beside the holes of its address space.

use crate::base::size::Size;
use crate::model::sum::Demand;

/// `vm.max_map_count` of every kernel that nobody has tuned.
/// Source: include/linux/mm.h, DEFAULT_MAX_MAP_COUNT.
pub const MAX_MAP_COUNT: u64 = 65_530;

/// The largest `vm.max_map_count`, an `int`. Source: `sysctl_max_map_count` of mm/util.c (6.12), mm/mmap.c (7.2).
pub(crate) const MOST_MAPS: u64 = 0x7fff_ffff;

/// The part of a small limit that the rest of the process is left where nobody says how much.
const HEADROOM_SHARE: u64 = 4;

/// What the rest of a process under a small limit is left at least where nobody says how much: `wasmtime serve` of 48
/// maps 248 MiB beside its pool on x86_64, with four threads.
pub const LEAST_HEADROOM: Size = Size::mib(256);

/// Address space that any process has: a small program with its C library maps 2.5 MiB.
pub const LEAST_ADDRESS_SPACE: Size = Size::mib(4);

/// Writable memory that any process has: heap, stack, and the data of its libraries.
pub const LEAST_DATA: Size = Size::mib(1);

/// The stack limit under which a small program still starts: measured, with 8 KiB the kernel ends it.
pub(crate) const LEAST_STACK: Size = Size::kib(12);

/// What the kernel maps beside the stack in any process: the vDSO and its data, in pages of at most 64 KiB.
pub(crate) const LEAST_BESIDE: Size = Size::kib(64);

/// The limits of a process and of the machine under it, as poolcfg.toml sets them or as measured. `None` if there is no limit.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{ProcessLimits, Size};
/// let service = ProcessLimits {
///     rlimit_as: Some(Size::gib(64)),
///     ..ProcessLimits::LINUX
/// };
/// assert_eq!(service.max_map_count, Some(65_530));
/// assert_eq!(service.tighter(ProcessLimits::NONE), service);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessLimits {
    /// `vm.max_map_count`: how many mappings the process may have.
    pub max_map_count: Option<u64>,
    /// `RLIMIT_AS` (`ulimit -v`, `LimitAS=`): all address space counts, accessible or not.
    pub rlimit_as: Option<Size>,
    /// `RLIMIT_DATA` (`ulimit -d`, `LimitDATA=`): private memory counts when it becomes writable.
    pub rlimit_data: Option<Size>,
    /// What of the commit limit of `vm.overcommit_memory = 2` is left to the process: private memory counts when
    /// it becomes writable.
    pub commit_limit: Option<Size>,
    /// RAM and swap: a single mapping that is charged when it is made may not be larger
    /// (`vm.overcommit_memory = 0`; mm/util.c, `__vm_enough_memory`).
    pub memory: Option<Size>,
}

impl ProcessLimits {
    /// Nothing is bounded.
    pub const NONE: Self = Self {
        max_map_count: None,
        rlimit_as: None,
        rlimit_data: None,
        commit_limit: None,
        memory: None,
    };

    /// The defaults of every Linux kernel.
    pub const LINUX: Self = Self {
        max_map_count: Some(MAX_MAP_COUNT),
        ..Self::NONE
    };

    /// The usual headroom in a process with these limits: of a small one a quarter is left to the rest of the process,
    /// and 256 MiB at least, since the headroom has to hold all that the process maps and writes itself.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{ProcessLimits, Size};
    /// let limits = ProcessLimits {
    ///     rlimit_as: Some(Size::gib(2)),
    ///     ..ProcessLimits::LINUX
    /// };
    /// assert_eq!(limits.headroom(Size::gib(1)), Size::mib(512));
    /// assert_eq!(ProcessLimits::NONE.headroom(Size::gib(1)), Size::gib(1));
    /// ```
    #[must_use]
    pub const fn headroom(&self, usual: Size) -> Size {
        let least = smaller(smaller(self.rlimit_as, self.rlimit_data), self.commit_limit);
        let Some(least) = least else {
            return usual;
        };
        let share = Size::bytes(least.get() / HEADROOM_SHARE).round_down(Size::mib(1));
        if share.get() > LEAST_HEADROOM.get() {
            usual.min(share)
        } else {
            usual.min(LEAST_HEADROOM)
        }
    }

    /// The most that the whole process may take of each limit; what is not bounded is 2^64 - 1.
    #[doc(hidden)]
    #[must_use]
    pub const fn most(&self) -> Demand {
        Demand {
            maps: match self.max_map_count {
                Some(maps) => maps,
                None => u64::MAX,
            },
            address_space: bytes(self.rlimit_as),
            writable: bytes(self.rlimit_data),
            committed: bytes(self.commit_limit),
            charged: bytes(self.memory),
        }
    }

    /// Of each limit the smaller one of both.
    #[must_use]
    pub const fn tighter(self, other: Self) -> Self {
        Self {
            max_map_count: match (self.max_map_count, other.max_map_count) {
                (Some(one), Some(two)) if two < one => Some(two),
                (Some(one), _) => Some(one),
                (None, two) => two,
            },
            rlimit_as: smaller(self.rlimit_as, other.rlimit_as),
            rlimit_data: smaller(self.rlimit_data, other.rlimit_data),
            commit_limit: smaller(self.commit_limit, other.commit_limit),
            memory: smaller(self.memory, other.memory),
        }
    }
}

const fn bytes(limit: Option<Size>) -> u64 {
    match limit {
        Some(size) => size.get(),
        None => u64::MAX,
    }
}

const fn smaller(one: Option<Size>, two: Option<Size>) -> Option<Size> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (Some(one), None) => Some(one),
        (None, two) => two,
    }
}

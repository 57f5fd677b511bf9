//! The sum: what the pools and the rest of a process take of each limit of the process, and which limit that exceeds.
//! The build and the start ask these functions, so that neither counts what the other does not.

/// How much there is of what a process is limited in: what pools take of it at worst, or the most that may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Mappings, as `vm.max_map_count` counts them.
    pub maps: u64,
    /// Bytes of address space, accessible or not, as `RLIMIT_AS` counts them.
    pub address_space: u64,
    /// Bytes of private writable memory, as `RLIMIT_DATA` counts them.
    pub writable: u64,
    /// Bytes that are charged against the commit limit of `vm.overcommit_memory = 2`.
    pub committed: u64,
    /// Bytes of the largest single mapping that is charged when it is made.
    pub charged: u64,
}

/// A limit of a process as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `RLIMIT_AS`
    AddressSpace,
    /// `RLIMIT_DATA`
    Writable,
    /// `vm.max_map_count`
    Maps,
    /// The commit limit of `vm.overcommit_memory = 2`.
    Committed,
    /// RAM and swap, of one mapping.
    Charged,
}

/// A limit that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit.
    pub bound: Bound,
    /// How much the whole process needs, in bytes or mappings.
    pub need: u64,
    /// The most that it may have.
    pub have: u64,
}

impl Demand {
    /// Nothing.
    pub const NONE: Self = Self::all(0);

    /// More than can be counted; as the most, no limit.
    pub const MAX: Self = Self::all(u64::MAX);

    const fn all(number: u64) -> Self {
        Self {
            maps: number,
            address_space: number,
            writable: number,
            committed: number,
            charged: number,
        }
    }

    /// Both together. A sum that cannot be counted is more than any limit.
    pub const fn and(self, other: Self) -> Self {
        Self {
            maps: self.maps.saturating_add(other.maps),
            address_space: self.address_space.saturating_add(other.address_space),
            writable: self.writable.saturating_add(other.writable),
            committed: self.committed.saturating_add(other.committed),
            // Each mapping is held to it by itself.
            charged: if self.charged > other.charged {
                self.charged
            } else {
                other.charged
            },
        }
    }

    /// How much it is of what one limit counts.
    pub const fn of(&self, bound: Bound) -> u64 {
        match bound {
            Bound::AddressSpace => self.address_space,
            Bound::Writable => self.writable,
            Bound::Maps => self.maps,
            Bound::Committed => self.committed,
            Bound::Charged => self.charged,
        }
    }

    /// The first limit of `most` that this exceeds, in the order in which the kernel asks for them (mm/mmap.c,
    /// `do_mmap` and `may_expand_vm`; mm/util.c, `__vm_enough_memory`); `None` if it stays within all of them.
    pub const fn exceeds(&self, most: &Self) -> Option<Exceeded> {
        let bounds = [
            Bound::AddressSpace,
            Bound::Writable,
            Bound::Maps,
            Bound::Committed,
            Bound::Charged,
        ];
        let mut i = 0;
        while i < bounds.len() {
            let (need, have) = (self.of(bounds[i]), most.of(bounds[i]));
            if need > have {
                return Some(Exceeded {
                    bound: bounds[i],
                    need,
                    have,
                });
            }
            i += 1;
        }
        None
    }
}

/// What a process writes beside the slots of one pool in order to use them all, at most: the pool's list of them and
/// the program's own, each with an older half while it doubles, and a heap that grows in steps of 128 KiB (`M_TOP_PAD`
/// of mallopt(3)). In bytes.
pub const fn bookkeeping(slots: u64) -> u64 {
    slots.saturating_mul(1 << 10).saturating_add(1 << 20)
}

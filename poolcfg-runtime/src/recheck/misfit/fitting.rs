//! The numbers with which a pool would start.

use poolcfg_core::{GRAIN, MappingName, Size};

/// Two numbers with which a pool would fit that does not with either of them alone.
///
/// ```
/// use poolcfg_runtime::{FittingPair, Misfit};
/// fn instances(misfit: &Misfit) -> Option<u32> {
///     let FittingPair { max_instances, paired, size, .. } = misfit.pair?;
///     eprintln!("{max_instances} instances, each with {paired:?} of {size}");
///     Some(max_instances)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FittingPair {
    /// So many instances.
    pub max_instances: u32,
    /// Which size is lowered with them.
    pub paired: PairedSize,
    /// To so much.
    pub size: Size,
}

/// What another pool may have where a pool has what is suggested of it.
///
/// ```
/// use poolcfg_runtime::{Misfit, OtherPoolFit};
/// fn report(misfit: &Misfit) {
///     for OtherPoolFit { pool, max_instances, .. } in &misfit.others {
///         eprintln!("{max_instances} of `{pool}`");
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherPoolFit {
    /// Its name.
    pub pool: &'static str,
    /// So many instances.
    pub max_instances: u32,
    /// Of such a size; `None` if that stays.
    pub memory_reservation: Option<Size>,
}

/// The size that is lowered together with the instances.
///
/// ```
/// use poolcfg_runtime::PairedSize;
/// /// Whether code that was compiled for the build's reservation still runs.
/// fn keeps_code(paired: PairedSize) -> bool {
///     paired == PairedSize::MaxMemorySize
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairedSize {
    /// `memory_reservation`
    MemoryReservation,
    /// `max_memory_size`
    MaxMemorySize,
}

impl PairedSize {
    /// The key of its variable.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::MemoryReservation => "MEMORY_RESERVATION",
            Self::MaxMemorySize => "MAX_MEMORY_SIZE",
        }
    }
}

/// A smaller table or stack with which a pool would fit, its instances and memories as asked.
///
/// ```
/// use poolcfg_runtime::{FittingPart, MappingName, Misfit};
/// fn table(misfit: &Misfit) -> Option<String> {
///     let FittingPart { part, size, .. } = misfit.part?;
///     (part == MappingName::Tables).then(|| format!("tables of {size} fit"))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FittingPart {
    /// Of which mapping: the tables, or the stacks.
    pub part: MappingName,
    /// What each of them has.
    pub size: Size,
}

impl FittingPart {
    /// The key of its variable.
    pub(super) const fn key(self) -> &'static str {
        match self.part {
            MappingName::Memories => PairedSize::MemoryReservation.key(),
            MappingName::Tables => "TABLE_RESERVATION",
            MappingName::Stacks => "STACK_RESERVATION",
        }
    }
}

/// A reservation that fits, in fewer digits: less by a thousandth at most.
pub(super) fn readable(size: Size) -> Size {
    let thousandth = (size.get() / 1024).max(1);
    let grain = Size::bytes(1 << thousandth.ilog2());
    if grain > GRAIN {
        size.round_down(grain)
    } else {
        size
    }
}

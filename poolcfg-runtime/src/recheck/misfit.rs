//! Misfits: why the process does not hold what a pool needs, and what the operator can do.

use std::fmt;
use std::io;

use poolcfg_core::{Code, GRAIN, Keep, LargestFit, Limits, MappingName, Shape, Size, Variable};

use crate::recheck::limit::{RecheckLimit, Unit};
use crate::recheck::other_layout::OtherLayout;
use crate::variables::{VariableError, variable};

/// Why a recheck fails.
///
/// ```
/// use poolcfg_runtime::{PoolLimits, RecheckError};
/// /// With how many instances the pool would start.
/// fn instances(limits: &PoolLimits) -> Result<u32, RecheckError> {
///     match limits.recheck() {
///         Ok(reserved) => Ok(reserved.instances()),
///         Err(RecheckError::Misfit(misfit)) => Ok(misfit.largest_fit.max_instances.unwrap_or(0)),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[non_exhaustive]
pub enum RecheckError {
    /// An environment variable has an invalid value.
    Variable(VariableError),
    /// The pool does not fit the process.
    Misfit(Box<Misfit>),
}

impl RecheckError {
    /// The code of it, whose text `cargo poolcfg --explain` prints.
    ///
    /// ```
    /// use poolcfg_runtime::{Code, PoolLimits, RecheckError};
    /// fn code(limits: &PoolLimits) -> Option<Code> {
    ///     limits.recheck().err().as_ref().map(RecheckError::code)
    /// }
    /// ```
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Variable(error) => error.code(),
            Self::Misfit(misfit) => misfit.code(),
        }
    }

    pub(crate) fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(error) => error.message(f),
            Self::Misfit(misfit) => misfit.message(f),
        }
    }
}

impl From<VariableError> for RecheckError {
    fn from(error: VariableError) -> Self {
        Self::Variable(error)
    }
}

impl From<Misfit> for RecheckError {
    fn from(misfit: Misfit) -> Self {
        Self::Misfit(Box::new(misfit))
    }
}

/// Why a pool does not fit this process: what is needed, what there is, and what would fit.
///
/// ```
/// use poolcfg_runtime::{Misfit, RecheckLimit};
/// fn report(misfit: &Misfit) {
///     eprintln!("{misfit}"); // "pool needs ...: start with `POOLCFG_MAX_INSTANCES=15`, or ..."
///     if misfit.limit == RecheckLimit::RlimitAs {
///         eprintln!("ulimit -v is {} {} short", misfit.need.saturating_sub(misfit.have), misfit.unit);
///     }
/// }
/// ```
#[non_exhaustive]
pub struct Misfit {
    /// The pool's name; empty if the file names none.
    pub pool: &'static str,
    /// The least that had to fit.
    pub limits: Limits,
    /// The fewest instances that are of use.
    pub min_instances: u32,
    /// Which number stays when the pool shrinks.
    pub keep: Keep,
    /// The limit in the way.
    pub limit: RecheckLimit,
    /// What is needed. For the limits of the process, with what it has already.
    pub need: u64,
    /// What there is of it, or is allowed.
    pub have: u64,
    /// The unit of both.
    pub unit: Unit,
    /// The mapping that was not made; `None` if none was tried.
    pub mapping: Option<MappingName>,
    /// Bytes of one memory with its guard, where the memories may lie in pieces; `None` if what was not
    /// made has to lie in one.
    pub slot: Option<Size>,
    /// The holes that were found then, the largest first, and those after the first where they hold a
    /// slot; none where another limit is in the way.
    pub holes: Vec<Size>,
    /// What would fit: most instances at the reservation asked for, and largest reservation at the
    /// instances asked for. Where holes decide, it leaves what ASLR may take of them in another process.
    pub largest_fit: LargestFit,
    /// Two numbers that would fit together, where neither of [`largest_fit`](Self::largest_fit) does.
    pub pair: Option<FittingPair>,
    /// The guard that the build chose, where the variable `GUARD_SIZE` has raised it and the pool would fit with that.
    pub built_guard: Option<Size>,
    /// The VA profile that the build counts on.
    pub va_profile: &'static str,
    /// The process shape that the build counts on.
    pub shape: Shape,
    /// Why the holes of this process are smaller than those that the build counts on, if its layout is another one.
    pub layout: Option<OtherLayout>,
    /// Address space that other pools of the process hold.
    pub held: Size,
    /// What of it belongs to pools that are not in this pool's poolcfg.toml.
    pub held_by_others: Size,
    /// How many pools of this name the process has already.
    pub alive: u32,
    /// Address space that the build leaves to the rest of the process.
    pub headroom: Size,
    /// What the system said.
    pub source: Option<io::Error>,
}

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
    const fn key(self) -> &'static str {
        match self {
            Self::MemoryReservation => "MEMORY_RESERVATION",
            Self::MaxMemorySize => "MAX_MEMORY_SIZE",
        }
    }
}

impl Misfit {
    /// The code of it, whose text `cargo poolcfg --explain` prints.
    ///
    /// ```
    /// use poolcfg_runtime::{Code, Misfit};
    /// fn is_of_process(misfit: &Misfit) -> bool {
    ///     misfit.code() == Code::ProcessMisfit // PC0055
    /// }
    /// ```
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::ProcessMisfit
    }

    pub(crate) fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pool ")?;
        if !self.pool.is_empty() {
            write!(f, "`{}` ", self.pool)?;
        }
        match self.unit {
            Unit::Bytes => write!(f, "needs `{}`", Size::bytes(self.need).needed())?,
            Unit::Maps => write!(f, "needs `{}`", self.need)?,
        }
        let have = Size::bytes(self.have).available();
        match self.limit {
            RecheckLimit::RlimitAs => write!(
                f,
                " of address space, including what the process already has, but `RLIMIT_AS` allows `{have}`: "
            )?,
            RecheckLimit::RlimitData => write!(
                f,
                " of writable memory when every slot is in use, including what the process \
                 already has, but `RLIMIT_DATA` allows `{have}`: "
            )?,
            RecheckLimit::RlimitMemlock => write!(
                f,
                " of locked memory, since the process locks all that it maps (mlockall), but \
                 `RLIMIT_MEMLOCK` allows `{have}`: "
            )?,
            RecheckLimit::Hole => self.fmt_hole(f)?,
            RecheckLimit::MaxMapCount => write!(
                f,
                " maps when every slot is in use, including those of the rest of the process, but \
                 `max_map_count` allows `{}`: ",
                self.have
            )?,
            RecheckLimit::CommitLimit => write!(
                f,
                " of committed memory when every slot is in use, but the `commit limit` of \
                 `vm.overcommit_memory = 2` leaves `{have}`: "
            )?,
            RecheckLimit::RamAndSwap => write!(
                f,
                " at once for its tables or its stacks, but `ram and swap` have `{have}`: "
            )?,
            RecheckLimit::Refused => {
                f.write_str(" in one piece, but the system `refused` it")?;
                if let Some(source) = &self.source {
                    write!(f, " with `{source}`")?;
                }
                f.write_str(": ")?;
            }
        }
        self.fmt_fit(f)?;
        match (self.limit, self.limit.raise(self.need)) {
            (RecheckLimit::Hole, _) => self.fmt_hole_help(f),
            (RecheckLimit::RamAndSwap, Some(raise)) => {
                write!(
                    f,
                    "raise the limit with {raise}, or use Wasmtime 27 or later"
                )
            }
            (_, Some(raise)) => write!(f, "raise the limit with {raise}"),
            (_, None) => f.write_str(
                "let the seccomp filter, security module or sandbox of the process allow `mmap`",
            ),
        }?;
        match &self.limits.wasmtime {
            Some(wasmtime) => write!(f, "; each instance has {}", wasmtime.counts()),
            None => Ok(()),
        }
    }
}

impl Misfit {
    fn fmt_hole(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.slot, self.mapping) {
            (Some(slot), _) => {
                write!(
                    f,
                    " in slots of `{}`, but the largest `hole`",
                    slot.needed()
                )?;
            }
            (None, Some(MappingName::Tables)) => {
                f.write_str(" in one piece for its tables, but the largest `hole` left")?;
            }
            (None, Some(MappingName::Stacks)) => {
                f.write_str(" in one piece for its stacks, but the largest `hole` left")?;
            }
            (None, _) => f.write_str(" in one piece, but the largest `hole`")?,
        }
        let mut holes = self.holes.iter();
        let largest = holes.next().copied().unwrap_or(Size::ZERO);
        write!(f, " has `{}`", largest.available())?;
        for hole in holes {
            write!(f, ", the next one `{}`", hole.available())?;
        }
        if !self.held.is_zero() {
            let held = self.held.available();
            write!(f, " beside `{held}` of other pools")?;
        }
        if let Some(layout) = self.layout {
            layout.fmt_place(f)?;
        }
        write!(
            f,
            "; the build counts on `{}` ({}): ",
            self.va_profile,
            self.shape.describe()
        )
    }

    /// What can be done where no hole is large enough.
    fn fmt_hole_help(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(layout) = self.layout {
            return layout.fmt_help(f);
        }
        if let Some(guard) = self.built_guard {
            let name = variable(self.pool, "GUARD_SIZE");
            return write!(f, "lower `{name}` to `{}`, or unset it", guard.exact());
        }
        if self.alive >= self.limits.pools {
            let (alive, more) = (self.alive, self.alive.saturating_add(1));
            let pools = if alive == 1 { "pool" } else { "pools" };
            return write!(
                f,
                "set `pools = {more}` in poolcfg.toml: the process already has {alive} {pools} of this name; if they come from \
                 other files, put all pools of the process into one poolcfg.toml, so that they are fitted together"
            );
        }
        if !self.held_by_others.is_zero() {
            return f.write_str(
                "put all pools of the process into one poolcfg.toml, so that they are fitted together",
            );
        }
        if !self.held.is_zero() {
            return write!(
                f,
                "start the pools before the process maps more than its headroom of `{}`, or raise `headroom` in \
                 poolcfg.toml",
                self.headroom.exact()
            );
        }
        f.write_str("build for the VA profile of this machine: `cargo poolcfg probe` prints it")
    }

    /// The variables that make the pool start, and an "or" for what else can be done.
    fn fmt_fit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LargestFit {
            max_instances,
            memory_reservation,
        } = self.largest_fit;
        let reservation = memory_reservation
            .filter(|_| self.keep == Keep::MaxInstances || max_instances.is_none());
        match (reservation, max_instances) {
            (Some(size), _) => {
                let name = variable(self.pool, "MEMORY_RESERVATION");
                write!(f, "start with `{name}={}`, or ", readable(size).exact())
            }
            (None, Some(instances)) => {
                f.write_str("start with ")?;
                self.fmt_instances(f, instances)?;
                f.write_str(", or ")
            }
            (None, None) => self.pair.map_or(Ok(()), |pair| {
                let name = variable(self.pool, pair.paired.key());
                let size = readable(pair.size).exact();
                write!(f, "start with `{name}={size}` and ")?;
                self.fmt_instances(f, pair.max_instances)?;
                f.write_str(", or ")
            }),
        }
    }

    /// The variables of so many instances.
    fn fmt_instances(&self, f: &mut fmt::Formatter<'_>, instances: u32) -> fmt::Result {
        let name = variable(self.pool, Variable::MAX_INSTANCES);
        write!(f, "`{name}={instances}`")?;
        if instances < self.min_instances {
            let name = variable(self.pool, Variable::MIN_INSTANCES);
            write!(f, " and `{name}={instances}`")?;
        }
        Ok(())
    }
}

/// A reservation that fits, in fewer digits: less by a thousandth at most.
fn readable(size: Size) -> Size {
    let thousandth = (size.get() / 1024).max(1);
    let grain = Size::bytes(1 << thousandth.ilog2());
    if grain > GRAIN {
        size.round_down(grain)
    } else {
        size
    }
}

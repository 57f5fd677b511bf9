//! Misfits: why the process does not hold what a pool needs, and what the operator can do.

mod fitting;

use std::fmt;
use std::io;

use poolcfg_core::{Code, Keep, LargestFit, Limits, MappingName, Shape, Size, Variable};

use crate::recheck::limit::{RecheckLimit, Unit};
use crate::recheck::other_layout::OtherLayout;
use crate::variables::{VariableError, variable};

use fitting::readable;
pub use fitting::{FittingPair, FittingPart, OtherPoolFit, PairedSize};

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
    /// A smaller table or stack with which the pool would fit, where none of these numbers does.
    pub part: Option<FittingPart>,
    /// How far other pools of the same poolcfg.toml have to be lowered with this one, where what is guaranteed to all of them
    /// does not fit.
    pub others: Vec<OtherPoolFit>,
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

    /// The reservation that is suggested, where it is not the instances.
    pub(super) fn suggested_reservation(&self) -> Option<Size> {
        let LargestFit {
            max_instances,
            memory_reservation,
        } = self.largest_fit;
        memory_reservation.filter(|_| self.keep == Keep::MaxInstances || max_instances.is_none())
    }

    /// The variables that make every pool of the file start, and an "or" for what else can be done.
    fn fmt_fit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = match (self.suggested_reservation(), self.largest_fit.max_instances) {
            (Some(size), _) => vec![self.sized("MEMORY_RESERVATION", size)],
            (None, Some(instances)) => self.instances(instances),
            (None, None) => {
                let part = self.part.map(|part| self.sized(part.key(), part.size));
                let pair = self.pair.into_iter().flat_map(|pair| {
                    let size = self.sized(pair.paired.key(), pair.size);
                    [size].into_iter().chain(self.instances(pair.max_instances))
                });
                part.into_iter().chain(pair).collect()
            }
        };
        for other in &self.others {
            // How many of them are of use is not known here.
            for key in [Variable::MAX_INSTANCES, Variable::MIN_INSTANCES] {
                let name = variable(other.pool, key);
                said.push(format!("`{name}={}`", other.max_instances));
            }
            if let Some(size) = other.memory_reservation {
                let name = variable(other.pool, "MEMORY_RESERVATION");
                said.push(format!("`{name}={}`", readable(size).exact()));
            }
        }
        match said.split_last() {
            None => Ok(()),
            Some((last, [])) => write!(f, "start with {last}, or "),
            Some((last, others)) => write!(f, "start with {} and {last}, or ", others.join(", ")),
        }
    }

    /// The variable of a size.
    fn sized(&self, key: &str, size: Size) -> String {
        let name = variable(self.pool, key);
        format!("`{name}={}`", readable(size).exact())
    }

    /// The variables of so many instances.
    fn instances(&self, instances: u32) -> Vec<String> {
        let is_below = instances < self.min_instances;
        let min = is_below.then_some(Variable::MIN_INSTANCES);
        let keys = [Variable::MAX_INSTANCES].into_iter().chain(min);
        keys.map(|key| format!("`{}={instances}`", variable(self.pool, key)))
            .collect()
    }
}

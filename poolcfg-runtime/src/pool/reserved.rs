//! What a recheck has reserved, and what about it deserves a warning.

use std::fmt;

use poolcfg_core::{
    Advisory, AdvisoryCondition, Code, Limits, MappingName, Promise, Size, WasmtimeVersion, escaped,
};

use crate::machine::cgroup;
use crate::machine::live_pools::{Holding, LivePoolEntry, Took};
use crate::machine::swap::swap;
use crate::machine::{Machine, ThisMachine};
use crate::recheck::Taken;
use crate::recheck::process_bounds::{maps_at_worst, writable_at_worst};
use crate::recheck::slabs::Slabs;
use crate::sys::wide;
use crate::sys::{OwnedMapping, RegionLayout};
use crate::variables;

/// The mappings of one pool, reserved and inaccessible. Dropping it gives them back; `Pool::new` puts
/// slots into them.
///
/// ```
/// use poolcfg_runtime::Reserved;
///
/// fn report(reserved: &Reserved) {
///     let (instances, pieces) = (reserved.instances(), reserved.pieces());
///     println!("{instances} slots in {pieces} pieces, {}", reserved.reserved_bytes());
///     println!("{} each", reserved.limits().memory_reservation);
///     for warning in reserved.warnings() {
///         eprintln!("warning: {warning}");
///     }
/// }
/// ```
pub struct Reserved {
    pub(crate) slabs: Slabs<OwnedMapping>,
    pub(crate) limits: Limits,
    pub(crate) page_size: Size,
    promise: Promise<'static>,
    /// After the mappings: what they hold is struck out when they are gone.
    pub(crate) entry: LivePoolEntry,
}

impl Reserved {
    pub(crate) fn new(promise: Promise<'static>, taken: Taken<OwnedMapping>) -> Self {
        let Taken {
            limits,
            is_all,
            page_size,
            slabs,
        } = taken;
        let ranges = slabs.iter().map(|mapping| {
            let start = wide(mapping.address());
            start..start.saturating_add(wide(mapping.len()))
        });
        let entry = LivePoolEntry::new(Holding {
            name: Some(promise.name),
            ranges: ranges.collect(),
            took: Some(Took { limits, is_all }),
            unmapped: None,
            maps_at_worst: maps_at_worst(&limits, page_size, slabs.memories.len()),
            writable_at_worst: writable_at_worst(&limits, page_size),
        });
        Self {
            slabs,
            limits,
            page_size,
            promise,
            entry,
        }
    }

    /// How many slots the pool has.
    ///
    /// ```
    /// use poolcfg_runtime::Reserved;
    /// fn has_all(reserved: &Reserved, asked: u32) -> bool {
    ///     reserved.instances() >= asked
    /// }
    /// ```
    #[must_use]
    pub fn instances(&self) -> u32 {
        self.limits.max_instances
    }

    /// What was taken: at least what was guaranteed (the minimum, with `or_shrink`), at most what was asked for.
    ///
    /// ```
    /// use poolcfg_runtime::{Reserved, Size};
    /// fn slot(reserved: &Reserved) -> Size {
    ///     reserved.limits().memory_reservation
    /// }
    /// ```
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Bytes of address space that are reserved.
    ///
    /// ```
    /// use poolcfg_runtime::Reserved;
    /// fn report(reserved: &Reserved) {
    ///     println!("{} of address space", reserved.reserved_bytes());
    /// }
    /// ```
    #[must_use]
    pub fn reserved_bytes(&self) -> Size {
        let bytes = self.slabs.iter().map(|mapping| wide(mapping.len())).sum();
        Size::bytes(bytes)
    }

    /// In how many pieces the memories lie: one where a hole holds all of them, none in a pool without memories.
    ///
    /// ```
    /// use poolcfg_runtime::Reserved;
    /// fn is_in_one_piece(reserved: &Reserved) -> bool {
    ///     reserved.pieces() == 1
    /// }
    /// ```
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.slabs.memories.len()
    }

    /// What an operator should know although the pool starts. Each call works it out anew.
    ///
    /// ```
    /// use poolcfg_runtime::Reserved;
    /// fn report(reserved: &Reserved) {
    ///     for warning in reserved.warnings() {
    ///         eprintln!("warning: {warning}");
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        warnings(&ThisMachine, &self.promise, &self.limits, self.page_size)
    }

    /// How the mappings of this name are cut into regions, of which `open` bytes are ever opened.
    pub(crate) fn cut(&self, name: MappingName, open: Size) -> RegionLayout {
        let layout = self.limits.slot_layout(name, self.page_size);
        // What is reserved could be counted.
        let [before, guard, stride] = layout.map_or([0; 3], |of| [of.before, of.guard, of.stride]);
        RegionLayout {
            before: Size::bytes(before),
            guard: Size::bytes(guard),
            stride: Size::bytes(stride),
            max: open.round_up(self.page_size).unwrap_or(Size::ZERO),
        }
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved")
            .field("pool", &self.promise.name)
            .field("instances", &self.instances())
            .field("memory_reservation", &self.limits.memory_reservation)
            .field("reserved_bytes", &self.reserved_bytes())
            .field("pieces", &self.pieces())
            .finish_non_exhaustive()
    }
}

/// What should be known of limits that were found to be there.
pub(crate) fn warnings<M: Machine>(
    machine: &M,
    promise: &Promise<'static>,
    limits: &Limits,
    page_size: Size,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if page_size != promise.page_size {
        warnings.push(Warning::PageSize {
            planned: promise.page_size,
            real: page_size,
        });
    }
    let touched = writable_at_worst(limits, page_size);
    let limit = cgroup::memory_limit(machine);
    if let Some(limit) = limit.filter(|limit| *limit < touched) {
        warnings.push(Warning::MemoryCgroup {
            limit,
            touched,
            pool: promise.name,
        });
    }
    let stray = variables::stray(promise.name, &machine.variables());
    warnings.extend(stray.into_iter().map(|variable| Warning::StrayVariable {
        variable,
        pool: promise.name,
    }));
    warnings.extend(swapped_pages(machine, promise, limits));
    warnings
}

/// Whether a later instance may read what an earlier one left in swap.
fn swapped_pages<M: Machine>(
    machine: &M,
    promise: &Promise<'static>,
    limits: &Limits,
) -> Option<Warning> {
    let advisory = limits
        .advisories()
        .find(|advisory| advisory.condition == AdvisoryCondition::PagemapScan)?;
    Some(Warning::SwappedPages {
        swap: swap(machine)?,
        version: limits.wasmtime?.version,
        advisory,
        pool: promise.name,
    })
}

/// What an operator should know although the pool starts.
///
/// ```
/// use poolcfg_runtime::{Reserved, Warning};
/// fn report(reserved: &Reserved) {
///     for warning in reserved.warnings() {
///         match warning {
///             Warning::StrayVariable { variable, .. } => eprintln!("nobody reads {variable}"),
///             other => eprintln!("warning: {other}"),
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The pages are not of the size that the build planned with; sizes were rounded again.
    PageSize {
        /// What the build planned with.
        planned: Size,
        /// What the machine has.
        real: Size,
    },
    /// The memory cgroup holds less than what the slots may touch. It refuses nothing: the process is
    /// killed when too much is touched.
    MemoryCgroup {
        /// What the cgroup, or one above it, allows.
        limit: Size,
        /// What is touched when every slot is used as far as it goes.
        touched: Size,
        /// The pool; empty if it has no name.
        pool: &'static str,
    },
    /// An environment variable that looks like one of poolcfg's but that no known pool reads.
    StrayVariable {
        /// The variable.
        variable: String,
        /// The pool that was asked for; empty if it has no name.
        pool: &'static str,
    },
    /// Pages may be swapped out, and with `pagemap_scan` this version of Wasmtime does not clear those: the
    /// next instance in the slot reads what the one before left.
    SwappedPages {
        /// How much swap the process may use.
        swap: Size,
        /// The version.
        version: WasmtimeVersion,
        /// What is known of it.
        advisory: Advisory,
        /// The pool; empty if it has no name.
        pool: &'static str,
    },
}

impl Warning {
    /// The code of it, whose text `cargo poolcfg --explain` prints.
    ///
    /// ```
    /// use poolcfg_runtime::{Size, Warning};
    /// let warning = Warning::PageSize { planned: Size::kib(4), real: Size::kib(16) };
    /// assert_eq!(warning.code().as_str(), "PC0045");
    /// ```
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::PageSize { .. } => Code::NoProfileMatches,
            Self::MemoryCgroup { .. } => Code::ProcessMisfit,
            Self::StrayVariable { .. } => Code::Variable,
            Self::SwappedPages { advisory, .. } => advisory.code,
        }
    }

    pub(crate) fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PageSize { planned, real } => write!(
                f,
                "pages are `{real}` large, but the build planned with `{planned}`, so sizes were rounded \
                 again: set `va_profile` to that of this machine"
            ),
            Self::MemoryCgroup {
                limit,
                touched,
                pool,
            } => write!(
                f,
                "the memory cgroup allows `{}`, but the slots may touch `{}`, and the kernel would kill \
                 the process: raise the limit, or lower `{}`",
                limit.available(),
                touched.needed(),
                variables::variable(pool, "MAX_MEMORY_SIZE")
            ),
            Self::StrayVariable { variable, pool } => write!(
                f,
                "unknown environment variable `{}`: the variables of this pool begin with `{}`, \
                 such as `{}`",
                escaped(variable),
                variables::variable(pool, ""),
                variables::variable(pool, "MAX_INSTANCES")
            ),
            Self::SwappedPages {
                swap,
                version,
                advisory,
                pool,
            } => {
                if !pool.is_empty() {
                    write!(f, "pool `{pool}`: ")?;
                }
                write!(
                    f,
                    "the process may use `{}` of swap, but with `pagemap_scan = true` Wasmtime {version} {}: \
                     build without it or with {} or later, or start with `MemorySwapMax=0`",
                    swap.available(),
                    advisory.effect,
                    advisory.fixed_in
                )
            }
        }
    }
}

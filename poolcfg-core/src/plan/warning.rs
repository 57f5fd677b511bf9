//! Warnings: what does not stand in the way of a pool and should be known.

use core::fmt;

use crate::base::code::Code;
use crate::base::size::Size;
use crate::engine::footprint::Footprint;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{Advisory, AdvisoryCondition, WasmtimeVersion, is_interpreted};
use crate::model::limit::Limit;
use crate::plan::Plan;
use crate::resolved::ResolvedProcess;
use crate::target::process::{LEAST_ADDRESS_SPACE, LEAST_DATA, LEAST_HEADROOM};

/// Something about a pool that should be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanWarning<'a> {
    /// Slots below 4 GiB, for which Wasmtime's code checks every access.
    BoundsChecks {
        /// The pool.
        pool: &'a str,
        /// What one memory has.
        memory_reservation: Size,
        /// The guard behind it, where this version counts it.
        guard_size: Option<Size>,
        /// Whether slots without checks fit, be it fewer.
        is_avoidable: bool,
    },
    /// A version of Wasmtime that is newer than all that are known.
    NewerVersion {
        /// The pool.
        pool: &'a str,
        /// The version.
        version: WasmtimeVersion,
    },
    /// Tables and stacks that are charged when they are mapped, which no address space tells.
    Charged {
        /// The pool.
        pool: &'a str,
        /// The version.
        version: WasmtimeVersion,
        /// The larger one of the two mappings.
        bytes: Size,
    },
    /// Settings that show an instance what another one wrote, in a version that still does.
    Leaks {
        /// The pool.
        pool: &'a str,
        /// The version.
        version: WasmtimeVersion,
        /// What is known of it.
        advisory: Advisory,
    },
    /// A headroom that is said, and that is less than such a process usually has under a limit that counts all of it.
    SmallHeadroom {
        /// The headroom.
        headroom: Size,
        /// The limit that counts it.
        limit: Limit,
        /// Less than this no process of this kind is known to live with.
        least: Size,
    },
}

impl Plan {
    /// What should be known of the pools of a case.
    pub fn warnings<'a>(
        &self,
        case: &ResolvedProcess<'a>,
    ) -> impl Iterator<Item = PlanWarning<'a>> {
        let case = *case;
        let pools = self.guaranteed.into_iter().take(self.count).enumerate();
        let of_pools = pools
            .flat_map(move |(index, limits)| of_pool(&case, index, &limits).into_iter().flatten());
        of_pools.chain(small_headroom(&case))
    }
}

/// A limit under which the process may not live with the headroom that is said.
fn small_headroom<'a>(case: &ResolvedProcess<'a>) -> Option<PlanWarning<'a>> {
    let (headroom, limits) = (case.budget.headroom, &case.budget.limits);
    let has_wasmtime = case
        .pools()
        .iter()
        .any(|pool| pool.asked.wasmtime.is_some());
    let bounds = [
        (limits.rlimit_as, Limit::RlimitAs, LEAST_ADDRESS_SPACE),
        (limits.rlimit_data, Limit::RlimitData, LEAST_DATA),
    ];
    let mut found = bounds.into_iter().filter_map(|(limit, name, least)| {
        let least = if has_wasmtime { LEAST_HEADROOM } else { least };
        let is_small = limit.is_some() && case.says_headroom() && headroom < least;
        is_small.then_some(PlanWarning::SmallHeadroom {
            headroom,
            limit: name,
            least,
        })
    });
    found.next()
}

fn of_pool<'a>(
    case: &ResolvedProcess<'a>,
    index: usize,
    limits: &Limits,
) -> [Option<PlanWarning<'a>>; 4] {
    let pool = case.pools()[index].name;
    let Some(wasmtime) = &limits.wasmtime else {
        return [None; 4];
    };
    // A target whose code is interpreted has checks in any case, and so has one of 32 bits.
    let compiles = case.target.pointer_width >= 64 && !is_interpreted(case.target);
    let checks =
        (compiles && !wasmtime.elides_bounds_checks(limits)).then_some(PlanWarning::BoundsChecks {
            pool,
            memory_reservation: limits.memory_reservation,
            guard_size: wasmtime.counts_guard().then_some(limits.guard_size),
            is_avoidable: case.fits_unchecked(index),
        });
    let version = wasmtime.version;
    let newer = (version.major > WasmtimeVersion::NEWEST)
        .then_some(PlanWarning::NewerVersion { pool, version });
    let charged = limits
        .footprint(case.budget.page_size)
        .ok()
        .filter(|_| wasmtime.charges_writable() && case.budget.limits.memory.is_none())
        .map(|Footprint { mappings, .. }| PlanWarning::Charged {
            pool,
            version,
            bytes: mappings[1].bytes.max(mappings[2].bytes),
        })
        .filter(
            |charged| !matches!(charged, PlanWarning::Charged { bytes, .. } if bytes.is_zero()),
        );
    // A leak without guard is refused before there are limits.
    let leaks = limits
        .advisories()
        .next()
        .map(|advisory| PlanWarning::Leaks {
            pool,
            version,
            advisory,
        });
    [checks, newer, charged, leaks]
}

impl<'a> PlanWarning<'a> {
    /// The pool that it is about; empty if it has no name, or all are meant.
    #[must_use]
    pub const fn pool(&self) -> &'a str {
        match self {
            Self::BoundsChecks { pool, .. }
            | Self::NewerVersion { pool, .. }
            | Self::Charged { pool, .. }
            | Self::Leaks { pool, .. } => pool,
            Self::SmallHeadroom { .. } => "",
        }
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::BoundsChecks { .. } => Code::BoundsChecks,
            Self::NewerVersion { .. } => Code::BadVersion,
            Self::Charged { .. } => Code::TooMuchMemory,
            Self::Leaks { advisory, .. } => advisory.code,
            Self::SmallHeadroom { .. } => Code::NoRoom,
        }
    }
}

impl fmt::Display for PlanWarning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = self.pool();
        if !pool.is_empty() {
            write!(f, "pool `{pool}`: ")?;
        }
        match self {
            Self::BoundsChecks {
                memory_reservation,
                guard_size,
                is_avoidable,
                ..
            } => {
                write!(f, "slots of {}", memory_reservation.exactly())?;
                if let Some(guard) = guard_size {
                    write!(f, " and a guard of {}", guard.exactly())?;
                }
                f.write_str(
                    " are below 4 GiB, so Wasmtime's code checks the bounds of every access, and code that is bound \
                     by memory takes more than twice as long: ",
                )?;
                f.write_str(if *is_avoidable {
                    "set `memory_reservation = \"4GiB\"` and use fewer instances if that matters"
                } else {
                    "slots of 4 GiB do not fit this target"
                })
            }
            Self::NewerVersion { version, .. } => write!(
                f,
                "Wasmtime {version} is newer than {}, the newest known version, and is assumed to map the same",
                WasmtimeVersion::NEWEST
            ),
            Self::Charged { version, bytes, .. } => write!(
                f,
                "Wasmtime {version} maps tables and stacks without MAP_NORESERVE, so the larger mapping of \
                 {} must be smaller than the machine's RAM and swap; Wasmtime 27 and later do not need that",
                bytes.needed()
            ),
            Self::SmallHeadroom {
                headroom,
                limit,
                least,
            } => write!(
                f,
                "{} leaves {} to the process without its pools, less than the {} that {}, so it may not start: omit \
                 `headroom`, or set it to the `VmSize` in /proc/PID/status without the pools",
                limit.describe(),
                headroom.exactly(),
                least.exactly(),
                if *least == LEAST_HEADROOM {
                    "`wasmtime serve` uses"
                } else {
                    "any process needs"
                }
            ),
            Self::Leaks {
                version, advisory, ..
            } => write!(
                f,
                "with `{}` Wasmtime {version} {}: use {} or later, or remove it ({})",
                match advisory.condition {
                    AdvisoryCondition::NoGuard => "guard_size = 0",
                    AdvisoryCondition::PagemapScan => "pagemap_scan = true",
                },
                advisory.effect,
                advisory.fixed_in,
                advisory.source
            ),
        }
    }
}

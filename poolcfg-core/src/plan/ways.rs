//! Ways: what fits where a pool gets less than is asked of it: fewer instances, smaller slots, or no pool.
//!
//! The rule for reservations: the largest power of two at which all instances that are asked fit. It is 64 MiB at least,
//! which holds what programs begin with (the largest of 99 real files wants 34 MiB), or a quarter of what is asked if that
//! is less. Where not all fit at that, it stays, and as many instances as fit are told; where not even the fewest do that
//! are of use, it goes on down to 1 MiB. What the largest memory of a pool has at the beginning, where that is known, is
//! the least of all of them, be it no power of two.

use crate::base::bisection::Bisection;
use crate::base::consts::wide;
use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{ELIDED, Wasmtime};
use crate::model::fit::MAX_POOLS;
use crate::model::limit::Limit;
use crate::plan::Plan;
use crate::plan::reason::refused;
use crate::plan::search::{fits, narrow};
use crate::resolved::ResolvedProcess;

/// The smallest reservation at which fewer instances are not preferred.
const USUAL: Size = Size::mib(64);

/// The smallest reservation that is told.
const LEAST: Size = Size::mib(1);

/// The guard of slots whose code checks every access. One comparison then does for all offsets up to the guard
/// (crates/cranelift/src/bounds_checks.rs:423, v48), and up to 26 the guard may not be below that of a dynamic memory;
/// without any, versions up to 43 leak.
const CHECKED_GUARD: Size = Size::kib(64);

/// How a pool is made to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Fewer instances, in slots as asked.
    Fewer,
    /// Smaller slots, for as many instances as are asked if they fit.
    Smaller,
    /// No pool: each memory of Wasmtime's makes a reservation on demand.
    NoPool,
}

crate::base::consts::words! {
    Fit {
        Fewer = "fewer",
        Smaller = "smaller",
        NoPool = "no-pool",
    }
}

/// One way to make a pool fit, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Which way.
    pub fit: Fit,
    /// How many instances fit, of each pool of this shape.
    pub instances: u32,
    /// How many are asked.
    pub asked: u32,
    /// What each has: the limits of the pool, or without one, those of as many pools of one instance each, which map what
    /// is reserved on demand.
    pub limits: Limits,
    /// What refuses one more instance, or where all that are asked fit, twice the reservation; `None` if nothing does.
    pub limit: Option<Limit>,
}

impl Way {
    /// Whether code checks every access to these memories, since none is reserved whole.
    #[must_use]
    pub const fn is_checked(&self) -> bool {
        match &self.limits.wasmtime {
            Some(wasmtime) => !wasmtime.elides_bounds_checks(&self.limits),
            None => false,
        }
    }
}

impl Plan {
    /// Whether a pool gets less than is asked of it.
    #[must_use]
    pub const fn has_less(&self, case: &ResolvedProcess<'_>, pool: usize) -> bool {
        if let Some(misfit) = &self.misfit {
            return misfit.pool == pool;
        }
        let (limits, asked) = (&self.guaranteed[pool], &case.pools[pool].asked);
        limits.max_instances < asked.max_instances
            || limits.memory_reservation.get() < asked.memory_reservation.get()
    }

    /// How a pool can be made to fit this way, beside what is guaranteed of the others; `None` if it cannot.
    ///
    /// ```
    /// use poolcfg_core::{Arch, Fit, Os, Plan, PoolKeys, Setting, Settings, Size, Target};
    /// let board = Target::new(Arch::Riscv64, Os::Linux, 64);
    /// let keys = PoolKeys { max_instances: Some(Setting::given(1000)), ..PoolKeys::EMPTY };
    /// let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    /// let case = settings.resolve(board).unwrap();
    /// let way = Plan::new(&case).way(&case, 0, Fit::Smaller).unwrap();
    /// assert_eq!((way.instances, way.limits.memory_reservation), (1000, Size::mib(128)));
    /// ```
    #[must_use]
    pub const fn way(&self, case: &ResolvedProcess<'_>, pool: usize, fit: Fit) -> Option<Way> {
        let limits = self.with_least(case, pool);
        let search = WaySearch {
            case,
            limits: &limits,
            pool,
            fit,
        };
        if !search.is_possible() {
            return None;
        }
        match fit {
            Fit::Fewer => search.most(limits[pool].memory_reservation),
            Fit::Smaller | Fit::NoPool => search.largest(),
        }
    }
}

/// The search for one way.
struct WaySearch<'a> {
    case: &'a ResolvedProcess<'a>,
    /// The limits of every pool, of this one as asked.
    limits: &'a [Limits; MAX_POOLS],
    pool: usize,
    fit: Fit,
}

impl WaySearch<'_> {
    const fn asked(&self) -> &Limits {
        &self.limits[self.pool]
    }

    /// Totals that are written say how many instances there are.
    const fn is_written(&self) -> bool {
        matches!(
            self.asked().wasmtime,
            Some(Wasmtime {
                written: Some(_),
                ..
            })
        )
    }

    const fn is_possible(&self) -> bool {
        match (self.fit, &self.asked().wasmtime) {
            _ if !self.asked().has_memories() => false,
            (Fit::Smaller, _) => true,
            (Fit::Fewer, _) => !self.is_written(),
            (Fit::NoPool, Some(wasmtime)) => {
                wasmtime.version.major >= Fit::ON_DEMAND_SINCE && !self.is_written()
            }
            (Fit::NoPool, None) => false,
        }
    }

    /// The guard for a reservation.
    const fn guard(&self, reservation: Size) -> Size {
        let asked = self.asked();
        let is_checked = asked.wasmtime.is_some() && reservation.get() < ELIDED.get();
        if is_checked && !self.fit.is(Fit::Fewer) {
            CHECKED_GUARD
        } else {
            asked.guard_size
        }
    }

    /// The limits of so many instances with this reservation.
    const fn trial(&self, instances: u32, reservation: Size) -> Limits {
        let asked = self.asked();
        let limits = Limits {
            guard_size: self.guard(reservation),
            ..asked.with_reservation(reservation)
        };
        match (self.fit, asked.wasmtime) {
            (Fit::NoPool, Some(wasmtime)) => Limits {
                max_instances: 1,
                pools: match instances.checked_mul(asked.pools) {
                    Some(pools) => pools,
                    None => u32::MAX,
                },
                wasmtime: Some(wasmtime.of_one()),
                ..limits
            },
            _ => limits.with_instances(instances),
        }
    }

    const fn all(&self, instances: u32, reservation: Size) -> [Limits; MAX_POOLS] {
        let mut limits = *self.limits;
        let mut trial = self.trial(instances, reservation);
        if let (Fit::NoPool, Some(wasmtime)) = (self.fit, &trial.wasmtime) {
            if !matches!(wasmtime.memories_of_one(), Some(1)) {
                // Each memory has two guards of its own, and in a pool two share one.
                trial.guard_size = twice(trial.guard_size);
            }
        }
        limits[self.pool] = trial;
        limits
    }

    const fn fits(&self, instances: u32, reservation: Size) -> bool {
        fits(&self.all(instances, reservation), self.case)
    }

    const fn way(&self, instances: u32, reservation: Size) -> Way {
        let asked = self.asked();
        let limit = if instances < asked.max_instances {
            refused(self.case, &self.all(instances + 1, reservation))
        } else {
            refused(self.case, &self.all(instances, twice(reservation)))
        };
        Way {
            fit: self.fit,
            instances,
            asked: asked.max_instances,
            limits: self.trial(instances, reservation),
            limit,
        }
    }

    /// As many instances as fit with this reservation.
    const fn most(&self, reservation: Size) -> Option<Way> {
        let least = self.case.pools[self.pool].min_instances;
        let asked = self.asked().max_instances;
        if self.fits(asked, reservation) {
            return Some(self.way(asked, reservation));
        }
        if self.is_written() || !self.fits(least, reservation) {
            return None;
        }
        let mut search = Bisection {
            fits: wide(least),
            misfit: wide(asked),
        };
        while let Some(instances) = search.next() {
            search = search.told(instances, self.fits(narrow(instances), reservation));
        }
        Some(self.way(narrow(search.fits), reservation))
    }

    /// The largest reservation of the rule.
    const fn largest(&self) -> Option<Way> {
        let asked = self.asked();
        let mut first = power_of_two(asked.memory_reservation);
        let is_as_asked = first.get() == asked.memory_reservation.get();
        let guard = self.guard(first);
        let minimum = self.case.pools[self.pool].memory_minimum;
        if self.fit.is(Fit::Smaller) && is_as_asked && guard.get() >= asked.guard_size.get() {
            first = half(first);
            if minimum.get() == asked.memory_reservation.get() {
                return None;
            }
        }
        if minimum.get() > asked.memory_reservation.get() {
            return None;
        }
        let least = larger(LEAST, minimum);
        let floor = half(half(power_of_two(asked.memory_reservation))).min(USUAL);
        let floor = larger(floor, least);
        let mut reservation = larger(first, minimum);
        while reservation.get() >= floor.get() {
            if self.fits(asked.max_instances, reservation) {
                return Some(self.way(asked.max_instances, reservation));
            }
            reservation = next(reservation, floor);
        }
        let mut reservation = floor.min(larger(first, minimum));
        while reservation.get() >= least.get() {
            if let Some(way) = self.most(reservation) {
                return Some(way);
            }
            reservation = next(reservation, least);
        }
        None
    }
}

impl Fit {
    /// The first version that reserves for a memory outside of a pool what `memory_reservation` says, whatever its
    /// maximum is: the first for [`Fit::NoPool`].
    pub const ON_DEMAND_SINCE: u32 = 28;

    /// Equality for const code.
    const fn is(self, other: Self) -> bool {
        self as u8 == other as u8
    }
}

/// Half of a reservation, or the least where that is between the two; below the least behind it.
const fn next(reservation: Size, least: Size) -> Size {
    if reservation.get() > least.get() && half(reservation).get() < least.get() {
        least
    } else {
        half(reservation)
    }
}

const fn larger(one: Size, other: Size) -> Size {
    if one.get() > other.get() { one } else { other }
}

const fn half(size: Size) -> Size {
    Size::bytes(size.get() / 2)
}

const fn twice(size: Size) -> Size {
    Size::bytes(size.get().saturating_mul(2))
}

/// The largest power of two that is not above a size; 0 for 0.
const fn power_of_two(size: Size) -> Size {
    match size.get().checked_ilog2() {
        Some(log) => Size::bytes(1 << log),
        None => Size::ZERO,
    }
}

//! Slots: what one pool may have each way, and in which order that is tried.
//!
//! The rule for reservations: the largest power of two at which all instances that are asked fit. It is 64 MiB at least,
//! which holds what programs begin with (the largest of 99 real files wants 34 MiB), or a quarter of what is asked if that
//! is less. Where not all fit at that, it stays, and as many instances as fit are reported; where not even the fewest do that
//! are of use, it goes on down to 1 MiB. What the largest memory of a pool has at the beginning, where that is known, is
//! the least of all of them, be it no power of two.

use crate::base::consts::wide;
use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{DYNAMIC_GUARD, Wasmtime};
use crate::plan::scale::Scale;
use crate::plan::ways::way::Fit;
use crate::resolved::ResolvedPool;
use crate::setting::{Keep, OnMisfit};

/// The smallest reservation at which fewer instances are not preferred.
const USUAL: Size = Size::mib(64);

/// The smallest reservation that is reported.
const LEAST: Size = Size::mib(1);

/// The guard of slots whose code checks every access: the least that all versions take. One comparison then does for
/// all offsets up to the guard (crates/cranelift/src/bounds_checks.rs:423, v48); without any, versions up to 43 leak.
const CHECKED_GUARD: Size = DYNAMIC_GUARD;

/// One slot: what is reserved for its memory, and its guard.
#[derive(Clone, Copy)]
pub(super) struct SlotSize {
    pub(super) reservation: Size,
    guard: Size,
}

/// One pool that is made to fit.
pub(super) struct WayPool<'a> {
    pub(super) pool: &'a ResolvedPool<'a>,
    pub(super) fit: Fit,
}

impl WayPool<'_> {
    /// All that is asked, with the fewest tables.
    const fn whole(&self) -> &Limits {
        &self.pool.least
    }

    /// Totals that are written say how many instances a pool has.
    const fn is_written(&self) -> bool {
        matches!(
            self.whole().wasmtime,
            Some(Wasmtime {
                written: Some(_),
                ..
            })
        )
    }

    /// Whether there is anything that this way changes.
    pub(super) const fn is_possible(&self) -> bool {
        match (self.fit, &self.whole().wasmtime) {
            // Totals that are written are not lowered unless the file says so.
            (Fit::Fewer, _) => {
                !self.is_written() || matches!(self.pool.on_misfit, OnMisfit::Shrink)
            }
            _ if !self.whole().has_memories() => false,
            (Fit::Smaller, _) => self.has_smaller(),
            (Fit::NoPool, Some(wasmtime)) => {
                wasmtime.version.major >= Fit::ON_DEMAND_SINCE && self.has_smaller()
            }
            (Fit::NoPool, None) => false,
        }
    }

    /// Whether slots may be as small as those that are tried.
    const fn has_smaller(&self) -> bool {
        let minimum = self.pool.memory_minimum.get();
        let most = self.whole().memory_reservation.get();
        let is_as_small = self.is_halved_first() && minimum == most;
        minimum <= most && !is_as_small && self.first().get() >= LEAST.get()
    }

    /// Whether the power of two that is asked is no change, so that half of it is tried first.
    const fn is_halved_first(&self) -> bool {
        let asked = self.whole();
        let first = power_of_two(asked.memory_reservation);
        self.fit.is(Fit::Smaller)
            && first.get() == asked.memory_reservation.get()
            && self.guard(first).get() >= asked.guard_size.get()
    }

    /// The largest reservation that is tried.
    const fn first(&self) -> Size {
        let first = power_of_two(self.whole().memory_reservation);
        let first = if self.is_halved_first() {
            half(first)
        } else {
            first
        };
        larger(first, self.pool.memory_minimum)
    }

    /// The guard for a reservation.
    const fn guard(&self, reservation: Size) -> Size {
        let asked = self.whole();
        let is_checked = asked.wasmtime.is_some() && reservation.get() < Wasmtime::ELIDED.get();
        if is_checked && !self.fit.is(Fit::Fewer) {
            CHECKED_GUARD
        } else {
            asked.guard_size
        }
    }

    /// The slot as it is asked for.
    pub(super) const fn slot_as_asked(&self) -> SlotSize {
        SlotSize {
            reservation: self.whole().memory_reservation,
            guard: self.whole().guard_size,
        }
    }

    /// The slot after so many steps down from what is asked to the smallest that holds what programs begin with, and
    /// `further` ones below that; the smallest where there are fewer.
    pub(super) const fn slot(&self, steps: u32, further: u32) -> SlotSize {
        let steps = match (self.fit, steps) {
            (Fit::Fewer, _) | (Fit::Smaller, 0) => return self.slot_as_asked(),
            (Fit::Smaller, _) => steps - 1,
            (Fit::NoPool, _) => steps,
        };
        let least = larger(LEAST, self.pool.memory_minimum);
        let usual = half(half(power_of_two(self.whole().memory_reservation))).min(USUAL);
        let usual = down(self.first(), steps, larger(usual, least));
        let reservation = down(usual, further, least);
        SlotSize {
            reservation,
            guard: self.guard(reservation),
        }
    }

    /// The limits of so many instances in such slots, as they are reported.
    pub(super) const fn limits(&self, instances: u32, slot: SlotSize) -> Limits {
        let asked = self.whole();
        let limits = Limits {
            guard_size: slot.guard,
            ..asked.with_reservation(slot.reservation)
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

    /// The same as they are judged.
    pub(super) const fn judged(&self, instances: u32, slot: SlotSize) -> Limits {
        let mut limits = self.limits(instances, slot);
        if let (Fit::NoPool, Some(wasmtime)) = (self.fit, &limits.wasmtime) {
            if !matches!(wasmtime.memories_of_one(), Some(1)) {
                // Each memory has two guards of its own, and in a pool two share one.
                limits.guard_size = twice(limits.guard_size);
            }
        }
        limits
    }

    /// How many instances the limits have of this way.
    pub(super) const fn instances(&self, limits: &Limits) -> u32 {
        match self.fit {
            Fit::Fewer | Fit::Smaller => limits.max_instances,
            Fit::NoPool => limits.pools / self.whole().pools,
        }
    }

    /// How the instances are scaled; `None` where totals say how many there are: without a pool, none counts.
    pub(super) const fn scale(&self) -> Option<Scale> {
        let on_demand = match self.fit {
            Fit::NoPool => Some(self.whole().pools),
            Fit::Fewer | Fit::Smaller => None,
        };
        if on_demand.is_none() && self.is_written() {
            if let OnMisfit::Error = self.pool.on_misfit {
                return None;
            }
        }
        Some(Scale {
            least: wide(self.pool.min_instances),
            asked: wide(self.whole().max_instances),
            keep: Keep::MemoryReservation,
            on_demand,
        })
    }
}

impl SlotSize {
    /// The same with twice the reservation.
    pub(super) const fn twice(self) -> Self {
        Self {
            reservation: twice(self.reservation),
            ..self
        }
    }

    pub(super) const fn is(self, other: Self) -> bool {
        self.reservation.get() == other.reservation.get() && self.guard.get() == other.guard.get()
    }
}

/// A reservation that is halved so many times, but not below the least.
const fn down(mut reservation: Size, mut steps: u32, least: Size) -> Size {
    while steps > 0 && reservation.get() > least.get() {
        reservation = larger(half(reservation), least);
        steps -= 1;
    }
    reservation
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

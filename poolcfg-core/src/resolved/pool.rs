//! One pool of a case, with every number in place, and what is wrong with those.

use crate::base::size::{GRAIN, Size};
use crate::engine::Engine;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{InstanceDefaults, WasmtimeVersion};
use crate::fault::{Fault, Faults};
use crate::resolved::asked::{asked_and_least, engine, most_memory, native, on_misfit};
use crate::resolved::totals::LeastTotal;
use crate::setting::{FilePlace, Keep, OnMisfit, PoolKeys, Setting, place_of, value_or};
use crate::target::Target;

/// One pool, with every number in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolvedPool<'a> {
    /// Its name; empty when the file names none.
    pub name: &'a str,
    /// What is asked.
    pub asked: Limits,
    /// The same with as few tables as an instance may have where nobody said how many, each as large as
    /// Wasmtime's own: no instance is given up for the rest of them.
    pub(crate) least: Limits,
    /// The fewest instances that are of use.
    pub min_instances: u32,
    /// What its largest memory has at the beginning, where that is known: no slot is made smaller.
    pub memory_minimum: Size,
    /// Which number stays when it shrinks.
    pub keep: Keep,
    /// Whether somebody wrote that.
    pub(crate) says_keep: bool,
    /// What happens when the floor does not hold it.
    pub on_misfit: OnMisfit,
    /// The written total that gives no more instances than are asked; `None` if none decides how many are.
    pub least_total: Option<LeastTotal>,
    /// Where `engine` is set.
    pub engine_at: FilePlace,
    /// Where `max_instances` is set.
    pub max_instances_at: FilePlace,
    /// Where the first total is set.
    pub totals_at: FilePlace,
    /// Where `memory_reservation` is set.
    pub memory_reservation_at: FilePlace,
    /// Where `pools` is set.
    pub pools_at: FilePlace,
    /// The most that a memory may grow to where its reservation has room for it.
    pub(crate) most_memory: Size,
    /// What is said of it.
    pub(crate) keys: PoolKeys,
    /// What an instance has where nothing is said.
    host: Option<InstanceDefaults>,
}

impl<'a> ResolvedPool<'a> {
    pub(super) const fn new(
        name: &'a str,
        keys: &PoolKeys,
        target: Target,
        host: Option<InstanceDefaults>,
    ) -> Self {
        let engine = engine(keys);
        let (asked, least) = match (engine, &keys.wasmtime.version) {
            (Engine::Native, _) => {
                let asked = native(keys, target);
                (asked, asked)
            }
            (Engine::Wasmtime, Some(setting)) => asked_and_least(setting.value, keys, target, host),
            // A fault, told by `check`; what stands here meanwhile is not used.
            (Engine::Wasmtime, None) => {
                let newest = WasmtimeVersion::major(WasmtimeVersion::NEWEST);
                asked_and_least(newest, keys, target, host)
            }
        };
        Self {
            name,
            asked,
            least,
            min_instances: value_or(&keys.min_instances, 1),
            memory_minimum: Size::ZERO,
            // What somebody wrote stays as it is unless they say otherwise: a number of theirs is not
            // lowered silently, and the one they wrote is the one that is kept.
            keep: match (&keys.keep, &keys.memory_reservation) {
                // Of no memory there is nothing that could shrink.
                _ if !asked.has_memories() => Keep::MemoryReservation,
                (Some(setting), _) => setting.value,
                (None, Some(_)) => Keep::MemoryReservation,
                // Below 4 GiB Wasmtime's code checks every access: that is never chosen silently.
                (None, None) if engine.is(Engine::Wasmtime) => Keep::MemoryReservation,
                (None, None) => Keep::MaxInstances,
            },
            says_keep: keys.keep.is_some(),
            // Of no memory there is nothing that could shrink while the instances stay.
            on_misfit: match &keys.keep {
                Some(Setting {
                    value: Keep::MaxInstances,
                    ..
                }) if !asked.has_memories() => OnMisfit::Error,
                _ => on_misfit(keys),
            },
            least_total: asked.least_total(keys),
            engine_at: place_of(&keys.engine),
            max_instances_at: place_of(&keys.max_instances),
            totals_at: match keys.wasmtime.first_total() {
                Some(place) => place,
                None => FilePlace::NOWHERE,
            },
            memory_reservation_at: place_of(&keys.memory_reservation),
            pools_at: place_of(&keys.pools),
            most_memory: most_memory(keys, target),
            keys: *keys,
            host,
        }
    }

    /// The same pool where these keys are said over those that are; `None` if they then are at fault.
    pub(crate) const fn said_over(
        &self,
        keys: &PoolKeys,
        target: Target,
        page_size: Size,
    ) -> Option<Self> {
        let keys = self.keys.then(*keys);
        let mut pool = Self::new(self.name, &keys, target, self.host);
        pool.memory_minimum = self.memory_minimum;
        if pool
            .check(&keys, target, page_size, Faults::after(0))
            .is_empty()
        {
            Some(pool)
        } else {
            None
        }
    }

    /// How far a memory with so large a reservation may grow: as is written, or as follows from the reservation.
    #[must_use]
    pub const fn max_memory_size(&self, memory_reservation: Size) -> Size {
        self.most_memory.min(memory_reservation)
    }

    /// `limits` of this pool with the memory that follows from their reservation.
    pub(crate) const fn grown(&self, limits: &Limits) -> Limits {
        Limits {
            max_memory_size: self.max_memory_size(limits.memory_reservation),
            ..*limits
        }
    }

    /// Whether it may shrink, but not by its instances, since somebody or a default keeps those.
    pub(crate) const fn keeps_instances(&self) -> bool {
        let keep = match &self.keys.keep {
            Some(setting) => setting.value,
            None => self.keep,
        };
        matches!(
            (on_misfit(&self.keys), keep),
            (OnMisfit::Shrink, Keep::MaxInstances)
        )
    }

    /// Where it is said how many instances it has, of what is mapped: the totals outrank `max_instances`, and those that
    /// only count, or are of nothing, are not meant.
    pub(crate) const fn instances_at(&self) -> FilePlace {
        let own = &self.keys.wasmtime;
        FilePlace::first_said(&[
            (true, place_of(&own.total_memories)),
            (
                value_or(&own.total_tables, 0) > 0,
                place_of(&own.total_tables),
            ),
            (
                value_or(&own.total_stacks, 0) > 0,
                place_of(&own.total_stacks),
            ),
            (true, self.max_instances_at),
        ])
    }

    /// Whether one of its sizes or counts is set there.
    #[cfg(feature = "file")]
    pub(crate) fn is_set_at(&self, place: FilePlace) -> bool {
        let keys = &self.keys;
        let counts = [
            &keys.max_instances,
            &keys.min_instances,
            &keys.wasmtime.total_memories,
            &keys.wasmtime.total_tables,
            &keys.wasmtime.total_stacks,
            &keys.wasmtime.total_gc_heaps,
        ];
        let sizes = [
            &keys.memory_reservation,
            &keys.table_reservation,
            &keys.stack_reservation,
            &keys.guard_size,
        ];
        let counts = counts.into_iter().map(place_of);
        let mut all = counts.chain(sizes.into_iter().map(place_of));
        let is_count = place == self.engine_at || place == self.pools_at;
        is_count || all.any(|own| own == place)
    }

    /// The smallest reservation that it may shrink to.
    pub(crate) const fn least_reservation(&self) -> Size {
        let least = self.asked.least_reservation();
        let least = if self.memory_minimum.get() > least.get() {
            self.memory_minimum
        } else {
            least
        };
        least.min(self.asked.memory_reservation)
    }

    pub(super) const fn check(
        &self,
        keys: &PoolKeys,
        target: Target,
        page_size: Size,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let pool = self.name;
        // What may be lowered is lowered before it is at fault.
        let asked = &self.least;
        match (
            &asked.wasmtime,
            &keys.wasmtime.version,
            keys.wasmtime.first(),
        ) {
            (Some(wasmtime), Some(_), _) => {
                faults = wasmtime.check(asked, keys, pool, target, faults);
            }
            (Some(_), None, _) => {
                faults = faults.and(Fault::NoVersion {
                    pool,
                    place: place_of(&keys.engine),
                });
            }
            (None, _, Some(place)) if keys.engine.is_none() => {
                faults = faults.and(Fault::NoEngine { pool, place });
            }
            (None, ..) => {}
        }
        let zeros: [(&'static str, bool, FilePlace); 4] = [
            (
                "max_instances",
                // A total that gives none is a fault of its own.
                matches!(&keys.max_instances, Some(setting) if setting.value == 0),
                self.max_instances_at,
            ),
            (
                "min_instances",
                self.min_instances == 0,
                place_of(&keys.min_instances),
            ),
            (
                "memory_reservation",
                !has_parts(asked, keys),
                self.memory_reservation_at,
            ),
            ("pools", asked.pools == 0, place_of(&keys.pools)),
        ];
        faults = faults.and_zeros(&zeros, asked.engine(), pool);
        if asked.max_instances != 0 && self.min_instances > asked.max_instances {
            faults = faults.and(Fault::MinAboveMax {
                min_instances: self.min_instances,
                max_instances: asked.max_instances,
                is_said: value_or(&keys.max_instances, 0) == asked.max_instances,
                pool,
                place: place_of(&keys.min_instances),
            });
        }
        self.check_sizes(keys, page_size, faults)
    }

    const fn check_sizes(
        &self,
        keys: &PoolKeys,
        page_size: Size,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let (pool, asked) = (self.name, &self.least);
        if !asked.memory_reservation.is_multiple_of(GRAIN)
            || !asked.memory_reservation.is_multiple_of(page_size)
        {
            faults = faults.and(Fault::NotMultiple {
                memory_reservation: asked.memory_reservation,
                pool,
                place: self.memory_reservation_at,
            });
        } else if asked.max_memory_size.get() > asked.memory_reservation.get()
            && has_parts(asked, keys)
        {
            // Of a reservation that is at fault itself there is nothing to compare with.
            faults = faults.and(Fault::MemoryAboveReservation {
                max_memory_size: asked.max_memory_size,
                memory_reservation: asked.memory_reservation,
                pool,
                place: place_of(&keys.max_memory_size),
            });
        }
        faults = self.check_pages(keys, faults);
        let countable = match &asked.wasmtime {
            // More than can be counted is a fault of its own.
            Some(wasmtime) => wasmtime.totals(asked).is_some(),
            None => true,
        };
        if countable && asked.footprint(page_size).is_err() {
            faults = faults.and(match asked.too_large_total(&keys.wasmtime, page_size) {
                Some((key, total, place)) => Fault::TotalTooLarge {
                    key,
                    total,
                    pool,
                    place,
                },
                None => Fault::Overflow {
                    pool,
                    place: self.max_instances_at,
                },
            });
        }
        faults
    }

    /// What a native pool has, and is less than the smallest page of any kernel. Wasmtime rounds its own sizes up.
    const fn check_pages(&self, keys: &PoolKeys, mut faults: Faults<'a>) -> Faults<'a> {
        let asked = &self.least;
        if asked.wasmtime.is_some() {
            return faults;
        }
        let sizes = [
            ("guard_size", asked.guard_size, place_of(&keys.guard_size)),
            (
                "stack_reservation",
                asked.stack_reservation,
                place_of(&keys.stack_reservation),
            ),
        ];
        let mut i = 0;
        while i < sizes.len() {
            let (key, size, place) = sizes[i];
            if !size.is_zero() && size.get() < LEAST_PAGE.get() {
                faults = faults.and(Fault::BelowPage {
                    key,
                    size,
                    least: LEAST_PAGE,
                    pool: self.name,
                    place,
                });
            }
            i += 1;
        }
        faults
    }
}

/// The smallest page of any kernel.
const LEAST_PAGE: Size = Size::kib(4);

/// Whether a slot has a memory, or, in a native pool, a table or stack of which the file says that it has that instead: a
/// zero alone is a mistake.
const fn has_parts(asked: &Limits, keys: &PoolKeys) -> bool {
    asked.has_memories()
        || (asked.wasmtime.is_none()
            && (!asked.table_reservation.is_zero() || !asked.stack_reservation.is_zero())
            && (keys.table_reservation.is_some() || keys.stack_reservation.is_some()))
}

//! Steps: the numbers that a help says to write, tried as the file would then say them.

use crate::base::size::Size;
use crate::base::text::{Text, say};
use crate::plan::search::fits;
use crate::plan::share::fewest;
use crate::plan::tables::least;
use crate::resolved::{ResolvedPool, ResolvedProcess};
use crate::setting::{FilePlace, Key, PoolKeys, Setting, place_of};

/// Numbers of a pool that may be written in the place of those that are there.
#[derive(Clone, Copy)]
pub(super) struct Advised {
    pub(super) max_instances: Option<u32>,
    /// Where fewer fit than are of use.
    pub(super) min_instances: Option<u32>,
    pub(super) totals: MappedTotals,
    pub(super) memory_reservation: Option<Size>,
    /// In the place of a larger one that is written.
    pub(super) max_memory_size: Option<Size>,
    pub(super) pools: Option<u32>,
}

/// The totals that decide what is mapped.
#[derive(Clone, Copy)]
pub(super) struct MappedTotals {
    pub(super) memories: Option<u32>,
    pub(super) tables: Option<u32>,
    pub(super) stacks: Option<u32>,
    /// Up to Wasmtime 31 each heap is a memory of its own.
    pub(super) gc_heaps: Option<u32>,
}

impl Advised {
    pub(super) const NONE: Self = Self {
        max_instances: None,
        min_instances: None,
        totals: MappedTotals {
            memories: None,
            tables: None,
            stacks: None,
            gc_heaps: None,
        },
        memory_reservation: None,
        max_memory_size: None,
        pools: None,
    };

    pub(super) const fn instances(instances: u32) -> Self {
        Self {
            max_instances: Some(instances),
            ..Self::NONE
        }
    }

    /// The same with a reservation, and with the largest memory where more than it holds is written.
    pub(super) const fn reserving(self, pool: &ResolvedPool<'_>, reservation: Size) -> Self {
        let max_memory_size = match &pool.keys.max_memory_size {
            Some(said) if said.value.get() > reservation.get() => Some(reservation),
            _ => None,
        };
        Self {
            memory_reservation: Some(reservation),
            max_memory_size,
            ..self
        }
    }

    /// What is written.
    pub(super) const fn keys(&self) -> PoolKeys {
        let mut keys = PoolKeys::EMPTY;
        keys.max_instances = given(self.max_instances);
        keys.min_instances = given(self.min_instances);
        keys.pools = given(self.pools);
        keys.memory_reservation = given_size(self.memory_reservation);
        keys.max_memory_size = given_size(self.max_memory_size);
        keys.wasmtime.total_memories = given(self.totals.memories);
        keys.wasmtime.total_tables = given(self.totals.tables);
        keys.wasmtime.total_stacks = given(self.totals.stacks);
        keys.wasmtime.total_gc_heaps = given(self.totals.gc_heaps);
        keys
    }

    /// Each key with its value, such as `max_instances = 1 with memory_reservation = "64MiB"`.
    pub(super) const fn write(&self, text: Text) -> Text {
        let counts = [
            ("max_instances = ", self.max_instances),
            ("total_memories = ", self.totals.memories),
            ("total_tables = ", self.totals.tables),
            ("total_stacks = ", self.totals.stacks),
            ("total_gc_heaps = ", self.totals.gc_heaps),
            ("pools = ", self.pools),
            ("min_instances = ", self.min_instances),
        ];
        let mut all =
            self.memory_reservation.is_some() as u32 + self.max_memory_size.is_some() as u32;
        let mut i = 0;
        while i < counts.len() {
            all += counts[i].1.is_some() as u32;
            i += 1;
        }
        let mut text = text;
        let mut written = 0;
        i = 0;
        while i < counts.len() {
            if let (key, Some(count)) = counts[i] {
                text = joined(text, written, all).str(key).number(count);
                written += 1;
            }
            i += 1;
        }
        if let Some(size) = self.memory_reservation {
            text = joined(text, written, all).str("memory_reservation = \"");
            // The exact value is in a unit that nobody reads.
            text = say!(text; exact(size), "\" (", available(size), ")");
            written += 1;
        }
        if let Some(size) = self.max_memory_size {
            text = say!(joined(text, written, all); "max_memory_size = \"", exact(size), "\"");
        }
        text
    }

    /// Where the file says the first of these numbers; [`FilePlace::NOWHERE`] if it says none of them.
    pub(super) const fn place(&self, pool: &ResolvedPool<'_>) -> FilePlace {
        let totals = &pool.keys.wasmtime;
        FilePlace::first_said(&[
            (
                self.max_instances.is_some(),
                place_of(&pool.keys.max_instances),
            ),
            (
                self.totals.memories.is_some(),
                place_of(&totals.total_memories),
            ),
            (self.totals.tables.is_some(), place_of(&totals.total_tables)),
            (self.totals.stacks.is_some(), place_of(&totals.total_stacks)),
            (
                self.totals.gc_heaps.is_some(),
                place_of(&totals.total_gc_heaps),
            ),
            (self.pools.is_some(), pool.pools_at),
            (
                self.memory_reservation.is_some(),
                pool.memory_reservation_at,
            ),
            (
                self.min_instances.is_some(),
                place_of(&pool.keys.min_instances),
            ),
        ])
    }

    /// The same with as many instances of use as it leaves, where more are wanted.
    pub(super) const fn lowering_least(self, case: &ResolvedProcess<'_>, pool: usize) -> Self {
        let own = &case.pools[pool];
        let one = Self {
            min_instances: Some(1),
            ..self
        };
        match own.said_over(&one.keys(), case.target, case.budget.page_size) {
            Some(changed) if changed.least.max_instances < own.min_instances => Self {
                min_instances: Some(changed.least.max_instances),
                ..self
            },
            _ => self,
        }
    }

    /// Whether nothing changes but how many instances are of use.
    const fn is_of_least(&self) -> bool {
        let others = Self {
            min_instances: None,
            ..*self
        };
        self.min_instances.is_some() && others.keys().first().is_none()
    }
}

impl Advised {
    /// What of it changes another pool, too, where it is written for this one.
    const fn shared(
        &self,
        own: &ResolvedPool<'_>,
        other: &ResolvedPool<'_>,
        shares_totals: bool,
    ) -> Self {
        let totals_are = shares_totals && other.asked.wasmtime.is_some();
        let (one, two) = (&own.keys, &other.keys);
        let Self { totals, .. } = self;
        Self {
            max_instances: if_shared(
                self.max_instances,
                &one.max_instances,
                &two.max_instances,
                false,
            ),
            min_instances: if_shared(
                self.min_instances,
                &one.min_instances,
                &two.min_instances,
                false,
            ),
            totals: MappedTotals {
                memories: if_shared(
                    totals.memories,
                    &one.wasmtime.total_memories,
                    &two.wasmtime.total_memories,
                    totals_are,
                ),
                tables: if_shared(
                    totals.tables,
                    &one.wasmtime.total_tables,
                    &two.wasmtime.total_tables,
                    totals_are,
                ),
                stacks: if_shared(
                    totals.stacks,
                    &one.wasmtime.total_stacks,
                    &two.wasmtime.total_stacks,
                    totals_are,
                ),
                gc_heaps: if_shared(
                    totals.gc_heaps,
                    &one.wasmtime.total_gc_heaps,
                    &two.wasmtime.total_gc_heaps,
                    totals_are,
                ),
            },
            memory_reservation: size_if_shared(
                self.memory_reservation,
                &one.memory_reservation,
                &two.memory_reservation,
            ),
            max_memory_size: size_if_shared(
                self.max_memory_size,
                &one.max_memory_size,
                &two.max_memory_size,
            ),
            pools: if_shared(self.pools, &one.pools, &two.pools, false),
        }
    }
}

/// Whether everything fits with a step of a pool, and what it changes of those that take a number from the same place;
/// `None` if that is at fault. The others have the least that they may have.
pub(super) const fn accepts(
    case: &ResolvedProcess<'_>,
    pool: usize,
    step: &Advised,
) -> Option<bool> {
    let shares_totals = shares_totals(case, pool);
    let mut limits = least(case);
    let mut i = 0;
    while i < case.count {
        let other = &case.pools[i];
        let keys = if i == pool {
            step.keys()
        } else {
            step.shared(&case.pools[pool], other, shares_totals).keys()
        };
        if keys.first().is_some() {
            limits[i] = match other.said_over(&keys, case.target, case.budget.page_size) {
                Some(changed) => changed.least,
                None => return None,
            };
        }
        i += 1;
    }
    let changed = match step.min_instances {
        // The pool shrinks to those by itself.
        Some(least) if step.is_of_least() => limits[pool].with_instances(least),
        _ => limits[pool],
    };
    limits = fewest(case, &limits);
    limits[pool] = changed;
    Some(fits(&limits, case))
}

/// Whether the first total of a pool is written for other pools, too: one that is written beside it is of every pool that
/// has none of its own.
const fn shares_totals(case: &ResolvedProcess<'_>, pool: usize) -> bool {
    let own = case.pools[pool].totals_at;
    let mut i = 0;
    while i < case.count {
        if i != pool && own.is_said() && own.is(case.pools[i].totals_at) {
            return true;
        }
        i += 1;
    }
    false
}

/// The size, where both say it in one place.
const fn size_if_shared(size: Option<Size>, own: &Key<Size>, other: &Key<Size>) -> Option<Size> {
    match (own, other) {
        (Some(own), Some(other)) if own.place.is_said() && own.place.is(other.place) => size,
        _ => None,
    }
}

/// The value, where both say it in one place, or say other totals there.
const fn if_shared(
    value: Option<u32>,
    own: &Key<u32>,
    other: &Key<u32>,
    is_otherwise: bool,
) -> Option<u32> {
    let is_shared = match (own, other) {
        (Some(own), Some(other)) => own.place.is_said() && own.place.is(other.place),
        (None, None) => is_otherwise,
        _ => false,
    };
    if is_shared { value } else { None }
}

/// What stands before a part of `all` that a text lists, behind so many.
const fn joined(text: Text, before: u32, all: u32) -> Text {
    text.str(match before {
        0 => "",
        1 => " with ",
        _ => between(before, all),
    })
}

/// What stands between two parts of `all` that a text lists, behind so many.
pub(super) const fn between(before: u32, all: u32) -> &'static str {
    if before + 1 < all { ", " } else { " and " }
}

const fn given(count: Option<u32>) -> Option<Setting<u32>> {
    match count {
        Some(count) => Some(Setting::given(count)),
        None => None,
    }
}

const fn given_size(size: Option<Size>) -> Option<Setting<Size>> {
    match size {
        Some(size) => Some(Setting::given(size)),
        None => None,
    }
}

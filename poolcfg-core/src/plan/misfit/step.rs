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
        ];
        let mut text = text;
        let mut written = 0;
        let mut i = 0;
        while i < counts.len() {
            if let (key, Some(count)) = counts[i] {
                text = joined(text, written).str(key).number(count);
                written += 1;
            }
            i += 1;
        }
        if let Some(size) = self.memory_reservation {
            text = joined(text, written).str("memory_reservation = \"");
            // The exact value is in a unit that nobody reads.
            text = say!(text; exact(size), "\" (", available(size), ")");
            written += 1;
        }
        if let Some(size) = self.max_memory_size {
            text = say!(joined(text, written); "max_memory_size = \"", exact(size), "\"");
        }
        text
    }

    /// Where the file says the first of these numbers; [`FilePlace::NOWHERE`] if it says none of them. A total that it
    /// does not say is Wasmtime's own, since another one is written.
    pub(super) const fn place(&self, pool: &ResolvedPool<'_>) -> FilePlace {
        let totals = &pool.keys.wasmtime;
        let places = [
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
            (self.totals.is_any(), pool.totals_at),
            (self.pools.is_some(), pool.pools_at),
            (
                self.memory_reservation.is_some(),
                pool.memory_reservation_at,
            ),
        ];
        let mut i = 0;
        while i < places.len() {
            let (is_of_step, place) = places[i];
            if is_of_step && place.is_said() {
                return place;
            }
            i += 1;
        }
        FilePlace::NOWHERE
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

impl MappedTotals {
    pub(super) const fn is_any(&self) -> bool {
        self.memories.is_some()
            || self.tables.is_some()
            || self.stacks.is_some()
            || self.gc_heaps.is_some()
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
    let changed = limits[pool];
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

const fn joined(text: Text, before: u32) -> Text {
    text.str(match before {
        0 => "",
        1 => " with ",
        _ => " and ",
    })
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

//! Footprints: the mappings that a pool's limits make, and what they take of the limits of their process.

use core::fmt;

use crate::base::consts::{debug_like_display, wide};
use crate::base::size::{GRAIN, Size};
use crate::engine::Engine;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{Advisory, Wasmtime};
use crate::model::fit::Mappings;
use crate::model::group::KINDS;
use crate::model::pieces::further_pieces;
use crate::model::slab::{SlotLayout, Slots, slabs};
use crate::model::sum::Demand;
use crate::model::wasmtime_pools::pooling;

/// What a mapping holds.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::MappingName;
/// assert_eq!(MappingName::Memories.to_string(), "memories");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MappingName {
    /// Linear memories.
    Memories,
    /// Tables.
    Tables,
    /// Stacks.
    Stacks,
}

impl MappingName {
    /// The mapping at this place of a footprint.
    pub(crate) const fn of_kind(kind: usize) -> Self {
        match kind {
            0 => Self::Memories,
            1 => Self::Tables,
            _ => Self::Stacks,
        }
    }
}

crate::base::consts::words! {
    MappingName { Memories = "memories", Tables = "tables", Stacks = "stacks" }
}

/// One mapping that a pool makes.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Mapping, MappingName, Size};
/// fn is_made(mapping: &Mapping) -> bool {
///     !mapping.bytes.is_zero()
/// }
/// assert!(!is_made(&Mapping { name: MappingName::Stacks, bytes: Size::ZERO }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// What it holds.
    pub name: MappingName,
    /// Its bytes; 0 if the pool does not make it.
    pub bytes: Size,
}

/// The mappings that a pool makes, in the order in which it makes them.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Limits, Overflow, Size};
/// fn report(limits: &Limits) -> Result<(), Overflow> {
///     let footprint = limits.footprint(Size::kib(4))?;
///     println!("{} in all, of up to {} maps", footprint.reserved_bytes(), footprint.maps_at_worst);
///     for mapping in footprint.mappings {
///         println!("{}: {}", mapping.name, mapping.bytes);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The mappings of one pool; one of 0 bytes is not made.
    pub mappings: [Mapping; KINDS],
    /// How many such pools there are.
    pub pools: u32,
    /// VMAs of all of them right after they are made.
    pub maps_at_start: u64,
    /// VMAs of all of them when every slot is in use, with their memories in as many pieces as there may be.
    pub maps_at_worst: u64,
    /// Bytes that all of them make writable when every slot is in use and its memory has grown as far as it may.
    pub writable: Size,
    /// Bytes that the process writes beside their slots in order to use them all.
    pub bookkeeping: Size,
}

/// The sum of a pool's sizes is above 2^64 - 1 bytes.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::Overflow;
/// assert_eq!(Overflow.to_string(), "the sizes of the pool add up to more than 2^64 - 1 bytes");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sizes of the pool add up to more than 2^64 - 1 bytes")
    }
}

debug_like_display!(Overflow);

impl Limits {
    /// The smallest reservation that these limits may have: nothing without memories, else one grain, or
    /// [`Wasmtime::ELIDED`] where a version of Wasmtime without guard would let one instance see what another wrote.
    #[doc(hidden)]
    #[must_use]
    pub const fn least_reservation(&self) -> Size {
        match &self.wasmtime {
            None if !self.has_memories() => Size::ZERO,
            Some(wasmtime)
                if Advisory::NO_GUARD.affects(wasmtime.version) && self.guard_size.is_zero() =>
            {
                Wasmtime::ELIDED
            }
            _ => GRAIN,
        }
    }

    /// What all `pools` take of the limits of their process at worst, on pages of `page_size`; more than any limit
    /// where a sum is above 2^64 - 1.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Arch, Limits, Os, Size, Target, WasmtimeVersion};
    /// let target = Target::new(Arch::Riscv64, Os::Linux, 64);
    /// let own = Limits::of_wasmtime(WasmtimeVersion::major(48), target);
    /// assert_eq!(own.demand(Size::kib(4)).maps, 6002);
    /// ```
    #[doc(hidden)]
    #[must_use]
    pub const fn demand(&self, page_size: Size) -> Demand {
        match self.mappings(page_size) {
            Some(mappings) => mappings.demand(),
            None => Demand::MAX,
        }
    }

    /// In how many more pieces than one the memories of one pool may lie.
    #[doc(hidden)]
    #[must_use]
    pub const fn further_pieces(&self) -> u64 {
        match self.engine() {
            Engine::Native if self.has_memories() => further_pieces(wide(self.max_instances)),
            Engine::Native | Engine::Wasmtime => 0,
        }
    }

    /// The footprint on pages of `page_size`.
    ///
    /// # Errors
    /// [`Overflow`] when a sum is above 2^64 - 1 bytes.
    pub const fn footprint(&self, page_size: Size) -> Result<Footprint, Overflow> {
        let Some(mappings) = self.mappings(page_size) else {
            return Err(Overflow);
        };
        let [memories, tables, stacks] = mappings.sizes;
        Ok(Footprint {
            mappings: [
                Mapping {
                    name: MappingName::Memories,
                    bytes: Size::bytes(memories),
                },
                Mapping {
                    name: MappingName::Tables,
                    bytes: Size::bytes(tables),
                },
                Mapping {
                    name: MappingName::Stacks,
                    bytes: Size::bytes(stacks),
                },
            ],
            pools: self.pools,
            maps_at_start: mappings.maps_at_start,
            maps_at_worst: mappings.maps_at_worst,
            writable: Size::bytes(mappings.writable),
            bookkeeping: Size::bytes(mappings.bookkeeping),
        })
    }

    /// How the regions of a pool lie on pages of `page_size`, those of Wasmtime where no protection keys stripe them;
    /// `None` if a sum is above 2^64 - 1 bytes.
    #[doc(hidden)]
    #[must_use]
    pub const fn slot_layout(&self, name: MappingName, page_size: Size) -> Option<SlotLayout> {
        let kind = name as usize;
        let Some(wasmtime) = &self.wasmtime else {
            return self.slots().layout(kind, page_size.get());
        };
        match wasmtime.pooling(self) {
            Some(settings) => settings.layout(kind, page_size.get()),
            None => None,
        }
    }

    const fn slots(&self) -> Slots {
        Slots {
            count: wide(self.max_instances),
            regions: [
                self.memory_reservation.get(),
                self.table_reservation.get(),
                self.stack_reservation.get(),
            ],
            max_memory_size: self.max_memory_size.get(),
            guard_size: self.guard_size.get(),
            guard_before: self.guard_before,
            pools: wide(self.pools),
        }
    }

    /// What the fit works on; `None` if a sum is above 2^64 - 1 bytes.
    #[doc(hidden)]
    #[must_use]
    pub const fn mappings(&self, page_size: Size) -> Option<Mappings> {
        if let Some(wasmtime) = &self.wasmtime {
            return match wasmtime.pooling(self) {
                Some(settings) => pooling(&settings, page_size.get()),
                None => None,
            };
        }
        slabs(&self.slots(), page_size.get())
    }
}

impl Footprint {
    /// Bytes of address space of all pools.
    #[must_use]
    pub const fn reserved_bytes(&self) -> Size {
        let mut total = 0;
        let mut i = 0;
        while i < KINDS {
            // The sum was checked when the footprint was made.
            total += self.mappings[i].bytes.get();
            i += 1;
        }
        Size::bytes(total * wide(self.pools))
    }
}

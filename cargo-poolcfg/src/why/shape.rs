//! Shapes: what Wasmtime maps has sizes that tell what it is.

use poolcfg_core::{Limits, MappingName, Size, SlotLayout, Target, WasmtimeVersion};
use rustix::param::page_size;

use super::said;

const PROT_READ_WRITE: u32 = 3;

/// So much at least are memories of a size that nobody has told.
const LARGE: u64 = 1 << 30;

/// What the `wasmtime` command adds to `max-wasm-stack` if that alone is given. Source: crates/cli-flags/src/lib.rs,
/// `CommonOptions::config` (v48).
pub(super) const HOST_STACK: u64 = 512 << 10;

/// A mapping that is known by its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KnownSize {
    /// Wasmtime's memory pool: how many slots, of how many bytes with their guard, and the guard before them.
    Memories { slots: u64, slot: Size, guard: Size },
    /// Wasmtime's table or stack pool, with its own settings.
    Pool(MappingName),
    /// One memory of Wasmtime's, on demand.
    OneMemory,
    /// Something of another program.
    Other(&'static str),
}

/// A mapping that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) bytes: u64,
    pub(super) protection: u32,
    pub(super) arguments: &'a [String],
}

/// What Wasmtime's settings map: its own settings, or those of a command line.
struct OwnSizes {
    limits: Limits,
    page_size: Size,
}

impl OwnSizes {
    fn new(version: WasmtimeVersion, arguments: &[String]) -> Option<Self> {
        let own = Limits::of_wasmtime(version, Target::CURRENT);
        let mut wasmtime = own.wasmtime?;
        wasmtime.guard_before_linear_memory &=
            !said::is_off(arguments, "guard-before-linear-memory");
        let number = |names: &[&str]| said::number(arguments, names);
        let size = |names: &[&str]| number(names).map(Size::bytes);
        let reservation = size(&said::RESERVATION);
        let elements = number(&["pooling-table-elements"]);
        let table = elements.and_then(|count| wasmtime.element_size.checked_mul(count));
        let of_both = || number(&["max-wasm-stack"])?.checked_add(HOST_STACK);
        let stack = number(&["async-stack-size"]).or_else(of_both);
        let limits = Limits {
            guard_size: size(&said::GUARD).unwrap_or(own.guard_size),
            table_reservation: table.unwrap_or(own.table_reservation),
            stack_reservation: stack.map_or(own.stack_reservation, Size::bytes),
            wasmtime: Some(wasmtime),
            ..own
        };
        Some(Self {
            limits: limits.with_reservation(reservation.unwrap_or(own.memory_reservation)),
            page_size: Size::bytes(u64::try_from(page_size()).ok()?),
        })
    }

    /// How the slots of a pool lie.
    fn layout(&self, name: MappingName) -> Option<SlotLayout> {
        self.limits.slot_layout(name, self.page_size)
    }

    /// How many memories with their guards are so many bytes.
    fn slots(&self, bytes: u64) -> Option<KnownSize> {
        let layout = self.layout(MappingName::Memories)?;
        let slots = whole(bytes.checked_sub(layout.before)?, layout.stride)?;
        (slots > 1).then_some(KnownSize::Memories {
            slots,
            slot: Size::bytes(layout.stride),
            guard: Size::bytes(layout.guard),
        })
    }

    /// The same settings with another reservation.
    fn with_reservation(&self, reservation: Size) -> Self {
        Self {
            limits: self.limits.with_reservation(reservation),
            ..*self
        }
    }
}

/// How often a size goes into bytes, where nothing is left.
fn whole(bytes: u64, size: u64) -> Option<u64> {
    (bytes.checked_rem(size)? == 0).then(|| bytes / size)
}

/// What of Wasmtime's settings has this size. How many there are is for the program to say.
pub(super) fn of_wasmtime(version: WasmtimeVersion, asked: Asked<'_>) -> Option<KnownSize> {
    let own = OwnSizes::new(version, asked.arguments)?;
    let bytes = asked.bytes;
    let SlotLayout { guard, stride, .. } = own.layout(MappingName::Memories)?;
    // A memory and the guard behind it, or the guards on both sides.
    if [stride, stride.saturating_add(guard)].contains(&bytes) {
        return Some(KnownSize::OneMemory);
    }
    own.slots(bytes)
        .or_else(|| of_elements(&own, asked))
        .or_else(|| of_other_slots(&own, asked))
}

/// Tables and stacks, which are writable from the beginning.
fn of_elements(own: &OwnSizes, asked: Asked<'_>) -> Option<KnownSize> {
    if asked.protection != PROT_READ_WRITE {
        return None;
    }
    let of = |name, flag: &str| {
        let number = whole(asked.bytes, own.layout(name)?.stride)?;
        // A number that people write: every size is some number of small tables.
        let is_said = said::number(asked.arguments, &[flag]) == Some(number);
        let is_round = number > 1 && (number % 10 == 0 || number.is_power_of_two());
        (is_said || is_round).then_some(KnownSize::Pool(name))
    };
    of(MappingName::Stacks, "pooling-total-stacks")
        .or_else(|| of(MappingName::Tables, "pooling-total-tables"))
}

/// Memories with a reservation that only the program knows: a power of two, the largest that goes.
fn of_other_slots(own: &OwnSizes, asked: Asked<'_>) -> Option<KnownSize> {
    let is_reserved = asked.protection == 0 && asked.bytes >= LARGE;
    let mut powers = (20..=34).rev().map(|power| Size::bytes(1 << power));
    let found = powers.find_map(|reservation| own.with_reservation(reservation).slots(asked.bytes));
    found.filter(|_| is_reserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: u64 = 32 << 20;

    fn of(bytes: u64, protection: u32, line: &str) -> Option<KnownSize> {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let asked = Asked {
            bytes,
            protection,
            arguments: &arguments,
        };
        of_wasmtime(WasmtimeVersion::major(48), asked)
    }

    fn memories(slots: u64, slot: u64, guard: u64) -> Option<KnownSize> {
        Some(KnownSize::Memories {
            slots,
            slot: Size::bytes(slot),
            guard: Size::bytes(guard),
        })
    }

    #[test]
    fn what_wasmtime_maps_is_known_by_its_size() {
        let slot = (4 << 30) + GUARD;
        for slots in [1000, 42] {
            assert_eq!(
                of(slots * slot + GUARD, 0, ""),
                memories(slots, slot, GUARD)
            );
        }
        assert_eq!(of(0x1_0400_0000, 0, ""), Some(KnownSize::OneMemory));
        assert_eq!(of(1 << 42, 0, ""), None);
        let stacks = Some(KnownSize::Pool(MappingName::Stacks));
        let tables = Some(KnownSize::Pool(MappingName::Tables));
        for number in [1000, 64, 10] {
            assert_eq!(of(number * ((2 << 20) + 4096), 3, ""), stacks);
            assert_eq!(of(number * 163_840, 3, ""), tables);
        }
        // The guards of older versions.
        let old = |bytes| {
            let asked = Asked {
                bytes,
                protection: 0,
                arguments: &[],
            };
            of_wasmtime(WasmtimeVersion::major(27), asked)
        };
        let guard = 2 << 30;
        let slot = (4 << 30) + guard;
        assert_eq!(old(42 * slot + guard), memories(42, slot, guard));
        // What a program asks for by itself.
        assert_eq!(of(21 * 163_840, 3, ""), None);
        assert_eq!(of(1 << 30, 3, ""), None);
    }

    #[test]
    fn what_the_command_line_says_counts() {
        let flags = "wasmtime run -O memory-reservation=1073741824,memory-guard-size=65536";
        let slot = (1 << 30) + 65536;
        let bytes = 7 * slot + 65536;
        assert_eq!(of(bytes, 0, flags), memories(7, slot, 65536));
        assert_eq!(of(bytes, 0, ""), None);
        let without = format!("{flags},guard-before-linear-memory=n");
        assert_eq!(of(7 * slot, 0, &without), memories(7, slot, 65536));
        let stacks = "w -W async-stack-size=1048576";
        let found = Some(KnownSize::Pool(MappingName::Stacks));
        assert_eq!(of(40 * ((1 << 20) + 4096), 3, stacks), found);
        let of_both = "w -W max-wasm-stack=524288";
        assert_eq!(of(40 * ((1 << 20) + 4096), 3, of_both), found);
        let tables = "w -O pooling-table-elements=1024,pooling-total-tables=13";
        let found = Some(KnownSize::Pool(MappingName::Tables));
        assert_eq!(of(13 * 8192, 3, tables), found);
    }

    #[test]
    fn a_reservation_of_the_programs_own_is_found() {
        let slot = (1 << 30) + GUARD;
        assert_eq!(of(200 * slot + GUARD, 0, ""), memories(200, slot, GUARD));
    }
}

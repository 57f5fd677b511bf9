//! Shapes: what Wasmtime maps has sizes that tell what it is.

use poolcfg_core::{Limits, MappingName, Size, Target, WasmtimeVersion};
use rustix::param::page_size;

use super::said;

const PROT_READ_WRITE: u32 = 3;

/// So much at least are memories of a size that nobody has told.
const LARGE: u64 = 1 << 30;

/// What a `wasmtime` command adds to `max-wasm-stack` where that alone is said.
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

/// Wasmtime's settings: its own, or what a command line says.
struct OwnSizes {
    reservation: u64,
    guard: u64,
    /// The guard before all memories.
    before: u64,
    table: u64,
    stack: u64,
}

impl OwnSizes {
    fn new(version: WasmtimeVersion, arguments: &[String]) -> Option<Self> {
        let own = Limits::of_wasmtime(version, Target::CURRENT);
        let page = u64::try_from(page_size()).ok()?;
        let number = |names: &[&str]| said::number(arguments, names);
        let guard = number(&["memory-guard-size", "static-memory-guard-size"]);
        let guard = guard.unwrap_or(own.guard_size.get());
        let reservation = number(&["memory-reservation", "static-memory-maximum-size"]);
        let element = own.wasmtime.map(|wasmtime| wasmtime.element_size.get())?;
        let table = number(&["pooling-table-elements"]);
        let table = table.and_then(|table| table.checked_mul(element));
        let of_both = || number(&["max-wasm-stack"])?.checked_add(HOST_STACK);
        let stack = number(&["async-stack-size"]).or_else(of_both);
        let is_guarded = !said::is_off(arguments, "guard-before-linear-memory");
        Some(Self {
            reservation: reservation.unwrap_or(own.memory_reservation.get()),
            guard,
            before: if is_guarded { guard } else { 0 },
            table: table
                .unwrap_or(own.table_reservation.get())
                .checked_next_multiple_of(page)?,
            stack: stack
                .unwrap_or(own.stack_reservation.get())
                .checked_next_multiple_of(page)?
                .checked_add(page)?,
        })
    }

    /// How many slots of this reservation are so many bytes.
    fn slots(&self, reservation: u64, bytes: u64) -> Option<KnownSize> {
        let slot = reservation.checked_add(self.guard)?;
        let slots = whole(bytes.checked_sub(self.before)?, slot)?;
        (slots > 1).then_some(KnownSize::Memories {
            slots,
            slot: Size::bytes(slot),
            guard: Size::bytes(self.guard),
        })
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
    let slot = own.reservation.checked_add(own.guard)?;
    // A guard before it, and the slot; or the guards on both sides.
    if [slot, slot.saturating_add(own.guard)].contains(&bytes) {
        return Some(KnownSize::OneMemory);
    }
    let memories = own.slots(own.reservation, bytes);
    memories
        .or_else(|| of_elements(&own, asked))
        .or_else(|| of_other_slots(&own, asked))
}

/// Tables and stacks, which are writable from the beginning.
fn of_elements(own: &OwnSizes, asked: Asked<'_>) -> Option<KnownSize> {
    if asked.protection != PROT_READ_WRITE {
        return None;
    }
    let of = |name, size, flag: &str| {
        let number = whole(asked.bytes, size)?;
        // A number that people write: every size is some number of small tables.
        let is_said = said::number(asked.arguments, &[flag]) == Some(number);
        let is_round = number > 1 && (number % 10 == 0 || number.is_power_of_two());
        (is_said || is_round).then_some(KnownSize::Pool(name))
    };
    of(MappingName::Stacks, own.stack, "pooling-total-stacks")
        .or_else(|| of(MappingName::Tables, own.table, "pooling-total-tables"))
}

/// Memories with a reservation that only the program knows: a power of two, the largest that goes.
fn of_other_slots(own: &OwnSizes, asked: Asked<'_>) -> Option<KnownSize> {
    let is_reserved = asked.protection == 0 && asked.bytes >= LARGE;
    let mut powers = (20..=34).rev().map(|power| 1u64 << power);
    let found = powers.find_map(|reservation| own.slots(reservation, asked.bytes));
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

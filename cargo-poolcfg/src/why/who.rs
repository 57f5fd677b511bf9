//! Who: the program that asked for memory, and what it wanted it for, as far as sizes and names tell.

use std::collections::BTreeMap;
use std::path::Path;

use poolcfg_core::{Limits, MappingName, Size, Target, WasmtimeVersion};
use rustix::param::page_size;

use crate::inspect::{Inspected, inspect};
use crate::why::trace::told::MemoryFailure;

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

/// Who asked.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The name of its file.
    pub(crate) name: String,
    pub(crate) shape: Option<KnownSize>,
    /// What it is for people.
    pub(crate) text: String,
}

/// The Wasmtime of each program that was looked into.
#[derive(Debug, Default)]
pub(crate) struct Programs(BTreeMap<String, Option<WasmtimeVersion>>);

impl Programs {
    /// The only Wasmtime in a program.
    fn version(&mut self, program: &str) -> Option<WasmtimeVersion> {
        let look = || match inspect(Path::new(program)) {
            Ok(Inspected::Program(_, versions)) => match &versions[..] {
                [version] => version.parse().ok(),
                _ => None,
            },
            _ => None,
        };
        *self.0.entry(program.to_owned()).or_insert_with(look)
    }

    /// Who asked for what was not there.
    pub(crate) fn who(&mut self, failure: &MemoryFailure) -> Who {
        let file = Path::new(&failure.program).file_name();
        let name = file.map_or_else(
            || "a process".to_owned(),
            |file| file.to_string_lossy().into_owned(),
        );
        let version = self.version(&failure.program);
        let shape = match version {
            Some(version) => of_wasmtime(version, failure.bytes),
            None => of_others(&name, failure.bytes),
        };
        let program = match version {
            Some(version) if name == "wasmtime" => format!("wasmtime {version}"),
            Some(version) => format!("{name} (Wasmtime {version})"),
            None => name.clone(),
        };
        let mut text = format!("{program}, pid {}", failure.pid);
        match (&failure.mapping, &shape) {
            (Some(mapping), _) => text += &format!(": its mapping `{mapping}`"),
            (None, Some(shape)) => text += &format!(": {}", described(shape)),
            (None, None) => {}
        }
        Who { name, shape, text }
    }
}

fn described(shape: &KnownSize) -> String {
    match shape {
        KnownSize::Memories { slots, slot, guard } => format!(
            "its memory pool, {slots} slots of {} with {guard} of guard",
            slot.saturating_sub(*guard)
        ),
        KnownSize::Pool(name) => format!("its pool of {name}"),
        KnownSize::OneMemory => "one memory, on demand".to_owned(),
        KnownSize::Other(text) => (*text).to_owned(),
    }
}

/// What of Wasmtime's own settings has this size.
fn of_wasmtime(version: WasmtimeVersion, bytes: u64) -> Option<KnownSize> {
    let own = Limits::of_wasmtime(version, Target::CURRENT);
    let page = Size::bytes(u64::try_from(page_size()).ok()?);
    let footprint = own.footprint(page).ok()?;
    let pools = [MappingName::Tables, MappingName::Stacks];
    if let Some(mapping) = footprint
        .mappings
        .iter()
        .find(|mapping| pools.contains(&mapping.name) && mapping.bytes.get() == bytes)
    {
        return Some(KnownSize::Pool(mapping.name));
    }
    let guard = own.guard_size.get();
    let slot = own.memory_reservation.get().checked_add(guard)?;
    // A guard before it, and the slot; or the guards on both sides.
    let one = [slot, slot.saturating_add(guard)];
    if one.contains(&bytes) {
        return Some(KnownSize::OneMemory);
    }
    let slots = bytes.checked_sub(guard)?.checked_div(slot)?;
    let is_whole = slots.checked_mul(slot)?.checked_add(guard)? == bytes;
    (is_whole && slots > 1).then_some(KnownSize::Memories {
        slots,
        slot: Size::bytes(slot),
        guard: own.guard_size,
    })
}

/// Sizes of programs that we know. Source: V8 of Node.js 18 to 24 and OpenJDK 11 to 24.
fn of_others(name: &str, bytes: u64) -> Option<KnownSize> {
    const MIB: u64 = 1 << 20;
    Some(KnownSize::Other(match (name, bytes / MIB) {
        ("java", 1024) => "its compressed class space (-XX:CompressedClassSpaceSize)",
        ("java", 240 | 48) => "its code cache (-XX:ReservedCodeCacheSize)",
        ("java", 2048..) => "its heap (-Xmx)",
        ("node", 128 | 256 | 512) => "the range of V8 for compiled code",
        ("node", 1_048_576..) => "the sandbox of V8",
        ("node", 8192..=10300) => "a memory of WebAssembly, with its guard",
        ("node", 4096..=4352) => "the cage of V8 for compressed pointers",
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wasmtime_maps_is_known_by_its_size() {
        let version = WasmtimeVersion::major(48);
        let (slot, guard) = ((4u64 << 30) + (32 << 20), Size::mib(32));
        for slots in [1000u64, 42] {
            assert_eq!(
                of_wasmtime(version, slots * slot + guard.get()),
                Some(KnownSize::Memories {
                    slots,
                    slot: Size::bytes(slot),
                    guard
                })
            );
        }
        assert_eq!(
            of_wasmtime(version, 0x1_0400_0000),
            Some(KnownSize::OneMemory)
        );
        assert_eq!(of_wasmtime(version, 1 << 42), None);
        assert_eq!(
            of_wasmtime(version, 1000 * ((2 << 20) + 4096)),
            Some(KnownSize::Pool(MappingName::Stacks))
        );
    }
}

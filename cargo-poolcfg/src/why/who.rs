//! Who: the program that asked for memory, and what it wanted it for, as far as sizes and names tell.

use std::collections::BTreeMap;
use std::path::Path;

use poolcfg_core::{WasmtimeVersion, escaped};

use super::said::is_command;
use super::shape::{Asked, KnownSize, of_wasmtime};
use crate::inspect::{Inspected, Wanted, inspect};
use crate::why::trace::told::MemoryFailure;

/// Who asked.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The name of its file.
    pub(crate) name: String,
    pub(crate) shape: Option<KnownSize>,
    /// The only Wasmtime in it.
    pub(crate) version: Option<WasmtimeVersion>,
    /// Whether it is the `wasmtime` command, be it under another name.
    pub(crate) is_wasmtime: bool,
    /// What it is for people.
    pub(crate) text: String,
}

/// The Wasmtime of each program that was looked into.
#[derive(Debug, Default)]
pub(crate) struct Programs(BTreeMap<String, Option<WasmtimeVersion>>);

impl Programs {
    /// The only Wasmtime in a program.
    fn version(&mut self, program: &str) -> Option<WasmtimeVersion> {
        let look = || match inspect(Path::new(program), Wanted::Program) {
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
        let asked = Asked {
            bytes: failure.bytes,
            protection: failure.protection,
            arguments: &failure.arguments,
        };
        let shape = match version {
            Some(version) => of_wasmtime(version, asked),
            None => of_others(&name, failure.bytes),
        };
        let shown = escaped(&name);
        let program = match version {
            Some(version) if name == "wasmtime" => format!("wasmtime {version}"),
            Some(version) => format!("{shown} (Wasmtime {version})"),
            None => shown.to_string(),
        };
        let mut text = format!("{program}, pid {}", failure.pid);
        match (&failure.mapping, &shape) {
            (Some(mapping), _) => text += &format!(": its mapping `{}`", escaped(mapping)),
            (None, Some(shape)) => text += &format!(": {}", described(shape)),
            (None, None) => {}
        }
        let is_renamed = || version.is_some() && is_command(Path::new(&failure.program));
        Who {
            is_wasmtime: name == "wasmtime" || (shape.is_some() && is_renamed()),
            name,
            shape,
            version,
            text,
        }
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

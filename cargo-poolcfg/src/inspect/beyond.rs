//! Beyond the counts: what files need of a pool's other numbers, each with the key that says it.

use std::path::Path;

use poolcfg_core::file::ConfigFile;
use poolcfg_core::{
    FilePlace, GRAIN, Limits, PoolKeys, ResolvedProcess, Setting, Settings, Size, WasmtimeVersion,
};

use crate::cli::path::shown;
use crate::host::Number;
use crate::inspect::{Between, Needs};

/// A key whose number must not be below what a file needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeededKey {
    TableElements,
    MaxCoreInstanceSize,
    MaxComponentInstanceSize,
    MemoryReservation,
    MaxMemorySize,
}

impl NeededKey {
    pub(crate) const ALL: [Self; 5] = [
        Self::TableElements,
        Self::MaxCoreInstanceSize,
        Self::MaxComponentInstanceSize,
        Self::MemoryReservation,
        Self::MaxMemorySize,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::TableElements => "table_elements",
            Self::MaxCoreInstanceSize => "max_core_instance_size",
            Self::MaxComponentInstanceSize => "max_component_instance_size",
            Self::MemoryReservation => "memory_reservation",
            Self::MaxMemorySize => "max_memory_size",
        }
    }

    /// The number that a host has of it.
    pub(super) const fn number(self) -> Number {
        match self {
            Self::TableElements => Number::TableElements,
            Self::MaxCoreInstanceSize => Number::MaxCoreInstanceSize,
            Self::MaxComponentInstanceSize => Number::MaxComponentInstanceSize,
            Self::MemoryReservation => Number::MemoryReservation,
            Self::MaxMemorySize => Number::MaxMemorySize,
        }
    }

    /// Whether it stands in the table of the pool, and not in that of Wasmtime.
    pub(crate) const fn is_of_pool(self) -> bool {
        matches!(self, Self::MemoryReservation | Self::MaxMemorySize)
    }

    /// Whether it is a size, and not a count.
    pub(crate) const fn is_size(self) -> bool {
        !matches!(self, Self::TableElements)
    }

    /// A value as messages show it.
    pub(crate) fn shown(self, value: u64) -> String {
        match self.is_size() {
            true => Size::bytes(value).exactly().to_string(),
            false => value.to_string(),
        }
    }

    /// The same as poolcfg.toml has it.
    pub(crate) fn typed(self, value: u64) -> String {
        match self.is_size() {
            true => format!("\"{}\"", Size::bytes(value).exact()),
            false => value.to_string(),
        }
    }

    /// A size that is set is one of whole grains.
    pub(super) fn rounded(self, value: u64) -> u64 {
        match self.is_size() {
            true => value.checked_next_multiple_of(GRAIN.get()).unwrap_or(value),
            false => value,
        }
    }

    /// What limits say of it; `None` of a pool that is not Wasmtime's.
    pub(crate) fn of(self, limits: &Limits) -> Option<u64> {
        let wasmtime = limits.wasmtime.as_ref()?;
        Some(match self {
            Self::TableElements => wasmtime.table_elements(limits),
            Self::MaxCoreInstanceSize => wasmtime.max_core_instance_size.get(),
            Self::MaxComponentInstanceSize => wasmtime.max_component_instance_size.get(),
            Self::MemoryReservation => limits.memory_reservation.get(),
            Self::MaxMemorySize => limits.max_memory_size.get(),
        })
    }

    /// What the pool of this name asks of it where no table of the file says it; `None` where one does, which is held to
    /// the files by itself, and if the pool is not Wasmtime's.
    pub(crate) fn unsaid(
        self,
        case: &ResolvedProcess<'_>,
        settings: &Settings<'_>,
        file: &ConfigFile,
        pool: &str,
    ) -> Option<u64> {
        let pools = case.pools();
        let index = pools.iter().position(|resolved| resolved.name == pool)?;
        let keys = settings.pools().get(index)?;
        let said = self.place(keys);
        if said.is_some_and(|place| file.span(place).is_some()) {
            return None;
        }
        // A memory grows no further than its slot.
        let followed = match self {
            Self::MaxMemorySize => Self::MemoryReservation.place(keys),
            _ => None,
        };
        match said.or(followed).and_then(FilePlace::as_flag) {
            // It is held to the files by itself.
            Some(_) => Some(u64::MAX),
            None => self.of(&pools[index].asked),
        }
    }

    /// Where it is said.
    pub(crate) fn place(self, keys: &PoolKeys) -> Option<FilePlace> {
        self.said(keys).map(|said| said.place)
    }

    /// What is said of it.
    pub(crate) fn said(self, keys: &PoolKeys) -> Option<Setting<u64>> {
        let of_size = |size: Option<Setting<Size>>| {
            let Setting { value, place } = size?;
            let value = value.get();
            Some(Setting { value, place })
        };
        match self {
            Self::TableElements => {
                let Setting { value, place } = keys.wasmtime.table_elements?;
                let value = value.into();
                Some(Setting { value, place })
            }
            Self::MaxCoreInstanceSize => of_size(keys.wasmtime.max_core_instance_size),
            Self::MaxComponentInstanceSize => of_size(keys.wasmtime.max_component_instance_size),
            Self::MemoryReservation => of_size(keys.memory_reservation),
            Self::MaxMemorySize => of_size(keys.max_memory_size),
        }
    }

    pub(crate) fn needed(self, needs: &Needs, version: WasmtimeVersion) -> Between {
        let exactly = |number| Between {
            least: number,
            most: number,
        };
        match self {
            Self::TableElements => needs.table_elements,
            Self::MaxCoreInstanceSize => needs.largest_instance,
            Self::MaxComponentInstanceSize => needs.component_size(version),
            Self::MemoryReservation | Self::MaxMemorySize => exactly(needs.memory(version)),
        }
    }

    /// What is to be said of a value that may be too little, since versions differ; `None` if it is enough, or refused.
    pub(crate) fn doubt<'f>(
        self,
        has: u64,
        files: impl IntoIterator<Item = (&'f Path, &'f Needs)>,
        version: WasmtimeVersion,
    ) -> Option<String> {
        let files = files.into_iter();
        let each = files.map(|(path, needs)| (path, self.needed(needs, version).most));
        let (path, most) = each.max_by_key(|(_, most)| *most)?;
        let [has_shown, shown_most] = [has, most].map(|value| self.shown(value));
        (has < most).then(|| {
            format!(
                "`{}` is {has_shown}, and `{}` may need up to {shown_most}, depending on the version of Wasmtime",
                self.word(),
                shown(path)
            )
        })
    }

    /// The most that any of some files needs; `None` if there is none.
    pub(crate) fn most<'f>(
        self,
        files: impl IntoIterator<Item = (&'f Path, &'f Needs)>,
        version: WasmtimeVersion,
    ) -> Option<Need<'f>> {
        let each = files.into_iter().map(|(path, needs)| {
            let needed = self.needed(needs, version);
            Need {
                path,
                least: needed.least,
                most: self.rounded(needed.most),
            }
        });
        // The first of several that need as much.
        each.reduce(|one, other| match other.most > one.most {
            true => other,
            false => one,
        })
    }
}

/// How much a file needs of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need<'f> {
    pub(crate) path: &'f Path,
    /// Less is refused.
    pub(crate) least: u64,
    /// So much is enough, whatever the version; in whole grains where it is a size.
    pub(crate) most: u64,
}

/// The first of some files that has a shared memory of its own.
pub(crate) fn shared<'f>(
    files: impl IntoIterator<Item = (&'f Path, &'f Needs)>,
) -> Option<&'f Path> {
    let mut files = files.into_iter();
    let (path, _) = files.find(|(_, needs)| needs.has_own_shared)?;
    Some(path)
}

/// From this version on nobody makes a shared memory unless that is switched on. Source: `Config::shared_memory` in
/// crates/wasmtime/src/config.rs (v40; not in v39).
const SHARED_IS_ASKED_FOR: u32 = 40;

/// What switches on that a Wasmtime of this version makes shared memories; `None` if nothing has to.
pub(crate) fn switches_on_shared(version: WasmtimeVersion) -> Option<&'static str> {
    (version.major >= SHARED_IS_ASKED_FOR)
        .then_some("`-W shared-memory=y`, or `Config::shared_memory(true)` in a program")
}

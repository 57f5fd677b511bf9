//! Faults: what is wrong with the numbers of a file before anything is fitted, and their codes.

use crate::setting::{Engine, Place};
use crate::size::Size;
use crate::target::{Arch, Os, Target};
use crate::text::Text;
use crate::wasmtime::{WasmtimeFeature, WasmtimeVersion};

/// The code of a mistake, for `cargo poolcfg --explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The pools do not fit the holes.
    Misfit,
    /// The pools need more mappings than the kernel allows.
    TooManyMaps,
    /// The file is not TOML.
    Syntax,
    /// An unknown key or table.
    UnknownKey,
    /// A value of the wrong type or out of its range.
    WrongType,
    /// A size that is none, or in a decimal unit.
    BadSize,
    /// A word that the key does not know.
    UnknownWord,
    /// A reservation that is not a multiple of the page.
    NotMultiple,
    /// A memory that may grow beyond its reservation.
    MemoryAboveReservation,
    /// Fewer instances asked than are needed.
    MinAboveMax,
    /// A count or a size of zero where one is needed.
    Zero,
    /// A sum above 64 bits.
    Overflow,
    /// A VA profile that nobody knows.
    UnknownProfile,
    /// A VA profile of another target.
    ProfileOfOtherTarget,
    /// A VA profile of one's own that describes no machine.
    BadProfile,
    /// A pool that the file does not have.
    UnknownPool,
    /// More pools than there may be, or a name that no pool can have.
    BadPool,
    /// A target that nobody knows.
    UnknownTarget,
    /// Target tables that no cfg tells apart.
    SameTarget,
    /// A cfg expression that cannot be read, or that command and compiler would judge differently.
    BadCfg,
    /// No poolcfg.toml where one is needed.
    NoFile,
    /// A file that cannot be read or written.
    Io,
    /// A file in the way that poolcfg has not written.
    ForeignFile,
    /// A generated file that is not current.
    Stale,
    /// cargo or rustc could not be run, or did not do what was asked.
    Tool,
    /// Something that this version does not do.
    Unsupported,
    /// No version of Wasmtime, or none that is supported.
    BadVersion,
    /// A key of another engine than the pool's.
    OtherEngine,
    /// A key that needs a feature or a version of Wasmtime, or a machine, that is not there.
    LacksFeature,
    /// Numbers that Wasmtime's `Engine::new` refuses.
    RefusedByWasmtime,
    /// No guard, in a version of Wasmtime that then shows one instance's memory to the next.
    GuardLeaks,
    /// poolcfg.toml and Cargo.lock name different versions or features of Wasmtime.
    OutOfSync,
    /// The project uses no Wasmtime, or it cannot be told which.
    NoWasmtime,
    /// A host that cannot be told what the limits say.
    HostCannot,
    /// A mapping that is charged when it is made, above the machine's RAM and swap.
    TooMuchMemory,
}

const CODES: [(Code, &str); 35] = [
    (Code::Misfit, "PC0001"),
    (Code::TooManyMaps, "PC0002"),
    (Code::Syntax, "PC0003"),
    (Code::UnknownKey, "PC0004"),
    (Code::WrongType, "PC0005"),
    (Code::BadSize, "PC0006"),
    (Code::UnknownWord, "PC0007"),
    (Code::NotMultiple, "PC0008"),
    (Code::MemoryAboveReservation, "PC0009"),
    (Code::MinAboveMax, "PC0010"),
    (Code::Zero, "PC0011"),
    (Code::Overflow, "PC0012"),
    (Code::UnknownProfile, "PC0013"),
    (Code::ProfileOfOtherTarget, "PC0014"),
    (Code::BadProfile, "PC0015"),
    (Code::UnknownPool, "PC0016"),
    (Code::BadPool, "PC0017"),
    (Code::UnknownTarget, "PC0018"),
    (Code::SameTarget, "PC0019"),
    (Code::BadCfg, "PC0020"),
    (Code::NoFile, "PC0021"),
    (Code::Io, "PC0022"),
    (Code::ForeignFile, "PC0023"),
    (Code::Stale, "PC0024"),
    (Code::Tool, "PC0025"),
    (Code::Unsupported, "PC0026"),
    (Code::BadVersion, "PC0027"),
    (Code::OtherEngine, "PC0028"),
    (Code::LacksFeature, "PC0029"),
    (Code::RefusedByWasmtime, "PC0030"),
    (Code::GuardLeaks, "PC0031"),
    (Code::OutOfSync, "PC0032"),
    (Code::NoWasmtime, "PC0033"),
    (Code::HostCannot, "PC0034"),
    (Code::TooMuchMemory, "PC0035"),
];

impl Code {
    /// Every code, in the order of its numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|(code, _)| *code)
    }

    /// How it is written, such as `PC0001`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        CODES
            .iter()
            .find(|(code, _)| *code == self)
            .map_or("PC0000", |(_, text)| text)
    }

    /// The code that is written so, in either case.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        CODES
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(text))
            .map(|(code, _)| *code)
    }
}

/// What is wrong with the numbers of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<'a> {
    /// A count or a size of zero where one is needed.
    Zero {
        /// The key.
        key: &'static str,
        /// The pool.
        pool: &'a str,
        /// Where it is set.
        place: Place,
    },
    /// `min_instances` above `max_instances`.
    MinAboveMax {
        /// The least that is of use.
        min_instances: u32,
        /// What is asked.
        max_instances: u32,
        /// The pool.
        pool: &'a str,
        /// Where `min_instances` is set.
        place: Place,
    },
    /// `memory_reservation` is not a multiple of 64 KiB and of the page.
    NotMultiple {
        /// The reservation.
        memory_reservation: Size,
        /// The pool.
        pool: &'a str,
        /// Where it is set.
        place: Place,
    },
    /// `max_memory_size` above `memory_reservation`.
    MemoryAboveReservation {
        /// How far the memory may grow.
        max_memory_size: Size,
        /// What is kept for it.
        memory_reservation: Size,
        /// The pool.
        pool: &'a str,
        /// Where `max_memory_size` is set.
        place: Place,
    },
    /// The sum of the pool's sizes is above 2^64 - 1 bytes.
    Overflow {
        /// The pool.
        pool: &'a str,
        /// Where `max_instances` is set.
        place: Place,
    },
    /// No profile of that name.
    UnknownProfile {
        /// The name.
        name: &'a str,
        /// Where it is set.
        place: Place,
    },
    /// A profile of another architecture or system.
    ProfileOfOtherTarget {
        /// The name.
        name: &'a str,
        /// The architecture it is for.
        arch: Arch,
        /// The system it is for.
        os: Os,
        /// The target that was asked for.
        target: Target,
        /// Where it is set.
        place: Place,
    },
    /// A pool of Wasmtime's without its version.
    NoVersion {
        /// The pool.
        pool: &'a str,
        /// Where the engine is set.
        place: Place,
    },
    /// Settings of Wasmtime's in a pool that does not say whose it is.
    NoEngine {
        /// The pool.
        pool: &'a str,
        /// Where the first of them is set.
        place: Place,
    },
    /// A key that the pool's engine does not have.
    OtherEngine {
        /// The key.
        key: &'static str,
        /// The pool's engine.
        engine: Engine,
        /// The pool.
        pool: &'a str,
        /// Where it is set.
        place: Place,
    },
    /// A key that needs a feature which Wasmtime is built without, or does not have yet.
    LacksFeature {
        /// The key.
        key: &'static str,
        /// The feature.
        feature: WasmtimeFeature,
        /// The version.
        version: WasmtimeVersion,
        /// Whether the feature is listed, and the version does not know it.
        listed: bool,
        /// The pool.
        pool: &'a str,
        /// Where it is set.
        place: Place,
    },
    /// Memory protection keys on a machine that has none.
    KeysOfOtherTarget {
        /// The target.
        target: Target,
        /// The pool.
        pool: &'a str,
        /// Where they are set.
        place: Place,
    },
    /// More memory protection keys than a process gets.
    TooManyKeys {
        /// The keys.
        keys: u32,
        /// How many there are.
        most: u32,
        /// The pool.
        pool: &'a str,
        /// Where they are set.
        place: Place,
    },
    /// `max_wasm_stack` above the stack that it is a part of.
    WasmStackAboveStack {
        /// What WebAssembly may use.
        max_wasm_stack: Size,
        /// The whole stack.
        stack_reservation: Size,
        /// The pool.
        pool: &'a str,
        /// Where the one or the other is set.
        place: Place,
    },
    /// A guard below that of a dynamic memory.
    GuardTooSmall {
        /// The guard.
        guard_size: Size,
        /// The least.
        least: Size,
        /// The version that refuses it.
        version: WasmtimeVersion,
        /// The pool.
        pool: &'a str,
        /// Where it is set.
        place: Place,
    },
    /// No guard and a small slot, in a version that does not reset what such a slot lets be seen.
    GuardLeaks {
        /// The version.
        version: WasmtimeVersion,
        /// The pool.
        pool: &'a str,
        /// Where the guard is set.
        place: Place,
    },
    /// A memory of more pages than the version counts.
    MemoryAbovePages {
        /// How far the memory may grow.
        max_memory_size: Size,
        /// As far as it can.
        most: Size,
        /// The version.
        version: WasmtimeVersion,
        /// The pool.
        pool: &'a str,
        /// Where it is set.
        place: Place,
    },
    /// A total above 2^32 - 1.
    TooMany {
        /// The pool.
        pool: &'a str,
        /// Where `max_instances` is set.
        place: Place,
    },
}

impl Fault<'_> {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Zero { .. } => Code::Zero,
            Self::MinAboveMax { .. } => Code::MinAboveMax,
            Self::NotMultiple { .. } => Code::NotMultiple,
            Self::MemoryAboveReservation { .. } => Code::MemoryAboveReservation,
            Self::Overflow { .. } => Code::Overflow,
            Self::UnknownProfile { .. } => Code::UnknownProfile,
            Self::ProfileOfOtherTarget { .. } => Code::ProfileOfOtherTarget,
            Self::NoVersion { .. } => Code::BadVersion,
            Self::NoEngine { .. } | Self::OtherEngine { .. } => Code::OtherEngine,
            Self::LacksFeature { .. }
            | Self::KeysOfOtherTarget { .. }
            | Self::TooManyKeys { .. } => Code::LacksFeature,
            Self::WasmStackAboveStack { .. }
            | Self::GuardTooSmall { .. }
            | Self::MemoryAbovePages { .. } => Code::RefusedByWasmtime,
            Self::GuardLeaks { .. } => Code::GuardLeaks,
            Self::TooMany { .. } => Code::Overflow,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::Zero { place, .. }
            | Self::MinAboveMax { place, .. }
            | Self::NotMultiple { place, .. }
            | Self::MemoryAboveReservation { place, .. }
            | Self::Overflow { place, .. }
            | Self::UnknownProfile { place, .. }
            | Self::ProfileOfOtherTarget { place, .. }
            | Self::NoVersion { place, .. }
            | Self::NoEngine { place, .. }
            | Self::OtherEngine { place, .. }
            | Self::LacksFeature { place, .. }
            | Self::KeysOfOtherTarget { place, .. }
            | Self::TooManyKeys { place, .. }
            | Self::WasmStackAboveStack { place, .. }
            | Self::GuardTooSmall { place, .. }
            | Self::GuardLeaks { place, .. }
            | Self::MemoryAbovePages { place, .. }
            | Self::TooMany { place, .. } => *place,
        }
    }

    /// The sentence, without place and help.
    #[must_use]
    pub const fn message(&self) -> Text {
        let text = Text::new();
        match self {
            Self::Zero { key, pool, .. } => of_pool(text.str("`").str(key).str("` is zero"), pool),
            Self::MinAboveMax {
                min_instances,
                max_instances,
                pool,
                ..
            } => {
                let text = text
                    .str("`min_instances = ")
                    .number(*min_instances)
                    .str("` is above `max_instances = ")
                    .number(*max_instances)
                    .str("`");
                of_pool(text, pool)
            }
            Self::NotMultiple {
                memory_reservation,
                pool,
                ..
            } => {
                let text = text
                    .str("`memory_reservation` of ")
                    .u64(memory_reservation.get())
                    .str(" bytes is not a multiple of 64 KiB, the WebAssembly page and the largest page of a kernel");
                of_pool(text, pool)
            }
            Self::MemoryAboveReservation {
                max_memory_size,
                memory_reservation,
                pool,
                ..
            } => {
                let text = text
                    .str("`max_memory_size` of ")
                    .text(&max_memory_size.exact());
                let text = text
                    .str(" is above `memory_reservation` of ")
                    .text(&memory_reservation.exact());
                of_pool(text, pool)
            }
            Self::Overflow { pool, .. } => of_pool(
                text.str("the sizes add up to more than 2^64 - 1 bytes"),
                pool,
            ),
            Self::UnknownProfile { name, .. } => {
                text.str("no VA profile is called `").str(name).str("`")
            }
            Self::ProfileOfOtherTarget {
                name,
                arch,
                os,
                target,
                ..
            } => text
                .str("VA profile `")
                .str(name)
                .str("` is of ")
                .str(arch.name())
                .str(" ")
                .str(os.name())
                .str(", and the target is ")
                .str(target.arch.name())
                .str(" ")
                .str(target.os.name()),
            Self::NoVersion { pool, .. } => of_pool(
                text.str("`engine = \"wasmtime\"` and no version of Wasmtime"),
                pool,
            ),
            Self::NoEngine { pool, .. } => of_pool(
                text.str("settings of Wasmtime, and the engine is `native` where nothing is said"),
                pool,
            ),
            Self::OtherEngine {
                key, engine, pool, ..
            } => of_pool(
                text.str("the engine `")
                    .str(engine.word())
                    .str("` has no `")
                    .str(key)
                    .str("`"),
                pool,
            ),
            Self::LacksFeature {
                key,
                feature,
                version,
                listed,
                pool,
                ..
            } => {
                let text = text.str("`").str(key).str("` needs Wasmtime's ");
                let text = if *listed {
                    feature_of(text, *feature)
                        .str(", and version `")
                        .number(version.major)
                        .str("` does not have it")
                } else {
                    feature_of(text, *feature).str(", which `features` does not list")
                };
                of_pool(text, pool)
            }
            Self::KeysOfOtherTarget { target, pool, .. } => of_pool(
                text.str("memory protection keys are of x86_64 linux, and the target is ")
                    .str(target.arch.name())
                    .str(" ")
                    .str(target.os.name()),
                pool,
            ),
            Self::TooManyKeys {
                keys, most, pool, ..
            } => of_pool(
                text.str("`memory_protection_keys = ")
                    .number(*keys)
                    .str("` is above the ")
                    .number(*most)
                    .str(" that a process gets"),
                pool,
            ),
            Self::WasmStackAboveStack {
                max_wasm_stack,
                stack_reservation,
                pool,
                ..
            } => {
                let text = text
                    .str("`max_wasm_stack` of ")
                    .text(&max_wasm_stack.exact());
                let text = text
                    .str(" is above `stack_reservation` of ")
                    .text(&stack_reservation.exact());
                of_pool(text, pool)
            }
            Self::GuardTooSmall {
                guard_size,
                least,
                version,
                pool,
                ..
            } => {
                let text = text.str("`guard_size` of ").text(&guard_size.exact());
                let text = text
                    .str(" is below ")
                    .text(&least.exact())
                    .str(", the guard of dynamic memories in Wasmtime ")
                    .number(version.major);
                of_pool(text, pool)
            }
            Self::GuardLeaks { version, pool, .. } => {
                let text = text
                    .str("without guard and below 4 GiB of `memory_reservation`, Wasmtime ")
                    .number(version.major)
                    .str(" shows an instance what another one wrote (GHSA-6wgr-89rj-399p)");
                of_pool(text, pool)
            }
            Self::MemoryAbovePages {
                max_memory_size,
                most,
                version,
                pool,
                ..
            } => {
                let text = text
                    .str("`max_memory_size` of ")
                    .text(&max_memory_size.exact());
                let text = text
                    .str(" is above ")
                    .text(&most.exact())
                    .str(", the most of Wasmtime ")
                    .number(version.major);
                of_pool(text, pool)
            }
            Self::TooMany { pool, .. } => of_pool(
                text.str("`max_instances` times what each has is more than 2^32 - 1"),
                pool,
            ),
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> Text {
        let text = Text::new();
        match self {
            Self::Zero { key, .. } => {
                // A reservation is counted in grains.
                let least = if crate::size::same(key, "memory_reservation") {
                    "\"64KiB\""
                } else if crate::size::same(key, "max_wasm_stack") {
                    "\"4KiB\""
                } else {
                    "1"
                };
                text.str("set `")
                    .str(key)
                    .str("` to ")
                    .str(least)
                    .str(" or more, or leave it out")
            }
            Self::MinAboveMax { max_instances, .. } => text
                .str("set `min_instances` to ")
                .number(*max_instances)
                .str(" or less"),
            Self::NotMultiple {
                memory_reservation, ..
            } => {
                let text = text.str("the next multiple is ");
                match memory_reservation.round_up(crate::size::GRAIN) {
                    Some(rounded) => text.str("\"").text(&rounded.exact()).str("\""),
                    None => text.str("above 2^64 - 1 bytes: use a smaller one"),
                }
            }
            Self::MemoryAboveReservation {
                memory_reservation, ..
            } => text
                .str("set `max_memory_size` to \"")
                .text(&memory_reservation.exact())
                .str("\" or less, or reserve more"),
            Self::Overflow { .. } => {
                text.str("lower `max_instances`, `memory_reservation`, `guard_size` or `pools`")
            }
            Self::UnknownProfile { .. } => text.str("`cargo poolcfg profiles` lists every profile"),
            Self::ProfileOfOtherTarget { arch, .. } => text
                .str("put it under `[target.'cfg(target_arch = \"")
                .str(arch.name())
                .str("\")'.address_space]`, or leave it out to take the target's floor"),
            Self::NoVersion { .. } => text.str(
                "`cargo poolcfg sync` writes the one of Cargo.lock, or write `version = \"48\"` into the pool's `wasmtime` table",
            ),
            Self::NoEngine { .. } => {
                text.str("write `engine = \"wasmtime\"` into the table above, or `engine = \"native\"` to leave them out")
            }
            Self::OtherEngine { .. } => text.str("set `table_elements` in its `wasmtime` table"),
            Self::LacksFeature { feature, listed, key, .. } => {
                if *listed {
                    text.str("take `").str(key).str("` out, or use a later version")
                } else {
                    text.str("take `")
                        .str(key)
                        .str("` out, or build Wasmtime with `")
                        .str(feature.word())
                        .str("` and list it")
                }
            }
            Self::KeysOfOtherTarget { .. } => text.str(
                "put it under `[target.'cfg(all(target_arch = \"x86_64\", target_os = \"linux\"))'.pooling_allocator.wasmtime]`",
            ),
            Self::TooManyKeys { most, .. } => text
                .str("set `memory_protection_keys` to ")
                .number(*most)
                .str(" or less"),
            Self::WasmStackAboveStack { max_wasm_stack, .. } => text
                .str("set `stack_reservation` to more than \"")
                .text(&max_wasm_stack.exact())
                .str("\", since host functions run on the rest, or lower `max_wasm_stack`"),
            Self::GuardTooSmall { least, .. } => text
                .str("set `guard_size` to \"")
                .text(&least.exact())
                .str("\" or more"),
            Self::GuardLeaks { .. } => text.str(
                "set `guard_size` to \"64KiB\", or use 36.0.7, 42.0.2, 43.0.1, 44 or later and write that version in full",
            ),
            Self::MemoryAbovePages { most, .. } => text
                .str("set `max_memory_size` to \"")
                .text(&most.exact())
                .str("\" or less"),
            Self::TooMany { .. } => text.str(
                "lower `max_instances`, or the counts of memories, tables, core instances or heaps per instance",
            ),
        }
    }
}

const fn feature_of(text: Text, feature: WasmtimeFeature) -> Text {
    text.str("feature `").str(feature.word()).str("`")
}

const fn of_pool(text: Text, pool: &str) -> Text {
    if pool.is_empty() {
        return text;
    }
    text.str(" in pool `").str(pool).str("`")
}

/// How many faults are listed at once.
const LISTED: usize = 16;

/// Every fault of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults<'a> {
    list: [Option<Fault<'a>>; LISTED],
    count: usize,
}

impl<'a> Faults<'a> {
    pub(crate) const NONE: Self = Self {
        list: [None; LISTED],
        count: 0,
    };

    pub(crate) const fn and(mut self, fault: Fault<'a>) -> Self {
        if self.count < LISTED {
            self.list[self.count] = Some(fault);
            self.count += 1;
        }
        self
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The faults, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = Fault<'a>> {
        self.list.into_iter().flatten()
    }

    /// All of them as one text, each on a line with its place in `file` and its help.
    #[must_use]
    pub const fn message(&self, file: &str) -> Text {
        let mut text = Text::new();
        let mut i = 0;
        while i < self.count {
            if let Some(fault) = self.list[i] {
                if i > 0 {
                    text = text.str("\n");
                }
                text = text.text(&fault.message());
                text = at(text, file, fault.place());
                text = text.str("; help: ").text(&fault.help());
            }
            i += 1;
        }
        text
    }
}

/// Appends ` (poolcfg.toml:6:17)`, or nothing for what is not in the file.
pub(crate) const fn at(text: Text, file: &str, place: Place) -> Text {
    if place.line == 0 {
        return text;
    }
    text.str(" (")
        .str(file)
        .str(":")
        .number(place.line)
        .str(":")
        .number(place.column)
        .str(")")
}

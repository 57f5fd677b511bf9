//! Faults: what is wrong with the numbers of a file before anything is fitted. `text` has their words, `list` holds
//! all of a case.

mod list;
mod text;

pub use list::Faults;

use crate::base::code::Code;
use crate::base::size::Size;
use crate::base::text::Text;
use crate::engine::Engine;
use crate::engine::wasmtime::{WasmtimeFeature, WasmtimeVersion};
use crate::setting::Place;
use crate::target::{Arch, Os, Target};

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
        /// The system it is for; `None` if it is for any, as one of poolcfg.toml's own is.
        os: Option<Os>,
        /// The target that was asked for.
        target: Target,
        /// Where it is set.
        place: Place,
    },
    /// Fewer mappings than the rest of the process is left.
    TooFewMaps {
        /// `vm.max_map_count`, as it is said.
        max_map_count: u32,
        /// Where it is set.
        place: Place,
    },
    /// A limit of the process that no process could start under.
    LimitTooSmall {
        /// The key.
        key: &'static str,
        /// The limit.
        limit: Size,
        /// What any process needs.
        least: Size,
        /// Where it is set.
        place: Place,
    },
    /// A limit of the process that leaves nothing beside the headroom.
    LimitBelowHeadroom {
        /// The key.
        key: &'static str,
        /// The limit.
        limit: Size,
        /// What the rest of the process is left.
        headroom: Size,
        /// Where the limit is set.
        place: Place,
    },
    /// No profile is of the target.
    NoAddressSpace {
        /// The target.
        target: Target,
    },
    /// More bits of ASLR than the kernel takes.
    AslrAboveMaximum {
        /// The bits.
        bits: u32,
        /// The most there may be.
        most: u32,
        /// The architecture.
        arch: Arch,
        /// The profile.
        profile: &'a str,
        /// Where they are set.
        place: Place,
    },
    /// A stack limit above the window.
    StackLimitAboveWindow {
        /// The limit.
        stack_limit: Size,
        /// The window.
        window: Size,
        /// The profile.
        profile: &'a str,
        /// Where the limit is set.
        place: Place,
    },
    /// A profile and a shape that leave no hole.
    NoHole {
        /// The profile.
        profile: &'a str,
        /// The window.
        window: Size,
        /// Bits of ASLR.
        bits: u32,
        /// What they take.
        aslr: Size,
        /// The most bits that would leave a hole; `None` if none do.
        fewer: Option<u32>,
        /// The stack limit, where it is one above what `finite` covers.
        stack_limit: Option<Size>,
        /// Where the profile is named, or what is to be changed.
        place: Place,
    },
    /// A headroom that leaves nothing of the holes.
    HeadroomAboveHoles {
        /// The headroom.
        headroom: Size,
        /// What all holes have together.
        have: Size,
        /// The profile.
        profile: &'a str,
        /// Where the headroom is set.
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
    /// A key that this version of Wasmtime has no setting for.
    LacksSetting {
        /// The key, as it is said.
        key: &'static str,
        /// The first major version that has it.
        since: u32,
        /// The version.
        version: WasmtimeVersion,
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
    /// A total that is not enough for one instance.
    TotalTooSmall {
        /// The key.
        key: &'static str,
        /// The total.
        total: u32,
        /// How many one instance has.
        each: u32,
        /// The pool.
        pool: &'a str,
        /// Where the total is set.
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
            Self::MinAboveMax { .. } | Self::TotalTooSmall { .. } => Code::MinAboveMax,
            Self::NotMultiple { .. } => Code::NotMultiple,
            Self::MemoryAboveReservation { .. } => Code::MemoryAboveReservation,
            Self::Overflow { .. } => Code::Overflow,
            Self::UnknownProfile { .. } => Code::UnknownProfile,
            Self::ProfileOfOtherTarget { .. } => Code::ProfileOfOtherTarget,
            Self::TooFewMaps { .. }
            | Self::LimitTooSmall { .. }
            | Self::LimitBelowHeadroom { .. } => Code::NoRoom,
            Self::NoAddressSpace { .. } => Code::NoAddressSpace,
            Self::AslrAboveMaximum { .. }
            | Self::StackLimitAboveWindow { .. }
            | Self::NoHole { .. }
            | Self::HeadroomAboveHoles { .. } => Code::NoRoom,
            Self::NoVersion { .. } => Code::BadVersion,
            Self::NoEngine { .. } | Self::OtherEngine { .. } => Code::OtherEngine,
            Self::LacksFeature { .. }
            | Self::LacksSetting { .. }
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
            Self::NoAddressSpace { .. } => Place::NOWHERE,
            Self::AslrAboveMaximum { place, .. }
            | Self::StackLimitAboveWindow { place, .. }
            | Self::NoHole { place, .. }
            | Self::HeadroomAboveHoles { place, .. }
            | Self::Zero { place, .. }
            | Self::MinAboveMax { place, .. }
            | Self::TotalTooSmall { place, .. }
            | Self::NotMultiple { place, .. }
            | Self::MemoryAboveReservation { place, .. }
            | Self::Overflow { place, .. }
            | Self::UnknownProfile { place, .. }
            | Self::ProfileOfOtherTarget { place, .. }
            | Self::TooFewMaps { place, .. }
            | Self::LimitTooSmall { place, .. }
            | Self::LimitBelowHeadroom { place, .. }
            | Self::NoVersion { place, .. }
            | Self::NoEngine { place, .. }
            | Self::OtherEngine { place, .. }
            | Self::LacksFeature { place, .. }
            | Self::LacksSetting { place, .. }
            | Self::KeysOfOtherTarget { place, .. }
            | Self::TooManyKeys { place, .. }
            | Self::WasmStackAboveStack { place, .. }
            | Self::GuardTooSmall { place, .. }
            | Self::GuardLeaks { place, .. }
            | Self::MemoryAbovePages { place, .. }
            | Self::TooMany { place, .. } => *place,
        }
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

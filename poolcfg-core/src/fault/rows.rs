//! One row for each fault: its fields, code and place, and what it says.

use crate::base::code::Code;
use crate::base::size::{GRAIN, Size};
use crate::base::text::{Text, say};
use crate::engine::Engine;
use crate::engine::wasmtime::{Advisory, WasmtimeFeature, WasmtimeVersion};
use crate::fault::words::{
    a_hole, and_stack_limit, have_feature, in_pool, instead_of, instead_of_limit, lacks, least_of,
    lower_memory, machine, most_instances, next_multiple, or_fewer, or_none, own_key,
};
use crate::setting::FilePlace;
use crate::target::budget::HEADROOM_MAPS;
use crate::target::process::{MAX_MAP_COUNT, MOST_MAPS};
use crate::target::{Arch, Os, Target};

/// Makes the faults of their rows. The fields of a row are there by reference in what it says.
macro_rules! faults {
    ($(
        $(#[$doc:meta])*
        $fault:ident($code:ident, $place:expr) { $($field:ident: $type:ty),* $(,)? }
        message: [$($message:tt)*]
        label: [$($label:tt)*]
        help: [$($help:tt)*]
    )+) => {
        /// What is wrong with the numbers of one target.
        #[allow(missing_docs, reason = "a field is what its row says of it")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault<'a> {
            $($(#[$doc])* $fault { $($field: $type),* },)+
        }

        #[allow(unused_variables, reason = "no text of a row has all of its fields")]
        impl Fault<'_> {
            /// Its code.
            #[must_use]
            pub const fn code(&self) -> Code {
                match self { $(Self::$fault { .. } => Code::$code,)+ }
            }

            /// Where it stands.
            #[must_use]
            pub const fn place(&self) -> FilePlace {
                match self { $(Self::$fault { $($field),* } => *$place,)+ }
            }

            /// The sentence, without place and help.
            #[must_use]
            pub const fn message(&self) -> Text {
                match self { $(Self::$fault { $($field),* } => say!(Text::new(); $($message)*),)+ }
            }

            /// What stands beside the caret; may be empty.
            #[must_use]
            pub const fn label(&self) -> Text {
                match self { $(Self::$fault { $($field),* } => say!(Text::new(); $($label)*),)+ }
            }

            /// What to do about it.
            #[must_use]
            pub const fn help(&self) -> Text {
                match self { $(Self::$fault { $($field),* } => say!(Text::new(); $($help)*),)+ }
            }
        }
    };
}

faults! {
    /// A count or a size of zero where one is needed.
    Zero(Zero, place) { key: &'static str, engine: Engine, pool: &'a str, place: FilePlace }
    message: ["`", str(key), "` is zero", @in_pool(pool)]
    label: ["zero"]
    help: ["set `", str(key), "` to ", str(least_of(key)), " or more, or omit it", str(instead_of(key, *engine))]

    /// `min_instances` above `max_instances`, or where that is not said, above what is asked without it.
    MinAboveMax(MinAboveMax, place) {
        min_instances: u32, max_instances: u32, is_said: bool, pool: &'a str, place: FilePlace
    }
    message: [
        "`min_instances = ", number(*min_instances), "` is above ", @most_instances(*max_instances, *is_said),
        @in_pool(pool)
    ]
    label: ["above ", number(*max_instances), ", the most that are asked"]
    help: ["set `min_instances` to ", number(*max_instances), " or less"]

    /// A total that is not enough for one instance.
    TotalTooSmall(MinAboveMax, place) { key: &'static str, total: u32, each: u32, pool: &'a str, place: FilePlace }
    message: [
        "`", str(key), " = ", number(*total), "` is below the ", number(*each), " that one instance takes",
        @in_pool(pool)
    ]
    label: ["below ", number(*each)]
    help: ["set `", str(key), "` to ", number(*each), " or more", str(or_fewer(*each))]

    /// `memory_reservation` is not a multiple of 64 KiB and of the page.
    NotMultiple(NotMultiple, place) { memory_reservation: Size, pool: &'a str, place: FilePlace }
    message: [
        "`memory_reservation` of ", u64(memory_reservation.get()),
        " bytes is not a multiple of 64 KiB", @in_pool(pool)
    ]
    label: [u64(memory_reservation.get() % GRAIN.get()), " bytes above a multiple of 64 KiB"]
    help: ["the next multiple is ", @next_multiple(*memory_reservation)]

    /// A guard or a stack of less than a page.
    BelowPage(NotMultiple, place) { key: &'static str, size: Size, least: Size, pool: &'a str, place: FilePlace }
    message: ["`", str(key), "` of ", exactly(*size), " is less than a page", @in_pool(pool)]
    label: ["below ", exactly(*least)]
    help: ["set `", str(key), "` to \"", exact(*least), "\" or more", str(or_none(key))]

    /// `max_memory_size` above `memory_reservation`.
    MemoryAboveReservation(MemoryAboveReservation, place) {
        max_memory_size: Size, memory_reservation: Size, pool: &'a str, place: FilePlace
    }
    message: [
        "`max_memory_size` of ", exactly(*max_memory_size), " is above `memory_reservation` of ",
        exactly(*memory_reservation), @in_pool(pool)
    ]
    label: ["above the reservation of ", exactly(*memory_reservation)]
    help: [@lower_memory(*memory_reservation)]

    /// The sum of the pool's sizes is above 2^64 - 1 bytes.
    Overflow(Overflow, place) { pool: &'a str, place: FilePlace }
    message: ["the sizes add up to more than 2^64 - 1 bytes", @in_pool(pool)]
    label: ["too many bytes in all"]
    help: ["lower `max_instances`, `memory_reservation`, `guard_size` or `pools`"]

    /// A total of the file with which the sum of the pool's sizes is above 2^64 - 1 bytes.
    TotalTooLarge(Overflow, place) { key: &'static str, total: u32, pool: &'a str, place: FilePlace }
    message: [
        "with `", str(key), " = ", number(*total), "` the sizes add up to more than 2^64 - 1 bytes", @in_pool(pool)
    ]
    label: ["too many bytes in all"]
    help: ["lower `", str(key), "`, or the size of each"]

    /// No profile of that name.
    UnknownProfile(UnknownProfile, place) { name: &'a str, place: FilePlace }
    message: ["unknown VA profile `", str(name), "`"]
    label: ["unknown profile"]
    help: ["`cargo poolcfg profiles` lists every profile"]

    /// A profile of another architecture or system; `os` is `None` if it is for any, as one of poolcfg.toml's own is.
    ProfileOfOtherTarget(ProfileOfOtherTarget, place) {
        name: &'a str, arch: Arch, os: Option<Os>, target: Target, place: FilePlace
    }
    message: [
        "VA profile `", str(name), "` is for ", @machine(*arch, *os), ", but the target is ",
        @machine(target.arch, if os.is_some() { Some(target.os) } else { None })
    ]
    label: ["for ", @machine(*arch, *os)]
    help: [
        "set it under `[target.'cfg(target_arch = \"", str(arch.name()),
        "\")'.address_space]`, or omit it to use the target's floor"
    ]

    /// Fewer maps than the rest of the process is left.
    TooFewMaps(NoRoom, place) { max_map_count: u32, place: FilePlace }
    message: [
        "`max_map_count = ", number(*max_map_count), "` leaves nothing for pools after the ", u64(HEADROOM_MAPS),
        " maps reserved for the rest of the process"
    ]
    label: ["too few"]
    help: ["raise `max_map_count`, or omit it to use the kernel's default of ", u64(MAX_MAP_COUNT)]

    /// More maps than any kernel allows.
    TooManyMaps(NoRoom, place) { max_map_count: u32, place: FilePlace }
    message: [
        "`max_map_count = ", number(*max_map_count), "` is above ", u64(MOST_MAPS), ", the most that a kernel accepts"
    ]
    label: ["above ", u64(MOST_MAPS)]
    help: ["set it to what `sysctl vm.max_map_count` prints, or omit it to use the kernel's default of ", u64(MAX_MAP_COUNT)]

    /// A limit of the process that no process could start under, or a headroom that none could live with.
    LimitTooSmall(NoRoom, place) { key: &'static str, limit: Size, least: Size, place: FilePlace }
    message: ["`", str(key), "` of ", exactly(*limit), " is below the ", exactly(*least), " that any process needs"]
    label: ["below ", exactly(*least)]
    help: [@instead_of_limit(key)]

    /// A limit of the process that leaves nothing beside the headroom.
    LimitBelowHeadroom(NoRoom, place) { key: &'static str, limit: Size, headroom: Size, place: FilePlace }
    message: [
        "`", str(key), "` of ", exactly(*limit), " leaves nothing for pools after the headroom of ", exactly(*headroom)
    ]
    label: ["not above ", exactly(*headroom)]
    help: [
        "raise the limit, or set `headroom` to what the process uses without its pools: `VmSize` and `VmData` in /proc/PID/status"
    ]

    /// No profile is of the target.
    NoAddressSpace(NoAddressSpace, &FilePlace::NOWHERE) { target: Target }
    message: ["no VA profile covers this target: it has no `mmap`, or its address space is not known"]
    label: []
    help: [
        "remove the target, or describe its machine in `[va_profile.NAME]` and set `va_profile = \"NAME\"` under \
         `[address_space]`"
    ]

    /// More bits of ASLR than the kernel takes.
    AslrAboveMaximum(NoRoom, place) { bits: u32, most: u32, arch: Arch, profile: &'a str, place: FilePlace }
    message: [
        "`aslr = ", number(*bits), "` is above the ", number(*most), " bits that ", str(arch.name()), " ", str(profile),
        " takes"
    ]
    label: ["above ", number(*most), " bits"]
    help: [
        "set `aslr` to ", number(*most),
        " or less, or to \"maximum\"; `sysctl vm.mmap_rnd_bits` prints the value of a kernel"
    ]

    /// Fewer bits of ASLR than the kernel takes.
    AslrBelowMinimum(NoRoom, place) { bits: u32, least: u32, arch: Arch, profile: &'a str, place: FilePlace }
    message: [
        "`aslr = ", number(*bits), "` is below ", number(*least), ", the fewest bits that ", str(arch.name()), " ",
        str(profile), " takes"
    ]
    label: ["below ", number(*least), " bits"]
    help: [
        "set `aslr` to ", number(*least),
        " or more, to \"minimum\", or to 0 for `setarch -R`; `sysctl vm.mmap_rnd_bits` prints the value of a kernel"
    ]

    /// A stack limit above the window.
    StackLimitAboveWindow(NoRoom, place) { stack_limit: Size, window: Size, profile: &'a str, place: FilePlace }
    message: [
        "`stack_limit` of ", exactly(*stack_limit), " is not below the window of `", str(profile), "`, ",
        available(*window)
    ]
    label: ["not below the window"]
    help: ["set `stack_limit` to less than the window, or to \"unlimited\" for `ulimit -s unlimited`"]

    /// A profile and a shape that leave no hole. `fewer` are the most bits of ASLR that would leave one, and
    /// `stack_limit` is one above what `finite` covers; each is `None` if there is none.
    NoHole(NoRoom, place) {
        profile: &'a str, window: Size, bits: u32, aslr: Size, fewer: Option<u32>, stack_limit: Option<Size>,
        place: FilePlace
    }
    message: [
        "VA profile `", str(profile), "` leaves no hole: ", number(*bits), " bits of ASLR take ", available(*aslr),
        @and_stack_limit(*stack_limit), " of a window of ", available(*window)
    ]
    label: ["leaves no hole"]
    help: [@a_hole(*stack_limit, *fewer)]

    /// A headroom that leaves nothing of the holes.
    HeadroomAboveHoles(NoRoom, place) { headroom: Size, have: Size, profile: &'a str, place: FilePlace }
    message: [
        "`headroom` of ", exactly(*headroom), " leaves nothing for pools: all holes of `", str(profile),
        "` together have ", available(*have)
    ]
    label: ["more than there is"]
    help: ["set `headroom` to less than ", available(*have), ", or omit it"]

    /// A pool of Wasmtime's without its version.
    NoVersion(BadVersion, place) { pool: &'a str, place: FilePlace }
    message: ["`engine = \"wasmtime\"` needs a Wasmtime version", @in_pool(pool)]
    label: ["no version"]
    help: [
        "run `cargo poolcfg sync` to take it from Cargo.lock, or add `version = \"48\"` to the pool's `wasmtime` table"
    ]

    /// Settings of Wasmtime's in a pool that does not say whose it is.
    NoEngine(OtherEngine, place) { pool: &'a str, place: FilePlace }
    message: ["Wasmtime settings need `engine = \"wasmtime\"`, but the engine is `native`", @in_pool(pool)]
    label: ["Wasmtime settings"]
    help: ["add `engine = \"wasmtime\"` to the table above, or remove the `wasmtime` table"]

    /// A key that the pool's engine does not have.
    OtherEngine(OtherEngine, place) { key: &'static str, engine: Engine, pool: &'a str, place: FilePlace }
    message: ["engine `", str(engine.word()), "` has no key `", str(key), "`", @in_pool(pool)]
    label: ["only for the engine `native`"]
    help: ["set `", str(own_key(key)), "` in its `wasmtime` table"]

    /// A key that needs a feature which Wasmtime is built without, or does not have yet though it is `listed`.
    LacksFeature(LacksFeature, place) {
        key: &'static str, feature: WasmtimeFeature, version: WasmtimeVersion, listed: bool, pool: &'a str,
        place: FilePlace
    }
    message: [
        "`", str(key), "` needs Wasmtime's feature `", str(feature.word()), "`", @lacks(*version, *listed), @in_pool(pool)
    ]
    label: ["needs `", str(feature.word()), "`"]
    help: ["remove `", str(key), "`, or ", @have_feature(*feature, *listed)]

    /// A key that this version of Wasmtime has no setting for, and the first that has it.
    LacksSetting(LacksFeature, place) {
        key: &'static str, since: u32, version: WasmtimeVersion, pool: &'a str, place: FilePlace
    }
    message: [
        "`", str(key), "` needs Wasmtime ", number(*since), ", but the version is `", number(version.major), "`",
        @in_pool(pool)
    ]
    label: ["requires Wasmtime ", number(*since), " or later"]
    help: ["remove it, or use Wasmtime ", number(*since), " or later"]

    /// Memory protection keys on a machine that has none.
    KeysOfOtherTarget(LacksFeature, place) { target: Target, pool: &'a str, place: FilePlace }
    message: [
        "memory protection keys are only available on x86_64-linux, but the target is ",
        @machine(target.arch, Some(target.os)), @in_pool(pool)
    ]
    label: ["only for x86_64-linux"]
    help: [
        "set it under `[target.'cfg(all(target_arch = \"x86_64\", target_os = \"linux\"))'\
         .pooling_allocator.wasmtime]`"
    ]

    /// More memory protection keys than a process gets.
    TooManyKeys(LacksFeature, place) { keys: u32, most: u32, pool: &'a str, place: FilePlace }
    message: [
        "`memory_protection_keys = ", number(*keys), "` is above the ", number(*most), " that a process gets",
        @in_pool(pool)
    ]
    label: ["above ", number(*most)]
    help: ["set `memory_protection_keys` to ", number(*most), " or less"]

    /// `max_wasm_stack` above the stack that it is a part of.
    WasmStackAboveStack(RefusedByWasmtime, place) {
        max_wasm_stack: Size, stack_reservation: Size, pool: &'a str, place: FilePlace
    }
    message: [
        "`max_wasm_stack` of ", exactly(*max_wasm_stack), " is above `stack_reservation` of ", exactly(*stack_reservation),
        @in_pool(pool)
    ]
    label: ["the stack has ", exactly(*stack_reservation)]
    help: [
        "set `stack_reservation` to more than \"", exact(*max_wasm_stack),
        "\", since host functions run on the rest, or lower `max_wasm_stack`"
    ]

    /// A core instance smaller than any is.
    InstanceTooSmall(RefusedByWasmtime, place) { size: Size, least: Size, pool: &'a str, place: FilePlace }
    message: [
        "`max_core_instance_size` of ", exactly(*size), " is below ", exactly(*least),
        ", what an instance of an empty module takes", @in_pool(pool)
    ]
    label: ["below ", exactly(*least)]
    help: ["set `max_core_instance_size` to \"1KiB\" or more, or omit it; `cargo poolcfg inspect FILE` says what a file needs"]

    /// A collected heap in a memory that has no page.
    HeapBelowPage(RefusedByWasmtime, place) { max_memory_size: Size, pool: &'a str, place: FilePlace }
    message: [
        "`max_memory_size` of ", exactly(*max_memory_size),
        " leaves collected heaps nothing: they lie in memories, and grow by pages of 64 KiB", @in_pool(pool)
    ]
    label: ["below 64 KiB"]
    help: ["set `max_memory_size` to \"", exact(GRAIN), "\" or more, or remove `gc_heaps_per_instance`"]

    /// A guard below that of a dynamic memory.
    GuardTooSmall(RefusedByWasmtime, place) {
        guard_size: Size, least: Size, version: WasmtimeVersion, pool: &'a str, place: FilePlace
    }
    message: [
        "`guard_size` of ", exactly(*guard_size), " is below ", exactly(*least),
        ", the guard of dynamic memories in Wasmtime ", number(version.major), @in_pool(pool)
    ]
    label: ["below ", exactly(*least)]
    help: ["set `guard_size` to \"", exact(*least), "\" or more"]

    /// No guard and a small slot, in a version that does not reset what such a slot lets be seen.
    GuardLeaks(GuardLeaks, place) { version: WasmtimeVersion, pool: &'a str, place: FilePlace }
    message: [
        "without a guard and with a `memory_reservation` below 4 GiB, Wasmtime ", number(version.major), " ",
        str(Advisory::NO_GUARD.effect), " (", str(Advisory::NO_GUARD.source), ")", @in_pool(pool)
    ]
    label: ["no guard"]
    help: [
        "set `guard_size` to \"64KiB\", or use ", str(Advisory::NO_GUARD.fixed_in),
        " or later and write that version in full"
    ]

    /// A memory of more pages than the version counts.
    MemoryAbovePages(RefusedByWasmtime, place) {
        max_memory_size: Size, most: Size, version: WasmtimeVersion, pool: &'a str, place: FilePlace
    }
    message: [
        "`max_memory_size` of ", exactly(*max_memory_size), " is above ", exactly(*most), ", the maximum in Wasmtime ",
        number(version.major), @in_pool(pool)
    ]
    label: ["above ", exactly(*most)]
    help: ["set `max_memory_size` to \"", exact(*most), "\" or less"]

    /// A total above 2^32 - 1.
    TooMany(Overflow, place) { pool: &'a str, place: FilePlace }
    message: ["`max_instances` times the counts of one instance is more than 2^32 - 1", @in_pool(pool)]
    label: ["too many in all"]
    help: ["lower `max_instances`, or the counts of memories, tables, core instances or heaps per instance"]
}

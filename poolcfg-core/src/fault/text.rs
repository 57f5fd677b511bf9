//! The words of each fault: what is wrong, and what to do about it.

use super::Fault;
use crate::base::text::Text;
use crate::engine::wasmtime::{Advisory, WasmtimeFeature};
use crate::target::budget::HEADROOM_MAPS;
use crate::target::process::MAX_MAP_COUNT;

impl Fault<'_> {
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
            Self::TotalTooSmall {
                key,
                total,
                each,
                pool,
                ..
            } => {
                let text = text.str("`").str(key).str(" = ").number(*total);
                let text = text.str("` is below the ").number(*each);
                of_pool(text.str(" that one instance takes"), pool)
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
                text.str("unknown VA profile `").str(name).str("`")
            }
            Self::ProfileOfOtherTarget {
                name,
                arch,
                os,
                target,
                ..
            } => {
                let text = text.str("VA profile `").str(name).str("` is for ");
                let text = text.str(arch.name());
                let text = match os {
                    Some(os) => text.str("-").str(os.name()),
                    None => text,
                };
                let text = text.str(", but the target is ").str(target.arch.name());
                match os {
                    Some(_) => text.str("-").str(target.os.name()),
                    None => text,
                }
            }
            Self::TooFewMaps { max_map_count, .. } => text
                .str("`max_map_count = ")
                .number(*max_map_count)
                .str("` leaves nothing to pools beside the ")
                .u64(HEADROOM_MAPS)
                .str(" mappings of the rest of the process"),
            Self::LimitTooSmall {
                key, limit, least, ..
            } => {
                let text = text.str("`").str(key).str("` of ").text(&limit.exact());
                let text = text.str(" is below the ").text(&least.exact());
                text.str(" that any process needs")
            }
            Self::LimitBelowHeadroom {
                key,
                limit,
                headroom,
                ..
            } => {
                let text = text.str("`").str(key).str("` of ").text(&limit.exact());
                let text = text.str(" leaves nothing to pools beside the headroom of ");
                text.text(&headroom.exact())
            }
            Self::NoAddressSpace { .. } => text.str(
                "no VA profile covers this target: it has no `mmap`, or its address space is not known",
            ),
            Self::AslrAboveMaximum {
                bits,
                most,
                arch,
                profile,
                ..
            } => text
                .str("`aslr = ")
                .number(*bits)
                .str("` is above the ")
                .number(*most)
                .str(" bits that ")
                .str(arch.name())
                .str(" ")
                .str(profile)
                .str(" takes"),
            Self::StackLimitAboveWindow {
                stack_limit,
                window,
                profile,
                ..
            } => {
                let text = text.str("`stack_limit` of ").text(&stack_limit.exact());
                let text = text
                    .str(" is not below the window of `")
                    .str(profile)
                    .str("`, ");
                window.available().write(text)
            }
            Self::NoHole {
                profile,
                window,
                bits,
                aslr,
                stack_limit,
                ..
            } => {
                let text = text
                    .str("VA profile `")
                    .str(profile)
                    .str("` leaves no hole: ");
                let text = aslr
                    .available()
                    .write(text.number(*bits).str(" bits of ASLR take "));
                let text = match stack_limit {
                    Some(limit) => text.str(" and the stack limit ").text(&limit.exact()),
                    None => text,
                };
                window.available().write(text.str(" of a window of "))
            }
            Self::HeadroomAboveHoles {
                headroom,
                have,
                profile,
                ..
            } => {
                let text = text.str("`headroom` of ").text(&headroom.exact());
                let text = text
                    .str(" leaves nothing for pools: all holes of `")
                    .str(profile)
                    .str("` together have ");
                have.available().write(text)
            }
            Self::NoVersion { pool, .. } => of_pool(
                text.str("`engine = \"wasmtime\"` needs a Wasmtime version"),
                pool,
            ),
            Self::NoEngine { pool, .. } => of_pool(
                text.str("Wasmtime settings need `engine = \"wasmtime\"`, but the engine is `native`"),
                pool,
            ),
            Self::OtherEngine {
                key, engine, pool, ..
            } => of_pool(
                text.str("engine `")
                    .str(engine.word())
                    .str("` has no key `")
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
                        .str(", but version `")
                        .number(version.major)
                        .str("` does not have it")
                } else {
                    feature_of(text, *feature).str(", which `features` does not list")
                };
                of_pool(text, pool)
            }
            Self::LacksSetting {
                key,
                since,
                version,
                pool,
                ..
            } => of_pool(
                text.str("`")
                    .str(key)
                    .str("` needs Wasmtime ")
                    .number(*since)
                    .str(", but the version is `")
                    .number(version.major)
                    .str("`"),
                pool,
            ),
            Self::KeysOfOtherTarget { target, pool, .. } => of_pool(
                text.str("memory protection keys are only available on x86_64-linux, but the target is ")
                    .str(target.arch.name())
                    .str("-")
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
                    .str(" ")
                    .str(Advisory::NO_GUARD.effect)
                    .str(" (")
                    .str(Advisory::NO_GUARD.source)
                    .str(")");
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
                    .str(", the maximum in Wasmtime ")
                    .number(version.major);
                of_pool(text, pool)
            }
            Self::TooMany { pool, .. } => of_pool(
                text.str("`max_instances` times the counts of one instance is more than 2^32 - 1"),
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
                let least = if crate::base::consts::same(key, "memory_reservation") {
                    "\"64KiB\""
                } else if crate::base::consts::same(key, "max_wasm_stack") {
                    "\"4KiB\""
                } else {
                    "1"
                };
                text.str("set `")
                    .str(key)
                    .str("` to ")
                    .str(least)
                    .str(" or more, or omit it")
            }
            Self::MinAboveMax { max_instances, .. } => text
                .str("set `min_instances` to ")
                .number(*max_instances)
                .str(" or less"),
            Self::TotalTooSmall { key, each, .. } => text
                .str("set `")
                .str(key)
                .str("` to ")
                .number(*each)
                .str(" or more, or lower what one instance has"),
            Self::NotMultiple {
                memory_reservation, ..
            } => {
                let text = text.str("the next multiple is ");
                match memory_reservation.round_up(crate::base::size::GRAIN) {
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
                .str("set it under `[target.'cfg(target_arch = \"")
                .str(arch.name())
                .str("\")'.address_space]`, or omit it to use the target's floor"),
            Self::TooFewMaps { .. } => text
                .str("raise it, or omit it to use the kernel's default of ")
                .u64(MAX_MAP_COUNT),
            Self::LimitTooSmall { .. } => text.str("raise it, or omit it if there is no limit"),
            Self::LimitBelowHeadroom { .. } => text.str(
                "raise it, or set `headroom` to what the process has beside its pools: `VmSize` and `VmData` of /proc/PID/status tell",
            ),
            Self::NoAddressSpace { .. } => text.str(
                "remove the target, or describe its machine in `[va_profile.NAME]` and set `va_profile = \"NAME\"` under `[address_space]`",
            ),
            Self::AslrAboveMaximum { most, .. } => text
                .str("set `aslr` to ")
                .number(*most)
                .str(" or less, or to \"maximum\"; `sysctl vm.mmap_rnd_bits` prints the value of a kernel"),
            Self::StackLimitAboveWindow { .. } => text.str(
                "set `stack_limit` to less than the window, or to \"unlimited\" for `ulimit -s unlimited`",
            ),
            Self::NoHole {
                fewer, stack_limit, ..
            } => match (stack_limit, fewer) {
                (Some(_), _) => text.str("lower `stack_limit`, or `aslr` where the kernel has less"),
                (None, Some(bits)) => text
                    .str("set `aslr` to what the kernel has (`sysctl vm.mmap_rnd_bits`): ")
                    .number(*bits)
                    .str(" bits or less leave a hole"),
                (None, None) => text.str("use a profile with a larger window"),
            },
            Self::HeadroomAboveHoles { have, .. } => have
                .available()
                .write(text.str("set `headroom` to less than "))
                .str(", or omit it"),
            Self::NoVersion { .. } => text.str(
                "run `cargo poolcfg sync` to take it from Cargo.lock, or add `version = \"48\"` to the pool's `wasmtime` table",
            ),
            Self::NoEngine { .. } => {
                text.str("add `engine = \"wasmtime\"` to the table above, or remove the `wasmtime` table")
            }
            Self::OtherEngine { .. } => text.str("set `table_elements` in its `wasmtime` table"),
            Self::LacksFeature { feature, listed, key, .. } => {
                if *listed {
                    text.str("remove `").str(key).str("`, or use a later version")
                } else {
                    text.str("remove `")
                        .str(key)
                        .str("`, or build Wasmtime with `")
                        .str(feature.word())
                        .str("` and list it")
                }
            }
            Self::LacksSetting { since, .. } => text
                .str("remove it, or use Wasmtime ")
                .number(*since)
                .str(" or later"),
            Self::KeysOfOtherTarget { .. } => text.str(
                "set it under `[target.'cfg(all(target_arch = \"x86_64\", target_os = \"linux\"))'.pooling_allocator.wasmtime]`",
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
            Self::GuardLeaks { .. } => text
                .str("set `guard_size` to \"64KiB\", or use ")
                .str(Advisory::NO_GUARD.fixed_in)
                .str(" or later and write that version in full"),
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

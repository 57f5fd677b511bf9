//! Words that several faults share, or that depend on what a fault is about.

use crate::base::consts::same;
use crate::base::size::{GRAIN, Size};
use crate::base::text::{Text, say};
use crate::engine::Engine;
use crate::engine::wasmtime::{WasmtimeFeature, WasmtimeVersion};
use crate::target::{Arch, Os};

pub(super) const fn in_pool(text: Text, pool: &str) -> Text {
    if pool.is_empty() {
        return text;
    }
    text.str(" in pool `").str(pool).str("`")
}

/// The most instances that a pool asks for, by its key where that says so.
pub(super) const fn most_instances(text: Text, instances: u32, is_said: bool) -> Text {
    if is_said {
        return say!(text; "`max_instances = ", number(instances), "`");
    }
    say!(text; "the ", number(instances), " instances that are asked without `max_instances`")
}

/// Wasmtime's own key for what a key of native pools says.
pub(super) const fn own_key(key: &str) -> &'static str {
    if same(key, "guard_before") {
        "guard_before_linear_memory"
    } else {
        "table_elements"
    }
}

/// The least value of a key that must not be zero. A reservation is counted in grains.
pub(super) const fn least_of(key: &str) -> &'static str {
    if same(key, "memory_reservation") {
        "\"64KiB\""
    } else if same(key, "max_wasm_stack") {
        "\"4KiB\""
    } else if same(key, "max_core_instance_size") || same(key, "max_component_instance_size") {
        "\"1KiB\""
    } else {
        "1"
    }
}

/// What a key may say instead, where there may be none of what it is about.
pub(super) const fn or_none(key: &str) -> &'static str {
    if same(key, "guard_size") {
        ", or to 0 for no guard"
    } else if same(key, "stack_reservation") {
        ", or to 0 for no stacks"
    } else {
        ""
    }
}

/// What to write for a limit that is too small for any process.
pub(super) const fn instead_of_limit(text: Text, key: &str) -> Text {
    text.str(if same(key, "headroom") {
        "raise `headroom`, omit it to use the default, or set it to 0 to give all of the holes to pools"
    } else if same(key, "stack_limit") {
        "raise `stack_limit`, or omit it: all small stack limits leave the same holes"
    } else {
        "raise the limit, or omit it if there is none"
    })
}

/// What a pool may have instead of what a key says is none.
pub(super) const fn instead_of(key: &str, engine: Engine) -> &'static str {
    if same(key, "memory_reservation") && engine.is(Engine::Native) {
        "; or write `table_reservation` or `stack_reservation`, for a pool of those only"
    } else {
        ""
    }
}

/// What else helps where one instance takes more of a total than there is. No instance can do with less than one.
pub(super) const fn or_fewer(each: u32) -> &'static str {
    if each > 1 {
        ", or lower what one instance has"
    } else {
        ""
    }
}

pub(super) const fn lower_memory(text: Text, reservation: Size) -> Text {
    if reservation.is_zero() {
        return text.str("omit `max_memory_size`: the pool has no memories");
    }
    say!(
        text;
        "set `max_memory_size` to \"", exact(reservation), "\" or less, or raise `memory_reservation`"
    )
}

pub(super) const fn next_multiple(text: Text, size: Size) -> Text {
    match size.round_up(GRAIN) {
        Some(rounded) => say!(text; "\"", exact(rounded), "\""),
        None => text.str("above 2^64 - 1 bytes: use a smaller one"),
    }
}

pub(super) const fn machine(text: Text, arch: Arch, os: Option<Os>) -> Text {
    let text = text.str(arch.name());
    match os {
        Some(os) => say!(text; "-", str(os.name())),
        None => text,
    }
}

pub(super) const fn and_stack_limit(text: Text, limit: Option<Size>) -> Text {
    match limit {
        Some(limit) => say!(text; " and the stack limit ", exactly(limit)),
        None => text,
    }
}

/// What leaves a hole.
pub(super) const fn a_hole(text: Text, stack_limit: Option<Size>, fewer: Option<u32>) -> Text {
    match (stack_limit, fewer) {
        (Some(_), _) => text.str("lower `stack_limit`, or `aslr` where the kernel has less"),
        (None, Some(bits)) => {
            let text = text.str("set `aslr` to what the kernel has (`sysctl vm.mmap_rnd_bits`): ");
            say!(text; number(bits), " bits or less leave a hole")
        }
        (None, None) => text.str("use a profile with a larger window"),
    }
}

pub(super) const fn lacks(text: Text, version: WasmtimeVersion, listed: bool) -> Text {
    if listed {
        say!(text; ", but version `", number(version.major), "` does not have it")
    } else {
        text.str(", which `features` does not list")
    }
}

/// What gives a key its feature.
pub(super) const fn have_feature(text: Text, feature: WasmtimeFeature, listed: bool) -> Text {
    if listed {
        text.str("use a later version")
    } else {
        say!(text; "build Wasmtime with `", str(feature.word()), "` and list it")
    }
}

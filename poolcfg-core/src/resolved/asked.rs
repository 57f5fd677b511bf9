//! What is asked of one pool: the keys of poolcfg.toml, with the defaults of its engine.

use crate::base::consts::wide;
use crate::base::size::Size;
use crate::engine::Engine;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{
    Defaults, InstanceDefaults, STACK, Wasmtime, WasmtimeFeature, WasmtimeVersion,
};
use crate::setting::{OnMisfit, PoolKeys, value_or};
use crate::target::{Arch, Os, Target};

/// The native engine's numbers when nothing is said: instances, reservation, guard.
const fn defaults(target: Target) -> (u32, Size, Size) {
    if target.pointer_width < 64 {
        // What Wasmtime takes on 32 bits: crates/environ/src/tunables.rs:294 (default_u32).
        (100, Size::mib(10), Size::kib(64))
    } else if matches!(target.arch, Arch::X86_64) && !matches!(target.os, Os::Ios) {
        (1000, Size::gib(4), Size::mib(32))
    } else {
        (100, Size::gib(2), Size::mib(32))
    }
}

/// Whose pool it is: the native engine's where nothing is said.
pub(super) const fn engine(keys: &PoolKeys) -> Engine {
    value_or(&keys.engine, Engine::Native)
}

/// The most that a memory may grow to where its reservation has room for it: what is said, or else Wasmtime's own; a
/// native pool's grow as far as they are reserved.
pub(super) const fn most_memory(keys: &PoolKeys, target: Target) -> Size {
    let default = match (engine(keys), &keys.wasmtime.version) {
        (Engine::Wasmtime, Some(version)) => Defaults::new(version.value, target).max_memory_size,
        _ => Size::bytes(u64::MAX),
    };
    value_or(&keys.max_memory_size, default)
}

pub(super) const fn native(keys: &PoolKeys, target: Target) -> Limits {
    let (instances, reservation, guard) = defaults(target);
    let memory_reservation = value_or(&keys.memory_reservation, reservation);
    Limits {
        max_instances: value_or(&keys.max_instances, instances),
        memory_reservation,
        max_memory_size: value_or(&keys.max_memory_size, memory_reservation),
        guard_size: value_or(&keys.guard_size, guard),
        guard_before: value_or(&keys.guard_before, true),
        table_reservation: value_or(&keys.table_reservation, Size::kib(160)),
        stack_reservation: value_or(&keys.stack_reservation, Size::mib(2)),
        pools: value_or(&keys.pools, 1),
        wasmtime: None,
    }
}

impl Limits {
    /// The defaults of a version of Wasmtime on a target.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Arch, Limits, Os, Size, Target, WasmtimeVersion};
    /// let target = Target::new(Arch::Riscv64, Os::Linux, 64);
    /// let own = Limits::of_wasmtime(WasmtimeVersion::major(48), target);
    /// assert_eq!((own.max_instances, own.guard_size), (1000, Size::mib(32)));
    /// ```
    #[must_use]
    pub const fn of_wasmtime(version: WasmtimeVersion, target: Target) -> Self {
        of_wasmtime(version, &PoolKeys::EMPTY, target, None, false)
    }
}

/// What is asked of a pool of Wasmtime's, and the same with the fewest tables: see [`ResolvedPool::least`](super::ResolvedPool::least).
pub(super) const fn asked_and_least(
    version: WasmtimeVersion,
    keys: &PoolKeys,
    target: Target,
    host: Option<InstanceDefaults>,
) -> (Limits, Limits) {
    // Totals that nobody wrote are lowered with the rest.
    let lowered = matches!(on_misfit(keys), OnMisfit::Shrink);
    let Some(instance) = InstanceDefaults::of(&keys.wasmtime, host) else {
        let asked = of_wasmtime(version, keys, target, None, false);
        return (asked, of_wasmtime(version, keys, target, None, lowered));
    };
    let instance = instance.within(&keys.wasmtime);
    let asked = of_wasmtime(version, keys, target, Some(instance), false);
    let fewest = InstanceDefaults {
        tables: if instance.tables == 0 { 0 } else { 1 },
        table_elements: None,
        ..instance
    };
    let least = of_wasmtime(version, keys, target, Some(fewest), lowered);
    let least = Limits {
        table_reservation: least.table_reservation.min(asked.table_reservation),
        ..least
    };
    match &asked.wasmtime {
        Some(wasmtime) if wasmtime.totals(&asked).is_some() => (asked, least),
        // So many tables cannot be counted.
        _ => (least, least),
    }
}

const fn of_wasmtime(
    version: WasmtimeVersion,
    keys: &PoolKeys,
    target: Target,
    instance: Option<InstanceDefaults>,
    lowered: bool,
) -> Limits {
    let wasmtime = Wasmtime::new(version, &keys.wasmtime, target, instance);
    let defaults = Defaults::new(version, target);
    let memory_reservation = value_or(&keys.memory_reservation, defaults.reservation);
    let elements = match instance {
        Some(InstanceDefaults {
            table_elements: Some(elements),
            ..
        }) => elements,
        _ => defaults.table_elements,
    };
    let elements = value_or(&keys.wasmtime.table_elements, elements);
    let stack = if wasmtime.has(WasmtimeFeature::Async) {
        STACK
    } else {
        Size::ZERO
    };
    let limits = Limits {
        max_instances: value_or(&keys.max_instances, defaults.instances),
        memory_reservation,
        max_memory_size: value_or(
            &keys.max_memory_size,
            // A memory above its reservation is refused, so the default goes down with it.
            defaults.max_memory_size.min(memory_reservation),
        ),
        guard_size: value_or(&keys.guard_size, defaults.guard_size),
        guard_before: true,
        // 2^32 elements of 8 bytes do not overflow.
        table_reservation: Size::bytes(wide(elements) * wasmtime.element_size.get()),
        stack_reservation: value_or(&keys.stack_reservation, stack),
        pools: value_or(&keys.pools, 1),
        wasmtime: Some(wasmtime),
    };
    wasmtime.with_totals(limits, keys, lowered)
}

/// What happens where a pool does not fit: what somebody wrote is not lowered silently.
pub(super) const fn on_misfit(keys: &PoolKeys) -> OnMisfit {
    match &keys.on_misfit {
        Some(setting) => setting.value,
        None if keys.max_instances.is_none()
            && keys.memory_reservation.is_none()
            && keys.wasmtime.first_total().is_none() =>
        {
            OnMisfit::Shrink
        }
        None => OnMisfit::Error,
    }
}

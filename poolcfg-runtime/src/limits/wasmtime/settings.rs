//! The settings of Wasmtime's configuration, by the names of its own setters.

use poolcfg_core::{Code, Limits, Totals};

use crate::limits::wasmtime::fallback::stop;

/// Every setting of `wasmtime::PoolingAllocationConfig` and `wasmtime::Config` that sizes or bounds the
/// pool, by the name of its setter. Sizes are bytes.
///
/// ```
/// # use poolcfg_runtime::WasmtimeLimits;
/// fn told(limits: &WasmtimeLimits) -> String {
///     let settings = limits.settings();
///     assert_eq!(settings.settings().tunables(), limits.tunables());
///     format!("{} memories of {} bytes", settings.total_memories, settings.memory_reservation)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WasmtimeSettings {
    /// `PoolingAllocationConfig::total_memories`
    pub total_memories: u32,
    /// `PoolingAllocationConfig::total_tables`
    pub total_tables: u32,
    /// `PoolingAllocationConfig::total_stacks`, with the feature `async`
    pub total_stacks: u32,
    /// `PoolingAllocationConfig::total_core_instances`
    pub total_core_instances: u32,
    /// `PoolingAllocationConfig::total_component_instances`
    pub total_component_instances: u32,
    /// `PoolingAllocationConfig::total_gc_heaps`, with the feature `gc`
    pub total_gc_heaps: u32,
    /// `PoolingAllocationConfig::max_memories_per_module`
    pub max_memories_per_module: u32,
    /// `PoolingAllocationConfig::max_tables_per_module`
    pub max_tables_per_module: u32,
    /// `PoolingAllocationConfig::max_memory_size`
    pub max_memory_size: u64,
    /// `PoolingAllocationConfig::table_elements`
    pub table_elements: u64,
    /// `PoolingAllocationConfig::max_core_instance_size`
    pub max_core_instance_size: u64,
    /// `PoolingAllocationConfig::max_component_instance_size`
    pub max_component_instance_size: u64,
    /// `PoolingAllocationConfig::linear_memory_keep_resident`
    pub linear_memory_keep_resident: u64,
    /// `PoolingAllocationConfig::table_keep_resident`
    pub table_keep_resident: u64,
    /// Whether `PoolingAllocationConfig::pagemap_scan` is to be `Enabled::Auto` (37 and later).
    pub pagemap_scan: bool,
    /// `PoolingAllocationConfig::max_memory_protection_keys`; with 0 `memory_protection_keys` stays off.
    pub memory_protection_keys: u32,
    /// Whether `PoolingAllocationConfig::memory_protection_keys` is to be `Enabled::Auto`, and not `Enabled::Yes`.
    pub memory_protection_keys_auto: bool,
    /// `Config::async_stack_size`, with the feature `async`
    pub async_stack_size: u64,
    /// `Config::max_wasm_stack`
    pub max_wasm_stack: u64,
    /// `Config::memory_reservation`
    pub memory_reservation: u64,
    /// `Config::memory_guard_size`
    pub memory_guard_size: u64,
    /// `Config::memory_may_move`
    pub memory_may_move: bool,
    /// `Config::guard_before_linear_memory`
    pub guard_before_linear_memory: bool,
}

/// The settings of the pool that compiled code depends on. A .cwasm is refused by an engine in which one of
/// them is another. Source: crates/wasmtime/src/engine/serialization.rs, `check_tunables` (v28 to v50).
///
/// ```
/// # use poolcfg_runtime::{Checked, Tunables};
/// /// Whether code that was compiled with these tunables can be loaded.
/// fn can_load(compiled: &Tunables, checked: &Checked) -> bool {
///     compiled.tunables() == checked.tunables()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tunables {
    /// `Config::memory_reservation`, in bytes
    pub memory_reservation: u64,
    /// `Config::memory_guard_size`, in bytes
    pub memory_guard_size: u64,
    /// `Config::memory_may_move`
    pub memory_may_move: bool,
    /// `Config::guard_before_linear_memory`
    pub guard_before_linear_memory: bool,
}

impl WasmtimeSettings {
    pub(crate) const fn new(limits: &Limits) -> Self {
        let Some(wasmtime) = &limits.wasmtime else {
            panic!("`WasmtimeLimits` without a Wasmtime version");
        };
        // More than can be counted is a fault of the settings, found before there are limits.
        let Some(Totals {
            memories,
            tables,
            stacks,
            core_instances,
            component_instances,
            gc_heaps,
        }) = wasmtime.totals(limits)
        else {
            panic!("totals of `WasmtimeLimits` above 2^32 - 1");
        };
        Self {
            total_memories: memories,
            total_tables: tables,
            total_stacks: stacks,
            total_core_instances: core_instances,
            total_component_instances: component_instances,
            total_gc_heaps: gc_heaps,
            max_memories_per_module: wasmtime.memories_per_instance,
            max_tables_per_module: wasmtime.max_tables_per_module(),
            max_memory_size: limits.max_memory_size.get(),
            table_elements: wasmtime.table_elements(limits),
            max_core_instance_size: wasmtime.max_core_instance_size.get(),
            max_component_instance_size: wasmtime.max_component_instance_size.get(),
            linear_memory_keep_resident: wasmtime.memory_keep_resident.get(),
            table_keep_resident: wasmtime.table_keep_resident.get(),
            pagemap_scan: wasmtime.pagemap_scan,
            memory_protection_keys: wasmtime.memory_protection_keys,
            memory_protection_keys_auto: wasmtime.memory_protection_keys_auto,
            async_stack_size: wasmtime.async_stack_size(limits).get(),
            max_wasm_stack: wasmtime.max_wasm_stack.get(),
            memory_reservation: limits.memory_reservation.get(),
            memory_guard_size: limits.guard_size.get(),
            memory_may_move: wasmtime.memory_may_move(limits),
            guard_before_linear_memory: wasmtime.guard_before_linear_memory,
        }
    }

    /// These settings, so that every type with settings has this method.
    #[must_use]
    pub const fn settings(&self) -> Self {
        *self
    }

    /// The settings that compiled code depends on.
    #[must_use]
    pub const fn tunables(&self) -> Tunables {
        Tunables {
            memory_reservation: self.memory_reservation,
            memory_guard_size: self.memory_guard_size,
            memory_may_move: self.memory_may_move,
            guard_before_linear_memory: self.guard_before_linear_memory,
        }
    }
}

impl Tunables {
    /// These tunables, so that every type with tunables has this method.
    #[must_use]
    pub const fn tunables(&self) -> Self {
        *self
    }
}

/// A size as a setter takes it; one that does not fit the address space was never guaranteed.
#[doc(hidden)]
#[must_use]
pub fn native(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Asserts that there is a value for each setting that the limits need and only the program can give.
///
/// # Panics
/// If one is not.
#[doc(hidden)]
pub fn must_be_named(settings: WasmtimeSettings, keys: &[&str], scan: &[&str]) {
    let enabled = if settings.memory_protection_keys_auto {
        "Auto"
    } else {
        "Yes"
    };
    let code = Code::ConfigureWasmtime;
    if settings.memory_protection_keys > 0 && keys.is_empty() {
        stop(
            code,
            format_args!(
                "the limits have memory protection keys: add `memory_protection_keys = wasmtime::Enabled::{enabled}` \
                 to `configure_wasmtime!`"
            ),
        );
    }
    if settings.pagemap_scan && scan.is_empty() {
        stop(
            code,
            format_args!(
                "the limits have `pagemap_scan` on (the default from Wasmtime 50 if pages are kept): add \
                 `pagemap_scan = wasmtime::Enabled::Auto` to `configure_wasmtime!`, or write \
                 `pagemap_scan = false` into poolcfg.toml"
            ),
        );
    }
}

/// Hands limits to the program's own `wasmtime`, from version 28 on.
///
/// `configure_wasmtime!(limits => config, pooling)` sets everything that sizes or bounds the pool on a
/// `wasmtime::Config` and a `wasmtime::PoolingAllocationConfig`; `limits` are what a recheck has found
/// ([`Checked`](crate::Checked)), or [`WasmtimeLimits`](crate::WasmtimeLimits) for what is guaranteed.
/// Everything else of both stays as the program sets it, but leave the settings for collected heaps
/// (`gc_heap_*`) alone: Wasmtime wants them equal to those of the memories, and copies them.
///
/// ```ignore
/// let checked = POOL.recheck()?;
/// let mut config = wasmtime::Config::new();
/// let mut pooling = wasmtime::PoolingAllocationConfig::default();
/// poolcfg_runtime::configure_wasmtime!(checked => config, pooling);
/// config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pooling));
/// let held = checked.hold();
/// let engine = wasmtime::Engine::new(&config)?;
/// drop(held);
/// ```
/// [`Held`](crate::Held) keeps the places of the file's other pools while the engine maps its own. `checked` has to live as long
/// as the engine.
///
/// Two settings take a value whose type has another name in other versions, so the program names the value,
/// and it is set only where the limits want it. Either may be left out where they never do:
///
/// ```ignore
/// configure_wasmtime!(
///     checked => config, pooling,
///     memory_protection_keys = wasmtime::Enabled::Yes,
///     pagemap_scan = wasmtime::Enabled::Auto,
/// );
/// ```
/// - `memory_protection_keys`, where the limits have such keys: `Enabled::Yes`, or `MpkEnabled::Enable` up to
///   36. With `memory_protection_keys = "auto"` in poolcfg.toml it is `Enabled::Auto`, or `MpkEnabled::Auto` up to
///   36: Wasmtime then uses the keys that the machine has, and what is guaranteed fits without any. A number of
///   keys with `Auto` would map more than what fits on a machine without keys.
/// - `pagemap_scan`, where [`WasmtimeSettings::pagemap_scan`] is set: only those of the pages that stay resident
///   are cleared that were written, where the kernel tells (Linux 6.7), and not all of them. By default that is
///   from Wasmtime 50 on where pages stay (`memory_keep_resident` and `table_keep_resident` in poolcfg.toml).
///   Do not set it beside the macro before 50: from 37 to 49 the scan misses pages that were swapped out, and
///   the next instance reads what the one before left
///   ([PR 14357](https://github.com/bytecodealliance/wasmtime/pull/14357)).
///
/// `configure_wasmtime!(limits => config)` sets only what compiled code depends on, for the step that
/// precompiles it:
///
/// ```ignore
/// let mut config = wasmtime::Config::new();
/// config.target("riscv64gc-unknown-linux-gnu")?;
/// poolcfg_runtime::configure_wasmtime!(POOL => config);
/// std::fs::write("app.cwasm", wasmtime::Engine::new(&config)?.precompile_component(&bytes)?)?;
/// ```
///
/// # Panics
/// If the limits have memory protection keys and no value is named for them, or Wasmtime is built without
/// them: its slots would then be larger than those that fit. If the limits have `pagemap_scan` on and no value
/// is named for it.
#[macro_export]
macro_rules! configure_wasmtime {
    (@set $settings:ident => $config:expr, $pooling:expr) => {{
        // Setters that a feature of Wasmtime switches off are then found here, and do nothing.
        #[allow(unused_imports, reason = "not needed where every feature is on")]
        use $crate::__private::{ConfigFallback as _, PoolingFallback as _};
        use $crate::__private::native;
        $crate::configure_wasmtime!($settings => $config);
        let config = &mut $config;
        let _ = config.max_wasm_stack(native($settings.max_wasm_stack));
        let _ = config.async_stack_size(native($settings.async_stack_size));
        let pooling = &mut $pooling;
        let _ = pooling.total_memories($settings.total_memories);
        let _ = pooling.total_tables($settings.total_tables);
        let _ = pooling.total_stacks($settings.total_stacks);
        let _ = pooling.total_core_instances($settings.total_core_instances);
        let _ = pooling.total_component_instances($settings.total_component_instances);
        let _ = pooling.total_gc_heaps($settings.total_gc_heaps);
        let _ = pooling.max_memories_per_module($settings.max_memories_per_module);
        let _ = pooling.max_tables_per_module($settings.max_tables_per_module);
        let _ = pooling.max_memory_size(native($settings.max_memory_size));
        let _ = pooling.table_elements(native($settings.table_elements));
        let _ = pooling.max_core_instance_size(native($settings.max_core_instance_size));
        let _ = pooling.max_component_instance_size(native($settings.max_component_instance_size));
        let _ = pooling.linear_memory_keep_resident(native($settings.linear_memory_keep_resident));
        let _ = pooling.table_keep_resident(native($settings.table_keep_resident));
        if $settings.memory_protection_keys > 0 {
            let _ = pooling.max_memory_protection_keys(
                native(u64::from($settings.memory_protection_keys)),
            );
        }
    }};
    ($limits:expr => $config:expr $(,)?) => {{
        let tunables = $limits.tunables();
        let config = &mut $config;
        let _ = config.memory_reservation(tunables.memory_reservation);
        let _ = config.memory_guard_size(tunables.memory_guard_size);
        let _ = config.memory_may_move(tunables.memory_may_move);
        let _ = config.guard_before_linear_memory(tunables.guard_before_linear_memory);
    }};
    (
        $limits:expr => $config:expr, $pooling:expr
        $(, memory_protection_keys = $keys:expr)?
        $(, pagemap_scan = $scan:expr)?
        $(,)?
    ) => {{
        let settings = $limits.settings();
        $crate::__private::must_be_named(
            settings,
            [$(stringify!($keys))?].as_slice(),
            [$(stringify!($scan))?].as_slice(),
        );
        $crate::configure_wasmtime!(@set settings => $config, $pooling);
        $(if settings.memory_protection_keys > 0 {
            let _ = $pooling.memory_protection_keys($keys);
        })?
        $(if settings.pagemap_scan {
            let _ = $pooling.pagemap_scan($scan);
        })?
    }};
    ($($other:tt)*) => {
        ::core::compile_error!(
            "PC0053: expected `configure_wasmtime!(limits => config)` or `configure_wasmtime!(limits => config, pooling)`, \
             and behind `pooling` at most `memory_protection_keys = VALUE` and `pagemap_scan = VALUE`, in this \
             order\nnote: `cargo poolcfg --explain PC0053` says more"
        )
    };
}

//! Limits of Wasmtime's: rechecked in this very process, and handed to configurations with the setters of
//! Wasmtime's own, with and without those that its features switch.

mod common;

use common::wasmtime_limits;
#[cfg(target_arch = "x86_64")]
use poolcfg_runtime::__private::ProtectionKeys;
use poolcfg_runtime::__private::{PoolKeys, Setting};
use poolcfg_runtime::{Size, WasmtimeLimits, configure_wasmtime};

/// Gives a type the setters of one of Wasmtime's, each of which notes what it is told.
macro_rules! configuration {
    ($name:ident { $($setter:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Default)]
        struct $name(std::collections::BTreeMap<&'static str, String>);

        #[allow(dead_code, reason = "what is for x86_64 is told on x86_64 only")]
        impl $name {
            $(fn $setter(&mut self, value: $type) -> &mut Self {
                self.0.insert(stringify!($setter), value.to_string());
                self
            })*

            fn told(&self, setter: &str) -> Option<&str> {
                self.0.get(setter).map(String::as_str)
            }
        }
    };
}

/// Wasmtime 28 and later with every feature.
mod with_features {
    configuration!(Config {
        memory_reservation: u64,
        memory_guard_size: u64,
        memory_may_move: bool,
        guard_before_linear_memory: bool,
        max_wasm_stack: usize,
        async_stack_size: usize,
    });
    configuration!(Pooling {
        total_memories: u32,
        total_tables: u32,
        total_stacks: u32,
        total_core_instances: u32,
        total_component_instances: u32,
        total_gc_heaps: u32,
        max_memories_per_module: u32,
        max_tables_per_module: u32,
        max_memory_size: usize,
        table_elements: usize,
        max_core_instance_size: usize,
        max_component_instance_size: usize,
        linear_memory_keep_resident: usize,
        table_keep_resident: usize,
        max_memory_protection_keys: usize,
        memory_protection_keys: bool,
        pagemap_scan: bool,
    });

    #[test]
    fn every_setting_is_told() {
        let mut config = Config::default();
        let mut pooling = Pooling::default();
        super::configure_wasmtime!(super::POOL => config, pooling);
        let settings = super::POOL.settings();
        assert_eq!(config.0.len(), 6);
        assert_eq!(
            config.told("memory_reservation"),
            Some(settings.memory_reservation.to_string().as_str())
        );
        assert_eq!(
            config.told("memory_may_move"),
            Some(settings.memory_may_move.to_string().as_str())
        );
        assert_eq!(config.told("async_stack_size"), Some("2097152"));
        // Those for protection keys stay untold where there are none.
        assert_eq!(pooling.0.len(), 14);
        assert_eq!(pooling.told("total_memories"), Some("8"));
        assert_eq!(pooling.told("total_stacks"), Some("8"));
        assert_eq!(
            pooling.told("total_gc_heaps"),
            Some(settings.total_gc_heaps.to_string().as_str())
        );
        assert_eq!(pooling.told("table_elements"), Some("20000"));
    }

    #[test]
    fn references_are_configured_as_what_they_refer_to() {
        let (mut config, mut pooling) = (Config::default(), Pooling::default());
        let (config, pooling) = (&mut config, &mut pooling);
        super::configure_wasmtime!(super::POOL => *config, *pooling);
        assert_eq!(pooling.told("total_stacks"), Some("8"));
        // Without the star too: what stands in for a missing setter is not taken for it.
        let (mut config, mut pooling) = (Config::default(), Pooling::default());
        let (mut config, mut pooling) = (&mut config, &mut pooling);
        super::configure_wasmtime!(super::POOL => config, pooling);
        assert_eq!(pooling.told("total_stacks"), Some("8"));
        assert_eq!(pooling.told("total_gc_heaps"), Some("8"));
        assert_eq!(config.told("async_stack_size"), Some("2097152"));
    }

    #[test]
    fn the_tunables_are_told_alone_to_a_step_that_precompiles() {
        let mut config = Config::default();
        super::configure_wasmtime!(super::POOL => config);
        assert_eq!(config.0.len(), 4);
        let mut other = Config::default();
        let tunables = super::POOL.tunables();
        super::configure_wasmtime!(tunables => other);
        assert_eq!(config.0, other.0);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn protection_keys_want_a_value_that_switches_them_on() {
        let (mut config, mut pooling) = (Config::default(), Pooling::default());
        super::configure_wasmtime!(super::STRIPED => config, pooling, memory_protection_keys = true);
        assert_eq!(pooling.told("max_memory_protection_keys"), Some("15"));
        assert_eq!(pooling.told("memory_protection_keys"), Some("true"));
        let refused = std::panic::catch_unwind(|| {
            let (mut config, mut pooling) = (Config::default(), Pooling::default());
            super::configure_wasmtime!(super::STRIPED => config, pooling);
        });
        let refused = refused.expect_err("no value is named");
        let text = refused.downcast_ref::<String>().expect("a text");
        assert!(
            text.contains("`memory_protection_keys = wasmtime::Enabled::Yes`"),
            "{text}"
        );
        assert!(text.starts_with("PC0053: "), "{text}");
        assert!(
            text.ends_with("(see `cargo poolcfg --explain PC0053`)"),
            "{text}"
        );
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn auto_keys_want_a_value_that_leaves_it_to_the_machine() {
        let settings = super::AUTO.settings();
        assert!(settings.memory_protection_keys_auto);
        let (mut config, mut pooling) = (Config::default(), Pooling::default());
        super::configure_wasmtime!(super::AUTO => config, pooling, memory_protection_keys = true);
        assert_eq!(pooling.told("max_memory_protection_keys"), Some("15"));
        assert_eq!(pooling.told("memory_protection_keys"), Some("true"));
        let refused = std::panic::catch_unwind(|| {
            let (mut config, mut pooling) = (Config::default(), Pooling::default());
            super::configure_wasmtime!(super::AUTO => config, pooling);
        });
        let refused = refused.expect_err("no value is named");
        let text = refused.downcast_ref::<String>().expect("a text");
        assert!(
            text.contains("`memory_protection_keys = wasmtime::Enabled::Auto`"),
            "{text}"
        );
    }

    #[test]
    fn the_scan_wants_a_value_that_switches_it_on() {
        let (mut config, mut pooling) = (Config::default(), Pooling::default());
        super::configure_wasmtime!(super::KEPT => config, pooling, pagemap_scan = true);
        assert_eq!(pooling.told("pagemap_scan"), Some("true"));
        assert_eq!(pooling.told("linear_memory_keep_resident"), Some("65536"));
        // Both by name, and each only where the limits want it.
        let (mut config, mut pooling) = (Config::default(), Pooling::default());
        super::configure_wasmtime!(
            super::KEPT => config, pooling,
            memory_protection_keys = true,
            pagemap_scan = true,
        );
        assert_eq!(pooling.told("memory_protection_keys"), None);
        assert_eq!(pooling.told("pagemap_scan"), Some("true"));
        let (mut config, mut pooling) = (Config::default(), Pooling::default());
        super::configure_wasmtime!(super::KEPT_BEFORE => config, pooling, pagemap_scan = true);
        assert_eq!(pooling.told("pagemap_scan"), None);
        let refused = std::panic::catch_unwind(|| {
            let (mut config, mut pooling) = (Config::default(), Pooling::default());
            super::configure_wasmtime!(super::KEPT => config, pooling);
        });
        let refused = refused.expect_err("no value is named");
        let text = refused.downcast_ref::<String>().expect("a text");
        assert!(
            text.contains("`pagemap_scan = wasmtime::Enabled::Auto`"),
            "{text}"
        );
        assert!(text.starts_with("PC0053: "), "{text}");
    }
}

/// The same without `async`, `gc` and `memory-protection-keys`.
mod without_features {
    configuration!(Config {
        memory_reservation: u64,
        memory_guard_size: u64,
        memory_may_move: bool,
        guard_before_linear_memory: bool,
        max_wasm_stack: usize,
    });
    configuration!(Pooling {
        total_memories: u32,
        total_tables: u32,
        total_core_instances: u32,
        total_component_instances: u32,
        max_memories_per_module: u32,
        max_tables_per_module: u32,
        max_memory_size: usize,
        table_elements: usize,
        max_core_instance_size: usize,
        max_component_instance_size: usize,
        linear_memory_keep_resident: usize,
        table_keep_resident: usize,
    });

    #[test]
    fn keys_that_are_not_there_are_refused_with_their_code() {
        use poolcfg_runtime::__private::PoolingFallback;
        let refused = std::panic::catch_unwind(|| {
            Pooling::default().max_memory_protection_keys(15);
        });
        let refused = refused.expect_err("the keys are not there");
        let text = refused.downcast_ref::<String>().expect("a text");
        assert!(text.starts_with("PC0029: "), "{text}");
        assert!(text.contains("`cargo poolcfg --explain PC0029`"), "{text}");
    }

    #[test]
    fn what_is_not_there_is_not_told() {
        let (mut config, mut pooling) = (Config::default(), Pooling::default());
        super::configure_wasmtime!(super::POOL => config, pooling);
        assert_eq!((config.0.len(), pooling.0.len()), (5, 12));
        // Of the target's own defaults.
        let settings = super::POOL.settings();
        let guard = settings.memory_guard_size.to_string();
        assert_eq!(config.told("memory_guard_size"), Some(guard.as_str()));
        let tables = settings.total_tables.to_string();
        assert_eq!(pooling.told("total_tables"), Some(tables.as_str()));
    }
}

const POOL: WasmtimeLimits = wasmtime_limits(
    48,
    PoolKeys {
        max_instances: Some(Setting::given(8)),
        ..PoolKeys::EMPTY
    },
);

/// Pages that stay resident, in the first version whose scan for them is safe, and in the last before it.
const KEPT: WasmtimeLimits = keeping(50);
const KEPT_BEFORE: WasmtimeLimits = keeping(49);

const fn keeping(major: u32) -> WasmtimeLimits {
    let mut keys = PoolKeys::EMPTY;
    keys.max_instances = Some(Setting::given(8));
    keys.wasmtime.memory_keep_resident = Some(Setting::given(Size::kib(64)));
    wasmtime_limits(major, keys)
}

/// Protection keys are of x86_64.
#[cfg(target_arch = "x86_64")]
const STRIPED: WasmtimeLimits = striped(ProtectionKeys::Count(15));
#[cfg(target_arch = "x86_64")]
const AUTO: WasmtimeLimits = striped(ProtectionKeys::Auto);

#[cfg(target_arch = "x86_64")]
const fn striped(protection_keys: ProtectionKeys) -> WasmtimeLimits {
    let mut keys = PoolKeys::EMPTY;
    keys.max_instances = Some(Setting::given(8));
    keys.wasmtime.memory_protection_keys = Some(Setting::given(protection_keys));
    wasmtime_limits(22, keys)
}

#[test]
fn a_recheck_finds_what_is_asked_and_holds_none_of_it() {
    let before = mapped();
    let checked = POOL.recheck().expect("8 slots fit any machine of 64 bits");
    assert_eq!(checked.instances(), 8);
    let debug = format!("{checked:?}");
    assert!(debug.len() < 200, "{debug}");
    assert_eq!(checked.settings(), POOL.settings());
    assert_eq!(checked.tunables(), POOL.tunables());
    let grown = mapped().saturating_sub(before);
    assert!(grown < 1 << 30, "{grown} bytes are still mapped");
}

/// Bytes of address space that this process has.
fn mapped() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmSize:"))
        .expect("a size");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number");
    kib * 1024
}

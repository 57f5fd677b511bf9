//! What poolcfg.toml allows this server.

use poolcfg_runtime::PoolLimits;

// To be replaced by `#[pool_limits] pub(crate) const POOL: PoolLimits;` when poolcfg-macros is merged;
// until then the numbers of poolcfg.toml once more.
pub(crate) const POOL: PoolLimits = {
    use poolcfg_runtime::__private::{Keep, OnMisfit, PoolKeys, Setting, Settings, Size, Target};
    let keys = PoolKeys {
        max_instances: Some(Setting::given(1000)),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        min_instances: Some(Setting::given(4)),
        keep: Some(Setting::given(Keep::MemoryReservation)),
        memory_reservation: Some(Setting::given(Size::gib(4))),
        max_memory_size: Some(Setting::given(Size::mib(1))),
        guard_size: Some(Setting::given(Size::mib(32))),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    settings.must_hold(Target::CURRENT, "poolcfg.toml");
    PoolLimits::new(settings.promise(Target::CURRENT, 0))
};

//! How long the model takes: everything that the compiler or the command asks of it.

use divan::{Bencher, black_box};
use poolcfg_core::{
    AddressSpaceKeys, OnMisfit, Plan, PoolKeys, Setting, Settings, Shape, Size, Target, VaProfile,
};

fn main() {
    divan::main();
}

/// Every profile of every target in every process shape, with the defaults of that target.
#[divan::bench]
fn every_profile_and_shape(bencher: Bencher) {
    let profiles = VaProfile::ALL.concat();
    bencher.bench(|| {
        let mut fitting = 0;
        for profile in &profiles {
            let target = Target::new(profile.arch, profile.os, profile.pointer_width());
            for shape in Shape::NAMED {
                let settings = Settings::new(&[], &[]).address_space(AddressSpaceKeys {
                    va_profile: Some(Setting::given(profile.name)),
                    relocation_model: Some(Setting::given(shape.relocation_model)),
                    stack_limit: Some(Setting::given(shape.stack_limit)),
                    aslr: Some(Setting::given(shape.aslr)),
                    ..AddressSpaceKeys::EMPTY
                });
                if let Ok(case) = settings.resolve(black_box(target)) {
                    fitting += u32::from(Plan::new(&case).misfit.is_none());
                }
            }
        }
        fitting
    });
}

/// The costliest question: a thousand pools that have to shrink.
#[divan::bench]
fn a_thousand_pools_that_shrink(bencher: Bencher) {
    let settings = Settings::new(&[], &[]).pooling_allocator(PoolKeys {
        max_instances: Some(Setting::given(1_000_000)),
        memory_reservation: Some(Setting::given(Size::mib(1))),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        pools: Some(Setting::given(1000)),
        ..PoolKeys::EMPTY
    });
    bencher.bench(|| {
        let case = settings.resolve(black_box(Target::CURRENT)).ok()?;
        Some(Plan::new(&case))
    });
}

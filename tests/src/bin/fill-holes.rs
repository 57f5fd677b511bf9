//! Reserves what the model promises of this process: two pools of one slot that take the largest hole and what
//! is beside it; as many slots as all holes hold; and two pools that share them. Arguments: VA profile,
//! relocation model, stack limit, aslr.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use poolcfg_core::{
    AddressSpaceKeys, Aslr, Keep, OnMisfit, PoolKeys, RelocationModel, SearchLayout, Setting,
    Settings, Size, StackLimit, Target,
};
use poolcfg_runtime::PoolLimits;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(space) = space(Vec::leak(words)) else {
        eprintln!("usage: fill-holes PROFILE pie|static finite|unlimited default|maximum");
        return ExitCode::from(2);
    };
    let one = PoolKeys {
        max_instances: Some(Setting::given(1)),
        memory_reservation: Some(Setting::given(Size::tib(1 << 10))),
        keep: Some(Setting::given(Keep::MaxInstances)),
        ..bare()
    };
    let settings = |names| Settings::new(names, &[]).address_space(space);
    let case = match settings(&[]).resolve(Target::CURRENT) {
        Ok(case) => case,
        Err(faults) => panic!("{}", faults.message("the arguments").as_str()),
    };
    // Of 1/64 of the window, so that a hole holds some and a rest.
    let many = PoolKeys {
        max_instances: Some(Setting::given(128)),
        memory_reservation: Some(Setting::given(Size::bytes(case.profile.window.get() / 64))),
        guard_size: Some(Setting::given(Size::mib(32))),
        keep: Some(Setting::given(Keep::MemoryReservation)),
        ..bare()
    };
    for settings in [
        settings(&["first", "second"]).pooling_allocator(one),
        settings(&["pieces"]).pooling_allocator(many),
        settings(&["one", "other"]).pooling_allocator(many),
    ] {
        if let Err(broken) = reserve(&settings) {
            println!("{broken}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Each pool takes what it is guaranteed and no more, and keeps it while the next one does.
fn reserve(settings: &Settings<'static>) -> Result<(), String> {
    let mut held = Vec::new();
    let promises: Vec<_> = (0..settings.pools().len())
        .map(|pool| settings.promise(Target::CURRENT, pool))
        .collect();
    for promise in promises {
        let limits = PoolLimits::new(poolcfg_core::Promise {
            asked: promise.guaranteed,
            ..promise
        });
        let (slots, each) = (
            limits.guaranteed().max_instances,
            limits.guaranteed().memory_reservation,
        );
        println!("pool `{}`: {slots} of {each} promised", promise.name);
        held.push(limits.recheck().map_err(|error| error.to_string())?);
    }
    Ok(())
}

/// A pool without anything but its memories, which takes what there is.
fn bare() -> PoolKeys {
    PoolKeys {
        guard_size: Some(Setting::given(Size::ZERO)),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        ..PoolKeys::EMPTY
    }
}

fn space(words: &'static [String]) -> Option<AddressSpaceKeys<'static>> {
    let [profile, relocation_model, stack_limit, aslr, layout] = words else {
        return None;
    };
    let relocation_model = RelocationModel::from_word(relocation_model)?;
    Some(AddressSpaceKeys {
        va_profile: Some(Setting::given(profile)),
        relocation_model: Some(Setting::given(relocation_model)),
        stack_limit: Some(Setting::given(StackLimit::from_text(stack_limit).ok()?)),
        aslr: Some(Setting::given(Aslr::from_text(aslr)?)),
        layout: Some(Setting::given(SearchLayout::from_word(layout)?)),
        ..AddressSpaceKeys::EMPTY
    })
}

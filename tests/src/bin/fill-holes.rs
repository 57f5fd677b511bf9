//! Reserves what the model promises of this process: two pools that take the largest hole and what is
//! beside it. Arguments: VA profile, relocation model, stack limit, aslr.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use poolcfg_core::{
    AddressSpaceKeys, Aslr, Keep, OnMisfit, PoolKeys, RelocationModel, Setting, Settings, Size,
    StackLimit, Target,
};
use poolcfg_runtime::PoolLimits;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(settings) = settings(Vec::leak(words)) else {
        eprintln!("usage: fill-holes PROFILE pie|static finite|unlimited default|maximum");
        return ExitCode::from(2);
    };
    let mut held = Vec::new();
    for pool in 0..2 {
        let limits = PoolLimits::new(settings.promise(Target::CURRENT, pool));
        println!(
            "pool {pool}: {} promised",
            limits.guaranteed().memory_reservation
        );
        match limits.recheck() {
            Ok(reserved) => held.push(reserved),
            Err(error) => {
                println!("pool {pool}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn settings(words: &'static [String]) -> Option<Settings<'static>> {
    let [profile, relocation_model, stack_limit, aslr] = words else {
        return None;
    };
    let given = |reservation| PoolKeys {
        max_instances: Some(Setting::given(1)),
        memory_reservation: Some(Setting::given(reservation)),
        guard_size: Some(Setting::given(Size::ZERO)),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        keep: Some(Setting::given(Keep::MaxInstances)),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&["first", "second"], &[])
        .pooling_allocator(given(Size::tib(1 << 10)))
        .address_space(AddressSpaceKeys {
            va_profile: Some(Setting::given(profile)),
            relocation_model: Some(Setting::given(RelocationModel::from_word(
                relocation_model,
            )?)),
            stack_limit: Some(Setting::given(StackLimit::from_word(stack_limit)?)),
            aslr: Some(Setting::given(Aslr::from_word(aslr)?)),
            ..AddressSpaceKeys::EMPTY
        });
    settings.case(Target::CURRENT).is_ok().then_some(settings)
}

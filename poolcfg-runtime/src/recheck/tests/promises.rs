//! Whatever the build accepts starts: any pools, on any profile of Linux, in any shape and order, wherever ASLR puts
//! things in an address space that is made up.

use poolcfg_core::{
    AddressSpaceKeys, Aslr, Engine, Keep, Layout, LinuxLayout, OnMisfit, Os, Plan, PoolKeys,
    Promise, RelocationModel, Setting, Settings, Size, StackLimit, Target, VaProfile,
    WasmtimeVersion,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use super::super::space::{Made, reach};
use super::process::Process;

/// Of the cases that every run asks.
const SEED: u64 = 0;

/// What is mapped between two starts.
const BETWEEN: Size = Size::mib(8);

/// The loader first, flush with the mmap base, and what it loads.
const LIBRARIES: [Size; 3] = [Size::kib(212), Size::mib(2), Size::mib(8)];

/// Names of the pools of one file.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Profiles of Linux with room for a headroom of which libraries are a small part.
fn profile() -> impl Strategy<Value = (VaProfile<'static>, LinuxLayout)> {
    let all = VaProfile::ALL.concat().into_iter();
    let linux = all.filter_map(|profile| match profile.layout {
        Layout::Linux(linux) if profile.os == Os::Linux && profile.pointer_width() == 64 => {
            Some((profile, linux))
        }
        _ => None,
    });
    select(linux.collect::<Vec<_>>())
}

/// One pool in parts of 2^16 of a window: its slots and how much of the window they ask for, sizes beside them, and how
/// it shrinks.
fn pool(window: u64) -> impl Strategy<Value = PoolKeys> {
    let count = prop_oneof![1u32..8, 1u32..100, 1u32..30_000];
    let share = prop_oneof![1u64..(1 << 17), 1u64..64, (1u64 << 12)..(1 << 15)];
    let guard = prop_oneof![
        Just(Size::ZERO),
        Just(Size::mib(32)),
        (0u64..32_768).prop_map(|grains| Size::kib(64 * grains))
    ];
    (
        (count, share, guard),
        (0u64..3, 0u64..5),
        any::<bool>(),
        select(vec![OnMisfit::Shrink, OnMisfit::Shrink, OnMisfit::Error]),
        select(vec![Keep::MemoryReservation, Keep::MaxInstances]),
        prop_oneof![5 => Just(1u32), 2 => 2u32..4],
    )
        .prop_map(
            move |((count, share, guard), (table, stack), wasmtime, on_misfit, keep, pools)| {
                let bytes = (u128::from(window) * u128::from(share) / u128::from(count)) >> 16;
                let reservation = Size::bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
                    .round_down(Size::kib(64))
                    .max(Size::kib(64));
                let mut keys = PoolKeys {
                    max_instances: Some(Setting::given(count)),
                    memory_reservation: Some(Setting::given(reservation)),
                    max_memory_size: Some(Setting::given(reservation.min(Size::mib(1)))),
                    guard_size: Some(Setting::given(guard)),
                    stack_reservation: Some(Setting::given(Size::mib(stack))),
                    on_misfit: Some(Setting::given(on_misfit)),
                    keep: Some(Setting::given(keep)),
                    pools: Some(Setting::given(pools)),
                    ..PoolKeys::EMPTY
                };
                if wasmtime {
                    keys.engine = Some(Setting::given(Engine::Wasmtime));
                    keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(48)));
                } else {
                    keys.table_reservation = Some(Setting::given(Size::kib(160 * table)));
                }
                keys
            },
        )
}

/// A file of one to four pools for one profile.
type File = ((VaProfile<'static>, LinuxLayout), Vec<PoolKeys>);

fn file() -> impl Strategy<Value = File> {
    profile().prop_flat_map(|of| {
        let pools = prop::collection::vec(pool(of.0.window.get()), 1..=NAMES.len());
        (Just(of), pools)
    })
}

/// What the build promises of a file; `None` if it refuses it.
fn promises(
    profile: &VaProfile<'static>,
    pools: &[PoolKeys],
    space: AddressSpaceKeys<'static>,
) -> Option<Vec<Promise<'static>>> {
    let target = Target::new(profile.arch, Os::Linux, profile.pointer_width());
    let mut settings = Settings::new(NAMES.split_at(pools.len()).0, &[]).address_space(space);
    for (at, keys) in pools.iter().enumerate() {
        settings = settings.pool(at, *keys);
    }
    let case = settings.case(target).ok()?;
    let plan = Plan::new(&case);
    let promise = |pool| plan.promise(&case, pool);
    plan.misfit
        .is_none()
        .then(|| (0..pools.len()).map(promise).collect())
}

/// Starts the pools in an order, with something mapped between any two starts.
fn start(process: &Process, promises: &[Promise<'static>], order: &[usize]) -> Result<(), String> {
    let mut started = Vec::new();
    for pool in order {
        let promise = &promises[*pool];
        if !started.is_empty() && !process.map(BETWEEN) {
            return Err("nothing between two starts".to_owned());
        }
        let one = process.start(promise)?;
        let (taken, guaranteed) = (&one.limits, &promise.guaranteed);
        if taken.max_instances < guaranteed.max_instances
            || taken.memory_reservation < guaranteed.memory_reservation
        {
            return Err(format!("`{}`: {taken:?} < {guaranteed:?}", promise.name));
        }
        started.push(one);
    }
    Ok(())
}

/// The same 100 cases in every run, or as many others as `POOLCFG_PROMISES` says: of a thousand random starts of files
/// that leave nothing over, one still comes short (docs/decisions.md, number 39). Each is started six times, so it is not made
/// smaller for long.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    let others = std::env::var("POOLCFG_PROMISES").ok();
    let config = match others.and_then(|cases| cases.parse().ok()) {
        Some(cases) => ProptestConfig { cases, ..config },
        None => ProptestConfig {
            cases: config.cases.min(100),
            rng_seed: RngSeed::Fixed(SEED),
            ..config
        },
    };
    ProptestConfig {
        failure_persistence: None,
        max_global_rejects: 1 << 16,
        max_shrink_iters: 20,
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_pool_gets_its_guarantee_in_any_order(
        ((profile, linux), pools) in file(),
        program in select(RelocationModel::ALL.to_vec()),
        stack in select(vec![
            (Some(Size::mib(8)), StackLimit::Finite),
            (Some(Size::mib(128)), StackLimit::Finite),
            (Some(Size::gib(1)), StackLimit::UpTo(Size::gib(1))),
            (None, StackLimit::Unlimited),
        ]),
        aslr in select(Aslr::NAMED.to_vec()),
        thrown in prop::collection::vec((any::<[u64; 4]>(), any::<bool>()), 2),
        ends in any::<[bool; 4]>(),
        order in any::<[prop::sample::Index; 12]>(),
    ) {
        let (limit, stack_limit) = stack;
        let promises = promises(&profile, &pools, AddressSpaceKeys {
            va_profile: Some(Setting::given(profile.name)),
            relocation_model: Some(Setting::given(program)),
            stack_limit: Some(Setting::given(stack_limit)),
            aslr: Some(Setting::given(aslr)),
            ..AddressSpaceKeys::EMPTY
        });
        let Some(promises) = promises else {
            return Err(TestCaseError::reject("the build refuses it"));
        };
        let each = promises.iter().enumerate();
        let file: Vec<usize> = each
            .flat_map(|(pool, of)| (0..of.asked.pools).map(move |_| pool))
            .collect();
        let mut shuffled = file.clone();
        for (at, index) in order.iter().enumerate().take(file.len()) {
            shuffled.swap(at, index.index(file.len()));
        }
        let page = profile.page_size.get();
        let most = reach(&profile, &linux, aslr.bits(&linux));
        let mut positions: Vec<_> = thrown.iter().map(|(dice, aligned)| {
            let mut moved = [0; 4];
            for (at, die) in dice.iter().enumerate() {
                moved[at] = die % (most[at] + 1) / page * page;
            }
            (moved, *aligned)
        }).collect();
        let mut moved = [0; 4];
        for (at, end) in ends.iter().enumerate() {
            moved[at] = if *end { most[at] / page * page } else { 0 };
        }
        positions.push((moved, true));
        for (moved, aligned) in positions {
            let made = Made { program, stack_limit: limit, moved, aligned };
            for order in [&file, &shuffled] {
                let process = Process::new(&profile, &linux, &made, &LIBRARIES);
                let came = start(&process, &promises, order);
                let guaranteed: Vec<_> = promises.iter().map(|of| of.guaranteed).collect();
                prop_assert!(
                    came.is_ok(),
                    "{} {made:x?} {order:?}: {came:?}\n{guaranteed:?}", profile.name
                );
            }
        }
    }
}

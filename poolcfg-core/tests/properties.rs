//! Properties of the arithmetic: no place of the boundary breaks a promise, a suggested value fits and
//! the next one does not, and sizes read back as they are written.

use poolcfg_core::{
    AddressSpaceKeys, Aslr, Budget, Engine, Group, Hole, KINDS, Keep, OnMisfit, Placement, Plan,
    PoolKeys, RelocationModel, Room, Setting, Settings, Shape, Size, StackLimit, Target, VaProfile,
    WasmtimeFeature, WasmtimeFeatures, WasmtimeKeys, WasmtimeVersion, place,
};
use proptest::prelude::*;

/// What the kernel does with holes of exactly these sizes, in this order.
fn kernel(holes: &[u64], groups: &[Group]) -> bool {
    let mut free = holes.to_vec();
    for group in groups {
        for _ in 0..group.count {
            for size in group.sizes.into_iter().filter(|size| *size > 0) {
                match free.iter_mut().find(|free| **free >= size) {
                    Some(free) => *free -= size,
                    None => return false,
                }
            }
        }
    }
    true
}

/// Every combination of sizes that the holes of a room may have.
fn positions(room: &Room) -> Vec<Vec<u64>> {
    let mut positions = vec![Vec::new()];
    for (index, hole) in room.holes[..room.count].iter().enumerate() {
        let last = index + 1 == room.count;
        positions = positions
            .into_iter()
            .flat_map(|sizes| {
                let range = if last {
                    let before = sizes.last().copied();
                    let gained = before.map_or(0, |before| room.knee.saturating_sub(before));
                    hole.least + gained..=hole.least + gained
                } else {
                    hole.least..=hole.most
                };
                range.map(move |size| [sizes.as_slice(), &[size]].concat())
            })
            .collect();
    }
    positions
}

fn room() -> impl Strategy<Value = Room> {
    let hole = (0u64..30, 0u64..12).prop_map(|(least, more)| Hole {
        least,
        most: least + more,
    });
    ([hole.clone(), hole.clone(), hole], 1usize..=3, 0u64..40)
        .prop_map(|(holes, count, knee)| Room { holes, count, knee })
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let group =
        ([0u64..20, 0u64..4, 0u64..4], 0u64..5).prop_map(|(sizes, count)| Group { sizes, count });
    prop::collection::vec(group, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// The simulation over the whole range of ASLR agrees with the kernel at every single position.
    #[test]
    fn placement_holds_at_every_position(room in room(), groups in groups()) {
        let everywhere = positions(&room)
            .iter()
            .all(|holes| kernel(holes, &groups));
        let promised = place(&room, &groups) == Placement::Fits;
        prop_assert_eq!(promised, everywhere);
    }
}

fn profile() -> impl Strategy<Value = VaProfile<'static>> {
    let all: Vec<_> = VaProfile::ALL.concat();
    prop::sample::select(all)
}

fn shape() -> impl Strategy<Value = Shape> {
    prop::sample::select(Shape::ALL.to_vec())
}

fn said<T>(value: T) -> Option<Setting<T>> {
    Some(Setting::given(value))
}

fn keys() -> impl Strategy<Value = PoolKeys> {
    (
        prop_oneof![1u32..200, any::<u32>().prop_map(|n| n.max(1))],
        // Up to 2^46 bytes, in grains of 64 KiB.
        (0u32..31).prop_flat_map(|bits| 1u64 << bits..=2u64 << bits),
        prop::sample::select(vec![0u64, 4, 64, 1024, 32 * 1024]),
        prop::sample::select(vec![0u64, 160, 4096]),
        prop::sample::select(vec![0u64, 512, 2048]),
        prop_oneof![Just(1u32), 1u32..5, Just(1000)],
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(instances, grains, guard, table, stack, pools, shrink, keep)| PoolKeys {
                max_instances: said(instances),
                memory_reservation: said(Size::kib(64 * grains)),
                guard_size: said(Size::kib(guard)),
                table_reservation: said(Size::kib(table)),
                stack_reservation: said(Size::kib(stack)),
                pools: said(pools),
                on_misfit: said(if shrink {
                    OnMisfit::Shrink
                } else {
                    OnMisfit::Error
                }),
                keep: said(if keep {
                    Keep::MaxInstances
                } else {
                    Keep::MemoryReservation
                }),
                ..PoolKeys::EMPTY
            },
        )
}

/// The same numbers for a pool of Wasmtime's, of any version and with any features.
fn wasmtime_keys() -> impl Strategy<Value = PoolKeys> {
    (
        keys(),
        13u32..=51,
        any::<[bool; 4]>(),
        1u32..4,
        1u32..4,
        prop::option::of(1u32..4),
        prop::option::of(1u32..3),
        prop_oneof![Just(0u32), 1u32..200_000],
    )
        .prop_map(
            |(keys, major, flags, memories, tables, core, heaps, elements)| {
                let [with_async, with_gc, before, _] = flags;
                let mut features = WasmtimeFeatures::EMPTY;
                if with_async {
                    features = features.with(WasmtimeFeature::Async);
                }
                if with_gc {
                    features = features.with(WasmtimeFeature::Gc);
                }
                PoolKeys {
                    engine: said(Engine::Wasmtime),
                    table_reservation: None,
                    stack_reservation: keys.stack_reservation.filter(|_| with_async),
                    wasmtime: WasmtimeKeys {
                        version: said(WasmtimeVersion::major(major)),
                        features: said(features),
                        memories_per_instance: said(memories),
                        tables_per_instance: said(tables),
                        core_instances_per_instance: core.and_then(said),
                        gc_heaps_per_instance: heaps
                            .filter(|_| with_gc && major >= 20)
                            .and_then(said),
                        table_elements: said(elements),
                        guard_before_linear_memory: said(before),
                        ..WasmtimeKeys::EMPTY
                    },
                    ..keys
                }
            },
        )
}

fn any_keys() -> impl Strategy<Value = PoolKeys> {
    prop_oneof![keys(), wasmtime_keys()]
}

const NAMES: [&str; 3] = ["a", "b", "c"];

fn settings(profile: &VaProfile<'static>, shape: Shape, pools: &[PoolKeys]) -> Settings<'static> {
    let mut settings = Settings::new(&NAMES[..pools.len()], &[]).address_space(AddressSpaceKeys {
        va_profile: said(profile.name),
        relocation_model: said::<RelocationModel>(shape.relocation_model),
        stack_limit: said::<StackLimit>(shape.stack_limit),
        aslr: said::<Aslr>(shape.aslr),
        ..AddressSpaceKeys::EMPTY
    });
    for (index, keys) in pools.iter().enumerate() {
        settings = settings.pool(index, *keys);
    }
    settings
}

fn target(profile: &VaProfile<'_>) -> Target {
    Target::new(profile.arch, profile.os, profile.pointer_width())
}

/// The plan when the pools are exactly these, none of which may shrink.
fn fits(profile: &VaProfile<'static>, shape: Shape, pools: &[PoolKeys]) -> bool {
    let fixed: Vec<_> = pools
        .iter()
        .map(|keys| {
            keys.then(PoolKeys {
                on_misfit: said(OnMisfit::Error),
                ..PoolKeys::EMPTY
            })
        })
        .collect();
    match settings(profile, shape, &fixed).case(target(profile)) {
        Ok(case) => Plan::new(&case).misfit.is_none(),
        // Only a sum that cannot be counted is left as a fault here, and that is larger than anything.
        Err(_) => false,
    }
}

fn with_instances(pools: &[PoolKeys], pool: usize, instances: u32) -> Vec<PoolKeys> {
    let mut pools = pools.to_vec();
    pools[pool].max_instances = said(instances);
    pools
}

fn with_reservation(pools: &[PoolKeys], pool: usize, reservation: Size) -> Vec<PoolKeys> {
    let mut pools = pools.to_vec();
    pools[pool].memory_reservation = said(reservation);
    pools
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// For every profile, shape, number of pools and page size: what a misfit suggests fits, and the
    /// next value does not.
    #[test]
    fn what_is_suggested_fits_and_the_next_does_not(
        profile in profile(),
        shape in shape(),
        pools in prop::collection::vec(any_keys(), 1..=3),
    ) {
        let Ok(case) = settings(&profile, shape, &pools).case(target(&profile)) else {
            return Ok(());
        };
        let Some(misfit) = Plan::new(&case).misfit else {
            return Ok(());
        };
        prop_assert!(misfit.need > misfit.have || pools.len() > 1 || pools[0].pools != said(1));
        if let Some(instances) = misfit.largest_fit.max_instances {
            prop_assert!(fits(&profile, shape, &with_instances(&pools, misfit.pool, instances)));
            if let Some(next) = instances.checked_add(1) {
                prop_assert!(!fits(&profile, shape, &with_instances(&pools, misfit.pool, next)));
            }
        }
        if let Some(reservation) = misfit.largest_fit.memory_reservation {
            prop_assert!(fits(&profile, shape, &with_reservation(&pools, misfit.pool, reservation)));
            if let Some(next) = reservation.checked_add(Size::kib(64)) {
                prop_assert!(!fits(&profile, shape, &with_reservation(&pools, misfit.pool, next)));
            }
        }
    }

    /// What is guaranteed fits as it stands, is no more than asked and no less than the least.
    #[test]
    fn what_is_guaranteed_fits(
        profile in profile(),
        shape in shape(),
        pools in prop::collection::vec(any_keys(), 1..=3),
    ) {
        let Ok(case) = settings(&profile, shape, &pools).case(target(&profile)) else {
            return Ok(());
        };
        let plan = Plan::new(&case);
        if plan.misfit.is_some() {
            return Ok(());
        }
        let exactly: Vec<_> = plan
            .guaranteed()
            .iter()
            .zip(&pools)
            .map(|(limits, keys)| PoolKeys {
                max_instances: said(limits.max_instances),
                memory_reservation: said(limits.memory_reservation),
                ..*keys
            })
            .collect();
        prop_assert!(fits(&profile, shape, &exactly));
        for (pool, limits) in case.pools().iter().zip(plan.guaranteed()) {
            prop_assert!(limits.max_instances <= pool.asked.max_instances);
            prop_assert!(limits.max_instances >= pool.min_instances);
            prop_assert!(limits.memory_reservation <= pool.asked.memory_reservation);
            prop_assert!(limits.max_memory_size <= limits.memory_reservation);
        }
    }

    /// More randomness, or a larger program region, never promises more.
    #[test]
    fn maximum_aslr_never_promises_more(profile in profile(), shape in shape()) {
        let at = |aslr| Budget::new(&profile, Shape { aslr, ..shape }, None).holes();
        prop_assert!(at(Aslr::Maximum)[0] <= at(Aslr::Default)[0]);
    }

    #[test]
    fn sizes_read_back_as_they_are_written(bytes in any::<u64>()) {
        let size = Size::bytes(bytes);
        prop_assert_eq!(Size::parse(size.exact().as_str()), Ok(size));
    }

    /// A need is never shown as less than it is, a supply never as more; and where one is above the
    /// other by any byte that the two decimals hide, they still read differently.
    #[test]
    fn needs_and_supplies_never_look_equal(have in 1024u64..u64::MAX) {
        let need = Size::bytes(have).checked_add(Size::bytes(1)).unwrap();
        let (need, have) = (need.needed().to_string(), Size::bytes(have).available().to_string());
        prop_assert_ne!(need, have);
    }

    #[test]
    fn no_text_is_a_size_by_panic(text in ".{0,12}") {
        let _ = Size::parse(&text);
    }
}

/// Each mapping of a group counts, however many kinds there are.
#[test]
fn a_process_without_holes_fits_nothing_but_nothing() {
    let hole = Hole { least: 0, most: 0 };
    let room = Room {
        holes: [hole; 3],
        count: 0,
        knee: 0,
    };
    let group = |size| Group {
        sizes: [0, size, 0],
        count: 1,
    };
    assert_eq!(KINDS, 3);
    assert_eq!(place(&room, &[group(0)]), Placement::Fits);
    assert_ne!(place(&room, &[group(1)]), Placement::Fits);
}

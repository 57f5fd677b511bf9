//! Properties of the arithmetic: no place of the boundary breaks a promise, a suggested value fits and
//! the next one does not, and sizes read back as they are written.

use poolcfg_core::{
    AddressSpaceKeys, Aslr, Budget, Engine, Group, Hole, KINDS, Keep, Limit, MappingName, OnMisfit,
    Placement, Plan, PoolKeys, RelocationModel, Room, Setting, Settings, Shape, Size, SizeError,
    StackLimit, Target, Three, VaProfile, WasmtimeFeature, WasmtimeFeatures, WasmtimeKeys,
    WasmtimeVersion, place,
};
use proptest::prelude::*;

/// What becomes of holes of exactly these sizes, in this order, when poolcfg-runtime reserves the pools:
/// memories that do not lie in one piece are taken as many as go, and so on with the rest. `map` is the
/// kernel's search for a mapping.
fn runtime(holes: &[u64], groups: &[Group], mut map: impl FnMut(&mut [u64], u64) -> bool) -> bool {
    let mut free = holes.to_vec();
    let mut memories = |free: &mut [u64], group: &Group| {
        let Some(slots) = group.sizes[0]
            .saturating_sub(group.guard)
            .checked_div(group.slot)
        else {
            return map(free, group.sizes[0]);
        };
        let mut left = slots;
        while left > 0 {
            let mut slots = (1..=left).rev();
            match slots.find(|slots| map(free, group.guard + slots * group.slot)) {
                Some(slots) => left -= slots,
                None => return false,
            }
        }
        true
    };
    for group in groups {
        for _ in 0..group.count {
            for kind in (0..KINDS).filter(|kind| group.sizes[*kind] > 0) {
                let whole = Group {
                    slot: 0,
                    sizes: [group.sizes[kind]; KINDS],
                    ..*group
                };
                if !memories(&mut free, if kind == 0 { group } else { &whole }) {
                    return false;
                }
            }
        }
    }
    true
}

/// The kernel takes the first hole that is large enough.
fn map(free: &mut [u64], size: u64) -> bool {
    match free.iter_mut().find(|free| **free >= size) {
        Some(free) => *free -= size,
        None => return false,
    }
    true
}

fn kernel(holes: &[u64], groups: &[Group]) -> bool {
    runtime(holes, groups, map)
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
    ([hole.clone(), hole.clone(), hole], 1usize..=3, 0u64..40).prop_map(|(holes, count, knee)| {
        Room {
            holes,
            count,
            knee,
            total: 0,
            parts: 0,
            three: Three::NONE,
        }
    })
}

fn one_or_two_holes() -> impl Strategy<Value = Room> {
    (room(), 1usize..=2).prop_map(|(room, count)| Room { count, ..room })
}

/// The most that the alignment of one mapping wastes.
const ALIGNMENT: u64 = 3;

/// Pools whose memories lie in one piece, or in pieces of slots.
fn group() -> impl Strategy<Value = Group> {
    let whole = (0u64..20).prop_map(|size| (size, 0, 0));
    let slots = (1u64..8, 0u64..3, 1u64..7)
        .prop_map(|(slot, guard, slots)| (guard + slots * slot, slot, guard));
    (prop_oneof![whole, slots], [0u64..4, 0u64..4], 0u64..4).prop_map(
        |((memories, slot, guard), [tables, stacks], count)| Group {
            sizes: [memories, tables, stacks],
            count,
            slot,
            guard,
        },
    )
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    prop::collection::vec(group(), 1..4)
}

fn fits_in(room: &Room, groups: &[Group]) -> bool {
    matches!(place(room, groups), Placement::Fits)
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_global_rejects: 1 << 20,
        ..crate::cases(5000)
    })]

    /// The simulation over the whole range of ASLR agrees with the kernel at every single position.
    #[test]
    fn placement_holds_at_every_position(room in room(), groups in groups()) {
        let everywhere = positions(&room)
            .iter()
            .all(|holes| kernel(holes, &groups));
        let promised = fits_in(&room, &groups);
        let in_pieces = groups.iter().any(|group| group.slot > 0);
        if room.count < 3 || !in_pieces {
            prop_assert_eq!(promised, everywhere);
        } else {
            // Pieces in three holes are promised with caution.
            prop_assert!(everywhere || !promised);
        }
    }

    /// Holes that are larger than promised break no promise, whatever goes another way for it.
    #[test]
    fn larger_holes_do_no_harm(
        room in one_or_two_holes(),
        groups in groups(),
        more in [0u64..25, 0u64..25, 0u64..25],
    ) {
        prop_assume!(fits_in(&room, &groups));
        for mut holes in positions(&room) {
            for (hole, more) in holes.iter_mut().zip(more) {
                *hole += more;
            }
            prop_assert!(kernel(&holes, &groups), "{holes:?}");
        }
    }

    /// A process has more holes than the model knows, above the mmap base and between libraries: they do no
    /// harm, wherever the search comes by them.
    #[test]
    fn further_holes_do_no_harm(
        room in one_or_two_holes(),
        groups in groups(),
        further in prop::collection::vec((0usize..3, 0u64..30), 1..3),
    ) {
        prop_assume!(fits_in(&room, &groups));
        for mut holes in positions(&room) {
            for (at, size) in &further {
                holes.insert(*at.min(&holes.len()), *size);
            }
            prop_assert!(kernel(&holes, &groups), "{holes:?}");
        }
    }

    /// Kernels from 6.7 on align a mapping where a hole has room for that, and waste of it what they like;
    /// what cannot be aligned is mapped all the same. Older ones never do. Both keep what is promised for
    /// sizes that count the most that may be wasted.
    #[test]
    fn alignment_does_no_harm(
        room in one_or_two_holes(),
        groups in groups(),
        wasted in prop::collection::vec(0u64..=ALIGNMENT, 8),
        aligns in any::<bool>(),
    ) {
        let groups: Vec<_> = groups
            .into_iter()
            .map(|group| Group {
                sizes: group.sizes.map(|size| if size > 0 { size + ALIGNMENT } else { 0 }),
                guard: group.guard + ALIGNMENT,
                ..group
            })
            .collect();
        prop_assume!(fits_in(&room, &groups));
        for holes in positions(&room) {
            let mut wasted = wasted.iter().cycle();
            let kept = runtime(&holes, &groups, |free, size| {
                let fits = free.iter_mut().find(|free| aligns && **free >= size);
                match (fits, wasted.next()) {
                    (Some(free), Some(wasted)) => *free -= size - ALIGNMENT + wasted,
                    _ => return map(free, size - ALIGNMENT),
                }
                true
            });
            prop_assert!(kept, "{holes:?}");
        }
    }

    /// Where nothing moves, pieces in three holes are promised exactly.
    #[test]
    fn measured_holes_are_filled_exactly(
        holes in [0u64..30, 0u64..30, 0u64..30],
        groups in groups(),
    ) {
        let room = Room {
            holes: holes.map(|hole| Hole { least: hole, most: hole }),
            count: 3,
            knee: 0,
            total: 0,
            parts: 0,
            three: Three::NONE,
        };
        prop_assert_eq!(fits_in(&room, &groups), kernel(&holes, &groups));
    }
}

fn profile() -> impl Strategy<Value = VaProfile<'static>> {
    let all: Vec<_> = VaProfile::ALL.concat();
    prop::sample::select(all)
}

fn shape() -> impl Strategy<Value = Shape> {
    prop::sample::select(Shape::NAMED.to_vec())
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
        layout: said(shape.layout),
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
/// Whether the pools fit, each as it asks.
fn fits(profile: &VaProfile<'static>, shape: Shape, pools: &[PoolKeys]) -> bool {
    let fixed: Vec<_> = pools.iter().map(fixed).collect();
    are_planned(profile, shape, &fixed)
}

/// Whether the pools fit, this one as it asks, and the others shrunk where they may shrink.
fn fits_beside(
    profile: &VaProfile<'static>,
    shape: Shape,
    mut pools: Vec<PoolKeys>,
    pool: usize,
) -> bool {
    pools[pool] = fixed(&pools[pool]);
    are_planned(profile, shape, &pools)
}

fn fixed(keys: &PoolKeys) -> PoolKeys {
    keys.then(PoolKeys {
        on_misfit: said(OnMisfit::Error),
        ..PoolKeys::EMPTY
    })
}

fn are_planned(profile: &VaProfile<'static>, shape: Shape, pools: &[PoolKeys]) -> bool {
    match settings(profile, shape, pools).resolve(target(profile)) {
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
    #![proptest_config(crate::cases(1500))]

    /// For every profile, shape, number of pools and page size: what a misfit suggests fits, with the other pools as
    /// small as they may be, and the next value does not.
    #[test]
    fn what_is_suggested_fits_and_the_next_does_not(
        profile in profile(),
        shape in shape(),
        pools in prop::collection::vec(any_keys(), 1..=3),
    ) {
        let Ok(case) = settings(&profile, shape, &pools).resolve(target(&profile)) else {
            return Ok(());
        };
        let Some(misfit) = Plan::new(&case).misfit else {
            return Ok(());
        };
        prop_assert!(misfit.need > misfit.have || pools.len() > 1 || pools[0].pools != said(1));
        if let Some(instances) = misfit.largest_fit.max_instances {
            prop_assert!(fits_beside(&profile, shape, with_instances(&pools, misfit.pool, instances), misfit.pool));
            if let Some(next) = instances.checked_add(1) {
                prop_assert!(!fits_beside(&profile, shape, with_instances(&pools, misfit.pool, next), misfit.pool));
            }
        }
        if let Some(reservation) = misfit.largest_fit.memory_reservation {
            prop_assert!(fits_beside(&profile, shape, with_reservation(&pools, misfit.pool, reservation), misfit.pool));
            if let Some(next) = reservation.checked_add(Size::kib(64)) {
                prop_assert!(!fits_beside(&profile, shape, with_reservation(&pools, misfit.pool, next), misfit.pool));
            }
            // What is said to be there holds what is said to fit.
            if misfit.limit == Limit::Hole && misfit.slot.is_none() && misfit.mapping == MappingName::Memories {
                let fitting = case.pools()[misfit.pool].asked.with_reservation(reservation);
                let mapping = fitting.footprint(case.budget.page_size).unwrap().mappings[0].bytes.get();
                prop_assert!(mapping <= misfit.have && mapping <= misfit.holes[0].get());
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
        let Ok(case) = settings(&profile, shape, &pools).resolve(target(&profile)) else {
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
        prop_assert!(at(Aslr::Maximum)[0] <= at(Aslr::Minimum)[0]);
    }

    #[test]
    fn sizes_read_back_as_they_are_written(bytes in prop_oneof![0..=Size::LARGEST.get(), any::<u64>()]) {
        let size = Size::bytes(bytes);
        let read = if size > Size::LARGEST { Err(SizeError::TooLarge) } else { Ok(size) };
        prop_assert_eq!(Size::parse(size.exact().as_str()), read);
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
        total: 0,
        parts: 0,
        three: Three::NONE,
    };
    let group = |size| Group {
        sizes: [0, size, 0],
        count: 1,
        slot: 0,
        guard: 0,
    };
    assert_eq!(KINDS, 3);
    assert!(fits_in(&room, &[group(0)]));
    assert!(!fits_in(&room, &[group(1)]));
}

//! Files that leave nothing over, of which starts came short without what the comment of their test names.

use poolcfg_core::{
    Aslr, Engine, Keep, OnMisfit, PoolKeys, RelocationModel, Setting, Size, StackLimit,
    WasmtimeVersion,
};

use super::process::Others;
use super::promises::{Case, StartWay, linux};

/// What of a pool decides.
struct CausePool {
    slots: u32,
    kib: u64,
    guard_kib: u64,
    stack_mib: u64,
    pools: u32,
    /// Of a native pool the size of a table; `None` for an engine.
    table_kib: Option<u64>,
    /// Whether a native pool has a guard before its first slot.
    guard_before: bool,
    /// What stays when it shrinks; `None` if it does not.
    keep: Option<Keep>,
}

impl CausePool {
    fn keys(&self) -> PoolKeys {
        let reservation = Size::kib(self.kib);
        let mut keys = PoolKeys {
            max_instances: Some(Setting::given(self.slots)),
            memory_reservation: Some(Setting::given(reservation)),
            max_memory_size: Some(Setting::given(reservation.min(Size::mib(1)))),
            guard_size: Some(Setting::given(Size::kib(self.guard_kib))),
            stack_reservation: Some(Setting::given(Size::mib(self.stack_mib))),
            pools: Some(Setting::given(self.pools)),
            on_misfit: Some(Setting::given(match self.keep {
                Some(_) => OnMisfit::Shrink,
                None => OnMisfit::Error,
            })),
            keep: self.keep.map(Setting::given),
            ..PoolKeys::EMPTY
        };
        if let Some(kib) = self.table_kib {
            keys.table_reservation = Some(Setting::given(Size::kib(kib)));
            keys.guard_before = Some(Setting::given(self.guard_before));
        } else {
            keys.engine = Some(Setting::given(Engine::Wasmtime));
            keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(48)));
        }
        keys
    }
}

const fn native(slots: u32, kib: u64, guard_kib: u64, table_kib: u64, stack_mib: u64) -> CausePool {
    CausePool {
        table_kib: Some(table_kib),
        ..engine(slots, kib, guard_kib, stack_mib)
    }
}

const fn engine(slots: u32, kib: u64, guard_kib: u64, stack_mib: u64) -> CausePool {
    CausePool {
        slots,
        kib,
        guard_kib,
        stack_mib,
        pools: 1,
        table_kib: None,
        guard_before: true,
        keep: None,
    }
}

impl CausePool {
    const fn times(self, pools: u32) -> Self {
        Self { pools, ..self }
    }

    const fn unguarded_before(self) -> Self {
        Self {
            guard_before: false,
            ..self
        }
    }

    const fn shrinks(self, keep: Keep) -> Self {
        Self {
            keep: Some(keep),
            ..self
        }
    }
}

/// Pools of a program linked to a low address.
fn case(profile: &str, stack: (Option<Size>, StackLimit), aslr: Aslr, pools: &[CausePool]) -> Case {
    let (profile, linux) = linux()
        .into_iter()
        .find(|(of, _)| of.name == profile)
        .expect("it is known");
    Case {
        profile,
        linux,
        pools: pools.iter().map(CausePool::keys).collect(),
        program: RelocationModel::Static,
        stack,
        legacy: false,
        aslr,
        thrown: Vec::new(),
        ends: [false; 4],
        order: Vec::new(),
    }
}

const FINITE: (Option<Size>, StackLimit) = (Some(Size::mib(8)), StackLimit::Finite);
const GIB: (Option<Size>, StackLimit) = (Some(Size::gib(1)), StackLimit::UpTo(Size::gib(1)));

/// The book: a place that was planned is found again by its address, whatever has become of the rest.
#[test]
fn a_pool_finds_the_place_that_was_planned() {
    let pools = [
        native(3464, 128, 32_768, 0, 2)
            .times(3)
            .shrinks(Keep::MemoryReservation),
        engine(68, 4_064_896, 0, 1).shrinks(Keep::MaxInstances),
    ];
    let moved = [0, 0xf_ffff_f000, 0xf_ffff_f000, 0x4000_0000];
    case("va39", FINITE, Aslr::Maximum, &pools).starts(
        (moved, true),
        &[0, 0, 0, 1],
        StartWay::Each,
    );
}

/// The room lies in the holes that are filled first, also where they are smaller than it: else what the process maps
/// lies where a pool has its tables or stacks.
#[test]
fn a_small_hole_in_front_belongs_to_the_room() {
    let pools = [
        native(61, 1_339_264, 1_546_112, 320, 2)
            .times(3)
            .shrinks(Keep::MemoryReservation),
        engine(7, 56_721_408, 30_848, 4).shrinks(Keep::MemoryReservation),
    ];
    let moved = [0x70_c000, 0x2_2edc_8000, 0xaada_c000, 0x171c_8000];
    case("va39-16k", FINITE, Aslr::Maximum, &pools).starts(
        (moved, true),
        &[0, 0, 0, 1],
        StartWay::Each,
    );
}

/// The last pool of a file is planned, too: what is mapped when another one has ended goes into the room.
#[test]
fn the_last_pool_leaves_the_room_to_the_others() {
    let pools = [native(79, 25_688_448, 32_768, 160, 1)
        .times(2)
        .shrinks(Keep::MaxInstances)];
    let moved = [0x200_0000, 0, 0x3fff_f000, 0x4000_0000];
    case("va40", GIB, Aslr::Maximum, &pools).starts((moved, true), &[0, 0], StartWay::Again);
}

/// A pool that took more than its guarantee leaves a larger place when it ends, and a smaller one finds its own there:
/// first fit beside what is alive does not always find one.
#[test]
fn a_smaller_pool_finds_its_place_in_a_larger_one() {
    let pools = [
        native(31, 941_702_720, 32_768, 160, 1),
        native(1, 601_109_696, 300_554_848, 160, 1),
        native(7, 2_212_554_112, 12, 4, 1)
            .times(6)
            .shrinks(Keep::MemoryReservation),
        native(1, 28_990_019_264, 12, 68, 1),
        native(583, 1_048_576, 12, 4, 1),
    ];
    let case = Case {
        program: RelocationModel::Pie,
        ..case("va47", FINITE, Aslr::Minimum, &pools)
    };
    for moved in [
        [0; 4],
        [0x1000, 0x80_0000_0000, 0x80_0000_0000, 0x1000_0000],
    ] {
        for order in [
            [0, 1, 2, 2, 2, 2, 2, 2, 3, 4],
            [2, 2, 3, 0, 2, 1, 2, 4, 2, 2],
            [4, 2, 2, 2, 1, 2, 3, 2, 2, 0],
        ] {
            case.starts((moved, true), &order, StartWay::AgainTogether(20));
        }
    }
}

/// What a stack of a large limit is left reaches below a program at 2/3 of a small window: there a pool has no place.
#[test]
fn a_stack_is_left_its_room_below_the_program_too() {
    let pools = [native(24, 17_600, 0, 160, 4).shrinks(Keep::MemoryReservation)];
    for (aslr, moved) in [
        (Aslr::Maximum, [0x80_0000, 0x1fff_f000, 0, 0x200_0000]),
        (Aslr::Minimum, [0x80_0000, 0, 0xf_f000, 0]),
    ] {
        let case = Case {
            program: RelocationModel::Pie,
            legacy: true,
            ..case("sv32", GIB, aslr, &pools)
        };
        case.starts((moved, true), &[0], StartWay::Each);
    }
}

/// On 32 bits a probe of the direction in which the kernel searches is small: what another thread maps beside it stays there.
#[test]
fn what_another_thread_maps_beside_a_probe_leaves_room_for_stacks() {
    let pools = [native(127, 0, 0, 0, 1).times(3)];
    let case = Case {
        program: RelocationModel::Pie,
        ..case("1g", (None, StackLimit::Unlimited), Aslr::Maximum, &pools)
    };
    let others = Others {
        bytes: Size::kib(64),
        every: 1,
        left: 64,
        ..Others::default()
    };
    let moved = [0x80_0000, 0xfff_f000, 0, 0];
    case.starts_beside(others, (moved, true), &[0, 0, 0], StartWay::Each);
}

/// Where huge mappings are aligned, a page of another thread moves each of them, and a plan that just fits fits no longer:
/// it is made again when the page is gone, since a pool that is placed without a plan takes the place of an engine.
#[test]
fn a_page_that_comes_and_goes_costs_no_engine_its_place() {
    let pools = [
        engine(5, 21_622_475_968, 32_768, 4),
        native(3, 7_071_304_640, 0, 320, 0).times(2),
        engine(3, 41_403_748_544, 32_768, 2),
        engine(1, 117_440_512, 843_456, 3),
    ];
    let case = case("va48-64k", FINITE, Aslr::Minimum, &pools);
    for every in [1, 3] {
        let others = Others {
            bytes: Size::kib(4),
            every,
            left: 1,
            passes: true,
            ..Others::default()
        };
        for moved in [
            [0x3d79_0000, 0x30b8_0000, 0x87_0000, 0x1aaf_0000],
            [0, 0x3fff_0000, 0, 0x4000_0000],
        ] {
            case.starts_beside(
                others,
                (moved, true),
                &[0, 2, 1, 3, 1],
                StartWay::EnginesLast,
            );
        }
    }
}

/// The heap grows up to its fence: between the two no pool has its place.
#[test]
fn no_place_is_planned_in_the_room_of_the_heap() {
    let pools = [
        native(1, 46_137_344, 32_768, 0, 2)
            .times(3)
            .unguarded_before(),
        engine(3536, 1_443_776, 0, 4),
        native(24, 2_000_466_816, 282_816, 320, 0)
            .times(3)
            .unguarded_before()
            .shrinks(Keep::MaxInstances),
        engine(1961, 790_848, 0, 2),
    ];
    let case = Case {
        program: RelocationModel::Pie,
        legacy: true,
        ..case("sv48", GIB, Aslr::Minimum, &pools)
    };
    for moved in [
        [0x2140_a000, 0x1d9e_b000, 0x2e5a_1000, 0x1086_7000],
        [0x36f4_a000, 0xc77_0000, 0x3d7d_8000, 0x1486_8000],
    ] {
        let order = [0, 2, 0, 2, 1, 0, 2, 3];
        case.starts((moved, false), &order, StartWay::Allocates);
    }
}

/// An engine whose neighbour was planned without room to spare for alignment has that room itself.
#[test]
fn an_engine_has_room_to_spare_beside_one_without() {
    let pools = [
        engine(3660, 320, 0, 4),
        engine(19, 909_568, 32_768, 0),
        native(5, 5_213_760, 133_376, 160, 0).unguarded_before(),
    ];
    let case = Case {
        program: RelocationModel::Pie,
        ..case(
            "va36-16k",
            (Some(Size::mib(128)), StackLimit::Finite),
            Aslr::Minimum,
            &pools,
        )
    };
    let moved = [0x4000_0000, 0x3fff_c000, 0x3fff_c000, 0x4000_0000];
    case.starts((moved, true), &[1, 0, 2], StartWay::EnginesLast);
}

/// What alignment has left beside the place of an engine's tables is part of their hole: with another pool in it they go
/// where the engine's stacks have their place.
#[test]
fn no_pool_makes_the_hole_of_an_engine_too_small() {
    let pools = [
        native(7, 21_077_504, 0, 320, 0).times(2).unguarded_before(),
        engine(10_538, 6976, 0, 2),
        native(31, 4_429_120, 32_768, 0, 2).unguarded_before(),
    ];
    let case = Case {
        program: RelocationModel::Pie,
        ..case("va39-16k", GIB, Aslr::Minimum, &pools)
    };
    let moved = [0, 0, 0x3ff_c000, 0x4000_0000];
    for order in [[0, 0, 1, 2], [0, 0, 2, 1]] {
        for way in [StartWay::Each, StartWay::Allocates, StartWay::Again] {
            case.starts((moved, true), &order, way);
        }
    }
}

/// A heap that has come to its fence gets more room before an engine is made: else what an allocator maps instead lies where
/// the engine has its place.
#[test]
fn a_heap_at_its_fence_takes_no_place_of_an_engine() {
    let pools = [
        engine(25_551, 128, 0, 4)
            .times(2)
            .shrinks(Keep::MemoryReservation),
        engine(79, 64, 32_768, 2).shrinks(Keep::MemoryReservation),
        engine(77, 6144, 317_248, 0).shrinks(Keep::MemoryReservation),
    ];
    let moved = [0x80_0000, 0xf_f000, 0, 0x200_0000];
    case("3g-opt", FINITE, Aslr::Minimum, &pools).starts(
        (moved, true),
        &[0, 0, 1, 2],
        StartWay::Allocates,
    );
}

/// The heap's room does not come from what the kernel's alignment takes beside engines: those of which no recheck is told
/// lie where it aligns them.
#[test]
fn the_room_of_the_heap_leaves_engines_their_alignment() {
    let pools = [
        engine(3, 13_632, 32_768, 0).shrinks(Keep::MemoryReservation),
        native(7, 24_946_944, 1_864_832, 320, 0)
            .unguarded_before()
            .shrinks(Keep::MaxInstances),
        engine(12, 59_637_760, 0, 4)
            .times(3)
            .shrinks(Keep::MemoryReservation),
    ];
    let moved = [0, 0x3_ffff_c000, 0, 0x4000_0000];
    case("va39-16k", FINITE, Aslr::Maximum, &pools).starts(
        (moved, true),
        &[0, 1, 2, 2, 2],
        StartWay::Untold,
    );
}

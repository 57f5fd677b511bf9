//! What a process maps within its headroom takes no place of a pool that is to come.

use std::ops::Range;

use poolcfg_core::{
    AddressSpaceKeys, Arch, Aslr, Layout, OnMisfit, Os, Plan, PoolKeys, Promise, RelocationModel,
    SearchLayout, Setting, Settings, Size, Target, VaProfile,
};

use super::super::space::{ProcessLayout, aslr_range};
use super::process::FakeProcess;
use crate::machine::Machine;
use crate::recheck::kept::Keeper;

/// How many equal pools there are beside another one: so many that those after the first few take what is left over.
const POOLS: u32 = 40;

/// An allocator maps it between any two starts, a third of the headroom in all.
const BETWEEN: Size = Size::bytes((8 << 20) + 4096);

/// What every process maps first: the vDSO.
const FIRST: [Size; 1] = [Size::kib(28)];

/// One pool of 4 GiB, and many of 8.64 GiB that nearly fill the window.
fn promises(aslr: Aslr) -> [Promise<'static>; 2] {
    let of = |slots, bytes| PoolKeys {
        max_instances: Some(Setting::given(slots)),
        memory_reservation: Some(Setting::given(bytes)),
        ..PoolKeys::EMPTY
    };
    let many = PoolKeys {
        guard_size: Some(Setting::given(Size::bytes(1_851_392))),
        stack_reservation: Some(Setting::given(Size::kib(4))),
        guard_before: Some(Setting::given(false)),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        pools: Some(Setting::given(POOLS)),
        ..of(37, Size::bytes(9_271_902_208))
    };
    let space = AddressSpaceKeys {
        aslr: Some(Setting::given(aslr)),
        relocation_model: Some(Setting::given(RelocationModel::Static)),
        layout: Some(Setting::given(SearchLayout::Legacy)),
        ..AddressSpaceKeys::EMPTY
    };
    let settings = Settings::new(&["a", "b"], &[])
        .address_space(space)
        .pool(0, of(4, Size::gib(1)))
        .pool(1, many);
    let case = settings
        .resolve(Target::new(Arch::Aarch64, Os::Linux, 64))
        .expect("no fault");
    let plan = Plan::new(&case);
    assert_eq!(plan.misfit, None);
    [0, 1].map(|pool| plan.promise(&case, pool))
}

/// The places of pools that are to come to which the kernel comes before the end of what is left to the process. What lies
/// below the base is not searched.
fn in_the_way(process: &FakeProcess, promise: &Promise<'static>, base: u64) -> Vec<Range<u64>> {
    let book = process.kept().book(&promise.process).expect("a plan");
    let end = book.margin.iter().map(|part| part.end).max();
    let places = book.lines.iter().flat_map(|line| line.places.iter());
    let is_in_the_way = |place: &&Range<u64>| {
        let bytes = Size::bytes(place.end - place.start);
        let is_to_come = process.reserve_at(place.start, bytes).is_ok();
        is_to_come && place.start >= base && Some(place.start) < end
    };
    places.filter(is_in_the_way).cloned().collect()
}

#[test]
fn the_headroom_lies_before_the_places_of_forty_pools() {
    let target = Target::new(Arch::Aarch64, Os::Linux, 64);
    let profile = VaProfile::floor(target).expect("it is known");
    let Layout::Linux(linux) = profile.layout else {
        panic!("Linux has a layout");
    };
    let aslr = Aslr::Minimum;
    let [one, many] = promises(aslr);
    let most = aslr_range(&profile, &linux, aslr.bits(&linux));
    for part in 0..4u64 {
        let made = ProcessLayout {
            program: RelocationModel::Static,
            stack_limit: Some(Size::mib(128)),
            legacy: true,
            moved: most.map(|most| most / 3 * part / 4096 * 4096),
            aligned: true,
        };
        let process = FakeProcess::new(&profile, &linux, &made, &FIRST);
        let base = linux.legacy_base.get() + made.moved[1];
        let mut started = Vec::new();
        let pools = std::iter::once(&one).chain((0..POOLS).map(|_| &many));
        for (number, promise) in pools.enumerate() {
            let pool = process.start(promise);
            let pool = pool.unwrap_or_else(|error| panic!("{part}, start {number}: {error}"));
            assert!(pool.limits.max_instances >= promise.guaranteed.max_instances);
            started.push(pool);
            let in_the_way = in_the_way(&process, promise, base);
            assert!(
                in_the_way.is_empty(),
                "{part}, start {number}: {in_the_way:x?}"
            );
            assert!(process.map(BETWEEN), "there is room for the process");
        }
    }
}

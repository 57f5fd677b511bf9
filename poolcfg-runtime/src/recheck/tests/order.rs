//! Pools of one file in every order, in processes that are made up: wherever ASLR puts things, each gets what the build
//! guarantees, with 8 MiB mapped between any two starts.

use poolcfg_core::{
    AddressSpaceKeys, Arch, Aslr, Engine, Layout, LinuxLayout, OnMisfit, Os, Plan, PoolKeys,
    Promise, RelocationModel, Setting, Settings, Size, Target, UnlimitedStack, VaProfile,
    WasmtimeVersion,
};

use super::super::recheck;
use super::super::space::{ProcessLayout, aslr_range};
use super::advised::variables_in;
use super::process::{FakeProcess, Started};
use crate::machine::Machine;
use crate::recheck::limit::RecheckLimit;
use crate::recheck::misfit::{Misfit, RecheckError};
use crate::recheck::options::RecheckOptions;
use crate::recheck::other_layout::OtherLayout;

/// What is mapped between two starts.
const BETWEEN: Size = Size::mib(8);

/// The loader comes first, flush with the mmap base.
const LIBRARIES: [Size; 3] = [Size::kib(212), Size::mib(2), Size::mib(8)];

const SV39: Target = Target::new(Arch::Riscv64, Os::Linux, 64);
const VA39: Target = Target::new(Arch::Aarch64, Os::Linux, 64);

const MIN: Aslr = Aslr::Minimum;
const MAX: Aslr = Aslr::Maximum;

/// One pool of a file.
#[derive(Clone, Copy, Debug)]
struct Asked {
    name: &'static str,
    slots: u32,
    mib: u64,
    engine: Engine,
    shrinks: bool,
    pools: u32,
}

const fn native(name: &'static str, slots: u32, mib: u64) -> Asked {
    Asked {
        name,
        slots,
        mib,
        engine: Engine::Native,
        shrinks: false,
        pools: 1,
    }
}

const fn wasmtime(name: &'static str, slots: u32, mib: u64) -> Asked {
    Asked {
        engine: Engine::Wasmtime,
        ..native(name, slots, mib)
    }
}

impl Asked {
    /// As many slots as fit, of very many.
    const fn all_that_fit(self) -> Self {
        Self {
            slots: 1000,
            shrinks: true,
            ..self
        }
    }

    const fn times(self, pools: u32) -> Self {
        Self { pools, ..self }
    }

    fn keys(&self) -> PoolKeys {
        let mut keys = PoolKeys {
            engine: Some(Setting::given(self.engine)),
            max_instances: Some(Setting::given(self.slots)),
            memory_reservation: Some(Setting::given(Size::mib(self.mib))),
            max_memory_size: Some(Setting::given(Size::mib(1))),
            guard_size: Some(Setting::given(Size::mib(32))),
            pools: Some(Setting::given(self.pools)),
            on_misfit: Some(Setting::given(if self.shrinks {
                OnMisfit::Shrink
            } else {
                OnMisfit::Error
            })),
            ..PoolKeys::EMPTY
        };
        if self.engine == Engine::Wasmtime {
            keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(48)));
        }
        keys
    }
}

/// Files for a window of `scale` x 256 GiB.
fn files(scale: u64) -> Vec<Vec<Asked>> {
    let gib = |gib: u64| gib * 1024 * scale;
    vec![
        vec![native("a", 1, gib(120)), native("b", 20, gib(3))],
        vec![
            native("a", 1, gib(80)),
            native("b", 1, gib(60)),
            native("c", 8, gib(2)),
        ],
        vec![
            wasmtime("a", 20, gib(4)),
            wasmtime("b", 10, gib(4)),
            native("c", 20, gib(2)),
        ],
        vec![
            native("a", 10, gib(2)),
            native("b", 0, gib(4)).all_that_fit(),
            wasmtime("c", 5, gib(4)),
        ],
        vec![
            wasmtime("a", 0, gib(4)).all_that_fit(),
            native("b", 0, gib(2)).all_that_fit(),
            wasmtime("c", 0, gib(1)).all_that_fit(),
        ],
        vec![
            native("a", 0, gib(3)).all_that_fit().times(2),
            wasmtime("b", 3, gib(4)).times(2),
        ],
    ]
}

/// The kernel of a file's processes, and what the build promises there.
struct Planned {
    profile: VaProfile<'static>,
    linux: LinuxLayout,
    aslr: Aslr,
    /// Each pool as often as it says.
    pools: Vec<Promise<'static>>,
}

impl Planned {
    fn new(target: Target, aslr: Aslr, file: &[Asked]) -> Self {
        let names: Vec<&'static str> = file.iter().map(|pool| pool.name).collect();
        let mut settings = Settings::new(&names, &[]).address_space(AddressSpaceKeys {
            aslr: Some(Setting::given(aslr)),
            ..AddressSpaceKeys::EMPTY
        });
        for (at, pool) in file.iter().enumerate() {
            settings = settings.pool(at, pool.keys());
        }
        let case = settings.resolve(target).expect("no fault");
        let plan = Plan::new(&case);
        assert_eq!(plan.misfit, None);
        let pools = file.iter().enumerate().flat_map(|(at, pool)| {
            let often = usize::try_from(pool.pools).expect("few");
            std::iter::repeat_n(plan.promise(&case, at), often)
        });
        let profile = VaProfile::floor(target).expect("it is known");
        let Layout::Linux(linux) = profile.layout else {
            panic!("Linux has a layout");
        };
        Self {
            profile,
            linux,
            aslr,
            pools: pools.collect(),
        }
    }

    /// A process in which ASLR has moved things so far.
    fn process(&self, moved: [u64; 4], aligned: bool) -> FakeProcess {
        self.process_under(Some(Size::mib(8)), moved, aligned)
    }

    /// The same, started under another stack limit.
    fn process_under(
        &self,
        stack_limit: Option<Size>,
        moved: [u64; 4],
        aligned: bool,
    ) -> FakeProcess {
        let made = ProcessLayout {
            program: RelocationModel::Pie,
            stack_limit,
            legacy: false,
            moved,
            aligned,
        };
        FakeProcess::new(&self.profile, &self.linux, &made, &LIBRARIES)
    }

    /// Positions of ASLR: both ends of all that it moves, and those at which the slots of a pool that fit beside the
    /// program become one more or one less.
    fn positions(&self) -> Vec<[u64; 4]> {
        let page = self.profile.page_size.get();
        let [stack, base, program, heap] =
            aslr_range(&self.profile, &self.linux, self.aslr.bits(&self.linux));
        let mut programs = vec![0, program / 2, program];
        for pool in &self.pools {
            let slot = pool.guaranteed.memory_reservation.get() + pool.guaranteed.guard_size.get();
            let more = slot - self.linux.pie_base.get() % slot;
            programs.extend([more, more.saturating_sub(page)]);
        }
        programs.retain(|at| *at <= program);
        programs.sort_unstable();
        programs.dedup();
        let mut positions = Vec::new();
        for program in programs {
            for (base, end) in [(0, 1), (base / 2, 0), (base, 1)] {
                positions.push([stack * end, base, program, heap * end]);
            }
        }
        let whole = |moved: [u64; 4]| moved.map(|bytes| bytes / page * page);
        positions.into_iter().map(whole).collect()
    }
}

/// All orders of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let mut orders = Vec::new();
    for shorter in self::orders(last) {
        for at in 0..count {
            let mut order = shorter.clone();
            order.insert(at, last);
            orders.push(order);
        }
    }
    orders
}

/// Starts one pool, which has to get its guarantee.
fn start(process: &FakeProcess, promise: &Promise<'static>) -> Result<Started, String> {
    assert!(process.map(BETWEEN), "there is room for the process");
    let started = process.start(promise)?;
    assert!(started.limits.max_instances >= promise.guaranteed.max_instances);
    assert_eq!(
        started.limits.memory_reservation,
        promise.guaranteed.memory_reservation
    );
    Ok(started)
}

/// Does this in every process of every file, on both kernels with the least and the most ASLR.
fn in_every_process(mut it: impl FnMut(&Planned, &dyn Fn() -> FakeProcess) -> Result<(), String>) {
    for (target, scale) in [(SV39, 1), (VA39, 2)] {
        for (aslr, file) in [MIN, MAX]
            .into_iter()
            .flat_map(|aslr| files(scale).into_iter().map(move |file| (aslr, file)))
        {
            let planned = Planned::new(target, aslr, &file);
            for (number, moved) in planned.positions().into_iter().enumerate() {
                let process = || planned.process(moved, number % 3 > 0);
                if let Err(error) = it(&planned, &process) {
                    let name = planned.profile.name;
                    panic!("{name}, {aslr:?} ASLR at {moved:x?}, {file:?}: {error}");
                }
            }
        }
    }
}

#[test]
fn every_order_gives_each_pool_its_guarantee() {
    in_every_process(|planned, process| {
        let orders = orders(planned.pools.len());
        // Of 24 orders the half is enough.
        for order in orders.iter().step_by(orders.len().div_ceil(12)) {
            let process = process();
            let started = order.iter().map(|at| start(&process, &planned.pools[*at]));
            let started: Result<Vec<_>, _> = started.collect();
            started.map_err(|error| format!("{order:?}: {error}"))?;
        }
        Ok(())
    });
}

/// All engines are rechecked before the first is made, and made the other way round.
#[test]
fn engines_may_be_made_after_all_rechecks() {
    in_every_process(|planned, process| {
        let is_engine = |promise: &&Promise<'static>| promise.asked.wasmtime.is_some();
        let process = process();
        let mut checked = Vec::new();
        for engine in planned.pools.iter().filter(is_engine) {
            assert!(process.map(BETWEEN));
            checked.push(process.check(engine)?);
        }
        let mut started = Vec::new();
        let mut others = planned.pools.iter().filter(|promise| !is_engine(promise));
        while let Some(engine) = checked.pop() {
            if let Some(other) = others.next() {
                started.push(start(&process, other)?);
            }
            assert!(process.map(BETWEEN));
            started.push(process.make(&engine)?);
        }
        for other in others {
            started.push(start(&process, other)?);
        }
        Ok(())
    });
}

/// Holes of a pool that has ended are its own again, as long as what the process maps has room elsewhere.
#[test]
fn a_pool_that_has_ended_starts_again() {
    let gib = |gib: u64| gib * 1024;
    let file = [
        native("a", 20, gib(1)),
        native("b", 8, gib(2)),
        native("c", 0, gib(4)).all_that_fit(),
    ];
    for aslr in [MIN, MAX] {
        let planned = Planned::new(SV39, aslr, &file);
        for moved in planned.positions() {
            let process = planned.process(moved, true);
            let started = planned.pools.iter().map(|pool| start(&process, pool));
            let mut started: Vec<_> = started.collect::<Result<_, _>>().expect("they start");
            for pool in [&planned.pools[0], &planned.pools[1]] {
                process.end(started.remove(0));
                let again = start(&process, pool);
                started.push(again.unwrap_or_else(|error| panic!("{moved:x?}: {error}")));
            }
        }
    }
}

/// While an engine is made, a native pool gets what is kept for it.
#[test]
fn a_recheck_takes_its_place_from_what_is_held() {
    let gib = |gib: u64| gib * 1024;
    let file = [wasmtime("a", 16, gib(4)), native("b", 1, gib(80))];
    let planned = Planned::new(SV39, MIN, &file);
    let process = planned.process([0; 4], true);
    let engine = process.check(&planned.pools[0]).expect("it fits");
    let thread = process.hold(&engine);
    let free = process.free_bytes();
    let other = process.start(&planned.pools[1]).expect("it is held");
    assert_eq!(other.limits, planned.pools[1].guaranteed);
    // It has been taken before: at most the alignment of three mappings comes back.
    let back = process.free_bytes() - free;
    assert!(back <= Size::mib(6).get(), "{back}");
    process.release(thread);
    process.make(&engine).expect("its place is free");
}

/// It is not counted twice under a limit of the address space, also when the engine has been mapped.
#[test]
fn what_is_held_counts_once_under_a_limit_of_the_address_space() {
    let gib = |gib: u64| gib * 1024;
    let file = [wasmtime("a", 16, gib(4)), native("b", 1, gib(20))];
    let planned = Planned::new(SV39, MIN, &file);
    let mut process = planned.process([0; 4], true);
    process.set_address_space_left(Size::gib(90));
    let engine = process.check(&planned.pools[0]).expect("it fits");
    let thread = process.hold(&engine);
    let mapped = process.reserve(Size::gib(66)).expect("it has its place");
    let other = process.start(&planned.pools[1]).expect("it is held");
    assert_eq!(other.limits, planned.pools[1].guaranteed);
    drop(mapped);
    process.release(thread);
}

/// Who does what a refusal says comes to a process in which all pools start.
#[test]
fn what_is_suggested_under_a_limit_of_the_address_space_starts_every_pool() {
    let files: [&[Asked]; 4] = [
        &[native("a", 1, 30 * 1024).times(3)],
        &[native("a", 1, 40 * 1024), native("b", 1, 40 * 1024)],
        &[native("a", 900, 64), native("b", 1, 40 * 1024)],
        &[wasmtime("a", 10, 4096), native("b", 4, 1024).times(2)],
    ];
    for file in files {
        let planned = Planned::new(SV39, MIN, file);
        let mut last = (String::new(), 0);
        for left in [Size::mib(1600), Size::gib(2), Size::gib(9)] {
            let start = |variables: &[(String, String)]| {
                let mut process = planned.process([0; 4], true);
                process.set_address_space_left(left);
                process.set_variables(variables);
                let started = planned.pools.iter().map(|pool| process.start(pool));
                started.collect::<Result<Vec<_>, _>>().map(drop)
            };
            let said = start(&[]).expect_err("it does not fit");
            let variables = variables_in(&said);
            let (name, value) = variables
                .first()
                .unwrap_or_else(|| panic!("{file:?} with {left}: nothing is suggested: {said}"));
            if let Err(again) = start(&variables) {
                panic!("{file:?} with {left}: {variables:?} do not help: {again}");
            }
            // More is suggested of a number the higher the limit is.
            let size = value.parse::<Size>().map_or(0, Size::get);
            let first = (name.clone(), value.parse().unwrap_or(size));
            assert!(
                first.0 != last.0 || first.1 >= last.1,
                "{file:?} with {left}: {variables:?}"
            );
            last = first;
        }
    }
}

/// Where ASLR has put the program above the mmap base, the kernel finds the hole behind the heap from the bottom up.
#[test]
fn a_heap_may_grow_where_the_program_lies_above_the_mmap_base() {
    let file = [native("", 0, 4096).all_that_fit()];
    let planned = Planned::new(SV39, MAX, &file);
    let [stack, base, program, heap] =
        aslr_range(&planned.profile, &planned.linux, MAX.bits(&planned.linux));
    for (base, program) in [
        (base, program),
        (base, program / 2),
        (base / 4 * 3, program),
    ] {
        for (stack, heap) in [(0, 0), (stack, heap)] {
            let page = planned.profile.page_size.get();
            let moved = [stack, base, program, heap].map(|bytes| bytes / page * page);
            let process = planned.process(moved, true);
            assert!(process.has_program_above_the_base());
            let started = start(&process, &planned.pools[0]).expect("it is guaranteed");
            assert!(process.heap_may_grow(Size::mib(512)), "{moved:x?}");
            drop(started);
        }
    }
}

/// A stack limit that is raised when the program has started moves nothing: what lies below the mmap base serves.
#[test]
fn a_stack_limit_that_is_raised_later_costs_no_slot() {
    let file = [native("", 0, 480).all_that_fit()];
    let planned = Planned::new(SV39, MIN, &file);
    let [stack, _, program, _] =
        aslr_range(&planned.profile, &planned.linux, MIN.bits(&planned.linux));
    let page = planned.profile.page_size.get();
    for part in 0..50 {
        // The stack is as near to the libraries as it may be.
        let moved = [stack, 0, program / 50 * part / page * page, 0];
        let slots = |raised: bool| {
            let mut process = planned.process(moved, true);
            if raised {
                process.set_stack_limit(Size::gib(1));
            }
            let all = Promise {
                headroom: Size::ZERO,
                ..planned.pools[0]
            };
            let started = start(&process, &all);
            started.expect("it is guaranteed").limits.max_instances
        };
        assert_eq!(slots(true), slots(false), "{moved:x?}");
    }
}

/// What a recheck says in a process that is laid out otherwise than planned.
fn refused(process: &FakeProcess, promise: &Promise<'static>) -> Misfit {
    match recheck(process, promise, RecheckOptions::new()) {
        Err(RecheckError::Misfit(misfit)) => *misfit,
        Err(error) => panic!("{error}"),
        Ok(taken) => panic!("took {:?}", taken.limits),
    }
}

#[test]
fn the_legacy_layout_is_named_with_what_has_chosen_it() {
    let planned = Planned::new(SV39, MIN, &[wasmtime("", 1, 160 * 1024)]);
    let said = |file: Option<(&'static str, &'static str)>| {
        let mut process = planned.process_under(None, [0; 4], true);
        if let Some((path, text)) = file {
            process.set_file(path, text);
        }
        let misfit = refused(&process, &planned.pools[0]);
        assert_eq!(misfit.limit, RecheckLimit::Hole);
        (
            misfit.layout.expect("it is another one"),
            misfit.to_string(),
        )
    };
    let (layout, text) = said(None);
    assert_eq!(layout, OtherLayout::UnlimitedStack(UnlimitedStack::Legacy));
    assert!(
        text.contains("or set a finite stack limit with `ulimit -s 8192`"),
        "{text}"
    );
    let (layout, text) = said(Some(("/proc/self/personality", "00200000\n")));
    assert_eq!(layout, OtherLayout::LegacyPersonality);
    assert!(
        text.contains("or start it without `setarch --addr-compat-layout`"),
        "{text}"
    );
    let (layout, text) = said(Some(("/proc/sys/vm/legacy_va_layout", "1\n")));
    assert_eq!(layout, OtherLayout::LegacySysctl);
    assert!(
        text.contains("or set `sysctl -w vm.legacy_va_layout=0`"),
        "{text}"
    );
}

#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "x86_64"
    )
))]
#[test]
fn a_stack_limit_above_the_planned_one_is_named() {
    let window = VaProfile::floor(Target::CURRENT)
        .expect("it is known")
        .window;
    let mib = window.get() / Size::mib(1).get();
    let file = [
        native("a", 1, mib / 100 * 62),
        native("b", 1, mib / 100 * 30),
    ];
    let planned = Planned::new(Target::CURRENT, MIN, &file);
    let limit = Size::bytes(window.get() / 8);
    let process = planned.process_under(Some(limit), [0; 4], true);
    let _first = start(&process, &planned.pools[0]).expect("below the program all is as planned");
    let misfit = refused(&process, &planned.pools[1]);
    assert_eq!(misfit.limit, RecheckLimit::Hole);
    let planned_with = Size::mib(128);
    assert_eq!(
        misfit.layout,
        Some(OtherLayout::LargeStack {
            limit,
            planned: planned_with
        })
    );
    let text = misfit.to_string();
    assert!(text.contains("`RLIMIT_STACK`"), "{text}");
    assert!(text.contains("lower it with `ulimit -s 131072`"), "{text}");
}

#[test]
fn pools_of_one_file_are_not_told_to_move_into_one() {
    let gib = |gib: u64| gib * 1024;
    let planned = Planned::new(
        SV39,
        MIN,
        &[native("a", 1, gib(160)), native("b", 1, gib(70))],
    );
    let process = planned.process([0; 4], true);
    let first = start(&process, &planned.pools[0]).expect("it fits");
    // More than the headroom.
    assert!(process.map(Size::gib(20)));
    let misfit = refused(&process, &planned.pools[1]);
    assert_eq!(misfit.held_by_others, Size::ZERO);
    assert_eq!(misfit.headroom, Size::gib(1));
    if misfit.layout.is_none() {
        let text = misfit.to_string();
        assert!(
            text.ends_with(
                "or start the pools before the process maps more than its headroom of `1GiB`, or raise \
                 `headroom` in poolcfg.toml (see `cargo poolcfg --explain PC0055`)"
            ),
            "{text}"
        );
    }
    drop(first);
}

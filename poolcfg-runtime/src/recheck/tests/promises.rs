//! Whatever the build accepts starts: any pools, on any profile of Linux, in any shape and order, wherever ASLR puts
//! things in an address space that is made up.

use poolcfg_core::{
    AddressSpaceKeys, Aslr, Engine, Keep, Layout, Limits, LinuxLayout, OnMisfit, Os, Plan,
    PoolKeys, Promise, RelocationModel, SearchLayout, Setting, Settings, Size, StackLimit, Target,
    VaProfile, WasmtimeVersion,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

use super::super::space::{ProcessLayout, aslr_range};
use super::process::{FakeProcess, Others, Started};

/// Of the cases that every run asks.
pub(super) const SEED: u64 = 0;

/// What is mapped between two starts, if a quarter of the headroom holds as much.
const BETWEEN: Size = Size::mib(8);

/// The loader first, flush with the mmap base, and what it loads: a small part of the headroom.
pub(super) const fn libraries(profile: &VaProfile<'_>) -> [Size; 3] {
    match profile.pointer_width() {
        32 => [Size::kib(212), Size::kib(512), Size::mib(1)],
        _ => [Size::kib(212), Size::mib(2), Size::mib(8)],
    }
}

/// Names of the pools of one file.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// How many pools a random file has at most.
const MOST_POOLS: usize = 4;

/// All profiles of Linux.
pub(super) fn linux() -> Vec<(VaProfile<'static>, LinuxLayout)> {
    let all = VaProfile::ALL.concat().into_iter();
    let linux = all.filter_map(|profile| match profile.layout {
        Layout::Linux(linux) if profile.os == Os::Linux => Some((profile, linux)),
        _ => None,
    });
    linux.collect()
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
        (any::<[bool; 2]>(), prop::bool::weighted(0.1)),
        select(vec![OnMisfit::Shrink, OnMisfit::Shrink, OnMisfit::Error]),
        select(vec![Keep::MemoryReservation, Keep::MaxInstances]),
        prop_oneof![5 => Just(1u32), 2 => 2u32..4],
    )
        .prop_map(
            move |(
                (count, share, guard),
                (table, stack),
                ([wasmtime, before], bare),
                on_misfit,
                keep,
                pools,
            )| {
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
                    keys.guard_before = Some(Setting::given(before));
                    if bare {
                        keys.memory_reservation = Some(Setting::given(Size::ZERO));
                        keys.max_memory_size = None;
                    }
                }
                keys
            },
        )
}

/// A file of one to four pools for one profile.
type DrawnFile = ((VaProfile<'static>, LinuxLayout), Vec<PoolKeys>);

fn file() -> impl Strategy<Value = DrawnFile> {
    select(linux()).prop_flat_map(|of| {
        let pools = prop::collection::vec(pool(of.0.window.get()), 1..=MOST_POOLS);
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
    let case = settings.resolve(target).ok()?;
    let plan = Plan::new(&case);
    let promise = |pool| plan.promise(&case, pool);
    plan.misfit
        .is_none()
        .then(|| (0..pools.len()).map(promise).collect())
}

/// How the pools of a file start.
#[derive(Clone, Copy, Debug)]
pub(super) enum StartWay {
    /// One after the other.
    Each,
    /// The same, while the process allocates half of its headroom.
    Allocates,
    /// Every engine is made when all pools have been rechecked.
    EnginesLast,
    /// Engines are made without telling, right after their rechecks.
    Untold,
    /// And at the end each native pool ends and starts again.
    Again,
    /// And at the end, so many times, some native pools end together and start again in another order.
    AgainTogether(u32),
}

/// Starts the pools in an order, with something mapped between any two starts.
fn start(
    process: &FakeProcess,
    promises: &[Promise<'static>],
    order: &[usize],
    way: StartWay,
) -> Result<(), String> {
    let headroom = promises.first().map_or(0, |promise| promise.headroom.get());
    // Each pool starts twice at most, or is checked and made; or it does so in each round.
    let times = match way {
        StartWay::AgainTogether(rounds) => u64::from(rounds) + 1,
        _ => 2,
    };
    let starts = order.len() as u64 * times;
    let bytes = BETWEEN.min(Size::bytes(headroom / 4 / starts));
    let allocated = Size::bytes(headroom / 2 / starts);
    let between = || {
        let mapped = match way {
            StartWay::Allocates => process.allocate(allocated),
            _ => process.map(bytes),
        };
        mapped.then_some(()).ok_or("nothing between two starts")
    };
    let enough = |pool: usize, taken: &Limits| {
        let promise = &promises[pool];
        let guaranteed = &promise.guaranteed;
        if taken.max_instances < guaranteed.max_instances
            || taken.memory_reservation < guaranteed.memory_reservation
        {
            return Err(format!("`{}`: {taken:?} < {guaranteed:?}", promise.name));
        }
        Ok(())
    };
    let one = |pool: usize| {
        let promise = &promises[pool];
        let started = match way {
            StartWay::Untold if promise.asked.wasmtime.is_some() => {
                process.make_untold(&process.check(promise)?)?
            }
            _ => process.start(promise)?,
        };
        enough(pool, &started.limits)?;
        between()?;
        Ok::<_, String>(started)
    };
    let mut started = Vec::new();
    let mut checked = Vec::new();
    for pool in order {
        let is_engine = promises[*pool].asked.wasmtime.is_some();
        if is_engine && matches!(way, StartWay::EnginesLast) {
            checked.push(process.check(&promises[*pool])?);
            between()?;
        } else {
            started.push((*pool, one(*pool)?));
        }
    }
    while let Some(engine) = checked.pop() {
        let pool = promises.iter().position(|of| of.name == engine.name());
        let made = process.make(&engine)?;
        between()?;
        started.push((pool.ok_or("no pool")?, made));
    }
    if matches!(way, StartWay::Again) {
        let all = started.len();
        for _ in 0..all {
            let (pool, ended) = started.remove(0);
            if all == 1 || promises[pool].asked.wasmtime.is_some() {
                started.push((pool, ended));
                continue;
            }
            process.end(ended);
            between()?;
            started.push((pool, one(pool).map_err(|error| format!("again: {error}"))?));
        }
    }
    if let StartWay::AgainTogether(rounds) = way {
        again_together(process, promises, started, rounds, one)?;
    }
    Ok(())
}

/// So many times, some native pools end together and start again in another order.
fn again_together(
    process: &FakeProcess,
    promises: &[Promise<'static>],
    mut started: Vec<(usize, Started)>,
    rounds: u32,
    one: impl Fn(usize) -> Result<Started, String>,
) -> Result<(), String> {
    let mut dice = Dice(77);
    for round in 0..rounds {
        let mut gone = Vec::new();
        for _ in 0..=dice.below(started.len()) {
            let (pool, of) = started.remove(dice.below(started.len()));
            if promises[pool].asked.wasmtime.is_some() {
                started.push((pool, of));
            } else {
                process.end(of);
                gone.push(pool);
            }
        }
        if dice.below(2) == 0 {
            gone.reverse();
        }
        for pool in gone {
            let again = one(pool).map_err(|error| format!("again in {round}: {error}"))?;
            started.push((pool, again));
        }
    }
    Ok(())
}

/// The same throws in every run, by the generator of Numerical Recipes.
struct Dice(u32);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 10) as usize % end
    }
}

/// A file, how its process is started, and positions of ASLR.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) profile: VaProfile<'static>,
    pub(super) linux: LinuxLayout,
    pub(super) pools: Vec<PoolKeys>,
    pub(super) program: RelocationModel,
    pub(super) stack: (Option<Size>, StackLimit),
    /// Whether it starts in the legacy layout, whatever its stack limit.
    pub(super) legacy: bool,
    pub(super) aslr: Aslr,
    pub(super) thrown: Vec<([u64; 4], bool)>,
    pub(super) ends: [bool; 4],
    pub(super) order: Vec<prop::sample::Index>,
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    // The second one is as much as `finite` covers.
    let stack = vec![
        (Some(Size::mib(8)), StackLimit::Finite),
        (None, StackLimit::Finite),
        (Some(Size::gib(1)), StackLimit::UpTo(Size::gib(1))),
        (None, StackLimit::Unlimited),
    ];
    let all = (
        file(),
        select(RelocationModel::ALL.to_vec()),
        (select(stack), prop::bool::weighted(0.15)),
        select(Aslr::NAMED.to_vec()),
        prop::collection::vec((any::<[u64; 4]>(), any::<bool>()), 2),
        any::<[bool; 4]>(),
        prop::collection::vec(any::<prop::sample::Index>(), 12),
    );
    all.prop_map(
        |(
            ((profile, linux), pools),
            program,
            ((size, limit), legacy),
            aslr,
            thrown,
            ends,
            order,
        )| Case {
            profile,
            linux,
            pools,
            program,
            stack: match limit {
                StackLimit::Finite => (
                    size.or(Some(StackLimit::finite(profile.pointer_width()))),
                    limit,
                ),
                _ => (size, limit),
            },
            legacy,
            aslr,
            thrown,
            ends,
            order,
        },
    )
}

impl Case {
    /// What the build promises; `None` if it refuses the file.
    pub(super) fn promises(&self) -> Option<Vec<Promise<'static>>> {
        promises(
            &self.profile,
            &self.pools,
            AddressSpaceKeys {
                va_profile: Some(Setting::given(self.profile.name)),
                relocation_model: Some(Setting::given(self.program)),
                stack_limit: Some(Setting::given(self.stack.1)),
                aslr: Some(Setting::given(self.aslr)),
                layout: self.legacy.then_some(Setting::given(SearchLayout::Legacy)),
                ..AddressSpaceKeys::EMPTY
            },
        )
    }

    /// Where ASLR may have put things: anywhere, and at one of its ends.
    pub(super) fn positions(&self) -> Vec<ProcessLayout> {
        let page = self.profile.page_size.get();
        let most = aslr_range(&self.profile, &self.linux, self.aslr.bits(&self.linux));
        let dice = self.thrown.iter().map(|(dice, aligned)| {
            let moved = [0, 1, 2, 3].map(|at: usize| dice[at] % (most[at] + 1));
            (moved, *aligned)
        });
        let end = [0, 1, 2, 3].map(|at: usize| if self.ends[at] { most[at] } else { 0 });
        let all = dice.chain([(end, true)]);
        let made = all.map(|(moved, aligned)| ProcessLayout {
            program: self.program,
            stack_limit: self.stack.0,
            legacy: self.legacy,
            moved: moved.map(|bytes| bytes / page * page),
            aligned,
        });
        made.collect()
    }

    /// All pools start in this order where ASLR has moved things so far, on a kernel that aligns mappings or does not.
    pub(super) fn starts(&self, position: ([u64; 4], bool), order: &[usize], way: StartWay) {
        self.starts_beside(Others::default(), position, order, way);
    }

    /// The same, while other threads map something.
    pub(super) fn starts_beside(
        &self,
        others: Others,
        (moved, aligned): ([u64; 4], bool),
        order: &[usize],
        way: StartWay,
    ) {
        let promises = self.promises().expect("the build accepts it");
        let made = ProcessLayout {
            program: self.program,
            stack_limit: self.stack.0,
            legacy: self.legacy,
            moved,
            aligned,
        };
        assert_eq!(self.start(&promises, &made, others, order, way).err(), None);
    }

    /// Starts all pools in a new process.
    fn start(
        &self,
        promises: &[Promise<'static>],
        made: &ProcessLayout,
        others: Others,
        order: &[usize],
        way: StartWay,
    ) -> Result<(), String> {
        let process = FakeProcess::new(&self.profile, &self.linux, made, &libraries(&self.profile));
        let headroom = promises.first().map_or(0, |of| of.headroom.get());
        let left = headroom / 8 / others.bytes.get().max(1);
        process.set_others(Others {
            left: others.left.min(u32::try_from(left).unwrap_or(u32::MAX)),
            ..others
        });
        start(&process, promises, order, way)
    }

    /// Another order than the file's.
    pub(super) fn shuffled(&self, promises: &[Promise<'static>]) -> Vec<usize> {
        let [_, shuffled] = self.orders(promises);
        shuffled
    }

    /// The file's order, and another one.
    fn orders(&self, promises: &[Promise<'static>]) -> [Vec<usize>; 2] {
        let each = promises.iter().enumerate();
        let file: Vec<usize> = each
            .flat_map(|(pool, of)| (0..of.asked.pools).map(move |_| pool))
            .collect();
        let mut shuffled = file.clone();
        for (at, index) in self.order.iter().enumerate().take(file.len()) {
            shuffled.swap(at, index.index(file.len()));
        }
        [file, shuffled]
    }

    /// What came of all starts.
    fn failures(&self, promises: &[Promise<'static>], others: Others) -> Vec<String> {
        let [file, shuffled] = self.orders(promises);
        let mut failures = Vec::new();
        for made in self.positions() {
            for (order, way) in [
                (&file, StartWay::Each),
                (&shuffled, StartWay::Each),
                (&file, StartWay::Allocates),
                (&shuffled, StartWay::Allocates),
                (&shuffled, StartWay::EnginesLast),
                (&file, StartWay::Untold),
                (&shuffled, StartWay::Again),
                (&file, StartWay::AgainTogether(3)),
            ] {
                if let Err(error) = self.start(promises, &made, others, order, way) {
                    let guaranteed: Vec<_> = promises.iter().map(|of| of.guaranteed).collect();
                    failures.push(format!(
                        "{way:?} {} {:?} {:?} legacy {} {:?} {:x?} {} {order:?}: {error}\n{guaranteed:?}",
                        self.profile.name,
                        self.program,
                        self.stack.1,
                        self.legacy,
                        self.aslr,
                        made.moved,
                        made.aligned,
                    ));
                }
            }
        }
        failures
    }
}

/// A number from the environment.
pub(super) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The same 100 cases in every run, or as many others as `POOLCFG_PROMISES` says, of the seed `POOLCFG_SEED`.
#[test]
fn every_pool_gets_its_guarantee_in_any_order() {
    assert_no_failures(100, &[Others::default()]);
}

/// The same, while other threads map something before any of the calls that a recheck and an engine make.
#[test]
fn every_pool_gets_its_guarantee_while_other_threads_map() {
    let others = |every, kib| Others {
        bytes: Size::kib(kib),
        every,
        left: 64,
        ..Others::default()
    };
    assert_no_failures(40, &[others(1, 64), others(7, 4)]);
}

/// The same, while another thread maps and unmaps one page, so that a call may find what the last one did not.
#[test]
fn every_pool_gets_its_guarantee_while_another_thread_maps_and_unmaps() {
    let others = |every| Others {
        bytes: Size::kib(4),
        every,
        left: 1,
        passes: true,
        ..Others::default()
    };
    assert_no_failures(40, &[others(1), others(3)]);
}

fn assert_no_failures(usual: u32, all: &[Others]) {
    let config = ProptestConfig {
        rng_seed: RngSeed::Fixed(number("POOLCFG_SEED").unwrap_or(SEED)),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let usual = u64::from(config.cases.min(usual));
    let cases = number("POOLCFG_PROMISES").unwrap_or(usual);
    let mut runner = TestRunner::new(config);
    let (mut asked, mut failures) = (0, Vec::new());
    while asked < cases {
        let case = case().new_tree(&mut runner).expect("a case").current();
        if let Some(promises) = case.promises() {
            asked += 1;
            for others in all {
                failures.extend(case.failures(&promises, *others));
            }
        }
    }
    let count = failures.len();
    failures.truncate(3);
    assert!(
        count == 0,
        "{count} starts come short\n{}",
        failures.join("\n")
    );
}

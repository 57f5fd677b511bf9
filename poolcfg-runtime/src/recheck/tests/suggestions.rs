//! What is suggested for lack of a hole starts in every process of the machine, wherever ASLR puts things in an address
//! space that is made up, and little is given away.

use std::cell::RefCell;
use std::collections::BTreeSet;

use poolcfg_core::{
    AddressSpaceKeys, Arch, Aslr, Budget, Engine, Keep, LargestFit, Layout, Limits, LinuxLayout,
    OnMisfit, Os, Plan, PoolKeys, ProcessPromise, Promise, RelocationModel, Setting, Settings,
    Shape, Size, Target, VaProfile, WasmtimeVersion,
};

use super::super::recheck;
use super::super::space::{ProcessLayout, aslr_range};
use super::process::FakeProcess;
use crate::recheck::limit::RecheckLimit;
use crate::recheck::misfit::RecheckError;
use crate::recheck::options::RecheckOptions;
use crate::recheck::slabs::largest;

const LIBRARIES: [Size; 3] = [Size::kib(212), Size::mib(2), Size::mib(8)];

/// The holes of a process, of each of which a slot may be lost.
const HOLES: u64 = 3;

/// How the processes of a machine are started.
#[derive(Debug)]
struct StartOptions {
    profile: VaProfile<'static>,
    linux: LinuxLayout,
    aslr: Aslr,
    program: RelocationModel,
    stack_limit: Option<Size>,
    /// A pool of another file, which takes all that it asks for.
    first: Option<Promise<'static>>,
}

/// A pool of this file alone.
fn alone(promise: Promise<'static>, name: &'static str, limits: Limits) -> Promise<'static> {
    Promise {
        name,
        asked: limits,
        guaranteed: limits,
        process: ProcessPromise::new(&[(name, limits)]),
        ..promise
    }
}

impl StartOptions {
    fn target(&self) -> Target {
        Target::new(self.profile.arch, Os::Linux, 64)
    }

    /// A pool that is larger than the window.
    fn promise(&self, engine: Engine, instances: u32, reservation: Size) -> Promise<'static> {
        let mut keys = PoolKeys {
            engine: Some(Setting::given(engine)),
            max_instances: Some(Setting::given(1)),
            memory_reservation: Some(Setting::given(Size::gib(4))),
            max_memory_size: Some(Setting::given(Size::mib(1))),
            guard_size: Some(Setting::given(Size::mib(32))),
            on_misfit: Some(Setting::given(OnMisfit::Error)),
            ..PoolKeys::EMPTY
        };
        if engine == Engine::Wasmtime {
            keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(48)));
        }
        let settings = Settings::new(&[], &[])
            .address_space(AddressSpaceKeys::EMPTY)
            .pooling_allocator(keys);
        let case = settings.resolve(self.target()).expect("no fault");
        let promise = Plan::new(&case).promise(&case, 0);
        let limits = promise
            .asked
            .with_instances(instances)
            .with_reservation(reservation);
        alone(promise, "", limits)
    }

    /// The same with one mapping that every process of the usual shape holds.
    fn with_first(mut self) -> Self {
        let shape = Shape {
            aslr: self.aslr,
            ..Shape::DEFAULT
        };
        let [hole, _] = Budget::new(&self.profile, shape, None).holes();
        let all = self.promise(Engine::Native, 1, hole.saturating_sub(Size::gib(1)));
        let limits = Limits {
            guard_size: Size::ZERO,
            table_reservation: Size::ZERO,
            stack_reservation: Size::ZERO,
            ..all.asked
        };
        self.first = Some(alone(all, "first", limits));
        self
    }

    /// Processes at both ends of all that ASLR moves, and between them.
    fn positions(&self) -> Vec<ProcessLayout> {
        let page = self.profile.page_size.get();
        let most = aslr_range(&self.profile, &self.linux, self.aslr.bits(&self.linux));
        let mut positions = Vec::new();
        for base in 0..=6 {
            for program in 0..=6 {
                for (end, heap_end) in [(0, 0), (1, 16), (1, 15)] {
                    let [stack, mmap_base, pie, heap] = most;
                    let moved = [
                        stack * end,
                        mmap_base / 6 * base,
                        pie / 6 * program,
                        heap / 16 * heap_end,
                    ];
                    positions.push(ProcessLayout {
                        program: self.program,
                        stack_limit: self.stack_limit,
                        legacy: false,
                        moved: moved.map(|bytes| bytes / page * page),
                        aligned: (base + program) % 2 == end,
                    });
                }
            }
        }
        positions
    }

    /// Starts the process and what is there before the pool, of the rest of the process so much; then the pool.
    fn start(
        &self,
        made: &ProcessLayout,
        promise: &Promise<'static>,
        rest: Size,
    ) -> Result<Limits, RecheckError> {
        let process = self.process(made);
        let first = self.first.map(|first| process.start(&first));
        if let Some(Err(error)) = &first {
            panic!("the other pool: {error}");
        }
        assert!(process.map(rest), "there is room for the process");
        let taken = recheck(&process, promise, RecheckOptions::new())?;
        Ok(taken.limits)
    }

    fn process(&self, made: &ProcessLayout) -> FakeProcess {
        let mut process = FakeProcess::new(&self.profile, &self.linux, made, &LIBRARIES);
        if self.aslr == Aslr::Minimum {
            let bits = match self.linux.aslr_bits_default {
                18 => "18\n",
                28 => "28\n",
                bits => panic!("{bits} bits"),
            };
            process.set_file("/proc/sys/vm/mmap_rnd_bits", bits);
        }
        process
    }

    /// What is suggested in some of these processes.
    fn suggested(
        &self,
        positions: &[ProcessLayout],
        promise: &Promise<'static>,
    ) -> Vec<LargestFit> {
        let each = positions
            .iter()
            .map(|made| match self.start(made, promise, Size::mib(8)) {
                Err(RecheckError::Misfit(misfit)) => {
                    assert_eq!(misfit.limit, RecheckLimit::Hole, "{misfit}");
                    misfit.largest_fit
                }
                came => panic!("{came:?}"),
            });
        each.collect()
    }

    /// Holds what is suggested to every process; how much is suggested at the least, and how much all hold.
    fn judge(&self, promise: &Promise<'static>, keep: Keep) -> (u64, u64) {
        let positions = RefCell::new(self.positions());
        let asked = promise.asked;
        let (value, most): (fn(&LargestFit) -> u64, u64) = match keep {
            Keep::MemoryReservation => (
                |fit| fit.max_instances.map_or(0, u64::from),
                u64::from(asked.max_instances),
            ),
            Keep::MaxInstances => (
                |fit| fit.memory_reservation.map_or(0, |size| size.get() >> 16),
                asked.memory_reservation.get() >> 16,
            ),
        };
        // With what a process has already, it is the headroom.
        let rest = promise.headroom.saturating_sub(Size::mib(16));
        let starts = |value: u64| {
            let limits = match keep {
                Keep::MemoryReservation => asked.with_instances(u32::try_from(value).unwrap()),
                Keep::MaxInstances => asked.with_reservation(Size::kib(64 * value)),
            };
            let smaller = alone(*promise, promise.name, limits);
            let mut positions = positions.borrow_mut();
            let misfit = positions
                .iter()
                .position(|made| self.start(made, &smaller, rest).ok() != Some(limits))?;
            // It is likely to be in the way again.
            positions.swap(0, misfit);
            Some(positions[0])
        };
        let suggested = self.suggested(&positions.borrow(), promise);
        let values: BTreeSet<u64> = suggested.iter().map(value).collect();
        for value in values.iter().filter(|value| **value > 0) {
            if let Some(made) = starts(*value) {
                panic!(
                    "{} {:?}: {value} of {values:?} does not start in {made:x?}",
                    self.profile.name, self.aslr
                );
            }
        }
        let least = *values.first().expect("there are processes");
        let all = largest(least, most, |value| starts(value).is_none());
        (least, all)
    }
}

/// Does this for each kernel, ASLR and way to start a program.
fn in_every_machine(mut it: impl FnMut(StartOptions)) {
    for arch in [Arch::Riscv64, Arch::Aarch64, Arch::X86_64] {
        let profile = VaProfile::floor(Target::new(arch, Os::Linux, 64)).expect("it is known");
        let Layout::Linux(linux) = profile.layout else {
            panic!("Linux has a layout");
        };
        for aslr in [Aslr::Minimum, Aslr::Maximum] {
            for stack_limit in [Some(Size::mib(8)), Some(Size::gib(3)), None] {
                for program in RelocationModel::ALL {
                    if *program == RelocationModel::Static && stack_limit == Some(Size::gib(3)) {
                        continue;
                    }
                    it(StartOptions {
                        profile,
                        linux,
                        aslr,
                        program: *program,
                        stack_limit,
                        first: None,
                    });
                }
            }
        }
    }
}

/// The share of the window of one slot.
const SHARE: u64 = 30;

/// A hundredth of what all processes hold, and one slot for each hole that it may lie in.
fn little(engine: Engine, keep: Keep, most: u64) -> u64 {
    let slots = match (engine, keep) {
        (Engine::Wasmtime, Keep::MemoryReservation) => 1,
        (Engine::Wasmtime, Keep::MaxInstances) => 0,
        (Engine::Native, Keep::MemoryReservation) => HOLES,
        // Each slot is smaller by its share of so many.
        (Engine::Native, Keep::MaxInstances) => HOLES * most / u64::from(SLOTS),
    };
    most / 100 + slots
}

/// How many slots are as large as they can be.
const SLOTS: u32 = 100;

/// Judges the number of slots and their size, of both engines: what was suggested, and what all processes hold.
fn judge_both(started: &StartOptions, mut it: impl FnMut(Engine, Keep, (u64, u64))) {
    let window = started.profile.window.get();
    for engine in Engine::ALL {
        let reservation = Size::bytes(window / SHARE).round_down(Size::kib(64));
        let keep = Keep::MemoryReservation;
        let promise = started.promise(*engine, 1000, reservation);
        it(*engine, keep, started.judge(&promise, keep));
        let keep = Keep::MaxInstances;
        let promise = started.promise(*engine, SLOTS, Size::bytes(window));
        it(*engine, keep, started.judge(&promise, keep));
    }
}

#[test]
fn what_is_suggested_starts_wherever_aslr_puts_things_and_little_more_does() {
    in_every_machine(|started| {
        judge_both(&started, |engine, keep, (suggested, most)| {
            // By address a native pool has more where the kernel does not search. That is not counted on: what is left
            // where it does may be nothing, and then the process maps no more.
            if engine == Engine::Native && started.stack_limit.is_none() {
                return;
            }
            // What the heap and the stack may take is more there beside the 20 GiB that sv39 has.
            let small = started.stack_limit.map_or(most / 50, |_| 0);
            assert!(
                suggested + little(engine, keep, most) + small >= most,
                "{started:?} {engine} {keep:?}: {suggested} of {most}"
            );
            // With the most ASLR the legacy layout of sv39 may hold no slot.
            let is_any = suggested > 0 || started.stack_limit.is_none();
            assert!(is_any, "{started:?} {engine} {keep:?}");
        });
    });
}

#[test]
fn so_does_what_is_suggested_beside_a_pool_of_another_file() {
    in_every_machine(|started| {
        let usual = started.stack_limit == Some(Size::mib(8));
        if !usual || started.program != RelocationModel::Pie {
            return;
        }
        let started = started.with_first();
        judge_both(&started, |engine, keep, (suggested, most)| {
            // Of what lies in one piece, the sum over three holes gives more away.
            let is_sum = engine == Engine::Wasmtime && started.aslr == Aslr::Maximum;
            assert!(
                is_sum || suggested + little(engine, keep, most) >= most,
                "{started:?} {engine} {keep:?}: {suggested} of {most}"
            );
            assert!(suggested > 0, "{started:?} {engine} {keep:?}");
        });
    });
}

/// One slot of a native pool, by address where the kernel does not search.
#[test]
fn so_does_what_is_suggested_of_one_slot_in_the_legacy_layout() {
    in_every_machine(|started| {
        if started.stack_limit.is_some() || started.program != RelocationModel::Pie {
            return;
        }
        let promise = started.promise(Engine::Native, 1, started.profile.window);
        let (suggested, most) = started.judge(&promise, Keep::MaxInstances);
        assert!(
            suggested + most / 50 >= most,
            "{started:?}: {suggested} of {most}"
        );
    });
}

/// What a pool leaves that takes whatever there is, another process may not have.
#[test]
fn nothing_is_suggested_beside_a_pool_of_another_file_that_takes_what_there_is() {
    in_every_machine(|started| {
        if started.stack_limit != Some(Size::mib(8)) {
            return;
        }
        let mut started = started.with_first();
        if let Some(first) = &mut started.first {
            first.asked = first.asked.with_reservation(started.profile.window);
            first.keep = Keep::MaxInstances;
        }
        let reservation =
            Size::bytes(started.profile.window.get() / SHARE).round_down(Size::kib(64));
        let promise = started.promise(Engine::Native, 1000, reservation);
        for fit in started.suggested(&started.positions(), &promise) {
            assert_eq!((fit.max_instances, fit.memory_reservation), (None, None));
        }
    });
}

/// An engine maps after its recheck: what it may lock has to be counted before.
#[test]
fn what_a_process_may_lock_is_counted_for_both_engines() {
    in_every_machine(|started| {
        if started.stack_limit != Some(Size::mib(8)) || started.program != RelocationModel::Pie {
            return;
        }
        for engine in [Engine::Native, Engine::Wasmtime] {
            let promise = started.promise(engine, 2, Size::gib(1));
            let mut process = started.process(&started.positions()[0]);
            let limit = Size::mib(64);
            process.set_lockable(limit);
            let Err(RecheckError::Misfit(misfit)) =
                recheck(&process, &promise, RecheckOptions::new())
            else {
                panic!("{engine}: it is taken");
            };
            assert_eq!(misfit.limit, RecheckLimit::RlimitMemlock, "{engine}");
            assert_eq!(misfit.have, limit.get());
        }
    });
}

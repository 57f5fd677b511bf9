//! A process that is laid out otherwise than the build counts on: what is suggested to a pool that finds no place starts in
//! every such process, wherever ASLR puts things and whatever the other pools of the file have taken.

use std::collections::BTreeSet;

use poolcfg_core::{
    Aslr, Engine, Keep, OnMisfit, PoolKeys, Promise, RelocationModel, Setting, Size, StackLimit,
    UnlimitedStack, WasmtimeVersion,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::super::recheck;
use super::super::space::ProcessLayout;
use super::process::FakeProcess;
use super::promises::{Case, SEED, case, libraries, linux, number};
use crate::machine::Machine;
use crate::recheck::limit::RecheckLimit;
use crate::recheck::misfit::{Misfit, RecheckError};
use crate::recheck::options::RecheckOptions;
use crate::recheck::other_layout::OtherLayout;
use crate::variables::variable;

/// Variables, and their values.
type Variables = Vec<(String, String)>;

/// How the processes are laid out for which a file was not planned.
#[derive(Clone, Copy, Debug)]
enum OtherWay {
    /// `setarch --addr-compat-layout`.
    Legacy,
    /// An unlimited stack.
    UnlimitedStack,
}

/// A file, and processes that are laid out otherwise.
pub(super) struct Elsewhere {
    pub(super) case: Case,
    pub(super) promises: Vec<Promise<'static>>,
    pub(super) positions: Vec<ProcessLayout>,
}

impl Elsewhere {
    /// `None` if the build refuses the file, or counts on another layout than the usual one.
    fn new(case: Case, way: OtherWay) -> Option<Self> {
        if case.legacy || case.stack.1 != StackLimit::Finite {
            return None;
        }
        let promises = case.promises()?;
        let (stack_limit, legacy) = match way {
            OtherWay::Legacy => (case.stack.0, true),
            OtherWay::UnlimitedStack => (None, false),
        };
        let positions = case.positions().into_iter().map(|made| ProcessLayout {
            stack_limit,
            legacy,
            ..made
        });
        Some(Self {
            positions: positions.collect(),
            promises,
            case,
        })
    }

    pub(super) fn process(&self, made: &ProcessLayout, variables: &Variables) -> FakeProcess {
        let libraries = libraries(&self.case.profile);
        let mut process = FakeProcess::new(&self.case.profile, &self.case.linux, made, &libraries);
        process.set_variables(variables);
        process
    }

    /// Starts all pools in the file's order, as far as they start; what is said of each that does not.
    fn start(&self, made: &ProcessLayout, variables: &Variables) -> Vec<(&'static str, Misfit)> {
        let process = self.process(made, variables);
        let mut started = Vec::new();
        let mut refused = Vec::new();
        for promise in &self.promises {
            for _ in 0..promise.asked.pools {
                match process.start(promise) {
                    Ok(pool) => started.push(pool),
                    Err(said) => match recheck(&process, promise, RecheckOptions::new()) {
                        Err(RecheckError::Misfit(misfit)) => refused.push((promise.name, *misfit)),
                        Err(error) => panic!("{error}"),
                        Ok(_) => panic!("{said}, and it is taken"),
                    },
                }
            }
        }
        refused
    }

    /// What is suggested to pools that find no hole, wherever ASLR puts things.
    fn suggested(&self) -> BTreeSet<(&'static str, Variables)> {
        let mut all = BTreeSet::new();
        for made in &self.positions {
            let mut last = None;
            for (name, misfit) in self.start(made, &Vec::new()) {
                // Of several pools of one name only the first that finds no place is the one that the operator mends.
                if misfit.limit == RecheckLimit::Hole && last != Some(name) {
                    all.extend(suggestions(&misfit).map(|variables| (name, variables)));
                }
                last = Some(name);
            }
        }
        all
    }

    /// What is suggested somewhere and does not start everywhere.
    fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for (name, variables) in self.suggested() {
            for made in &self.positions {
                let refused = self.start(made, &variables);
                if let Some((_, misfit)) = refused.iter().find(|(of, _)| *of == name) {
                    failures.push(format!(
                        "{} {:?} {variables:?} in {made:x?}: {misfit}",
                        self.case.profile.name, self.case.aslr
                    ));
                }
            }
        }
        failures
    }
}

/// The variables of a message: the number of slots, and their size.
fn suggestions(misfit: &Misfit) -> impl Iterator<Item = Variables> + use<> {
    let name = |key: &str| variable(misfit.pool, key);
    let fit = misfit.largest_fit;
    let fewer = fit.max_instances.map(|instances| {
        let mut variables = vec![(name("MAX_INSTANCES"), instances.to_string())];
        if instances < misfit.min_instances {
            variables.push((name("MIN_INSTANCES"), instances.to_string()));
        }
        variables
    });
    let smaller = fit
        .memory_reservation
        .filter(|_| misfit.keep == Keep::MaxInstances || fit.max_instances.is_none())
        .map(|size| {
            vec![(
                name("MEMORY_RESERVATION"),
                size.round_down(Size::kib(64)).exact().to_string(),
            )]
        });
    fewer.into_iter().chain(smaller)
}

/// Asks so many files.
pub(super) fn each_file(usual: u64, mut it: impl FnMut(&Elsewhere)) {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(number("POOLCFG_SEED").unwrap_or(SEED)),
        failure_persistence: None,
        ..Config::default()
    });
    let mut asked = 0;
    while asked < number("POOLCFG_PROMISES").unwrap_or(usual) {
        let case = case().new_tree(&mut runner).expect("a case").current();
        for way in [OtherWay::Legacy, OtherWay::UnlimitedStack] {
            if let Some(elsewhere) = Elsewhere::new(case.clone(), way) {
                asked += 1;
                it(&elsewhere);
            }
        }
    }
}

/// Twice the same key of a pool with another value: what was suggested went by the luck of one process.
fn varying(suggested: &BTreeSet<(&'static str, Variables)>) -> Option<String> {
    let first = |variables: &Variables| variables.first().map(|variable| variable.0.clone());
    let keys: BTreeSet<_> = suggested
        .iter()
        .map(|(name, variables)| (*name, first(variables)))
        .collect();
    (keys.len() < suggested.len()).then(|| format!("{suggested:?}"))
}

#[test]
fn what_is_suggested_in_another_layout_starts_in_every_process_that_has_it() {
    let mut failures = Vec::new();
    each_file(20, |elsewhere| {
        failures.extend(varying(&elsewhere.suggested()));
        failures.extend(elsewhere.failures());
    });
    let count = failures.len();
    failures.truncate(3);
    assert_eq!(count, 0, "{}", failures.join("\n"));
}

/// A pool of so many slots.
fn pool(engine: Engine, slots: u32, reservation: Size, on_misfit: OnMisfit) -> PoolKeys {
    let mut keys = PoolKeys {
        engine: Some(Setting::given(engine)),
        max_instances: Some(Setting::given(slots)),
        memory_reservation: Some(Setting::given(reservation)),
        max_memory_size: Some(Setting::given(Size::mib(1))),
        guard_size: Some(Setting::given(Size::mib(32))),
        on_misfit: Some(Setting::given(on_misfit)),
        ..PoolKeys::EMPTY
    };
    if engine == Engine::Wasmtime {
        keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(48)));
    }
    keys
}

/// A pool that fills the window, by address where the kernel does not search, and an engine.
fn full_window(way: OtherWay) -> Elsewhere {
    let native = pool(Engine::Native, 1350, Size::gib(95), OnMisfit::Error);
    let engine = pool(Engine::Wasmtime, 2680, Size::gib(4), OnMisfit::Shrink);
    on_x86(way, vec![native, engine])
}

/// A file for a PIE on x86_64.
fn on_x86(way: OtherWay, pools: Vec<PoolKeys>) -> Elsewhere {
    let (profile, linux) = linux()
        .into_iter()
        .find(|(of, _)| of.name == "va47")
        .expect("it is known");
    let case = Case {
        profile,
        linux,
        pools,
        program: RelocationModel::Pie,
        stack: (Some(Size::mib(8)), StackLimit::Finite),
        legacy: false,
        aslr: Aslr::Bits(28),
        thrown: (0..8u64)
            .map(|part| {
                (
                    [part << 28, part << 36, (7 - part) << 36, part << 31],
                    part % 2 == 0,
                )
            })
            .collect(),
        ends: [false; 4],
        order: Vec::new(),
    };
    Elsewhere::new(case, way).expect("the build accepts it")
}

#[test]
fn what_a_pool_leaves_by_chance_is_not_suggested_to_the_next_one() {
    for way in [OtherWay::Legacy, OtherWay::UnlimitedStack] {
        let elsewhere = full_window(way);
        let refused = elsewhere.start(&elsewhere.positions[0], &Vec::new());
        assert_eq!(refused.len(), 1, "{refused:?}");
        let (name, misfit) = &refused[0];
        assert_eq!((*name, misfit.limit), ("b", RecheckLimit::Hole));
        assert!(misfit.layout.is_some());
        assert_eq!(elsewhere.suggested(), BTreeSet::new(), "{way:?}");
    }
}

/// Where all is taken that is searched from the top down, the kernel searches from the bottom up.
#[test]
fn the_layout_is_named_that_was_there_before_the_process_was_full() {
    let small = pool(Engine::Native, 1, Size::gib(1), OnMisfit::Error);
    let large = pool(Engine::Wasmtime, 1, Size::tib(80), OnMisfit::Error);
    let elsewhere = on_x86(OtherWay::UnlimitedStack, vec![small, large]);
    let process = elsewhere.process(&elsewhere.positions[0], &Vec::new());
    let [small, large] = &elsewhere.promises[..] else {
        panic!("there are two");
    };
    let _small = process.start(small).expect("it fits anywhere");
    let sixth = elsewhere.case.profile.window.get() / 6;
    let mut full = Vec::new();
    for bytes in (14..45).rev().map(|bits| Size::bytes(1 << bits)) {
        while let Some(mapped) = process
            .reserve(bytes)
            .ok()
            .filter(|mapped| process.address(mapped) < sixth)
        {
            full.push(mapped);
        }
    }
    let Err(RecheckError::Misfit(misfit)) = recheck(&process, large, RecheckOptions::new()) else {
        panic!("it does not fit");
    };
    let large_gap = OtherLayout::UnlimitedStack(UnlimitedStack::LargeGap);
    assert_eq!(misfit.layout, Some(large_gap), "{misfit}");
}

/// An emulator has the same layout each time, which is no kernel's.
#[test]
fn under_an_emulator_what_this_process_has_is_suggested() {
    let elsewhere = full_window(OtherWay::Legacy);
    let mut process = elsewhere.process(&elsewhere.positions[0], &Vec::new());
    process.set_emulated();
    let [native, engine] = &elsewhere.promises[..] else {
        panic!("there are two");
    };
    let _native = process.start(native).expect("it is had by address");
    let Err(RecheckError::Misfit(misfit)) = recheck(&process, engine, RecheckOptions::new()) else {
        panic!("it does not fit");
    };
    assert!(misfit.largest_fit.max_instances.is_some(), "{misfit}");
}

//! Promises: what a build carries of one pool to its start, and the assertions of the compiler.

use crate::base::code::Code;
use crate::base::size::Size;
use crate::base::text::Text;
use crate::engine::Engine;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::WasmtimeVersion;
use crate::fault::{Faults, at};
use crate::model::fit::MAX_POOLS;
use crate::plan::Plan;
use crate::resolved::ResolvedProcess;
use crate::setting::{Keep, PoolKeys, Setting, Settings, WasmtimeKeys};
use crate::target::profile::VaProfile;
use crate::target::shape::Shape;
use crate::target::{Arch, Os, Target};

/// One pool as the build leaves it to the running program: what is asked, what is guaranteed, and for
/// which machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise<'a> {
    /// The pool's name; empty if the file names none.
    pub name: &'a str,
    /// What poolcfg.toml asks for.
    pub asked: Limits,
    /// What the floor holds of it.
    pub guaranteed: Limits,
    /// The smallest number of instances that is of use.
    pub min_instances: u32,
    /// Which number stays when the pool shrinks.
    pub keep: Keep,
    /// The page size that the guarantee was computed for.
    pub page_size: Size,
    /// The VA profile that it was computed for.
    pub va_profile: &'a str,
    /// The process shape that it was computed for.
    pub shape: Shape,
    /// What the rest of the process is left where more than the guarantee is taken.
    pub headroom: Size,
    /// Every pool of the process, this one among them: who takes more than the guarantee has to leave
    /// the others theirs.
    pub process: ProcessPromise<'a>,
}

/// What is guaranteed to every pool of a process, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessPromise<'a> {
    pools: [Option<(&'a str, Limits)>; MAX_POOLS],
}

impl<'a> ProcessPromise<'a> {
    /// The pools by name; those beyond [`MAX_POOLS`] are left out.
    #[must_use]
    pub const fn new(pools: &[(&'a str, Limits)]) -> Self {
        let mut process = Self {
            pools: [None; MAX_POOLS],
        };
        let mut i = 0;
        while i < pools.len() && i < MAX_POOLS {
            process.pools[i] = Some(pools[i]);
            i += 1;
        }
        process
    }

    /// The pools by name, with what is guaranteed to each.
    pub fn pools(&self) -> impl Iterator<Item = (&'a str, Limits)> {
        self.pools.into_iter().flatten()
    }
}

impl Plan {
    const fn process<'a>(&self, case: &ResolvedProcess<'a>) -> ProcessPromise<'a> {
        let mut process = ProcessPromise::new(&[]);
        let mut i = 0;
        while i < case.count {
            process.pools[i] = Some((case.pools[i].name, self.guaranteed[i]));
            i += 1;
        }
        process
    }

    /// The promise of the pool with this index.
    #[must_use]
    pub const fn promise<'a>(&self, case: &ResolvedProcess<'a>, pool: usize) -> Promise<'a> {
        let of = &case.pools[pool];
        Promise {
            name: of.name,
            // What one instance may have is set by the build, and is the same at each start.
            asked: Limits {
                wasmtime: self.guaranteed[pool].wasmtime,
                table_reservation: self.guaranteed[pool].table_reservation,
                ..of.asked
            },
            guaranteed: self.guaranteed[pool],
            min_instances: of.min_instances,
            keep: of.keep,
            page_size: case.budget.page_size,
            va_profile: case.profile.name,
            shape: case.shape,
            headroom: case.budget.headroom,
            process: self.process(case),
        }
    }
}

/// Settings worked out for a target, once for what is promised and for the assertion that it holds.
#[derive(Clone, Copy, Debug)]
pub struct PlannedSettings<'a> {
    target: Target,
    outcome: Result<(ResolvedProcess<'a>, Plan), Faults<'a>>,
}

impl<'a> PlannedSettings<'a> {
    /// The promise of the pool with this index, for const code whose faults and misfits are reported by
    /// [`must_hold`](Self::must_hold) beside it: where there are any, it is that of the engine's defaults,
    /// of use to nobody.
    #[must_use]
    pub const fn promise(&self, pool: usize, engine: Engine) -> Promise<'a> {
        if let Ok((case, plan)) = &self.outcome {
            if case.pools[pool].asked.engine().is(engine) {
                return plan.promise(case, pool);
            }
        }
        let keys = PoolKeys {
            engine: Some(Setting::given(engine)),
            wasmtime: WasmtimeKeys {
                version: match engine {
                    Engine::Native => None,
                    Engine::Wasmtime => Some(Setting::given(WasmtimeVersion::major(
                        WasmtimeVersion::NEWEST,
                    ))),
                },
                ..WasmtimeKeys::EMPTY
            },
            ..PoolKeys::EMPTY
        };
        // A target that no profile is of is at fault itself.
        let target = match VaProfile::floor(self.target) {
            Some(_) => self.target,
            None => Target::new(Arch::X86_64, Os::Linux, 64),
        };
        match Settings::new(&[], &[])
            .pooling_allocator(keys)
            .resolve(target)
        {
            Ok(case) => Plan::new(&case).promise(&case, 0),
            Err(_) => panic!("the built-in defaults are at fault"),
        }
    }

    /// Asserts that the settings have no fault, that every pool fits, and that the pool with this index is
    /// of the engine whose limits are wanted.
    ///
    /// # Panics
    /// With every fault, or with the misfit, as its text: in a const that is a compile error with its
    /// arrow on the caller. `file` is the name of the settings' file in the message.
    #[track_caller]
    pub const fn must_hold(&self, file: &str, pool: usize, engine: Engine) {
        let text = match &self.outcome {
            Err(faults) => faults.message(file),
            Ok((case, plan)) => match &plan.misfit {
                Some(misfit) => misfit.sentence(case, file),
                None if case.pools[pool].asked.engine().is(engine) => return,
                None => {
                    let own = case.pools[pool].asked.engine();
                    let code = Code::OtherEngine;
                    let text = code
                        .begin(Text::new())
                        .str("this pool uses the `")
                        .str(own.word())
                        .str("` engine: declare it as `")
                        .str(limits_of(own))
                        .str("`, not `")
                        .str(limits_of(engine))
                        .str("`");
                    code.note(at(text, file, case.pools[pool].engine_at))
                }
            },
        };
        panic!("{}", text.as_str());
    }
}

impl<'a> Settings<'a> {
    /// The settings worked out for a target.
    #[must_use]
    pub const fn answer(&self, target: Target) -> PlannedSettings<'a> {
        let outcome = match self.resolve(target) {
            Ok(case) => Ok((case, Plan::new(&case))),
            Err(faults) => Err(faults),
        };
        PlannedSettings { target, outcome }
    }

    /// The promise of one pool for a target, as [`PlannedSettings::promise`] gives it.
    #[must_use]
    pub const fn promise(&self, target: Target, pool: usize) -> Promise<'a> {
        let engine = match &self.keys[pool].engine {
            Some(setting) => setting.value,
            None => Engine::Native,
        };
        self.answer(target).promise(pool, engine)
    }
}

/// The type of poolcfg-runtime that an engine's limits have.
const fn limits_of(engine: Engine) -> &'static str {
    match engine {
        Engine::Native => "PoolLimits",
        Engine::Wasmtime => "WasmtimeLimits",
    }
}

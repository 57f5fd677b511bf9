//! What the command line asks for, and what the files tell that its flags name: the program that holds the pools, and the
//! workload that they run.

pub(crate) mod arenas;
pub(crate) mod needed;
pub(crate) mod program;
mod run_version;
pub(crate) mod wish;

use std::path::{Path, PathBuf};

use poolcfg_core::file::TargetFacts;
use poolcfg_core::{
    Budget, Engine, FilePlace, PoolKeys, ProcessLimits, RelocationModel, Setting, Size,
    WasmtimeKeys, WasmtimeVersion,
};

use crate::cli::args::{Emit, MachineFlags};
use crate::cli::error::{Error, Source, all};
use crate::cli::path::shown;
use crate::cli::shell::Shell;
use crate::given::program::{GivenProgram, PoolsOf};
use crate::inspect::workload::{GC_HEAPS, PerInstance};
use crate::inspect::{Inspected, Needs};
use crate::project::workload::files::{named, needs};
use crate::render::inspected::InspectReport;

/// What Wasmtime 48.0.2 takes on two cores to compile a file of this size and more, data left out: so many bytes, and so
/// many for each byte. It is more where there are more threads.
const COMPILED: (Size, Size, u64) = (Size::mib(1), Size::mib(192), 48);

/// What the files that flags name tell; nothing where no flag names one.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) program: Option<GivenProgram>,
    workload: Vec<(PathBuf, Inspected)>,
    /// Whether a text is asked for that only a pool of Wasmtime has.
    is_for_host: bool,
}

impl Given {
    /// Looks into the files.
    ///
    /// # Errors
    /// Where one cannot be read or is of another kind, and where the program is not for the machine that is meant.
    pub(crate) fn read(shell: &Shell, machine: &MachineFlags, emit: Emit) -> Result<Self, Error> {
        let program = machine.program.as_ref();
        let program = program.map(|path| GivenProgram::read(path, machine));
        let help = "pass it with `--program`";
        let workload = all(machine.workload.iter().map(|path| named(path)));
        let workload = workload.and_then(|files| {
            let files = files.into_iter().flatten().collect();
            all(needs(shell, files, help))
        });
        let (program, workload) = match (program.transpose(), workload) {
            (Err(error), Err(other)) => return Err(error.and(other)),
            (program, workload) => (program?, workload?),
        };
        Ok(Self {
            program,
            workload,
            is_for_host: matches!(emit, Emit::Host(_)),
        })
    }

    /// The target of the program; `None` without a program.
    pub(crate) fn target(&self) -> Option<&TargetFacts> {
        Some(&self.program.as_ref()?.facts)
    }

    /// The headroom that the program needs at least under these limits of this machine, where the usual one is less.
    pub(crate) fn headroom(&self, limits: &ProcessLimits, usual: Size) -> Option<Size> {
        let program = self.program.as_ref();
        let program = program.filter(|program| program.has_arenas())?;
        arenas::headroom(limits, usual, program.facts.target())
    }

    /// Whether a workload is named.
    pub(crate) fn has_workload(&self) -> bool {
        !self.workload.is_empty()
    }

    /// The engine of the pools, where nothing else says it: Wasmtime, where there is a sign of it.
    pub(crate) fn engine(&self, asks_for_version: bool) -> Option<Engine> {
        let is_wasmtime = self.program.as_ref().is_some_and(|program| {
            asks_for_version || self.is_for_host || program.is_of_wasmtime()
        });
        (is_wasmtime || self.has_workload()).then_some(Engine::Wasmtime)
    }

    /// The keys of a pool of Wasmtime whose file says `own`: of the counts those that it does not say, or says below
    /// what the workload needs. `first` is the number of the first of their places.
    pub(crate) fn keys(&self, first: u32, own: &WasmtimeKeys, has_heaps: bool) -> PoolKeys {
        let mut numbers = first..;
        let mut place = || FilePlace::flag(numbers.next().unwrap_or_default());
        let version = self.version().map(|value| Setting {
            value,
            place: place(),
        });
        let mut wasmtime = WasmtimeKeys {
            version,
            ..WasmtimeKeys::EMPTY
        };
        for (key, needed) in self.counts().into_iter().flat_map(PerInstance::keys) {
            let place = place();
            // No file that is taken has so many.
            let value = u32::try_from(needed).unwrap_or(u32::MAX);
            let is_enough = PerInstance::said(key, own).is_some_and(|said| said.value >= value);
            if !is_enough && (has_heaps || key != GC_HEAPS) {
                PerInstance::set(key, Setting { value, place }, &mut wasmtime);
            }
        }
        PoolKeys {
            wasmtime,
            ..PoolKeys::EMPTY
        }
    }

    /// Each of these keys as a line of the file, in the same order, and the flag that it comes from.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Source> {
        let version = self.version().map(|version| {
            let line = format!("version = \"{version}\"");
            ("--program", line)
        });
        let counts = self.counts().into_iter().flat_map(PerInstance::keys);
        let counts = counts.map(|(key, count)| ("--workload", format!("{key} = {count}")));
        version
            .into_iter()
            .chain(counts)
            .map(|(flag, line)| Source {
                path: PathBuf::new(),
                shown: flag.to_owned(),
                text: line.into(),
            })
    }

    /// The only Wasmtime of the program.
    pub(crate) fn version(&self) -> Option<WasmtimeVersion> {
        self.program.as_ref()?.version()
    }

    /// How many of each kind an instance of the workload needs.
    fn counts(&self) -> Option<PerInstance> {
        PerInstance::of(self.workload.iter().map(|(_, file)| file))
    }

    /// Where the target and the version come from, where `asked` are the flags that name a Wasmtime, as messages show
    /// them, and `model` is the flag that says where the program is loaded.
    pub(crate) fn note(
        &self,
        asked: &[(String, WasmtimeVersion)],
        model: Option<&(String, RelocationModel)>,
        pools: PoolsOf,
    ) -> Option<String> {
        Some(self.program.as_ref()?.note(asked, model, pools))
    }

    /// Whether a program is named that has Wasmtime in it.
    pub(crate) fn has_wasmtime(&self) -> bool {
        let program = self.program.as_ref();
        program.is_some_and(GivenProgram::is_of_wasmtime)
    }

    /// Where the counts of a pool with these keys come from: from the workload, or from who has said more.
    pub(crate) fn counted(&self, keys: &WasmtimeKeys) -> Option<String> {
        let mut taken = Vec::new();
        let mut more = Vec::new();
        for (key, needed) in self.counts()?.keys() {
            let Some(said) = PerInstance::said(key, keys) else {
                continue;
            };
            let text = format!("`{key}` = {}", said.value);
            match u64::from(said.value) > needed {
                true => more.push(text),
                false => taken.push(text),
            }
        }
        let files = self.workload.iter();
        let files: Vec<_> = files
            .map(|(path, _)| format!("`{}`", shown(path)))
            .collect();
        let files = files.join(", ");
        let more = more.join(", ");
        Some(match (taken.is_empty(), more.is_empty()) {
            (true, _) => format!(
                "from --workload: nothing, since {more} is more than an instance of {files} needs, and is kept"
            ),
            (false, true) => format!(
                "from --workload: {}, the most that an instance of {files} needs",
                taken.join(", ")
            ),
            (false, false) => format!(
                "from --workload: {}, the most that an instance of {files} needs; more is said of {more}, which is kept",
                taken.join(", ")
            ),
        })
    }

    /// The files of the workload, and what they need beyond the counts.
    pub(crate) fn workload(&self) -> impl Iterator<Item = (&Path, &Needs)> + Clone {
        let files = self.workload.iter();
        files.filter_map(|(path, file)| Some((path.as_path(), file.needs()?)))
    }

    /// What the largest memory of the workload has at the beginning; nothing where none is known.
    pub(crate) fn memory_minimum(&self) -> Size {
        let minima = self.workload().map(|(_, needs)| needs.memory_minimum);
        Size::bytes(minima.max().unwrap_or_default())
    }

    /// That compiling the largest file takes more than the headroom, where limits of bytes bound the process, and what
    /// helps: perhaps to make no pool, where that can be.
    pub(crate) fn compiled(
        &self,
        budget: &Budget,
        without_pool: impl FnOnce() -> bool,
    ) -> Option<String> {
        let limits = &budget.limits;
        let limits = [limits.rlimit_as, limits.rlimit_data, limits.commit_limit];
        let limit = limits.into_iter().flatten().min()?;
        let (least, always, each) = COMPILED;
        let sizes = self.workload().filter_map(|(path, needs)| {
            let bytes = std::fs::metadata(path).ok()?.len();
            Some((path, bytes.saturating_sub(needs.data)))
        });
        let (path, bytes) = sizes.max_by_key(|(_, bytes)| *bytes)?;
        if bytes < least.get() {
            return None;
        }
        let taken = bytes.checked_mul(each)?.checked_add(always.get())?;
        let taken = taken.checked_next_multiple_of(Size::mib(64).get())?;
        if taken <= budget.headroom.get() {
            return None;
        }
        let mut help =
            "compile it elsewhere, and run what `wasmtime compile` makes of it".to_owned();
        // Nothing leaves more than the limit.
        if taken < limit.get() {
            let headroom = Size::bytes(taken).exact();
            help += &format!(", or leave more with `--set address_space.headroom={headroom}`");
            if without_pool() {
                help += &format!(
                    ", or pass `--fit no-pool`: without a pool, all {} are there while it is compiled",
                    limit.available()
                );
            }
        }
        Some(format!(
            "`{}` may fail to compile: it has {} beside its data, compiling it may take {} beside the pool, and {} are left for all but the pool; {help}",
            shown(path),
            Size::bytes(bytes),
            Size::bytes(taken),
            budget.headroom,
        ))
    }

    /// The files, for programs.
    pub(crate) fn reports(&self) -> Vec<InspectReport> {
        let program = self.program.as_ref().map(GivenProgram::report);
        let workload = self
            .workload
            .iter()
            .map(|(path, file)| InspectReport::new(path, file, Vec::new()));
        program.into_iter().chain(workload).collect()
    }
}

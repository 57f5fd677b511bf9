//! What the command line asks for, and what the files tell that its flags name: the program that holds the pools, and the
//! workload that they run.

pub(crate) mod needed;
pub(crate) mod program;
mod run_version;
pub(crate) mod wish;

use std::path::{Path, PathBuf};

use poolcfg_core::file::TargetFacts;
use poolcfg_core::{Engine, FilePlace, PoolKeys, Setting, Size, WasmtimeKeys, WasmtimeVersion};

use crate::cli::args::{Emit, MachineFlags};
use crate::cli::error::{Error, Source, all};
use crate::cli::path::shown;
use crate::cli::shell::Shell;
use crate::given::program::GivenProgram;
use crate::inspect::workload::PerInstance;
use crate::inspect::{Inspected, Needs};
use crate::project::workload::files::{named, needs};
use crate::render::inspected::InspectReport;

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

    /// The keys of each pool of Wasmtime. `first` is the number of the first of their places.
    pub(crate) fn keys(&self, first: u32) -> PoolKeys {
        let mut numbers = first..;
        let mut place = || FilePlace::flag(numbers.next().unwrap_or_default());
        let version = self.version().map(|value| Setting {
            value,
            place: place(),
        });
        // No file that is taken has so many.
        let mut count = |value: u64| {
            let value = u32::try_from(value).unwrap_or(u32::MAX);
            let place = place();
            Some(Setting { value, place })
        };
        let mut wasmtime = WasmtimeKeys {
            version,
            ..WasmtimeKeys::EMPTY
        };
        if let Some(counts) = self.counts() {
            // In the order of `PerInstance::keys`.
            wasmtime.memories_per_instance = count(counts.memories);
            wasmtime.tables_per_instance = count(counts.tables);
            wasmtime.core_instances_per_instance = count(counts.core_instances);
            wasmtime.gc_heaps_per_instance = counts.gc_heaps.and_then(count);
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
    fn version(&self) -> Option<WasmtimeVersion> {
        self.program.as_ref()?.version()
    }

    /// How many of each kind an instance of the workload needs.
    fn counts(&self) -> Option<PerInstance> {
        PerInstance::of(self.workload.iter().map(|(_, file)| file))
    }

    /// Where numbers come from, where `asked` are the flags that name a Wasmtime, as messages show them.
    pub(crate) fn notes(&self, asked: &[(String, WasmtimeVersion)]) -> Vec<String> {
        let program = self.program.as_ref().map(|program| program.note(asked));
        let workload = self.counts().map(|counts| {
            let counts = counts
                .keys()
                .map(|(key, count)| format!("`{key}` = {count}"));
            let files = self.workload.iter();
            let files = files.map(|(path, _)| format!("`{}`", shown(path)));
            format!(
                "from --workload: {}, the most that an instance of {} needs",
                counts.collect::<Vec<_>>().join(", "),
                files.collect::<Vec<_>>().join(", ")
            )
        });
        program.into_iter().chain(workload).collect()
    }

    /// The files of the workload, and what they need beyond the counts.
    pub(crate) fn workload(&self) -> impl Iterator<Item = (&Path, &Needs)> {
        let files = self.workload.iter();
        files.filter_map(|(path, file)| Some((path.as_path(), file.needs()?)))
    }

    /// What the largest memory of the workload has at the beginning; nothing where none is known.
    pub(crate) fn memory_minimum(&self) -> Size {
        let minima = self.workload().map(|(_, needs)| needs.memory_minimum);
        Size::bytes(minima.max().unwrap_or_default())
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

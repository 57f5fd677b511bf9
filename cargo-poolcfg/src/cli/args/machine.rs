//! The flags that say which machine the pools are for, and whose they are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use poolcfg_core::{
    Aslr, Engine, RelocationModel, SearchLayout, SizeError, StackLimit, WasmtimeVersion,
};

use super::{ENGINE, MACHINE, MANIFEST};
use crate::cli::fit::FitFlags;

/// Which machine the pools are for.
#[derive(Clone, Debug, Args)]
pub(crate) struct MachineFlags {
    /// Target triple, `host-tuple` or a target spec (.json); repeatable
    #[arg(long, value_name = "TRIPLE", help_heading = MACHINE)]
    pub(crate) target: Vec<String>,
    /// VA profile instead of the target's floor, such as sv48
    #[arg(long, value_name = "NAME", conflicts_with = "here", help_heading = MACHINE)]
    pub(crate) va_profile: Option<String>,
    /// Where the program is loaded
    #[arg(long, value_name = "MODEL", help_heading = MACHINE,
          value_parser = words(RelocationModel::ALL, RelocationModel::word, RelocationModel::from_word))]
    pub(crate) relocation_model: Option<RelocationModel>,
    /// Stack limit under which the program starts: finite (up to 128 MiB; 8 MiB in 32-bit programs), unlimited, or a
    /// size such as 1GiB
    #[arg(long, value_name = "LIMIT", conflicts_with = "here", help_heading = MACHINE,
          value_parser = stack_limit)]
    pub(crate) stack_limit: Option<StackLimit>,
    /// Bits of ASLR: maximum, minimum (Kconfig's default), or the value of vm.mmap_rnd_bits
    #[arg(long, value_name = "BITS", conflicts_with = "here", help_heading = MACHINE,
          value_parser = aslr)]
    pub(crate) aslr: Option<Aslr>,
    /// Take target, shape and Wasmtime version from this program; its features count as present
    #[arg(long, value_name = "FILE", help_heading = MACHINE)]
    pub(crate) program: Option<PathBuf>,
    /// Run the program with --version to ask which Wasmtime it is
    #[arg(long, requires = "program", help_heading = MACHINE)]
    pub(crate) run_version: bool,
    /// How the kernel searches for free addresses; legacy is for setarch -L and vm.legacy_va_layout
    #[arg(long, value_name = "LAYOUT", conflicts_with = "here", help_heading = MACHINE,
          value_parser = words(SearchLayout::ALL, SearchLayout::word, SearchLayout::from_word))]
    pub(crate) layout: Option<SearchLayout>,
    /// Fit the pools to this machine and the limits of this process
    #[arg(long, conflicts_with = "target", help_heading = MACHINE)]
    pub(crate) here: bool,
    #[command(flatten)]
    pub(crate) fit: FitFlags,
    #[command(flatten)]
    pub(crate) engine: EngineFlags,
    /// Modules and components (.wasm) that the pool runs, or patterns such as 'plugins/*.wasm': count what their
    /// instances need, for this run
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = ENGINE)]
    pub(crate) workload: Vec<PathBuf>,
    /// Set a key of poolcfg.toml for this run, such as pooling_allocator.max_instances=100, or for one target, such as
    /// target.TRIPLE.address_space.rlimit_as=64GiB: any but `workload`, for which there is --workload; repeatable
    #[arg(long, value_name = "KEY=VALUE", help_heading = MANIFEST)]
    pub(crate) set: Vec<String>,
}

/// What `--here` measures, by its key of `[address_space]`.
const MEASURED: [&str; 4] = ["va_profile", "stack_limit", "aslr", "layout"];

impl MachineFlags {
    /// Whether no flag but `--here` says anything of the machine or the pool.
    pub(crate) fn says_nothing(&self) -> bool {
        self.target.is_empty()
            && self.va_profile.is_none()
            && self.relocation_model.is_none()
            && self.stack_limit.is_none()
            && self.aslr.is_none()
            && self.set.is_empty()
            && self.program.is_none()
            && self.workload.is_empty()
            && self.layout.is_none()
            && self.fit.fit.is_none()
            && self.engine.engine.is_none()
            && self.engine.engine_version.is_none()
    }

    /// The flags that name files: as they are given, so that they are the same in every checkout, or whole where the text
    /// is of this machine, since a unit and its administrator have different current directories.
    pub(crate) fn files(&self) -> Vec<OsString> {
        let mut flags = Vec::new();
        let mut say = |flag: &str, path: &Path| {
            let whole = self.here.then(|| std::path::absolute(path).ok()).flatten();
            flags.extend([flag.into(), whole.unwrap_or_else(|| path.to_owned()).into()]);
        };
        if let Some(program) = &self.program {
            say("--program", program);
        }
        for file in &self.workload {
            say("--workload", file);
        }
        if self.run_version {
            flags.push("--run-version".into());
        }
        flags
    }

    /// The flags without those that say what `--here` measures; `None` if `--set` says some of it.
    pub(super) fn measured(&self) -> Option<Vec<OsString>> {
        let Self {
            target: _,
            va_profile: _,
            relocation_model,
            stack_limit: _,
            aslr: _,
            program: _,
            run_version: _,
            layout: _,
            here: _,
            fit: FitFlags { fit },
            engine:
                EngineFlags {
                    engine,
                    engine_version,
                },
            workload: _,
            set,
        } = self;
        let is_measured = |flag: &String| {
            let key = flag.strip_prefix("address_space.").unwrap_or_default();
            MEASURED.iter().any(|measured| key.starts_with(measured))
        };
        if set.iter().any(is_measured) {
            return None;
        }
        let said = [
            (
                "--relocation-model",
                relocation_model.map(|model| model.to_string()),
            ),
            ("--engine", engine.map(|engine| engine.to_string())),
            (
                "--engine-version",
                engine_version.map(|version| version.to_string()),
            ),
            ("--fit", fit.map(|fit| fit.to_string())),
        ];
        let said = said
            .into_iter()
            .filter_map(|(flag, value)| Some([flag.into(), value?.into()]));
        let mut flags: Vec<OsString> = said.flatten().collect();
        flags.extend(self.files());
        for flag in set {
            flags.extend(["--set".into(), flag.into()]);
        }
        Some(flags)
    }
}

/// Whose pools.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct EngineFlags {
    /// Engine of every pool, overriding poolcfg.toml
    #[arg(long, value_name = "ENGINE", help_heading = ENGINE,
          value_parser = words(Engine::ALL, Engine::word, Engine::from_word))]
    pub(crate) engine: Option<Engine>,
    /// Version of Wasmtime, such as 48, overriding poolcfg.toml and the project
    #[arg(long, value_name = "VERSION", help_heading = ENGINE)]
    pub(crate) engine_version: Option<WasmtimeVersion>,
}

/// The value of `--stack-limit`.
fn stack_limit(text: &str) -> Result<StackLimit, String> {
    StackLimit::from_text(text).map_err(|error| match error {
        SizeError::NoNumber => "expected `finite`, `unlimited` or a size such as `1GiB`".to_owned(),
        error => error.to_string(),
    })
}

/// The value of `--aslr`.
fn aslr(text: &str) -> Result<Aslr, &'static str> {
    Aslr::from_text(text).ok_or("expected `maximum`, `minimum` or a number of bits")
}

/// A parser of the words that poolcfg.toml uses too.
fn words<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    word: fn(T) -> &'static str,
    from_word: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    let known = PossibleValuesParser::new(all.iter().map(|value| word(*value)));
    known.try_map(move |text| from_word(&text).ok_or("unknown value"))
}

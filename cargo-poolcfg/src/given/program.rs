//! The program that holds the pools: its target, how it is loaded, and the Wasmtime in it, all by its file.

use std::path::{Path, PathBuf};

use poolcfg_core::file::TargetFacts;
use poolcfg_core::{Code, Engine, RelocationModel, Target, WasmtimeVersion, WasmtimeVersionError};

use crate::cli::args::MachineFlags;
use crate::cli::error::Error;
use crate::cli::path::shown;
use crate::given::run_version::run_version;
use crate::inspect::program::Program;
use crate::inspect::{Inspected, Wanted, inspect};
use crate::render::inspected::InspectReport;
use crate::target::rustc::built_for;

/// What asks for the version.
const ASK: &str =
    "pass `--engine-version 48`, or `--run-version`, which runs the program to ask it";

/// Whose the pools are that a program is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolsOf {
    /// Some are Wasmtime's, or a flag says that they are not.
    AsSaid,
    /// All are native ones, by poolcfg.toml.
    Native,
}

/// A program, as far as pools are concerned.
#[derive(Clone, Debug)]
pub(crate) struct GivenProgram {
    path: PathBuf,
    file: Program,
    /// Its target.
    pub(crate) facts: TargetFacts,
    /// Every Wasmtime in it, or the one that it says it has.
    versions: Vec<String>,
    /// The only one of them; `None` where the command line says which one counts.
    version: Option<WasmtimeVersion>,
}

impl GivenProgram {
    /// Looks into the file, and runs it where that is asked for.
    ///
    /// # Errors
    /// Where it cannot be read or is no program, its target is not known or not that of the machine that is meant, it
    /// does not tell its version, or has a Wasmtime that is not supported.
    pub(crate) fn read(path: &Path, machine: &MachineFlags) -> Result<Self, Error> {
        let (file, found) = program(path)?;
        let facts = target(path, &file, &machine.target)?;
        if machine.here {
            for_this_machine(path, &facts)?;
        }
        let versions = match machine.run_version {
            true => vec![run_version(path)?],
            false => found,
        };
        let engine = &machine.engine;
        let is_said = engine.engine_version.is_some() || engine.engine == Some(Engine::Native);
        let version = match &versions[..] {
            [version] if !is_said => Some(supported(path, version)?),
            _ => None,
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            facts,
            versions,
            version,
        })
    }

    /// Whether its file tells its target, so that no flag has to.
    pub(crate) fn tells_target(&self) -> bool {
        self.file.target.is_some()
    }

    /// Whether its threads allocate by glibc's malloc.
    pub(crate) fn has_arenas(&self) -> bool {
        let library = self.file.c_library.as_deref();
        library.is_some_and(|library| library.starts_with("glibc"))
    }

    /// Where it is loaded.
    pub(crate) fn relocation_model(&self) -> RelocationModel {
        self.file.relocation_model
    }

    /// The Wasmtime that counts, where the program alone tells.
    pub(crate) fn version(&self) -> Option<WasmtimeVersion> {
        self.version
    }

    /// Whether any sign of Wasmtime is found in it.
    pub(crate) fn is_of_wasmtime(&self) -> bool {
        self.file.has_wasmtime || !self.versions.is_empty()
    }

    /// Why its version is not known, and what to do about it.
    pub(crate) fn no_version(&self) -> (String, String) {
        let path = shown(&self.path);
        match &self.versions[..] {
            [] => (
                format!("no version of Wasmtime is found in `{path}`"),
                match self.file.has_damaged_list {
                    true => format!("{ASK}; {}", Program::DAMAGED_LIST),
                    false => format!(
                        "{ASK}; what is stripped and built from sources of its own carries no version"
                    ),
                },
            ),
            versions => (
                format!("`{path}` contains Wasmtime {}", versions.join(" and ")),
                format!("say which one runs the pool: {ASK}"),
            ),
        }
    }

    /// What is taken from it, where `asked` are the flags that name a Wasmtime, as messages show them, and `model` is
    /// the flag that says where it is loaded.
    pub(crate) fn note(
        &self,
        asked: &[(String, WasmtimeVersion)],
        model: Option<&(String, RelocationModel)>,
        pools: PoolsOf,
    ) -> String {
        let path = shown(&self.path);
        let triple = self.facts.triple();
        let own = self.relocation_model();
        let model = match model.filter(|(_, asked)| *asked != own) {
            Some((flag, _)) => format!("{own} (but {flag} outranks that)"),
            None => own.to_string(),
        };
        let is_other = |asked: &WasmtimeVersion, found: &str| {
            found.parse().is_ok_and(|found| !asked.covers(found))
        };
        let found = self.versions.join(" and ");
        let outranks = asked.iter().filter(|(_, asked)| {
            let mut versions = self.versions.iter();
            versions.all(|found| is_other(asked, found))
        });
        let outranks: Vec<_> = outranks.map(|(flag, _)| flag.as_str()).collect();
        let wasmtime = match (&self.versions[..], &outranks[..], asked) {
            ([], _, [(flag, _), ..]) => {
                format!("but no version of Wasmtime was found in it, which {flag} names")
            }
            ([], ..) if self.is_of_wasmtime() => {
                "but no version of Wasmtime was found in it".to_owned()
            }
            ([], ..) => "but no sign of Wasmtime was found in it: pass `--engine-version 48` if it uses Wasmtime".to_owned(),
            _ if pools == PoolsOf::Native => format!(
                "Wasmtime {found}, which pools with `engine = \"native\"` do not use: pass `--engine wasmtime` for its pool"
            ),
            (_, [_, ..], _) => {
                let verb = match outranks.len() {
                    1 => "overrides",
                    _ => "override",
                };
                format!(
                    "Wasmtime {found}, but {} {verb} that",
                    outranks.join(" and ")
                )
            }
            ([_, _, ..], [], [(flag, _), ..]) => format!(
                "Wasmtime {found}, of which {flag} takes one; features that no key names count as present"
            ),
            _ => format!("Wasmtime {found}; features that no key names count as present"),
        };
        let list = match self.file.has_damaged_list {
            true => format!("; {}", Program::DAMAGED_LIST),
            false => String::new(),
        };
        format!("from --program: `{path}` is for {triple}, {model}, {wasmtime}{list}")
    }

    /// The same for programs.
    pub(crate) fn report(&self) -> InspectReport {
        let file = Inspected::Program(self.file.clone(), self.versions.clone());
        InspectReport::new(&self.path, &file, Vec::new())
    }
}

/// A file that must be a program, and the versions of Wasmtime in it.
fn program(path: &Path) -> Result<(Program, Vec<String>), Error> {
    let name = shown(path);
    let is_bare = path.components().count() == 1;
    if is_bare && !path.exists() {
        return Err(Error::new(
            Code::Io,
            format!("no `{name}` in this folder"),
            format!("`--program` takes a path, such as `$(which {name})`"),
        )
        .about(path));
    }
    let what = match inspect(path, Wanted::Program)? {
        Inspected::Program(program, versions) => return Ok((program, versions)),
        Inspected::Module(_) => "a module",
        Inspected::Component(_) => "a component",
    };
    Err(Error::new(
        Code::NotInspectable,
        format!("`{name}` is {what}, not a program"),
        "pass it with `--workload`",
    )
    .about(path))
}

/// The target of a program: what its file tells, or where that tells nothing, what the command line says. rustc is never
/// asked.
fn target(path: &Path, file: &Program, said: &[String]) -> Result<TargetFacts, Error> {
    let name = shown(path);
    let triple = match (file.target.as_deref(), said) {
        (Some(triple), []) => triple,
        (None, [said]) => said,
        (Some(triple), [..]) => {
            return Err(Error::usage(&format!(
                "`{name}` is for {triple}: remove `--target`"
            )));
        }
        (None, [_, ..]) => {
            return Err(Error::usage(&format!(
                "`{name}` is one program: name one target with `--target`"
            )));
        }
        (None, []) => {
            return Err(Error::new(
                Code::OtherMachine,
                format!("`{name}` does not tell its target"),
                "name it with `--target`",
            )
            .about(path));
        }
    };
    TargetFacts::builtin(triple).ok_or_else(|| {
        Error::new(
            Code::UnknownTarget,
            format!("unknown target `{triple}`: it is not in the built-in table"),
            "`cargo poolcfg profiles` lists what is known",
        )
        .about(path)
    })
}

/// Refuses to measure this machine for a program of another.
fn for_this_machine(path: &Path, facts: &TargetFacts) -> Result<(), Error> {
    let own = built_for()?;
    let kind = |target: Target| (target.arch, target.os, target.pointer_width);
    if kind(own.target()) == kind(facts.target()) {
        return Ok(());
    }
    Err(Error::new(
        Code::OtherMachine,
        format!(
            "`{}` is for {}, but `--here` measures {}",
            shown(path),
            facts.triple(),
            own.triple()
        ),
        "remove `--here`, or run a `poolcfg` that was built for the program's target",
    )
    .about(path))
}

/// A version that is known well enough.
fn supported(path: &Path, version: &str) -> Result<WasmtimeVersion, Error> {
    version.parse().map_err(|error: WasmtimeVersionError| {
        Error::new(
            Code::BadVersion,
            format!("`{}` contains Wasmtime {version}: {error}", shown(path)),
            format!(
                "use a later version; the newest known is {}",
                WasmtimeVersion::NEWEST
            ),
        )
        .about(path)
    })
}

//! The command line. Flags that cargo has too are spelled as cargo spells them.

mod installed;
mod machine;
mod programs;
mod values;
mod workload;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use poolcfg_core::WasmtimeVersion;

pub(crate) use installed::{Completions, Man};
pub(crate) use machine::MachineFlags;
pub(crate) use programs::{alone, for_terminal, subcommand};
pub(crate) use values::{Emit, MessageFormat, ProbeEmit};
pub(crate) use workload::{Missing, WorkloadFlags};

const PACKAGES: &str = "Package Selection";
const MACHINE: &str = "Machine";
const ENGINE: &str = "Engine";
const MANIFEST: &str = "Manifest Options";
const OUTPUT: &str = "Output";

/// What cargo runs: `cargo poolcfg`.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo", styles = clap_cargo::style::CLAP_STYLING)]
pub(crate) enum Cargo {
    /// Work out which memory pools fit the address space of a target, and write their limits
    Poolcfg(Poolcfg),
}

/// The name by which cargo calls its subcommand.
pub(crate) const NAME: &str = "poolcfg";

/// The command with all its flags.
#[derive(Debug, Args)]
#[command(version, about = ABOUT, long_about = LONG_ABOUT)]
pub(crate) struct Poolcfg {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) generate: Generate,
    /// Explain the code of an error or a warning, such as PC0001
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    #[command(flatten)]
    pub(crate) shared: SharedFlags,
}

const ABOUT: &str =
    "Work out which memory pools fit the address space of a target, and write their limits";

const LONG_ABOUT: &str = "\
Work out which memory pools fit the address space of a target, and write their limits

Without a subcommand, the limits are written to src/pool_limits.rs: plain constants, one `cfg` branch per \
target, with a compile-time assertion that they still fit.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write src/pool_limits.rs (what happens without a subcommand)
    Generate(Generate),
    /// Check whether the pools fit every target that the project names
    Check(Check),
    /// Draw the address space, and tell which limit decides; -v lists every figure
    Explain(Look),
    /// List the VA profiles: window, holes, page size, who ships them
    Profiles(Profiles),
    /// Measure this machine, and find the VA profile that matches it
    Probe(ProbeFlags),
    /// Write a commented poolcfg.toml
    Init(Init),
    /// Tell what a .wasm needs of a pool, and what a program is
    Inspect(Inspect),
    /// Update poolcfg.toml from the Wasmtime in Cargo.lock and from its workload
    Sync(Sync),
    /// Run a command, and tell why it cannot have memory: which limit, and what works
    Why(Why),
    /// Print the script by which a shell completes the words of this command
    Completions(Completions),
    /// Write the man pages into a folder
    Man(Man),
}

/// Flags of `generate`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Generate {
    #[command(flatten)]
    pub(crate) packages: Packages,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
    /// What to write: `rust` unless said here or by the file that -o or --check names; anything else goes to stdout
    /// unless -o is given
    #[arg(long, value_name = "KIND", help_heading = OUTPUT)]
    pub(crate) emit: Option<Emit>,
    /// The pool to write, for kinds that hold one pool
    #[arg(long, value_name = "NAME", help_heading = OUTPUT)]
    pub(crate) pool: Option<String>,
    /// Render this minijinja template with the data of `--emit json`, and with `generated`, a line for a comment: -o
    /// only replaces a file that has it
    #[arg(long, value_name = "FILE", conflicts_with = "emit", help_heading = OUTPUT)]
    pub(crate) template: Option<PathBuf>,
    /// Write to this file, whose folder is made if it is not there; `-` is stdout
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) output: Option<PathBuf>,
    /// Write nothing; check whether the file is current, or with --here whether the numbers it records still
    /// fit this machine
    #[arg(long, value_name = "FILE", num_args = 0..=1, help_heading = OUTPUT)]
    #[expect(
        clippy::option_option,
        reason = "it may be said with and without a file"
    )]
    pub(crate) check: Option<Option<PathBuf>>,
}

impl Poolcfg {
    /// The command, as it is called.
    pub(crate) fn name(&self) -> &'static str {
        match &self.command {
            _ if self.explain.is_some() => "--explain",
            None | Some(Command::Generate(_)) => "generate",
            Some(Command::Check(_)) => "check",
            Some(Command::Explain(_)) => "explain",
            Some(Command::Profiles(_)) => "profiles",
            Some(Command::Probe(_)) => "probe",
            Some(Command::Init(_)) => "init",
            Some(Command::Inspect(_)) => "inspect",
            Some(Command::Sync(_)) => "sync",
            Some(Command::Why(_)) => "why",
            Some(Command::Completions(_)) => "completions",
            Some(Command::Man(_)) => "man",
        }
    }

    /// Whether a program asked for JSON.
    pub(crate) fn wants_json(&self) -> bool {
        let emit = match &self.command {
            None if self.explain.is_none() => self.generate.emit(),
            Some(Command::Generate(generate)) => generate.emit(),
            _ => Emit::Rust,
        };
        emit == Emit::Json || self.shared.message_format == MessageFormat::Json
    }
}

impl Generate {
    /// What is written.
    pub(crate) fn emit(&self) -> Emit {
        self.emit.unwrap_or(Emit::Rust)
    }

    /// The file that is written or checked, where it is named.
    pub(crate) fn place(&self) -> Option<&PathBuf> {
        self.check
            .as_ref()
            .and_then(Option::as_ref)
            .or(self.output.as_ref())
    }

    /// Whether it is about a file without saying for which machine: then the command that wrote the file says so.
    pub(crate) fn repeats(&self) -> bool {
        let machine = &self.machine;
        self.emit() != Emit::Json
            && self.template.is_none()
            && !machine.here
            && machine.says_nothing()
    }

    /// The flags of the command recorded in a generated file; `None` if it is not one of ours.
    pub(crate) fn recorded(words: Vec<String>) -> Option<Self> {
        let Cargo::Poolcfg(poolcfg) = Cargo::try_parse_from(words).ok()?;
        poolcfg.command.is_none().then_some(poolcfg.generate)
    }

    /// The flags that write the same for a machine that `--here` measures; `None` if some say what it measures in a way
    /// that cannot be left out.
    pub(crate) fn measured(&self) -> Option<Vec<OsString>> {
        let mut flags: Vec<OsString> = Vec::new();
        if let Some(emit) = self.emit {
            flags.extend(["--emit".into(), emit.name().into()]);
        }
        for package in &self.packages.package {
            flags.extend(["-p".into(), package.into()]);
        }
        if let Some(pool) = &self.pool {
            flags.extend(["--pool".into(), pool.into()]);
        }
        flags.extend(self.machine.measured()?);
        Some(flags)
    }
}

/// Flags of `check` and `explain`.
#[derive(Debug, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) packages: Packages,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) look: Look,
    #[command(flatten)]
    pub(crate) workload: WorkloadFlags,
}

/// Flags of `profiles`.
#[derive(Debug, Args)]
pub(crate) struct Profiles {
    /// Only list profiles of this target; repeatable
    #[arg(long, value_name = "TRIPLE", help_heading = MACHINE)]
    pub(crate) target: Vec<String>,
}

/// Flags of `probe`.
#[derive(Debug, Args)]
pub(crate) struct ProbeFlags {
    /// Print the tables of poolcfg.toml that describe this machine
    #[arg(long, value_name = "KIND", conflicts_with = "message_format", help_heading = OUTPUT)]
    pub(crate) emit: Option<ProbeEmit>,
}

/// Flags of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Package to write the file for
    #[arg(short, long, value_name = "SPEC", help_heading = PACKAGES)]
    pub(crate) package: Option<String>,
    /// Other tools overwrite with it: this one says what it does.
    #[arg(long, hide = true)]
    pub(crate) force: bool,
}

/// Flags of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Modules and components (.wasm), programs, or patterns such as 'plugins/*.wasm'
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Version of Wasmtime, such as 48, whose limits they are held to; the newest that is known unless said
    #[arg(long, value_name = "VERSION", help_heading = ENGINE)]
    pub(crate) engine_version: Option<WasmtimeVersion>,
}

/// Flags of `sync`.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) packages: Packages,
    /// Only update what holds for this target, from the dependencies resolved for it
    #[arg(long, value_name = "TRIPLE", help_heading = MACHINE)]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) workload: WorkloadFlags,
    /// Write nothing; check whether the file agrees with Cargo.lock and with its workload
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) check: bool,
}

/// Flags of `why`.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Run it once more as the answer advises, with a limit raised or with other flags, and end as that run does
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) retry: bool,
    /// Write the JSON object of the answer to this file; with --message-format json it is then not on stdout
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) output: Option<PathBuf>,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

/// Which packages.
#[derive(Clone, Debug, Args)]
pub(crate) struct Packages {
    /// Package to work on; repeatable
    #[arg(short, long, value_name = "SPEC", help_heading = PACKAGES)]
    pub(crate) package: Vec<String>,
    /// Work on every package that has a poolcfg.toml
    #[arg(long, conflicts_with = "package", help_heading = PACKAGES)]
    pub(crate) workspace: bool,
    /// Exclude this package; repeatable
    #[arg(long, value_name = "SPEC", requires = "workspace", conflicts_with = "package",
          help_heading = PACKAGES)]
    pub(crate) exclude: Vec<String>,
}

/// Flags that every subcommand takes, before or after its name.
#[derive(Debug, Args)]
pub(crate) struct SharedFlags {
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH", global = true, help_heading = MANIFEST)]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Assert that Cargo.lock stays unchanged
    #[arg(long, global = true, help_heading = MANIFEST)]
    pub(crate) locked: bool,
    /// Run without accessing the network
    #[arg(long, global = true, help_heading = MANIFEST)]
    pub(crate) offline: bool,
    /// Same as --locked and --offline
    #[arg(long, global = true, help_heading = MANIFEST)]
    pub(crate) frozen: bool,
    /// Override a configuration value of cargo
    #[arg(long, value_name = "KEY=VALUE|PATH", global = true, help_heading = MANIFEST)]
    pub(crate) config: Vec<String>,
    /// Output for people or for programs
    #[arg(long, value_name = "FMT", default_value = "human", global = true, help_heading = OUTPUT)]
    pub(crate) message_format: MessageFormat,
    /// When to use colors; unless said, --config term.color=WHEN, CARGO_TERM_COLOR, term.color of cargo's configuration,
    /// NO_COLOR, CLICOLOR_FORCE, CLICOLOR=0 and the terminal decide, in this order
    #[arg(long, value_name = "WHEN", global = true, help_heading = OUTPUT)]
    pub(crate) color: Option<clap::ColorChoice>,
    /// Only print errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = OUTPUT)]
    pub(crate) quiet: bool,
    /// Verbose output
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = OUTPUT)]
    pub(crate) verbose: u8,
}

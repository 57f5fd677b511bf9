//! Flags of other commands: why a command does not take a flag that says which machine or engine is meant, and what does.

use std::ffi::OsString;

use clap::Args as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::args::{MachineFlags, NAME};

/// Why a command takes no flag of the machine, and what to run instead.
const COMMANDS: [(&str, &str, &str); 6] = [
    (
        "sync",
        "it writes what Cargo.lock and the files of `workload` say, whatever machine or program they run on",
        "to judge without writing: `check` with the same flag",
    ),
    (
        "probe",
        "it describes this machine as it is",
        "to judge pools by other settings of this machine: `check --here` with the same flag",
    ),
    (
        "inspect",
        "it describes files, independent of the machine and of poolcfg.toml",
        "name the files without a flag, or run `check` with the same flag",
    ),
    (
        "init",
        "it writes a file with every key for you to set",
        "to take numbers from a flag: `check` or `--emit` with the same flag",
    ),
    (
        "profiles",
        "it lists every profile",
        "to judge pools by one of them: `check` with the same flag",
    ),
    (
        "why",
        "the command runs on this machine as it is",
        "to judge pools instead: `check` with the same flag",
    ),
];

/// What to say of a flag that the command does not have and others do; `None` of any other mistake.
pub(crate) fn explained(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let machine = MachineFlags::augment_args(clap::Command::new(NAME));
    let is_flag = |name: &str| flag.strip_prefix("--") == Some(name);
    let mut known = machine.get_arguments().filter_map(clap::Arg::get_long);
    if !known.any(is_flag) {
        return None;
    }
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    let (command, why, instead) = words.find_map(|word| {
        let mut commands = COMMANDS.iter();
        commands.find(|(command, ..)| *command == word)
    })?;
    Some(format!(
        "`{command}` takes no `{flag}`: {why}\n\n  tip: {instead}"
    ))
}

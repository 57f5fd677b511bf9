//! The command lines of the two names, and what stands around the flags in their help.

use clap::{Args as _, CommandFactory as _};

use super::{Cargo, NAME, Poolcfg};
use crate::cli::exit::statuses;
use crate::cli::wrap::glued;

const ALONE_ABOUT: &str = "Work out which memory pools fit the address space of this machine or of a target, and write their limits";

const ALONE_LONG_ABOUT: &str = "\
Work out which memory pools fit the address space of this machine or of a target, and write their limits

Works without cargo and Rust. Without a subcommand and flags, it tells what fits this machine; in a folder with a Cargo.toml, \
or below one, the limits are written to src/pool_limits.rs: plain constants, one `cfg` branch per target, with a compile-time \
assertion that they still fit.";

/// The command line of `poolcfg`.
pub(crate) fn alone() -> clap::Command {
    let command = Poolcfg::augment_args(
        clap::Command::new(NAME)
            .bin_name(NAME)
            .styles(clap_cargo::style::CLAP_STYLING),
    );
    with_statuses(command)
        .override_usage(usage("poolcfg"))
        .about(ALONE_ABOUT)
        .long_about(ALONE_LONG_ABOUT)
}

/// The command line of `cargo poolcfg`.
pub(crate) fn subcommand() -> clap::Command {
    Cargo::command().mut_subcommand(NAME, |command| {
        with_statuses(command).override_usage(usage("cargo poolcfg"))
    })
}

/// The same command, in which the help of each command ends with its statuses.
fn with_statuses(command: clap::Command) -> clap::Command {
    command.after_help(statuses("")).mut_subcommands(|command| {
        let text = statuses(command.get_name());
        command.after_help(text)
    })
}

/// The same command, in which no line of the help is broken within backticks; [`unglued`] makes blanks of what keeps it
/// from that.
///
/// [`unglued`]: crate::cli::wrap::unglued
pub(crate) fn for_terminal(command: clap::Command) -> clap::Command {
    let long = command
        .get_long_about()
        .map(|text| glued(&text.to_string()));
    let command = match long {
        Some(text) => command.long_about(text),
        None => command,
    };
    command
        .mut_args(
            |arg| match arg.get_help().map(|text| glued(&text.to_string())) {
                Some(text) => arg.help(text),
                None => arg,
            },
        )
        .mut_subcommands(for_terminal)
}

/// Flags of a command follow its name: those before it would be those of `generate`.
fn usage(name: &str) -> String {
    format!("{name} [OPTIONS]\n       {name} <COMMAND> [OPTIONS]")
}

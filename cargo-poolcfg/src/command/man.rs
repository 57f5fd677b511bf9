//! `man`: the man pages of `poolcfg` and of each subcommand.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man as Page;

use crate::cli::args::{Man, NAME, alone};
use crate::cli::error::Error;
use crate::cli::exit::{Exit, HEADING};
use crate::cli::path::shown;
use crate::cli::wrap::unglued;
use crate::context::Context;

/// Writes them.
///
/// # Errors
/// When the folder cannot be made or written to.
pub(crate) fn run(context: &Context<'_>, arguments: &Man) -> Result<Exit, Error> {
    let folder = &arguments.folder;
    let mut command = alone().disable_help_subcommand(true);
    command.build();
    fs::create_dir_all(folder)
        .and_then(|()| write(&command, folder))
        .map_err(|error| Error::io("write", folder, &error, "name a folder that is writable"))?;
    context
        .shell
        .say(&format!("wrote the man pages into {}", shown(folder)));
    Ok(Exit::Fits)
}

/// Writes the page of a command, and those of its subcommands.
fn write(command: &Command, folder: &Path) -> io::Result<()> {
    for command in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        write(command, folder)?;
    }
    let (name, text) = page(command.clone())?;
    fs::write(folder.join(name), text)
}

/// How clap heads what stands behind the flags, and how a man page heads it.
const EXTRA: &str = ".SH EXTRA\n";
const EXIT_STATUS: &str = ".SH \"EXIT STATUS\"\n";

/// The name of a page and its text, with the usage that the help has: clap_mangen leaves out what stands before an
/// argument and that it is taken more than once.
fn page(mut command: Command) -> io::Result<(String, String)> {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let statuses = command.get_after_help().map(ToString::to_string);
    let mut command = command.override_usage(usage);
    if let Some(statuses) = &statuses {
        command = command.after_help(statuses.trim_start_matches(HEADING).to_owned());
    }
    // A subcommand has a name of its own and no version.
    let source = format!("{NAME} {}", env!("CARGO_PKG_VERSION"));
    let page = Page::new(command).source(source);
    let mut text = Vec::new();
    page.render(&mut text)?;
    let text = unglued(&String::from_utf8_lossy(&text)).replace(EXTRA, EXIT_STATUS);
    Ok((page.get_filename(), text))
}

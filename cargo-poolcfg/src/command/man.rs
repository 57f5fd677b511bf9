//! `man`: the man pages of `poolcfg` and of each subcommand.

use std::fs;

use crate::cli::args::Man;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::entry::alone;

/// Writes them.
///
/// # Errors
/// When the folder cannot be made or written to.
pub(crate) fn run(_context: &Context<'_>, arguments: &Man) -> Result<Exit, Error> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(alone(), folder))
        .map_err(|error| Error::io("write", folder, &error, "name a folder that is writable"))?;
    Ok(Exit::Fits)
}

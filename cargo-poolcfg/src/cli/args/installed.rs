//! The flags of the commands that print what is installed with the program.

use std::path::PathBuf;

use clap::Args;

/// Flags of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(
        value_name = "SHELL",
        conflicts_with = "message_format",
        required = true
    )]
    pub(crate) shell: Option<clap_complete::Shell>,
    /// Print the names of the packages: the scripts ask for them.
    #[arg(long, hide = true, exclusive = true)]
    pub(crate) packages: bool,
}

/// Flags of `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder, which is made if it is not there
    #[arg(value_name = "FOLDER", conflicts_with = "message_format")]
    pub(crate) folder: PathBuf,
}

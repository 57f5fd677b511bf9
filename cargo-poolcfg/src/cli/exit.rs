//! Exit status: part of what scripts may rely on.

use std::process::ExitCode;

/// How the command ends. Wrong usage ends in 2, as every program of clap's does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything fits, and with `--check` the file is current.
    Fits = 0,
    /// The command line is wrong.
    Usage = 2,
    /// A pool does not fit, or `--check` found the file stale.
    Misfit = 100,
    /// The command could not do its work: a faulty poolcfg.toml, an unknown target, cargo or a file
    /// that does not do what is asked.
    Failed = 101,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

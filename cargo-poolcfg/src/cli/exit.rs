//! Exit status: part of what scripts may rely on.

use std::process::ExitCode;

/// How the command ends. Wrong usage ends in 2, as every program of clap's does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything fits, and with `--check` the file is current.
    Fits,
    /// The command line is wrong.
    Usage,
    /// A pool does not fit, or `--check` found the file stale.
    Misfit,
    /// The command could not do its work: a faulty poolcfg.toml, an unknown target, cargo or a file
    /// that does not do what is asked.
    Failed,
    /// As the command did that `why` ran, or in 125 to 127 where it did not run.
    Command(u8),
}

impl Exit {
    /// A failure of `why` itself, as env(1) has it.
    pub(crate) const OWN_FAILURE: Self = Self::Command(125);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fits => 0,
            Exit::Usage => 2,
            Exit::Misfit => 100,
            Exit::Failed => 101,
            Exit::Command(status) => status,
        })
    }
}

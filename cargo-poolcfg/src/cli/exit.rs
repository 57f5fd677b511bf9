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
    /// As the command did that `why` ran, by SIGINT.
    Interrupted,
}

impl Exit {
    /// A failure of `why` itself, as env(1) has it.
    pub(crate) const OWN_FAILURE: Self = Self::Command(125);

    /// The status of a command that cannot be executed, and of one that is not there: as env(1) has it.
    pub(crate) const NOT_EXECUTABLE: Self = Self::Command(126);
    pub(crate) const NOT_FOUND: Self = Self::Command(127);
}

impl Exit {
    const fn status(self) -> u8 {
        match self {
            Self::Fits => 0,
            Self::Usage => 2,
            Self::Misfit => 100,
            Self::Failed => 101,
            Self::Command(status) => status,
            Self::Interrupted => 130,
        }
    }

    /// Ends this process as this says. A shell goes on with its script, unless it sees that SIGINT has ended the command.
    pub(crate) fn end(self) -> ExitCode {
        #[cfg(unix)]
        if self == Self::Interrupted {
            use rustix::process::{Signal, getpid, kill_process};
            // Where it is ignored, the status has to do.
            let _ = kill_process(getpid(), Signal::INT);
        }
        self.into()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// How the paragraph of a help text begins that lists the statuses.
pub(crate) const HEADING: &str = "Exit status: ";

/// The statuses that a command ends with, as its help lists them; the name is empty for the command without one.
pub(crate) fn statuses(command: &str) -> String {
    let list: &[(Exit, &str)] = match command {
        "" | "generate" => &[FITS, MISFIT_OR_STALE, FAILED_OF_FILE, USAGE],
        "check" | "explain" => &[FITS, MISFIT, FAILED_OF_FILE, USAGE],
        "sync" => &[DONE, DIFFERS, FAILED_OF_FILE, USAGE],
        "why" => &[OWN_FAILURE, NOT_EXECUTABLE, NOT_FOUND, USAGE],
        _ => &[DONE, FAILED, USAGE],
    };
    let of_command = "that of the command, or 128 and the signal that ended it";
    let first = (command == "why").then(|| of_command.to_owned());
    let list: Vec<_> = first.into_iter().chain(list.iter().map(said)).collect();
    format!("{HEADING}{}.", list.join("; "))
}

const FITS: (Exit, &str) = (Exit::Fits, "if the pools fit");
const DONE: (Exit, &str) = (Exit::Fits, "if the command succeeds");
const MISFIT: (Exit, &str) = (Exit::Misfit, "if they do not");
const MISFIT_OR_STALE: (Exit, &str) = (
    Exit::Misfit,
    "if they do not, or if --check finds a stale file",
);
const DIFFERS: (Exit, &str) = (
    Exit::Misfit,
    "if --check finds that poolcfg.toml differs, or if it cannot hold what was found",
);
const FAILED: (Exit, &str) = (Exit::Failed, "if the command fails");
const FAILED_OF_FILE: (Exit, &str) = (
    Exit::Failed,
    "if the command fails, for example because poolcfg.toml has errors",
);
const USAGE: (Exit, &str) = (Exit::Usage, "for wrong usage");
const OWN_FAILURE: (Exit, &str) = (Exit::OWN_FAILURE, "if the command cannot be traced");
const NOT_EXECUTABLE: (Exit, &str) = (Exit::NOT_EXECUTABLE, "if it cannot be executed");
const NOT_FOUND: (Exit, &str) = (Exit::NOT_FOUND, "if it is not found");

/// One status.
fn said((exit, when): &(Exit, &str)) -> String {
    format!("{} {when}", exit.status())
}

//! The flag that says what becomes of files that a workload names and that are not there.

use clap::Args;

use super::PACKAGES;

/// What becomes of a workload.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WorkloadFlags {
    /// Pass over files of a workload in poolcfg.toml that are not there, and lower no count that may be theirs
    #[arg(long, help_heading = PACKAGES)]
    pub(crate) allow_missing: bool,
}

impl WorkloadFlags {
    pub(crate) const fn missing(self) -> Missing {
        match self.allow_missing {
            true => Missing::PassedOver,
            false => Missing::Error,
        }
    }
}

/// What becomes of a file of the workload that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is an error.
    Error,
    /// It is passed over, and no count is lowered that may be its.
    PassedOver,
}

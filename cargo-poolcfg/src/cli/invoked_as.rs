//! The program: the command has two names.

/// Under which name the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvokedAs {
    /// `cargo poolcfg`: there is a cargo, and packages.
    Subcommand,
    /// `poolcfg`: works without cargo and rustc too.
    Alone,
}

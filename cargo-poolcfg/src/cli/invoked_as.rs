//! The program: the command has two names.

use std::path::Path;

/// Under which name the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvokedAs {
    /// `cargo poolcfg`: there is a cargo, and packages.
    Subcommand,
    /// `poolcfg`: works without cargo and rustc too.
    Alone,
}

impl InvokedAs {
    /// As the file is called that runs: an archive holds one program, and a link to it for cargo.
    #[must_use]
    pub fn by_name() -> Self {
        let program = std::env::args_os().next().unwrap_or_default();
        match Path::new(&program).file_stem() {
            Some(name) if name == "cargo-poolcfg" => Self::Subcommand,
            _ => Self::Alone,
        }
    }
}

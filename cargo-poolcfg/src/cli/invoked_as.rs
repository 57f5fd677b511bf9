//! The program: the command has two names.

use std::borrow::Cow;
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

    /// What is typed to run the command.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Subcommand => "cargo poolcfg",
            Self::Alone => "poolcfg",
        }
    }

    /// A text of this program, all of which say `cargo poolcfg`, with the command as it was called.
    pub(crate) fn called(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Subcommand => Cow::Borrowed(text),
            Self::Alone => Cow::Owned(text.replace(Self::Subcommand.command(), self.command())),
        }
    }
}

//! The words that flags take for what they write, and to whom.

use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::cli::wrap::glued;
use crate::host::{HOSTS, Host};

/// The value of `--message-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    /// Text
    Human,
    /// One JSON object on stdout, on errors too
    Json,
}

/// The value of `--emit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emit {
    Rust,
    Json,
    /// A text for a host.
    Host(&'static Host),
}

impl Emit {
    /// As the command line calls it.
    pub(crate) fn name(self) -> &'static str {
        self.words().0
    }

    /// Its name and its help.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Rust => ("rust", "A Rust file with constants"),
            Self::Json => ("json", "The JSON object of schema 2"),
            Self::Host(host) => host.emit,
        }
    }

    /// How the names of such files end; `None` if any ending is as good.
    pub(crate) const fn ending(self) -> Option<&'static str> {
        match self {
            Self::Rust => Some("rs"),
            Self::Json => Some("json"),
            Self::Host(host) => host.ending,
        }
    }
}

impl ValueEnum for Emit {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Emit>> = LazyLock::new(|| {
            let hosts = HOSTS.iter().copied().map(Emit::Host);
            [Emit::Rust, Emit::Json].into_iter().chain(hosts).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = self.words();
        Some(PossibleValue::new(name).help(glued(help)))
    }
}

/// The value of `--emit` of `probe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProbeEmit {
    /// `[va_profile.NAME]` and `[address_space]`, to paste into poolcfg.toml
    Toml,
}

//! The owner: whose a result is.

use serde::Serialize;

use crate::cli::path::relative;
use crate::project::Member;

/// The package that a result is of.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Owner {
    /// Its name; `None` without a package, or without a cargo that knows it.
    pub(crate) package: Option<String>,
    /// The path of its Cargo.toml; `None` without a package.
    pub(crate) manifest: Option<String>,
}

impl Owner {
    pub(crate) fn of(member: &Member) -> Self {
        let manifest = member.dir.join("Cargo.toml");
        Self {
            package: member.package.as_ref().map(|package| package.name.clone()),
            manifest: member.has_manifest.then(|| relative(&manifest)),
        }
    }
}

/// A result that no package has: it is the same wherever the command runs.
#[derive(Debug, Serialize)]
pub(crate) struct Unowned<T> {
    #[serde(flatten)]
    owner: Owner,
    #[serde(flatten)]
    result: T,
}

impl<T> From<T> for Unowned<T> {
    fn from(result: T) -> Self {
        Self {
            owner: Owner::default(),
            result,
        }
    }
}

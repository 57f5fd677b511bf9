//! The owner: whose a result is.

use crate::cli::path::relative;
use crate::project::Member;

/// The package that a result is of.
#[derive(Clone, Debug, Default)]
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

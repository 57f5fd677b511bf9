//! The choice: which packages of the workspace the flags mean.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{Metadata, Package};
use poolcfg_core::Code;
use poolcfg_core::file::Location;

use crate::cli::args::Packages;
use crate::cli::error::{Error, all};
use crate::cli::path::{is_same, shown};
use crate::project::spec::matching;

/// What a command does with poolcfg.toml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileUse {
    /// It reads what is there, and what Cargo.toml points to has to be.
    Read,
    /// It writes one where none is.
    Write,
}

/// What shares a poolcfg.toml at the root of a workspace.
pub(crate) const SHARED: &str = "`config = \"poolcfg.toml\"` under `[workspace.metadata.poolcfg]` of the workspace's Cargo.toml";

/// How packages were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChosenBy {
    /// By their names, or as that of the Cargo.toml: each is worked on.
    Named,
    /// All of a virtual workspace: of these and all below, those that have a poolcfg.toml.
    Virtual,
    /// Those of `default-members`.
    Default,
    /// By `--workspace`.
    Workspace,
    /// By `--workspace`, without those of `--exclude`.
    Rest,
}

/// The packages that the flags choose, or without flags those that cargo takes: those of `default-members` or all of a
/// virtual workspace at its root, or else the one of the Cargo.toml. To write a file to which the workspace points, all
/// that share it.
pub(super) fn choose<'a>(
    metadata: &'a Metadata,
    manifest: &Path,
    flags: &Packages,
    file_use: FileUse,
) -> Result<(Vec<&'a Package>, ChosenBy), Error> {
    let (mut chosen, by) = flagged(metadata, manifest, flags, file_use)?;
    if file_use == FileUse::Write && chosen.iter().any(|package| is_of_workspace(package)) {
        let mut others = metadata.workspace_packages();
        others.retain(|other| is_of_workspace(other) && chosen.iter().all(|it| it.id != other.id));
        chosen.extend(others);
    }
    Ok((chosen, by))
}

/// The same without those that share a file with them.
fn flagged<'a>(
    metadata: &'a Metadata,
    manifest: &Path,
    flags: &Packages,
    file_use: FileUse,
) -> Result<(Vec<&'a Package>, ChosenBy), Error> {
    let members = metadata.workspace_packages();
    let specs = |specs: &[String]| {
        let found = all(specs.iter().map(|spec| matching(&members, spec)))?;
        Ok::<Vec<&Package>, Error>(found.into_iter().flatten().collect())
    };
    if !flags.package.is_empty() {
        let mut chosen = specs(&flags.package)?;
        let mut seen = BTreeSet::new();
        chosen.retain(|package| seen.insert(&package.id));
        return Ok((chosen, ChosenBy::Named));
    }
    if flags.workspace {
        let excluded = specs(&flags.exclude)?;
        let mut left = members.clone();
        left.retain(|package| excluded.iter().all(|out| out.id != package.id));
        return rest(left, flags);
    }
    let own = members
        .iter()
        .find(|package| is_same(package.manifest_path.as_std_path(), manifest));
    match (own, default(metadata, manifest), file_use) {
        (Some(package), Some(default), FileUse::Read) if !is_only(&default, package) => {
            Ok((default, ChosenBy::Default))
        }
        (Some(package), ..) => Ok((vec![package], ChosenBy::Named)),
        (None, Some(default), FileUse::Read) if default.len() < members.len() => {
            Ok((default, ChosenBy::Default))
        }
        (None, _, FileUse::Read) => Ok((members, ChosenBy::Virtual)),
        (None, _, FileUse::Write) => {
            match members.iter().find(|package| is_of_workspace(package)) {
                // What the workspace points at is written once for all of its packages.
                Some(package) => Ok((vec![package], ChosenBy::Named)),
                None => Err(virtual_workspace(metadata, "one package gets the file")),
            }
        }
    }
}

/// The packages that are left of the workspace.
fn rest<'a>(
    left: Vec<&'a Package>,
    flags: &Packages,
) -> Result<(Vec<&'a Package>, ChosenBy), Error> {
    match (left.is_empty(), flags.exclude.is_empty()) {
        (true, false) => Err(Error::new(
            Code::Tool,
            "`--exclude` leaves no package of the workspace",
            "exclude fewer packages, or choose one with `-p PACKAGE`",
        )),
        (_, false) => Ok((left, ChosenBy::Rest)),
        (_, true) => Ok((left, ChosenBy::Workspace)),
    }
}

/// The packages that cargo takes at the root of the workspace; `None` elsewhere, and where cargo is older than 1.71.
fn default<'a>(metadata: &'a Metadata, manifest: &Path) -> Option<Vec<&'a Package>> {
    let root = metadata.workspace_root.join("Cargo.toml");
    let is_known = metadata.workspace_default_members.is_available();
    (is_known && is_same(root.as_std_path(), manifest))
        .then(|| metadata.workspace_default_packages())
}

fn is_only(packages: &[&Package], one: &Package) -> bool {
    matches!(packages, [only] if only.id == one.id)
}

/// Why there is nothing to work on: no package of these has a poolcfg.toml.
pub(super) fn without_file(metadata: &Metadata, scope: ChosenBy, at_root: &Path) -> Error {
    let whose = match scope {
        ChosenBy::Named | ChosenBy::Virtual => "no package",
        ChosenBy::Default => "no package of `default-members`",
        ChosenBy::Workspace => "no package in the workspace",
        ChosenBy::Rest => "no package that `--exclude` leaves",
    };
    if at_root.is_file() {
        return Error::new(
            Code::NoFile,
            format!("`{}` belongs to {whose}", shown(at_root)),
            format!("put {SHARED} to share it among all packages, or choose one with `-p PACKAGE`"),
        );
    }
    let message = format!("{whose} has a poolcfg.toml");
    match scope {
        ChosenBy::Named | ChosenBy::Virtual => virtual_workspace(metadata, &message),
        ChosenBy::Default | ChosenBy::Workspace | ChosenBy::Rest => Error::new(
            Code::NoFile,
            message,
            "`cargo poolcfg init -p PACKAGE` writes one; with `-p PACKAGE`, none is needed",
        ),
    }
}

fn virtual_workspace(metadata: &Metadata, and: &str) -> Error {
    let packages = metadata.workspace_packages();
    let names = packages.iter().map(|package| package.name.as_str());
    Error::new(
        Code::Tool,
        format!("this is a virtual workspace, and {and}"),
        format!(
            "select a package with `-p`: {}; or share one file among all packages: put {SHARED}, and run \
             `cargo poolcfg init`",
            names.collect::<Vec<_>>().join(", ")
        ),
    )
}

/// Whether its poolcfg.toml is where the workspace's Cargo.toml points.
fn is_of_workspace(package: &Package) -> bool {
    let location = Location::of(package.manifest_path.as_std_path(), &|_, own| {
        own.to_owned()
    });
    location.is_ok_and(|location| location.workspace.is_some())
}

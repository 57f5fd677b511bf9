//! The choice: which packages of the workspace the flags mean.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{Metadata, Package};
use poolcfg_core::Code;
use poolcfg_core::file::{Location, nearest};

use super::{FileUse, virtual_workspace};
use crate::cli::args::Packages;
use crate::cli::error::{Error, all};

/// The packages that the flags choose, or the one of the Cargo.toml, and whether these are all of the workspace: that of
/// a virtual workspace means all of them, as in cargo.
pub(super) fn choose<'a>(
    metadata: &'a Metadata,
    manifest: &Path,
    flags: &Packages,
    file_use: FileUse,
) -> Result<(Vec<&'a Package>, bool), Error> {
    let members = metadata.workspace_packages();
    let specs = |specs: &[String]| {
        let found = all(specs.iter().map(|spec| matching(&members, spec)))?;
        Ok::<Vec<&Package>, Error>(found.into_iter().flatten().collect())
    };
    if !flags.package.is_empty() {
        let mut chosen = specs(&flags.package)?;
        let mut seen = BTreeSet::new();
        chosen.retain(|package| seen.insert(&package.id));
        return Ok((chosen, false));
    }
    let every = |left_out: &[&Package]| {
        let mut every = members.clone();
        every.retain(|package| left_out.iter().all(|out| out.id != package.id));
        every
    };
    if flags.workspace {
        return Ok((every(&specs(&flags.exclude)?), true));
    }
    let same = |package: &&&Package| match (
        package.manifest_path.as_std_path().canonicalize(),
        manifest.canonicalize(),
    ) {
        (Ok(left), Ok(right)) => left == right,
        _ => package.manifest_path.as_std_path() == manifest,
    };
    match (members.iter().find(same), file_use) {
        (Some(package), _) => Ok((vec![package], false)),
        (None, FileUse::Read) => Ok((every(&[]), true)),
        (None, FileUse::Write) => match members.iter().find(|package| is_of_workspace(package)) {
            // What the workspace points at is written once for all of its packages.
            Some(package) => Ok((vec![package], false)),
            None => Err(virtual_workspace(metadata, "one package gets the file")),
        },
    }
}

/// Whether its poolcfg.toml is where the workspace's Cargo.toml points.
fn is_of_workspace(package: &Package) -> bool {
    let location = Location::of(package.manifest_path.as_std_path(), &|_, own| {
        own.to_owned()
    });
    location.is_ok_and(|location| location.workspace.is_some())
}

/// The packages that a specification means: a name, a name and a version, or a pattern of names, as cargo takes it.
fn matching<'a>(members: &[&'a Package], spec: &str) -> Result<Vec<&'a Package>, Error> {
    let names = || members.iter().map(|package| package.name.as_str());
    let (name, version) = spec.split_once('@').unwrap_or((spec, ""));
    let pattern = spec
        .contains(['*', '?', '['])
        .then(|| glob::Pattern::new(name));
    let pattern = pattern.transpose().map_err(|error| {
        let message = format!("`{spec}` is no pattern: {}", error.msg);
        Error::new(
            Code::Tool,
            message,
            "`*` stands for a part of a name, `?` for a letter",
        )
    })?;
    let is_meant = |package: &&&Package| {
        let own = package.name.as_str();
        let is_named = pattern
            .as_ref()
            .map_or(own == name, |pattern| pattern.matches(own));
        is_named && (version.is_empty() || package.version.to_string() == version)
    };
    let found: Vec<&Package> = members.iter().filter(is_meant).copied().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let list = || format!("expected one of {}", names().collect::<Vec<_>>().join(", "));
    let (message, help) = match (&pattern, nearest(spec, names())) {
        (Some(_), _) => (format!("no package matches `{spec}`"), list()),
        (None, Some(near)) => (
            format!("unknown package `{spec}`"),
            format!("did you mean `{near}`?"),
        ),
        (None, None) => (format!("unknown package `{spec}`"), list()),
    };
    Err(Error::new(Code::Tool, message, help))
}

//! The project: the packages that were chosen, and the poolcfg.toml of each.

pub(crate) mod cargo;
pub(crate) mod difference;
pub(crate) mod edit;
pub(crate) mod pool_tables;
pub(crate) mod wasmtime_tables;
pub(crate) mod workload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};
use poolcfg_core::Code;
use poolcfg_core::file::{ConfigFile, FILE_NAME, locate, nearest, read_text};

use crate::cli::args::{Packages, SharedFlags};
use crate::cli::error::{Error, Source, all};
use crate::cli::invoked_as::InvokedAs;
use crate::cli::path::shown;
use crate::project::cargo::{Depth, metadata, tool};
use crate::project::wasmtime_tables::Used;

/// The crate whose types the generated file uses where a package depends on it.
const RUNTIME: &str = "poolcfg-runtime";

/// One package that the command works on.
#[derive(Debug)]
pub(crate) struct Member {
    /// The directory of its Cargo.toml, or of a poolcfg.toml on a machine without cargo.
    pub(crate) dir: PathBuf,
    /// Whether there is a Cargo.toml.
    pub(crate) has_manifest: bool,
    /// Whether its name must be said, since there are others.
    pub(crate) named: Option<String>,
    /// Whether others were chosen beside it.
    is_one_of_several: bool,
    /// Under which name the package depends on poolcfg-runtime.
    pub(crate) runtime: Option<String>,
    /// The text of its poolcfg.toml.
    pub(crate) source: Option<Source>,
    /// What that says; `None` if there is none.
    pub(crate) file: ConfigFile,
    /// What cargo knows of it; nothing on a machine without cargo.
    pub(crate) package: Option<CargoPackage>,
    /// The Wasmtime that it uses, or those between which poolcfg.toml chooses; none where it was not asked
    /// for, or by nobody who could know.
    pub(crate) wasmtime: Vec<Used>,
}

/// A package as cargo knows it.
#[derive(Clone, Debug)]
pub(crate) struct CargoPackage {
    pub(crate) id: PackageId,
    pub(crate) name: String,
    /// The directory of the workspace, where Cargo.lock is.
    pub(crate) workspace: PathBuf,
}

impl CargoPackage {
    /// Whether any package of the workspace may depend on `wasmtime`: cheaper to tell than which, for who has no other
    /// reason to ask cargo.
    pub(crate) fn has_wasmtime_beside(&self) -> bool {
        let lock = read_text(&self.workspace.join("Cargo.lock")).unwrap_or_default();
        lock.lines().any(|line| line == "name = \"wasmtime\"")
    }
}

/// The packages of the command line, in the order of the workspace.
///
/// # Errors
/// When cargo does not run, the choice names no package or more than can be told apart, or a
/// poolcfg.toml is faulty.
pub(crate) fn members(
    program: InvokedAs,
    shared: &SharedFlags,
    packages: &Packages,
) -> Result<Vec<Member>, Error> {
    let Some(manifest) = manifest(program, shared)? else {
        return Ok(vec![without_manifest(shared)?]);
    };
    let metadata = match metadata(&manifest, shared, &Depth::Members) {
        Ok(metadata) => metadata,
        Err(cargo_metadata::Error::Io(_)) if program == InvokedAs::Alone => {
            // No cargo on this machine: the one package of this Cargo.toml.
            return Ok(vec![member(&manifest, None)?]);
        }
        Err(error) => return Err(tool(&error)),
    };
    let several = metadata.workspace_packages().len() > 1;
    let chosen = choose(&metadata, &manifest, packages)?;
    let members = all(chosen.into_iter().map(|package| {
        let mut member = member(package.manifest_path.as_std_path(), runtime(package))?;
        member.named = several.then(|| package.name.to_string());
        member.package = Some(CargoPackage {
            id: package.id.clone(),
            name: package.name.to_string(),
            workspace: metadata.workspace_root.clone().into_std_path_buf(),
        });
        Ok(member)
    }))?;
    if !packages.workspace {
        return Ok(beside_each_other(members));
    }
    let with_file: Vec<Member> = members
        .into_iter()
        .filter(|member| member.source.is_some())
        .collect();
    if with_file.is_empty() {
        return Err(Error::new(
            Code::NoFile,
            "no package in the workspace has a poolcfg.toml",
            "`cargo poolcfg init -p PACKAGE` writes one; with `-p PACKAGE`, none is needed",
        ));
    }
    Ok(beside_each_other(with_file))
}

fn beside_each_other(mut members: Vec<Member>) -> Vec<Member> {
    let is_one_of_several = members.len() > 1;
    for member in &mut members {
        member.is_one_of_several = is_one_of_several;
    }
    members
}

impl Member {
    /// How a line about it begins: with its name where others were chosen beside it.
    pub(crate) fn heading(&self) -> String {
        match &self.named {
            Some(name) if self.is_one_of_several => format!("package `{name}`: "),
            _ => String::new(),
        }
    }
}

/// The Cargo.toml from which cargo starts: the one that was named, or the nearest one upward.
fn manifest(program: InvokedAs, shared: &SharedFlags) -> Result<Option<PathBuf>, Error> {
    let found = match &shared.manifest_path {
        Some(path) => path.is_file().then(|| path.clone()),
        None => {
            let here = current_dir()?;
            here.ancestors()
                .map(|dir| dir.join("Cargo.toml"))
                .find(|path| path.is_file())
        }
    };
    match (&found, program, &shared.manifest_path) {
        (Some(_), ..) | (None, InvokedAs::Alone, _) => Ok(found),
        (None, InvokedAs::Subcommand, Some(path)) => Err(Error::new(
            Code::Tool,
            format!("there is no `{}`", path.display()),
            "`--manifest-path` takes the path of a Cargo.toml",
        )),
        (None, InvokedAs::Subcommand, None) => Err(Error::new(
            Code::Tool,
            "no Cargo.toml in this directory or any parent directory",
            "run the command in a package, or use `poolcfg`, which needs none",
        )),
    }
}

pub(crate) fn current_dir() -> Result<PathBuf, Error> {
    std::env::current_dir().map_err(|error| {
        let message = format!("cannot determine the current directory: {error}");
        Error::new(Code::Io, message, "change to a directory that exists")
    })
}

/// The packages that the flags choose, or the one of the Cargo.toml.
fn choose<'a>(
    metadata: &'a Metadata,
    manifest: &Path,
    flags: &Packages,
) -> Result<Vec<&'a Package>, Error> {
    let members = metadata.workspace_packages();
    let names = || members.iter().map(|package| package.name.as_str());
    let find = |spec: &String| {
        let found = members.iter().find(|package| {
            let (name, version) = spec.split_once('@').unwrap_or((spec, ""));
            package.name.as_str() == name
                && (version.is_empty() || package.version.to_string() == version)
        });
        found.copied().ok_or_else(|| {
            let help = match nearest(spec, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", names().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("unknown package `{spec}`");
            Error::new(Code::Tool, message, help)
        })
    };
    if !flags.package.is_empty() {
        return all(flags.package.iter().map(find));
    }
    if flags.workspace {
        let left_out = all(flags.exclude.iter().map(find))?;
        return Ok(members
            .iter()
            .filter(|package| left_out.iter().all(|out| out.id != package.id))
            .copied()
            .collect());
    }
    let same = |package: &&&Package| match (
        package.manifest_path.as_std_path().canonicalize(),
        manifest.canonicalize(),
    ) {
        (Ok(left), Ok(right)) => left == right,
        _ => package.manifest_path.as_std_path() == manifest,
    };
    match members.iter().find(same) {
        Some(package) => Ok(vec![package]),
        None => Err(Error::new(
            Code::Tool,
            "this is a virtual workspace",
            format!(
                "select a package with `-p`, or all that have a poolcfg.toml with `--workspace`: {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        )),
    }
}

/// The name under which the code of a package sees poolcfg-runtime.
fn runtime(package: &Package) -> Option<String> {
    let dependency = package.dependencies.iter().find(|dependency| {
        dependency.name == RUNTIME
            && dependency.kind == DependencyKind::Normal
            && !dependency.optional
    })?;
    let name = dependency.rename.as_deref().unwrap_or(RUNTIME);
    Some(name.replace('-', "_"))
}

fn member(manifest: &Path, runtime: Option<String>) -> Result<Member, Error> {
    let dir = directory(manifest);
    let source = match locate(manifest)? {
        Some(location) => Some(read(&location.path)?),
        None => None,
    };
    Ok(Member {
        has_manifest: true,
        named: None,
        is_one_of_several: false,
        runtime,
        file: parse(source.as_ref())?,
        source,
        dir,
        package: None,
        wasmtime: Vec::new(),
    })
}

/// The poolcfg.toml of a directory without a Cargo.toml.
fn without_manifest(shared: &SharedFlags) -> Result<Member, Error> {
    let dir = match &shared.manifest_path {
        Some(path) if path.is_dir() => path.clone(),
        Some(path) => directory(path),
        None => current_dir()?,
    };
    let path = dir.join(FILE_NAME);
    let source = if std::fs::symlink_metadata(&path).is_ok() {
        Some(read(&path)?)
    } else {
        None
    };
    Ok(Member {
        dir,
        has_manifest: false,
        named: None,
        is_one_of_several: false,
        runtime: None,
        file: parse(source.as_ref())?,
        source,
        package: None,
        wasmtime: Vec::new(),
    })
}

fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn read(path: &Path) -> Result<Source, Error> {
    let text = read_text(path).map_err(|error| {
        Error::io(
            "read",
            path,
            &error,
            "check that it is UTF-8 text that you can read",
        )
    })?;
    Ok(Source {
        path: path.to_owned(),
        shown: shown(path),
        text: Arc::from(text),
    })
}

fn parse(source: Option<&Source>) -> Result<ConfigFile, Error> {
    match source {
        None => Ok(ConfigFile::empty()),
        Some(text) => ConfigFile::parse(&text.text).map_err(|list| Error::of(list, source)),
    }
}

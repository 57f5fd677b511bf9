//! The project: the packages that were chosen, and the poolcfg.toml of each.

pub(crate) mod cargo;
mod choice;
pub(crate) mod difference;
pub(crate) mod edit;
pub(crate) mod pool_tables;
pub(crate) mod runtime;
mod spec;
pub(crate) mod wasmtime_tables;
pub(crate) mod workload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cargo_metadata::{Package, PackageId};
use poolcfg_core::Code;
use poolcfg_core::file::{ConfigFile, FILE_NAME, Location, locate, read_text};

use crate::cli::args::{Packages, SharedFlags};
use crate::cli::error::{Error, Source, sound};
use crate::cli::invoked_as::InvokedAs;
use crate::cli::path::{real, shown};
use crate::project::cargo::{Depth, metadata, tool};
use crate::project::choice::{ChosenBy, choose, without_file};
pub(crate) use crate::project::choice::{FileUse, SHARED};
use crate::project::runtime::RuntimeDependency;
use crate::project::wasmtime_tables::Used;

/// The file that the consts of a package go to.
const RUST_FILE: &str = "pool_limits.rs";

/// The module that it is.
pub(crate) const MODULE: &str = "pool_limits";

/// One package that the command works on.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The directory of its Cargo.toml, or of a poolcfg.toml on a machine without cargo.
    pub(crate) dir: PathBuf,
    /// Whether there is a Cargo.toml.
    pub(crate) has_manifest: bool,
    /// Whether its name must be said, since there are others.
    pub(crate) named: Option<String>,
    /// Whether others were chosen beside it.
    is_one_of_several: bool,
    /// Whether another one that was chosen has the same poolcfg.toml.
    pub(crate) shares_file: bool,
    /// Whether its pools are none of its own: it does not depend on Wasmtime, and another one that shares the file does.
    pub(crate) is_passed_over: bool,
    /// Whether the Wasmtime that it uses is not known, or not that of its poolcfg.toml.
    pub(crate) is_refused: bool,
    /// How the package depends on poolcfg-runtime.
    pub(crate) runtime: RuntimeDependency,
    /// The text of its poolcfg.toml.
    pub(crate) source: Option<Source>,
    /// Where that is, or would be.
    pub(crate) place: PathBuf,
    /// The key of a Cargo.toml that points there; `None` if it is beside the package's.
    pub(crate) pointer: Option<&'static str>,
    /// The root of its library, or else of its first program; `None` if it has neither, or cargo was not asked.
    pub(crate) crate_root: Option<PathBuf>,
    /// A poolcfg.toml at the root of the workspace that nothing points to, where the package has none.
    pub(crate) unused: Option<PathBuf>,
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
/// As for [`sound_members`], and when a poolcfg.toml is faulty.
pub(crate) fn members(
    program: InvokedAs,
    shared: &SharedFlags,
    packages: &Packages,
    file_use: FileUse,
) -> Result<Vec<Member>, Error> {
    let (members, faults) = sound_members(program, shared, packages, file_use)?;
    faults.map(|()| members)
}

/// The same without those whose poolcfg.toml is faulty, and every mistake of these; there is one without.
///
/// # Errors
/// When cargo does not run, the choice names no package or more than can be told apart, or every poolcfg.toml is faulty.
pub(crate) fn sound_members(
    program: InvokedAs,
    shared: &SharedFlags,
    packages: &Packages,
    file_use: FileUse,
) -> Result<(Vec<Member>, Result<(), Error>), Error> {
    let Some(manifest) = manifest(program, shared)? else {
        if !packages.package.is_empty() || packages.workspace {
            return Err(Error::usage(
                "`--package`, `--workspace` and `--exclude` choose packages, and no Cargo.toml is here or above",
            ));
        }
        return Ok((vec![without_manifest(shared)?], Ok(())));
    };
    let metadata = match metadata(&manifest, shared, &Depth::Members) {
        Ok(metadata) => metadata,
        Err(cargo_metadata::Error::Io(_)) if program == InvokedAs::Alone => {
            // No cargo on this machine: the one package of this Cargo.toml.
            let member = member(&manifest, RuntimeDependency::default(), file_use)?;
            return Ok((vec![member], Ok(())));
        }
        Err(error) => return Err(tool(&error)),
    };
    let several = metadata.workspace_packages().len() > 1;
    let (chosen, scope) = choose(&metadata, &manifest, packages, file_use)?;
    let at_root = metadata.workspace_root.as_std_path().join(FILE_NAME);
    let count = chosen.len();
    let (members, faults) = sound(chosen.into_iter().map(|package| {
        let manifest = package.manifest_path.as_std_path();
        let mut member = member(manifest, RuntimeDependency::of(package), file_use)?;
        member.named = several.then(|| package.name.to_string());
        member.crate_root = crate_root(package);
        let is_unused = member.source.is_none() && at_root.is_file();
        member.unused = is_unused.then(|| at_root.clone());
        member.package = Some(CargoPackage {
            id: package.id.clone(),
            name: package.name.to_string(),
            workspace: metadata.workspace_root.clone().into_std_path_buf(),
        });
        Ok(member)
    }));
    let faulty = count - members.len();
    let with_file: Vec<Member> = members
        .into_iter()
        .filter(|member| scope == ChosenBy::Named || member.source.is_some())
        .collect();
    match (with_file.is_empty(), faults) {
        (true, Err(faults)) => Err(faults),
        (true, Ok(())) => Err(without_file(&metadata, scope, &at_root)),
        (false, faults) => Ok((beside_each_other(with_file, faulty), faults)),
    }
}

/// Tells them from each other, and from so many that are faulty.
fn beside_each_other(mut members: Vec<Member>, faulty: usize) -> Vec<Member> {
    let is_one_of_several = members.len() + faulty > 1;
    let places: Vec<PathBuf> = members.iter().map(|member| member.place.clone()).collect();
    for member in &mut members {
        member.is_one_of_several = is_one_of_several;
        let same = places.iter().filter(|place| **place == member.place);
        member.shares_file = same.count() > 1;
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

    /// How what is wrong with its pools begins: of a file that several share it is said once.
    pub(crate) fn heading_of_mistake(&self) -> String {
        match self.shares_file {
            true => String::new(),
            false => self.heading(),
        }
    }

    /// Where the file of its constants goes: beside the root of its crate.
    pub(crate) fn rust_file(&self) -> PathBuf {
        let folder = self.crate_root.as_deref().and_then(Path::parent);
        let folder = folder.map_or_else(|| self.dir.join("src"), Path::to_owned);
        folder.join(RUST_FILE)
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
        (Some(_), ..) | (None, InvokedAs::Alone, None) => Ok(found),
        (None, InvokedAs::Alone, Some(path)) if path.is_dir() => Ok(found),
        (None, _, Some(path)) => Err(Error::new(
            Code::Tool,
            match path.is_dir() {
                true => format!("`{}` is a folder", path.display()),
                false => format!("there is no `{}`", path.display()),
            },
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

/// The names of the packages of the workspace; none where cargo does not tell.
pub(crate) fn package_names(program: InvokedAs, shared: &SharedFlags) -> Vec<String> {
    let manifest = manifest(program, shared).ok().flatten();
    let metadata = manifest.and_then(|path| metadata(&path, shared, &Depth::Members).ok());
    let packages = metadata
        .iter()
        .flat_map(|metadata| metadata.workspace_packages());
    packages.map(|package| package.name.to_string()).collect()
}

/// The root of the library, or else of the first program. In src, where most are, any root has the same folder.
fn crate_root(package: &Package) -> Option<PathBuf> {
    let mut roots = package.targets.iter();
    let lib = roots.clone().find(|target| target.is_lib());
    let root = lib.or_else(|| roots.find(|target| target.is_bin()))?;
    Some(root.src_path.clone().into_std_path_buf())
}

fn member(manifest: &Path, runtime: RuntimeDependency, file_use: FileUse) -> Result<Member, Error> {
    let dir = directory(manifest);
    let location = match file_use {
        FileUse::Read => locate(manifest, &|path, _| shown(path))?,
        FileUse::Write => Some(Location::of(manifest, &|path, _| shown(path))?),
    };
    let pointer = location.as_ref().and_then(Location::pointer);
    let place = location.map_or_else(|| dir.join(FILE_NAME), |location| location.path);
    // Packages that share a file, or will, have the same mistakes in the same place.
    let place = real(&place).unwrap_or(place);
    let source = match std::fs::symlink_metadata(&place) {
        Ok(_) => Some(read(&place)?),
        Err(_) => None,
    };
    Ok(Member {
        has_manifest: true,
        named: None,
        is_one_of_several: false,
        shares_file: false,
        is_passed_over: false,
        is_refused: false,
        runtime,
        file: parse(source.as_ref())?,
        source,
        place,
        pointer,
        crate_root: None,
        unused: None,
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
        shares_file: false,
        is_passed_over: false,
        is_refused: false,
        runtime: RuntimeDependency::default(),
        file: parse(source.as_ref())?,
        source,
        place: path,
        pointer: None,
        crate_root: None,
        unused: None,
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
    let text = read_text(path).map_err(|error| Error::unread("", path, &error))?;
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

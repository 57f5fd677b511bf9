//! The standard library's source, to check code for targets that have no prebuilt library here.
//!
//! `rustup component add rust-src` is the ordinary way and is looked for first. A machine that reaches
//! only Debian's packages has the same source in the package `rust-src` of the suite of backports; it is
//! fetched by apt itself, from the mirror and with the keys of the machine's own configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::run::{output, run};

/// Suites of Debian that have carried a `rust-src` of the toolchain's version.
const SUITES: [&str; 2] = ["trixie-backports", "sid"];

/// The folder `library` of the standard library's source, fetched if need be.
pub fn setup() -> Result<PathBuf, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let component = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    if component.join("Cargo.lock").is_file() {
        return Ok(component);
    }
    let version = version()?;
    let folder = cache::folder()?.join(format!("rust-src-{version}"));
    let library = folder.join(format!("usr/src/rustc-{version}/library"));
    if library.join("Cargo.lock").is_file() {
        return Ok(library);
    }
    eprintln!("fetching the standard library's source {version} (45 MB, once)");
    fetch(&folder, &version).map_err(|error| {
        format!(
            "the standard library's source {version} is not here and could not be fetched: {error}; \
             with rustup, `rustup component add rust-src` brings it"
        )
    })?;
    if library.join("Cargo.lock").is_file() {
        Ok(library)
    } else {
        Err(format!("package rust-src has no `{}`", library.display()))
    }
}

/// The version of rustc, such as `1.95.0`.
fn version() -> Result<String, String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("release: "))
        .map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no release".to_owned())
}

/// Has apt fetch the package with lists of its own, so that the machine's stay as they are.
fn fetch(folder: &Path, version: &str) -> Result<(), String> {
    let work = folder.with_extension("part");
    let _ = fs::remove_dir_all(&work);
    for part in ["lists/partial", "cache/archives/partial", "unpacked"] {
        let path = work.join(part);
        fs::create_dir_all(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    }
    let targets = [
        "indextargets",
        "--format",
        "$(SITE)",
        "Identifier: Packages",
    ];
    let sites = output(Command::new("apt-get").args(targets))?;
    let site = sites
        .lines()
        .find(|site| site.trim_end_matches('/').ends_with("/debian"))
        .ok_or("apt is configured with no mirror of Debian")?;
    let sources: String = SUITES
        .iter()
        .map(|suite| format!("deb {site} {suite} main\n"))
        .collect();
    let list = work.join("sources.list");
    fs::write(&list, sources).map_err(|error| format!("`{}`: {error}", list.display()))?;
    let apt = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(&work).args([
            "-qq",
            "-o",
            &format!("Dir::Etc::sourcelist={}", list.display()),
            "-o",
            "Dir::Etc::sourceparts=/dev/null",
            "-o",
            &format!("Dir::State::lists={}", work.join("lists").display()),
            "-o",
            &format!("Dir::Cache={}", work.join("cache").display()),
            // Root may not hand its own folder to the user `_apt`.
            "-o",
            "APT::Sandbox::User=root",
        ]);
        command
    };
    run(apt("apt-get").arg("update"))?;
    let known = output(apt("apt-cache").args(["madison", "rust-src"]))?;
    let package = known
        .lines()
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .find(|known| known.starts_with(&format!("{version}+")))
        .ok_or_else(|| format!("no suite of {SUITES:?} has rust-src {version}"))?;
    run(apt("apt-get").args(["download", &format!("rust-src={package}")]))?;
    let deb = fs::read_dir(&work)
        .map_err(|error| format!("`{}`: {error}", work.display()))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or("apt downloaded no package")?;
    let unpacked = work.join("unpacked");
    run(Command::new("dpkg").arg("-x").arg(&deb).arg(&unpacked))?;
    // Only a whole tree takes the name that is looked for.
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}

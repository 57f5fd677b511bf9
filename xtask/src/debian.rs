//! Packages of Debian, unpacked into the cache and never installed.
//!
//! apt itself fetches them, from the mirror and with the keys of the machine's own configuration, but with
//! lists of its own, so that the machine's stay as they are.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{output, run};

/// What to fetch.
#[derive(Debug)]
pub struct Packages<'a> {
    /// Their names.
    pub names: &'a [&'a str],
    /// The suites to look in.
    pub suites: &'a [&'a str],
    /// How the version has to begin; empty for any.
    pub version: &'a str,
}

/// Fetches `packages` and unpacks them together into `folder`, which is there only when all of them are.
pub fn unpack(packages: &Packages<'_>, folder: &Path) -> Result<(), String> {
    let work = folder.with_added_extension("part");
    let _ = fs::remove_dir_all(&work);
    for part in ["lists/partial", "cache/archives/partial", "unpacked"] {
        create(&work.join(part))?;
    }
    let list = work.join("sources.list");
    fs::write(&list, sources(packages.suites)?)
        .map_err(|error| format!("`{}`: {error}", list.display()))?;
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
    for name in packages.names {
        let known = output(apt("apt-cache").args(["madison", name]))?;
        let version = known
            .lines()
            .filter_map(|line| line.split('|').nth(1).map(str::trim))
            .find(|known| known.starts_with(packages.version))
            .ok_or_else(|| {
                let Packages {
                    suites, version, ..
                } = packages;
                format!("no suite of {suites:?} has {name} {version}")
            })?;
        run(apt("apt-get").args(["download", &format!("{name}={version}")]))?;
    }
    let unpacked = work.join("unpacked");
    let files = fs::read_dir(&work).map_err(|error| format!("`{}`: {error}", work.display()))?;
    for deb in files
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
    {
        run(Command::new("dpkg").arg("-x").arg(&deb).arg(&unpacked))?;
    }
    // Only a whole tree takes the name that is looked for.
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}

/// The lines of a sources.list with `suites` of the mirror that the machine is set up with.
fn sources(suites: &[&str]) -> Result<String, String> {
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
    Ok(suites
        .iter()
        .map(|suite| format!("deb {site} {suite} main\n"))
        .collect())
}

fn create(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

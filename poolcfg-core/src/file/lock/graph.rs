//! The packages in the text of a Cargo.lock, and which of them a package reaches.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::engine::wasmtime::WasmtimeVersion;
use crate::file::lock::manifest::{Dependencies, Necessity};

/// A package in Cargo.lock.
#[derive(Debug, Default)]
struct LockEntry<'t> {
    name: &'t str,
    version: &'t str,
    /// Where it comes from; empty where that is a folder.
    source: &'t str,
    /// Each as `name`, `name version` or `name version (source)`, as much as tells it from others.
    dependencies: Vec<&'t str>,
}

impl LockEntry<'_> {
    /// Whether a dependency means this one.
    fn is_meant(&self, dependency: &str) -> bool {
        // What a dependency says of its source leaves out the commit.
        let is_source = |source: &str| source.split('#').next() == self.source.split('#').next();
        let mut words = dependency.splitn(3, ' ');
        words.next() == Some(self.name)
            && words.next().is_none_or(|version| version == self.version)
            && words.next().is_none_or(|source| {
                is_source(source.trim_start_matches('(').trim_end_matches(')'))
            })
    }
}

/// The packages in the text of a Cargo.lock. cargo writes each in lines of its own; to read all of it as TOML would take
/// longer than the rest of what the attribute does.
fn entries(text: &str) -> Vec<LockEntry<'_>> {
    let mut entries = Vec::new();
    let mut is_package = false;
    for line in text.lines() {
        if line.starts_with('[') {
            is_package = line == "[[package]]";
            if is_package {
                entries.push(LockEntry::default());
            }
        }
        let Some(entry) = entries.last_mut().filter(|_| is_package) else {
            continue;
        };
        let value = |before: &str, after: &str| line.strip_prefix(before)?.strip_suffix(after);
        if let Some(name) = value("name = \"", "\"") {
            entry.name = name;
        } else if let Some(version) = value("version = \"", "\"") {
            entry.version = version;
        } else if let Some(source) = value("source = \"", "\"") {
            entry.source = source;
        } else if let Some(dependency) = value(" \"", "\",") {
            entry.dependencies.push(dependency);
        }
    }
    entries
}

/// The only Wasmtime that every build of a package has by the text of a Cargo.lock. The package is in a folder, in a
/// workspace with this root. `None` if it reaches none or several, or if a feature or the target decides.
pub(super) fn only_wasmtime(
    text: &str,
    name: &str,
    version: &str,
    (folder, root): (&Path, &Path),
) -> Option<WasmtimeVersion> {
    let entries = entries(text);
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        by_name.entry(entry.name).or_default().push(index);
    }
    if !by_name.contains_key(WASMTIME) {
        return None;
    }
    let own = entries.iter().position(|entry| {
        entry.source.is_empty() && (entry.name, entry.version) == (name, version)
    })?;
    let mut graph = LockGraph {
        entries,
        by_name,
        root,
        manifests: HashMap::new(),
    };
    let possible = graph.wasmtimes(own, folder, Necessity::Optional);
    let certain = graph.wasmtimes(own, folder, Necessity::Always);
    match (&possible[..], &certain[..]) {
        ([possible], [only]) if possible == only => graph.entries[*only].version.parse().ok(),
        _ => None,
    }
}

/// The crate that is looked for.
const WASMTIME: &str = "wasmtime";

/// The packages of a workspace, and what their manifests say.
struct LockGraph<'t> {
    entries: Vec<LockEntry<'t>>,
    by_name: HashMap<&'t str, Vec<usize>>,
    root: &'t Path,
    /// Of the packages that are in folders; `None` where they cannot be read.
    manifests: HashMap<PathBuf, Option<Dependencies>>,
}

impl LockGraph<'_> {
    /// The Wasmtimes that a package in a folder reaches by what is needed so much, or more. Of packages in no folder,
    /// Cargo.lock does not say on which targets, and for which features, they have what they depend on.
    fn wasmtimes(&mut self, own: usize, folder: &Path, least: Necessity) -> Vec<usize> {
        let mut reached = HashSet::from([own]);
        let mut open = vec![(own, Some(folder.to_owned()))];
        while let Some((index, folder)) = open.pop() {
            let manifest = folder.and_then(|folder| {
                let manifest = self
                    .manifests
                    .entry(folder)
                    .or_insert_with_key(|folder| Dependencies::read(folder, self.root));
                manifest.as_ref()
            });
            for dependency in &self.entries[index].dependencies {
                let name = dependency.split(' ').next().unwrap_or_default();
                let need = manifest.map_or(Necessity::Optional, |manifest| manifest.need(name));
                if need < least {
                    continue;
                }
                let of_name = self.by_name.get(name).into_iter().flatten().copied();
                let meant = of_name.filter(|other| self.entries[*other].is_meant(dependency));
                let new = meant.filter(|other| reached.insert(*other));
                let folder = manifest.and_then(|manifest| manifest.folder(name));
                open.extend(new.map(|other| (other, folder.map(Path::to_owned))));
            }
        }
        let mut found: Vec<_> = reached.into_iter().collect();
        found.retain(|index| self.entries[*index].name == WASMTIME);
        found
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Packages, each as `name version`, with what they depend on.
    pub(in crate::file::lock) fn lock(packages: &[(&str, &[&str])]) -> String {
        let each = packages.iter().map(|(package, dependencies)| {
            let (name, version) = package.split_once(' ').unwrap();
            let list = dependencies.iter().map(|one| format!(" \"{one}\",\n"));
            let list: String = list.collect();
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\ndependencies = [\n{list}]\n\n"
            )
        });
        format!("version = 4\n\n{}", each.collect::<String>())
    }

    /// Every package but Wasmtime is in a folder, and its manifest has all that Cargo.lock has.
    fn of(text: &str, name: &str, version: &str) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        let entries = entries(text);
        for entry in &entries {
            let own = entries.iter().filter(|other| other.name == entry.name);
            let dependencies = own.flat_map(|other| &other.dependencies);
            let names = dependencies.filter_map(|dependency| dependency.split(' ').next());
            let names: HashSet<&str> = names.collect();
            let each = names
                .iter()
                .map(|name| format!("{name} = {{ path = \"../{name}\" }}\n"));
            let folder = root.path().join(entry.name);
            std::fs::create_dir_all(&folder).unwrap();
            let text = format!("[dependencies]\n{}", each.collect::<String>());
            std::fs::write(folder.join("Cargo.toml"), text).unwrap();
        }
        let own = root.path().join(name);
        only_wasmtime(text, name, version, (&own, root.path())).map(|it| it.to_string())
    }

    fn found(text: &str) -> Option<String> {
        of(text, "x", "0.1.0")
    }

    #[test]
    fn only_one_wasmtime_counts() {
        let with = |wasmtimes: &[&str]| {
            let list: Vec<_> = wasmtimes.iter().map(|one| (*one, &[][..])).collect();
            found(&lock(&[&[("x 0.1.0", wasmtimes)], &list[..]].concat()))
        };
        let one = ["anyhow 1.0.0", "wasmtime 48.0.2", "wasmtime-environ 47.0.0"];
        assert_eq!(with(&one).as_deref(), Some("48.0.2"));
        for other in [
            &["anyhow 1.0.0"][..],
            &["wasmtime 48.0.2", "wasmtime 45.0.2"],
            &["wasmtime 49.0.0-dev"],
            &["wasmtime 5.0.0"],
        ] {
            assert_eq!(with(other), None, "{other:?}");
        }
        assert_eq!(found("[[package]]\nname = \"wasmtime\""), None);
        assert_eq!(found("name = \"wasmtime\""), None);
    }

    /// However deep, and whichever way a dependency is written.
    #[test]
    fn only_a_wasmtime_that_is_reached_counts() {
        let text = lock(&[
            ("x 0.1.0", &["a 1.0.0", "x 0.2.0"]),
            ("x 0.2.0", &[]),
            ("a 1.0.0", &["x", "wasmtime 48.0.2"]),
            ("a 2.0.0", &["wasmtime 45.0.2"]),
            ("y 0.1.0", &["a 2.0.0"]),
            ("none 0.1.0", &["x 0.2.0"]),
            ("both 0.1.0", &["a 1.0.0", "a 2.0.0"]),
            ("wasmtime 45.0.2", &[]),
            ("wasmtime 48.0.2", &[]),
        ]);
        let reached = |name: &str| of(&text, name, "0.1.0");
        assert_eq!(reached("x").as_deref(), Some("48.0.2"));
        assert_eq!(reached("y").as_deref(), Some("45.0.2"));
        for name in ["none", "both", "unknown", "a"] {
            assert_eq!(reached(name), None, "{name}");
        }
        assert_eq!(of(&text, "x", "0.2.0"), None);
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(found(&crlf).as_deref(), Some("48.0.2"));
        // A patch that nobody uses is no package.
        let unused = "[[patch.unused]]\nname = \"wasmtime\"\nversion = \"44.0.0\"\n";
        assert_eq!(found(&(text + unused)).as_deref(), Some("48.0.2"));
    }

    /// Two packages of one name and version, told apart by where they come from.
    #[test]
    fn a_dependency_says_its_source_where_it_must() {
        let package = |source: &str, wasmtime: &str| {
            format!(
                "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n\
                 dependencies = [\n \"wasmtime {wasmtime}\",\n]\n\n"
            )
        };
        let text = lock(&[
            ("x 0.1.0", &["a 1.0.0 (git+https://a.example/a?branch=b)"]),
            ("wasmtime 45.0.2", &[]),
            ("wasmtime 48.0.2", &[]),
        ]) + &package("registry+https://a.example/index", "45.0.2")
            + &package("git+https://a.example/a?branch=b#0123abcd", "48.0.2");
        assert_eq!(found(&text).as_deref(), Some("48.0.2"));
    }

    /// A Wasmtime of tests or of a procedural macro is passed over, and one that a feature switches on, or that a target or
    /// a package of others may have, is left to `check`.
    #[test]
    fn what_a_build_may_not_have_is_not_judged() {
        let folder = tempfile::tempdir().unwrap();
        let write = |of: &str, text: &str| {
            let folder = folder.path().join(of);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("Cargo.toml"), text).unwrap();
        };
        write(
            "",
            "[workspace]\n[workspace.dependencies]\na = { path = \"in/a\" }\nold = { package = \"wasmtime\", version = \"45\" }\n",
        );
        let judged = |dependencies: &[&str], of_x: &str, of_a: &str| {
            write("x", &format!("[package]\nname = \"x\"\n{of_x}"));
            write("in/a", &format!("[package]\nname = \"a\"\n{of_a}"));
            let text = lock(&[
                ("x 0.1.0", dependencies),
                ("a 1.0.0", &["wasmtime 48.0.2"]),
                ("wasmtime 45.0.2", &[]),
                ("wasmtime 48.0.2", &[]),
            ]);
            let own = folder.path().join("x");
            only_wasmtime(&text, "x", "0.1.0", (&own, folder.path())).map(|it| it.major)
        };
        let always = "[dependencies]\nwasmtime = \"48\"\n";
        let renamed = "[build-dependencies]\nw = { package = \"wasmtime\", version = \"48\" }\n";
        let dev = "[dev-dependencies]\nwasmtime = \"48\"\n";
        let optional = "[dependencies]\nwasmtime = { version = \"48\", optional = true }\n";
        let of_target = "[target.'cfg(windows)'.dependencies]\nwasmtime = \"48\"\n";
        let w48 = ["wasmtime 48.0.2"];
        for (manifest, expected) in [
            (always.to_owned(), Some(48)),
            (renamed.to_owned(), Some(48)),
            (dev.to_owned(), None),
            (optional.to_owned(), None),
            (of_target.to_owned(), None),
            (format!("{of_target}{always}"), Some(48)),
            // Needed at one place is needed.
            (format!("{dev}{renamed}"), Some(48)),
            (format!("{optional}{renamed}"), Some(48)),
        ] {
            assert_eq!(judged(&w48, &manifest, ""), expected, "{manifest}");
        }
        // Through another package of the workspace, whose tests and features have nothing to do with it.
        let by_path = "[dependencies]\na.path = \"../in/a\"\n";
        let by_workspace = "[dependencies]\na.workspace = true\n";
        for of_x in [by_path, by_workspace] {
            assert_eq!(judged(&["a"], of_x, always), Some(48), "{of_x}");
            assert_eq!(judged(&["a"], of_x, dev), None, "{of_x}");
            assert_eq!(judged(&["a"], of_x, optional), None, "{of_x}");
        }
        // A package of others may have it on some targets only, and a procedural macro has it in the compiler.
        assert_eq!(judged(&["a"], "[dependencies]\na = \"1\"\n", ""), None);
        for lib in ["proc-macro = true", "crate-type = [\"proc-macro\"]"] {
            let of_a = format!("{always}[lib]\n{lib}\n");
            assert_eq!(judged(&["a"], by_path, &of_a), None, "{lib}");
            let of_x = format!("{by_path}wasmtime = \"45\"\n");
            let both = ["a", "wasmtime 45.0.2"];
            assert_eq!(judged(&both, &of_x, &of_a), Some(45), "{lib}");
        }
        // Its own is judged where only its tests have another, and not where a feature may add one.
        let both = ["wasmtime 45.0.2", "a"];
        let of_x = format!("{by_path}[target.x.dev-dependencies]\nold.workspace = true\n");
        assert_eq!(judged(&both, &of_x, dev), None);
        let of_x = format!("{by_path}old.workspace = true\n");
        assert_eq!(judged(&both, &of_x, dev), Some(45));
        let of_x = format!("{by_path}old = {{ workspace = true, optional = true }}\n");
        assert_eq!(judged(&both, &of_x, always), None);
        let of_x = format!("{by_path}[dev-dependencies]\nold.workspace = true\n");
        assert_eq!(judged(&both, &of_x, always), Some(48));
    }
}

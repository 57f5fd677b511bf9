//! The packages in the text of a Cargo.lock, and which of them a package reaches.

use std::collections::{HashMap, HashSet};

use crate::engine::wasmtime::WasmtimeVersion;

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

/// The only Wasmtime that a package reaches by the text of a Cargo.lock.
pub(super) fn only_wasmtime(text: &str, name: &str, version: &str) -> Option<WasmtimeVersion> {
    let entries = entries(text);
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        by_name.entry(entry.name).or_default().push(index);
    }
    let own = entries.iter().position(|entry| {
        entry.source.is_empty() && (entry.name, entry.version) == (name, version)
    })?;
    let mut reached = HashSet::from([own]);
    let mut open = vec![own];
    while let Some(index) = open.pop() {
        for dependency in &entries[index].dependencies {
            let name = dependency.split(' ').next().unwrap_or_default();
            let of_name = by_name.get(name).into_iter().flatten().copied();
            let meant = of_name.filter(|other| entries[*other].is_meant(dependency));
            open.extend(meant.filter(|other| reached.insert(*other)));
        }
    }
    let mut wasmtimes = reached
        .iter()
        .map(|index| &entries[*index])
        .filter(|entry| entry.name == "wasmtime");
    match (wasmtimes.next(), wasmtimes.next()) {
        (Some(only), None) => only.version.parse().ok(),
        _ => None,
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

    fn found(text: &str) -> Option<String> {
        only_wasmtime(text, "x", "0.1.0").map(|it| it.to_string())
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
        let of = |name: &str| only_wasmtime(&text, name, "0.1.0").map(|it| it.to_string());
        assert_eq!(of("x").as_deref(), Some("48.0.2"));
        assert_eq!(of("y").as_deref(), Some("45.0.2"));
        for name in ["none", "both", "unknown", "a"] {
            assert_eq!(of(name), None, "{name}");
        }
        assert_eq!(only_wasmtime(&text, "x", "0.2.0"), None);
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
}

//! The resolve graph of cargo: which Wasmtime a package uses.
//!
//! Cargo resolves for a whole workspace: a feature that any member or a dev-dependency asks for counts as
//! enabled, whether or not a build of this package alone would enable it. Where that adds `async`, there
//! is a stack pool more, so what is reckoned with maps at least what the program does.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId, TargetKind};
use poolcfg_core::{WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion};

/// The crate that is looked for.
const WASMTIME: &str = "wasmtime";

/// One Wasmtime of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The version, in full.
    pub(crate) version: WasmtimeVersion,
    /// Those of its features that decide what is mapped.
    pub(crate) features: WasmtimeFeatures,
    /// The packages that depend on it.
    pub(crate) used_by: BTreeSet<String>,
}

/// Every Wasmtime that a package depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wasmtimes {
    /// The one that the package uses; more only where none is nearer than the others.
    pub(crate) nearest: Vec<Resolved>,
    /// Those that are further away, by version.
    pub(crate) further: Vec<Resolved>,
}

impl Wasmtimes {
    /// Those of one package: its own dependency, under whatever name, or else the nearest that it links
    /// through others, or else what only its tests and build scripts use. `None` if there is none.
    pub(crate) fn of(metadata: &Metadata, package: &PackageId) -> Option<Self> {
        let graph = ResolveGraph::new(metadata)?;
        let every = graph.levels(package, |_| true);
        let linked = graph.levels(package, |kind| kind == DependencyKind::Normal);
        let first = |levels: &[Vec<&PackageId>]| {
            let found = levels.iter().map(|level| graph.wasmtimes(level));
            found.into_iter().find(|found| !found.is_empty())
        };
        let nearest = first(&linked).or_else(|| first(&every))?;
        let mut further = graph.wasmtimes(&every.concat());
        further.retain(|version, _| !nearest.contains_key(version));
        Some(Self {
            nearest: nearest.into_values().collect(),
            further: further.into_values().collect(),
        })
    }
}

/// The nodes by id.
struct ResolveGraph<'m> {
    nodes: BTreeMap<&'m PackageId, (&'m Package, &'m Node)>,
}

impl<'m> ResolveGraph<'m> {
    fn new(metadata: &'m Metadata) -> Option<Self> {
        let packages: BTreeMap<_, _> = metadata
            .packages
            .iter()
            .map(|package| (&package.id, package))
            .collect();
        let nodes = metadata.resolve.as_ref()?.nodes.iter();
        let nodes = nodes.filter_map(|node| Some((&node.id, (*packages.get(&node.id)?, node))));
        Some(Self {
            nodes: nodes.collect(),
        })
    }

    /// The package, what it depends on by such dependencies, what those depend on, and so on, each where
    /// it is met first. What a procedural macro uses runs in the compiler and is not followed.
    fn levels(
        &self,
        package: &'m PackageId,
        follows: impl Fn(DependencyKind) -> bool,
    ) -> Vec<Vec<&'m PackageId>> {
        let mut met = BTreeSet::from([package]);
        let mut levels = vec![vec![package]];
        while let Some(last) = levels.last() {
            let mut next = Vec::new();
            for (package, node) in last.iter().filter_map(|id| self.nodes.get(id)) {
                if is_macro(package) {
                    continue;
                }
                for dependency in &node.deps {
                    let mut kinds = dependency.dep_kinds.iter();
                    if kinds.any(|info| follows(info.kind)) && met.insert(&dependency.pkg) {
                        next.push(&dependency.pkg);
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            levels.push(next);
        }
        levels
    }

    /// The Wasmtimes among packages, by version. Two sources of one version are taken together.
    fn wasmtimes(&self, ids: &[&PackageId]) -> BTreeMap<WasmtimeVersion, Resolved> {
        let mut found: BTreeMap<WasmtimeVersion, Resolved> = BTreeMap::new();
        for id in ids {
            let Some((package, node)) = self.nodes.get(id) else {
                continue;
            };
            if package.name.as_str() != WASMTIME {
                continue;
            }
            let version = exact(package);
            let resolved = found.entry(version).or_insert_with(|| Resolved {
                version,
                features: WasmtimeFeatures::EMPTY,
                used_by: BTreeSet::new(),
            });
            for feature in &node.features {
                if let Some(feature) = WasmtimeFeature::from_word(feature) {
                    resolved.features = resolved.features.with(feature);
                }
            }
            resolved.used_by.extend(self.used_by(id));
        }
        found
    }

    fn used_by(&self, id: &PackageId) -> impl Iterator<Item = String> {
        self.nodes
            .values()
            .filter(move |(_, node)| node.deps.iter().any(|dependency| dependency.pkg == *id))
            .map(|(package, _)| package.name.to_string())
    }
}

/// The version without what stands behind a `-`: `49.0.0-dev` is what becomes 49.0.0.
fn exact(package: &Package) -> WasmtimeVersion {
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    WasmtimeVersion {
        major: number(package.version.major),
        minor: Some(number(package.version.minor)),
        patch: Some(number(package.version.patch)),
    }
}

fn is_macro(package: &Package) -> bool {
    let mut targets = package.targets.iter();
    targets.any(|target| target.is_kind(TargetKind::ProcMacro))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What cargo says of packages `name@version`, each with the features it is built with and with what
    /// it depends on: `name@version`, and behind a `:` the kind where it is not normal.
    fn metadata(packages: &[(&str, &[&str], &[&str])]) -> Metadata {
        let id = |spec: &str| format!("path+file:///x#{spec}");
        let mut list: Vec<Value> = Vec::new();
        let mut nodes: Vec<Value> = Vec::new();
        for (spec, features, dependencies) in packages {
            let (name, version) = spec.split_once('@').unwrap();
            let kind = match name.ends_with("-macros") {
                true => "proc-macro",
                false => "lib",
            };
            list.push(json!({
                "name": name, "version": version, "id": id(spec), "dependencies": [], "features": {},
                "targets": [{"name": name, "kind": [kind], "crate_types": [kind], "src_path": "/x.rs"}],
                "manifest_path": "/x/Cargo.toml",
            }));
            let deps = dependencies.iter().map(|dependency| {
                let (spec, kind) = match dependency.split_once(':') {
                    Some((spec, kind)) => (spec, json!(kind)),
                    None => (*dependency, Value::Null),
                };
                json!({"name": "renamed", "pkg": id(spec), "dep_kinds": [{"kind": kind}]})
            });
            nodes.push(json!({
                "id": id(spec), "features": features, "dependencies": [],
                "deps": deps.collect::<Vec<_>>(),
            }));
        }
        serde_json::from_value(json!({
            "packages": list, "resolve": {"nodes": nodes}, "workspace_members": [], "version": 1,
            "workspace_root": "/x", "target_directory": "/x/target",
        }))
        .unwrap()
    }

    /// The versions that the first package takes, and those that it leaves.
    fn versions(packages: &[(&str, &[&str], &[&str])]) -> Option<[Vec<String>; 2]> {
        let metadata = metadata(packages);
        let of = |list: &[Resolved]| list.iter().map(|one| one.version.to_string()).collect();
        let found = Wasmtimes::of(&metadata, &metadata.packages[0].id)?;
        Some([of(&found.nearest), of(&found.further)])
    }

    fn are<const N: usize, const M: usize>(
        nearest: [&str; N],
        further: [&str; M],
    ) -> Option<[Vec<String>; 2]> {
        Some([
            nearest.map(str::to_owned).to_vec(),
            further.map(str::to_owned).to_vec(),
        ])
    }

    const W43: (&str, &[&str], &[&str]) = ("wasmtime@43.0.1", &["async"], &[]);
    const W48: (&str, &[&str], &[&str]) = ("wasmtime@48.0.2", &["gc"], &[]);

    #[test]
    fn its_own_dependency_is_taken() {
        let found = versions(&[
            ("p@1.0.0", &[], &["host@1.0.0", "wasmtime@48.0.2"]),
            ("host@1.0.0", &[], &["wasmtime@43.0.1"]),
            W43,
            W48,
        ]);
        assert_eq!(found, are(["48.0.2"], ["43.0.1"]));
    }

    #[test]
    fn the_nearest_is_taken_else() {
        let found = versions(&[
            ("p@1.0.0", &[], &["a@1.0.0", "far@1.0.0"]),
            ("far@1.0.0", &[], &["host@1.0.0"]),
            ("host@1.0.0", &[], &["wasmtime@43.0.1"]),
            ("a@1.0.0", &[], &["wasmtime@48.0.2"]),
            W43,
            W48,
        ]);
        assert_eq!(found, are(["48.0.2"], ["43.0.1"]));
    }

    #[test]
    fn what_only_tests_and_build_scripts_use_comes_last() {
        let far = ("host@1.0.0", &[][..], &["wasmtime@48.0.2"][..]);
        for kind in ["dev", "build"] {
            let own = format!("wasmtime@43.0.1:{kind}");
            let found = versions(&[("p@1.0.0", &[], &["host@1.0.0", &own]), far, W43, W48]);
            assert_eq!(found, are(["48.0.2"], ["43.0.1"]), "{kind}");
            let alone = versions(&[("p@1.0.0", &[], &[&own]), W43]);
            assert_eq!(alone, are(["43.0.1"], []), "{kind}");
        }
        let of_a_macro = versions(&[
            ("p@1.0.0", &[], &["p-macros@1.0.0"]),
            ("p-macros@1.0.0", &[], &["wasmtime@43.0.1"]),
            W43,
        ]);
        assert_eq!(of_a_macro, None);
    }

    #[test]
    fn two_that_are_equally_near_are_both_told() {
        let found = versions(&[
            ("p@1.0.0", &[], &["wasmtime@48.0.2", "wasmtime@43.0.1"]),
            W48,
            W43,
        ]);
        assert_eq!(found, are(["43.0.1", "48.0.2"], []));
    }

    #[test]
    fn there_may_be_none_and_the_package_may_be_it() {
        assert_eq!(versions(&[("p@1.0.0", &[], &[]), W48]), None);
        assert_eq!(versions(&[W48]), are(["48.0.2"], []));
    }

    #[test]
    fn its_features_and_who_uses_it_are_told() {
        let w48: (&str, &[&str], &[&str]) = ("wasmtime@48.0.2", &["default", "gc", "wat"], &[]);
        let metadata = metadata(&[("p@1.0.0", &[], &["wasmtime@48.0.2"]), w48]);
        let found = Wasmtimes::of(&metadata, &metadata.packages[0].id).unwrap();
        assert_eq!(
            found.nearest[0].features,
            WasmtimeFeatures::EMPTY.with(WasmtimeFeature::Gc)
        );
        assert_eq!(found.nearest[0].used_by, BTreeSet::from(["p".to_owned()]));
    }
}

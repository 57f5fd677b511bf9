//! poolcfg-runtime, as a package depends on it: on every target, or on some.

use cargo_metadata::{DependencyKind, Package};
use poolcfg_core::file::{Condition, TargetFacts};

/// The crate whose types the generated file uses where a package depends on it.
const NAME: &str = "poolcfg-runtime";

/// What a package says of its dependency on poolcfg-runtime.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuntimeDependency(Vec<RuntimeEntry>);

#[derive(Clone, Debug)]
struct RuntimeEntry {
    /// The name under which code sees it.
    name: String,
    /// A triple, or `cfg(…)`; `None` for every target.
    platform: Option<String>,
}

impl RuntimeDependency {
    /// What is not optional, and not for tests or build scripts alone.
    pub(crate) fn of(package: &Package) -> Self {
        let entries = package.dependencies.iter().filter(|dependency| {
            dependency.name == NAME
                && dependency.kind == DependencyKind::Normal
                && !dependency.optional
        });
        let entries = entries.map(|dependency| RuntimeEntry {
            name: dependency
                .rename
                .as_deref()
                .unwrap_or(NAME)
                .replace('-', "_"),
            platform: dependency.target.as_ref().map(ToString::to_string),
        });
        Self(entries.collect())
    }

    /// The name under which the code of all of these targets sees it; `None` if one of them does not.
    pub(crate) fn name_on<'f>(
        &self,
        targets: impl IntoIterator<Item = &'f TargetFacts>,
    ) -> Option<&str> {
        let name_on = |facts: &TargetFacts| {
            let mut entries = self.0.iter();
            let applies = |platform: &str| {
                Condition::of(platform).is_some_and(|condition| condition.applies(facts))
            };
            let found = entries.find(|entry| entry.platform.as_deref().is_none_or(applies));
            found.map(|entry| entry.name.as_str())
        };
        let mut names = targets.into_iter().map(name_on);
        let first = names.next()??;
        names.all(|name| name == Some(first)).then_some(first)
    }
}

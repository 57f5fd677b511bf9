//! Conditions: to which targets a table applies, and how late. A later table wins.

use std::sync::LazyLock;

use crate::file::TargetFacts;

/// When the tables of a layer apply.
#[derive(Clone, Debug)]
pub enum Condition {
    /// To every target: the base tables.
    Always,
    /// Where a cfg expression holds: `[target.'cfg(…)']`.
    Cfg(cfg_expr::Expression),
    /// To one triple: `[target.TRIPLE]`.
    Triple(TargetFacts),
}

/// Every target that rustc has by itself.
static KNOWN: LazyLock<Vec<TargetFacts>> = LazyLock::new(|| {
    TargetFacts::builtin_triples()
        .filter_map(TargetFacts::builtin)
        .collect()
});

impl Condition {
    /// The condition that the key of a table under `[target]` is, a triple or `cfg(…)`; `None` if it is neither.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        let key = key.trim();
        match Self::is_cfg(key) {
            true => cfg_expr::Expression::parse(key).ok().map(Self::Cfg),
            false => TargetFacts::builtin(key).map(Self::Triple),
        }
    }

    /// Whether the key of a table under `[target]` is a cfg expression, and not a triple.
    pub(super) fn is_cfg(key: &str) -> bool {
        key.trim_start().starts_with("cfg(")
    }

    /// Whether the tables apply to a target. A triple's also do to a target that no cfg tells apart
    /// from it, since the compiler sees no more than that.
    #[must_use]
    pub fn applies(&self, facts: &TargetFacts) -> bool {
        match self {
            Self::Always => true,
            Self::Cfg(expression) => facts.matches(expression),
            Self::Triple(triple) => triple.looks_like(facts),
        }
    }

    /// Sorts what stands under conditions into the order in which it is laid over each other: the base, what is under
    /// cfg expressions in the order of the file, and what is under triples.
    pub(super) fn sort<T>(list: &mut [T], condition: impl Fn(&T) -> &Self) {
        list.sort_by_key(|one| match condition(one) {
            Self::Always => 0,
            Self::Cfg(_) => 1,
            Self::Triple(_) => 2,
        });
    }

    /// Which of the targets that rustc has by itself it applies to.
    pub(super) fn known_targets(&self) -> Vec<bool> {
        known_targets()
            .iter()
            .map(|facts| self.applies(facts))
            .collect()
    }
}

/// Every target that rustc has by itself.
pub fn known_targets() -> &'static [TargetFacts] {
    &KNOWN
}

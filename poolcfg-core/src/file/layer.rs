//! Layers: the tables that apply together, and when they do.

use crate::file::TargetFacts;
use crate::setting::{AddressSpaceKeys, PoolKeys, Setting};

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

/// The tables under one condition.
#[derive(Clone, Debug)]
pub struct Layer {
    /// When they apply.
    pub condition: Condition,
    /// `[pooling_allocator]`, for every pool.
    pub pooling_allocator: PoolKeys,
    /// `[pool.NAME]`: the index of the pool in [`pool_names`](crate::file::ConfigFile::pool_names),
    /// and its keys.
    pub pools: Vec<(usize, PoolKeys)>,
    /// `[address_space]`.
    pub space: SpaceLayer,
}

/// The keys of one `[address_space]`, with the name of the profile held by itself.
#[derive(Clone, Debug)]
pub struct SpaceLayer {
    pub(super) va_profile: Option<Setting<String>>,
    /// The other keys; nothing is said of the profile here.
    pub(super) rest: AddressSpaceKeys<'static>,
}

impl SpaceLayer {
    /// Nothing said.
    pub(super) const EMPTY: Self = Self {
        va_profile: None,
        rest: AddressSpaceKeys::EMPTY,
    };

    /// All keys.
    #[must_use]
    pub fn keys(&self) -> AddressSpaceKeys<'_> {
        AddressSpaceKeys {
            va_profile: self.va_profile.as_ref().map(|setting| Setting {
                value: setting.value.as_str(),
                place: setting.place,
            }),
            ..self.rest
        }
    }
}

impl Layer {
    pub(super) fn new(condition: Condition) -> Self {
        Self {
            condition,
            pooling_allocator: PoolKeys::EMPTY,
            pools: Vec::new(),
            space: SpaceLayer::EMPTY,
        }
    }

    /// Whether the tables apply to a target. A triple's also do to a target that no cfg tells apart
    /// from it, since the compiler sees no more than that.
    #[must_use]
    pub fn applies(&self, facts: &TargetFacts) -> bool {
        match &self.condition {
            Condition::Always => true,
            Condition::Cfg(expression) => facts.matches(expression),
            Condition::Triple(triple) => triple.looks_like(facts),
        }
    }
}

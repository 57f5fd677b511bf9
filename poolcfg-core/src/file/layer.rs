//! Layers: the tables that apply together.

use crate::file::condition::Condition;
use crate::setting::{AddressSpaceKeys, PoolKeys, Setting};

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

    /// The tables of pools in the order in which they are laid over each other: what is said of all pools, and what is
    /// said of one, with its index.
    pub fn pool_tables(&self) -> impl Iterator<Item = (Option<usize>, &PoolKeys)> {
        let of_one = self.pools.iter().map(|(index, keys)| (Some(*index), keys));
        std::iter::once((None, &self.pooling_allocator)).chain(of_one)
    }
}

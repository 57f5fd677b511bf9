//! Settings: all that one build says, layer over layer.

use crate::engine::wasmtime::InstanceDefaults;
use crate::model::fit::MAX_POOLS;
use crate::setting::{AddressSpaceKeys, MAX_PROFILES, PoolKeys, Setting};
use crate::target::profile::OwnProfile;

/// All that one build says: the pools by name, and the address space.
///
/// ```
/// use poolcfg_core::{PoolKeys, Setting, Settings};
/// const SAID: Settings = Settings::new(&["plugins"], &[]).pooling_allocator(PoolKeys {
///     max_instances: Some(Setting::at(64, 2, 17)),
///     ..PoolKeys::EMPTY
/// });
/// assert_eq!(SAID.pools()[0].max_instances.unwrap().value, 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a> {
    pub(crate) names: [&'a str; MAX_POOLS],
    pub(crate) keys: [PoolKeys; MAX_POOLS],
    pub(crate) count: usize,
    pub(crate) space: AddressSpaceKeys<'a>,
    pub(crate) profiles: [Option<OwnProfile<'a>>; MAX_PROFILES],
    pub(crate) instance: Option<InstanceDefaults>,
}

impl<'a> Settings<'a> {
    /// Nothing said yet of the pools of these names; without a name there is one pool, which has none.
    /// Names beyond [`MAX_POOLS`] and profiles beyond [`MAX_PROFILES`] are left out: the reader of the
    /// file refuses them.
    #[must_use]
    pub const fn new(names: &[&'a str], profiles: &[OwnProfile<'a>]) -> Self {
        let mut settings = Self {
            names: [""; MAX_POOLS],
            keys: [PoolKeys::EMPTY; MAX_POOLS],
            count: 1,
            space: AddressSpaceKeys::EMPTY,
            profiles: [None; MAX_PROFILES],
            instance: None,
        };
        let mut i = 0;
        while i < profiles.len() && i < MAX_PROFILES {
            settings.profiles[i] = Some(profiles[i]);
            i += 1;
        }
        let mut i = 0;
        while i < names.len() && i < MAX_POOLS {
            settings.names[i] = names[i];
            i += 1;
            settings.count = i;
        }
        settings
    }

    /// A later `[pooling_allocator]`: said of every pool.
    #[must_use]
    pub const fn pooling_allocator(mut self, keys: PoolKeys) -> Self {
        let mut i = 0;
        while i < self.count {
            self.keys[i] = self.keys[i].then(keys);
            i += 1;
        }
        self
    }

    /// A later `[pool.NAME]`, of the pool with this index.
    #[must_use]
    pub const fn pool(mut self, index: usize, keys: PoolKeys) -> Self {
        self.keys[index] = self.keys[index].then(keys);
        self
    }

    /// A later `[address_space]`.
    #[must_use]
    pub const fn address_space(mut self, keys: AddressSpaceKeys<'a>) -> Self {
        self.space = self.space.then(keys);
        self
    }

    /// `POOLCFG_VA_PROFILE`, or `--va-profile`: later than every table. Nothing and the empty text
    /// say nothing.
    #[must_use]
    pub const fn va_profile(mut self, name: Option<&'a str>) -> Self {
        if let Some(name) = name {
            if !name.is_empty() {
                self.space.va_profile = Some(Setting::given(name));
            }
        }
        self
    }

    /// What is said of the address space so far.
    #[must_use]
    pub const fn space(&self) -> AddressSpaceKeys<'a> {
        self.space
    }

    /// What an instance of Wasmtime has where no table says: what the program that runs it takes by default.
    #[must_use]
    pub const fn instance_defaults(mut self, instance: InstanceDefaults) -> Self {
        self.instance = Some(instance);
        self
    }

    /// The keys of each pool, as said so far.
    #[must_use]
    pub const fn pools(&self) -> &[PoolKeys] {
        self.keys.split_at(self.count).0
    }

    /// The name of each pool; one empty name when the file names none.
    #[must_use]
    pub const fn names(&self) -> &[&'a str] {
        self.names.split_at(self.count).0
    }
}

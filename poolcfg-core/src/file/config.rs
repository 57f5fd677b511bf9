//! What one poolcfg.toml says, and its settings for a target.

use std::ops::Range;

use super::condition::Condition;
use super::facts::TargetFacts;
use super::layer::Layer;
use crate::setting::{FilePlace, Settings};
use crate::target::profile::OwnProfile;

/// One poolcfg.toml, read and checked as far as it can be without a target.
///
/// ```
/// use poolcfg_core::file::{ConfigFile, TargetFacts};
/// let file = ConfigFile::parse("[pooling_allocator]\nmax_instances = 64\n").unwrap();
/// let board = TargetFacts::builtin("riscv64gc-unknown-linux-gnu").unwrap();
/// assert_eq!(file.settings(&board).pools()[0].max_instances.unwrap().value, 64);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    pub(super) names: Vec<String>,
    pub(super) profiles: Vec<(String, OwnProfile<'static>)>,
    pub(super) layers: Vec<Layer>,
    pub(super) spans: Vec<(FilePlace, Range<usize>)>,
    /// What `--set` says, later than all layers.
    pub(super) flags: Vec<Layer>,
}

impl ConfigFile {
    /// No file: the defaults.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The names of `[pool.NAME]`, in the order of the file; none for the one pool without a name.
    #[must_use]
    pub fn pool_names(&self) -> &[String] {
        &self.names
    }

    /// The profiles of `[va_profile.NAME]`, in the order of the file.
    pub fn own_profiles(&self) -> impl Iterator<Item = OwnProfile<'_>> {
        self.profiles
            .iter()
            .map(|(name, profile)| OwnProfile { name, ..*profile })
    }

    /// What the file says for a target: its layers laid over each other, and the flags that were laid over it.
    /// `POOLCFG_VA_PROFILE` and other flags come later, from the caller.
    #[must_use]
    pub fn settings(&self, facts: &TargetFacts) -> Settings<'_> {
        self.lay_flags(self.settings_without_flags(facts), facts)
    }

    /// What the layers of the file alone say for a target.
    #[must_use]
    pub fn settings_without_flags(&self, facts: &TargetFacts) -> Settings<'_> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let profiles: Vec<OwnProfile<'_>> = self.own_profiles().collect();
        let layers = self.layers().filter(|layer| layer.condition.applies(facts));
        layers.fold(Settings::new(&names, &profiles), lay)
    }

    /// The same settings, and over them what the flags that were laid over the file say for a target.
    #[must_use]
    pub fn lay_flags<'a>(&'a self, settings: Settings<'a>, facts: &TargetFacts) -> Settings<'a> {
        let layers = self
            .flags
            .iter()
            .filter(|layer| layer.condition.applies(facts));
        layers.fold(settings, lay)
    }

    /// The triples that have tables of their own, in the order of the file.
    pub fn triples(&self) -> impl Iterator<Item = &str> {
        self.layers
            .iter()
            .filter_map(|layer| match &layer.condition {
                Condition::Triple(facts) => Some(facts.triple()),
                _ => None,
            })
    }

    /// The bytes of the value that stands at a place of the file.
    #[must_use]
    pub fn span(&self, place: FilePlace) -> Option<Range<usize>> {
        self.spans
            .iter()
            .find(|(at, _)| *at == place)
            .map(|(_, span)| span.clone())
    }

    /// The layers in the order in which they are laid over each other.
    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter()
    }
}

/// One layer over the others.
fn lay<'a>(mut settings: Settings<'a>, layer: &'a Layer) -> Settings<'a> {
    for (index, keys) in layer.pool_tables() {
        settings = match index {
            None => settings.pooling_allocator(*keys),
            Some(index) => settings.pool(index, *keys),
        };
    }
    settings.address_space(layer.space.keys())
}

//! poolcfg.toml: where it is, what it says and what is wrong with it.
//!
//! [`ConfigFile::parse`] reads the file as far as it can be read without a target and reports every
//! mistake at once, each as a [`Diagnostic`]. [`ConfigFile::settings`] lays the layers over each other
//! for one target, described by its [`TargetFacts`]; the macro writes the same layers down as const
//! code with a `cfg!` around each, so that the compiler judges them.
//!
//! Order, later wins: the base tables, the `cfg(…)` tables in the order of the file, the table of the
//! triple. Within one layer first `pooling_allocator`, which is said of all pools, then `pool.NAME`.

mod cfgs;
mod diagnostic;
pub(crate) mod facts;
mod layer;
mod location;
mod nearest;
mod profiles;
mod reader;
mod set;
mod value;
mod values;
mod wasmtime;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

pub use diagnostic::Diagnostic;
pub use facts::{CRT_STATIC, TargetFacts};
pub use layer::{Condition, Layer, Space};
pub use location::{Location, locate};
pub use nearest::nearest;
pub use set::SetFlags;

use crate::setting::{Place, Settings};
use crate::target::profile::OwnProfile;

/// The most MiB of a file that a person has written.
const MOST_MIB: u64 = 16;

/// Reads a file of text that a person has written. It must be a regular file, since a pipe or a device such as
/// `/dev/zero` may never end, and have at most 16 MiB.
///
/// ```
/// use poolcfg_core::file::read_text;
/// let error = read_text(std::path::Path::new(".")).unwrap_err();
/// assert_eq!(error.to_string(), "it is not a regular file");
/// ```
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] when it is not a regular file,
/// [`io::ErrorKind::FileTooLarge`] above 16 MiB, and [`io::ErrorKind::InvalidData`] when it is not UTF-8 text.
pub fn read_text(path: &Path) -> io::Result<String> {
    // Before it is opened: that alone may wait for the other end of a pipe.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    if metadata.len() > MOST_MIB << 20 {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {MOST_MIB} MiB"),
        ));
    }
    fs::read_to_string(path)
}

/// The name of the file.
pub const FILE_NAME: &str = "poolcfg.toml";

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
    names: Vec<String>,
    profiles: Vec<(String, OwnProfile<'static>)>,
    layers: Vec<Layer>,
    spans: Vec<(Place, Range<usize>)>,
}

impl ConfigFile {
    /// The defaults, without a file.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Every mistake in it, in the order of the file, up to a hundred; where it is not TOML, the first place that
    /// is not.
    pub fn parse(source: &str) -> Result<Self, Vec<Diagnostic>> {
        reader::read(source)
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

    /// The settings of the file for a target: its layers, the later ones over the earlier ones. `POOLCFG_VA_PROFILE` and
    /// flags come later, from the caller.
    #[must_use]
    pub fn settings(&self, facts: &TargetFacts) -> Settings<'_> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let profiles: Vec<OwnProfile<'_>> = self.own_profiles().collect();
        let mut settings = Settings::new(&names, &profiles);
        for layer in self.layers().filter(|layer| layer.applies(facts)) {
            settings = settings.pooling_allocator(layer.pooling_allocator);
            for (index, keys) in &layer.pools {
                settings = settings.pool(*index, *keys);
            }
            settings = settings.address_space(layer.space.keys());
        }
        settings
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

    /// The bytes of the value at a place of the file.
    #[must_use]
    pub fn span(&self, place: Place) -> Option<Range<usize>> {
        self.spans
            .iter()
            .find(|(at, _)| *at == place)
            .map(|(_, span)| span.clone())
    }

    /// The layers in their order: later ones override earlier ones.
    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter()
    }
}

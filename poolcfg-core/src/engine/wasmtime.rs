//! Wasmtime: what of its versions, features and settings decides what its pooling allocator maps.
//!
//! - here: the version and the features, as poolcfg.toml and Cargo.lock name them
//! - `numbers`: the settings beyond those of every pool; `defaults`: Wasmtime's own by version
//! - `counts`: what one instance may have, and its defaults; `totals`: what all have
//! - `advisories`: which versions leak under which settings

mod advisories;
mod counts;
mod defaults;
mod numbers;
mod totals;

use core::fmt;
use core::str::FromStr;

use crate::base::consts::debug_like_display;

pub use advisories::{Advisory, AdvisoryCondition};
pub use counts::{Counts, InstanceDefaults};
pub(crate) use defaults::{
    DYNAMIC_GUARD, Defaults, PAGEMAP_SCAN_SINCE, STACK, has_pagemap_scan, is_interpreted, own_total,
};
pub use numbers::Wasmtime;
pub use totals::{Totals, WrittenTotals};

/// The oldest major version whose settings are known: those of 12 have other names and meanings.
pub(crate) const OLDEST: u32 = 13;

/// The newest major version whose source was read; a later one is taken to map the same.
pub(crate) const NEWEST: u32 = 50;

/// A version of Wasmtime, as precise as it is written.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::WasmtimeVersion;
/// let version: WasmtimeVersion = "43.0.1".parse()?;
/// assert_eq!((version.major, version.minor, version.patch), (43, Some(0), Some(1)));
/// assert_eq!(version.to_string(), "43.0.1");
/// assert!((WasmtimeVersion::OLDEST..=WasmtimeVersion::NEWEST).contains(&version.major));
/// # Ok::<(), poolcfg_runtime::WasmtimeVersionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WasmtimeVersion {
    /// The major version, which nearly always decides.
    pub major: u32,
    /// The minor version, if given.
    pub minor: Option<u32>,
    /// The patch version, if given.
    pub patch: Option<u32>,
}

/// Why a text is not a supported version.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{WasmtimeVersion, WasmtimeVersionError};
/// assert_eq!("12".parse::<WasmtimeVersion>(), Err(WasmtimeVersionError::TooOld));
/// assert_eq!("latest".parse::<WasmtimeVersion>(), Err(WasmtimeVersionError::NotVersion));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WasmtimeVersionError {
    /// It is not one to three numbers separated by points.
    NotVersion,
    /// It is before [`WasmtimeVersion::OLDEST`].
    TooOld,
}

impl fmt::Display for WasmtimeVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotVersion => f.write_str("expected a version such as `48` or `43.0.1`"),
            Self::TooOld => write!(f, "older than `{OLDEST}`, the oldest supported version"),
        }
    }
}

debug_like_display!(WasmtimeVersionError);

impl WasmtimeVersion {
    /// The oldest major version that is supported.
    pub const OLDEST: u32 = OLDEST;

    /// The newest major version whose formulas are known.
    pub const NEWEST: u32 = NEWEST;

    /// A major version, whatever its patches.
    #[must_use]
    pub const fn major(major: u32) -> Self {
        Self {
            major,
            minor: None,
            patch: None,
        }
    }

    /// Whether this version, as precise as it is, covers another, exact one.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::WasmtimeVersion;
    /// let exact = "48.0.2".parse()?;
    /// assert!(WasmtimeVersion::major(48).covers(exact));
    /// assert!(!exact.covers("48.0.3".parse()?));
    /// # Ok::<(), poolcfg_runtime::WasmtimeVersionError>(())
    /// ```
    #[must_use]
    pub fn covers(self, exact: Self) -> bool {
        self.major == exact.major
            && (self.minor.is_none() || self.minor == exact.minor)
            && (self.patch.is_none() || self.patch == exact.patch)
    }
}

impl FromStr for WasmtimeVersion {
    type Err = WasmtimeVersionError;

    /// Reads a version such as `48`, `48.0` or `48.0.2`.
    fn from_str(text: &str) -> Result<Self, WasmtimeVersionError> {
        let mut parts = text.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let number = if digits { part.parse().ok() } else { None };
            number.ok_or(WasmtimeVersionError::NotVersion)
        });
        let major = parts.next().ok_or(WasmtimeVersionError::NotVersion)??;
        let minor = parts.next().transpose()?;
        let patch = parts.next().transpose()?;
        if parts.next().is_some() {
            return Err(WasmtimeVersionError::NotVersion);
        }
        if major < OLDEST {
            return Err(WasmtimeVersionError::TooOld);
        }
        Ok(Self {
            major,
            minor,
            patch,
        })
    }
}

impl fmt::Display for WasmtimeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major)?;
        if let Some(minor) = self.minor {
            write!(f, ".{minor}")?;
            if let Some(patch) = self.patch {
                write!(f, ".{patch}")?;
            }
        }
        Ok(())
    }
}

/// A cargo feature of Wasmtime that decides what is mapped.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::WasmtimeFeature;
/// assert_eq!(WasmtimeFeature::ComponentModel.to_string(), "component-model");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WasmtimeFeature {
    /// Stacks of their own for asynchronous calls.
    Async,
    /// Garbage-collected heaps.
    Gc,
    /// Components.
    ComponentModel,
    /// Slots striped by memory protection keys; a feature from 23 on.
    MemoryProtectionKeys,
}

crate::base::consts::words! {
    WasmtimeFeature {
        Async = "async",
        Gc = "gc",
        ComponentModel = "component-model",
        MemoryProtectionKeys = "memory-protection-keys",
    }
}

impl WasmtimeFeature {
    /// Whether a version knows what the feature is about: before, nothing of it is mapped.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{WasmtimeFeature, WasmtimeVersion};
    /// // References to objects of the host were counted, without a heap.
    /// assert!(!WasmtimeFeature::Gc.is_in(WasmtimeVersion::major(19)));
    /// assert!(WasmtimeFeature::Gc.is_in(WasmtimeVersion::major(20)));
    /// ```
    #[must_use]
    pub const fn is_in(self, version: WasmtimeVersion) -> bool {
        let since = match self {
            // `total_gc_heaps` came with 20.0; memory protection keys with 14.0.
            Self::Gc => 20,
            Self::MemoryProtectionKeys => 14,
            Self::Async | Self::ComponentModel => 0,
        };
        version.major >= since
    }
}

/// The features that Wasmtime is built with.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{WasmtimeFeature, WasmtimeFeatures};
/// const SYNC: WasmtimeFeatures = WasmtimeFeatures::EMPTY.with(WasmtimeFeature::Gc);
/// assert!(SYNC.has(WasmtimeFeature::Gc) && !SYNC.has(WasmtimeFeature::Async));
/// assert_eq!((SYNC.iter().count(), WasmtimeFeatures::DEFAULT.iter().count()), (1, 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WasmtimeFeatures(u8);

impl WasmtimeFeatures {
    /// No features.
    pub const EMPTY: Self = Self(0);

    /// Wasmtime's default features, as far as they count here.
    /// Source: crates/wasmtime/Cargo.toml, `default` (v48).
    pub const DEFAULT: Self = Self::EMPTY
        .with(WasmtimeFeature::Async)
        .with(WasmtimeFeature::Gc)
        .with(WasmtimeFeature::ComponentModel);

    /// These features and one more.
    #[must_use]
    pub const fn with(self, feature: WasmtimeFeature) -> Self {
        Self(self.0 | 1 << feature as u8)
    }

    /// Whether it contains a feature.
    #[must_use]
    pub const fn has(self, feature: WasmtimeFeature) -> bool {
        self.0 & (1 << feature as u8) != 0
    }

    /// The features, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = WasmtimeFeature> {
        let all = WasmtimeFeature::ALL.iter().copied();
        all.filter(move |feature| self.has(*feature))
    }
}

//! Why a region does not become larger or smaller.

use std::fmt;
use std::io;

use poolcfg_core::{Code, Size, Text};

use super::{os, wide};

/// Why a region does not grow.
///
/// ```
/// use poolcfg_runtime::{GrowError, Region};
/// /// Grows as far as the region may, and tells how far that is.
/// fn grow(region: &mut Region, bytes: usize) -> Result<usize, GrowError> {
///     match region.grow_to(bytes) {
///         Err(GrowError::AboveCapacity { capacity, .. }) => region.grow_to(capacity)?,
///         outcome => outcome?,
///     }
///     Ok(region.len())
/// }
/// ```
#[non_exhaustive]
pub enum GrowError {
    /// More than the region may have.
    AboveCapacity {
        /// The bytes that were asked for.
        bytes: usize,
        /// The most it may have.
        capacity: usize,
    },
    /// The process has as many mappings as `vm.max_map_count` allows, and pages that become writable split one more.
    TooManyMaps {
        /// The bytes that were asked for.
        bytes: usize,
        /// What the system says.
        source: io::Error,
    },
    /// The system does not make the pages writable, or does not close those beyond.
    Refused {
        /// The bytes that were asked for.
        bytes: usize,
        /// What the system says.
        source: io::Error,
    },
}

impl GrowError {
    /// The code of it, whose text `cargo poolcfg --explain` prints.
    ///
    /// ```
    /// let error = poolcfg_runtime::GrowError::AboveCapacity { bytes: 8192, capacity: 4096 };
    /// assert_eq!(error.code().as_str(), "PC0057");
    /// ```
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::SlotMemory
    }

    /// Why the system does not open so many bytes, as far as it can be found out.
    pub(super) fn of(bytes: usize, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::OutOfMemory && os::are_maps_used_up() {
            Self::TooManyMaps { bytes, source }
        } else {
            Self::Refused { bytes, source }
        }
    }

    /// What the system says, where it says anything.
    pub(super) fn into_io(self) -> io::Error {
        match self {
            Self::Refused { source, .. } | Self::TooManyMaps { source, .. } => source,
            Self::AboveCapacity { .. } => io::ErrorKind::InvalidInput.into(),
        }
    }

    pub(crate) fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AboveCapacity { bytes, capacity } => write!(
                f,
                "cannot grow to `{}`, the region has `{}` at most: ask for less, or raise \
                 `max_memory_size`, `table_reservation` or `stack_reservation` in poolcfg.toml",
                exact(*bytes),
                exact(*capacity)
            ),
            Self::TooManyMaps { bytes, source } => write!(
                f,
                "cannot make `{}` writable, the process has as many mappings as `vm.max_map_count` allows, the system \
                 says `{source}`: release other slots, or raise it with `sysctl -w vm.max_map_count=N`",
                exact(*bytes)
            ),
            Self::Refused { bytes, source } => write!(
                f,
                "cannot make `{}` writable, the system says `{source}`: release other slots, or raise \
                 `RLIMIT_DATA` or the commit limit of `vm.overcommit_memory`",
                exact(*bytes)
            ),
        }
    }
}

/// Why a region does not shrink.
///
/// ```
/// use poolcfg_runtime::{Region, ShrinkError};
/// fn empty(region: &mut Region) {
///     if let Err(ShrinkError { source, .. }) = region.shrink_to(0) {
///         eprintln!("the system keeps the pages: {source}");
///     }
/// }
/// ```
#[non_exhaustive]
pub struct ShrinkError {
    /// The bytes that were to stay.
    pub bytes: usize,
    /// What the system says.
    pub source: io::Error,
}

impl ShrinkError {
    /// The code of it, whose text `cargo poolcfg --explain` prints.
    ///
    /// ```
    /// use poolcfg_runtime::{Code, Region, ShrinkError};
    /// fn code(region: &mut Region) -> Option<Code> {
    ///     region.shrink_to(0).err().as_ref().map(ShrinkError::code)
    /// }
    /// ```
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::SlotMemory
    }

    pub(crate) fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot shrink to `{}`, the system says `{}`: release the slot, or let the seccomp filter or sandbox of the \
             process allow `madvise` and `mprotect`",
            exact(self.bytes),
            self.source
        )
    }
}

/// A size as poolcfg.toml has it.
fn exact(bytes: usize) -> Text {
    Size::bytes(wide(bytes)).exact()
}

//! Trying out: whether the first slot can be opened and cleared, and which reset works here.

use std::fmt;
use std::io;

use poolcfg_core::Code;

use crate::sys::{GrowError, Region, Reset, page_size};

use super::options::PoolOptions;
use super::parts::Parts;

/// Opens and closes what a first owner would, and tells how slots are reset.
pub(super) fn try_out(first: &mut Parts, options: &PoolOptions) -> Result<Reset, PoolError> {
    let page = page_size().min(first.memory.capacity());
    first.begin(page).map_err(PoolError::Open)?;
    let tried = first.first();
    let page = page_size().min(tried.capacity());
    tried.begin(page).map_err(PoolError::Open)?;
    let reset = choose(tried, options, page)?;
    first.close().map_err(PoolError::Close)?;
    Ok(reset)
}

fn choose(first: &mut Region, options: &PoolOptions, page: usize) -> Result<Reset, PoolError> {
    // With nothing to keep there is nothing to look for.
    let keeps = page > 0 && options.keep_resident.get() >= crate::sys::wide(page);
    match options.reset {
        None | Some(_) if !keeps => {}
        None => {
            if first.proves(Reset::PagemapScan).is_ok() {
                return Ok(Reset::PagemapScan);
            }
        }
        Some(Reset::Discard) => {}
        Some(reset) => {
            let proof = first.proves(reset);
            return match proof {
                Ok(()) => Ok(reset),
                Err(source) => Err(PoolError::Reset { reset, source }),
            };
        }
    }
    first.proves(Reset::Discard).map_err(PoolError::Close)?;
    Ok(Reset::Discard)
}

/// Why a pool cannot be used at all.
///
/// ```
/// use poolcfg_runtime::{Pool, PoolError, PoolOptions, Reserved, Reset};
/// fn pool(reserved: Reserved) -> Result<Pool, PoolError> {
///     let options = PoolOptions::new().reset(Reset::PagemapScan);
///     Pool::with_options(reserved, options).inspect_err(|error| {
///         if let PoolError::Reset { .. } = error {
///             eprintln!("Linux 6.7 is needed");
///         }
///     })
/// }
/// ```
#[non_exhaustive]
pub enum PoolError {
    /// The system makes no slot writable.
    Open(GrowError),
    /// The system does not clear a slot.
    Close(io::Error),
    /// The reset that was asked for does not work here.
    Reset {
        /// The one that was asked for.
        reset: Reset,
        /// What the system says.
        source: io::Error,
    },
}

impl PoolError {
    /// The code of it, whose text `cargo poolcfg --explain` prints.
    ///
    /// ```
    /// use poolcfg_runtime::{Code, Pool, PoolError, Reserved};
    /// fn code(reserved: Reserved) -> Option<Code> {
    ///     Pool::new(reserved).err().as_ref().map(PoolError::code)
    /// }
    /// ```
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Open(error) => error.code(),
            Self::Close(_) | Self::Reset { .. } => Code::SlotMemory,
        }
    }

    pub(crate) fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => {
                f.write_str("cannot open the first slot: ")?;
                error.message(f)
            }
            Self::Close(error) => write!(
                f,
                "cannot clear the first slot, the system says `{error}`: let the seccomp filter or \
                 sandbox of the process allow `madvise` and `mprotect`"
            ),
            Self::Reset { reset, source } => write!(
                f,
                "cannot clear the first slot with `{reset}`, the system says `{source}`: do not set \
                 `PoolOptions::reset`, so that a mode that works is chosen"
            ),
        }
    }
}

//! Acquiring: what an owner asks for, and why it may get no slot.

use std::fmt;
use std::time::Duration;

use poolcfg_core::Code;

use crate::sys::GrowError;

/// What an owner asks for.
///
/// ```
/// use std::time::Duration;
/// use poolcfg_runtime::{AcquireOptions, AcquireError, Pool, Slot};
///
/// fn slot(pool: &Pool, module: u64) -> Result<Slot, AcquireError> {
///     let request = AcquireOptions::new().memory(64 << 10).key(module);
///     pool.acquire_with(request.wait(Duration::from_secs(1)))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcquireOptions {
    pub(super) memory: usize,
    pub(super) key: Option<u64>,
    pub(super) wait: Option<Duration>,
}

impl AcquireOptions {
    /// A slot whose memory has no bytes yet, at once.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            memory: 0,
            key: None,
            wait: None,
        }
    }

    /// Opens the first `bytes` of its memory, in whole pages. A slot whose last owner had just as many needs no
    /// system call.
    #[must_use]
    pub const fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Prefers the slot that was last released by an owner with this key, such as one for the same module:
    /// it is of the right size, and holds the pages that such an owner touches.
    #[must_use]
    pub const fn key(mut self, key: u64) -> Self {
        self.key = Some(key);
        self
    }

    /// Waits up to this time if every slot is taken.
    ///
    /// A released slot goes to the owner that has waited longest. As long as any owner waits, others get a slot only
    /// after it: one that does not wait gets [`AcquireError::Exhausted`], one that waits lines up behind.
    #[must_use]
    pub const fn wait(mut self, most: Duration) -> Self {
        self.wait = Some(most);
        self
    }
}

/// Every slot of a pool is taken, or goes to an owner that has waited longer.
///
/// ```
/// use poolcfg_runtime::{AcquireError, Exhausted};
/// /// Whether waiting may help: some slot is not out of service.
/// fn may_wait(error: &AcquireError) -> bool {
///     match error {
///         AcquireError::Exhausted(Exhausted { instances, retired, .. }) => retired < instances,
///         _ => false,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exhausted {
    /// How many slots the pool has.
    pub instances: u32,
    /// How many of them are out of service.
    pub retired: u32,
}

/// Why no slot was acquired.
///
/// ```
/// use poolcfg_runtime::{AcquireError, Pool, Slot};
/// /// A slot; `None` if there is none at the moment.
/// fn slot(pool: &Pool) -> Result<Option<Slot>, AcquireError> {
///     match pool.acquire() {
///         Ok(slot) => Ok(Some(slot)),
///         Err(AcquireError::Exhausted(_)) => Ok(None),
///         Err(error) => Err(error), // the system refuses pages
///     }
/// }
/// ```
#[non_exhaustive]
pub enum AcquireError {
    /// Every slot is taken, or goes to an owner that has waited longer, also after the time that this one would
    /// wait.
    Exhausted(Exhausted),
    /// The system does not make the slot's memory, table or stack accessible as far as it should be.
    Open(GrowError),
}

impl AcquireError {
    /// The code of it, whose text `cargo poolcfg --explain` prints.
    ///
    /// ```
    /// use poolcfg_runtime::{Code, Pool};
    /// /// Why there is no slot, for a log: such as `PC0056`.
    /// fn code(pool: &Pool) -> Option<Code> {
    ///     pool.acquire().err().map(|error| error.code())
    /// }
    /// ```
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Exhausted(_) => Code::NoSlot,
            Self::Open(error) => error.code(),
        }
    }

    pub(crate) fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted(Exhausted { instances, retired }) => {
                write!(f, "all `{instances}` slots of the pool are in use")?;
                if *retired > 0 {
                    write!(f, ", `{retired}` of them out of service")?;
                }
                f.write_str(": wait for one, or raise `max_instances` in poolcfg.toml")
            }
            Self::Open(error) => {
                f.write_str("cannot open the slot: ")?;
                error.message(f)
            }
        }
    }
}

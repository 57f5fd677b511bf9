//! The places of the other pools, while an engine maps its own.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::thread::ThreadId;

use super::Checked;
use crate::machine::ThisMachine;
use crate::machine::live_pools::LivePoolEntry;
use crate::recheck::hold;
use crate::recheck::kept::Keeper;

/// Keeps the places of the file's other pools free of an engine's mappings while the engine is made.
///
/// Wasmtime maps its pool by itself, and the kernel puts a mapping into the first hole that is large enough. Where a
/// file has several pools, that may be the hole that another pool needs. As long as this value lives, what is
/// guaranteed to the pools that are still to come is reserved, and inaccessible; the engine's own place and the headroom
/// above are free. Drop it right after the engine is made:
///
/// ```
/// # use poolcfg_runtime::{RecheckError, WasmtimeLimits};
/// # struct Engine;
/// # impl Engine { fn new() -> Self { Self } }
/// fn start(limits: &WasmtimeLimits) -> Result<Engine, RecheckError> {
///     let checked = limits.recheck()?;
///     // ... configure_wasmtime!(checked => config, pooling) ...
///     let held = checked.hold();
///     let engine = Engine::new(); // Engine::new(&config)?
///     drop(held);
///     Ok(engine)
/// }
/// ```
/// A recheck meanwhile takes the place that is kept for its pool: it gets what is guaranteed, and no more. Where
/// the file has one pool nothing is reserved.
///
/// While the engine is made, other threads may map what is smaller than the engine's smallest mapping; it lies in the
/// headroom. Wait for a new thread before you call `hold`: the allocator may map more for it.
///
/// Any number of pools may be rechecked before their engines are made, in any order and on any threads: each engine is
/// made under a value of its own. [`Checked::hold`] waits while another thread has one.
#[must_use = "the places are kept as long as this value lives"]
pub struct Held {
    entry: Arc<LivePoolEntry>,
    thread: ThreadId,
    /// Not to be sent elsewhere: the thread that made it may make another one without waiting.
    _here: PhantomData<*const ()>,
}

impl Checked {
    /// Keeps the places of the file's other pools while the engine is made, so that the engine is mapped in its own.
    /// Call it right before `Engine::new`, and drop what it gives right after: see [`Held`].
    ///
    /// It waits as long as another thread has such a value. Where the file has one pool it does nothing.
    ///
    /// ```
    /// # use poolcfg_runtime::Checked;
    /// # struct Engine;
    /// # impl Engine { fn new() -> Self { Self } }
    /// fn engine(checked: &Checked) -> Engine {
    ///     let _held = checked.hold();
    ///     Engine::new() // Engine::new(&config)?
    /// }
    /// ```
    pub fn hold(&self) -> Held {
        Held::new(self)
    }
}

impl Held {
    pub(super) fn new(checked: &Checked) -> Self {
        let entry = Arc::clone(&checked.entry);
        // Anew where an engine could not be made.
        entry.is_unmapped(checked.limits);
        Self {
            thread: hold(&ThisMachine, &checked.promise, &checked.limits),
            entry,
            _here: PhantomData,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // In this order: a recheck that finds nothing held finds the engine mapped.
        self.entry.is_mapped();
        ThisMachine.kept().leave(self.thread);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

//! What a recheck has found to be there for Wasmtime.

use std::fmt;
use std::sync::Arc;

use poolcfg_core::{Counts, Limits, Promise, Size};

use super::{Tunables, WasmtimeSettings, counts};
use crate::machine::ThisMachine;
use crate::machine::live_pools::{Holding, LivePoolEntry, Took};
use crate::pool::reserved::{Warning, warnings};
use crate::recheck::Taken;
use crate::recheck::process_bounds::{maps_at_worst, writable_at_worst};
use crate::sys::OwnedMapping;

/// The numbers of one Wasmtime pool that fit this process. It reserves nothing.
///
/// As long as it lives, a recheck of another pool counts on the mappings and the memory that this one's
/// slots will still need; keep it as long as the engine. Make the engine under [`hold`](Self::hold).
///
/// ```
/// use poolcfg_runtime::{Checked, RecheckError, WasmtimeLimits};
///
/// fn check(limits: &WasmtimeLimits) -> Result<Checked, RecheckError> {
///     let checked = limits.recheck()?;
///     println!("{} instances, each of {}", checked.instances(), checked.counts());
///     println!("{} memories", checked.settings().total_memories);
///     println!("code for {} bytes", checked.tunables().memory_reservation);
///     for warning in checked.warnings() {
///         eprintln!("warning: {warning}");
///     }
///     Ok(checked)
/// }
/// ```
pub struct Checked {
    pub(super) limits: Limits,
    page_size: Size,
    pub(super) promise: Promise<'static>,
    /// What the pool will need is struck out when neither this value nor a `Held` of it is left.
    pub(super) entry: Arc<LivePoolEntry>,
}

impl Checked {
    pub(super) fn new(promise: Promise<'static>, taken: &Taken<OwnedMapping>) -> Self {
        let (limits, page_size) = (taken.limits, taken.page_size);
        let entry = LivePoolEntry::new(Holding {
            name: Some(promise.name),
            // Where Wasmtime will map them is not known.
            ranges: Vec::new(),
            took: Some(Took {
                limits,
                is_all: taken.is_all,
            }),
            unmapped: Some(limits),
            maps_at_worst: maps_at_worst(&limits, page_size, 1),
            writable_at_worst: writable_at_worst(&limits, page_size),
        });
        Self {
            limits,
            page_size,
            promise,
            entry: Arc::new(entry),
        }
    }

    /// How many instances there may be at once.
    #[must_use]
    pub fn instances(&self) -> u32 {
        self.limits.max_instances
    }

    /// What each of them may have, as the build says it ([`WasmtimeLimits::counts`](crate::WasmtimeLimits::counts)).
    #[must_use]
    pub fn counts(&self) -> Counts {
        counts(&self.limits)
    }

    /// What was found: at least what was guaranteed (the minimum, with `or_shrink`), at most what was asked for.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What was found, as Wasmtime's configuration takes it.
    #[must_use]
    pub fn settings(&self) -> WasmtimeSettings {
        WasmtimeSettings::new(&self.limits)
    }

    /// What code that is loaded has to be compiled with; those of the build, unless a variable changes them.
    #[must_use]
    pub fn tunables(&self) -> Tunables {
        self.settings().tunables()
    }

    /// What an operator should know although the pool starts. Each call works it out anew.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        warnings(&ThisMachine, &self.promise, &self.limits, self.page_size)
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked")
            .field("pool", &self.promise.name)
            .field("instances", &self.instances())
            .field("memory_reservation", &self.limits.memory_reservation)
            .finish_non_exhaustive()
    }
}

//! The pools that the process holds already. What their slots will still make writable, and into how
//! many mappings they will still fall, no kernel file tells; a later recheck has to leave it to them.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use poolcfg_core::Size;

/// What one pool holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// The pool's name.
    pub(crate) name: &'static str,
    /// The addresses of its mappings.
    pub(crate) ranges: Vec<Range<u64>>,
    /// Mappings when every slot is live.
    pub(crate) maps_at_worst: u64,
    /// Bytes that are writable when every slot is live and grown.
    pub(crate) writable_at_worst: Size,
}

impl Holding {
    /// Whether an address is in one of its mappings.
    pub(crate) fn holds(&self, address: u64) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }
}

static HOLDINGS: Mutex<(u64, Vec<(u64, Holding)>)> = Mutex::new((0, Vec::new()));

/// Entries are whole before they are pushed, so a panic elsewhere leaves nothing half done.
fn lock() -> MutexGuard<'static, (u64, Vec<(u64, Holding)>)> {
    HOLDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all pools of the process hold.
pub(crate) fn holdings() -> Vec<Holding> {
    lock()
        .1
        .iter()
        .map(|(_, holding)| holding.clone())
        .collect()
}

/// A pool's line in the ledger, struck out on drop.
#[derive(Debug)]
pub(crate) struct Entry(u64);

impl Entry {
    /// Enters a pool.
    pub(crate) fn new(holding: Holding) -> Self {
        let mut ledger = lock();
        ledger.0 += 1;
        let id = ledger.0;
        ledger.1.push((id, holding));
        Self(id)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock().1.retain(|(id, _)| *id != self.0);
    }
}

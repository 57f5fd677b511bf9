//! The pools that the process holds already. What their slots will still make writable, and into how
//! many mappings they will still fall, no kernel file tells; a later recheck has to leave it to them.

use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use poolcfg_core::Size;

/// What one pool holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// The pool's name; `None` if the pool is gone and only slots of it are left.
    pub(crate) name: Option<&'static str>,
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

/// Who knows what it holds at the moment.
pub(crate) trait Holder: fmt::Debug + Send + Sync {
    /// What it holds.
    fn holding(&self) -> Holding;
}

#[derive(Clone, Debug)]
enum Line {
    /// Does not change.
    Fixed(Holding),
    /// Is asked for.
    Asked(Weak<dyn Holder>),
}

static LINES: Mutex<(u64, Vec<(u64, Line)>)> = Mutex::new((0, Vec::new()));

/// Entries are whole before they are pushed, so a panic elsewhere leaves nothing half done.
fn lock() -> MutexGuard<'static, (u64, Vec<(u64, Line)>)> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all pools of the process hold.
pub(crate) fn holdings() -> Vec<Holding> {
    let lines: Vec<_> = lock().1.iter().map(|(_, line)| line.clone()).collect();
    // Not under the lock: the last who holds something strikes its line out.
    lines
        .into_iter()
        .filter_map(|line| match line {
            Line::Fixed(holding) => Some(holding),
            Line::Asked(holder) => holder.upgrade().map(|holder| holder.holding()),
        })
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
        ledger.1.push((id, Line::Fixed(holding)));
        Self(id)
    }

    /// From now on `holder` is asked for what is held.
    pub(crate) fn ask(&self, holder: Weak<dyn Holder>) {
        let mut ledger = lock();
        if let Some((_, line)) = ledger.1.iter_mut().find(|(id, _)| *id == self.0) {
            *line = Line::Asked(holder);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock().1.retain(|(id, _)| *id != self.0);
    }
}

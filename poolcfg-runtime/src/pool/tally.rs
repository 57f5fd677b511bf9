//! Tallies: counts that many threads keep, without a cache line that all of them write.

use std::sync::atomic::Ordering;

use super::sync::AtomicI64;

/// How far the common total may be above what a shard really has. With 1, a shard that takes and gives one
/// by turns leaves the total alone.
const SLACK: i64 = 1;

/// One shard's part of a total: exact here, and never less in the total, but up to [`SLACK`] more.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Below zero where slots of another shard came back to this one.
    count: i64,
    /// What the total has of it.
    granted: i64,
}

impl Tally {
    /// What it really is.
    pub(super) fn count(&self) -> i64 {
        self.count
    }

    /// One more. The new total, if it has changed.
    pub(super) fn add(&mut self, total: &AtomicI64) -> Option<i64> {
        self.count += 1;
        (self.count > self.granted).then(|| {
            self.granted += 1;
            total.fetch_add(1, Ordering::Relaxed) + 1
        })
    }

    /// One less.
    pub(super) fn subtract(&mut self, total: &AtomicI64) {
        self.count -= 1;
        if self.granted - self.count > SLACK {
            self.granted -= 1;
            total.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

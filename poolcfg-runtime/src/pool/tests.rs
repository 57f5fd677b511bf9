//! Tests of the free lists, also under all orders of threads.

#[cfg(not(loom))]
mod lists;
#[cfg(loom)]
mod loom;

use super::shard::{Note, Pooled};
use super::shards::Fresh;

/// A number in place of a slot.
#[derive(Clone, Copy, Debug)]
struct NumberedItem(u32, Note);

impl PartialEq for NumberedItem {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Pooled for NumberedItem {
    fn note(&mut self) -> &mut Note {
        &mut self.1
    }
}

#[derive(Debug)]
struct NumberedItems {
    left: u32,
}

impl Fresh for NumberedItems {
    type Item = NumberedItem;

    fn carve(&mut self) -> Option<NumberedItem> {
        self.left = self.left.checked_sub(1)?;
        Some(NumberedItem(self.left, Note::default()))
    }

    fn most(&self) -> usize {
        8
    }
}

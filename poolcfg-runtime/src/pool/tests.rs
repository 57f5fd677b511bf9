//! Tests of the free lists, also under all orders of threads.

#[cfg(not(loom))]
mod lists;
#[cfg(loom)]
mod loom;

use super::shard::{Item, Note};
use super::shards::Fresh;

/// A number in place of a slot.
#[derive(Clone, Copy, Debug)]
struct Number(u32, Note);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Item for Number {
    fn note(&mut self) -> &mut Note {
        &mut self.1
    }
}

#[derive(Debug)]
struct Numbers {
    left: u32,
}

impl Fresh for Numbers {
    type Item = Number;

    fn carve(&mut self) -> Option<Number> {
        self.left = self.left.checked_sub(1)?;
        Some(Number(self.left, Note::default()))
    }

    fn most(&self) -> usize {
        8
    }
}

//! Tests of the free lists, also under all orders of threads.

#[cfg(not(loom))]
mod lists;
#[cfg(loom)]
mod loom;

use super::shards::Fresh;

/// Numbers in place of slots.
#[derive(Debug)]
struct Numbers {
    left: u32,
}

impl Fresh for Numbers {
    type Item = u32;

    fn carve(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        Some(self.left)
    }
}

//! A shard: the idle items of one group of threads, and what they count to.

use std::collections::VecDeque;
use std::fmt;

use super::tally::Tally;

/// How many of a shard's idle items with keys are looked at for one key, from the last released on.
const SEARCHED: usize = 64;

/// What is pooled. It carries its own note, so that the lists, each of which has room for all items, are small.
pub(crate) trait Pooled: fmt::Debug + Send {
    /// Where the note is.
    fn note(&mut self) -> &mut Note;
}

/// What is known of an idle item.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Note {
    /// What the last owner wanted it back by.
    pub(crate) key: Option<u64>,
    /// Bytes of memory that it holds.
    pub(crate) kept: u64,
}

#[derive(Debug)]
pub(super) enum Idle<T> {
    /// Its pages may still be there.
    Warm(T),
    /// It holds nothing.
    Cold(T),
}

#[derive(Debug)]
pub(super) struct Shard<T> {
    /// The last released is at the back.
    pub(super) warm: VecDeque<T>,
    /// The same, of those with a key.
    pub(super) keyed: VecDeque<T>,
    /// Those that hold nothing.
    pub(super) cold: Vec<T>,
    pub(super) live: Tally,
    pub(super) warmth: Tally,
    pub(super) kept: u64,
    /// Taken out to be made cold.
    pub(super) moving: u32,
    /// Whether the lists have ended: nothing is put here any more.
    pub(super) ended: bool,
}

impl<T: Pooled> Shard<T> {
    pub(super) fn new() -> Self {
        Self {
            warm: VecDeque::new(),
            keyed: VecDeque::new(),
            cold: Vec::new(),
            live: Tally::default(),
            warmth: Tally::default(),
            kept: 0,
            moving: 0,
            ended: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.warm.is_empty() && self.keyed.is_empty() && self.cold.is_empty()
    }

    /// The last released with this key.
    pub(super) fn with_key(&mut self, key: u64) -> Option<T> {
        let mut last = self.keyed.iter_mut().enumerate().rev().take(SEARCHED);
        let found =
            last.find_map(|(place, item)| (item.note().key == Some(key)).then_some(place))?;
        self.keyed.remove(found)
    }

    /// The last released without a key, or one that is cold.
    pub(super) fn without_key(&mut self) -> Option<Idle<T>> {
        let warm = self.warm.pop_back().map(Idle::Warm);
        warm.or_else(|| self.cold.pop().map(Idle::Cold))
    }

    /// The one that has waited longest, to be made cold.
    pub(super) fn coldest(&mut self) -> Option<T> {
        self.warm.pop_front().or_else(|| self.keyed.pop_front())
    }

    /// Makes room for so many items in each of its lists.
    pub(super) fn make_room(&mut self, room: usize) {
        self.warm
            .reserve_exact(room.saturating_sub(self.warm.len()));
        self.keyed
            .reserve_exact(room.saturating_sub(self.keyed.len()));
        self.cold
            .reserve_exact(room.saturating_sub(self.cold.len()));
    }

    /// Gives up the room, with whatever is in the lists.
    pub(super) fn lose_room(&mut self) {
        self.warm = VecDeque::new();
        self.keyed = VecDeque::new();
        self.cold = Vec::new();
    }
}

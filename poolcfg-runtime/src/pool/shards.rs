//! Shards: the free lists, one for each of a few groups of threads.
//!
//! Each item is in exactly one of these places: not carved yet; idle in one shard, warm or cold; taken by an
//! owner; moving, from warm to cold; or retired. Locks are taken in the order gate, shards by their
//! number; `fresh`, then shards by their number.

use std::collections::VecDeque;
use std::fmt;
use std::iter;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::sync::{AtomicI64, AtomicU32, AtomicUsize, Condvar, Mutex, MutexGuard, Padded, lock};
use super::tally::Tally;

/// How many of a shard's idle items with keys are looked at for one key, from the last released on.
const SEARCHED: usize = 64;

/// Where items come from that were never used.
pub(crate) trait Fresh: fmt::Debug {
    /// What is pooled.
    type Item: Item;

    /// The next one; nothing when there is none left, which stays so.
    fn carve(&mut self) -> Option<Self::Item>;

    /// How many there are in all.
    fn most(&self) -> usize;
}

/// What is pooled. It carries its own note, so that the lists, each of which has room for all items, are small.
pub(crate) trait Item: fmt::Debug + Send {
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
enum Idle<T> {
    /// Its pages may still be there.
    Warm(T),
    /// It holds nothing.
    Cold(T),
}

#[derive(Debug)]
struct Shard<T> {
    /// The last released is at the back.
    warm: VecDeque<T>,
    /// The same, of those with a key.
    keyed: VecDeque<T>,
    /// Those that hold nothing.
    cold: Vec<T>,
    live: Tally,
    warmth: Tally,
    kept: u64,
    /// Taken out to be made cold.
    moving: u32,
}

#[derive(Debug)]
struct Source<F> {
    fresh: F,
    carved: usize,
    /// For how many items every list has room.
    room: usize,
}

type Locked<T> = Padded<Mutex<Shard<T>>>;

/// The free lists.
#[derive(Debug)]
pub(crate) struct Shards<F: Fresh> {
    shards: Box<[Locked<F::Item>]>,
    source: Mutex<Source<F>>,
    live: AtomicI64,
    most_live: AtomicI64,
    warm: AtomicI64,
    retired: AtomicU32,
    waiting: AtomicUsize,
    gate: Mutex<()>,
    released: Condvar,
}

/// What the lists hold at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) live: i64,
    pub(crate) warm: i64,
    pub(crate) kept: u64,
}

/// Why nothing is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nothing {
    /// Every item is taken or retired.
    Exhausted,
    /// Some are being made cold, and will be had in a moment.
    Moving,
}

impl<T: Item> Shard<T> {
    fn new() -> Self {
        Self {
            warm: VecDeque::new(),
            keyed: VecDeque::new(),
            cold: Vec::new(),
            live: Tally::default(),
            warmth: Tally::default(),
            kept: 0,
            moving: 0,
        }
    }

    /// The last released with this key.
    fn with_key(&mut self, key: u64) -> Option<T> {
        let mut last = self.keyed.iter_mut().enumerate().rev().take(SEARCHED);
        let found =
            last.find_map(|(place, item)| (item.note().key == Some(key)).then_some(place))?;
        self.keyed.remove(found)
    }

    /// The last released without a key, or one that is cold.
    fn without_key(&mut self) -> Option<Idle<T>> {
        let warm = self.warm.pop_back().map(Idle::Warm);
        warm.or_else(|| self.cold.pop().map(Idle::Cold))
    }

    /// The one that has waited longest, to be made cold.
    fn coldest(&mut self) -> Option<T> {
        self.warm.pop_front().or_else(|| self.keyed.pop_front())
    }
}

impl<F: Fresh> Shards<F> {
    /// Lists of which all items are still to be carved; `count` is a power of two.
    pub(crate) fn new(count: usize, fresh: F) -> Self {
        let shard = || Padded(Mutex::new(Shard::new()));
        Self {
            shards: iter::repeat_with(shard).take(count).collect(),
            source: Mutex::new(Source {
                fresh,
                carved: 0,
                room: 0,
            }),
            live: AtomicI64::new(0),
            most_live: AtomicI64::new(0),
            warm: AtomicI64::new(0),
            retired: AtomicU32::new(0),
            waiting: AtomicUsize::new(0),
            gate: Mutex::new(()),
            released: Condvar::new(),
        }
    }

    /// Takes an item at once: the last released with this key; else the last released without one, of the own
    /// shard first; else a fresh one; else the one with another key that has waited longest.
    pub(crate) fn take(&self, home: usize, key: Option<u64>) -> Option<F::Item> {
        match self.take_now(home, key) {
            Ok(item) => Some(item),
            Err(Nothing::Exhausted) => None,
            Err(Nothing::Moving) => self.take_waiting(home, key, || Some(Instant::now())),
        }
    }

    /// Takes an item as soon as there is one, but not after `deadline`, which is asked for when there is
    /// none.
    pub(crate) fn take_waiting(
        &self,
        home: usize,
        key: Option<u64>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Option<F::Item> {
        if let Ok(item) = self.take_now(home, key) {
            return Some(item);
        }
        let deadline = deadline();
        // Whoever releases either puts the item where the search below sees it, or has been before it in
        // the same shard and sees this number.
        let mut gate = lock(&self.gate);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let taken = loop {
            let nothing = match self.take_now(home, key) {
                Ok(item) => break Some(item),
                Err(nothing) => nothing,
            };
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            gate = match left {
                // What moves is there again in a moment: that is waited for in any case.
                Some(left) if left.is_zero() && nothing == Nothing::Exhausted => break None,
                Some(left) if nothing == Nothing::Exhausted => {
                    let waited = self.released.wait_timeout(gate, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                _ => {
                    let waited = self.released.wait(gate);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        drop(gate);
        taken
    }

    fn take_now(&self, home: usize, key: Option<u64>) -> Result<F::Item, Nothing> {
        key.and_then(|key| self.find(home, |shard| shard.with_key(key).map(Idle::Warm)))
            .or_else(|| self.find(home, Shard::without_key))
            .or_else(|| self.carve(home))
            .or_else(|| self.find(home, |shard| shard.keyed.pop_front().map(Idle::Warm)))
            .map_or_else(|| self.take_from_all(), Ok)
    }

    /// Looks in one shard after the other, the own one first.
    fn find(
        &self,
        home: usize,
        pick: impl Fn(&mut Shard<F::Item>) -> Option<Idle<F::Item>>,
    ) -> Option<F::Item> {
        (0..self.shards.len()).find_map(|step| {
            let mut shard = self.shard(home + step);
            let idle = pick(&mut shard)?;
            Some(self.hand_out(&mut shard, idle))
        })
    }

    /// What the search of one shard after the other may miss: items that went to one that it had passed.
    fn take_from_all(&self) -> Result<F::Item, Nothing> {
        let mut all: Vec<_> = self.shards.iter().map(|shard| lock(&shard.0)).collect();
        for shard in &mut all {
            let coldest = |shard: &mut Shard<F::Item>| shard.coldest().map(Idle::Warm);
            if let Some(idle) = shard.without_key().or_else(|| coldest(shard)) {
                return Ok(self.hand_out(shard, idle));
            }
        }
        Err(if all.iter().any(|shard| shard.moving > 0) {
            Nothing::Moving
        } else {
            Nothing::Exhausted
        })
    }

    /// One that was never used.
    fn carve(&self, home: usize) -> Option<F::Item> {
        let mut source = lock(&self.source);
        let item = source.fresh.carve()?;
        source.carved += 1;
        if source.carved > source.room {
            source.room = source.fresh.most().min(source.carved * 2);
            self.make_room(source.room);
        }
        drop(source);
        self.count_live(&mut self.shard(home));
        Some(item)
    }

    /// So that a release never has to allocate: every list has room for every item.
    fn make_room(&self, room: usize) {
        for shard in &self.shards {
            let mut shard = lock(&shard.0);
            let Shard {
                warm, keyed, cold, ..
            } = &mut *shard;
            warm.reserve_exact(room.saturating_sub(warm.len()));
            keyed.reserve_exact(room.saturating_sub(keyed.len()));
            cold.reserve_exact(room.saturating_sub(cold.len()));
        }
    }

    fn hand_out(&self, shard: &mut Shard<F::Item>, idle: Idle<F::Item>) -> F::Item {
        self.count_live(shard);
        match idle {
            Idle::Warm(item) => self.cool(shard, item),
            Idle::Cold(item) => item,
        }
    }

    /// Counts an item as warm no more.
    fn cool(&self, shard: &mut Shard<F::Item>, mut item: F::Item) -> F::Item {
        shard.kept -= item.note().kept;
        shard.warmth.subtract(&self.warm);
        item
    }

    fn count_live(&self, shard: &mut Shard<F::Item>) {
        if let Some(live) = shard.live.add(&self.live) {
            self.most_live.fetch_max(live, Ordering::Relaxed);
        }
    }

    /// Puts an item back, with `kept` bytes of memory that it holds, and wakes one who waits.
    pub(crate) fn put(&self, home: usize, mut item: F::Item, key: Option<u64>, kept: u64) {
        *item.note() = Note { key, kept };
        let mut shard = self.shard(home);
        shard.live.subtract(&self.live);
        shard.warmth.add(&self.warm);
        shard.kept += kept;
        match key {
            Some(_) => shard.keyed.push_back(item),
            None => shard.warm.push_back(item),
        }
        drop(shard);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            // Not between the search of one who waits and its sleep.
            drop(lock(&self.gate));
            self.released.notify_one();
        }
    }

    /// Puts an item back that holds nothing.
    pub(crate) fn put_closed(&self, home: usize, item: F::Item) {
        let mut shard = self.shard(home);
        shard.live.subtract(&self.live);
        shard.cold.push(item);
    }

    /// Takes an item out of service that is not put back.
    pub(crate) fn retire(&self, home: usize) {
        self.shard(home).live.subtract(&self.live);
        self.retired.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether more than so many items are warm: at times one too many of each shard is counted.
    pub(crate) fn is_warm_above(&self, most: i64) -> bool {
        self.warm.load(Ordering::Relaxed) > most
    }

    /// Takes out warm items until `moving` is full, those first that have waited longest in a shard. Each is
    /// to be given back with [`put_cold`](Self::put_cold).
    pub(crate) fn take_coldest(&self, home: usize, moving: &mut Vec<(usize, F::Item)>) {
        for number in (0..self.shards.len()).map(|step| home + step) {
            let mut shard = self.shard(number);
            while moving.len() < moving.capacity()
                && let Some(item) = shard.coldest()
            {
                shard.moving += 1;
                moving.push((number, self.cool(&mut shard, item)));
            }
        }
    }

    /// Puts an item back that holds nothing any more; nothing instead of one that is out of service.
    pub(crate) fn put_cold(&self, number: usize, item: Option<F::Item>) {
        let mut shard = self.shard(number);
        shard.moving -= 1;
        match item {
            Some(item) => shard.cold.push(item),
            None => drop(self.retired.fetch_add(1, Ordering::Relaxed)),
        }
        drop(shard);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            drop(lock(&self.gate));
            self.released.notify_all();
        }
    }

    /// What the lists hold, all at the same moment.
    pub(crate) fn counts(&self) -> Counts {
        let all: Vec<_> = self.shards.iter().map(|shard| lock(&shard.0)).collect();
        all.iter().fold(Counts::default(), |sum, shard| Counts {
            live: sum.live + shard.live.count(),
            warm: sum.warm + shard.warmth.count(),
            kept: sum.kept + shard.kept,
        })
    }

    /// The most that were ever taken at once; up to one too many for each shard.
    pub(crate) fn most_live(&self) -> i64 {
        self.most_live.load(Ordering::Relaxed)
    }

    /// Items that are out of service.
    pub(crate) fn retired(&self) -> u32 {
        self.retired.load(Ordering::Relaxed)
    }

    fn shard(&self, number: usize) -> MutexGuard<'_, Shard<F::Item>> {
        lock(&self.shards[number & (self.shards.len() - 1)].0)
    }
}

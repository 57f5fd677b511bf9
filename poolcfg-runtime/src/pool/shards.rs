//! Shards: the free lists, one for each of a few groups of threads.
//!
//! Each item is in exactly one of these places: not carved yet; idle in one shard, warm or cold; taken by an
//! owner; moving, from warm to cold; or retired. Locks are taken in the order queue, source, shards by
//! their number.

use std::fmt;
use std::iter;
use std::sync::atomic::Ordering;

use super::queue::Queue;
use super::shard::{Idle, Note, Pooled, Shard};
use super::sync::{AtomicI64, AtomicU32, AtomicUsize, Mutex, MutexGuard, Padded, lock};

/// Where items come from that were never used.
pub(crate) trait Fresh: fmt::Debug {
    /// What is pooled.
    type Item: Pooled;

    /// The next one; `None` if there is none left, which stays so.
    fn carve(&mut self) -> Option<Self::Item>;

    /// How many there are in all.
    fn most(&self) -> usize;
}

#[derive(Debug)]
struct FreshItems<F> {
    /// `None` when the lists have ended.
    fresh: Option<F>,
    carved: usize,
    /// For how many items every list has room.
    room: usize,
}

type Locked<T> = Padded<Mutex<Shard<T>>>;

/// The free lists.
#[derive(Debug)]
pub(crate) struct Shards<F: Fresh> {
    shards: Box<[Locked<F::Item>]>,
    source: Mutex<FreshItems<F>>,
    live: AtomicI64,
    most_live: AtomicI64,
    warm: AtomicI64,
    retired: AtomicU32,
    /// How many are in the queue. Everybody reads it, and it is written only where somebody waits.
    pub(super) waiting: Padded<AtomicUsize>,
    pub(super) queue: Mutex<Queue<F::Item>>,
}

/// What the lists hold at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListCounts {
    pub(crate) live: i64,
    pub(crate) warm: i64,
    pub(crate) kept: u64,
}

/// Why nothing is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nothing {
    /// Every item is taken or retired.
    Exhausted,
    /// Some are being made cold, or are about to be given to those who wait, and may be had in a moment.
    Soon,
}

/// On whose behalf an item is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Of somebody who gets nothing as long as others wait.
    Newcomer,
    /// Of the one who has waited longest.
    First,
}

impl<F: Fresh> Shards<F> {
    /// Lists of which all items are still to be carved; `count` is a power of two.
    pub(crate) fn new(count: usize, fresh: F) -> Self {
        let shard = || Padded(Mutex::new(Shard::new()));
        Self {
            shards: iter::repeat_with(shard).take(count).collect(),
            source: Mutex::new(FreshItems {
                fresh: Some(fresh),
                carved: 0,
                room: 0,
            }),
            live: AtomicI64::new(0),
            most_live: AtomicI64::new(0),
            warm: AtomicI64::new(0),
            retired: AtomicU32::new(0),
            waiting: Padded(AtomicUsize::new(0)),
            queue: Mutex::new(Queue::new()),
        }
    }

    /// Takes an item that is there: see [`take`](Self::take) for which one.
    pub(super) fn take_now(
        &self,
        home: usize,
        key: Option<u64>,
        turn: Turn,
    ) -> Result<F::Item, Nothing> {
        key.and_then(|key| self.find(home, turn, |shard| shard.with_key(key).map(Idle::Warm)))
            .or_else(|| self.find(home, turn, Shard::without_key))
            .or_else(|| self.carve(home))
            .or_else(|| {
                let other = |shard: &mut Shard<_>| shard.keyed.pop_front().map(Idle::Warm);
                self.find(home, turn, other)
            })
            .map_or_else(|| self.take_from_all(turn), Ok)
    }

    /// Whether what is idle goes to others. It is asked under a lock of a shard: whoever waits has searched that
    /// shard before, or will do so after.
    fn is_turn_of_others(&self, turn: Turn) -> bool {
        turn == Turn::Newcomer && self.waiting() > 0
    }

    /// Looks in one shard after the other, the own one first.
    fn find(
        &self,
        home: usize,
        turn: Turn,
        pick: impl Fn(&mut Shard<F::Item>) -> Option<Idle<F::Item>>,
    ) -> Option<F::Item> {
        for step in 0..self.shards.len() {
            let mut shard = self.shard(home + step);
            if self.is_turn_of_others(turn) {
                return None;
            }
            if let Some(idle) = pick(&mut shard) {
                return Some(self.hand_out(&mut shard, idle));
            }
        }
        None
    }

    /// What the search of one shard after the other may miss: items that went to one that it had passed.
    fn take_from_all(&self, turn: Turn) -> Result<F::Item, Nothing> {
        let mut all: Vec<_> = self.shards.iter().map(|shard| lock(&shard.0)).collect();
        let is_others = self.is_turn_of_others(turn);
        for shard in &mut all {
            if is_others {
                break;
            }
            let coldest = |shard: &mut Shard<F::Item>| shard.coldest().map(Idle::Warm);
            if let Some(idle) = shard.without_key().or_else(|| coldest(shard)) {
                return Ok(self.hand_out(shard, idle));
            }
        }
        let may_be_had = |shard: &MutexGuard<'_, Shard<_>>| shard.moving > 0 || !shard.is_empty();
        Err(if all.iter().any(may_be_had) {
            Nothing::Soon
        } else {
            Nothing::Exhausted
        })
    }

    /// One that was never used.
    fn carve(&self, home: usize) -> Option<F::Item> {
        let mut source = lock(&self.source);
        let fresh = source.fresh.as_mut()?;
        let item = fresh.carve()?;
        let most = fresh.most();
        source.carved += 1;
        if source.carved > source.room {
            source.room = most.min(source.carved * 2);
            self.make_room(source.room);
        }
        drop(source);
        self.count_live(&mut self.shard(home));
        Some(item)
    }

    /// So that a release never has to allocate: every list has room for every item.
    fn make_room(&self, room: usize) {
        for shard in &self.shards {
            lock(&shard.0).make_room(room);
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

    /// Puts an item back, with `kept` bytes of memory that it holds, and gives it to one who waits.
    ///
    /// # Errors
    /// The item when the lists have [ended](Self::end).
    pub(crate) fn put(
        &self,
        home: usize,
        mut item: F::Item,
        key: Option<u64>,
        kept: u64,
    ) -> Result<(), F::Item> {
        *item.note() = Note { key, kept };
        let mut shard = self.shard(home);
        shard.live.subtract(&self.live);
        if shard.ended {
            return Err(item);
        }
        shard.warmth.add(&self.warm);
        shard.kept += kept;
        match key {
            Some(_) => shard.keyed.push_back(item),
            None => shard.warm.push_back(item),
        }
        drop(shard);
        self.serve_if_waiting();
        Ok(())
    }

    /// Puts an item back that holds nothing.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub(crate) fn put_closed(&self, home: usize, item: F::Item) -> Result<(), F::Item> {
        let mut shard = self.shard(home);
        shard.live.subtract(&self.live);
        if shard.ended {
            return Err(item);
        }
        shard.cold.push(item);
        drop(shard);
        self.serve_if_waiting();
        Ok(())
    }

    /// Takes an item out of service that is not put back.
    pub(crate) fn retire(&self, home: usize) {
        self.shard(home).live.subtract(&self.live);
        self.retired.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets warm items be closed when there are `batch` more than `most`, or more than that: one after the other
    /// by `close_one`, which says whether there was one, until `most` are left, and up to a batch.
    ///
    /// To be called after each [`put`](Self::put). When all calls are done, fewer than `most` and `batch` are
    /// warm: since the last time at which that was so, each call that followed a put has closed one at least.
    pub(crate) fn trim(&self, most: i64, batch: i64, mut close_one: impl FnMut() -> bool) {
        if !self.is_warm_above(most.saturating_add(batch) - 1) {
            return;
        }
        for _ in 0..batch {
            if !self.is_warm_above(most) || !close_one() {
                return;
            }
        }
    }

    /// Whether more than so many items are warm: at times one too many of each shard is counted, and never
    /// one too few.
    fn is_warm_above(&self, most: i64) -> bool {
        self.warm.load(Ordering::Relaxed) > most
    }

    /// Takes out the warm item that was released first, of the own shard if it has one. It is to be given back
    /// with [`put_cold`](Self::put_cold), with the number that it comes with.
    ///
    /// `None` if no item is warm, at one moment of the call.
    pub(crate) fn take_coldest(&self, home: usize) -> Option<(usize, F::Item)> {
        let take = |number: usize, shard: &mut Shard<F::Item>| {
            let item = shard.coldest()?;
            shard.moving += 1;
            Some((number, self.cool(shard, item)))
        };
        let numbers = || (0..self.shards.len()).map(|step| home + step);
        numbers()
            .find_map(|number| take(number, &mut self.shard(number)))
            .or_else(|| {
                // It may have gone to a shard that was passed.
                let mut all: Vec<_> = self.shards.iter().map(|shard| lock(&shard.0)).collect();
                let mut all = all.iter_mut().enumerate();
                all.find_map(|(number, shard)| take(number, shard))
            })
    }

    /// Puts an item back that holds nothing any more.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub(crate) fn put_cold(&self, number: usize, item: F::Item) -> Result<(), F::Item> {
        let mut shard = self.shard(number);
        shard.moving -= 1;
        if shard.ended {
            return Err(item);
        }
        shard.cold.push(item);
        drop(shard);
        self.serve_if_waiting();
        Ok(())
    }

    /// Takes an item out of service that could not be made cold.
    pub(crate) fn retire_moving(&self, number: usize) {
        self.shard(number).moving -= 1;
        self.retired.fetch_add(1, Ordering::Relaxed);
        // Who is hasty may have waited for this one.
        self.serve_if_waiting();
    }

    /// Ends the lists: gives all that is idle, and where items come from. What is put back from now on is not
    /// taken. Nobody waits any more.
    pub(crate) fn end(&self) -> (Vec<F::Item>, Option<F>) {
        let mut items = Vec::new();
        let fresh = lock(&self.source).fresh.take();
        for shard in &self.shards {
            let mut shard = lock(&shard.0);
            shard.ended = true;
            while let Some(item) = shard.coldest() {
                let item = self.cool(&mut shard, item);
                items.push(item);
            }
            items.append(&mut shard.cold);
            shard.lose_room();
        }
        (items, fresh)
    }

    /// What the lists hold, all at the same moment.
    pub(crate) fn counts(&self) -> ListCounts {
        let all: Vec<_> = self.shards.iter().map(|shard| lock(&shard.0)).collect();
        all.iter()
            .fold(ListCounts::default(), |sum, shard| ListCounts {
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

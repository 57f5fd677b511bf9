//! The free lists, with numbers in place of slots: nothing here calls the system.

use std::time::{Duration, Instant};

use super::Numbers;
use crate::pool::shards::{Counts, Shards};

fn shards(count: usize, items: u32) -> Shards<Numbers> {
    Shards::new(count, Numbers { left: items })
}

#[test]
fn the_last_released_is_taken_first_and_fresh_ones_last() {
    let shards = shards(1, 3);
    let first = shards.take(0, None).expect("a fresh one");
    let second = shards.take(0, None).expect("a fresh one");
    shards.put(0, first, None, 0);
    shards.put(0, second, None, 0);
    assert_eq!(shards.take(0, None), Some(second));
    assert_eq!(shards.take(0, None), Some(first));
    let third = shards.take(0, None).expect("a fresh one");
    assert!(![first, second].contains(&third));
    assert_eq!(shards.take(0, None), None);
}

#[test]
fn a_key_gets_its_own_back_then_one_without_then_a_fresh_one_and_others_last() {
    let shards = shards(2, 4);
    let taken: Vec<_> = (0..3).map(|_| shards.take(0, None).expect("one")).collect();
    let [red, blue, none] = taken[..] else {
        panic!("{taken:?}");
    };
    // Also when another thread has released it.
    shards.put(1, red, Some(1), 0);
    shards.put(0, blue, Some(2), 0);
    shards.put(0, none, None, 0);
    assert_eq!(shards.take(0, Some(1)), Some(red));
    assert_eq!(shards.take(0, Some(1)), Some(none));
    let fresh = shards.take(0, Some(1)).expect("a fresh one");
    assert!(!taken.contains(&fresh));
    assert_eq!(shards.take(0, Some(1)), Some(blue));
    assert_eq!(shards.take(0, Some(1)), None);
    // Of two with other keys, the one that has waited longest.
    shards.put(0, blue, Some(2), 0);
    shards.put(0, red, Some(1), 0);
    assert_eq!(shards.take(0, None), Some(blue));
}

#[test]
fn what_is_idle_in_any_shard_is_had_from_any_other() {
    let shards = shards(4, 4);
    let items: Vec<_> = (0..4).map(|_| shards.take(0, None).expect("one")).collect();
    for (home, item) in items.into_iter().enumerate() {
        shards.put(home, item, None, 0);
    }
    for _ in 0..4 {
        assert!(shards.take(2, None).is_some());
    }
    assert_eq!(shards.take(2, None), None);
}

#[test]
fn counts_are_exact_and_the_most_is_one_too_high_for_each_shard_at_most() {
    let shards = shards(2, 6);
    let mut items: Vec<_> = (0..5).map(|_| shards.take(0, None).expect("one")).collect();
    // Released by other threads than those that took them.
    for item in items.drain(1..) {
        shards.put(1, item, None, 10);
    }
    let counts = Counts {
        live: 1,
        warm: 4,
        kept: 40,
    };
    assert_eq!(shards.counts(), counts);
    items.extend((0..5).map(|_| shards.take(0, None).expect("one")));
    assert_eq!(shards.counts().live, 6);
    assert!((6..=7).contains(&shards.most_live()), "{shards:?}");
    shards.retire(0);
    assert_eq!((shards.counts().live, shards.retired()), (5, 1));
}

#[test]
fn the_coldest_are_closed_first_and_are_had_again() {
    let shards = shards(1, 4);
    let items: Vec<_> = (0..4).map(|_| shards.take(0, None).expect("one")).collect();
    for item in &items {
        shards.put(0, *item, None, 1);
    }
    assert!(shards.is_warm_above(3) && !shards.is_warm_above(4));
    let mut moving = Vec::with_capacity(2);
    shards.take_coldest(0, &mut moving);
    assert_eq!(moving, [(0, items[0]), (0, items[1])]);
    assert_eq!(shards.counts().warm, 2);
    shards.put_cold(0, Some(items[0]));
    // One that could not be closed.
    shards.put_cold(0, None);
    for expected in [items[3], items[2], items[0]] {
        assert_eq!(shards.take(0, None), Some(expected));
    }
    assert_eq!(shards.take(0, None), None);
    assert_eq!(shards.retired(), 1);
}

#[test]
fn a_wait_ends_with_what_is_released_or_without_anything() {
    let shards = shards(2, 1);
    let item = shards.take(0, None).expect("one");
    let at_once = || Some(Instant::now());
    assert_eq!(shards.take_waiting(0, None, at_once), None);
    let an_hour = || Instant::now().checked_add(Duration::from_secs(3600));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| shards.take_waiting(0, None, an_hour));
        shards.put(1, item, Some(7), 0);
        assert_eq!(waiting.join().expect("it ends"), Some(item));
    });
}

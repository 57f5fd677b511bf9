//! The free lists, with numbers in place of slots: nothing here calls the system.

use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::{NumberedItem, NumberedItems};
use crate::pool::shards::{ListCounts, Shards};

fn shards(count: usize, items: u32) -> Shards<NumberedItems> {
    Shards::new(count, NumberedItems { left: items })
}

fn put(
    shards: &Shards<NumberedItems>,
    home: usize,
    item: NumberedItem,
    key: Option<u64>,
    kept: u64,
) {
    shards
        .put(home, item, key, kept)
        .expect("the lists have not ended");
}

#[test]
fn the_last_released_is_taken_first_and_fresh_ones_last() {
    let shards = shards(1, 3);
    let first = shards.take(0, None).expect("a fresh one");
    let second = shards.take(0, None).expect("a fresh one");
    put(&shards, 0, first, None, 0);
    put(&shards, 0, second, None, 0);
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
    put(&shards, 1, red, Some(1), 0);
    put(&shards, 0, blue, Some(2), 0);
    put(&shards, 0, none, None, 0);
    assert_eq!(shards.take(0, Some(1)), Some(red));
    assert_eq!(shards.take(0, Some(1)), Some(none));
    let fresh = shards.take(0, Some(1)).expect("a fresh one");
    assert!(!taken.contains(&fresh));
    assert_eq!(shards.take(0, Some(1)), Some(blue));
    assert_eq!(shards.take(0, Some(1)), None);
    // Of two with other keys, the one that has waited longest.
    put(&shards, 0, blue, Some(2), 0);
    put(&shards, 0, red, Some(1), 0);
    assert_eq!(shards.take(0, None), Some(blue));
}

#[test]
fn what_is_idle_in_any_shard_is_had_from_any_other() {
    let shards = shards(4, 4);
    let items: Vec<_> = (0..4).map(|_| shards.take(0, None).expect("one")).collect();
    for (home, item) in items.into_iter().enumerate() {
        put(&shards, home, item, None, 0);
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
        put(&shards, 1, item, None, 10);
    }
    let counts = ListCounts {
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
        put(&shards, 0, *item, None, 1);
    }
    assert_eq!(shards.take_coldest(0), Some((0, items[0])));
    assert_eq!(shards.take_coldest(0), Some((0, items[1])));
    assert_eq!(shards.counts().warm, 2);
    assert_eq!(shards.put_cold(0, items[0]), Ok(()));
    // One that could not be closed.
    shards.retire_moving(0);
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
        put(&shards, 1, item, Some(7), 0);
        assert_eq!(waiting.join().expect("it ends"), Some(item));
    });
}

/// Closes the coldest, as the pool does.
fn close_one(shards: &Shards<NumberedItems>) -> bool {
    let coldest = shards.take_coldest(0);
    coldest.is_some_and(|(number, item)| shards.put_cold(number, item).is_ok())
}

#[test]
fn a_batch_is_closed_when_it_is_complete() {
    let shards = shards(1, 8);
    let items: Vec<_> = (0..8).map(|_| shards.take(0, None).expect("one")).collect();
    let warm = items.iter().map(|item| {
        put(&shards, 0, *item, None, 1);
        shards.trim(2, 3, || close_one(&shards));
        shards.counts().warm
    });
    assert_eq!(warm.collect::<Vec<_>>(), [1, 2, 3, 4, 2, 3, 4, 2]);
}

#[test]
fn items_are_handed_to_those_who_wait_in_the_order_in_which_they_came() {
    let shards = shards(4, 2);
    let items = [0, 1].map(|home| shards.take(home, None).expect("one"));
    let tickets = [3, 1, 2].map(|home| shards.line_up(home, None, false, Waker::noop().clone()));
    assert_eq!(shards.waiting(), 3);
    // A newcomer is no exception, and neither is one who looks for its key.
    put(&shards, 1, items[0], Some(7), 0);
    assert_eq!(shards.take(1, Some(7)), None);
    assert_eq!(tickets[0].poll(), Poll::Ready(Some(items[0])));
    assert_eq!(tickets[1].poll(), Poll::Pending);
    put(&shards, 1, items[1], None, 0);
    put(&shards, 2, items[0], None, 0);
    assert_eq!(tickets[1].poll(), Poll::Ready(Some(items[1])));
    assert_eq!(tickets[2].poll(), Poll::Ready(Some(items[0])));
    assert_eq!((shards.waiting(), shards.counts().live), (0, 2));
}

#[test]
fn who_does_not_wait_any_more_is_passed_over() {
    let shards = shards(1, 1);
    let item = shards.take(0, None).expect("one");
    let first = shards.line_up(0, None, false, Waker::noop().clone());
    let second = shards.line_up(0, None, false, Waker::noop().clone());
    assert_eq!(shards.await_turn(&first, Some(Instant::now())), None);
    assert_eq!(shards.waiting(), 1);
    put(&shards, 0, item, None, 0);
    assert_eq!(second.poll(), Poll::Ready(Some(item)));
}

#[test]
fn lists_that_have_ended_give_everything_back_and_take_nothing() {
    let shards = shards(2, 8);
    let items: Vec<_> = (0..5).map(|_| shards.take(0, None).expect("one")).collect();
    put(&shards, 0, items[0], None, 5);
    put(&shards, 1, items[1], Some(1), 5);
    assert_eq!(shards.put_closed(1, items[2]), Ok(()));
    let (moving, _) = shards.take_coldest(0).expect("two are warm");
    let (idle, fresh) = shards.end();
    assert_eq!(idle.len(), 2);
    assert_eq!(fresh.map(|fresh| fresh.left), Some(3));
    assert_eq!(shards.put_cold(moving, items[0]), Err(items[0]));
    assert_eq!(shards.put(0, items[3], None, 5), Err(items[3]));
    assert_eq!(shards.put_closed(0, items[4]), Err(items[4]));
    assert_eq!(shards.counts(), ListCounts::default());
    assert_eq!(shards.take(0, None), None);
}

//! The free lists under all orders in which three threads may run: `cargo xtask test`, suite `loom`.
//!
//! Each thread does as little as shows what is promised: the orders multiply with every lock.

use std::task::{Poll, Waker};
use std::time::Instant;

use loom::sync::Arc;
use loom::thread;

use super::{NumberedItem, NumberedItems};
use crate::pool::shards::Shards;
use crate::pool::sync::{park_until, waker};

/// Lists with these items idle in these shards, and `fresh` more that were never used.
fn shards(count: usize, idle: &[usize], fresh: u32) -> Arc<Shards<NumberedItems>> {
    let items = u32::try_from(idle.len()).expect("few") + fresh;
    let shards = Arc::new(Shards::new(count, NumberedItems { left: items }));
    let taken: Vec<_> = idle.iter().map(|_| shards.take(0, None)).collect();
    for (home, item) in idle.iter().zip(taken) {
        put(&shards, *home, item.expect("fresh"));
    }
    shards
}

fn put(shards: &Shards<NumberedItems>, home: usize, item: NumberedItem) {
    shards
        .put(home, item, None, 1)
        .expect("the lists have not ended");
}

fn spawn<T: 'static>(
    shards: &Arc<Shards<NumberedItems>>,
    work: impl FnOnce(&Shards<NumberedItems>) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shards = Arc::clone(shards);
    thread::spawn(move || work(&shards))
}

#[test]
fn three_threads_get_three_items_and_never_the_same() {
    loom::model(|| {
        let shards = shards(2, &[0, 1], 1);
        let one = spawn(&shards, |shards| shards.take(0, None));
        let two = spawn(&shards, |shards| shards.take(0, None));
        let mut all = [
            shards.take(1, None),
            one.join().expect("no panic"),
            two.join().expect("no panic"),
        ]
        .map(|item| item.map(|item| item.0));
        all.sort_unstable();
        assert_eq!(all, [Some(0), Some(1), Some(2)]);
        assert_eq!(shards.counts().live, 3);
    });
}

#[test]
fn an_item_that_goes_from_shard_to_shard_is_missed_by_nobody() {
    loom::model(|| {
        // At every moment one of the two is idle, and at times not where it was.
        let shards = shards(2, &[1], 0);
        let moves = spawn(&shards, |shards| {
            if let Some(item) = shards.take(1, None) {
                put(shards, 0, item);
            }
        });
        let other = spawn(&shards, |shards| shards.counts());
        let had = shards.take(0, None);
        moves.join().expect("no panic");
        let counts = other.join().expect("no panic");
        assert!((0..=1).contains(&counts.live) && counts.warm + counts.live == 1);
        assert_eq!(had.is_none(), shards.take(1, None).is_some());
    });
}

#[test]
fn who_waits_is_woken_whatever_the_order() {
    loom::model(|| {
        let shards = shards(2, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        // For ever, if no wake-up comes.
        let waits = spawn(&shards, |shards| shards.take_waiting(0, None, || None));
        put(&shards, 1, item);
        assert_eq!(waits.join().expect("no panic"), Some(item));
        assert_eq!((shards.waiting(), shards.counts().live), (0, 1));
    });
}

/// Of these orders there are too many: those with up to three forced switches are tried.
fn with_few_switches(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

#[test]
fn who_waits_is_woken_when_two_release_at_once() {
    with_few_switches(|| {
        let shards = shards(1, &[], 2);
        let [one, two] = [0, 1].map(|_| shards.take(0, None).expect("fresh"));
        let waits = spawn(&shards, |shards| shards.take_waiting(0, None, || None));
        let puts = spawn(&shards, move |shards| put(shards, 0, one));
        put(&shards, 0, two);
        puts.join().expect("no panic");
        assert!(waits.join().expect("no panic").is_some());
        assert!(shards.take(0, None).is_some());
    });
}

#[test]
fn of_two_who_wait_for_one_item_each_has_its_turn() {
    with_few_switches(|| {
        let shards = shards(2, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let [one, two] = [0, 1].map(|home| {
            spawn(&shards, move |shards| {
                let item = shards.take_waiting(home, None, || None).expect("released");
                put(shards, home, item);
            })
        });
        put(&shards, 1, item);
        one.join().expect("no panic");
        two.join().expect("no panic");
        assert_eq!(shards.counts().live, 0);
    });
}

/// Makes the coldest cold.
fn close_one(shards: &Shards<NumberedItems>) -> bool {
    let coldest = shards.take_coldest(0);
    coldest.is_some_and(|(number, item)| shards.put_cold(number, item).is_ok())
}

#[test]
fn items_that_are_being_closed_are_held_back_from_nobody() {
    loom::model(|| {
        let shards = shards(1, &[0], 0);
        let closing = spawn(&shards, close_one);
        let counting = spawn(&shards, |shards| shards.counts());
        assert!(shards.take(0, None).is_some());
        closing.join().expect("no panic");
        assert!((0..=1).contains(&counting.join().expect("no panic").live));
    });
}

#[test]
fn of_two_who_want_an_item_that_is_being_closed_one_has_it_and_the_other_an_answer() {
    with_few_switches(|| {
        let shards = shards(1, &[0], 0);
        let closing = spawn(&shards, close_one);
        let other = spawn(&shards, |shards| shards.take(0, None));
        let one = shards.take(0, None);
        closing.join().expect("no panic");
        let other = other.join().expect("no panic");
        assert_eq!(u32::from(one.is_some()) + u32::from(other.is_some()), 1);
        assert_eq!(shards.waiting(), 0);
    });
}

#[test]
fn nobody_overtakes_one_who_waits() {
    with_few_switches(|| {
        let shards = shards(2, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let ticket = shards.line_up(1, None, false, Waker::noop().clone());
        let greedy = spawn(&shards, move |shards| {
            put(shards, 0, item);
            shards.take(0, None)
        });
        let newcomer = spawn(&shards, |shards| shards.take(1, None));
        assert_eq!(greedy.join().expect("no panic"), None);
        assert_eq!(newcomer.join().expect("no panic"), None);
        assert_eq!(ticket.poll(), Poll::Ready(Some(item)));
        assert_eq!((shards.waiting(), shards.counts().live), (0, 1));
    });
}

/// Waits as a future does, on this thread.
fn take_polling(shards: &Shards<NumberedItems>, home: usize) -> NumberedItem {
    let mut ticket = None;
    loop {
        // Another one each time: the last is the one that counts.
        match shards.poll_take(home, None, &mut ticket, &waker()) {
            Poll::Ready(item) => return item,
            Poll::Pending => park_until(None),
        }
    }
}

#[test]
fn a_future_is_woken_whatever_the_order() {
    loom::model(|| {
        let shards = shards(2, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let waits = spawn(&shards, |shards| take_polling(shards, 0));
        put(&shards, 1, item);
        assert_eq!(waits.join().expect("no panic"), item);
        assert_eq!((shards.waiting(), shards.counts().live), (0, 1));
    });
}

#[test]
fn a_future_and_one_who_blocks_each_have_their_turn() {
    with_few_switches(|| {
        let shards = shards(1, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let polls = spawn(&shards, |shards| {
            let item = take_polling(shards, 0);
            put(shards, 0, item);
        });
        let blocks = spawn(&shards, |shards| {
            let item = shards.take_waiting(0, None, || None).expect("released");
            put(shards, 0, item);
        });
        put(&shards, 0, item);
        polls.join().expect("no panic");
        blocks.join().expect("no panic");
        assert_eq!((shards.waiting(), shards.counts().live), (0, 0));
    });
}

#[test]
fn a_future_that_is_dropped_gives_its_turn_to_the_next() {
    with_few_switches(|| {
        let shards = shards(1, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let mut first = None;
        let polled = shards.poll_take(0, None, &mut first, Waker::noop());
        assert_eq!(polled, Poll::Pending);
        let second = spawn(&shards, |shards| {
            let item = shards.take_waiting(0, None, || None).expect("released");
            put(shards, 0, item);
        });
        let leaves = spawn(&shards, move |shards| {
            if let Some(item) = shards.leave(&first.expect("a ticket")) {
                put(shards, 0, item);
            }
        });
        put(&shards, 0, item);
        second.join().expect("no panic");
        leaves.join().expect("no panic");
        assert_eq!((shards.waiting(), shards.counts().live), (0, 0));
    });
}

#[test]
fn a_future_that_is_polled_with_another_waker_while_it_is_settled_misses_nothing() {
    loom::model(|| {
        let shards = shards(1, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let mut ticket = None;
        let polled = shards.poll_take(0, None, &mut ticket, Waker::noop());
        assert_eq!(polled, Poll::Pending);
        let waits = spawn(&shards, move |shards| {
            loop {
                match shards.poll_take(0, None, &mut ticket, &waker()) {
                    Poll::Ready(item) => return item,
                    Poll::Pending => park_until(None),
                }
            }
        });
        put(&shards, 0, item);
        assert_eq!(waits.join().expect("no panic"), item);
    });
}

#[test]
fn an_item_that_comes_when_the_time_is_over_is_not_lost() {
    loom::model(|| {
        let shards = shards(1, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let waits = spawn(&shards, |shards| {
            shards.take_waiting(0, None, || Some(Instant::now()))
        });
        put(&shards, 0, item);
        let had = waits.join().expect("no panic");
        assert_eq!(had.is_none(), shards.take(0, None).is_some());
        assert_eq!((shards.waiting(), shards.counts().live), (0, 1));
    });
}

#[test]
fn an_item_goes_to_the_next_when_the_time_of_the_first_is_over() {
    with_few_switches(|| {
        let shards = shards(1, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let first = shards.line_up(0, None, false, Waker::noop().clone());
        let second = spawn(&shards, |shards| {
            let item = shards.take_waiting(0, None, || None).expect("released");
            put(shards, 0, item);
        });
        let leaves = spawn(&shards, move |shards| {
            if let Some(item) = shards.await_turn(&first, Some(Instant::now())) {
                put(shards, 0, item);
            }
        });
        put(&shards, 0, item);
        second.join().expect("no panic");
        leaves.join().expect("no panic");
        assert_eq!((shards.waiting(), shards.counts().live), (0, 0));
    });
}

#[test]
fn when_all_releases_are_done_no_more_are_warm_than_may_be() {
    with_few_switches(|| {
        let shards = shards(2, &[], 3);
        let [one, two, three] = [0, 1, 1].map(|home| shards.take(home, None).expect("fresh"));
        let release = |home, item| {
            move |shards: &Shards<NumberedItems>| {
                put(shards, home, item);
                shards.trim(1, 1, || close_one(shards));
            }
        };
        let first = spawn(&shards, release(0, one));
        let second = spawn(&shards, release(1, two));
        release(1, three)(&shards);
        first.join().expect("no panic");
        second.join().expect("no panic");
        let counts = shards.counts();
        assert!(counts.live == 0 && counts.warm < 2, "{counts:?}");
    });
}

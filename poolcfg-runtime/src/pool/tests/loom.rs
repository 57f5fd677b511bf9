//! The free lists under all orders in which three threads may run: `cargo xtask test`, suite `loom`.
//!
//! Each thread does as little as shows what is promised: the orders multiply with every lock.

use loom::sync::Arc;
use loom::thread;

use super::Numbers;
use crate::pool::shards::Shards;

/// Lists with these items idle in these shards, and `fresh` more that were never used.
fn shards(count: usize, idle: &[usize], fresh: u32) -> Arc<Shards<Numbers>> {
    let items = u32::try_from(idle.len()).expect("few") + fresh;
    let shards = Arc::new(Shards::new(count, Numbers { left: items }));
    let taken: Vec<_> = idle.iter().map(|_| shards.take(0, None)).collect();
    for (home, item) in idle.iter().zip(taken) {
        shards.put(*home, item.expect("fresh"), None, 1);
    }
    shards
}

fn spawn<T: 'static>(
    shards: &Arc<Shards<Numbers>>,
    work: impl FnOnce(&Shards<Numbers>) -> T + 'static,
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
                shards.put(0, item, None, 1);
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
        let shards = shards(1, &[], 2);
        let [one, two] = [0, 1].map(|_| shards.take(0, None).expect("fresh"));
        // For ever, if no wake-up comes.
        let waits = spawn(&shards, |shards| shards.take_waiting(0, None, || None));
        let puts = spawn(&shards, move |shards| shards.put(0, one, None, 0));
        shards.put(0, two, None, 0);
        puts.join().expect("no panic");
        assert!(waits.join().expect("no panic").is_some());
    });
}

/// Of these orders there are too many: those with up to three forced switches are tried.
#[test]
fn of_two_who_wait_for_one_item_each_has_its_turn() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let shards = shards(2, &[], 1);
        let item = shards.take(0, None).expect("fresh");
        let [one, two] = [0, 1].map(|home| {
            spawn(&shards, move |shards| {
                let item = shards.take_waiting(home, None, || None).expect("released");
                shards.put(home, item, None, 0);
            })
        });
        shards.put(1, item, None, 0);
        one.join().expect("no panic");
        two.join().expect("no panic");
        assert_eq!(shards.counts().live, 0);
    });
}

#[test]
fn items_that_are_being_closed_are_held_back_from_nobody() {
    loom::model(|| {
        let shards = shards(1, &[0], 0);
        let closing = spawn(&shards, |shards| {
            let mut moving = Vec::with_capacity(1);
            shards.take_coldest(0, &mut moving);
            for (number, item) in moving {
                shards.put_cold(number, Some(item));
            }
        });
        let counting = spawn(&shards, |shards| shards.counts());
        assert!(shards.take(0, None).is_some());
        closing.join().expect("no panic");
        assert!((0..=1).contains(&counting.join().expect("no panic").live));
    });
}

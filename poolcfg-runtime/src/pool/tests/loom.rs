//! The free lists under all orders in which three threads may run: `cargo xtask test`, suite `loom`.

use loom::sync::Arc;
use loom::thread;

use super::Numbers;
use crate::pool::shards::Shards;

/// Tries every order with so many forced switches; two find what these lists could get wrong, and three
/// threads with locks have too many orders without a bound.
fn all_orders(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = std::env::var("BOUND")
        .ok()
        .and_then(|bound| bound.parse().ok());
    builder.check(body);
}

fn shards(count: usize, items: u32) -> Arc<Shards<Numbers>> {
    Arc::new(Shards::new(count, Numbers { left: items }))
}

#[test]
fn three_threads_with_three_items_each_get_one_and_never_the_same() {
    all_orders(|| {
        let shards = shards(2, 3);
        // Idle, and in another shard than one of the threads looks in first.
        let item = shards.take(0, None).expect("fresh");
        shards.put(0, item, None, 0);
        let threads = [0, 1].map(|home| {
            let shards = Arc::clone(&shards);
            thread::spawn(move || {
                let item = shards.take(home, None).expect("never exhausted");
                shards.put(home, item, None, 1);
            })
        });
        let item = shards.take(1, Some(1)).expect("never exhausted");
        shards.put(1, item, Some(1), 1);
        threads.map(|thread| thread.join().expect("no panic"));
        let counts = shards.counts();
        assert_eq!(counts.live, 0);
        let mut all: Vec<_> = (0..3).map(|_| shards.take(0, None)).collect();
        all.sort_unstable();
        assert_eq!(all, [Some(0), Some(1), Some(2)]);
        assert_eq!(shards.take(0, None), None);
    });
}

#[test]
fn who_waits_is_woken_whatever_the_order() {
    all_orders(|| {
        let shards = shards(2, 1);
        let item = shards.take(0, None).expect("fresh");
        let threads = [0, 1].map(|home| {
            let shards = Arc::clone(&shards);
            thread::spawn(move || {
                // For ever, if no wake-up comes.
                let item = shards.take_waiting(home, None, || None).expect("released");
                shards.put(home, item, None, 0);
            })
        });
        shards.put(1, item, None, 0);
        threads.map(|thread| thread.join().expect("no panic"));
        assert_eq!(shards.counts().live, 0);
    });
}

#[test]
fn items_that_are_being_closed_are_held_back_from_nobody() {
    all_orders(|| {
        let shards = shards(2, 2);
        let items = [0, 1].map(|_| shards.take(0, None).expect("fresh"));
        items.map(|item| shards.put(0, item, None, 1));
        let closing = {
            let shards = Arc::clone(&shards);
            thread::spawn(move || {
                let mut moving = Vec::with_capacity(2);
                shards.take_coldest(1, &mut moving);
                for (number, item) in moving {
                    shards.put_cold(number, Some(item));
                }
            })
        };
        let other = {
            let shards = Arc::clone(&shards);
            thread::spawn(move || {
                let item = shards.take(1, None).expect("two items for two threads");
                shards.put(1, item, None, 1);
            })
        };
        let item = shards.take(0, None).expect("two items for two threads");
        shards.put(0, item, None, 1);
        closing.join().expect("no panic");
        other.join().expect("no panic");
        assert!(shards.take(0, None).is_some() && shards.take(0, None).is_some());
        assert_eq!(shards.take(0, None), None);
    });
}

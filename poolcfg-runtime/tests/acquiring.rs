//! Waiting as a future: fair with those that block, and nothing is lost when it is dropped. The executor is a
//! dozen lines: the pool needs none.

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use common::limits;
use poolcfg_runtime::{AcquireError, AcquireOptions, GrowError, Pool, Size, Slot};

type Outcome = Result<Slot, AcquireError>;

fn pool(instances: u32) -> Pool {
    let reserved = limits(instances, Size::mib(4), Size::mib(2)).recheck();
    Pool::new(reserved.expect("a small pool fits")).expect("a small pool opens")
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counter(AtomicU32);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counter {
    fn woken(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Wakes a thread.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The executor.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn poll<F: Future<Output = Outcome>>(future: Pin<&mut F>, counter: &Arc<Counter>) -> Poll<Outcome> {
    let waker = Waker::from(Arc::clone(counter));
    future.poll(&mut Context::from_waker(&waker))
}

fn waits(polled: &Poll<Outcome>) -> bool {
    polled.is_pending()
}

fn slot(polled: Poll<Outcome>) -> Slot {
    match polled {
        Poll::Ready(outcome) => outcome.expect("a slot"),
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_slot_that_is_there_is_had_at_once_and_as_asked_for() {
    let pool = pool(1);
    let options = AcquireOptions::new().memory(1 << 20);
    let slot = block_on(pool.acquire_async(options)).expect("a slot");
    assert_eq!(slot.memory().len(), 1 << 20);
    drop(slot);
    let error = block_on(pool.acquire_async(AcquireOptions::new().memory(usize::MAX)));
    assert!(matches!(
        error,
        Err(AcquireError::Open(GrowError::AboveCapacity { .. }))
    ));
    assert_eq!(pool.statistics().live, 0);
}

#[test]
fn futures_are_served_in_the_order_of_their_first_polls_and_newcomers_after_them() {
    let pool = pool(1);
    let taken = pool.acquire().expect("a slot");
    let counters = [0, 1].map(|_| Arc::new(Counter::default()));
    let mut first = pin!(pool.acquire_async(AcquireOptions::new()));
    let mut second = pin!(pool.acquire_async(AcquireOptions::new()));
    assert!(waits(&poll(second.as_mut(), &counters[1])));
    assert!(waits(&poll(first.as_mut(), &counters[0])));
    assert_eq!(pool.statistics().waiting, 2);
    drop(taken);
    assert_eq!(counters.each_ref().map(|counter| counter.woken()), [0, 1]);
    assert!(matches!(pool.acquire(), Err(AcquireError::Exhausted(_))));
    let had = slot(poll(second.as_mut(), &counters[1]));
    assert!(waits(&poll(first.as_mut(), &counters[0])));
    drop(had);
    assert_eq!(counters[0].woken(), 1);
    drop(slot(poll(first.as_mut(), &counters[0])));
    assert_eq!((pool.statistics().live, pool.statistics().waiting), (0, 0));
}

#[test]
fn one_who_blocks_and_a_future_wait_in_one_queue() {
    let pool = pool(1);
    let taken = pool.acquire().expect("a slot");
    let counter = Arc::new(Counter::default());
    let mut future = pin!(pool.acquire_async(AcquireOptions::new()));
    assert!(waits(&poll(future.as_mut(), &counter)));
    thread::scope(|scope| {
        let blocks = scope.spawn(|| {
            let options = AcquireOptions::new().wait(Duration::MAX);
            pool.acquire_with(options).map(drop)
        });
        while pool.statistics().waiting < 2 {
            thread::yield_now();
        }
        drop(taken);
        // The future came first, and the other waits until it is done.
        assert_eq!((counter.woken(), pool.statistics().waiting), (1, 1));
        drop(slot(poll(future.as_mut(), &counter)));
        blocks.join().expect("no panic").expect("a slot");
    });
    assert_eq!(pool.statistics().live, 0);
}

#[test]
fn a_future_that_is_dropped_before_its_turn_leaves_the_queue() {
    let pool = pool(1);
    let taken = pool.acquire().expect("a slot");
    let counter = Arc::new(Counter::default());
    let mut first = Box::pin(pool.acquire_async(AcquireOptions::new()));
    let mut second = pin!(pool.acquire_async(AcquireOptions::new()));
    assert!(waits(&poll(first.as_mut(), &counter)));
    assert!(waits(&poll(second.as_mut(), &counter)));
    drop(first);
    assert_eq!((pool.statistics().waiting, counter.woken()), (1, 0));
    drop(taken);
    drop(slot(poll(second.as_mut(), &counter)));
    assert_eq!((pool.statistics().live, pool.statistics().waiting), (0, 0));
}

#[test]
fn a_future_that_is_dropped_when_its_turn_has_come_gives_the_slot_to_the_next() {
    let pool = pool(1);
    let taken = pool.acquire().expect("a slot");
    let counters = [0, 1].map(|_| Arc::new(Counter::default()));
    let mut first = Box::pin(pool.acquire_async(AcquireOptions::new()));
    let mut second = pin!(pool.acquire_async(AcquireOptions::new()));
    assert!(waits(&poll(first.as_mut(), &counters[0])));
    assert!(waits(&poll(second.as_mut(), &counters[1])));
    drop(taken);
    assert_eq!(counters.each_ref().map(|counter| counter.woken()), [1, 0]);
    drop(first);
    assert_eq!(counters[1].woken(), 1);
    drop(slot(poll(second.as_mut(), &counters[1])));
    assert_eq!((pool.statistics().live, pool.statistics().retired), (0, 0));
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let pool = pool(1);
    let taken = pool.acquire().expect("a slot");
    let [old, new] = [0, 1].map(|_| Arc::new(Counter::default()));
    let mut future = pin!(pool.acquire_async(AcquireOptions::new()));
    assert!(waits(&poll(future.as_mut(), &old)));
    assert!(waits(&poll(future.as_mut(), &new)));
    // The old one is not kept.
    assert_eq!(Arc::strong_count(&old), 1);
    drop(taken);
    assert_eq!((old.woken(), new.woken()), (0, 1));
    assert!(poll(future.as_mut(), &new).is_ready());
}

#[test]
fn many_threads_of_futures_share_few_slots() {
    let pool = pool(2);
    let rounds = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut slot = block_on(pool.acquire_async(AcquireOptions::new().memory(1)))
                        .expect("a slot");
                    assert_eq!(slot.memory().as_slice()[0], 0);
                    slot.memory_mut().as_mut_slice()[0] = 1;
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(rounds.into_inner(), 400);
    assert_eq!((pool.statistics().live, pool.statistics().waiting), (0, 0));
}

#[test]
fn a_future_may_go_to_another_thread() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let pool = pool(1);
    let future = is_send(pool.acquire_async(AcquireOptions::new()));
    thread::scope(|scope| {
        let there = scope.spawn(|| block_on(future).is_ok());
        assert!(there.join().expect("no panic"));
    });
}

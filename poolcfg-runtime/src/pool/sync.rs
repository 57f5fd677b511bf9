//! What the free lists are synchronised with: the standard library's, or loom's, which tries all orders
//! in which threads may run.

#[cfg(not(all(test, loom)))]
pub(crate) use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicI64, AtomicU32, AtomicUsize},
    },
    thread,
};

#[cfg(all(test, loom))]
pub(crate) use loom::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicI64, AtomicU32, AtomicUsize},
    },
    thread,
};

use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

/// Locks what is whole at every moment in which a panic could occur.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cache line, or two that are fetched together, of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// What wakes this thread when it is [parked](park_until).
pub(crate) fn waker() -> Waker {
    struct Parked(thread::Thread);

    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    Waker::from(Arc::new(Parked(thread::current())))
}

/// Sleeps until the thread is woken, or until the deadline; at times for no reason at all.
#[cfg(not(all(test, loom)))]
pub(crate) fn park_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => {
            thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
        }
        None => thread::park(),
    }
}

/// Loom has no time: whoever has a deadline that has not passed is woken or waits for ever.
#[cfg(all(test, loom))]
pub(crate) fn park_until(_deadline: Option<Instant>) {
    thread::park();
}

//! The queue: who waits for an item, first come, first served.
//!
//! A waiter is an entry with something that wakes its owner. The queue knows no threads: what sleeps and is
//! woken is the business of whoever has the [`Waker`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::sync::{Mutex, lock};

/// Those who wait, by the numbers of their tickets.
#[derive(Debug)]
pub(super) struct Queue<T> {
    entries: BTreeMap<u64, QueueEntry<T>>,
    next: u64,
    /// How many of them are hasty.
    hasty: usize,
}

#[derive(Debug)]
struct QueueEntry<T> {
    waiter: Arc<Waiter<T>>,
    /// Whether it leaves with nothing as soon as nothing is on its way to the lists.
    hasty: bool,
}

/// One who waits, and what becomes of it.
#[derive(Debug)]
pub(super) struct Waiter<T> {
    /// The shard that is searched first for it.
    pub(super) home: usize,
    /// What it wants an item by.
    pub(super) key: Option<u64>,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
enum State<T> {
    /// In the queue.
    Waiting(Waker),
    /// Out of the queue, with an item or without one.
    Settled(Option<T>),
}

/// A place in the queue.
#[derive(Debug)]
pub(crate) struct Ticket<T> {
    number: u64,
    waiter: Arc<Waiter<T>>,
}

impl<T> Ticket<T> {
    /// The same as [`poll`](Self::poll), for one that is woken by another waker from now on.
    pub(super) fn poll_with(&self, waker: &Waker) -> Poll<Option<T>> {
        // What a program does when a waker is cloned or dropped is not done under the lock.
        let mut waker = waker.clone();
        let mut state = lock(&self.waiter.state);
        match &mut *state {
            State::Waiting(old) => {
                std::mem::swap(old, &mut waker);
                drop(state);
                Poll::Pending
            }
            State::Settled(outcome) => {
                let outcome = outcome.take();
                drop(state);
                Poll::Ready(outcome)
            }
        }
    }

    /// What has become of it. An item is given once.
    pub(super) fn poll(&self) -> Poll<Option<T>> {
        match &mut *lock(&self.waiter.state) {
            State::Waiting(_) => Poll::Pending,
            State::Settled(outcome) => Poll::Ready(outcome.take()),
        }
    }
}

impl<T> Waiter<T> {
    /// Settles one that was taken out of the queue, and gives what wakes its owner: to be called when
    /// nothing is locked.
    pub(super) fn settle(&self, outcome: Option<T>) -> Option<Waker> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut *state, State::Settled(outcome)) {
            State::Waiting(waker) => Some(waker),
            State::Settled(_) => None,
        }
    }
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            next: 0,
            hasty: 0,
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether some of them are hasty.
    pub(super) fn is_hasty(&self) -> bool {
        self.hasty > 0
    }

    /// Lines up behind all others.
    pub(super) fn push(
        &mut self,
        home: usize,
        key: Option<u64>,
        hasty: bool,
        waker: Waker,
    ) -> Ticket<T> {
        let waiter = Arc::new(Waiter {
            home,
            key,
            state: Mutex::new(State::Waiting(waker)),
        });
        let number = self.next;
        self.next += 1;
        self.hasty += usize::from(hasty);
        let entry = QueueEntry {
            waiter: Arc::clone(&waiter),
            hasty,
        };
        self.entries.insert(number, entry);
        Ticket { number, waiter }
    }

    /// The one who has waited longest.
    pub(super) fn first(&self) -> Option<&Waiter<T>> {
        self.entries.values().next().map(|entry| &*entry.waiter)
    }

    /// Takes out the one who has waited longest.
    pub(super) fn pop(&mut self) -> Option<Arc<Waiter<T>>> {
        let (_, entry) = self.entries.pop_first()?;
        Some(self.out(entry))
    }

    /// Takes out the first who is hasty.
    pub(super) fn pop_hasty(&mut self) -> Option<Arc<Waiter<T>>> {
        if self.hasty == 0 {
            return None;
        }
        let number = *self.entries.iter().find(|(_, entry)| entry.hasty)?.0;
        let entry = self.entries.remove(&number)?;
        Some(self.out(entry))
    }

    /// Takes one out that does not wait any more, if it is still there.
    pub(super) fn leave(&mut self, ticket: &Ticket<T>) {
        if let Some(entry) = self.entries.remove(&ticket.number) {
            // The ticket has the waiter too, so no waker is dropped here.
            drop(self.out(entry));
        }
    }

    /// Makes one hasty whose time is over, if it still waits.
    pub(super) fn hurry(&mut self, ticket: &Ticket<T>) {
        if let Some(entry) = self.entries.get_mut(&ticket.number) {
            if !entry.hasty {
                entry.hasty = true;
                self.hasty += 1;
            }
        }
    }

    fn out(&mut self, entry: QueueEntry<T>) -> Arc<Waiter<T>> {
        self.hasty -= usize::from(entry.hasty);
        entry.waiter
    }
}

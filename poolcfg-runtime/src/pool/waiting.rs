//! Waiting: how an item that is released comes to whoever has waited longest.
//!
//! Each item that is put into the lists is followed by one look at the queue, and so is each waiter that lines
//! up. So an item is never idle while somebody waits and nobody is about to look. While anybody waits, only
//! these looks take items out of the lists: a newcomer sees the number of those who wait under each lock
//! under which it could take an item.

use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Instant;

use super::queue::Ticket;
use super::shards::{Fresh, Nothing, Shards, Turn};
use super::sync::{lock, park_until, waker};

impl<F: Fresh> Shards<F> {
    /// Takes an item at once: the last released with this key; else the last released without one, of the own
    /// shard first; else a fresh one; else the one with another key that was released first.
    ///
    /// Items go to those who wait before. `None` if no item is left then.
    pub(crate) fn take(&self, home: usize, key: Option<u64>) -> Option<F::Item> {
        match self.take_now(home, key, Turn::Newcomer) {
            Ok(item) => Some(item),
            Err(Nothing::Exhausted) => None,
            Err(Nothing::Soon) => {
                let ticket = self.line_up(home, key, true, waker());
                self.await_turn(&ticket, None)
            }
        }
    }

    /// Takes an item as soon as there is one and nobody has waited longer, but not after `deadline`, which is
    /// asked for when there is none. `None` for the deadline is to wait for ever.
    pub(crate) fn take_waiting(
        &self,
        home: usize,
        key: Option<u64>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Option<F::Item> {
        if let Ok(item) = self.take_now(home, key, Turn::Newcomer) {
            return Some(item);
        }
        let deadline = deadline();
        let ticket = self.line_up(home, key, false, waker());
        self.await_turn(&ticket, deadline)
    }

    /// Takes an item, or lines up for one with a ticket, which the next call is to be given again. The waker of
    /// the last call is woken when it is worth the while to call again.
    pub(crate) fn poll_take(
        &self,
        home: usize,
        key: Option<u64>,
        ticket: &mut Option<Ticket<F::Item>>,
        waker: &Waker,
    ) -> Poll<F::Item> {
        if ticket.is_none() {
            if let Ok(item) = self.take_now(home, key, Turn::Newcomer) {
                return Poll::Ready(item);
            }
        }
        let lined_up = ticket.get_or_insert_with(|| self.line_up(home, key, false, waker.clone()));
        match lined_up.poll_with(waker) {
            Poll::Ready(Some(item)) => {
                *ticket = None;
                Poll::Ready(item)
            }
            // Only who is hasty is settled with nothing.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Gives a place in the queue up. If it was the ticket's turn already, gives the item, which the caller has to
    /// put back, so that the next one has it.
    pub(crate) fn leave(&self, ticket: &Ticket<F::Item>) -> Option<F::Item> {
        let mut queue = lock(&self.queue);
        queue.leave(ticket);
        self.waiting.0.store(queue.len(), Ordering::Relaxed);
        drop(queue);
        // A look too many does no harm.
        self.serve_if_waiting();
        match ticket.poll() {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        }
    }

    /// How many wait for an item.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.0.load(Ordering::Relaxed)
    }

    /// Gets a place in the queue. A hasty one does not wait for an owner to release an item, only for items
    /// that are on their way to the lists.
    pub(super) fn line_up(
        &self,
        home: usize,
        key: Option<u64>,
        hasty: bool,
        waker: Waker,
    ) -> Ticket<F::Item> {
        let mut queue = lock(&self.queue);
        let ticket = queue.push(home, key, hasty, waker);
        // Before the lists are searched: whoever puts an item there later sees this number.
        self.waiting.0.store(queue.len(), Ordering::Relaxed);
        drop(queue);
        self.serve();
        ticket
    }

    /// Sleeps until the ticket is settled.
    pub(super) fn await_turn(
        &self,
        ticket: &Ticket<F::Item>,
        mut deadline: Option<Instant>,
    ) -> Option<F::Item> {
        loop {
            if let Poll::Ready(outcome) = ticket.poll() {
                return outcome;
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                // It may have been given an item at this very moment, and then has it.
                lock(&self.queue).hurry(ticket);
                self.serve();
                deadline = None;
                continue;
            }
            park_until(deadline);
        }
    }

    /// To be called whenever an item was put into the lists, after they are unlocked.
    pub(super) fn serve_if_waiting(&self) {
        if self.waiting() > 0 {
            self.serve();
        }
    }

    /// Gives an item to whoever has waited longest, if there is one. It is enough to do so once for each item and
    /// each waiter, so that whoever releases does not go on for others. Only where some are hasty it goes on
    /// until they are settled, or an item is on its way.
    fn serve(&self) {
        loop {
            let mut queue = lock(&self.queue);
            let Some(first) = queue.first() else {
                return;
            };
            let (waiter, outcome) = match self.take_now(first.home, first.key, Turn::First) {
                Ok(item) => (queue.pop(), Some(item)),
                Err(Nothing::Soon) => return,
                Err(Nothing::Exhausted) => (queue.pop_hasty(), None),
            };
            let Some(waiter) = waiter else {
                return;
            };
            self.waiting.0.store(queue.len(), Ordering::Relaxed);
            let some_are_hasty = queue.is_hasty();
            let waker = waiter.settle(outcome);
            drop(queue);
            if let Some(waker) = waker {
                waker.wake();
            }
            if !some_are_hasty {
                return;
            }
        }
    }
}

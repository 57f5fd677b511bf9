//! Acquiring: waiting for a slot as a future, in the queue of those that block.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::acquire::{AcquireError, AcquireOptions};
use super::queue::Ticket;
use super::slot::{Parts, Slot};
use super::{Pool, home};

/// Waits for a slot; when it is dropped, whoever comes next has its turn.
pub(super) struct Acquiring<'a> {
    pool: &'a Pool,
    options: AcquireOptions,
    /// From the first poll on, until it is done.
    ticket: Option<Ticket<Box<Parts>>>,
}

impl<'a> Acquiring<'a> {
    pub(super) fn new(pool: &'a Pool, options: AcquireOptions) -> Self {
        Self {
            pool,
            options,
            ticket: None,
        }
    }
}

impl Future for Acquiring<'_> {
    type Output = Result<Slot, AcquireError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let home = home();
        let handle = this.pool.handle(home);
        let shards = &handle.0.shards;
        shards
            .poll_take(home, this.options.key, &mut this.ticket, context.waker())
            .map(|parts| Slot::begin(parts, handle, this.options))
    }
}

impl Drop for Acquiring<'_> {
    fn drop(&mut self) {
        let shared = self.pool.shared();
        if let Some(ticket) = self.ticket.take()
            && let Some(parts) = shared.shards.leave(&ticket)
        {
            // Nobody has had it meanwhile.
            let key = parts.key();
            shared.take_back(parts, key);
        }
    }
}

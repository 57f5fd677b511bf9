//! Acquiring: waiting for a slot as a future, in the queue of those that block.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Pool;
use super::acquire::{AcquireError, AcquireOptions};
use super::home::home;
use super::parts::Parts;
use super::queue::Ticket;
use super::slot::Slot;

impl Pool {
    /// Waits for a slot as a future. It takes one as soon as there is one and nobody has waited longer: those who block
    /// and those who wait asynchronously are in one queue. It depends on no runtime, so any runtime can poll it.
    ///
    /// The future gets its place in the queue when it is polled for the first time. If it is dropped before it is done,
    /// its place, or the slot that it has been given meanwhile, goes to the next. To wait for a limited time, drop it
    /// when the time is over, as the timeouts of all runtimes do. [`AcquireOptions::wait`] has no effect. A future that is
    /// forgotten ([`std::mem::forget`]) keeps its place, and the slot that it is given is lost to the pool.
    ///
    /// ```
    /// # use poolcfg_runtime::{AcquireError, AcquireOptions, Pool};
    /// async fn serve(pool: &Pool, body: &[u8]) -> Result<usize, AcquireError> {
    ///     let options = AcquireOptions::new().memory(64 << 10);
    ///     let mut slot = pool.acquire_async(options).await?;
    ///     slot.memory_mut().as_mut_slice()[..body.len()].copy_from_slice(body);
    ///     Ok(slot.memory().len())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AcquireError::Open`] as for [`acquire_with`](Self::acquire_with), never [`AcquireError::Exhausted`].
    pub fn acquire_async(&self, options: AcquireOptions) -> Acquiring<'_> {
        Acquiring {
            pool: self,
            options,
            ticket: None,
        }
    }
}

/// The future of [`Pool::acquire_async`]: waits for a slot. When it is dropped, whoever comes next has its turn.
///
/// It has a name so that it can be a field of another future, and may be moved between two polls.
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
/// use poolcfg_runtime::{AcquireError, Acquiring, Slot};
///
/// /// A connection that is served as soon as there is a slot for it.
/// struct Connection<'a> {
///     slot: Acquiring<'a>,
/// }
///
/// impl Future for Connection<'_> {
///     type Output = Result<Slot, AcquireError>;
///
///     fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
///         Pin::new(&mut self.slot).poll(context)
///     }
/// }
/// ```
#[must_use = "a future does nothing until it is polled"]
pub struct Acquiring<'a> {
    pool: &'a Pool,
    options: AcquireOptions,
    /// From the first poll on, until it is done.
    ticket: Option<Ticket<Box<Parts>>>,
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

impl fmt::Debug for Acquiring<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquiring")
            .field("options", &self.options)
            .field("is_waiting", &self.ticket.is_some())
            .finish_non_exhaustive()
    }
}

impl Drop for Acquiring<'_> {
    fn drop(&mut self) {
        let shared = self.pool.shared();
        if let Some(ticket) = self.ticket.take() {
            if let Some(parts) = shared.shards.leave(&ticket) {
                // Nobody has had it meanwhile.
                let key = parts.key();
                shared.take_back(parts, key);
            }
        }
    }
}

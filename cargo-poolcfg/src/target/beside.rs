//! Beside: work that a thread of its own does meanwhile, or the caller where there is no memory for one.

use std::panic::resume_unwind;
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Work that is done, or being done.
pub(crate) enum Beside<'scope, T> {
    Running(ScopedJoinHandle<'scope, T>),
    Done(T),
}

impl<'scope, T: Send> Beside<'scope, T> {
    pub(crate) fn new<'env>(
        scope: &'scope Scope<'scope, 'env>,
        work: impl FnOnce() -> T + Copy + Send + 'scope,
    ) -> Self
    where
        T: 'scope,
    {
        match Builder::new().spawn_scoped(scope, work) {
            Ok(thread) => Self::Running(thread),
            Err(_) => Self::Done(work()),
        }
    }

    /// What came of it.
    pub(crate) fn end(self) -> T {
        match self {
            Self::Running(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Self::Done(value) => value,
        }
    }
}

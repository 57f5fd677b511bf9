//! Faults: a shim through which tests let a chosen call of this thread fail, or do less than it does here.

use std::cell::Cell;
use std::io;
use std::ops::Range;

use rustix::io::Errno;

pub(crate) use super::os::Call;

/// Which calls fail, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailurePlan {
    /// The kind.
    pub(crate) call: Call,
    /// How many calls of the kind succeed before.
    pub(crate) after: u32,
    /// Whether all that follow fail too.
    pub(crate) for_good: bool,
    /// Whether half of the pages are changed all the same.
    pub(crate) half: bool,
    /// What the system says.
    pub(crate) errno: Errno,
}

thread_local! {
    static PLAN: Cell<Option<FailurePlan>> = const { Cell::new(None) };
    static FAILED: Cell<u32> = const { Cell::new(0) };
    static TABLES_STAY: Cell<bool> = const { Cell::new(false) };
}

/// Runs `life` as on a kernel that frees no page tables with the pages.
pub(crate) fn where_tables_stay<T>(life: impl FnOnce() -> T) -> T {
    TABLES_STAY.set(true);
    let result = life();
    TABLES_STAY.set(false);
    result
}

/// The ranges in which so many bytes are given back: tables are freed only by one that spans all of a table.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    let most = match TABLES_STAY.get() {
        true => super::page::table_span() / 2,
        false => len.max(1),
    };
    let range = move |start: usize| start..(start + most).min(len);
    (0..len).step_by(most).map(range)
}

/// Runs `life` with calls that fail, and says how many did.
pub(crate) fn with<T>(plan: FailurePlan, life: impl FnOnce() -> T) -> (T, u32) {
    PLAN.set(Some(plan));
    FAILED.set(0);
    let result = life();
    PLAN.set(None);
    (result, FAILED.get())
}

/// Makes a call, or lets it fail.
pub(super) fn call<T>(
    call: Call,
    len: usize,
    make: impl FnOnce(usize) -> rustix::io::Result<T>,
) -> io::Result<T> {
    match PLAN.get() {
        Some(plan) if plan.call == call && plan.after == 0 => {
            if !plan.for_good {
                PLAN.set(None);
            }
            FAILED.set(FAILED.get() + 1);
            let page = rustix::param::page_size();
            let half = len / 2 / page * page;
            let divisible = match call {
                // A map that is made, or taken away, is one whole.
                Call::Reserve | Call::Release => false,
                // Everything else is said before anything is changed.
                Call::Renew => plan.errno == Errno::NOMEM,
                _ => true,
            };
            if plan.half && divisible && half > 0 {
                drop(make(half));
            }
            return Err(plan.errno.into());
        }
        Some(mut plan) if plan.call == call => {
            plan.after -= 1;
            PLAN.set(Some(plan));
        }
        _ => {}
    }
    Ok(make(len)?)
}

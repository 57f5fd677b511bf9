//! Standard streams that are closed when this program starts: the standard library opens /dev/null in their place
//! before `main`, so they are looked at earlier.

use std::sync::atomic::{AtomicBool, Ordering};

const STREAMS: i32 = 3;

static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

/// The C library calls it before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    for (stream, closed) in (0..STREAMS).zip(&CLOSED) {
        // SAFETY: it takes numbers, needs nothing of the standard library, and fails for a file that is not open.
        let flags = unsafe { libc::fcntl(stream, libc::F_GETFD) };
        closed.store(flags == -1, Ordering::Relaxed);
    }
}

/// Closes, in a process that was forked, the streams that were closed.
pub(crate) fn close_again() {
    for (stream, closed) in (0..STREAMS).zip(&CLOSED) {
        if closed.load(Ordering::Relaxed) {
            // SAFETY: what is open there is the /dev/null of the standard library, and nothing of this process uses it
            // from here on: it becomes another program or ends.
            unsafe { libc::close(stream) };
        }
    }
}

//! What the standard library changes before `main`, and a command has to get as it was, so that it is looked at earlier:
//! it opens /dev/null in place of standard streams that are closed, and ignores SIGPIPE.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

const STREAMS: i32 = 3;

static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

static IGNORES_SIGPIPE: AtomicBool = AtomicBool::new(false);

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
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the null pointer changes nothing, and the action is written to `action`, which has its size; it needs nothing
    // of the standard library.
    let returned = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) };
    // SAFETY: numbers, sets of bits and an optional function, all of which zeros are, and the call has written over them.
    let action = unsafe { action.assume_init() };
    let is_ignored = returned == 0 && action.sa_sigaction == libc::SIG_IGN;
    IGNORES_SIGPIPE.store(is_ignored, Ordering::Relaxed);
}

/// Lets SIGPIPE end the process again, unless it was ignored before this program began to.
pub(crate) fn restore_sigpipe() {
    if !IGNORES_SIGPIPE.load(Ordering::Relaxed) {
        // SAFETY: the default action runs no code of this process.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
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

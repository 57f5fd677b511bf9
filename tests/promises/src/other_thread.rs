//! A thread that maps while pools start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use poolcfg_core::Size;
use poolcfg_tests_kernels::map_for_good;

/// The least headroom with room for a thread: glibc reserves 128 MiB for its allocations.
const ENOUGH: Size = Size::mib(512);

/// How many pages it maps at most.
const MOST: u32 = 256;

/// Single pages, which are smaller than any mapping of an engine, one after the other.
pub(crate) struct OtherThread {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), String>>,
}

impl OtherThread {
    /// It maps from now on; `None` if the headroom has no room for it.
    pub(crate) fn start(headroom: Size) -> Result<Option<Self>, String> {
        if headroom < ENOUGH {
            return Ok(None);
        }
        let page = u64::try_from(rustix::param::page_size()).map_err(|error| error.to_string())?;
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        let (begin, begun) = mpsc::channel();
        let map = move || {
            for number in 0..MOST {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                map_for_good(Size::bytes(page))?;
                if number == 0 {
                    begin.send(()).map_err(|error| error.to_string())?;
                }
                thread::sleep(Duration::from_micros(50));
            }
            Ok(())
        };
        let thread = thread::Builder::new()
            .stack_size(1 << 18)
            .spawn(map)
            .map_err(|error| format!("another thread: {error}"))?;
        // What the allocator maps for a thread is there before the first pool starts.
        begun.recv().map_err(|error| error.to_string())?;
        Ok(Some(Self { done, thread }))
    }

    /// It maps no more.
    pub(crate) fn end(self) -> Result<(), String> {
        self.done.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| "another thread has panicked".to_owned())?
    }
}

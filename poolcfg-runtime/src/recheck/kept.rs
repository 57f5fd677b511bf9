//! The places that are kept for pools still to come: by address in the book, and reserved while an engine maps its own
//! pool, see [`Held`](crate::Held).

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

use poolcfg_core::{Limits, ProcessPromise, Size, UnlimitedStack};

use crate::machine::{Machine, ThisMachine};
use crate::recheck::book::Book;
use crate::recheck::slabs::Slabs;
use crate::sys::OwnedMapping;

/// A machine on which places are kept.
pub(crate) trait Keeper: Machine {
    /// The places that are kept for pools still to come.
    fn kept(&self) -> &Kept<Self::Mapping>;

    /// Asks where the kernel puts mappings that an engine makes: a plan for native pools, which are taken by address, may
    /// do without its alignment.
    fn as_the_kernel<T>(&self, ask: impl FnOnce() -> T) -> T {
        ask()
    }
}

impl Keeper for ThisMachine {
    fn kept(&self) -> &Kept<OwnedMapping> {
        static KEPT: Kept<OwnedMapping> = Kept::new();
        &KEPT
    }
}

/// What all values `Held` of the process keep together.
#[derive(Debug)]
pub(crate) struct Kept<M> {
    state: Mutex<KeptState<M>>,
    /// Somebody has ceased to hold.
    left: Condvar,
    /// What an unlimited stack limit had made of the layout when the first plan was made. It never changes, but where pools
    /// fill what the kernel searches first, another layout is seen.
    unlimited_stack: OnceLock<Option<UnlimitedStack>>,
}

#[derive(Debug)]
struct KeptState<M> {
    /// The threads that hold, each as often as it does.
    holders: Vec<ThreadId>,
    places: Vec<KeptPlace<M>>,
    /// What keeps the engine's mappings out of the room above its place.
    pages: Vec<M>,
    /// What keeps the heap out of the places of the book.
    heap_fence: Option<M>,
    book: Book,
}

/// The place of one pool, reserved.
#[derive(Debug)]
pub(crate) struct KeptPlace<M> {
    pub(crate) name: &'static str,
    pub(crate) limits: Limits,
    pub(crate) slabs: Slabs<M>,
    /// Whether it is of an engine that has been rechecked and is not made yet.
    pub(crate) checked: bool,
}

impl<M> Kept<M> {
    pub(crate) const fn new() -> Self {
        Self {
            state: Mutex::new(KeptState {
                holders: Vec::new(),
                places: Vec::new(),
                pages: Vec::new(),
                heap_fence: None,
                book: Book::EMPTY,
            }),
            left: Condvar::new(),
            unlimited_stack: OnceLock::new(),
        }
    }

    /// The state is whole whenever its lock is released.
    fn lock(&self) -> MutexGuard<'_, KeptState<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an unlimited stack limit has made of the layout, of which this is seen now: what was seen first.
    pub(crate) fn unlimited_stack(&self, now: Option<UnlimitedStack>) -> Option<UnlimitedStack> {
        *self.unlimited_stack.get_or_init(|| now)
    }

    /// Whether an engine may be mapping its pool at this moment.
    pub(crate) fn is_held(&self) -> bool {
        !self.lock().holders.is_empty()
    }

    /// Whether another thread holds.
    pub(crate) fn is_held_elsewhere(&self) -> bool {
        self.lock().is_held_elsewhere()
    }

    /// Waits until no other thread holds: of two engines that are made at once, one might be mapped where the other
    /// has its place.
    pub(crate) fn wait(&self) {
        let state = self.lock();
        let waited = self
            .left
            .wait_while(state, |state| state.is_held_elsewhere());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// This thread holds from now on, and these places.
    pub(crate) fn enter(&self, places: Vec<KeptPlace<M>>, pages: Vec<M>) -> ThreadId {
        let thread = thread::current().id();
        let mut state = self.lock();
        state.holders.push(thread);
        state.places.extend(places);
        state.pages.extend(pages);
        thread
    }

    /// A thread that holds ceases to; the last one gives back what is kept.
    pub(crate) fn leave(&self, thread: ThreadId) {
        let mut state = self.lock();
        if let Some(at) = state.holders.iter().position(|holder| *holder == thread) {
            state.holders.swap_remove(at);
        }
        if state.holders.is_empty() {
            state.places.clear();
            state.pages.clear();
        }
        drop(state);
        self.left.notify_all();
    }

    /// The place that is kept for a pool which is rechecked.
    pub(crate) fn take(&self, name: &str) -> Option<KeptPlace<M>> {
        self.remove(|place| place.name == name && !place.checked)
    }

    /// The place that is kept for an engine which has been rechecked and is made now.
    pub(crate) fn take_checked(&self, name: &str, limits: &Limits) -> Option<KeptPlace<M>> {
        self.remove(|place| place.name == name && place.checked && place.limits == *limits)
    }

    /// Bytes of all places that are kept, where this tells those of one mapping.
    pub(crate) fn bytes(&self, of: impl Fn(&M) -> Size) -> Size {
        let state = self.lock();
        let places = state.places.iter().flat_map(|place| place.slabs.iter());
        Size::bytes(places.fold(0, |sum: u64, mapping| sum.saturating_add(of(mapping).get())))
    }

    /// Keeps one place more.
    pub(crate) fn put(&self, place: KeptPlace<M>) {
        self.lock().places.push(place);
    }

    /// Asks something of the fence above the heap.
    pub(crate) fn with_heap_fence<T>(&self, ask: impl FnOnce(Option<&M>) -> T) -> T {
        ask(self.lock().heap_fence.as_ref())
    }

    /// Puts another fence above the heap, or none, and gives back the one that was there.
    pub(crate) fn replace_heap_fence(&self, fence: Option<M>) -> Option<M> {
        std::mem::replace(&mut self.lock().heap_fence, fence)
    }

    /// What has been planned for the pools of this file; `None` if nothing has.
    pub(crate) fn book(&self, process: &ProcessPromise<'static>) -> Option<Book> {
        let state = self.lock();
        state.book.is_of(process).then(|| state.book.clone())
    }

    /// What has been planned last.
    pub(crate) fn write(&self, mut book: Book) {
        let mut state = self.lock();
        book.follow(std::mem::replace(&mut state.book, Book::EMPTY));
        state.book = book;
    }

    /// The book of all files as it is.
    pub(crate) fn whole_book(&self) -> Book {
        self.lock().book.clone()
    }

    /// The same book in place of it, as a plan on a copy has changed it.
    pub(crate) fn put_book(&self, book: Book) {
        self.lock().book = book;
    }

    /// Keeps the same book, for another machine, and nothing else.
    pub(crate) fn copy<N>(&self) -> Kept<N> {
        let copy = Kept::new();
        copy.put_book(self.whole_book());
        copy
    }

    fn remove(&self, is_it: impl Fn(&KeptPlace<M>) -> bool) -> Option<KeptPlace<M>> {
        let mut state = self.lock();
        let at = state.places.iter().position(is_it)?;
        Some(state.places.remove(at))
    }
}

impl<M> Default for Kept<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> KeptState<M> {
    fn is_held_elsewhere(&self) -> bool {
        let here = thread::current().id();
        self.holders.iter().any(|holder| *holder != here)
    }
}

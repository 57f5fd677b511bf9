//! A snapshot of the process, in which a recheck plans: nothing is mapped meanwhile, so that what other threads map goes
//! where it would go without a recheck, into the room.
//! ```text
//!              other threads: from the top down                            this pool, by address
//!  libraries  | room ........................ | ... places of others ... | pool | heap
//! ```
//! Reserved for real, the room would send a mapping of another thread among the places of pools, where it stays. The
//! snapshot knows how Linux searches; on other systems, and where something else than a normal layout is seen, there
//! is none, and reservations are made.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::rc::Rc;

use poolcfg_core::Size;

use crate::machine::{Machine, as_of_machine};
use crate::recheck::book::Book;
use crate::recheck::kept::{Keeper, Kept};
use crate::recheck::moment::Moment;
use crate::recheck::planned_space::PlannedSpace;

/// A part of the plan, until it is dropped.
#[derive(Debug)]
pub(crate) struct Part {
    start: u64,
    bytes: u64,
    space: Rc<RefCell<PlannedSpace>>,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.space.borrow_mut().give_back(self.start, self.bytes);
    }
}

/// A machine that is as the process was at one moment, and on which a plan changes nothing.
#[derive(Debug)]
pub(crate) struct Snapshot<'a, M> {
    machine: &'a M,
    maps: String,
    /// What was taken before the plan, in ascending order.
    real: Vec<(u64, u64)>,
    /// To what the kernel aligns; 0 for nothing.
    huge: u64,
    space: Rc<RefCell<PlannedSpace>>,
    kept: Kept<Part>,
}

impl<'a, M: Keeper> Snapshot<'a, M> {
    /// The process as it was; `None` if the system did not tell what was mapped.
    pub(super) fn of(machine: &'a M, moment: Moment) -> Option<Self> {
        let huge = moment.huge();
        let (maps, space) = moment.space()?;
        Some(Self {
            machine,
            maps,
            huge,
            real: space.taken.clone(),
            space: Rc::new(RefCell::new(space)),
            kept: machine.kept().copy(),
        })
    }

    /// The same for another plan, in which mappings are aligned as the kernel does it, or not at all: a plan by address
    /// may do without.
    pub(crate) fn again(self, aligned: bool) -> Self {
        self.space.borrow_mut().huge = if aligned { self.huge } else { 0 };
        Self {
            kept: self.machine.kept().copy(),
            ..self
        }
    }

    /// What has been planned.
    pub(crate) fn book(&self) -> Book {
        self.kept.whole_book()
    }
}

impl<M: Machine> Machine for Snapshot<'_, M> {
    type Mapping = Part;

    as_of_machine!();

    fn reserve(&self, bytes: Size) -> io::Result<Part> {
        let mut space = self.space.borrow_mut();
        let bytes = bytes.get().checked_next_multiple_of(space.page);
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        let start = space.place(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
        space.take(start, bytes)?;
        Ok(self.part(start, bytes))
    }

    fn reserve_at(&self, start: u64, bytes: Size) -> io::Result<Part> {
        let mut space = self.space.borrow_mut();
        let bytes = bytes.get().checked_next_multiple_of(space.page);
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        if start < space.lowest || start % space.page != 0 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        space.take(start, bytes)?;
        Ok(self.part(start, bytes))
    }

    fn address(&self, mapping: &Part) -> u64 {
        mapping.start
    }

    fn bytes(&self, mapping: &Part) -> Size {
        Size::bytes(mapping.bytes)
    }

    /// In /proc/self/maps are the parts of the plan, too: at the end, and not at their places.
    fn text(&self, path: &str) -> Option<String> {
        if path != "/proc/self/maps" {
            return self.machine.text(path);
        }
        let mut text = self.maps.clone();
        let space = self.space.borrow();
        let is_real = |range: &(u64, u64)| self.real.binary_search(range).is_ok();
        for (start, end) in space.taken.iter().filter(|range| !is_real(range)) {
            let _ = writeln!(text, "{start:x}-{end:x} ---p 00000000 00:00 0");
        }
        Some(text)
    }
}

impl<M> Snapshot<'_, M> {
    fn part(&self, start: u64, bytes: u64) -> Part {
        Part {
            start,
            bytes,
            space: Rc::clone(&self.space),
        }
    }
}

impl<M: Keeper> Keeper for Snapshot<'_, M> {
    fn kept(&self) -> &Kept<Part> {
        &self.kept
    }

    fn as_the_kernel<T>(&self, ask: impl FnOnce() -> T) -> T {
        let set = |huge| std::mem::replace(&mut self.space.borrow_mut().huge, huge);
        let planned = set(self.huge);
        let answer = ask();
        set(planned);
        answer
    }
}

//! Whether the kernel finds a place for each engine of a plan, while all others have theirs.
//!
//! A plan reserves one pool after the other, and a mapping that comes later may lie in what the alignment of an earlier one
//! has left. When that earlier one is an engine, which maps after its plan, what lies there makes its hole too small for an
//! aligned mapping: the kernel then takes another hole, which the engine's next mapping needs.

use super::Recheck;
use crate::recheck::book::Book;
use crate::recheck::kept::Keeper;
use crate::recheck::slabs::Slabs;

impl<M: Keeper> Recheck<'_, M> {
    /// Whether the engines of a book find their places one after the other; nothing of it is reserved meanwhile. Where no
    /// place may be asked for, they are believed to.
    pub(super) fn finds_engines(&self, book: &Book) -> bool {
        let lines = book.lines.iter();
        if lines.clone().all(|line| line.limits.wasmtime.is_none()) {
            return true;
        }
        // An engine is kept out of the margin, too.
        let margin = Slabs {
            memories: book.margin.clone(),
            ..Slabs::NONE
        };
        let Some(_margin) = self.reserve_all_at(&margin) else {
            return true;
        };
        let held = lines.map(|line| self.reserve_all_at(&line.places));
        let Some(mut held) = held.collect::<Option<Vec<_>>>() else {
            return true;
        };
        let mut engines = book.lines.iter().zip(&mut held);
        engines.all(|(line, slabs)| {
            if line.limits.wasmtime.is_none() {
                return true;
            }
            drop(std::mem::replace(slabs, Slabs::NONE));
            let find = || self.slabs(&line.limits, self.headroom, false);
            let found = self.machine.as_the_kernel(find);
            found.map(|found| *slabs = found).is_ok()
        })
    }
}

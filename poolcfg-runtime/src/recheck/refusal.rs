//! A reservation that the system did not make.

use std::io;

use poolcfg_core::{Limits, MappingName, Size};

use crate::recheck::slabs::Slabs;

/// A reservation that the system did not make, and what was held at that moment.
pub(crate) struct SystemRefusal<M> {
    /// What had been reserved before it.
    pub(crate) held: Slabs<M>,
    /// Slots of the memories that had been reserved.
    pub(crate) slots: u32,
    /// What it was for; nothing for the headroom and the pools to come.
    pub(crate) mapping: Option<MappingName>,
    /// How large it was.
    pub(crate) bytes: Size,
    /// What the system said.
    pub(crate) source: io::Error,
}

impl<M> SystemRefusal<M> {
    /// For want of `bytes` beside a pool whose own slots all went in.
    pub(crate) fn beside(
        held: Slabs<M>,
        limits: &Limits,
        bytes: Size,
        source: io::Error,
    ) -> Box<Self> {
        Box::new(Self {
            held,
            slots: limits.max_instances,
            mapping: None,
            bytes,
            source,
        })
    }

    /// Whether a smaller reservation may be made.
    pub(crate) fn is_of_size(&self) -> bool {
        is_of_size(&self.source)
    }
}

/// Whether the system refuses for lack of room (ENOMEM) or by `RLIMIT_MEMLOCK` (EAGAIN, mmap(2)), and
/// not mappings as such.
pub(crate) fn is_of_size(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock
    )
}

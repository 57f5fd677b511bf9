//! Functions that cross a component's border, and their options.

use wasmparser::{CanonicalFunction, CanonicalOption};

use super::steps::{Options, Step, index};

/// Bits of options that are no items.
pub(super) const UTF16: u8 = 1;
pub(super) const COMPACT_UTF16: u8 = 2;
pub(super) const ASYNC: u8 = 4;

impl Options {
    fn new(options: &[CanonicalOption]) -> Self {
        let mut of = Self::default();
        for option in options {
            match *option {
                CanonicalOption::Memory(at) => of.memory = Some(index(at)),
                CanonicalOption::Realloc(at) => of.funcs[0] = Some(index(at)),
                CanonicalOption::PostReturn(at) => of.funcs[1] = Some(index(at)),
                CanonicalOption::Callback(at) => of.funcs[2] = Some(index(at)),
                CanonicalOption::UTF8 | CanonicalOption::CoreType(_) => {}
                CanonicalOption::UTF16 => of.flags |= UTF16,
                CanonicalOption::CompactUTF16 => of.flags |= COMPACT_UTF16,
                CanonicalOption::Async => of.flags |= ASYNC,
                CanonicalOption::Gc => of.flags |= 8,
            }
        }
        of
    }
}

/// A function as a declaration.
pub(super) fn canonical(function: CanonicalFunction) -> Step {
    match function {
        CanonicalFunction::Lift {
            core_func_index,
            type_index,
            options,
        } => Step::Lift(index(core_func_index), type_index, Options::new(&options)),
        CanonicalFunction::Lower {
            func_index,
            options,
        } => Step::Lower(index(func_index), Options::new(&options)),
        _ => Step::CoreFunc,
    }
}

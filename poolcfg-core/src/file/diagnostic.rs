//! Diagnostics: one mistake, where it stands, and what to do about it.

use std::ops::Range;

use crate::case::Case;
use crate::fault::{Code, Fault};
use crate::file::ConfigFile;
use crate::plan::Misfit;
use crate::setting::Place;

/// One mistake in poolcfg.toml, or one misfit of what it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// What is wrong, as one sentence in lower case.
    pub message: String,
    /// The bytes of the file that it is about; none where the file says nothing of it.
    pub span: Option<Range<usize>>,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Line and column of the span in the text of the file.
    #[must_use]
    pub fn place(&self, source: &str) -> Place {
        self.span
            .as_ref()
            .map_or(Place::NOWHERE, |span| place_of(source, span.start))
    }

    /// A fault of the file's numbers for one target.
    #[must_use]
    pub fn from_fault(fault: &Fault<'_>, file: &ConfigFile) -> Self {
        Self {
            code: fault.code(),
            message: fault.message().as_str().to_owned(),
            span: file.span(fault.place()),
            label: String::new(),
            help: Some(fault.help().as_str().to_owned()),
        }
    }

    /// A misfit of the file's pools on one target.
    #[must_use]
    pub fn from_misfit(misfit: &Misfit, case: &Case<'_>, file: &ConfigFile) -> Self {
        let pool = &case.pools()[misfit.pool];
        Self {
            code: misfit.code(),
            message: misfit.message(case).as_str().to_owned(),
            span: file
                .span(pool.max_instances_at)
                .or_else(|| file.span(pool.memory_reservation_at)),
            label: String::new(),
            help: Some(misfit.suggestion(case).as_str().to_owned()),
        }
    }
}

/// Line and column, from 1, of a byte of a text.
pub(super) fn place_of(source: &str, at: usize) -> Place {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    Place::new(
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}

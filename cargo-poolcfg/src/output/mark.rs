//! The mark of a text: by what it is known as ours, so that nothing else is replaced.

use poolcfg_core::file::without_byte_order_mark;

use crate::render::envelope::is_envelope;
use crate::render::template::GENERATED;

/// By what the texts of one kind are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// They begin so.
    Begins(&'static str),
    /// They are the JSON object.
    Envelope,
    /// They have this somewhere.
    Has(&'static str),
    /// They are known by nothing: the template does not say it.
    Unknown,
}

impl Mark {
    /// That of what a template says.
    pub(crate) fn of_template(text: &str) -> Self {
        match text.contains(GENERATED) {
            true => Self::Has(GENERATED),
            false => Self::Unknown,
        }
    }

    /// Whether a text has it.
    pub(crate) fn is_on(self, text: &str) -> bool {
        let text = without_byte_order_mark(text);
        match self {
            Self::Begins(begin) => text.starts_with(begin),
            Self::Envelope => is_envelope(text),
            Self::Has(mark) => text.contains(mark),
            Self::Unknown => false,
        }
    }

    /// Whether a text is known to be of others: it has not the mark that ours have. A blank one is nobody's.
    pub(crate) fn is_missing(self, text: &str) -> bool {
        self != Self::Unknown && !text.trim().is_empty() && !self.is_on(text)
    }
}

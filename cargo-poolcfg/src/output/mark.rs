//! The mark of a text: by what it is known as ours, so that nothing else is replaced.

use crate::render::envelope::is_envelope;

/// By what the texts of one kind are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// They begin so.
    Begins(&'static str),
    /// They are the JSON object.
    Envelope,
    /// What a template says is known by nothing.
    Unknown,
}

impl Mark {
    /// Whether a text has it.
    pub(crate) fn is_on(self, text: &str) -> bool {
        match self {
            Self::Begins(begin) => text.starts_with(begin),
            Self::Envelope => is_envelope(text),
            Self::Unknown => false,
        }
    }

    /// Whether a text is known to be of others: it has not the mark that ours have. A blank one is nobody's.
    pub(crate) fn is_missing(self, text: &str) -> bool {
        self != Self::Unknown && !text.trim().is_empty() && !self.is_on(text)
    }
}

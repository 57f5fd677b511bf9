//! Every fault of one case, as they are found.

use super::rows::Fault;
use crate::base::text::{Text, say};
use crate::setting::Place;

/// How many faults are listed at once.
const LISTED: usize = 16;

/// Every fault of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults<'a> {
    list: [Option<Fault<'a>>; LISTED],
    count: usize,
}

impl<'a> Faults<'a> {
    pub(crate) const NONE: Self = Self {
        list: [None; LISTED],
        count: 0,
    };

    pub(crate) const fn and(mut self, fault: Fault<'a>) -> Self {
        if self.count < LISTED {
            self.list[self.count] = Some(fault);
            self.count += 1;
        }
        self
    }

    /// And one for each of these keys that is zero.
    pub(crate) const fn and_zeros(
        mut self,
        keys: &[(&'static str, bool, Place)],
        pool: &'a str,
    ) -> Self {
        let mut i = 0;
        while i < keys.len() {
            let (key, zero, place) = keys[i];
            if zero {
                self = self.and(Fault::Zero { key, pool, place });
            }
            i += 1;
        }
        self
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The faults, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = Fault<'a>> {
        self.list.into_iter().flatten()
    }

    /// All of them as one text, each on a line with its place in `file` and its help.
    #[must_use]
    pub const fn message(&self, file: &str) -> Text {
        let mut text = Text::new();
        let mut i = 0;
        while i < self.count {
            if let Some(fault) = self.list[i] {
                if i > 0 {
                    text = text.str("\n");
                }
                text = text.text(&fault.message());
                text = at(text, file, fault.place());
                text = text.str("; help: ").text(&fault.help());
            }
            i += 1;
        }
        text
    }
}

/// Appends ` (poolcfg.toml:6:17)`, or nothing for what is not in the file.
pub(crate) const fn at(text: Text, file: &str, place: Place) -> Text {
    if place.line == 0 {
        return text;
    }
    say!(text; " (", str(file), ":", number(place.line), ":", number(place.column), ")")
}

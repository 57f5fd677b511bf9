//! Every fault of one case, as they are found.

use super::rows::Fault;
use crate::base::text::{Text, say};
use crate::engine::Engine;
use crate::setting::FilePlace;

/// How many faults are listed at once; more are counted.
const LISTED: usize = 16;

/// What the messages of a list may take of a [`Text`]: the rest is for what comes after them.
const MESSAGES: usize = Text::CAPACITY - 128;

/// Every fault of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults<'a> {
    list: [Option<Fault<'a>>; LISTED],
    /// How many are listed.
    count: usize,
    /// How many are still to be passed over before any is listed.
    before: u32,
    /// How many come behind those that are listed.
    unlisted: u32,
    /// Whether there are any, listed or not.
    is_any: bool,
}

impl<'a> Faults<'a> {
    /// None yet, of which so many are to be passed over.
    pub(crate) const fn after(before: u32) -> Self {
        Self {
            list: [None; LISTED],
            count: 0,
            before,
            unlisted: 0,
            is_any: false,
        }
    }

    pub(crate) const fn and(mut self, fault: Fault<'a>) -> Self {
        self.is_any = true;
        if self.before > 0 {
            self.before -= 1;
        } else if self.count < LISTED {
            self.list[self.count] = Some(fault);
            self.count += 1;
        } else {
            self.unlisted += 1;
        }
        self
    }

    /// And one for each of these keys that is zero.
    pub(crate) const fn and_zeros(
        mut self,
        keys: &[(&'static str, bool, FilePlace)],
        engine: Engine,
        pool: &'a str,
    ) -> Self {
        let mut i = 0;
        while i < keys.len() {
            let (key, zero, place) = keys[i];
            if zero {
                self = self.and(Fault::Zero {
                    key,
                    engine,
                    pool,
                    place,
                });
            }
            i += 1;
        }
        self
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.is_any
    }

    /// How many come behind those that are listed.
    #[must_use]
    pub const fn unlisted(&self) -> u32 {
        self.unlisted
    }

    /// The faults that are listed, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = Fault<'a>> {
        self.list.into_iter().flatten()
    }

    /// All of them as one text, each on a line with its code, its place in `file` and its help. What does not fit
    /// into the text is counted.
    #[must_use]
    pub const fn message(&self, file: &str) -> Text {
        let mut text = Text::new();
        let mut left_out = self.unlisted;
        let mut i = 0;
        while i < self.count {
            if let Some(fault) = self.list[i] {
                let line = line(&fault, file);
                let is_room = text.as_str().len() + line.as_str().len() < MESSAGES;
                if i == 0 {
                    text = line;
                } else if left_out == self.unlisted && is_room {
                    text = text.str("\n").text(&line);
                } else {
                    left_out += 1;
                }
            }
            i += 1;
        }
        if left_out > 0 {
            text = text.str("\n").text(&and_more(left_out));
        }
        match self.list[0] {
            Some(first) => first.code().note(text),
            None => text,
        }
    }
}

/// What stands for faults that are not told, such as `and 20 more faults`.
#[must_use]
pub const fn and_more(count: u32) -> Text {
    let faults = if count == 1 {
        " more fault"
    } else {
        " more faults"
    };
    Text::new().str("and ").number(count).str(faults)
}

const fn line(fault: &Fault<'_>, file: &str) -> Text {
    let text = fault.code().begin(Text::new()).text(&fault.message());
    at(text, file, fault.place())
        .str("; help: ")
        .text(&fault.help())
}

/// Appends ` (poolcfg.toml:6:17)`, or nothing for what is not in the file.
pub(crate) const fn at(text: Text, file: &str, place: FilePlace) -> Text {
    if place.line == 0 {
        return text;
    }
    say!(text; " (", str(file), ":", number(place.line), ":", number(place.column), ")")
}

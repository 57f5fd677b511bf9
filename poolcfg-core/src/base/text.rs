//! Text that const code can build: a fixed buffer, so that a compile error can carry numbers.
//!
//! A panic in a const can print one `&str` and nothing that is formatted; this buffer is where the
//! formatting happens. The command and the runtime print the very same text.

use core::fmt;

/// How many bytes a [`Text`] holds; what does not fit is cut and ends in `…`.
const CAPACITY: usize = 1536;

const ELLIPSIS: &str = "…";

/// A piece of text in a fixed buffer, built by const code.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Size, Text};
/// const GUARD: Text = Size::mib(32).exact();
/// assert_eq!(GUARD.as_str(), "32MiB");
/// ```
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Text {
    /// The text so far.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        let (used, _) = self.bytes.split_at(self.len);
        match core::str::from_utf8(used) {
            Ok(text) => text,
            // Only whole characters are ever written, so this arm is for the type alone.
            Err(_) => "",
        }
    }
}

#[doc(hidden)]
impl Text {
    /// How many bytes it holds.
    pub(crate) const CAPACITY: usize = CAPACITY;

    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            len: 0,
        }
    }

    /// Whether nothing has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `text`, cut at the end of the buffer.
    #[must_use]
    pub const fn str(self, text: &str) -> Self {
        let room = (CAPACITY - ELLIPSIS.len()).saturating_sub(self.len);
        if text.len() <= room {
            return self.push(text.as_bytes(), text.len());
        }
        if self.len > CAPACITY - ELLIPSIS.len() {
            // Cut before: a full buffer takes no more, not even a shorter piece.
            return self;
        }
        let mut keep = room;
        // `text` is longer than `keep`. Only the bytes of a character after its first are 0b10xx_xxxx.
        while text.as_bytes()[keep] & 0xC0 == 0x80 {
            keep -= 1;
        }
        let mut cut = self.push(text.as_bytes(), keep);
        while cut.len + ELLIPSIS.len() < CAPACITY {
            cut = cut.push(b" ", 1);
        }
        cut.push(ELLIPSIS.as_bytes(), ELLIPSIS.len())
    }

    const fn push(mut self, from: &[u8], count: usize) -> Self {
        let mut i = 0;
        while i < count && self.len < CAPACITY {
            self.bytes[self.len] = from[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    /// Appends a number in decimal.
    #[must_use]
    pub const fn u64(self, number: u64) -> Self {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10).to_le_bytes()[0];
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let (_, used) = digits.split_at(at);
        match core::str::from_utf8(used) {
            Ok(text) => self.str(text),
            Err(_) => self,
        }
    }

    /// Appends a count in decimal.
    #[must_use]
    pub const fn number(self, number: u32) -> Self {
        self.u64(crate::base::consts::wide(number))
    }

    /// Appends a number of hundredths as a decimal fraction: `394` becomes `3.94`.
    #[must_use]
    pub const fn hundredths(self, hundredths: u64) -> Self {
        let fraction = hundredths % 100;
        let text = self.u64(hundredths / 100).str(".");
        text.u64(fraction / 10).u64(fraction % 10)
    }

    /// Appends the text of another buffer.
    #[must_use]
    pub const fn text(self, other: &Text) -> Self {
        self.str(other.as_str())
    }
}

/// Appends pieces to a [`Text`]: literals, values by the method that writes them, and `@` what a function appends.
macro_rules! say {
    ($text:expr; $(,)?) => { $text };
    ($text:expr; $piece:literal $(, $($rest:tt)*)?) => {
        crate::base::text::say!($text.str($piece); $($($rest)*)?)
    };
    ($text:expr; $how:ident($value:expr) $(, $($rest:tt)*)?) => {
        crate::base::text::say!($text.$how($value); $($($rest)*)?)
    };
    ($text:expr; @$append:ident($($value:expr),*) $(, $($rest:tt)*)?) => {
        crate::base::text::say!($append($text, $($value),*); $($($rest)*)?)
    };
}
pub(crate) use say;

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

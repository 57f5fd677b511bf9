//! Escaping: the texts of others as messages show them. A value of a variable or a key of a file must not move
//! the cursor of a terminal, begin a line of its own or turn the direction of what follows.

use core::fmt::{self, Write as _};

/// A text with its control characters escaped, as Rust writes them: `\n`, `\u{1b}`, `\u{202e}`. All else stays
/// as it is, also quotes and backslashes.
///
/// ```
/// use poolcfg_core::escaped;
/// assert_eq!(escaped("64\u{1b}[2J\nfits").to_string(), r"64\u{1b}[2J\nfits");
/// assert_eq!(escaped(r#"C:\Zürich "4GiB""#).to_string(), r#"C:\Zürich "4GiB""#);
/// ```
#[must_use]
pub const fn escaped(text: &str) -> Escaped<'_> {
    Escaped { text, lines: false }
}

/// The same for a text of several lines, which keeps its line ends.
#[must_use]
pub const fn escaped_lines(text: &str) -> Escaped<'_> {
    Escaped { text, lines: true }
}

/// A text as [`escaped`] shows it.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a> {
    text: &'a str,
    lines: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.text.chars() {
            match char {
                '\n' if self.lines => f.write_char(char)?,
                _ if char.is_control() => write!(f, "{}", char.escape_debug())?,
                _ if is_escaped(char) => write!(f, "{}", char.escape_unicode())?,
                _ => f.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// Whether a character is escaped: control characters, the separators of lines U+2028 and U+2029, and what changes
/// the direction of text (UAX 9 of Unicode).
///
/// ```
/// use poolcfg_core::is_escaped;
/// assert!("\u{1b}\n\u{9b}\u{202e}".chars().all(is_escaped));
/// assert!(!"a ü\"\\…".chars().any(is_escaped));
/// ```
#[must_use]
pub fn is_escaped(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

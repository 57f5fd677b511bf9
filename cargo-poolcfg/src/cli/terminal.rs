//! The terminal: its size, and the characters that it shows.

use std::env;
use std::io::{self, IsTerminal as _};

use terminal_size::{Height, Width};

/// Columns and lines where there is no terminal, as of most.
const USUAL: (usize, usize) = (80, 24);

/// Lines above a picture, and the one on which the shell asks for the next command.
const AROUND: usize = 3;

/// The room for a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canvas {
    /// Columns.
    pub(crate) width: usize,
    /// Lines, if what has to be said goes into so many.
    pub(crate) height: usize,
}

/// The room that the terminal has.
pub(crate) fn canvas() -> Canvas {
    let (width, lines) = size();
    Canvas {
        width,
        height: lines.saturating_sub(AROUND),
    }
}

fn size() -> (usize, usize) {
    if !io::stdout().is_terminal() {
        return USUAL;
    }
    match terminal_size::terminal_size() {
        Some((Width(columns), Height(lines))) => (usize::from(columns), usize::from(lines)),
        None => USUAL,
    }
}

/// Breaks a line between words where the terminal ends; what follows is indented by so many columns. Without a terminal
/// a line stays whole for whoever searches in it.
pub(crate) fn wrapped(line: &str, indent: usize) -> String {
    match io::stdout().is_terminal() {
        true => filled(line, indent, size().0),
        false => line.to_owned(),
    }
}

/// Columns that a text has beside its indent; on a terminal with fewer it begins further left.
const LEAST_TEXT: usize = 24;

/// The indent of what follows on a terminal that has no room for a column of its own.
const NARROW_INDENT: usize = 4;

fn filled(line: &str, indent: usize, width: usize) -> String {
    let indent = match width < indent + LEAST_TEXT {
        true => indent.min(NARROW_INDENT),
        false => indent,
    };
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    unglued(&textwrap::fill(&glued(line), options))
}

/// A blank at which no line is broken.
const NO_BREAK: char = '\u{a0}';

/// The same text, in which no number is parted from its unit when it is wrapped.
pub(crate) fn glued(text: &str) -> String {
    const UNITS: [&str; 8] = ["%", "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let words: Vec<&str> = text.split(' ').collect();
    let mut glued = String::with_capacity(text.len());
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).map_or("", |before| words[before]);
        let is_unit = matches!(*word, "x" | "×") || UNITS.iter().any(|unit| word.starts_with(unit));
        match index {
            0 => {}
            _ if is_unit && before.ends_with(|last: char| last.is_ascii_digit()) => {
                glued.push(NO_BREAK);
            }
            _ => glued.push(' '),
        }
        glued += word;
    }
    glued
}

/// The text as it was before [`glued`].
pub(crate) fn unglued(text: &str) -> String {
    text.replace(NO_BREAK, " ")
}

/// What stands for each character that only Unicode has, in the texts of this program.
const ASCII: [(char, &str); 17] = [
    ('×', "x"),
    ('…', "..."),
    ('─', "-"),
    ('│', "|"),
    ('┌', "+"),
    ('┐', "+"),
    ('└', "+"),
    ('┘', "+"),
    ('├', "+"),
    ('┤', "+"),
    ('≈', "~"),
    ('█', "#"),
    ('░', "."),
    ('·', ":"),
    ('≤', "<="),
    ('≥', ">="),
    ('–', "-"),
];

/// A text in the characters that the terminal shows.
pub(crate) fn shown(text: &str) -> String {
    match is_unicode(|name| env::var(name).ok()) {
        true => text.to_owned(),
        false => ascii(text),
    }
}

fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match ASCII.iter().find(|(unicode, _)| *unicode == letter) {
            Some((_, ascii)) => plain.push_str(ascii),
            None => plain.push(letter),
        }
    }
    plain
}

/// Whether the locale is one of UTF-8, by the order of locale(7); without any, most terminals show UTF-8. Windows has no
/// such variables.
fn is_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    if variable("TERM").is_some_and(|term| term == "dumb") {
        return false;
    }
    let said = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| variable(name))
        .find(|value| !value.is_empty());
    said.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_breaks_between_words_and_parts_no_number() {
        let line =
            "  memories               4.04 GiB  32 MiB + 42 x (4 GiB + 32 MiB); 99.9 % of it";
        for width in 40..=100 {
            let text = filled(line, 35, width);
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&text), words(line));
            for part in text.lines() {
                assert!(part.chars().count() <= width, "{width}: {text}");
                let last = part.trim_end().chars().last();
                assert!(!last.is_some_and(|last| last.is_ascii_digit()), "{text}");
            }
        }
        let indent = |width| {
            let text = filled(line, 35, width);
            text.lines()
                .nth(1)
                .map(|line| line.len() - line.trim_start().len())
        };
        assert_eq!([indent(40), indent(60)], [Some(4), Some(35)]);
    }

    #[test]
    fn only_a_locale_without_utf_8_gets_ascii() {
        let of = |variables: &[(&str, &str)]| {
            is_unicode(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(of(&[]));
        assert!(of(&[("LANG", "C.UTF-8")]));
        assert!(of(&[("LANG", "de_DE.utf8"), ("LC_ALL", "")]));
        assert!(!of(&[("LANG", "C.UTF-8"), ("LC_ALL", "C")]));
        assert!(!of(&[("LANG", "C.UTF-8"), ("LC_CTYPE", "de_DE@euro")]));
        assert!(!of(&[("TERM", "dumb"), ("LANG", "C.UTF-8")]));
        assert_eq!(ascii("┌─ 4 × 2 … ░"), "+- 4 x 2 ... .");
    }
}

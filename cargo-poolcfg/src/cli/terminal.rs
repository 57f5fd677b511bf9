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
    if !io::stdout().is_terminal() {
        return line.to_owned();
    }
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(size().0)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(line, options)
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

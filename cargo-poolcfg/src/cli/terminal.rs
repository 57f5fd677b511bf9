//! The terminal: its size, and the characters that it shows.

use std::env;
use std::io::{self, IsTerminal as _};

use terminal_size::{Height, Width, terminal_size_of};

/// Columns and lines where there is no terminal, as of most.
const USUAL: (usize, usize) = (80, 24);

/// The line on which the shell asks for the next command.
const PROMPT: usize = 1;

/// The room for a picture and what is said of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canvas {
    /// Columns.
    pub(crate) width: usize,
    /// Lines, if what has to be said goes into so many.
    pub(crate) height: usize,
}

impl Canvas {
    /// The same without the lines of a text.
    pub(crate) fn beside(self, text: &str) -> Self {
        Self {
            height: self.height.saturating_sub(text.lines().count()),
            ..self
        }
    }
}

/// The room that the terminal has.
pub(crate) fn canvas() -> Canvas {
    let (width, lines) = of_stdout().unwrap_or(USUAL);
    Canvas {
        width,
        height: lines.saturating_sub(PROMPT),
    }
}

/// Columns of stdout; `None` if it is no terminal, where a line stays whole for whoever searches in it.
pub(crate) fn columns() -> Option<usize> {
    of_stdout().map(|(columns, _)| columns)
}

/// The same of stderr.
pub(crate) fn columns_of_stderr() -> Option<usize> {
    let is_terminal = io::stderr().is_terminal();
    is_terminal.then(|| size(terminal_size_of(io::stderr())).0)
}

fn of_stdout() -> Option<(usize, usize)> {
    let is_terminal = io::stdout().is_terminal();
    is_terminal.then(|| size(terminal_size_of(io::stdout())))
}

fn size(told: Option<(Width, Height)>) -> (usize, usize) {
    match told {
        Some((Width(columns), Height(lines))) => (usize::from(columns), usize::from(lines)),
        None => USUAL,
    }
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
    match is_unicode(|name| env::var(name).ok(), SHOWS_UTF_8) {
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

/// Whether a terminal of this system shows UTF-8 where no variable says a locale: elsewhere that is the locale C, of ASCII.
const SHOWS_UTF_8: bool = cfg!(any(windows, target_vendor = "apple"));

/// Whether the locale is one of UTF-8, by the order of locale(7).
fn is_unicode(variable: impl Fn(&str) -> Option<String>, by_default: bool) -> bool {
    if variable("TERM").is_some_and(|term| term == "dumb") {
        return false;
    }
    let said = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| variable(name))
        .find(|value| !value.is_empty());
    said.map_or(by_default, |locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_locale_without_utf_8_gets_ascii() {
        let by_default = |variables: &[(&str, &str)], shows| {
            let value = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            is_unicode(value, shows)
        };
        let of = |variables: &[(&str, &str)]| by_default(variables, false);
        for empty in [&[][..], &[("LANG", "")]] {
            assert!(!of(empty));
            assert!(by_default(empty, true));
        }
        assert!(of(&[("LANG", "C.UTF-8")]));
        assert!(of(&[("LANG", "de_DE.utf8"), ("LC_ALL", "")]));
        assert!(!of(&[("LANG", "C.UTF-8"), ("LC_ALL", "C")]));
        assert!(!by_default(&[("LC_ALL", "C")], true));
        assert!(!of(&[("LANG", "C.UTF-8"), ("LC_CTYPE", "de_DE@euro")]));
        assert!(!of(&[("TERM", "dumb"), ("LANG", "C.UTF-8")]));
        assert_eq!(ascii("┌─ 4 × 2 … ░"), "+- 4 x 2 ... .");
    }
}

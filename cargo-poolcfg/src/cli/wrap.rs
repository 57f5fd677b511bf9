//! Lines that end where the terminal does: they are broken between words, and only there.

use std::borrow::Cow;

/// Columns that a text has beside its indent; on a terminal with fewer it begins further left.
const LEAST_TEXT: usize = 24;

/// The indent of what follows a line that has no column of its own, or no room for it.
pub(super) const INDENT: usize = 4;

/// Lines with as many columns at most; `None` leaves them whole. What goes on below a line begins in the column of its last entry. What stands
/// in backticks is left in one piece, so that a command can be copied, and so are the lines of a file that a mistake
/// shows.
pub(crate) fn wrapped(text: &str, columns: Option<usize>) -> String {
    let Some(width) = columns else {
        return text.to_owned();
    };
    let lines = text.split('\n').map(|line| match column(line) {
        Some(column) => filled(&moved_left(line, width), column, width),
        None => note(line, width).unwrap_or_else(|| line.to_owned()),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The column at which what follows a line begins; `None` if the line is one of a file that is shown.
fn column(line: &str) -> Option<usize> {
    let line = anstream::adapter::strip_str(line).to_string();
    let text = line.trim_start();
    let before = line.chars().count() - text.chars().count();
    let behind = |part: &str| before + part.chars().count();
    let numbered = text.trim_start_matches(|char: char| char.is_ascii_digit());
    if text.starts_with("--> ") || numbered.trim_start().starts_with('|') {
        return None;
    }
    if let Some((kind, _)) = text.split_once(": ")
        && kind.starts_with("= ")
    {
        return Some(behind(kind) + 2);
    }
    match text.trim_end().rfind("  ") {
        Some(last) => Some(behind(&text[..last + 2])),
        None => Some(before.max(INDENT)),
    }
}

/// What is said of a line of a file, behind the marks below it, broken into the columns that are left; below the marks
/// where those are too few. `None` if the line is none of that, or goes into the terminal.
fn note(line: &str, width: usize) -> Option<String> {
    let plain = anstream::adapter::strip_str(line).to_string();
    let bar = plain.find('|')?;
    let marks = plain[bar + 1..].trim_start();
    let text = marks.trim_start_matches('^').trim_start();
    if !marks.starts_with('^') || text.is_empty() || plain.chars().count() <= width {
        return None;
    }
    let column = plain.chars().count() - text.chars().count();
    // In the colours of the line: the gutter up to its end, the marks, and what begins the note.
    let end_of = |at: usize| match line[at..].strip_prefix(RESET) {
        Some(_) => at + RESET.len(),
        None => at,
    };
    let gutter = &line[..end_of(line.find('|')? + 1)];
    let from = line.find('^')?;
    let to = from
        + line[from..]
            .bytes()
            .take_while(|byte| *byte == b'^')
            .count();
    let marked = &line[..end_of(to)];
    let style = codes(line[end_of(to)..].trim_start());
    let reset = if style.is_empty() { "" } else { RESET };
    let is_beside = column + LEAST_TEXT <= width;
    let indent = if is_beside { column } else { bar + 2 };
    let broken = filled(text, 0, width.saturating_sub(indent).max(1));
    let pad = " ".repeat(indent.saturating_sub(bar + 1));
    let mut lines: Vec<String> = broken
        .lines()
        .map(|part| format!("{gutter}{pad}{style}{part}{reset}"))
        .collect();
    match (is_beside, broken.lines().next()) {
        (true, Some(first)) => lines[0] = format!("{marked} {style}{first}{reset}"),
        _ => lines.insert(0, marked.to_owned()),
    }
    Some(lines.join("\n"))
}

/// The codes that a text begins with, of which each ends with an `m`.
fn codes(text: &str) -> &str {
    let mut rest = text;
    while let Some((_, after)) = rest
        .strip_prefix('\x1b')
        .and_then(|code| code.split_once('m'))
    {
        rest = after;
    }
    &text[..text.len() - rest.len()]
}

/// Ends a colour.
const RESET: &str = "\x1b[0m";

/// A line that begins further left where the terminal has no room for its indent.
fn moved_left(line: &str, width: usize) -> Cow<'_, str> {
    let text = line.trim_start_matches(' ');
    match width < line.len() - text.len() + LEAST_TEXT {
        true => Cow::Owned(format!("{:INDENT$}{text}", "")),
        false => Cow::Borrowed(line),
    }
}

/// A line that is broken between words; what follows is indented by so many columns, or by less if there is no room.
pub(super) fn filled(line: &str, indent: usize, width: usize) -> String {
    let line = glued(line);
    let longest = line.split(' ').map(textwrap::core::display_width).max();
    let least = longest.filter(|longest| *longest <= width).unwrap_or(0);
    let indent = match width < indent + least.max(LEAST_TEXT) {
        true => indent.min(INDENT),
        false => indent,
    };
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    unglued(&textwrap::fill(&line, options))
}

/// A blank at which no line is broken.
const NO_BREAK: char = '\u{a0}';

/// The same text, in which no number is parted from its unit, and nothing in backticks, when it is wrapped.
pub(crate) fn glued(text: &str) -> String {
    const UNITS: [&str; 8] = ["%", "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let ticks = |text: &str| text.matches('`').count();
    let is_paired = ticks(text) % 2 == 0;
    let mut is_quoted = false;
    let mut before = "";
    let mut glued = String::with_capacity(text.len());
    for (index, word) in text.split(' ').enumerate() {
        let is_unit = matches!(word, "x" | "×") || UNITS.iter().any(|unit| word.starts_with(unit));
        let is_of_number = is_unit && before.ends_with(|last: char| last.is_ascii_digit());
        match index {
            0 => {}
            _ if is_of_number || (is_quoted && is_paired) => glued.push(NO_BREAK),
            _ => glued.push(' '),
        }
        glued += word;
        is_quoted ^= ticks(word) % 2 == 1;
        before = word;
    }
    glued
}

/// The text as it was before [`glued`].
pub(crate) fn unglued(text: &str) -> String {
    text.replace(NO_BREAK, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn a_narrow_terminal_breaks_between_words_and_parts_no_number() {
        let line =
            "  memories               4.04 GiB  32 MiB + 42 x (4 GiB + 32 MiB); 99.9 % of it";
        for width in 40..=100 {
            let text = wrapped(line, Some(width));
            assert_eq!(words(&text), words(line));
            for part in text.lines() {
                assert!(part.chars().count() <= width, "{width}: {text}");
                let last = part.trim_end().chars().last();
                assert!(!last.is_some_and(|last| last.is_ascii_digit()), "{text}");
            }
        }
        let indent = |width| {
            let text = wrapped(line, Some(width));
            text.lines()
                .nth(1)
                .map(|line| line.len() - line.trim_start().len())
        };
        assert_eq!([indent(40), indent(60)], [Some(4), Some(35)]);
    }

    /// What is to be copied is whole, and so is what a file says.
    #[test]
    fn commands_and_lines_of_files_are_left_in_one_piece() {
        let mistake = "\
error[PC0001]: pool needs 3.94 TiB in slots of 4.04 GiB
 --> poolcfg.toml:2:17
  |
2 | max_instances = 1000   # as many as there may be at once
  |                 ^^^^ memories of 4 GiB each, with guards
  |
  = help: `poolcfg check --target TRIPLE` says more of it";
        let text = "\
error[PC0001]: pool needs 3.94 TiB in
    slots of 4.04 GiB
 --> poolcfg.toml:2:17
  |
2 | max_instances = 1000   # as many as there may be at once
  |                 ^^^^
  | memories of 4 GiB each, with guards
  |
  = help:
    `poolcfg check --target TRIPLE` says
    more of it";
        assert_eq!(wrapped(mistake, Some(40)), text);
        // Colours take no columns.
        let colored = mistake.replacen("error", "\x1b[1m\x1b[91merror\x1b[0m", 1);
        let colored = wrapped(&colored, Some(40));
        assert!(colored.contains("3.94 TiB in\n    slots"), "{colored}");
    }

    /// What is said below a line of a file has the columns that are left of it, or those of the line.
    #[test]
    fn the_note_on_a_line_of_a_file_is_broken() {
        let source = "1 | memory_reservation = \"4GiB\"  # of each memory of the pool of this file";
        let mark = "  |                      ^^^^^^ memories: without this flag, the pools fit";
        for width in [40, 60] {
            let text = wrapped(&format!("{source}\n{mark}"), Some(width));
            let (first, notes) = text.split_once('\n').unwrap();
            assert_eq!(first, source);
            assert_eq!(
                words(&notes.replace('|', " ")),
                words(&mark.replace('|', " "))
            );
            assert!(notes.lines().count() > 1, "{text}");
            for line in notes.lines() {
                assert!(
                    line.starts_with("  |") && line.chars().count() <= width,
                    "{text}"
                );
            }
        }
        let colored = mark.replace(
            "^^^^^^ memories",
            "\x1b[1m\x1b[91m^^^^^^\x1b[0m \x1b[1m\x1b[91mmemories",
        ) + "\x1b[0m";
        let plain = wrapped(mark, Some(60));
        let colored = wrapped(&colored, Some(60));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
    }
}

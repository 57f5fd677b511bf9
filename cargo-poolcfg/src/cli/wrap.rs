//! Lines that end where the terminal does: they are broken between words, and only there.

use std::borrow::Cow;

/// Columns that a text has beside its indent; on a terminal with fewer it begins further left.
const LEAST_TEXT: usize = 24;

/// The indent of what follows a line that has no column of its own, or no room for it.
const INDENT: usize = 4;

/// Columns of a text that is filled anew: longer lines are hard to read.
const TEXT: usize = 100;

/// Lines with as many columns at most; `None` leaves them whole. What goes on below a line begins in the column of its last entry. What stands
/// in backticks is left in one piece, so that a command can be copied, and so are the lines of a file that a mistake
/// shows.
pub(crate) fn wrapped(text: &str, columns: Option<usize>) -> String {
    let Some(width) = columns else {
        return text.to_owned();
    };
    let lines = text.split('\n').map(|line| match column(line) {
        Some(column) => filled(&moved_left(line, width), column, width),
        None => line.to_owned(),
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

/// A line that begins further left where the terminal has no room for its indent.
fn moved_left(line: &str, width: usize) -> Cow<'_, str> {
    let text = line.trim_start_matches(' ');
    match width < line.len() - text.len() + LEAST_TEXT {
        true => Cow::Owned(format!("{:INDENT$}{text}", "")),
        false => Cow::Borrowed(line),
    }
}

/// A line that is broken between words; what follows is indented by so many columns, or by less if there is no room.
fn filled(line: &str, indent: usize, width: usize) -> String {
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

/// A text of Markdown with paragraphs that are filled anew, if so many columns are known. Code is left as it is.
pub(crate) fn refilled(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else {
        return text.to_owned();
    };
    let width = columns.min(TEXT);
    let mut lines: Vec<String> = Vec::new();
    let mut paragraph = String::new();
    let mut is_code = false;
    for line in text.split('\n') {
        let is_fence = line.starts_with("```");
        let is_alone = is_fence || is_code || line.is_empty();
        let begins = is_alone || ["#", "|", "- "].iter().any(|mark| line.starts_with(mark));
        if begins && !paragraph.is_empty() {
            lines.push(of_paragraph(&std::mem::take(&mut paragraph), width));
        }
        match (is_alone, paragraph.is_empty()) {
            (true, _) => lines.push(line.to_owned()),
            (false, true) => line.clone_into(&mut paragraph),
            (false, false) => {
                paragraph.push(' ');
                paragraph += line.trim_start();
            }
        }
        is_code ^= is_fence;
    }
    if !paragraph.is_empty() {
        lines.push(of_paragraph(&paragraph, width));
    }
    lines.join("\n")
}

fn of_paragraph(text: &str, width: usize) -> String {
    let indent = match text {
        item if item.starts_with("- ") => 2,
        row if row.starts_with('|') => INDENT,
        _ => 0,
    };
    filled(text, indent, width)
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
  |                 ^^^^ memories of 4GiB each, with guards
  |
  = help: `poolcfg check --target TRIPLE` says more of it";
        let text = "\
error[PC0001]: pool needs 3.94 TiB in
    slots of 4.04 GiB
 --> poolcfg.toml:2:17
  |
2 | max_instances = 1000   # as many as there may be at once
  |                 ^^^^ memories of 4GiB each, with guards
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

    #[test]
    fn paragraphs_are_filled_and_code_is_not() {
        let text = "# A title\n\nOne two three\nfour.\n\n- an item\n  that goes on\n- another\n\n```toml\na = 1    # four\n```\n";
        let narrow = "# A title\n\nOne two\nthree\nfour.\n\n- an item\n  that\n  goes on\n- another\n\n```toml\na = 1    # four\n```\n";
        assert_eq!(refilled(text, Some(10)), narrow);
        assert!(
            refilled(text, Some(80)).contains("One two three four.\n\n- an item that goes on\n")
        );
    }
}

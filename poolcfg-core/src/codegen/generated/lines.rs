//! Rust text, laid out: lines, and lists that are filled up to the width of a line.

/// How wide a line may become.
const WIDTH: usize = 116;

/// Rust text that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    pub(super) fn text(self) -> String {
        self.text
    }

    /// One line, or an empty one.
    pub(super) fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n("    ", self.depth));
            self.text.push_str(line);
        }
        self.text.push('\n');
    }

    /// What stands between two lines, indented.
    pub(super) fn block(&mut self, open: &str, close: &str, inside: impl FnOnce(&mut Self)) {
        self.line(open);
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line(close);
    }

    /// Items with commas behind them, as many to a line as go.
    pub(super) fn items(&mut self, items: &[String]) {
        self.fill(items, ",", "");
    }

    /// An assertion that all of these hold.
    pub(super) fn assert(&mut self, conditions: &[String], message: &str) {
        let message = literal(message);
        if let [condition] = conditions {
            return self.line(&format!("assert!({condition}, {message});"));
        }
        self.block("assert!(", ");", |lines| {
            lines.fill(conditions, " &&", ",");
            lines.line(&message);
        });
    }

    /// Fills lines; each item but the last is followed by `between`, the last by `end`, or if that is empty by
    /// `between`.
    fn fill(&mut self, items: &[String], between: &str, end: &str) {
        let room = WIDTH - 4 * self.depth;
        let mut line = String::new();
        for (index, item) in items.iter().enumerate() {
            let is_last = index + 1 == items.len();
            let behind = if is_last && !end.is_empty() {
                end
            } else {
                between
            };
            if !line.is_empty() && line.len() + 1 + item.len() + behind.len() > room {
                self.line(&std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(item);
            line.push_str(behind);
        }
        self.line(&line);
    }
}

/// A text as the message of a panic, where braces mean something.
fn literal(message: &str) -> String {
    format!("{message:?}").replace('{', "{{").replace('}', "}}")
}

/// A number as people and clippy read it: in groups of three digits when there are many.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 6 {
        return digits;
    }
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_digits_are_grouped() {
        for (value, text) in [
            (0, "0"),
            (20_000, "20000"),
            (100_000, "100_000"),
            (4_294_967_296, "4_294_967_296"),
            (u64::MAX, "18_446_744_073_709_551_615"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn lists_fill_lines_and_end_in_a_comma() {
        let mut lines = Lines::default();
        let items: Vec<String> = (0..30).map(|item| format!("item_{item}")).collect();
        lines.block("[", "]", |lines| lines.items(&items));
        let text = lines.text();
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.ends_with("item_29,\n]\n"), "{text}");
    }
}

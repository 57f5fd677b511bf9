//! Tables of text: in columns, or in paragraphs where a terminal has no room for them.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use crate::cli::wrap::wrapped;

/// A table, of which the first row names the columns. They are as wide as their widest entry, those of numbers to the
/// right. On a terminal that has no room for them, each row is a paragraph.
pub(super) fn render<const COLUMNS: usize>(
    rows: &[[String; COLUMNS]],
    numbers: RangeInclusive<usize>,
    width: Option<usize>,
) -> String {
    let table = aligned(rows, numbers);
    let is_wide = |width: &usize| table.lines().any(|line| line.chars().count() > *width);
    match width.filter(is_wide) {
        Some(width) => wrapped(&paragraphs(rows), Some(width)),
        None => table,
    }
}

fn aligned<const COLUMNS: usize>(
    rows: &[[String; COLUMNS]],
    numbers: RangeInclusive<usize>,
) -> String {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, entry) in widths.iter_mut().zip(row) {
            *width = (*width).max(entry.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (entry, width)) in row.iter().zip(widths).enumerate() {
            let _ = if numbers.contains(&column) {
                write!(line, "{entry:>width$}  ")
            } else {
                write!(line, "{entry:<width$}  ")
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The rows below the first one, each with the names of its entries but the first.
fn paragraphs<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let Some((names, rows)) = rows.split_first() else {
        return String::new();
    };
    let unnamed = names.iter().take_while(|name| name.is_empty()).count();
    let mut text = String::new();
    for row in rows {
        let (first, others) = row.split_at(COLUMNS.min(unnamed + 1));
        text += first.join(" ").trim_start();
        for (name, entry) in names.iter().skip(first.len()).zip(others) {
            let _ = write!(text, "; {name}: {entry}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_gets_a_paragraph_for_each_row() {
        let rows = [
            ["", "profile", "window", "shipped by"],
            ["*", "sv39", "256 GiB", "nearly every board"],
            ["", "sv48", "128 TiB", "first silicon"],
        ];
        let rows = rows.map(|row| row.map(str::to_owned));
        let table = [
            "   profile   window  shipped by\n",
            "*  sv39     256 GiB  nearly every board\n",
            "   sv48     128 TiB  first silicon\n",
        ];
        let table = table.concat();
        for width in [None, Some(80), Some(39)] {
            assert_eq!(render(&rows, 2..=2, width), table);
        }
        let narrow = "\
* sv39; window: 256 GiB;
    shipped by: nearly every
    board
sv48; window: 128 TiB; shipped
    by: first silicon
";
        assert_eq!(render(&rows, 2..=2, Some(30)), narrow);
    }
}

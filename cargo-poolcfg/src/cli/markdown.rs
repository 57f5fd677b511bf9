//! Markdown as people read it on a terminal: paragraphs as wide as it is, and a table as a list.

use super::wrap::filled;

/// Columns of a text that is filled anew: longer lines are hard to read.
const TEXT: usize = 100;

/// A text of Markdown with paragraphs that are filled anew, if so many columns are known. Code is left as it is, and each
/// row of a table is an item.
pub(crate) fn refilled(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else {
        return text.to_owned();
    };
    let width = columns.min(TEXT);
    let mut lines: Vec<String> = Vec::new();
    let mut paragraph = String::new();
    let mut is_code = false;
    for line in items(text) {
        let is_fence = line.starts_with("```");
        let is_alone = is_fence || is_code || line.is_empty();
        let begins = is_alone || ["#", "- "].iter().any(|mark| line.starts_with(mark));
        if begins && !paragraph.is_empty() {
            lines.push(of_paragraph(&std::mem::take(&mut paragraph), width));
        }
        match (is_alone, paragraph.is_empty()) {
            (true, _) => lines.push(line),
            (false, true) => paragraph = line,
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
    let indent = if text.starts_with("- ") { 2 } else { 0 };
    filled(text, indent, width)
}

/// The lines of a text in which each row of a table is an item: its first cell, the second one, and the others with the
/// names of their columns.
fn items(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut head: Option<Vec<&str>> = None;
    let mut is_code = false;
    for line in text.split('\n') {
        is_code ^= line.starts_with("```");
        let cells = if is_code { None } else { cells(line) };
        match (cells, &head) {
            (None, _) => {
                head = None;
                lines.push(line.to_owned());
            }
            (Some(cells), None) => head = Some(cells),
            (Some(cells), Some(names)) => lines.extend(item(&cells, names)),
        }
    }
    lines
}

/// The cells of a row of a table; `None` if the line is none.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

/// A row as an item; `None` for the rule below the names of the columns.
fn item(cells: &[&str], names: &[&str]) -> Option<String> {
    let is_rule = |cell: &&str| cell.starts_with('-') && cell.trim_matches('-').is_empty();
    if cells.iter().all(is_rule) {
        return None;
    }
    let (first, others) = cells.split_first()?;
    let mut text = format!("- {first}");
    for (index, (cell, name)) in others.iter().zip(names.iter().skip(1)).enumerate() {
        match (index, cell.is_empty()) {
            (_, true) => {}
            (0, false) => text += &format!(": {cell}"),
            (_, false) => text += &format!("; {name}: {cell}"),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_filled_and_code_is_not() {
        let text = "# A title\n\nOne two three\nfour.\n\n- an item\n  that goes on\n- another\n\n```toml\na = 1    # four\n```\n";
        let narrow = "# A title\n\nOne two\nthree\nfour.\n\n- an item\n  that\n  goes on\n- another\n\n```toml\na = 1    # four\n```\n";
        assert_eq!(refilled(text, Some(10)), narrow);
        assert!(
            refilled(text, Some(80)).contains("One two three four.\n\n- an item that goes on\n")
        );
    }

    #[test]
    fn a_table_becomes_a_list() {
        let table = "Before:\n\n| word | what | helps |\n|---|---|---|\n| `a` | one two | three |\n| b | four | |\n\nAfter.\n";
        let list = "Before:\n\n- `a`: one two;\n  helps: three\n- b: four\n\nAfter.\n";
        assert_eq!(refilled(table, Some(16)), list);
        assert_eq!(refilled(table, None), table);
    }
}

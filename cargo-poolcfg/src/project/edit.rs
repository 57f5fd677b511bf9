//! Edits of a TOML file that leave everything else in it as it is: comments, order, spaces, line ends.

#[cfg(test)]
mod tests;

use std::ops::Range;

use toml_edit::{Array, Document, DocumentMut, InlineTable, Item, Table, Value};

/// A file that is being edited.
pub(crate) struct Edit<'s> {
    source: &'s str,
    /// The file as toml_edit writes it: with line ends of one kind and one behind the last line.
    before: String,
    document: DocumentMut,
}

impl<'s> Edit<'s> {
    /// A file, which must be TOML: any other text counts as empty and cannot be edited.
    pub(crate) fn new(source: &'s str) -> Self {
        let document =
            Document::parse(source).map_or_else(|_| DocumentMut::new(), Document::into_mut);
        Self {
            source,
            before: document.to_string(),
            document,
        }
    }

    /// The table `name` in the one at `path`; it is made where it is not there, in the style of the one
    /// that holds it, of which some value stands `at` that byte. `None` if there is no such path.
    pub(crate) fn table(&mut self, path: &[String], name: &str, at: usize) -> Option<&mut Item> {
        // What is commented out behind the last key of a table is meant for that table, and would be of
        // the new one if that followed: then the new one goes to the end of the file.
        let at_end = commented_keys_follow(self.source, at);
        let mut above = self
            .document
            .trailing()
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !above.is_empty() && !above.ends_with('\n') {
            above.push('\n');
        }
        let mut is_moved = false;
        let holder = find(&mut self.document, path)?;
        if holder.get(name).is_none() {
            let made = match holder {
                Item::Value(_) => Item::Value(Value::InlineTable(InlineTable::new())),
                _ => {
                    let mut table = Table::new();
                    if holder.as_table().is_some_and(Table::is_dotted) {
                        table.set_dotted(true);
                    } else if at_end {
                        is_moved = true;
                        table.set_position(Some(isize::MAX));
                        table.decor_mut().set_prefix(above + "\n");
                    }
                    Item::Table(table)
                }
            };
            insert(holder, name, made);
        }
        if is_moved {
            self.document.set_trailing("");
        }
        find(&mut self.document, path)?.get_mut(name)
    }

    /// The whole file: lines that are not edited to the byte.
    pub(crate) fn text(&self) -> String {
        let (mark, source) = match self.source.strip_prefix('\u{feff}') {
            Some(rest) => ("\u{feff}", rest),
            None => ("", self.source),
        };
        let after = self.document.to_string();
        let lines = |text: &'_ str| -> Vec<String> {
            text.split_inclusive('\n').map(str::to_owned).collect()
        };
        let (raw, before, after) = (lines(source), lines(&self.before), lines(&after));
        let alike = |pairs: &mut dyn Iterator<Item = (&String, &String)>| {
            pairs.take_while(|(left, right)| left == right).count()
        };
        let head = alike(&mut before.iter().zip(&after));
        let most = before.len().min(after.len()) - head;
        let tail = alike(&mut before.iter().rev().zip(after.iter().rev())).min(most);
        let line_end = match raw.iter().any(|line| line.ends_with("\r\n")) {
            true => "\r\n",
            false => "\n",
        };
        let mut text = mark.to_owned();
        text.extend(raw.iter().take(head).map(String::as_str));
        if head < after.len() && head > 0 && !text.ends_with('\n') {
            text += line_end;
        }
        for line in &after[head..after.len() - tail] {
            text += line.trim_end_matches(['\r', '\n']);
            text += line_end;
        }
        let rest = raw.len().saturating_sub(tail);
        text.extend(raw.iter().skip(rest).map(String::as_str));
        text
    }
}

fn find<'d>(document: &'d mut DocumentMut, path: &[String]) -> Option<&'d mut Item> {
    let root = document.as_item_mut();
    path.iter().try_fold(root, |item, key| item.get_mut(key))
}

/// Whether a key that is commented out comes before the next header.
fn commented_keys_follow(source: &str, at: usize) -> bool {
    let rest = source.get(at..).unwrap_or_default();
    let mut lines = rest.lines().skip(1).map(str::trim);
    lines
        .by_ref()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.strip_prefix('#'))
        .filter_map(|line| line.split_once('='))
        .any(|(key, _)| {
            let key = key.trim();
            !key.is_empty()
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        })
}

/// Adds a key behind the others. In an inline table the space before the `}` is the last value's.
fn insert(table: &mut Item, key: &str, mut item: Item) {
    if let Some(inline) = table.as_inline_table_mut()
        && let Some((_, last)) = inline.iter_mut().last()
        && let Some(space) = last.decor().suffix().and_then(|text| text.as_str())
        && let Some(value) = item.as_value_mut()
    {
        value.decor_mut().set_prefix(" ");
        value.decor_mut().set_suffix(space);
        last.decor_mut().set_suffix("");
    }
    if let Some(table) = table.as_table_like_mut() {
        table.insert(key, item);
    }
}

/// Sets a key to a text, in the quotes that it has.
pub(crate) fn set_text(table: &mut Item, key: &str, text: &str) {
    let Some(value) = table.get_mut(key).and_then(Item::as_value_mut) else {
        insert(table, key, toml_edit::value(text));
        return;
    };
    let raw = match value {
        Value::String(old) => old.as_repr().and_then(|repr| repr.as_raw().as_str()),
        _ => None,
    };
    let is_literal = raw.is_some_and(|raw| raw.starts_with('\''));
    let mut new = match format!("'{text}'").parse() {
        Ok(new) if is_literal => new,
        _ => Value::from(text),
    };
    *new.decor_mut() = value.decor().clone();
    *value = new;
}

/// Sets a key to a number.
pub(crate) fn set_count(table: &mut Item, key: &str, count: u64) {
    // No count is near what TOML cannot say.
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let Some(value) = table.get_mut(key).and_then(Item::as_value_mut) else {
        insert(table, key, toml_edit::value(count));
        return;
    };
    let mut new = Value::from(count);
    *new.decor_mut() = value.decor().clone();
    *value = new;
}

/// The text without a key of the table at `path`. In a table of lines, what is written above it stays.
pub(crate) fn without(text: &str, path: &[&str], key: &str) -> String {
    if let Some(line) = line_of(text, path, key) {
        return format!("{}{}", &text[..line.start], &text[line.end..]);
    }
    let mut edit = Edit::new(text);
    let path: Vec<_> = path.iter().map(|&key| key.to_owned()).collect();
    let table = find(&mut edit.document, &path).and_then(Item::as_table_like_mut);
    if let Some(table) = table {
        table.remove(key);
    }
    edit.text()
}

/// The line of a key that stands alone on it.
fn line_of(text: &str, path: &[&str], key: &str) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let mut item = document.as_item();
    for key in path {
        item = item.get(key)?;
    }
    let value = item.as_table_like()?.get(key)?.span()?;
    let start = text[..value.start].rfind('\n').map_or(0, |at| at + 1);
    let rest = &text[value.end..];
    let end = rest.find('\n').map_or(text.len(), |at| value.end + at + 1);
    let behind = text[value.end..end].split('#').next().unwrap_or_default();
    let is_alone = !text[start..value.start].contains(['{', ',']) && behind.trim().is_empty();
    is_alone.then_some(start..end)
}

/// Sets a key to a list of words: those that stay keep their place and what is written beside them.
pub(crate) fn set_list(table: &mut Item, key: &str, words: &[&str]) {
    let Some(array) = table.get_mut(key).and_then(Item::as_array_mut) else {
        let array: Array = words.iter().copied().collect();
        insert(table, key, toml_edit::value(array));
        return;
    };
    let stays = |value: &Value| value.as_str().is_some_and(|word| words.contains(&word));
    for index in (0..array.len()).rev() {
        if !array.get(index).is_some_and(stays) {
            remove(array, index);
        }
    }
    for word in words {
        if !array.iter().any(|value| value.as_str() == Some(word)) {
            append(array, word);
        }
    }
}

/// What is written behind a comma is beside the value before it, and toml_edit has it before the next one.
fn remove(array: &mut Array, index: usize) {
    let prefix = prefix(&array.remove(index));
    match array.get_mut(index) {
        Some(next) => next.decor_mut().set_prefix(prefix),
        None if prefix.contains('#') => array.set_trailing(prefix.trim_end_matches([' ', '\t'])),
        None => {}
    }
}

/// The new value is on a line of its own where the others are.
fn append(array: &mut Array, word: &str) {
    let has_comma = array.trailing_comma();
    let last = array
        .len()
        .checked_sub(1)
        .and_then(|last| array.get_mut(last));
    let (indent, end) = match last {
        None => {
            array.push(word);
            return;
        }
        Some(last) => {
            let before = prefix(last);
            let indent = before
                .rsplit_once('\n')
                .map(|(_, indent)| indent.to_owned());
            let suffix = last.decor().suffix().and_then(|text| text.as_str());
            let end = suffix.unwrap_or_default().to_owned();
            if !has_comma {
                last.decor_mut().set_suffix("");
            }
            (indent, end)
        }
    };
    let end = match has_comma {
        true => array.trailing().as_str().unwrap_or_default().to_owned(),
        false => end,
    };
    let mut value = Value::from(word);
    let end = match end.rsplit_once('\n') {
        Some((beside, close)) => {
            let indent = indent.unwrap_or_else(|| format!("{close}    "));
            value.decor_mut().set_prefix(format!("{beside}\n{indent}"));
            format!("\n{close}")
        }
        None => {
            value.decor_mut().set_prefix(" ");
            end
        }
    };
    if has_comma {
        array.push_formatted(value);
        array.set_trailing(end);
    } else {
        value.decor_mut().set_suffix(end);
        array.push_formatted(value);
    }
}

fn prefix(value: &Value) -> String {
    let prefix = value.decor().prefix().and_then(|text| text.as_str());
    prefix.unwrap_or_default().to_owned()
}

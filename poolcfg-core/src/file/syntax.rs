//! Syntax: what is no TOML, in words that name it.

use std::ops::Range;

use toml_edit::{Document, TableLike, TomlError};

use crate::base::code::Code;
use crate::base::escape::escaped;
use crate::file::Diagnostic;
use crate::file::diagnostic::place_of;

/// A key that no file has, which shows in which table a line stands.
const MARK: &str = "-poolcfg-looks-here-";

/// The first place that is no TOML.
pub(super) fn mistake(error: &TomlError, source: &str) -> Diagnostic {
    let span = error.span().unwrap_or_default();
    let said = error.message();
    let key = source.get(span.clone()).filter(|key| !key.is_empty());
    let mut diagnostic = Diagnostic {
        code: Code::Syntax,
        message: format!("invalid TOML: {}", escaped(said)),
        span: Some(span.clone()),
        label: "invalid from here".to_owned(),
        help: said.contains("overflow").then(|| {
            "the largest number of TOML is 2^63 - 1; write a larger size as a text such as `\"8PiB\"`"
                .to_owned()
        }),
    };
    if let Some(key) = key.filter(|_| said.starts_with("duplicate key")) {
        let key = escaped(key);
        diagnostic.message = format!("invalid TOML: duplicate key `{key}`");
        let first = first(source, &span).map(|at| place_of(source, at).line);
        (diagnostic.label, diagnostic.help) = match first {
            Some(line) => (
                format!("line {line} has it already"),
                Some("remove one of the two, or join them".to_owned()),
            ),
            None => (
                "the second of them".to_owned(),
                Some("remove one of them".to_owned()),
            ),
        };
    }
    diagnostic
}

/// Where the key that stands at `span` again stands first; `None` where that cannot be found.
fn first(source: &str, span: &Range<usize>) -> Option<usize> {
    let start = source.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let (before, rest) = source.split_at_checked(start)?;
    let line = rest.lines().next()?;
    if line.trim_start().starts_with('[') {
        let header = |line: &str| Some(line.split('#').next()?.trim().to_owned());
        let mut lines = before.split_inclusive('\n').scan(0, |at, line| {
            let here = *at;
            *at += line.len();
            Some((here, line))
        });
        let found = lines.find(|(_, other)| header(other) == header(line));
        return found.map(|(at, _)| at);
    }
    // Before this line all is TOML.
    let text = format!("{before}{MARK} = 0\n");
    let document = Document::parse(text.as_str()).ok()?;
    let mut table = holder(document.as_table())?;
    let tables = source.get(start..span.start)?.split('.');
    for key in tables.map(bare).filter(|key| !key.is_empty()) {
        table = table.get(key)?.as_table_like()?;
    }
    let (key, _) = table.get_key_value(bare(source.get(span.clone())?))?;
    Some(key.span()?.start)
}

/// The table that has the mark.
fn holder(table: &dyn TableLike) -> Option<&dyn TableLike> {
    if table.contains_key(MARK) {
        return Some(table);
    }
    let mut inner = table.iter().filter_map(|(_, item)| item.as_table_like());
    inner.find_map(holder)
}

/// A key without its quotes.
fn bare(key: &str) -> &str {
    key.trim().trim_matches(['"', '\''])
}

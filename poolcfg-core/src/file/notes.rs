//! Notes: what has been found out about a file so far, the entries of its tables and every mistake in them.

use std::ops::Range;

use toml_edit::{Item, TableLike};

use crate::base::code::Code;
use crate::base::escape::escaped;
use crate::file::diagnostic::place_of;
use crate::file::{Diagnostic, nearest};
use crate::setting::{AddressSpaceKeys, FilePlace, PoolKeys, ProfileKeys, Setting, WasmtimeKeys};

/// The key with the files from which the command `sync` takes the counts of an instance. It decides nothing by itself: who
/// fits pools goes by the counts.
pub const WORKLOAD: &str = "workload";

/// The tables of a file.
pub(super) const TABLES: [&str; 5] = [
    "pooling_allocator",
    "pool",
    "address_space",
    "target",
    "va_profile",
];

/// One key of a table and what it holds.
#[derive(Clone)]
pub(super) struct Entry<'t> {
    pub(super) key: &'t str,
    pub(super) key_span: Range<usize>,
    pub(super) item: &'t Item,
    /// The bytes of the value; those of the key where the value is a table without a header.
    pub(super) span: Range<usize>,
}

/// The entries of a table, in the order of the file.
pub(super) fn entries(table: &dyn TableLike) -> Vec<Entry<'_>> {
    let found = table.iter().filter_map(|(name, _)| {
        let (key, item) = table.get_key_value(name)?;
        let span = item.span();
        let key_span = key.span().or_else(|| span.clone()).unwrap_or_default();
        Some(Entry {
            key: name,
            span: match item {
                Item::Value(_) => span.unwrap_or_else(|| key_span.clone()),
                _ => key_span.clone(),
            },
            key_span,
            item,
        })
    });
    found.collect()
}

/// What has been found out about a file so far.
pub(super) struct Notes<'s> {
    pub(super) source: &'s str,
    /// Where its lines start.
    lines: Vec<usize>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) spans: Vec<(FilePlace, Range<usize>)>,
    /// The number of the flag in each line, where the source is made of flags.
    flags: Option<Vec<u32>>,
}

impl<'s> Notes<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        let ends = source.bytes().enumerate();
        let next = ends.filter_map(|(at, byte)| (byte == b'\n').then_some(at + 1));
        Self {
            source,
            lines: std::iter::once(0).chain(next).collect(),
            diagnostics: Vec::new(),
            spans: Vec::new(),
            flags: None,
        }
    }

    /// Of flags, one a line, with the number of each.
    pub(super) fn of_flags(source: &'s str, numbers: Vec<u32>) -> Self {
        Self {
            flags: Some(numbers),
            ..Self::new(source)
        }
    }

    /// Notes a mistake.
    pub(super) fn mistake(
        &mut self,
        code: Code,
        span: &Range<usize>,
        message: String,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        // Keys and values are quoted in all of them.
        self.diagnostics.push(Diagnostic {
            code,
            message: escaped(&message).to_string(),
            span: Some(span.clone()),
            label: escaped(&label.into()).to_string(),
            help: help.map(|help| escaped(&help).to_string()),
        });
    }

    /// The value of an entry, with its place.
    pub(super) fn setting<T>(&mut self, entry: &Entry<'_>, value: T) -> Setting<T> {
        // Found by its line, so that a long file is not read again for each value.
        let line = self
            .lines
            .partition_point(|start| *start <= entry.span.start);
        let start = self.lines[line.saturating_sub(1)];
        if let Some(flags) = &self.flags {
            let number = flags.get(line.saturating_sub(1)).copied();
            let place = FilePlace::flag(number.unwrap_or_default());
            return Setting { value, place };
        }
        let in_line = place_of(&self.source[start..], entry.span.start - start);
        let place = FilePlace::new(u32::try_from(line).unwrap_or(u32::MAX), in_line.column);
        self.spans.push((place, entry.span.clone()));
        Setting { value, place }
    }

    /// A key or a table that is not known in `table`, such as `[address_space]`.
    pub(super) fn unknown_key(&mut self, entry: &Entry<'_>, table: &str, known: &[&str]) {
        let near = nearest(entry.key, known.iter().copied());
        let is_table = entry.item.as_table_like().is_some();
        let help = match (table_of(entry.key), near) {
            _ if is_table && TABLES.contains(&entry.key) && !known.contains(&entry.key) => {
                format!("{} stands at the top level of the file", header(entry))
            }
            // `[pools.a]` is `[pool.a]`, and not the number `pools` of another table.
            (Some(_), Some(name)) if is_table => format!("did you mean `{name}`?"),
            (Some(other), _) => format!("`{}` belongs under {other}", entry.key),
            (None, Some(name)) => format!("did you mean `{name}`?"),
            (None, None) => format!("expected one of {}", list(known.iter().copied())),
        };
        self.mistake(
            Code::UnknownKey,
            &entry.key_span,
            format!("unknown key `{}` in {table}", entry.key),
            "unknown key",
            Some(help),
        );
    }

    /// The table that an entry holds.
    pub(super) fn table<'t>(
        &mut self,
        entry: &Entry<'t>,
        help: impl FnOnce() -> String,
    ) -> Option<&'t dyn TableLike> {
        let table = entry.item.as_table_like();
        if table.is_none() {
            self.wrong_type(entry, "a table", Some(help()));
        }
        table
    }

    pub(super) fn wrong_type(&mut self, entry: &Entry<'_>, wanted: &str, help: Option<String>) {
        let found = with_article(entry.item.type_name());
        self.mistake(
            Code::WrongType,
            &entry.span,
            format!(
                "invalid type for `{}`: expected {wanted}, found {found}",
                entry.key
            ),
            format!("expected {wanted}"),
            help,
        );
    }
}

/// Names as a sentence lists them.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

pub(super) fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}

/// Whether a text can be a part of the name of a variable, give or take `-` for `_`.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The table that an entry stands for, as its header is written: with its name, where it has one.
fn header(entry: &Entry<'_>) -> String {
    let of_names = matches!(entry.key, "pool" | "target" | "va_profile");
    let tables = entry.item.as_table_like().filter(|_| of_names);
    let name = tables.and_then(|tables| tables.iter().next());
    match name {
        Some((name, _)) => format!("`[{}.{}]`", entry.key, quoted(name)),
        None => format!("`[{}]`", entry.key),
    }
}

/// A key as it stands in a table header.
pub(super) fn quoted(key: &str) -> String {
    if is_name(key) {
        key.to_owned()
    } else {
        format!("'{key}'")
    }
}

/// The table that has a key of this very name; `None` if none has.
fn table_of(key: &str) -> Option<&'static str> {
    let tables = [
        (PoolKeys::NAMES, "`[pooling_allocator]`"),
        (
            WasmtimeKeys::NAMES,
            "`[pooling_allocator.wasmtime]`, or the `wasmtime` table of a named pool",
        ),
        (&[WORKLOAD], "`[pooling_allocator.wasmtime]`"),
        (AddressSpaceKeys::NAMES, "`[address_space]`"),
        (ProfileKeys::NAMES, "`[va_profile.NAME]`"),
    ];
    let found = tables.iter().find(|(names, _)| names.contains(&key));
    found.map(|(_, table)| *table)
}

//! One `--set KEY=VALUE`, as a line of the file.

use std::ops::Range;

use toml_edit::{Document, Key, TableLike};

use crate::base::code::Code;
use crate::file::Diagnostic;
use crate::file::notes::{Notes, WORKLOAD};

/// A mistake, and the text that it points into.
pub(super) type SetMistake = (String, Diagnostic);

/// One flag.
#[derive(Clone, Debug)]
pub(super) struct SetFlag {
    /// The keys that lead to the value.
    pub(super) keys: Vec<String>,
    /// The flag as a line of the file.
    pub(super) text: String,
    /// Where the value stands in the text.
    pub(super) value: Range<usize>,
}

impl SetFlag {
    pub(super) fn parse(flag: &str) -> Result<Self, Box<SetMistake>> {
        let (key, keys, value) = split(flag)?;
        let digits = value.trim_start_matches(['+', '-']);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && value.parse::<i64>().is_err() {
            return Err(no_flag(flag, "has a number above 2^63 - 1"));
        }
        // A version is a text that may look like a number.
        let is_version =
            keys.last().is_some_and(|last| last == "version") && value.parse::<f64>().is_ok();
        let value = match is_version {
            true => quoted(value),
            false => toml(value),
        };
        let text = format!("{key} = {value}");
        let Ok(document) = Document::parse(text.as_str()) else {
            return Err(no_flag(flag, "has an invalid value"));
        };
        if let Some(workload) = workload(document.as_table()) {
            let mut notes = Notes::new(&text);
            let start = key.rfind(workload).unwrap_or_default();
            notes.mistake(
                Code::UnknownKey,
                &(start..key.len()),
                format!(
                    "`--set` cannot set `{workload}`: only `sync` and `check` read it, and only in poolcfg.toml"
                ),
                "not for `--set`",
                Some("name the files with `--workload FILE`, which takes them for this run".to_owned()),
            );
            return Err(first(text.clone(), notes));
        }
        Ok(Self {
            keys,
            value: text.len() - value.len()..text.len(),
            text,
        })
    }
}

/// The key as it is given, its parts, and the value: at the first `=` that has a whole key before it, since one in
/// quotes may be part of that.
fn split(flag: &str) -> Result<(&str, Vec<String>, &str), Box<SetMistake>> {
    if !flag.contains('=') {
        return Err(no_flag(flag, "has no value"));
    }
    let whole = |(at, _): (usize, &str)| {
        let key = flag[..at].trim();
        let keys = Key::parse(key).ok()?;
        let keys: Vec<_> = keys.iter().map(|part| part.get().to_owned()).collect();
        let is_line = !key.contains('\n') && !keys.iter().any(String::is_empty);
        is_line.then(|| (key, keys, flag[at + 1..].trim()))
    };
    match flag.match_indices('=').find_map(whole) {
        None if flag.trim_start().starts_with('=') => Err(no_flag(flag, "has no key")),
        None => Err(no_flag(flag, "has an invalid key")),
        Some((_, _, "")) => Err(no_flag(flag, "has no value")),
        Some(found) => Ok(found),
    }
}

/// The name of the key `workload` in a `wasmtime` table of a pool.
fn workload(root: &dyn TableLike) -> Option<&'static str> {
    let own = |table: &dyn TableLike| {
        let wasmtime = table.get("wasmtime")?.as_table_like()?;
        wasmtime.contains_key(WORKLOAD).then_some(WORKLOAD)
    };
    let table = |name: &str| root.get(name)?.as_table_like();
    let below = |name: &str| {
        let tables = table(name).into_iter().flat_map(TableLike::iter);
        tables.filter_map(|(_, item)| item.as_table_like())
    };
    let mut pools = table("pooling_allocator").into_iter().chain(below("pool"));
    pools
        .find_map(own)
        .or_else(|| below("target").find_map(workload))
}

/// A flag that is not even `KEY=VALUE`.
fn no_flag(flag: &str, what: &str) -> Box<SetMistake> {
    let mut notes = Notes::new(flag);
    notes.mistake(
        Code::Syntax,
        &(0..flag.len()),
        format!("`--set {flag}` {what}"),
        "",
        Some("write `--set KEY=VALUE`, such as `--set address_space.rlimit_as=64GiB`".to_owned()),
    );
    first(flag.to_owned(), notes)
}

/// The one mistake of a text.
fn first(text: String, notes: Notes<'_>) -> Box<SetMistake> {
    let mut found = notes.diagnostics.into_iter();
    let Some(diagnostic) = found.next() else {
        unreachable!("a mistake was noted");
    };
    Box::new((text, diagnostic))
}

/// The value as TOML: as it is where it can be read as such, and else as a text.
fn toml(value: &str) -> String {
    let line = format!("x = {value}");
    let is_value = !value.contains('\n')
        && Document::parse(line.as_str()).is_ok_and(|document| document.as_table().len() == 1);
    match is_value {
        true => value.to_owned(),
        false => quoted(value),
    }
}

/// The value as a text of TOML.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for char in value.chars() {
        match char {
            '"' | '\\' => text.extend(['\\', char]),
            _ if char.is_control() => text += &format!("\\u{:04X}", u32::from(char)),
            _ => text.push(char),
        }
    }
    text + "\""
}

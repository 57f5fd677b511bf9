//! Values: the entries of a table, read into the types of the model, with every mistake noted.

use std::ops::Range;

use toml_edit::{Item, TableLike};

use crate::base::code::Code;
use crate::base::escape::escaped;
use crate::base::size::{Size, SizeError};
use crate::file::diagnostic::place_of;
use crate::file::wasmtime::WORKLOAD;
use crate::file::{Diagnostic, nearest};
use crate::setting::{
    AddressSpaceKeys, FilePlace, Key, PoolKeys, ProfileKeys, ProtectionKeys, Setting, Switch,
    WasmtimeKeys,
};
use crate::target::shape::{Aslr, StackLimit};

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

/// How many mistakes are told of one file; what stands behind the last of them is not read.
const MISTAKES: usize = 100;

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

    /// Whether there are so many mistakes that no more are looked for.
    pub(super) fn is_full(&self) -> bool {
        self.diagnostics.len() >= MISTAKES
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

    /// A whole number from 0 to 2^32 - 1.
    pub(super) fn count(&mut self, entry: &Entry<'_>) -> Key<u32> {
        let Some(number) = entry.item.as_integer() else {
            let quoted = entry.item.as_str().and_then(|text| {
                let number: u32 = text.trim().parse().ok()?;
                Some(format!("write `{} = {number}`, without quotes", entry.key))
            });
            let help =
                quoted.unwrap_or_else(|| format!("write a number such as `{} = 1000`", entry.key));
            self.wrong_type(entry, "an integer", Some(help));
            return None;
        };
        if let Ok(number) = u32::try_from(number) {
            return Some(self.setting(entry, number));
        }
        self.out_of_range(entry, number < 0, "2^32 - 1");
        None
    }

    fn out_of_range(&mut self, entry: &Entry<'_>, negative: bool, most: &str) {
        self.mistake(
            Code::WrongType,
            &entry.span,
            format!(
                "`{}` is {}",
                entry.key,
                if negative {
                    "below zero".to_owned()
                } else {
                    format!("above {most}")
                }
            ),
            "out of range",
            Some(format!("expected a whole number up to {most}")),
        );
    }

    /// A size: an integer of bytes, or a text such as `"4GiB"`.
    pub(super) fn size(&mut self, entry: &Entry<'_>) -> Key<Size> {
        if let Some(bytes) = entry.item.as_integer() {
            match u64::try_from(bytes).map(Size::bytes) {
                Ok(size) if size <= Size::LARGEST => return Some(self.setting(entry, size)),
                Ok(_) => self.bad_size(entry, &bytes.to_string(), SizeError::TooLarge),
                Err(_) => self.out_of_range(
                    entry,
                    true,
                    &format!("2^{} bytes", Size::LARGEST.get().ilog2()),
                ),
            }
            return None;
        }
        let Some(text) = entry.item.as_str() else {
            let help = format!(
                "write an integer of bytes or a text such as `{} = \"4GiB\"`",
                entry.key
            );
            self.wrong_type(entry, "a size", Some(help));
            return None;
        };
        match Size::parse(text) {
            Ok(size) => Some(self.setting(entry, size)),
            Err(error) => {
                self.bad_size(entry, text, error);
                None
            }
        }
    }

    /// A limit of the process: a size, or `"unlimited"`.
    pub(super) fn limit(&mut self, entry: &Entry<'_>) -> Key<Option<Size>> {
        match entry.item.as_str() {
            Some("unlimited") => Some(self.setting(entry, None)),
            // A word that was meant to be this one, and no size that lacks its number.
            Some(text) if !text.contains(|c: char| c.is_ascii_digit()) => {
                self.mistake(
                    Code::UnknownWord,
                    &entry.span,
                    format!("invalid value `\"{text}\"` for `{}`", entry.key),
                    "unknown value",
                    Some("expected `\"unlimited\"` or a size such as `\"64GiB\"`".to_owned()),
                );
                None
            }
            _ => {
                let Setting { value, place } = self.size(entry)?;
                Some(Setting {
                    value: Some(value),
                    place,
                })
            }
        }
    }

    fn bad_size(&mut self, entry: &Entry<'_>, text: &str, error: SizeError) {
        let number = text.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
        let help = match error {
            SizeError::DecimalUnit { binary } => format!("write `\"{number}{binary}\"`"),
            SizeError::UnknownUnit => {
                let unit = text.trim().get(number.len()..).unwrap_or_default().trim();
                match nearest(unit, Size::units()) {
                    Some(near) => format!("did you mean `\"{number}{near}\"`?"),
                    None => "write a binary unit, such as `\"256MiB\"` or `\"4GiB\"`".to_owned(),
                }
            }
            SizeError::NoNumber => "write a number and a unit, such as `\"256MiB\"`".to_owned(),
            SizeError::Fraction => match Size::of_fraction(text) {
                Some(size) => format!("write `\"{}\"`", size.exact().as_str()),
                None => "write a whole number of a smaller unit, such as `\"1536MiB\"`".to_owned(),
            },
            SizeError::TooLarge => format!(
                "no address space is that large; the largest is `\"{}\"`",
                Size::LARGEST.exact().as_str()
            ),
        };
        self.mistake(
            Code::BadSize,
            &entry.span,
            format!("invalid size `{text}` for `{}`: {error}", entry.key),
            match error {
                SizeError::DecimalUnit { .. } => "decimal unit",
                SizeError::UnknownUnit => "unknown unit",
                SizeError::NoNumber => "no number",
                SizeError::Fraction => "not a whole number",
                SizeError::TooLarge => "too large",
            },
            Some(help),
        );
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        entry: &Entry<'_>,
        known: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Key<T> {
        let words = || known.iter().map(|value| word(*value));
        let Some(text) = entry.item.as_str() else {
            let help = Some(format!("expected one of {}", list(words())));
            self.wrong_type(entry, "a string", help);
            return None;
        };
        if let Some(value) = known.iter().find(|value| word(**value) == text) {
            return Some(self.setting(entry, *value));
        }
        let help = format!("expected one of {}", list(words()));
        self.unknown_word(entry, text, nearest(text, words()), help);
        None
    }

    /// A word that the key does not know. `known` says which it does.
    fn unknown_word(&mut self, entry: &Entry<'_>, text: &str, near: Option<&str>, known: String) {
        let help = match (near, known.split_at_checked(1)) {
            (Some(near), Some((first, rest))) => {
                let known = first.to_ascii_uppercase() + rest;
                format!("did you mean `\"{near}\"`? {known}")
            }
            _ => known,
        };
        self.mistake(
            Code::UnknownWord,
            &entry.span,
            format!("invalid value `\"{text}\"` for `{}`", entry.key),
            "unknown value",
            Some(help),
        );
    }

    /// How far ASLR reaches: a word, or a number of bits.
    pub(super) fn aslr(&mut self, entry: &Entry<'_>) -> Key<Aslr> {
        let help = || "expected `\"maximum\"`, `\"minimum\"` or a number of bits".to_owned();
        if let Some(number) = entry.item.as_integer() {
            // More bits than an address has are refused for any architecture.
            let bits = u32::try_from(number).ok().filter(|bits| *bits <= 64);
            if bits.is_none() {
                self.out_of_range(entry, number < 0, "64");
            }
            return bits.map(|bits| self.setting(entry, Aslr::Bits(bits)));
        }
        let Some(text) = entry.item.as_str() else {
            self.wrong_type(entry, "a string or a number of bits", Some(help()));
            return None;
        };
        match Aslr::from_text(text) {
            Some(Aslr::Bits(bits)) => {
                let help = format!("write `{} = {bits}`, without quotes", entry.key);
                self.wrong_type(entry, "a number of bits", Some(help));
                None
            }
            Some(aslr) => Some(self.setting(entry, aslr)),
            None => {
                let near = nearest(text, ["maximum", "minimum"].into_iter());
                self.unknown_word(entry, text, near, help());
                None
            }
        }
    }

    /// A stack limit: a word, or a size.
    pub(super) fn stack_limit(&mut self, entry: &Entry<'_>) -> Key<StackLimit> {
        let help =
            || "expected `\"finite\"`, `\"unlimited\"` or a size such as `\"1GiB\"`".to_owned();
        let Some(text) = entry.item.as_str() else {
            if entry.item.as_integer().is_none() {
                self.wrong_type(entry, "a string or a size", Some(help()));
                return None;
            }
            let setting = self.size(entry)?;
            return Some(Setting {
                value: StackLimit::UpTo(setting.value),
                place: setting.place,
            });
        };
        match StackLimit::from_text(text) {
            Ok(limit) => Some(self.setting(entry, limit)),
            Err(SizeError::NoNumber) => {
                let near = nearest(text, ["finite", "unlimited"].into_iter());
                self.unknown_word(entry, text, near, help());
                None
            }
            Err(error) => {
                self.bad_size(entry, text, error);
                None
            }
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, entry: &Entry<'_>) -> Key<bool> {
        let Some(flag) = entry.item.as_bool() else {
            self.wrong_type(entry, "`true` or `false`", None);
            return None;
        };
        Some(self.setting(entry, flag))
    }

    /// A number, or `"auto"`.
    pub(super) fn protection_keys(&mut self, entry: &Entry<'_>) -> Key<ProtectionKeys> {
        let help = || {
            let most = ProtectionKeys::MOST;
            format!("expected `\"auto\"` or a number from 0 to {most}")
        };
        match entry.item.as_str() {
            Some("auto") => Some(self.setting(entry, ProtectionKeys::Auto)),
            Some(text) if text.trim().parse::<u32>().is_err() => {
                let near = nearest(text, ["auto"].into_iter());
                self.unknown_word(entry, text, near, help());
                None
            }
            None if entry.item.as_integer().is_none() => {
                self.wrong_type(entry, "`\"auto\"` or an integer", Some(help()));
                None
            }
            _ => {
                let Setting { value, place } = self.count(entry)?;
                Some(Setting {
                    value: ProtectionKeys::Count(value),
                    place,
                })
            }
        }
    }

    /// Yes, no, or `"auto"`.
    pub(super) fn switch(&mut self, entry: &Entry<'_>) -> Key<Switch> {
        let switch = match (entry.item.as_bool(), entry.item.as_str()) {
            (Some(true), _) => Switch::On,
            (Some(false), _) => Switch::Off,
            (None, Some("auto")) => Switch::Auto,
            (None, Some(text)) => {
                let help = "expected `\"auto\"`, or `true` or `false` without quotes".to_owned();
                self.mistake(
                    Code::UnknownWord,
                    &entry.span,
                    format!(
                        "invalid value `\"{}\"` for `{}`",
                        text.escape_default(),
                        entry.key
                    ),
                    "unknown value",
                    Some(help),
                );
                return None;
            }
            (None, None) => {
                self.wrong_type(entry, "`\"auto\"`, `true` or `false`", None);
                return None;
            }
        };
        Some(self.setting(entry, switch))
    }

    /// A text.
    pub(super) fn text(&mut self, entry: &Entry<'_>) -> Key<String> {
        let Some(text) = entry.item.as_str() else {
            self.wrong_type(entry, "a string", None);
            return None;
        };
        Some(self.setting(entry, text.to_owned()))
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

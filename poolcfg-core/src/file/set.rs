//! `--set KEY=VALUE`: keys of the file that a command line says, read as the file's are.

use std::ops::Range;

use toml_edit::Document;

use crate::base::code::Code;
use crate::file::layer::Space;
use crate::file::reader::read_space;
use crate::file::values::{Notes, entries};
use crate::file::{Diagnostic, nearest};
use crate::setting::{AddressSpaceKeys, Place};

/// The tables that the file has beside `[address_space]`.
const OTHER_TABLES: [&str; 4] = ["pooling_allocator", "pool", "target", "va_profile"];

/// The keys that all `--set` flags set; the later one wins.
///
/// ```
/// use poolcfg_core::file::SetFlags;
/// let flags = SetFlags::parse(["address_space.rlimit_as=64GiB"]).unwrap();
/// let limit = flags.address_space().rlimit_as.unwrap();
/// assert_eq!(limit.value, Some(poolcfg_core::Size::gib(64)));
/// assert_eq!(flags.text(limit.place), Some("address_space.rlimit_as = \"64GiB\""));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SetFlags {
    flags: Vec<SetFlag>,
}

#[derive(Clone, Debug)]
struct SetFlag {
    /// The flag as a line of the file.
    text: String,
    space: Space,
    /// Where the value stands in the text.
    value: Range<usize>,
}

impl SetFlags {
    /// Reads the values of the flags, such as `address_space.rlimit_as=64GiB`. A value is TOML; what is not, such as
    /// `64GiB` or `static`, is a text without its quotes.
    ///
    /// # Errors
    /// Every mistake, with the text that it points into.
    pub fn parse<'a>(
        flags: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Vec<(String, Diagnostic)>> {
        let mut read = Vec::new();
        let mut mistakes = Vec::new();
        for (index, flag) in flags.into_iter().enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
            match SetFlag::parse(flag, Place::flag(number)) {
                Ok(flag) => read.push(flag),
                Err((text, diagnostics)) => {
                    mistakes.extend(diagnostics.into_iter().map(|one| (text.clone(), one)));
                }
            }
        }
        if mistakes.is_empty() {
            Ok(Self { flags: read })
        } else {
            Err(mistakes)
        }
    }

    /// The keys of `[address_space]` among them. The place of each key is that of its flag.
    #[must_use]
    pub fn address_space(&self) -> AddressSpaceKeys<'_> {
        self.flags
            .iter()
            .fold(AddressSpaceKeys::EMPTY, |keys, flag| {
                keys.then(flag.space.keys())
            })
    }

    /// The flag at a place as a line of the file; `None` if no flag is there.
    #[must_use]
    pub fn text(&self, place: Place) -> Option<&str> {
        Some(&self.at(place)?.text)
    }

    /// The bytes of the value in that line.
    #[must_use]
    pub fn span(&self, place: Place) -> Option<Range<usize>> {
        Some(self.at(place)?.value.clone())
    }

    fn at(&self, place: Place) -> Option<&SetFlag> {
        let index = usize::try_from(place.as_flag()?).ok()?.checked_sub(1)?;
        self.flags.get(index)
    }
}

impl SetFlag {
    fn parse(flag: &str, place: Place) -> Result<Self, (String, Vec<Diagnostic>)> {
        let Some((key, value)) = flag.split_once('=') else {
            return Err(no_flag(flag, "has no value"));
        };
        let key = key.trim();
        let is_key = key.split('.').all(|part| {
            let mut bytes = part.bytes();
            !part.is_empty()
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        });
        if !is_key {
            return Err(no_flag(flag, "has no key"));
        }
        let digits = value.trim().trim_start_matches(['+', '-']);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && value.trim().parse::<i64>().is_err() {
            return Err(no_flag(flag, "has a number above 2^63 - 1"));
        }
        let value = toml(value.trim());
        let text = format!("{key} = {value}");
        let document = match Document::parse(text.as_str()) {
            Ok(document) => document,
            Err(_) => return Err(no_flag(flag, "has an invalid value")),
        };
        let mut notes = Notes::new(&text);
        let mut space = Space::EMPTY;
        for entry in entries(document.as_table()) {
            match entry.key {
                "address_space" => {
                    let help = || "write `--set address_space.KEY=VALUE`".to_owned();
                    if let Some(table) = notes.table(&entry, help) {
                        space = read_space(table, &mut notes);
                    }
                }
                key if OTHER_TABLES.contains(&key) => notes.mistake(
                    Code::UnknownKey,
                    &entry.key_span,
                    format!("`--set` does not support keys of `[{key}]`"),
                    "unsupported key",
                    Some(
                        "it supports the keys of `[address_space]`: set this one in poolcfg.toml"
                            .to_owned(),
                    ),
                ),
                key => {
                    let help = match nearest(key, AddressSpaceKeys::NAMES.iter().copied()) {
                        Some(near) => format!("did you mean `address_space.{near}`?"),
                        None => "expected `address_space.KEY`".to_owned(),
                    };
                    notes.mistake(
                        Code::UnknownKey,
                        &entry.key_span,
                        format!("unknown key `{key}` in `--set`"),
                        "unknown key",
                        Some(help),
                    );
                }
            }
        }
        let diagnostics = notes.diagnostics;
        if !diagnostics.is_empty() {
            return Err((text, diagnostics));
        }
        let value = text.len() - value.len()..text.len();
        Ok(Self {
            space: space.placed(place),
            text,
            value,
        })
    }
}

/// A flag that is not even `KEY=VALUE`.
fn no_flag(flag: &str, what: &str) -> (String, Vec<Diagnostic>) {
    let mut notes = Notes::new(flag);
    notes.mistake(
        Code::Syntax,
        &(0..flag.len()),
        format!("`--set {flag}` {what}"),
        "",
        Some("write `--set KEY=VALUE`, such as `--set address_space.rlimit_as=64GiB`".to_owned()),
    );
    (flag.to_owned(), notes.diagnostics)
}

/// The value as TOML: as it is where it can be read as such, and else as a text.
fn toml(value: &str) -> String {
    let line = format!("x = {value}");
    let is_value = !value.contains('\n')
        && Document::parse(line.as_str()).is_ok_and(|document| document.as_table().len() == 1);
    if is_value {
        return value.to_owned();
    }
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
